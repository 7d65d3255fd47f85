import { expect } from 'chai';
import { AUDIT_YEARS_INITIAL, type AuditFilter } from '../../../server/domain/audit-filter.ts';
import { SYSTEM } from '../../../server/domain/actor.ts';
import { makeClock } from '../../../server/kernel/clock.ts';
import { makeIds } from '../../../server/kernel/ids.ts';
import { makeAuditRetention } from '../../../server/services/audit-retention.ts';
import { makeAudit, REFUSALS_MAX } from '../../../server/services/audit.ts';
import type { AuditCursor, AuditDoc, AuditStore } from '../../../server/store/audit.ts';
import { catalogWorld } from '../../support/catalog-world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2030, 5, 15, 12);
const all = (more: Partial<AuditFilter> = {}): AuditFilter => ({
  from: NOW - 90 * DAY_MS,
  to: NOW + 1,
  who: null,
  action: null,
  thing: null,
  outcome: null,
  address: null,
  requestId: null,
  ...more,
});

describe('the audit log', function () {
  this.timeout(60_000);
  let world: Awaited<ReturnType<typeof catalogWorld>>;
  let now = NOW;
  const clock = makeClock({ real: () => now });
  const ids = makeIds();
  before(async () => {
    world = await catalogWorld();
  });
  after(() => world.close());
  beforeEach(() => {
    now = NOW;
  });

  let spent = 0;
  const record = (organizationId: string, at: number, more: Partial<AuditDoc> = {}): AuditDoc => ({
    _id: ids.next('evt'),
    at,
    organizationId,
    userId: 'usr_1',
    kind: 'user',
    action: 'apig:apis:update',
    resource: 'gateway:gw_1',
    things: ['gw_1'],
    outcome: 'done',
    address: '192.0.2.7',
    requestId: `req_${(spent += 1)}`,
    before: null,
    after: null,
    ...more,
  });
  const seed = async (records: AuditDoc[]) => void (await world.store.connection.db!.collection<AuditDoc>('audit').insertMany(records));

  it('is paged newest first without a gap or a repetition, also where many fall into one instant', async () => {
    const actor = { ...world.atlas, organizationId: 'org_paged' };
    const at = [...Array.from({ length: 40 }, (_, i) => NOW - i * 7 * HOUR_MS), ...Array<number>(35).fill(NOW - 3 * DAY_MS)];
    await seed(at.map((one) => record('org_paged', one)));
    const audit = makeAudit({ store: world.store, clock, ids });
    const seen: AuditDoc[] = [];
    let after: AuditCursor | null = null;
    for (let pages = 0; pages < 20; pages += 1) {
      const page = await audit.page(actor, all(), after, 10);
      seen.push(...page.records);
      after = page.next;
      if (after === null) break;
    }
    const wanted = (await world.store.audit.ofOrganization('org_paged', 0, NOW + 1)).sort((a, b) => b.at - a.at || (a._id < b._id ? 1 : -1));
    expect(wanted).to.have.length(75);
    expect(seen.map(({ _id }) => _id)).to.deep.equal(wanted.map(({ _id }) => _id));
  });

  it('reads for a page a bounded number of records, by spans that are bounded on both sides, and says how far it looked', async () => {
    const actor = { ...world.atlas, organizationId: 'org_large' };
    const records = Array.from({ length: 1_400 }, (_, i) => record('org_large', NOW - i * 60_000, i === 1_350 ? { address: '203.0.113.9' } : {}));
    await seed(records);
    let read = 0;
    const spans: { from: number; to: number }[] = [];
    const counting: Pick<AuditStore, 'before'> = {
      async before(selection, from, cursor, max) {
        const found = await world.store.audit.before(selection, from, cursor, max);
        read += found.length;
        spans.push({ from, to: cursor.at });
        return found;
      },
    };
    const audit = makeAudit({ store: { audit: { ...world.store.audit, ...counting } }, clock, ids, pageReadMax: 1_000 });
    expect((await audit.page(actor, all(), null, 50)).records).to.have.length(50);
    expect(read, 'a full page').to.be.at.most(500);
    read = 0;
    const rare = await audit.page(actor, all({ address: '203.0.113.9' }), null, 50);
    expect(rare.records).to.deep.equal([]);
    expect(read, 'nothing found').to.be.within(1_000, 1_300);
    expect(rare.lookedBackTo).to.be.within(NOW - 1_349 * 60_000, NOW - 900 * 60_000);
    const further = await audit.page(actor, all({ address: '203.0.113.9' }), rare.next, 50);
    expect(further.records.map(({ address }) => address)).to.deep.equal(['203.0.113.9']);
    expect(further.next).to.equal(null);
    expect(spans.every(({ from, to }) => from <= to && to - from <= 90 * DAY_MS)).to.equal(true);
    let whole = 0;
    for await (const part of audit.all(actor, all())) whole += part.length;
    expect(whole).to.equal(1_400);
  });

  it('finds what was done to what is inside a thing, by a person, in a request', async () => {
    const actor = { ...world.atlas, organizationId: 'org_found' };
    const audit = makeAudit({ store: world.store, clock, ids });
    await audit.append({ ...actor, userId: 'usr_a', requestId: 'req_a' }, { action: 'apig:apis:update', resource: 'gateway:gw_a/group:grp_a/api:api_a' });
    await audit.append({ ...SYSTEM, organizationId: 'org_found' }, { action: 'apig:apis:publish', resource: 'gateway:gw_a', things: ['api_a', 'api_b'] });
    await audit.append({ ...actor, organizationId: 'org_other', requestId: 'req_a' }, { action: 'apig:apis:update', resource: 'gateway:gw_a' });
    const found = async (filter: Partial<AuditFilter>) => (await audit.page(actor, all(filter), null, 50)).records.map(({ action }) => action).sort();
    expect(await found({ thing: 'gw_a' })).to.deep.equal(['apig:apis:publish', 'apig:apis:update']);
    expect(await found({ thing: 'api_b' })).to.deep.equal(['apig:apis:publish']);
    expect(await found({ who: 'usr_a' })).to.deep.equal(['apig:apis:update']);
    expect(await found({ who: 'system' })).to.deep.equal(['apig:apis:publish']);
    expect(await found({ requestId: 'req_a' })).to.deep.equal(['apig:apis:update']);
    expect(await found({ action: 'apig:apis:p*', thing: 'gw_a' })).to.deep.equal(['apig:apis:publish']);
  });

  it('keeps of refusals one an hour of the same kind, and few of one person, whatever the number of processes', async () => {
    const actor = { ...world.atlas, organizationId: 'org_refused', userId: 'usr_loop' };
    const processes = [1, 2, 3].map(() => makeAudit({ store: world.store, clock, ids }));
    const tried = (audit: (typeof processes)[number], n: number) =>
      audit.refuse(actor, { action: 'apig:apis:delete', resource: `gateway:gw_1/api:api_${n}`, because: 'No policy allows it.' });
    const kept = async () => (await world.store.audit.ofOrganization('org_refused', 0, now + 1)).length;
    for (let i = 0; i < 50; i += 1) await Promise.all(processes.map((audit) => tried(audit, 1)));
    expect(await kept()).to.equal(1);
    for (let i = 0; i < 60; i += 1) await tried(processes[0]!, i);
    expect(await kept()).to.equal(REFUSALS_MAX);
    now += HOUR_MS;
    await tried(processes[0]!, 1);
    expect(await kept()).to.equal(REFUSALS_MAX + 1);
    const [one] = await world.store.audit.ofOrganization('org_refused', 0, now + 1);
    expect(one).to.include({ outcome: 'refused', userId: 'usr_loop' }).and.have.deep.property('after', { refused: 'No policy allows it.' });
  });

  it('stays as it is: the store can add a record, read, and end a span of time, and nothing else', async () => {
    expect(Object.keys(world.store.audit).sort()).to.deep.equal(['append', 'before', 'count', 'expire', 'models', 'newestOf', 'ofOrganization']);
    const [first, second] = [record('org_fixed', NOW, { after: { name: 'first' } }), { name: 'second' }];
    expect(await world.store.audit.append(first)).to.equal(true);
    expect(await world.store.audit.append({ ...first, after: second }), 'the same id again').to.equal(false);
    expect((await world.store.audit.ofOrganization('org_fixed', 0, NOW + 1)).map(({ after }) => after)).to.deep.equal([{ name: 'first' }]);
  });

  describe('when its time is over', () => {
    const made = (name: string, createdAt: number, auditYears?: number) =>
      world.store.accounts.addOrganization({
        _id: name,
        name,
        kind: 'customer',
        ownerId: 'usr_1',
        seller: null,
        sellerSlug: null,
        stripeCustomerId: null,
        paymentMethod: null,
        createdAt,
        rev: 1,
        ...(auditYears !== undefined && { auditYears }),
      });
    const YEAR_MS = 366 * DAY_MS;
    const left = async (organizationId: string) =>
      (await world.store.audit.ofOrganization(organizationId, 0, now + 1)).filter(({ kind }) => kind === 'user').length;
    const expired = async (organizationId: string) =>
      (await world.store.audit.ofOrganization(organizationId, 0, now + 1)).filter(({ action }) => action === 'market:audit:expire');

    it('removes what each organization keeps no longer, leaves one record of it, and does so once a day', async () => {
      for (const [name, years] of [
        ['org_one', 1],
        ['org_default', undefined],
        ['org_seven', 7],
      ] as const) {
        await made(name, NOW - 4 * YEAR_MS, years);
        // One record for each half of a year, and two more on the oldest day.
        await seed([
          ...Array.from({ length: 8 }, (_, i) => record(name, NOW - i * (YEAR_MS / 2) - DAY_MS)),
          ...[0, 1].map(() => record(name, NOW - 3.5 * YEAR_MS - DAY_MS)),
        ]);
      }
      await made('org_young', NOW - 10 * DAY_MS, 1);
      await seed([record('org_young', NOW - 9 * DAY_MS)]);
      const audit = makeAudit({ store: world.store, clock, ids });
      const retention = makeAuditRetention({ store: world.store, audit, clock });
      expect(await retention.expireDue()).to.equal(8 + (AUDIT_YEARS_INITIAL === 2 ? 6 : NaN));
      expect(await Promise.all(['org_one', 'org_default', 'org_seven', 'org_young'].map(left))).to.deep.equal([2, 4, 10, 1]);
      expect((await expired('org_one')).map(({ after }) => after)).to.deep.equal([
        { records: 8, from: '2026-06-12T00:00:00Z', before: '2029-06-14T00:00:00Z', years: 1 },
      ]);
      expect(await expired('org_seven')).to.deep.equal([]);
      expect(await retention.expireDue(), 'again on this day').to.equal(0);
      expect((await retention.of({ ...world.atlas, organizationId: 'org_one' })).goneBefore).to.equal(Date.UTC(2029, 5, 14));

      // Keeping less takes away more on the next day; nothing brings back what is gone.
      await retention.choose({ ...world.atlas, organizationId: 'org_seven' }, 1);
      now += DAY_MS;
      expect(await retention.expireDue()).to.equal(8);
      expect(await left('org_seven')).to.equal(3);
    });

    it('tells what is gone, though the sweep was cut short, and ends what it began', async () => {
      for (const name of ['org_cut_after', 'org_cut_before']) await made(name, NOW - 3 * YEAR_MS, 1);
      now += 5 * DAY_MS;
      for (const name of ['org_cut_after', 'org_cut_before']) await seed([0, 1, 2, 3].map((i) => record(name, NOW - 2 * YEAR_MS - i * DAY_MS)));
      const audit = makeAudit({ store: world.store, clock, ids });
      for (const name of ['org_cut_after', 'org_cut_before']) {
        const failing: AuditStore = {
          ...world.store.audit,
          async expire(organizationId, from, to) {
            if (organizationId !== name) return world.store.audit.expire(organizationId, from, to);
            if (name === 'org_cut_after') await world.store.audit.expire(organizationId, from, to);
            throw new Error('the store is away');
          },
        };
        const cut = await makeAuditRetention({ store: { ...world.store, audit: failing }, audit, clock })
          .expireDue()
          .catch((error: Error) => error.message);
        expect(cut).to.equal('the store is away');
      }
      await makeAuditRetention({ store: world.store, audit, clock }).expireDue();
      for (const name of ['org_cut_after', 'org_cut_before']) {
        expect(await left(name)).to.equal(0);
        expect((await expired(name)).map(({ after }) => (after as { records: number }).records)).to.deep.equal([4]);
      }
    });

    it('is never sooner than a year', async () => {
      const retention = makeAuditRetention({ store: world.store, audit: makeAudit({ store: world.store, clock, ids }), clock });
      for (const years of [0, -1, 4, 0.5, NaN]) {
        const fault = await retention.choose(world.atlas, years).catch((error: { code: string }) => error.code);
        expect(fault, String(years)).to.equal('invalid-form');
      }
    });
  });
});
