import { expect } from 'chai';
import { SYSTEM, type Actor } from '../../../server/domain/actor.ts';
import { DIMENSIONS, OTHER_VALUE, VALUES_MAX, type Dimension } from '../../../server/domain/usage-splits.ts';
import { makeLog } from '../../../server/kernel/log.ts';
import { makeMetering } from '../../../server/services/metering.ts';
import { makeUsageTotals, type UsageTotals } from '../../../server/services/usage-totals.ts';
import { openStore, type Store } from '../../../server/store/index.ts';
import type { UsageEntry } from '../../../server/store/usage.ts';
import { BUYER, billingWorld, operator, type BillingWorld } from '../../support/billing-world.ts';
import { usageBatch } from '../../support/usage-batches.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WINDOW = '0.0';
const buyer: Actor = { ...operator, organizationId: BUYER };

describe('usage split by app, key, operation and answer', function () {
  this.timeout(300_000);
  let world: BillingWorld;
  /** Of its own, because it says how many documents it read. */
  let store: Store;
  let documents = 0;
  let totals: UsageTotals;
  let sub: string;
  let boots = 0;

  before(async () => {
    world = await billingWorld();
    const { uri } = world;
    store = await openStore(`${uri}${uri.includes('?') ? '&' : '?'}monitorCommands=true`);
    store.connection.getClient().on('commandSucceeded', ({ reply }) => {
      const { cursor } = reply as { cursor?: { firstBatch?: unknown[]; nextBatch?: unknown[] } };
      documents += (cursor?.firstBatch ?? cursor?.nextBatch ?? []).length;
    });
  });
  after(async () => {
    await store.close();
    await world.close();
  });
  beforeEach(async () => {
    sub = await world.subscribe((await world.plan()).planId);
    totals = another();
  });

  /** The totals of another process: nothing of what this one remembers. */
  const another = (): UsageTotals =>
    makeUsageTotals({ store, audit: { append: async () => undefined } as never, clock: world.clock, log: makeLog('silent', 'test') });

  const today = () => Math.floor(world.clock.now() / DAY_MS) * DAY_MS;
  const entryOf = (calls: number, more: Partial<UsageEntry> = {}): UsageEntry => ({
    sub,
    window: WINDOW,
    hour: today(),
    app: 'app_1',
    credential: 'crd_1',
    api: 'api_1',
    operation: 'GET /cities',
    outcome: '200',
    calls: BigInt(calls),
    units: { requests: BigInt(calls) },
    bytesIn: 1n,
    bytesOut: 2n,
    ...more,
  });
  const batchOf = (boot: string, number: number, entries: UsageEntry[]) => usageBatch('gw1', boot, number, entries, world.clock.now());
  const newBoot = (): string => `s${(boots += 1)}`;
  const rowsBy = async (by: Dimension, { from = today() - DAY_MS, to = today() + 40 * DAY_MS } = {}) => {
    const metering = makeMetering({ store, totals, audit: { append: async () => undefined } as never, clock: world.clock });
    const { rows } = await metering.usage(buyer, { subscriptionIds: [sub], from, to, by });
    return Object.fromEntries(rows.map((row) => [row.key, Number(row.calls)]));
  };
  const agrees = async () => expect(await totals.auditWindow(SYSTEM, sub, WINDOW)).to.deep.equal([]);

  it('is exact before a batch is counted and after, by each of them and to the hour', async () => {
    const boot = newBoot();
    const entries = [
      entryOf(3),
      entryOf(5, { operation: 'GET /v1.0/cities/{id}', credential: 'crd_2', outcome: '404', hour: today() + 30 * HOUR_MS }),
      entryOf(7, { operation: '$metrics', app: '', credential: '', outcome: 'refused.throttled', hour: today() + 31 * HOUR_MS }),
    ];
    const expected = {
      app: { '': 7, app_1: 8 },
      credential: { '': 7, crd_1: 3, crd_2: 5 },
      operation: { $metrics: 7, 'GET /cities': 3, 'GET /v1.0/cities/{id}': 5 },
      outcome: { 200: 3, 404: 5, 'refused.throttled': 7 },
    };
    const all = async () => Object.fromEntries(await Promise.all(DIMENSIONS.map(async (by) => [by, await rowsBy(by)] as const)));
    await store.usage.addBatch(batchOf(boot, 1, entries));
    expect(await all()).to.deep.equal(expected);
    await totals.rollUp();
    expect(await all()).to.deep.equal(expected);
    expect(await store.usageSplits.ofWindow(sub, WINDOW)).to.have.length(2);
    const partOfDay = { from: today() + 30 * HOUR_MS, to: today() + 31 * HOUR_MS };
    expect(await rowsBy('operation', partOfDay)).to.deep.equal({ 'GET /v1.0/cities/{id}': 5 });
    await store.usage.addBatch(batchOf(boot, 2, [entryOf(100, { operation: 'GET /new' })]));
    expect((await rowsBy('operation'))['GET /new']).to.equal(100);
    await totals.rollUp();
    expect((await rowsBy('operation'))['GET /new']).to.equal(100);
    await agrees();
  });

  it('counts each batch once, whoever counts and however often, new values and known ones', async () => {
    const [first, second] = [newBoot(), newBoot()];
    for (let n = 1; n <= 12; n += 1) {
      for (const boot of [first, second]) {
        await store.usage.addBatch(batchOf(boot, n, [entryOf(1, { operation: `GET /${n % 5}`, hour: today() + n * HOUR_MS })]));
      }
      if (n % 4 === 0) await Promise.all([another(), another(), totals].map((one) => one.rollUp()));
    }
    await another().rollUp();
    await totals.rollUp();
    expect(await rowsBy('operation')).to.deep.equal({ 'GET /0': 4, 'GET /1': 6, 'GET /2': 6, 'GET /3': 4, 'GET /4': 4 });
    await agrees();
  });

  it('reads a few documents for a month, whether ten batches lie behind it or three hundred', async () => {
    const boot = newBoot();
    const DAYS = 10;
    const reading = async (): Promise<number> => {
      await totals.rollUp();
      documents = 0;
      await rowsBy('operation');
      return documents;
    };
    for (let n = 1; n <= DAYS; n += 1) await store.usage.addBatch(batchOf(boot, n, [entryOf(1, { hour: today() + n * DAY_MS })]));
    const few = await reading();
    for (let n = DAYS + 1; n <= 300; n += 1) await store.usage.addBatch(batchOf(boot, n, [entryOf(1, { hour: today() + (n % DAYS) * DAY_MS + DAY_MS })]));
    expect(await reading(), 'documents read').to.equal(few);
    // One for each day, the subscription, the boots that are open and the watermarks.
    expect(few).to.be.at.most(DAYS + (await store.usage.splitBoots()).length + (await store.usage.watermarks()).length + 3);
    expect(await rowsBy('operation')).to.deep.equal({ 'GET /cities': 300 });
  });

  it('keeps days that are over, and tells at once what came late for them, what was counted wrongly, and the hours a range cuts off', async () => {
    const boot = newBoot();
    const later = () => world.clock.now() + 61 * DAY_MS;
    const metering = makeMetering({ store, totals, audit: { append: async () => undefined } as never, clock: { ...world.clock, now: later } });
    const ask = async (by: 'day' | 'hour' | 'operation', from: number, to: number) =>
      Object.fromEntries(
        (await metering.usage(buyer, { subscriptionIds: [sub], from, to, by })).rows.map(({ key, calls }) => [
          by === 'operation' ? key : Number(key),
          Number(calls),
        ]),
      );
    const day = (n: number) => today() + n * DAY_MS;
    const started = today();
    for (let n = 0; n < 60; n += 1)
      await store.usage.addBatch(batchOf(boot, n + 1, [entryOf(1, { hour: day(n) + 5 * HOUR_MS }), entryOf(2, { hour: day(n) + 9 * HOUR_MS })]));
    await totals.rollUp();
    const over = { from: started, to: day(60) };
    for (const round of ['read', 'kept']) {
      expect(await ask('operation', over.from, over.to), round).to.deep.equal({ 'GET /cities': 180 });
      expect(Object.values(await ask('day', over.from, over.to)), round).to.deep.equal(Array(60).fill(3));
      expect(Object.keys(await ask('hour', over.from, over.to)), round).to.have.length(120);
      // From the middle of one day to the middle of another.
      expect(await ask('operation', started + 6 * HOUR_MS, started + 10 * DAY_MS + 6 * HOUR_MS), round).to.deep.equal({ 'GET /cities': 30 });
    }
    documents = 0;
    await ask('operation', over.from, over.to);
    expect(documents, 'documents read once they are kept').to.be.at.most(
      (await store.usage.splitBoots()).length * 2 + (await store.usage.watermarks()).length + 2,
    );
    // A gateway that was cut off for weeks ships what it had kept.
    await store.usage.addBatch({ ...batchOf(boot, 61, [entryOf(40, { hour: started + 7 * DAY_MS, operation: 'GET /late' })]), storedAt: later() });
    for (const counted of [false, true]) {
      if (counted) await totals.rollUp();
      expect(await ask('operation', over.from, over.to), String(counted)).to.deep.equal({ 'GET /cities': 180, 'GET /late': 40 });
      expect((await ask('day', over.from, over.to))[started + 7 * DAY_MS], String(counted)).to.equal(43);
    }
    const [total] = (await store.usageTotals.ofWindow(sub, WINDOW)).filter((one) => one.day === started + 3 * DAY_MS && one.meter === 'requests');
    if (!total) throw new Error('no total');
    await store.usageTotals.correct(total._id, total.rev, { hours: {}, counted: total.counted });
    await totals.recount({ ...operator, policies: ['Operator'], organizationId: 'org_platform' }, sub, WINDOW);
    expect((await ask('day', over.from, over.to))[started + 3 * DAY_MS]).to.equal(3);
  });

  it('counts further values together once a day is full, and loses none of their calls', async () => {
    const boot = newBoot();
    const many = Array.from({ length: VALUES_MAX + 20 }, (_, n) => entryOf(1, { operation: `GET /${n}` }));
    await store.usage.addBatch(batchOf(boot, 1, many.slice(0, 150)));
    await totals.rollUp();
    await store.usage.addBatch(batchOf(boot, 2, many));
    const before = await rowsBy('operation');
    expect(before[OTHER_VALUE]).to.equal(20);
    expect(Object.values(before).reduce((sum, calls) => sum + calls, 0)).to.equal(150 + VALUES_MAX + 20);
    await Promise.all([another(), totals].map((one) => one.rollUp()));
    expect(await rowsBy('operation')).to.deep.equal(before);
    await store.usage.addBatch(batchOf(boot, 3, [entryOf(7, { operation: `GET /${VALUES_MAX + 3}` }), entryOf(2, { operation: 'GET /3' })]));
    await totals.rollUp();
    expect(await rowsBy('operation')).to.include({ [OTHER_VALUE]: 27, 'GET /3': 4 });
    await agrees();
  });

  it('of a database that has totals alone is built from its batches, exact all the while, and none counted twice', async () => {
    const [closed, open] = [newBoot(), newBoot()];
    for (let n = 1; n <= 70; n += 1) await store.usage.addBatch(batchOf(closed, n, [entryOf(1, { operation: `GET /${n % 3}` })]));
    for (let n = 1; n <= 300; n += 1) await store.usage.addBatch(batchOf(open, n, [entryOf(1, { app: `app_${n % 2}` })]));
    await store.usage.endBoot('gw1', closed);
    await totals.rollUp();
    const [byOperation, byApp] = [await rowsBy('operation'), await rowsBy('app')];
    // As the product was before: totals and their progress, nothing of splits.
    const db = store.connection.db;
    if (!db) throw new Error('not connected');
    await db.collection('usageSplits').deleteMany({ sub });
    for (const boot of [closed, open]) await db.collection('usageBoots').updateOne({ _id: `gw1-${boot}` as never }, { $unset: { split: '', splitOpen: '' } });
    totals = another();
    expect((await store.usage.splitBoots()).map(({ _id }) => _id)).to.include.members([`gw1-${closed}`, `gw1-${open}`]);
    const stillRight = async (when: string) => expect([await rowsBy('operation'), await rowsBy('app')], when).to.deep.equal([byOperation, byApp]);
    await stillRight('before it is built');
    await totals.splits.advance(100);
    await stillRight('while it is built');
    await Promise.all([totals.rollUp(), another().rollUp()]);
    await stillRight('afterwards');
    await agrees();
    expect((await store.usage.boots([`gw1-${closed}`]))[0]).to.include({ split: 70, splitOpen: false });
    expect((await store.usage.boots([`gw1-${open}`]))[0]).to.include({ split: 300 });
  });

  it('that is wrong is reported and counted anew when an operator says so, and a late batch finds its way in', async () => {
    const boot = newBoot();
    for (const number of [1, 2, 4]) await store.usage.addBatch(batchOf(boot, number, [entryOf(10 ** number)]));
    await totals.rollUp();
    await store.usage.addBatch(batchOf(boot, 3, [entryOf(1_000, { operation: 'GET /late' })]));
    await totals.rollUp();
    expect(await rowsBy('operation')).to.deep.equal({ 'GET /cities': 10_110, 'GET /late': 1_000 });
    await agrees();
    const [split] = await store.usageSplits.ofWindow(sub, WINDOW);
    if (!split) throw new Error('no split');
    const wrong = { by: { ...split.by, operation: new Map([['GET /cities', new Map([[0, { calls: 9n } as never]])]]) } };
    expect(await store.usageSplits.correct(split.id, split.rev, wrong, split.counted)).to.equal(true);
    const found = await totals.auditWindow(operator, sub, WINDOW);
    expect(found.find(({ part, quantity }) => part === 'operation GET /cities' && quantity === 'calls')).to.include({ inTotals: 9n, inBatches: 10_110n });
    expect((await rowsBy('operation'))['GET /cities'], 'an audit repairs nothing').to.equal(9);
    expect(await totals.recount(operator, sub, WINDOW)).to.deep.equal([]);
    expect(await rowsBy('operation')).to.deep.equal({ 'GET /cities': 10_110, 'GET /late': 1_000 });
  });
});
