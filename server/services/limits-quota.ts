import { setTimeout as delay } from 'node:timers/promises';
import type { Counters } from '../cache/counters.ts';
import type { LimitFigures } from '../domain/headers.ts';
import { REQUESTS_METER } from '../domain/plan.ts';
import type { SnapshotPlanVersion, SnapshotSubscription, SnapshotWindow } from '../domain/snapshot.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { cannotCount, type Epoch } from './limits-epoch.ts';
import { quotaCounter } from './shipping.ts';

/** Counters outlive their window by this, for late settlements. */
const KEPT_MS = 40 * 86_400_000;
const IDLE_MS = 5_000;
/** Found nothing left: others may still hold unspent units; they are asked, and Redis is asked again this often. */
const RECALLS = 4;
const RECALL_WAIT_MS = 40;
const WARM_TRIES = 60;
const WARM_WAIT_MS = 75;
/** After a refusal nobody asks again for this long, unless a unit comes back here. */
const EXHAUSTED_MS = 500;
const QUOTAS_MAX = 200_000;

/** One plan quota of one window, as this process sees it. */
export interface Quota {
  readonly name: string;
  readonly subscriptionId: string;
  readonly window: string;
  readonly limit: number;
  readonly hard: boolean;
  readonly startAt: number;
  readonly resetAt: number;
  /** Leased and free to spend; below zero only on a soft quota, until the next lease. */
  unspent: number;
  /** All that Redis counts as held by us: unspent, in flight, recorded and not stored. */
  held: number;
  /** What Redis last said is used by all, held slices included. */
  total: number;
  lastBatch: number;
  usedAt: number;
  recent: number;
  exhaustedUntil: number;
  waiting: { count: number; resolve: () => void; reject: (error: unknown) => void }[];
  leasing: boolean;
}

