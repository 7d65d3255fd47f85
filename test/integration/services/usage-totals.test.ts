import { expect } from 'chai';
import fc from 'fast-check';
import { SYSTEM, type Actor } from '../../../server/domain/actor.ts';
import type { HourTotal } from '../../../server/domain/usage-totals.ts';
import { makeIds } from '../../../server/kernel/ids.ts';
import { makeLog } from '../../../server/kernel/log.ts';
import { makeAudit } from '../../../server/services/audit.ts';
import { makeCarry } from '../../../server/services/billing/carry.ts';
import { makeIssue } from '../../../server/services/billing/issue.ts';
import { makeMetering, type UsageDimension } from '../../../server/services/metering.ts';
import { makeUsageTotals, type UsageTotals } from '../../../server/services/usage-totals.ts';
import type { Store } from '../../../server/store/index.ts';
import type { UsageEntry } from '../../../server/store/usage.ts';
import { billingWorld, type BillingWorld } from '../../support/billing-world.ts';
import { refusal } from '../../support/refusal.ts';
import { usageBatch } from '../../support/usage-batches.ts';

const HOUR_MS = 3_600_000;
const WINDOW = '0.0';
const operator: Actor = { kind: 'user', userId: 'usr_op', organizationId: 'org_platform', policies: ['Operator'], address: '', requestId: 'test' };

