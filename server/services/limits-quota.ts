import type { Counters } from '../cache/counters.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { cannotCount, exceeded, heldBy, newCounter, serve, type CounterPlace, type QuotaCounter, type StoredCount } from './limits-counter.ts';
import { makeLeases } from './limits-leases.ts';
import type { Members } from './limits-members.ts';
import { makeMoves } from './limits-moves.ts';

export interface QuotaOptions {
  readonly counters: Counters;
  readonly members: Members;
  readonly clock: Clock;
  readonly log: Log;
  readonly holder: string;
  readonly stored: (place: CounterPlace) => Promise<StoredCount>;
}

export interface Quotas {
  open(name: string, place: CounterPlace, quota: { limit: number; hard: boolean }, window: { startAt: number; endAt: number }): QuotaCounter;
  /** True: taken. Otherwise the call waits for a slice. @throws AppError quota-exceeded or cannot-count */
  take(counter: QuotaCounter, units: number, now: number): true | Promise<void>;
  keep(counter: QuotaCounter, units: number): void;
  giveBack(counter: QuotaCounter, units: number): void;
  /** A batch is stored. Resolves when its units have passed to the store's share. */
  move(name: string, units: number, batch: number): Promise<void>;
  post(epoch: string): Promise<boolean>;
  /** Several times a second: hand idle slices back, tell soft counts. */
  tick(): void;
  heard(name: string, total: number): void;
  recalled(name: string): void;
  returnAll(): Promise<void>;
}

const IDLE_MS = 2_000;
const FORGET_MS = 600_000;

/** The quotas of this process: calls spend what is leased, and seldom wait for Redis. */
export function makeQuotas({ counters, members, clock, log, holder, stored }: QuotaOptions): Quotas {
  const byName = new Map<string, QuotaCounter>();
  const moves = makeMoves({ counters, members, holder });
  const leases = makeLeases({ counters, members, moves, clock, log, holder, stored });

  return {
    open(name, place, { limit, hard }, { startAt, endAt }) {
      const known = byName.get(name);
      if (known) return Object.assign(known, { limit, hard });
      const counter = newCounter(name, place, { limit, hard }, { startAt, endAt }, clock.monotonic());
      byName.set(name, counter);
      return counter;
    },
    take(counter, units, now) {
      counter.usedAt = clock.monotonic();
      if (!counter.hard) {
        counter.available -= units;
        counter.inFlight += units;
        return true;
      }
      const epoch = members.epoch();
      if (epoch === null && !counters.redis.available() && !members.starting()) throw cannotCount();
      if (epoch !== null && counter.available >= units && counter.waiters.length === 0) {
        counter.available -= units;
        counter.inFlight += units;
        if (counter.available < counter.lowWater && !counter.asking) void leases.ask(counter);
        return true;
      }
      if (units > counter.limit) throw exceeded(counter, now);
      return new Promise<void>((resolve, reject) => {
        counter.waiters.push({ units, now, resolve, reject });
        if (!counter.asking) void leases.ask(counter);
      });
    },
    keep(counter, units) {
      counter.inFlight -= units;
      counter.kept += units;
    },
    giveBack(counter, units) {
      counter.inFlight -= units;
      counter.available += units;
      if (!counter.hard) return;
      if (counter.waiters.length > 0) serve(counter, false);
      if (counter.tight && !counter.asking) leases.handBack(counter);
    },
    move(name, units, batch) {
      moves.noteBatch(batch);
      const counter = byName.get(name);
      if (!counter) return Promise.resolve();
      counter.kept -= units;
      return moves.add(name, units, batch);
    },
    post: (epoch) =>
      moves.during(epoch, async () => {
        for (const counter of byName.values()) {
          counter.total = 0;
          counter.tight = false;
          counter.unsure = false;
          if (heldBy(counter) > 0 && !(await leases.post(counter, epoch))) return false;
        }
        return true;
      }),
    tick() {
      void moves.drain();
      const now = clock.monotonic();
      for (const counter of byName.values()) {
        if (counter.asking) continue;
        if ((!counter.hard && counter.available < 0) || counter.unsure) void leases.tell(counter);
        else if (counter.available > 0 && (now - counter.usedAt > IDLE_MS || !counter.hard)) leases.handBack(counter);
        else if (now - counter.usedAt > FORGET_MS && counter.inFlight === 0 && counter.kept === 0 && counter.available === 0) byName.delete(counter.name);
      }
    },
    heard(name, total) {
      const counter = byName.get(name);
      if (counter && !counter.asking) counter.total = Math.max(counter.total, total);
    },
    recalled(name) {
      const counter = byName.get(name);
      if (!counter?.hard) return;
      counter.tight = true;
      counter.lowWater = 0;
      if (!counter.asking) leases.handBack(counter);
    },
    async returnAll() {
      for (const counter of byName.values()) {
        while (counter.asking) await new Promise((resolve) => setTimeout(resolve, 5));
        if (counter.available < 0) await leases.tell(counter);
        leases.handBack(counter);
      }
      await moves.drain();
    },
  };
}
