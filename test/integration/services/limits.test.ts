import { expect } from 'chai';
import { createClient } from 'redis';
import { makeClock } from '../../../server/kernel/clock.ts';
import { AppError } from '../../../server/kernel/errors.ts';
import type { Held, Limits, TakeRequest } from '../../../server/services/limits.ts';
import { testRedisPrefix, testRedisUrl } from '../../support/engines.ts';
import { limitsProcess, planWith, untilReady, worldOf, type TestProcess } from '../../support/limits.ts';

const clock = makeClock();
const hard = (limit: number) => planWith({ quota: { limit, hard: true } });

/** Attempt a call: what it holds, or the code it was refused with. */
const attempt = async (limits: Limits, request: TakeRequest): Promise<Held | string> => {
  try {
    return await limits.take(request);
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
};
const tally = (results: readonly (Held | string)[]) => {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const name = typeof result === 'string' ? result : 'taken';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('limits over several processes', () => {
  let prefix: string;
  const open: TestProcess[] = [];
  beforeEach(() => (prefix = testRedisPrefix()));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.stop()));
  });
  const start = (over: Parameters<typeof limitsProcess>[1] = {}) => {
    const made = limitsProcess(prefix, over);
    open.push(made);
    return made.limits;
  };
  const flush = async () => {
    const client = createClient({ url: testRedisUrl() });
    await client.connect();
    for await (const keys of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1_000 })) if (keys.length > 0) await client.del(keys);
    await client.close();
  };

  it('admit exactly the quota when two processes are stormed at once', async () => {
    const [one, two] = [start({ node: 'gw1' }), start({ node: 'gw2' })];
    await untilReady(one, two);
    const { request } = worldOf(hard(500), { clock });
    const results = await Promise.all(Array.from({ length: 2_000 }, (_, i) => attempt(i % 2 ? one : two, request())));
    expect(tally(results)).to.deep.equal({ taken: 500, 'quota-exceeded': 1_500 });
  });

  it('give a place back when the provider failed, to whichever process needs it', async () => {
    const [one, two] = [start({ node: 'gw1' }), start({ node: 'gw2' })];
    await untilReady(one, two);
    const { request, subscription, window, plan } = worldOf(hard(3), { clock });
    const held = await Promise.all([1, 2, 3].map(() => attempt(one, request())));
    expect(await attempt(two, request())).to.equal('quota-exceeded');
    one.settle(held[0] as Held, '500');
    one.settle(held[1] as Held, 'broken');
    one.settle(held[2] as Held, '404');
    one.settle(held[2] as Held, '500');
    // The units travel through Redis: a call that overtakes them is refused, as if it had come before the failure.
    while ((await two.view(subscription, window, plan)).quota?.remaining !== 2) await pause(5);
    expect(tally(await Promise.all([1, 2, 3].map(() => attempt(two, request()))))).to.deep.equal({ taken: 2, 'quota-exceeded': 1 });
  });

  it('find the unit that lies unspent in another process', async () => {
    const [one, two] = [start({ node: 'gw1' }), start({ node: 'gw2' })];
    await untilReady(one, two);
    const { request } = worldOf(hard(100), { clock });
    // One process takes a slice ahead of its need and then falls silent; the other must get all the rest.
    await attempt(one, request());
    const results: (Held | string)[] = [];
    for (let i = 0; i < 100; i += 1) results.push(await attempt(two, request()));
    expect(tally(results)).to.deep.equal({ taken: 99, 'quota-exceeded': 1 });
  });

  it('count an operation by its weight, and refuse one that does not fit whole', async () => {
    const limits = start();
    await untilReady(limits);
    const { request } = worldOf(planWith({ quota: { limit: 100, hard: true }, weights: { heavy: 5, three: 3, large: 97 } }), { clock });
    expect(await attempt(limits, request({ operation: 'large' })))
      .to.be.an('object')
      .with.property('units')
      .deep.equal({ requests: 97 });
    expect(await attempt(limits, request({ operation: 'heavy' }))).to.equal('quota-exceeded');
    expect(await attempt(limits, request({ operation: 'three' }))).to.be.an('object');
    expect(await attempt(limits, request())).to.equal('quota-exceeded');
    expect(limits.standing(request())?.quota).to.deep.include({ limit: 100, remaining: 0, hard: true });
    expect(limits.standing(request({ plan: null })), 'no plan governs it').to.equal(null);
  });

  it('answer without a promise far from a limit', async () => {
    const limits = start();
    await untilReady(limits);
    const { request } = worldOf(hard(1_000_000), { clock });
    let waited = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const held = limits.take(request());
      if (held instanceof Promise) waited += 1;
      await held;
      if (i % 50 === 0) await pause(1);
    }
    expect(waited).to.be.below(50);
  });

  it('never tell more remaining than there is', async () => {
    const [one, two] = [start({ node: 'gw1' }), start({ node: 'gw2' })];
    await untilReady(one, two);
    const { request } = worldOf(hard(300), { clock });
    for (let used = 1; used <= 300; used += 1) {
      const held = await attempt(used % 3 ? one : two, request());
      if (typeof held === 'string') throw new Error(`refused at ${used}: ${held}`);
      expect(held.limits?.quota?.remaining).to.be.at.most(300 - used);
      await pause(1);
    }
  });

  it('keep a rate exactly over processes, within each stretch', async () => {
    let now = 1_900_000_000_000;
    const frozen = makeClock({ real: () => now });
    const [one, two] = [start({ node: 'gw1' }), start({ node: 'gw2' })];
    await untilReady(one, two);
    const { request } = worldOf(planWith({ rate_limit: { calls: 50, seconds: 10 } }), { clock: frozen });
    const storm = () => Promise.all(Array.from({ length: 200 }, (_, i) => attempt(i % 2 ? one : two, request())));
    expect(tally(await storm())).to.deep.equal({ taken: 50, throttled: 150 });
    expect(tally(await storm())).to.deep.equal({ throttled: 200 });
    now += 10_000;
    expect(tally(await storm())).to.deep.equal({ taken: 50, throttled: 150 });
  });

  it('keep a rate in memory while alone, and share it as soon as another process comes', async () => {
    const frozen = makeClock({ real: () => 1_900_000_000_000 });
    const one = start({ node: 'gw1' });
    await untilReady(one);
    await pause(600);
    const { request } = worldOf(planWith({ rate_limit: { calls: 50, seconds: 3_600 } }), { clock: frozen });
    for (let i = 0; i < 30; i += 1) expect(one.take(request())).to.not.be.instanceOf(Promise);
    const two = start({ node: 'gw2' });
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => attempt(i % 2 ? one : two, request())));
    expect(tally(results)).to.deep.equal({ taken: 20, throttled: 80 });
  });

  it('give back what an orderly stop leaves, and what a kill leaves once its boot is released', async () => {
    const { request, subscription, window, plan } = worldOf(hard(1_000), { clock });
    const first = limitsProcess(prefix, { node: 'gw1', boot: 1 });
    await untilReady(first.limits);
    const held = await attempt(first.limits, request());
    first.limits.settle(held as Held, '500');
    await first.stop();
    const second = limitsProcess(prefix, { node: 'gw1', boot: 2 });
    await untilReady(second.limits);
    await attempt(second.limits, request());
    await second.vanish();
    const third = start({ node: 'gw1', boot: 3 });
    await untilReady(third);
    expect(await third.deadHolders('gw1')).to.deep.equal(['gw1-2']);
    expect((await third.view(subscription, window, plan)).quota?.remaining).to.be.below(1_000);
    await third.released('gw1-2');
    expect((await third.view(subscription, window, plan)).quota?.remaining).to.equal(1_000);
  });

  it('refuse hard quotas while Redis is away, and serve soft ones', async () => {
    const limits = start({ url: 'redis://127.0.0.1:1' });
    expect(await attempt(limits, worldOf(hard(10), { clock }).request())).to.equal('cannot-count');
    const soft = worldOf(planWith({ quota: { limit: 1, hard: false }, rate_limit: { calls: 5, seconds: 60 } }), { clock, id: 'sub_soft' });
    expect(tally(await Promise.all(Array.from({ length: 8 }, () => attempt(limits, soft.request()))))).to.deep.equal({ taken: 5, throttled: 3 });
  });

  it('count a soft quota and never refuse by it', async () => {
    const [one, two] = [start({ node: 'gw1' }), start({ node: 'gw2' })];
    await untilReady(one, two);
    const { request, subscription, window, plan } = worldOf(planWith({ quota: { limit: 10, hard: false } }), { clock });
    const results = await Promise.all(Array.from({ length: 14 }, (_, i) => attempt(i % 2 ? one : two, request())));
    expect(tally(results)).to.deep.equal({ taken: 14 });
    await pause(700);
    expect((await one.view(subscription, window, plan)).quota).to.include({ remaining: 0, hard: false });
  });

  it('rebuild the counts after Redis lost them: nothing is admitted beyond the quota, and all of it is', async () => {
    // Thirty units are in the store, stored by a boot of long ago.
    const storedCount = () => Promise.resolve({ units: 30n, batches: new Map([['gw0-1', 4]]) });
    const [one, two] = [start({ node: 'gw1', storedCount }), start({ node: 'gw2', storedCount })];
    await untilReady(one, two);
    const { request } = worldOf(hard(200), { clock });
    let taken = 0;
    const storm = async (calls: number) => {
      const results = await Promise.all(Array.from({ length: calls }, (_, i) => attempt(i % 2 ? one : two, request())));
      taken += tally(results).taken ?? 0;
      return tally(results);
    };
    for (let i = 0; i < 200 && taken < 60; i += 1) await storm(10);
    expect(taken).to.equal(60);
    await flush();
    const until = clock.monotonic() + 5_000;
    while (clock.monotonic() < until && taken < 170) {
      await storm(20);
      await pause(10);
    }
    expect(taken).to.equal(170);
    expect(await storm(20)).to.deep.equal({ 'quota-exceeded': 20 });
  });

  it('know a window that began after the counts did without asking the store', async () => {
    const limits = start({ storedCount: () => Promise.reject(new Error('the store is away')) });
    await untilReady(limits);
    const later = makeClock({ offsetMs: 60_000 });
    const { request } = worldOf(hard(5), { clock: later, startAt: later.now() - 1_000 });
    expect(tally(await Promise.all(Array.from({ length: 8 }, () => attempt(limits, request()))))).to.deep.equal({ taken: 5, 'quota-exceeded': 3 });
  });

  it('keep an API that no plan governs to its calls a second', async () => {
    const limits = start();
    await untilReady(limits);
    const { request } = worldOf(hard(1), { clock });
    const results = await Promise.all(
      Array.from({ length: 30 }, () => attempt(limits, request({ subscription: null, window: null, plan: null, apiLimitPerSecond: 20, now: 5_000 }))),
    );
    expect(tally(results)).to.deep.equal({ taken: 20, throttled: 10 });
  });

  it('keep all the calls of a gateway to the calls a second of its edition, whatever plan governs them', async () => {
    const limits = start();
    await untilReady(limits);
    const { request } = worldOf(hard(100), { clock });
    const free = (apiId: string) => request({ subscription: null, window: null, plan: null, apiId, gatewayLimitPerSecond: 20, now: 5_000 });
    const calls = ['api_1', 'api_2', 'api_3'].flatMap((apiId) => Array.from({ length: 5 }, () => free(apiId)));
    const planned = Array.from({ length: 10 }, () => request({ gatewayLimitPerSecond: 20, now: 5_000 }));
    expect(tally(await Promise.all([...calls, ...planned].map((one) => attempt(limits, one))))).to.deep.equal({ taken: 20, throttled: 5 });
    const elsewhere = await Promise.all([attempt(limits, { ...free('api_1'), gatewayId: 'gw_other' }), attempt(limits, { ...free('api_1'), now: 6_000 })]);
    expect(tally(elsewhere)).to.deep.equal({ taken: 2 });
  });
});
