import type { Counters } from '../cache/counters.ts';
import { secondsLeft, stretchOf } from '../domain/quota.ts';
import { AppError } from '../kernel/errors.ts';
import type { Members } from './limits-members.ts';

/**
 * The rate limit of one subscription: so many calls in each stretch of so many seconds. A process that is alone counts in memory; several
 * take slices of the stretch from Redis, down to single calls near its end, so that all of them together never admit one too many.
 */
export interface RateCounter {
  readonly name: string;
  readonly calls: number;
  readonly seconds: number;
  stretch: number;
  /** Counted by Redis in this stretch; a stretch begun together is ended together. */
  shared: boolean;
  /** Calls of this stretch counted in memory. */
  used: number;
  /** Leased and not spent. */
  available: number;
  /** Taken by all in this stretch, as last heard. */
  taken: number;
  waiters: { resolve(): void; reject(error: AppError): void; now: number }[];
  asking: boolean;
}

export interface Rates {
  open(name: string, rate: { calls: number; seconds: number }): RateCounter;
  /** True: taken. @throws AppError throttled */
  take(counter: RateCounter, now: number): true | Promise<void>;
  /** The call was refused for another reason. */
  giveBack(counter: RateCounter): void;
  remaining(counter: RateCounter, now: number): number;
  /** Other processes came: what was counted in memory is told to them. */
  share(): Promise<void>;
  tick(now: number): void;
}

const KNOWN_WAIT_MS = 1_500;
const AHEAD_SHARE = 16;
const TTL_SLACK_MS = 60_000;

export function makeRates({ counters, members }: { counters: Pick<Counters, 'rate' | 'redis'>; members: Members }): Rates {
  const byName = new Map<string, RateCounter>();

  const endOf = (counter: RateCounter) => (counter.stretch + 1) * counter.seconds * 1_000;
  const throttled = (counter: RateCounter, now: number) =>
    new AppError('throttled', `This plan allows ${counter.calls} calls in ${counter.seconds} s.`, { retryAfterSeconds: secondsLeft(now, endOf(counter)) });
  const keyOf = (counter: RateCounter) => `${counter.name}:${counter.seconds}:${counter.stretch}`;
  const ttlOf = (counter: RateCounter) => counter.seconds * 1_000 + TTL_SLACK_MS;
  /** Without Redis nobody can be asked: each process keeps to its share. */
  const localMost = (counter: RateCounter) =>
    counters.redis.available() || members.processes() === 1 ? counter.calls : Math.ceil(counter.calls / members.processes());

  function turn(counter: RateCounter, now: number): void {
    const stretch = stretchOf(now, counter.seconds);
    // A call that waited may come with an instant of the stretch before: it counts in the running one.
    if (stretch <= counter.stretch) return;
    counter.stretch = stretch;
    counter.shared = members.starting() || (counters.redis.available() && !members.alone());
    counter.used = counter.available = counter.taken = 0;
  }

  async function ask(counter: RateCounter): Promise<void> {
    if (counter.asking) return;
    counter.asking = true;
    try {
      while (counter.waiters.length > 0) {
        if (!members.knownNow() && !(await members.known(KNOWN_WAIT_MS))) throw new Error('limits: others do not know of this process yet');
        const [stretch, want] = [counter.stretch, counter.waiters.length];
        const ahead = Math.floor(counter.calls / AHEAD_SHARE);
        const { granted, taken } = await counters.rate(keyOf(counter), counter.calls, want, ahead, members.processes(), ttlOf(counter));
        if (counter.stretch === stretch) {
          counter.available += granted;
          counter.taken = taken;
        }
        // Granted for the stretch before: these calls were asked for in it.
        let left = counter.stretch === stretch ? counter.available : granted;
        for (const waiter of counter.waiters.splice(0, want)) {
          if (left > 0) {
            left -= 1;
            if (counter.stretch === stretch) counter.available -= 1;
            waiter.resolve();
          } else waiter.reject(throttled(counter, waiter.now));
        }
      }
    } catch {
      // Redis went away in between: a rate is no hard limit, so each process keeps to its share.
      for (const waiter of counter.waiters.splice(0)) {
        if (takeLocal(counter, Math.ceil(counter.calls / members.processes()))) waiter.resolve();
        else waiter.reject(throttled(counter, waiter.now));
      }
    } finally {
      counter.asking = false;
      if (counter.waiters.length > 0) void ask(counter);
    }
  }

  function takeLocal(counter: RateCounter, most: number): boolean {
    if (counter.used >= most) return false;
    counter.used += 1;
    return true;
  }

  return {
    open(name, { calls, seconds }) {
      const known = byName.get(name);
      if (known?.calls === calls && known.seconds === seconds) return known;
      const counter: RateCounter = { name, calls, seconds, stretch: -1, shared: false, used: 0, available: 0, taken: 0, waiters: [], asking: false };
      byName.set(name, counter);
      return counter;
    },
    take(counter, now) {
      turn(counter, now);
      if (!counter.shared || !(counters.redis.available() || members.starting())) {
        if (takeLocal(counter, localMost(counter))) return true;
        throw throttled(counter, now);
      }
      if (counter.available > 0 && counter.waiters.length === 0) {
        counter.available -= 1;
        return true;
      }
      if (counter.taken >= counter.calls) throw throttled(counter, now);
      return new Promise<void>((resolve, reject) => {
        counter.waiters.push({ resolve, reject, now });
        void ask(counter);
      });
    },
    giveBack(counter) {
      if (counter.shared) counter.available += 1;
      else if (counter.used > 0) counter.used -= 1;
    },
    remaining(counter, now) {
      turn(counter, now);
      return Math.max(0, counter.shared ? counter.calls - counter.taken + counter.available : counter.calls - counter.used);
    },
    async share() {
      const told = [...byName.values()].flatMap((counter) => {
        if (counter.shared) return [];
        counter.shared = true;
        const used = counter.used;
        counter.available = 0;
        counter.taken = used;
        if (used === 0) return [];
        return [
          counters
            .rate(keyOf(counter), Number.MAX_SAFE_INTEGER, used, 0, 1, ttlOf(counter))
            .then(({ taken }) => (counter.taken = Math.max(counter.taken, taken))),
        ];
      });
      await Promise.all(told);
    },
    tick(now) {
      for (const counter of byName.values()) {
        if (!counter.asking && stretchOf(now, counter.seconds) - counter.stretch > 600 / counter.seconds + 2) byName.delete(counter.name);
      }
    },
  };
}
