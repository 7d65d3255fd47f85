import { expect } from 'chai';
import { makeCounters, type Counters } from '../../../server/cache/counters.ts';
import type { Outcome } from '../../../server/domain/metering.ts';
import type { SnapshotPlanVersion, SnapshotSubscription, SnapshotWindow } from '../../../server/domain/snapshot.ts';
import { makeClock } from '../../../server/kernel/clock.ts';
import { AppError } from '../../../server/kernel/errors.ts';
import { makeIds } from '../../../server/kernel/ids.ts';
import { makeLog } from '../../../server/kernel/log.ts';
import { makeLimits, type Held, type Limits } from '../../../server/services/limits.ts';
import { testRedisPrefix, testRedisUrl } from '../../support/engines.ts';

const clock = makeClock();
const START = clock.now();

function world(limit: number, { hard = true, rate, startAt = START + 60_000 }: { hard?: boolean; rate?: { calls: number; seconds: number }; startAt?: number } = {}) {
  const document = {
    currency: 'usd', interval: 'month', base_amount: 0, setup_amount: 0, meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0' }, quota: { limit, hard } }],
    weights: { 'GET /heavy': 5 }, trial_days: 0, min_commit: 0, billable_statuses: ['2xx'], bill_aborted: false, overage_stop: false, ...(rate && { rate_limit: rate }),
  } as unknown as SnapshotPlanVersion['document'];
  const plan: SnapshotPlanVersion = { id: 'plan_1_v1', planId: 'plan_1', planName: 'free', document };
  const window: SnapshotWindow = { key: '0.0', startAt, endAt: startAt + 30 * 86_400_000, planVersionId: plan.id };
  const subscription: SnapshotSubscription = {
    id: `sub_${limit}`, organizationId: 'org_1', productId: 'prd_1', gatewayId: 'gw_1', status: 'active', entitledUntil: null, windows: [window],
  };
  return (operation = 'GET /light') => ({ subscription, window, plan, apiId: 'api_1', operation, gatewayId: 'gw_1', credentialId: 'crd_1', apiLimitPerSecond: 1_000_000, now: clock.now() });
}

describe('limits over several processes', () => {
  const opened: { limits: Limits; counters: Counters }[] = [];
  let prefix: string;
  const stored = { units: 0n, batches: new Map<string, number>() };

  async function processOf(name: string): Promise<Limits> {
    const counters = makeCounters({ url: testRedisUrl(), prefix });
    const limits = makeLimits({ counters, holder: name, clock, ids: makeIds(), log: makeLog('silent', 'test'), stored: () => Promise.resolve(stored) });
    await limits.start();
    opened.push({ limits, counters });
    return limits;
  }
  beforeEach(() => {
    prefix = testRedisPrefix();
    stored.units = 0n;
    stored.batches = new Map();
  });
  afterEach(async () => {
    for (const { limits } of opened.splice(0)) await limits.stop();
  });

  const attempt = async (limits: Limits, request: ReturnType<ReturnType<typeof world>>): Promise<Held | string> => {
    try {
      return await limits.take(request);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return error.code;
    }
  };
  const storm = async (processes: Limits[], calls: number, request: ReturnType<typeof world>, outcome: (n: number) => Outcome = () => '200') => {
    const results = await Promise.all(
      Array.from({ length: calls }, async (_, n) => {
        const limits = processes[n % processes.length] as Limits;
        const held = await attempt(limits, request());
        if (typeof held === 'string') return held;
        await new Promise((resolve) => setTimeout(resolve, n % 7));
        limits.settle(held, outcome(n));
        return 'taken';
      }),
    );
    return (what: string) => results.filter((result) => result === what).length;
  };

  it('admits exactly the quota of 500 out of 2,000 calls at once over two processes, and refuses the rest (quota-exceeded)', async () => {
    const count = await storm([await processOf('a-1'), await processOf('b-1')], 2_000, world(500));
    expect([count('taken'), count('quota-exceeded')]).to.deep.equal([500, 1_500]);
  });

  it('gives the place of a call back that the provider failed', async () => {
    const [one, request] = [await processOf('a-1'), world(10)];
    const failing = await storm([one], 10, request, () => '503');
    expect(failing('taken')).to.equal(10);
    const again = await storm([one], 30, request);
    expect(again('taken')).to.equal(10);
  });

  it('refuses a call that does not fit whole, and admits a lighter one', async () => {
    const [one, request] = [await processOf('a-1'), world(8)];
    expect(await attempt(one, request('GET /heavy'))).to.be.an('object');
    expect(await attempt(one, request('GET /heavy'))).to.equal('quota-exceeded');
    expect(await attempt(one, request())).to.be.an('object');
  });

  it('never tells more than is left', async () => {
    const [a, b, request] = [await processOf('a-1'), await processOf('b-1'), world(1_000)];
    for (let n = 1; n <= 60; n += 1) {
      const held = await attempt(n % 2 ? a : b, request());
      if (typeof held === 'string') throw new Error(held);
      expect(held.limits?.quota?.remaining).to.be.at.most(1_000 - n);
      // A slice taken by one process is news to the other a moment later.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  it('passes a soft quota by, and tells that nothing is left', async () => {
    const [one, request] = [await processOf('a-1'), world(5, { hard: false })];
    const count = await storm([one], 40, request);
    expect(count('taken')).to.equal(40);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { subscription, window, plan } = request();
    expect((await one.view(subscription, window, plan)).quota?.remaining).to.equal(0);
  });

  it('keeps a rate of 20 in 60 s over two processes (throttled)', async () => {
    const now = clock.now();
    const count = await storm([await processOf('a-1'), await processOf('b-1')], 100, world(100_000, { rate: { calls: 20, seconds: 3_600 } }));
    // The stretch may turn once while the test runs; then twice the rate is right.
    const stretches = Math.floor(clock.now() / 3_600_000) - Math.floor(now / 3_600_000) + 1;
    expect(count('taken')).to.equal(20 * stretches);
  });

  it('moves recorded units to the store and frees what a dead process held', async () => {
    const [a, request] = [await processOf('a-1'), world(100)];
    const count = await storm([a], 30, request);
    expect(count('taken')).to.equal(30);
    await a.batchStored('a-1', 1, new Map([['sub_100.0.0.requests', 20]]));
    // a-1 is killed with 10 calls that no record tells of: after its journal is shipped they are free again.
    const b = await processOf('b-1');
    await b.holderGone('a-1');
    const { subscription, window, plan } = request();
    expect((await b.view(subscription, window, plan)).quota?.remaining).to.equal(80);
  });

  it('refuses hard limits while the counts are lost, rebuilds them from the store and the live processes, and goes on exactly (cannot-count)', async () => {
    const [a, b, request] = [await processOf('a-1'), await processOf('b-1'), world(500, { startAt: START - 86_400_000 })];
    expect((await storm([a, b], 200, request))('taken')).to.equal(200);
    await a.batchStored('a-1', 1, new Map([['sub_500.0.0.requests', 100]]));
    stored.units = 100n;
    stored.batches = new Map([['a-1', 1]]);
    const { client } = (opened[0] as { counters: Counters }).counters.redis;
    for await (const keys of client.scanIterator({ MATCH: `${prefix}*` })) if (keys.length > 0) await client.del(keys);
    let taken = 0;
    const until = performance.now() + 8_000;
    while (performance.now() < until && taken < 300) {
      const count = await storm([a, b], 50, request);
      taken += count('taken');
      if (count('quota-exceeded') > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(taken).to.equal(300);
    expect(await attempt(a, request())).to.equal('quota-exceeded');
  });
});
