import { MOVES_AT_ONCE, type Counters } from '../cache/counters.ts';
import type { LimitFigures } from '../domain/headers.ts';
import type { Place, SealedBatch } from '../domain/batches.ts';
import { placesOf } from '../domain/batches.ts';
import { keepsPlace, type Outcome } from '../domain/metering.ts';
import { REQUESTS_METER, type PlanDocument } from '../domain/plan.ts';
import { counterName, planLimits, type PlanLimits } from '../domain/quota.ts';
import type { SnapshotPlanVersion, SnapshotSubscription, SnapshotWindow } from '../domain/snapshot.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { CounterPlace, QuotaCounter, StoredCount } from './limits-counter.ts';
import { makeMembers } from './limits-members.ts';
import { makeQuotas } from './limits-quota.ts';
import { makeRates, type RateCounter } from './limits-rate.ts';

export interface TakeRequest {
  readonly subscription: SnapshotSubscription | null;
  readonly window: SnapshotWindow | null;
  readonly plan: SnapshotPlanVersion | null;
  readonly apiId: string;
  readonly operation: string;
  readonly gatewayId: string;
  readonly credentialId: string;
  /** For calls that no plan governs: how many a second this API answers (GATEWAY: `ratelimit_api_limits`). */
  readonly apiLimitPerSecond: number;
  /** For every call of the gateway: what its edition allows a second; 0: no limit. */
  readonly gatewayLimitPerSecond: number;
  /** Admission, epoch ms. */
  readonly now: number;
}

/** What a call holds until it is settled. */
export interface Held {
  /** Units by meter, for its record. */
  readonly units: Readonly<Record<string, number>>;
  /** As it stands after this call; never above the truth. */
  readonly limits: LimitFigures | null;
}

export interface Limits {
  /**
   * Take everything a call needs, at once or not at all. Far from a limit the answer is there without a promise.
   * @throws AppError quota-exceeded, throttled, cannot-count, each with retryAfterSeconds
   */
  take(request: TakeRequest): Held | Promise<Held>;
  /** The figures of a call that was refused, as this process knows them; never above the truth. Null where no plan governs it. */
  standing(request: TakeRequest): LimitFigures | null;
  /** The call ended so: its place is kept or given back (rule N14). A second settlement does nothing. */
  settle(held: Held, outcome: Outcome): void;
  view(subscription: SnapshotSubscription, window: SnapshotWindow | null, plan: SnapshotPlanVersion | null): Promise<LimitFigures>;
  /** Earliest admission among the calls held, of those admitted at or after `since`. */
  oldestHeld(since: number): number;
  /** A batch of this process is stored. Resolves when the shared counts know. */
  stored(batch: SealedBatch): Promise<void>;
  /** A batch of a boot that is gone is stored. Rejects while Redis is away: repeat it. */
  recovered(batch: SealedBatch): Promise<void>;
  /** All that a boot recorded is stored: give back what it leased and never used. Rejects while Redis is away. */
  released(holder: string): Promise<void>;
  /** Boots of this node that hold units, this one left out. */
  deadHolders(node: string): Promise<string[]>;
  ready(): boolean;
  start(): void;
  /** Hand everything back. */
  stop(): Promise<void>;
}

export interface LimitsOptions {
  readonly counters: Counters;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly node: string;
  readonly boot: number;
  readonly liveNodes: () => Promise<readonly string[]>;
  readonly storedCount: (place: CounterPlace) => Promise<StoredCount>;
}

interface Open extends Held {
  readonly counter: QuotaCounter | null;
  readonly quotaUnits: number;
  readonly admittedAt: number;
  settled: boolean;
  before: Open | null;
  after: Open | null;
}

interface Account {
  windowKey: string;
  planId: string;
  readonly plan: PlanLimits;
  readonly quota: QuotaCounter | null;
  readonly rate: RateCounter | null;
  readonly window: SnapshotWindow;
}

const ACCOUNTS_MAX = 200_000;
const NO_UNITS = Object.freeze({});
const ONE_UNIT = Object.freeze({ [REQUESTS_METER]: 1 });