describe('usage totals', function () {
  this.timeout(300_000);
  let world: BillingWorld;
  let store: Store;
  let totals: UsageTotals;
  let sub: string;
  let boot = 0;

  before(async () => {
    world = await billingWorld();
    store = world.store;
  });
  after(async () => world.close());
  beforeEach(async () => {
    sub = await world.subscribe((await world.plan()).planId);
    totals = another();
  });

  const audit = () => makeAudit({ store, clock: world.clock, ids: makeIds() });
  /** The totals of another process: nothing of what this one remembers. */
  const another = (beside: Store = store): UsageTotals =>
    makeUsageTotals({ store: beside, audit: audit(), clock: world.clock, log: makeLog('silent', 'test') });
  const meteringOf = (of: UsageTotals = totals) => makeMetering({ store, totals: of, audit: audit(), clock: world.clock });

  const entryOf = (calls: number, { outcome = '200', hour = 0 }: { outcome?: string; hour?: number } = {}): UsageEntry => ({
    sub,
    window: WINDOW,
    hour: Math.floor(world.clock.now() / HOUR_MS) * HOUR_MS + hour * HOUR_MS,
    app: 'app_1',
    credential: 'crd_1',
    api: 'api_1',
    operation: 'GET /cities',
    outcome,
    calls: BigInt(calls),
    units: { requests: BigInt(calls) },
    bytesIn: 1n,
    bytesOut: 2n,
  });
  const batchOf = (node: string, bootName: string, number: number, entries: UsageEntry[]) => usageBatch(node, bootName, number, entries, world.clock.now());
  const newBoot = (): string => `b${(boot += 1)}`;
  const store3 = async (name: string, counts: readonly number[] = [3, 5, 7]) => {
    for (const [n, count] of counts.entries()) await store.usage.addBatch(batchOf('gw1', name, n + 1, [entryOf(count, { hour: n * 20 })]));
  };
  /** In the totals alone, whatever batches wait to be counted. */
  const inTotals = async (quantity: keyof HourTotal = 'places'): Promise<bigint> =>
    (await store.usageTotals.ofWindow(sub, WINDOW)).flatMap(({ hours }) => Object.values(hours)).reduce((sum, hour) => sum + (hour[quantity] ?? 0n), 0n);
  const agrees = async () => expect(await totals.auditWindow(SYSTEM, sub, WINDOW)).to.deep.equal([]);

  it('count every batch once: run again, by another process, by four at once', async () => {
    await store3(newBoot());
    expect(await totals.rollUp()).to.equal(3);
    expect(await inTotals()).to.equal(15n);
    expect(await totals.rollUp()).to.equal(0);
    await store3(newBoot(), Array<number>(40).fill(2));
    await Promise.all([another(), another(), another(), totals].map((one) => one.rollUp()));
    expect(await inTotals()).to.equal(95n);
    await agrees();
  });

  it('are read together with what is not counted yet, so that pages are right before and after', async () => {
    await store3(newBoot());
    await store.usage.addBatch(batchOf('gw2', newBoot(), 4, [entryOf(11, { outcome: '500' }), entryOf(13, { outcome: '404' })]));
    const read = async () => {
      const metering = meteringOf();
      const range = { subscriptionIds: [sub], from: world.clock.now() - 48 * HOUR_MS, to: world.clock.now() + 96 * HOUR_MS };
      const actor = { ...operator, organizationId: 'org_buyer' };
      const by = async (dimension: UsageDimension) => {
        const { rows } = await metering.usage(actor, { ...range, by: dimension });
        const sum = (quantity: 'billable' | 'calls' | 'failed' | 'units') => rows.reduce((all, row) => all + row[quantity], 0n);
        return [sum('calls'), sum('billable'), sum('units'), sum('failed')];
      };
      return {
        places: await metering.placesOf(sub, WINDOW),
        billable: await metering.billableOf(sub, WINDOW),
        stored: await metering.storedPlaces(sub, WINDOW, 'requests').then(({ units, batches }) => [units, [...batches.values()].sort()]),
        day: await by('day'),
        hour: await by('hour'),
        subscription: await by('subscription'),
        outcome: await by('outcome'),
        operation: await by('operation'),
        app: await by('app'),
        credential: await by('credential'),
      };
    };
    const before = await read();
    const usage = [39n, 15n, 15n, 11n];
    expect(before).to.deep.equal({
      places: { requests: 28n },
      billable: { requests: 15n },
      stored: [28n, [3, 4]],
      day: usage,
      hour: usage,
      subscription: usage,
      outcome: usage,
      operation: usage,
      app: usage,
      credential: usage,
    });
    await totals.rollUp();
    expect(await inTotals()).to.equal(28n);
    expect(await read()).to.deep.equal(before);
  });

  it('survive a kill between any two writes, and a write that the driver repeats', async () => {
    const name = newBoot();
    await store3(name, [1, 2, 4, 8, 16]);
    for (let dies = 1; dies <= 16; dies += 1) {
      let left = dies;
      const step =
        <A extends unknown[], R>(verb: (...args: A) => Promise<R>) =>
        async (...args: A): Promise<R> => {
          if ((left -= 1) < 0) throw new Error('killed');
          await verb(...args); // its answer is lost, and the driver sends it again
          return verb(...args);
        };
      const dying = {
        ...store,
        usage: { ...store.usage, advanceBoot: step(store.usage.advanceBoot) },
        usageTotals: { ...store.usageTotals, add: step(store.usageTotals.add) },
        usageSplits: { ...store.usageSplits, add: step(store.usageSplits.add), insert: step(store.usageSplits.insert) },
      } as Store;
      await another(dying)
        .rollUp()
        .catch((error: unknown) => expect(String(error)).to.contain('killed'));
    }
    await totals.rollUp();
    expect(await inTotals()).to.equal(31n);
    await agrees();
  });

  it('never pass over a batch that is stored while they are counted', async () => {
    const name = newBoot();
    const writing = (async () => {
      for (let n = 1; n <= 60; n += 1) await store.usage.addBatch(batchOf('gw1', name, n, [entryOf(1)]));
    })();
    let done = false;
    const counting = [totals, another()].map(async (one) => {
      while (!done) await one.rollUp();
    });
    await writing;
    done = true;
    await Promise.all(counting);
    await totals.rollUp();
    expect(await inTotals()).to.equal(60n);
  });

  it('count a batch that comes after later ones of its boot', async () => {
    const name = newBoot();
    for (const number of [1, 2, 4]) await store.usage.addBatch(batchOf('gw1', name, number, [entryOf(10 ** number)]));
    await totals.rollUp();
    await store.usage.addBatch(batchOf('gw1', name, 3, [entryOf(1_000)]));
    await totals.rollUp();
    expect(await inTotals()).to.equal(11_110n);
    await store.usage.addBatch(batchOf('gw1', name, 5, [entryOf(100_000)]));
    await totals.rollUp();
    await totals.rollUp();
    expect(await inTotals()).to.equal(111_110n);
    await agrees();
  });

  it('leave a boot alone once it ended and is counted, and return to one that writes again', async () => {
    const name = newBoot();
    await store3(name);
    await store.usage.endBoot('gw1', name);
    await totals.rollUp();
    expect((await store.usage.openBoots()).map(({ _id }) => _id)).not.to.include(`gw1-${name}`);
    await agrees();
    await store.usage.addBatch(batchOf('gw1', name, 9, [entryOf(100)]));
    await totals.rollUp();
    expect(await inTotals()).to.equal(115n);
  });

  it('report what is wrong as rows, change nothing by themselves, and are counted anew when an operator says so', async () => {
    await store3(newBoot());
    await totals.rollUp();
    await agrees();
    const [first] = await store.usageTotals.ofWindow(sub, WINDOW);
    if (!first) throw new Error('no total');
    const [hour = ''] = Object.keys(first.hours);
    await store.usageTotals.correct(first._id, first.rev, { hours: { ...first.hours, [hour]: { ...first.hours[hour], places: 99n } }, counted: first.counted });
    expect((await totals.auditAll(operator)).wrong).to.equal(1);
    const [finding] = (await totals.findings(operator)).filter((one) => one.sub === sub);
    expect(finding?.rows.map(({ quantity, inTotals: held, inBatches }) => ({ quantity, held, inBatches }))).to.deep.equal([
      { quantity: 'places', held: 99n, inBatches: 3n },
    ]);
    expect(await inTotals(), 'an audit repairs nothing').to.equal(111n);
    expect(await refusal(totals.recount({ ...operator, organizationId: 'org_buyer' }, sub, WINDOW))).to.include({ code: 'not-found' });
    expect(await totals.recount(operator, sub, WINDOW)).to.deep.equal([]);
    expect(await inTotals()).to.equal(15n);
    expect((await totals.findings(operator)).filter((one) => one.sub === sub)).to.deep.equal([]);
    await totals.rollUp();
    await store.usage.addBatch(batchOf('gw2', newBoot(), 1, [entryOf(1)]));
    await totals.rollUp();
    expect(await inTotals(), 'what was counted anew is counted on').to.equal(16n);
  });

  it('I1, I2: totals = batches = what is frozen, for any outcomes, splits and order of counting', async () => {
    const outcomes = ['200', '204', '404', '500', 'aborted', 'broken', 'unknown', 'refused.throttled'];
    const group = fc.record({ count: fc.integer({ min: 1, max: 50 }), outcome: fc.constantFrom(...outcomes), hour: fc.integer({ min: 0, max: 60 }) });
    const like = await store.periods.get(sub, 0);
    if (!like) throw new Error('no period');
    let laws = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(group, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.boolean()),
        async (batches, pauses) => {
          sub = `sub_law${(laws += 1)}`;
          await store.periods.add({ ...like, _id: `${sub}_0`, subscriptionId: sub });
          const names = [newBoot(), newBoot()];
          for (const [n, groups] of batches.entries()) {
            const batch = batchOf(
              `gw${(n % 2) + 1}`,
              names[n % 2] ?? '',
              n + 1,
              groups.map(({ count, outcome, hour }) => entryOf(count, { outcome, hour })),
            );
            await store.usage.addBatch(batch);
            expect(await store.usage.addBatch(batch), 'stored twice is stored once').to.equal(false);
            if (pauses[n]) await Promise.all([totals.rollUp(), another().rollUp()]);
          }
          await totals.rollUp();
          const billed = batches
            .flat()
            .filter(({ outcome }) => outcome.startsWith('2'))
            .reduce((sum, { count }) => sum + count, 0);
          expect(await inTotals('billable')).to.equal(BigInt(billed));
          const period = await store.periods.get(sub, 0);
          if (!period) throw new Error('no period');
          const frozen = await makeIssue({ carry: makeCarry({ store }), store, usage: meteringOf().reader, clock: world.clock, feeBps: 0n }).quantitiesOf(
            period,
          );
          expect(frozen).to.deep.equal({ [WINDOW]: { requests: String(billed) } });
          await agrees();
        },
      ),
      { numRuns: 12 },
    );
  });
});
