import { pino } from 'pino';
import { makeCounters } from '../../server/cache/counters.ts';
import type { PlanDocument } from '../../server/domain/plan.ts';
import type { SnapshotPlanVersion, SnapshotSubscription, SnapshotWindow } from '../../server/domain/snapshot.ts';
import { makeClock, type Clock } from '../../server/kernel/clock.ts';
import { makeIds } from '../../server/kernel/ids.ts';
import { makeLimits, type Limits, type LimitsOptions, type TakeRequest } from '../../server/services/limits.ts';
import { testRedisUrl } from './engines.ts';

export const silent = pino({ level: 'silent' });

export function planWith(over: Partial<PlanDocument> & { quota?: { limit: number; hard: boolean } } = {}): SnapshotPlanVersion {
  const { quota, ...rest } = over;
  const document: PlanDocument = {
    currency: 'usd',
    interval: 'month',
    base_amount: 0,
    setup_amount: 0,
    weights: {},
    trial_days: 0,
    min_commit: 0,
    billable_statuses: ['2xx'],
    bill_aborted: false,
    overage_stop: false,
    meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0', divide_by: 1, included: 0 }, ...(quota && { quota }) }],
    ...rest,
  };
  return { id: 'plan_1_v1', planId: 'plan_1', planName: 'free', document };
}

export interface World {
  readonly subscription: SnapshotSubscription;
  readonly window: SnapshotWindow;
  readonly plan: SnapshotPlanVersion;
  request(over?: Partial<TakeRequest>): TakeRequest;
}

export function worldOf(
  plan: SnapshotPlanVersion,
  { clock, id = 'sub_1', startAt, endAt }: { clock: Clock; id?: string; startAt?: number; endAt?: number },
): World {
  const window = { key: '0.0', startAt: startAt ?? clock.now() - 86_400_000, endAt: endAt ?? clock.now() + 20 * 86_400_000, planVersionId: plan.id };
  const subscription: SnapshotSubscription = {
    id,
    organizationId: 'org_1',
    productId: 'prd_1',
    gatewayId: 'gw_1',
    status: 'active',
    entitledUntil: null,
    windows: [window],
  };
  return {
    subscription,
    window,
    plan,
    request: (over = {}) => ({
      subscription,
      window,
      plan,
      apiId: 'api_1',
      operation: 'GET /countries',
      gatewayId: 'gw_1',
      credentialId: 'crd_1',
      apiLimitPerSecond: 200,
      gatewayLimitPerSecond: 0,
      now: clock.now(),
      ...over,
    }),
  };
}

export interface TestProcess {
  readonly limits: Limits;
  /** As a kill would: nothing is handed back. */
  vanish(): Promise<void>;
  stop(): Promise<void>;
}

/** One gateway process's limits, on connections of its own. */
export function limitsProcess(prefix: string, over: Partial<LimitsOptions> & { url?: string } = {}): TestProcess {
  const counters = makeCounters({ url: over.url ?? testRedisUrl(), prefix });
  const limits = makeLimits({
    counters,
    clock: makeClock(),
    ids: makeIds(),
    log: silent,
    node: 'gw1',
    boot: 1,
    liveNodes: () => Promise.resolve([]),
    storedCount: () => Promise.resolve({ units: 0n, batches: new Map() }),
    ...over,
  });
  limits.start();
  return {
    limits,
    vanish: () => counters.close(),
    async stop() {
      await limits.stop();
      await counters.close();
    },
  };
}

export async function untilReady(...limits: Limits[]): Promise<void> {
  while (!limits.every((each) => each.ready())) await new Promise((resolve) => setTimeout(resolve, 10));
}