export function makeLimits(options: LimitsOptions): Limits {
  const { counters, clock, ids, log, node, boot } = options;
  const holder = `${node}-${boot}`;
  const members = makeMembers({
    counters,
    clock,
    ids,
    log,
    holder,
    liveNodes: options.liveNodes,
    post: (epoch) => quotas.post(epoch),
    joined: () => rates.share(),
    tick() {
      quotas.tick();
      rates.tick(clock.now());
    },
  });
  const quotas = makeQuotas({ counters, members, clock, log, holder, stored: options.storedCount });
  const rates = makeRates({ counters, members });
  counters.onTotal((name, total) => quotas.heard(name, total));
  counters.onRecall((name) => quotas.recalled(name));

  const plans = new WeakMap<PlanDocument, PlanLimits>();
  const accounts = new Map<string, Account>();
  const throttles = new Map<string, { second: number; calls: number }>();
  // Calls in flight, in the order of their admission as good as: a ring through a head that is no call.
  const head = { before: null, after: null } as unknown as Open;
  head.before = head.after = head;

  function limitsOf(document: PlanDocument): PlanLimits {
    let known = plans.get(document);
    if (!known) plans.set(document, (known = planLimits(document)));
    return known;
  }

  function accountOf(subscription: SnapshotSubscription, window: SnapshotWindow, plan: SnapshotPlanVersion): Account {
    const known = accounts.get(subscription.id);
    if (known?.windowKey === window.key && known.planId === plan.id && known.window.endAt === window.endAt) return known;
    const limits = limitsOf(plan.document);
    const place = { gatewayId: subscription.gatewayId, subscriptionId: subscription.id, window: window.key, meter: REQUESTS_METER };
    const account: Account = {
      windowKey: window.key,
      planId: plan.id,
      plan: limits,
      window,
      quota: limits.quota && quotas.open(counterName(place.gatewayId, place.subscriptionId, place.window, place.meter), place, limits.quota, window),
      rate: limits.rate && rates.open(`${place.gatewayId}.${place.subscriptionId}`, limits.rate),
    };
    if (accounts.size >= ACCOUNTS_MAX) accounts.clear();
    accounts.set(subscription.id, account);
    return account;
  }

  /**
   * @param justHeard  the shared total came with this very call. Otherwise news of one call of each other process may be on its way, and
   * what a caller is told must not be above the truth.
   */
  function viewOf({ quota, rate, window }: Account, now: number, justHeard: boolean): LimitFigures {
    const unheard = justHeard ? 0 : members.processes() - 1;
    return {
      quota: quota && {
        limit: quota.limit,
        remaining: Math.min(quota.limit, Math.max(0, quota.limit - quota.total + quota.available - unheard)),
        resetAt: window.endAt,
        hard: quota.hard,
        windowSeconds: Math.round((window.endAt - window.startAt) / 1_000),
      },
      rate: rate && { calls: rate.calls, seconds: rate.seconds, remaining: rates.remaining(rate, now) },
    };
  }

  function hold(units: Held['units'], account: Account | null, quotaUnits: number, now: number, justHeard = false): Open {
    const held: Open = {
      units,
      limits: account && viewOf(account, now, justHeard),
      counter: account?.quota ?? null,
      quotaUnits,
      admittedAt: now,
      settled: false,
      before: head.before,
      after: head,
    };
    if (head.before) head.before.after = held;
    head.before = held;
    return held;
  }

  /** Each process answers its share of the calls of an API or a gateway: exact sharing is for what is paid for. */
  function throttle(id: string, limitPerSecond: number, now: number, what: string): void {
    if (!(limitPerSecond > 0)) return;
    const second = Math.floor(now / 1_000);
    let counted = throttles.get(id);
    if (!counted) throttles.set(id, (counted = { second, calls: 0 }));
    if (counted.second !== second) [counted.second, counted.calls] = [second, 0];
    if (counted.calls >= Math.ceil(limitPerSecond / members.processes())) {
      throw new AppError('throttled', `This ${what} answers ${limitPerSecond} calls a second.`, { retryAfterSeconds: 1 });
    }
    counted.calls += 1;
  }

  function takeQuota(account: Account, units: number, now: number): true | Promise<void> {
    if (!account.quota || units === 0) return true;
    try {
      const taken = quotas.take(account.quota, units, now);
      if (taken === true) return true;
      return taken.catch((error: unknown) => {
        if (account.rate) rates.giveBack(account.rate);
        throw error;
      });
    } catch (error) {
      if (account.rate) rates.giveBack(account.rate);
      throw error;
    }
  }

  const deadHolders = async (of: string) => (await counters.holders()).filter((name) => name !== holder && name.slice(0, name.lastIndexOf('-')) === of);

  function epochOrThrow(): string {
    const epoch = members.epoch();
    if (epoch === null) throw new AppError('cannot-count', 'Redis is away.');
    return epoch;
  }

  return {
    take(request) {
      const { subscription, window, plan, now } = request;
      throttle(request.gatewayId, request.gatewayLimitPerSecond, now, 'gateway');
      if (!subscription || !plan) {
        throttle(request.apiId, request.apiLimitPerSecond, now, 'API');
        return hold(subscription ? ONE_UNIT : NO_UNITS, null, 0, now);
      }
      if (!window) throw new AppError('subscription-inactive');
      const account = accountOf(subscription, window, plan);
      const weight = account.plan.weights.get(request.operation) ?? 1;
      const units = weight === 1 ? ONE_UNIT : { [REQUESTS_METER]: weight };
      const rate = account.rate ? rates.take(account.rate, now) : true;
      if (rate === true) {
        const quota = takeQuota(account, weight, now);
        return quota === true ? hold(units, account, weight, now) : quota.then(() => hold(units, account, weight, now, true));
      }
      return rate.then(() => takeQuota(account, weight, now) as Promise<void>).then(() => hold(units, account, weight, now));
    },
    standing: ({ subscription, window, plan, now }) => (subscription && window && plan ? viewOf(accountOf(subscription, window, plan), now, false) : null),
    settle(held, outcome) {
      const open = held as Open;
      if (open.settled) return;
      open.settled = true;
      if (open.before) open.before.after = open.after;
      if (open.after) open.after.before = open.before;
      open.before = open.after = null;
      if (!open.counter || open.quotaUnits === 0) return;
      if (keepsPlace(outcome)) quotas.keep(open.counter, open.quotaUnits);
      else quotas.giveBack(open.counter, open.quotaUnits);
    },
    async view(subscription, window, plan) {
      if (!window || !plan) return { quota: null, rate: null };
      const account = accountOf(subscription, window, plan);
      const epoch = members.epoch();
      if (account.quota && epoch !== null && account.quota.available <= 0) {
        const total = await counters.total(account.quota.name, epoch).catch(() => null);
        if (total !== null) account.quota.total = total;
      }
      return viewOf(account, clock.now(), true);
    },
    oldestHeld(since) {
      let oldest = Number.MAX_SAFE_INTEGER;
      for (let open = head.after; open && open !== head; open = open.after) {
        if (open.admittedAt >= since && open.admittedAt < oldest) oldest = open.admittedAt;
      }
      return oldest;
    },
    async stored(batch) {
      await Promise.all(placesOf(batch.entries).map((place) => quotas.move(nameOf(place), Number(place.units), batch.segment)));
    },
    async recovered(batch) {
      const epoch = epochOrThrow();
      const moves = placesOf(batch.entries).map((place) => ({ name: nameOf(place), batch: batch.segment, units: Number(place.units) }));
      for (let at = 0; at < moves.length; at += MOVES_AT_ONCE) {
        if (!(await counters.move(epoch, `${batch.node}-${batch.boot}`, moves.slice(at, at + MOVES_AT_ONCE)))) throw new AppError('cannot-count');
      }
    },
    async released(dead) {
      await counters.release(epochOrThrow(), dead);
    },
    deadHolders,
    ready: () => members.epoch() !== null,
    start: () => members.start(),
    async stop() {
      await quotas.returnAll();
      const epoch = members.epoch();
      if (epoch !== null) await counters.release(epoch, holder).catch((error: unknown) => log.warn({ err: error }, 'limits: slices were not handed back'));
      await members.stop();
    },
  };
}

const nameOf = (place: Place): string => counterName(place.gatewayId, place.subscriptionId, place.window, place.meter);