export function makeQuotas({ counters, holder, epoch, stored, log }: {
  counters: Counters;
  holder: string;
  epoch: Epoch;
  stored: (subscriptionId: string, window: string, meter: string) => Promise<{ units: bigint; batches: ReadonlyMap<string, number> }>;
  log: Log;
}) {
  const quotas = new Map<string, Quota>();
  /** Told to Redis as soon as it answers: without it the shared count would stay too high. */
  let owed: (() => Promise<unknown>)[] = [];

  counters.onTotal((name, total) => {
    const quota = quotas.get(name);
    if (quota) quota.total = total;
  });
  counters.onRecall((name) => {
    const quota = quotas.get(name);
    if (quota && quota.waiting.length === 0) void handBack(quota);
  });

  async function handBack(quota: Quota): Promise<void> {
    const units = quota.unspent;
    const present = epoch.present();
    if (units <= 0 || present === null) return;
    quota.unspent -= units;
    quota.held -= units;
    try {
      if (await counters.giveBack(present, quota.name, holder, units)) quota.total -= units;
    } catch {
      owed.push(() => counters.giveBack(present, quota.name, holder, units));
    }
  }

  const lease = (quota: Quota, present: string, want: number) =>
    counters.lease({
      epoch: present, holder, name: quota.name, limit: quota.limit, hard: quota.hard, want, ahead: Math.max(1, quota.recent), processes: epoch.live(),
      fresh: epoch.fresh(quota.startAt), ttlMs: KEPT_MS,
    });

  /** Open a counter whose count was lost: the store's share is added to what the live processes hold. */
  async function warm(quota: Quota, present: string): Promise<void> {
    for (let tries = 0; tries < WARM_TRIES; tries += 1) {
      if (epoch.present() !== present) throw cannotCount();
      if (epoch.whole()) {
        const { units, batches } = await stored(quota.subscriptionId, quota.window, REQUESTS_METER);
        const answer = await counters.warm(present, quota.name, KEPT_MS, units, batches);
        if (answer === 'open') return;
        if (answer === 'lost') throw cannotCount();
      }
      await delay(WARM_WAIT_MS);
    }
    throw cannotCount();
  }

  /** Take a slice for whoever waits. Only one request per quota is under way. */
  async function refill(quota: Quota): Promise<void> {
    if (quota.leasing) return;
    quota.leasing = true;
    try {
      for (let recalls = 0; quota.waiting.length > 0 || quota.unspent < 0; ) {
        const present = epoch.present();
        if (present === null) throw cannotCount();
        const want = quota.waiting.reduce((sum, { count }) => sum + count, 0) - Math.min(0, quota.unspent);
        const answer = await lease(quota, present, Math.max(1, want - Math.max(0, quota.unspent)));
        if (answer === 'lost') {
          await epoch.beatNow();
          if (epoch.present() === present || epoch.present() === null) throw cannotCount();
          continue;
        }
        if (answer === 'cold') {
          await warm(quota, present);
          continue;
        }
        quota.unspent += answer.granted;
        quota.held += answer.granted;
        quota.total = answer.total;
        serve(quota);
        if (!quota.hard || quota.waiting.length === 0) continue;
        if (answer.granted > 0) continue;
        if ((recalls += 1) > RECALLS) {
          quota.exhaustedUntil = performance.now() + EXHAUSTED_MS;
          refuse(quota, exceeded(quota));
          return;
        }
        await counters.recall(quota.name);
        await delay(RECALL_WAIT_MS);
        serve(quota);
      }
    } catch (error) {
      refuse(quota, error instanceof AppError ? error : cannotCount(error));
    } finally {
      quota.leasing = false;
      if (quota.waiting.length > 0) void refill(quota);
    }
  }

  function serve(quota: Quota): void {
    while (quota.waiting[0] && quota.unspent >= quota.waiting[0].count) {
      const next = quota.waiting.shift();
      if (!next) return;
      quota.unspent -= next.count;
      next.resolve();
    }
  }

  function refuse(quota: Quota, error: unknown): void {
    const refused = quota.waiting;
    quota.waiting = [];
    for (const { reject } of refused) reject(error);
  }

  const exceeded = (quota: Quota): AppError =>
    new AppError('quota-exceeded', `This plan allows ${quota.limit.toLocaleString('en')} calls a period, and they are used up.`);

  const figures = (quota: Quota): NonNullable<LimitFigures['quota']> => ({
    limit: quota.limit, remaining: Math.max(0, quota.limit - quota.total + Math.max(0, quota.unspent)), resetAt: quota.resetAt, hard: quota.hard,
    windowSeconds: Math.round((quota.resetAt - quota.startAt) / 1_000),
  });

  return {
    /** The quota that a plan puts on a window; null: it puts none. */
    of(subscription: SnapshotSubscription, window: SnapshotWindow, plan: SnapshotPlanVersion, _now: number): Quota | null {
      const rule = plan.document.meters.find(({ code }) => code === REQUESTS_METER)?.quota;
      if (!rule) return null;
      const name = quotaCounter(subscription.id, window.key, REQUESTS_METER);
      let quota = quotas.get(name);
      if (!quota) {
        if (quotas.size > QUOTAS_MAX) for (const [key, old] of quotas) if (old.held === 0) quotas.delete(key);
        quota = {
          name, subscriptionId: subscription.id, window: window.key, limit: Number(rule.limit), hard: rule.hard, startAt: window.startAt, resetAt: window.endAt,
          unspent: 0, held: 0, total: 0, lastBatch: 0, usedAt: 0, recent: 0, exhaustedUntil: 0, waiting: [], leasing: false,
        };
        quotas.set(name, quota);
      }
      return quota;
    },

    /** Spend from the slice at hand. A soft quota always can; it catches up with Redis behind the call. */
    tryTake(quota: Quota, count: number): boolean {
      quota.usedAt = performance.now();
      quota.recent += count;
      if (!quota.hard) {
        quota.unspent -= count;
        if (quota.unspent < 0 && epoch.present() !== null) void refill(quota);
        return true;
      }
      if (quota.waiting.length > 0 || quota.unspent < count) return false;
      // What was leased stays ours while Redis is away, but nobody could tell of an emptied Redis: fail closed (rule of hard limits).
      if (epoch.present() === null) return false;
      quota.unspent -= count;
      return true;
    },

    /** Wait for a slice. @throws AppError quota-exceeded, cannot-count */
    take(quota: Quota, count: number, now: number): Promise<void> {
      const retryAfterSeconds = Math.max(1, Math.ceil((quota.resetAt - now) / 1_000));
      if (epoch.present() === null) return Promise.reject(cannotCount());
      const late = (error: unknown) => (error instanceof AppError && error.code === 'quota-exceeded' ? new AppError('quota-exceeded', error.detail, { retryAfterSeconds }) : error);
      if (quota.exhaustedUntil > performance.now() && quota.unspent < count) return Promise.reject(late(exceeded(quota)) as Error);
      return new Promise((resolve, reject) => {
        quota.waiting.push({ count, resolve, reject: (error) => reject(late(error) as Error) });
        void refill(quota);
      });
    },

    settled(quota: Quota, count: number, kept: boolean): void {
      if (kept) return;
      quota.unspent += count;
      quota.exhaustedUntil = 0;
      serve(quota);
    },

    figures,

    async look(quota: Quota): Promise<NonNullable<LimitFigures['quota']>> {
      const present = epoch.present();
      const total = present === null ? null : await counters.total(quota.name, present).catch(() => null);
      quota.total = total ?? Number((await stored(quota.subscriptionId, quota.window, REQUESTS_METER)).units) + quota.held;
      return figures(quota);
    },

    /** Units pass from what a holder holds to what the store counts. */
    async batchStored(who: string, number: number, units: ReadonlyMap<string, number>): Promise<void> {
      for (const [name, count] of units) {
        const quota = who === holder ? quotas.get(name) : undefined;
        if (quota) {
          quota.held -= count;
          quota.lastBatch = number;
        }
        const move = async () => {
          const present = epoch.present();
          if (present === null) throw new Error('redis is away');
          await counters.move(present, name, who, number, count);
        };
        await move().catch(() => owed.push(move));
      }
    },

    async holderGone(who: string): Promise<void> {
      const release = async () => {
        const present = epoch.present();
        if (present === null) throw new Error('redis is away');
        await counters.release(present, who);
      };
      await release().catch(() => owed.push(release));
    },

    /** A new epoch: say what we hold, before anybody counts again. */
    async post(present: string): Promise<void> {
      owed = [];
      for (const quota of quotas.values()) {
        quota.exhaustedUntil = 0;
        if (quota.held !== 0) await counters.post(present, quota.name, holder, quota.held, quota.lastBatch, KEPT_MS);
      }
    },

    /** Twice a second: pay what is owed, hand back what lies idle, forget how busy it was. */
    async beat(): Promise<void> {
      const due = owed;
      owed = [];
      for (const pay of due) await pay().catch(() => owed.push(pay));
      if (due.length > 0 && owed.length === 0) log.debug('the shared counts have caught up');
      const idleSince = performance.now() - IDLE_MS;
      for (const quota of quotas.values()) {
        quota.recent = Math.floor(quota.recent / 2);
        if (quota.unspent > 0 && quota.waiting.length === 0 && quota.usedAt < idleSince) await handBack(quota);
        if (quota.unspent < 0 && !quota.leasing) void refill(quota);
      }
    },
  };
}
