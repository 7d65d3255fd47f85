import type { Counters } from '../cache/counters.ts';
import type { LimitFigures } from '../domain/headers.ts';
import { keepsPlace, type Outcome } from '../domain/metering.ts';
import { REQUESTS_METER } from '../domain/plan.ts';
import type { SnapshotPlanVersion, SnapshotSubscription, SnapshotWindow } from '../domain/snapshot.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { makeEpoch } from './limits-epoch.ts';
import { makeQuotas, type Quota } from './limits-quota.ts';
import { makeRates } from './limits-rate.ts';

export interface TakeRequest {
  readonly subscription: SnapshotSubscription | null;
  readonly window: SnapshotWindow | null;
  readonly plan: SnapshotPlanVersion | null;
  readonly apiId: string;
  readonly operation: string;
  readonly gatewayId: string;
  readonly credentialId: string;
  readonly apiLimitPerSecond: number;
  /** Admission, epoch ms. */
  readonly now: number;
}

export interface Held {
  readonly units: Readonly<Record<string, number>>;
  readonly limits: LimitFigures | null;
}

interface HeldCall extends Held {
  readonly admittedAt: number;
  readonly quota: Quota | null;
  readonly count: number;
}

export type Limits = ReturnType<typeof makeLimits>;

export interface LimitsDependencies {
  readonly counters: Counters;
  /** `<node>-<boot>` */
  readonly holder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** What the store counted of a window, and the last batch of each holder among it: for the rebuild after Redis lost its data. */
  readonly stored: (subscriptionId: string, window: string, meter: string) => Promise<{ units: bigint; batches: ReadonlyMap<string, number> }>;
}

const NO_UNITS = Object.freeze({});

/**
 * Quotas and rates, exact over all gateway processes. A process takes slices ahead of need and spends them without asking anybody; a slice counts as
 * used until it is handed back, so that no call too many is ever admitted (invariant I23). Near the end of a quota slices shrink to single calls.
 */
export function makeLimits({ counters, holder, clock, ids, log, stored }: LimitsDependencies) {
  const epoch = makeEpoch({ counters, holder, clock, ids, log });
  const quotas = makeQuotas({ counters, holder, epoch, stored, log });
  const rates = makeRates({ counters, epoch });
  const inFlight = new Set<HeldCall>();
  epoch.onBeat(() => quotas.beat());
  epoch.onChange((present) => quotas.post(present));

  const unitsOf = (plan: SnapshotPlanVersion, operation: string): number => Number(plan.document.weights[operation] ?? 1);

  function hold(request: TakeRequest, quota: Quota | null, count: number, limits: LimitFigures | null): HeldCall {
    const held: HeldCall = { units: request.plan ? { [REQUESTS_METER]: count } : NO_UNITS, limits, admittedAt: request.now, quota, count };
    inFlight.add(held);
    return held;
  }

  return {
    /**
     * Rate first, then quota, all or nothing. Answers without waiting when both are far away.
     * @throws AppError throttled, quota-exceeded, or cannot-count while nobody can tell
     */
    take(request: TakeRequest): Held | Promise<Held> {
      const { subscription, window, plan, now } = request;
      if (!subscription || !window || !plan) {
        rates.takeLocal(`${request.gatewayId}.${request.apiId}`, request.apiLimitPerSecond, now);
        return hold(request, null, 0, null);
      }
      const count = unitsOf(plan, request.operation);
      const quota = quotas.of(subscription, window, plan, now);
      const rule = plan.document.rate_limit;
      const rate = rule ? rates.take(subscription.id, rule.calls, rule.seconds, now) : null;
      if (!rule) rates.takeLocal(`${request.gatewayId}.${request.apiId}`, request.apiLimitPerSecond, now);
      const figures = (remaining: number | null): LimitFigures => ({
        quota: quota ? quotas.figures(quota) : null,
        rate: rule ? { calls: rule.calls, seconds: rule.seconds, remaining: remaining ?? 0 } : null,
      });
      if (!(rate instanceof Promise) && (quota === null || quotas.tryTake(quota, count))) return hold(request, quota, count, figures(rate));
      return (async () => {
        const left = await rate;
        try {
          if (quota !== null && (rate instanceof Promise ? !quotas.tryTake(quota, count) : true)) await quotas.take(quota, count, now);
        } catch (error) {
          if (rule) rates.giveBack(subscription.id, rule.seconds, now);
          throw error;
        }
        return hold(request, quota, count, figures(left));
      })();
    },

    /** The call ended: what its outcome does not count is free again at once (rule N14). */
    settle(held: Held, outcome: Outcome): void {
      const call = held as HeldCall;
      if (!inFlight.delete(call) || !call.quota) return;
      quotas.settled(call.quota, call.count, keepsPlace(outcome));
    },

    async view(subscription: SnapshotSubscription, window: SnapshotWindow, plan: SnapshotPlanVersion): Promise<LimitFigures> {
      const quota = quotas.of(subscription, window, plan, clock.now());
      const rule = plan.document.rate_limit;
      return {
        quota: quota ? await quotas.look(quota) : null,
        rate: rule ? { calls: rule.calls, seconds: rule.seconds, remaining: await rates.look(subscription.id, rule.calls, rule.seconds, clock.now()) } : null,
      };
    },

    /** Admission of the oldest call in flight; Infinity when there is none. */
    oldestInFlight(): number {
      for (const { admittedAt } of inFlight) return admittedAt;
      return Infinity;
    },

    batchStored: (who: string, number: number, units: ReadonlyMap<string, number>) => quotas.batchStored(who, number, units),
    holderGone: (who: string) => quotas.holderGone(who),
    /** Redis answers and the counts are whole. */
    ready: (): boolean => epoch.present() !== null,
    start: () => epoch.start(),
    stop: async (): Promise<void> => {
      epoch.stop();
      await counters.close();
    },
  };
}
