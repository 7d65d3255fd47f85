import type { Counters } from '../cache/counters.ts';
import { secondsLeft } from '../domain/quota.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import type { Members } from './limits-members.ts';

/** One quota as this process sees it. What it holds of the shared count is `available + inFlight + kept`. */
export interface QuotaCounter {
  readonly name: string;
  readonly place: CounterPlace;
  limit: number;
  hard: boolean;
  /** Of the window. */
  readonly startAt: number;
  readonly endAt: number;
  /** Units leased and not spent. Below zero only where the quota is soft: spent before Redis heard of it. */
  available: number;
  inFlight: number;
  /** Units of recorded calls whose batch is not stored yet. */
  kept: number;
  /** Units used by all, as last heard. */
  total: number;
  /** Units worth leasing ahead of need: about what one second spends. */
  ahead: number;
  /** Near the end: nothing is held that no call needs. */
  tight: boolean;
  waiters: Waiter[];
  asking: boolean;
  /** An answer of Redis was lost: what it thinks we hold must be said anew. */
  unsure: boolean;
  /** Monotonic ms. */
  usedAt: number;
  leasedAt: number;
  recalledAt: number;
  lowWater: number;
}

export interface CounterPlace {
  readonly gatewayId: string;
  readonly subscriptionId: string;
  readonly window: string;
  readonly meter: string;
}

interface Waiter {
  readonly units: number;
  readonly now: number;
  resolve(): void;
  reject(error: AppError): void;
}

/** What the store holds of a counter: units that kept their place, and the last batch per holder among them. */
export interface StoredCount {
  readonly units: bigint;
  readonly batches: ReadonlyMap<string, number>;
}

export interface QuotaOptions {
  readonly counters: Counters;
  readonly members: Members;
  readonly clock: Clock;
  readonly log: Log;
  readonly holder: string;
  readonly stored: (place: CounterPlace) => Promise<StoredCount>;
}

export interface Quotas {
  find(name: string): QuotaCounter | undefined;
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

const AHEAD_FIRST = 8;
const AHEAD_MAX = 100_000;
const IDLE_MS = 2_000;
/** Beyond the window's end a counter is needed for late records and for its page only. */
const KEEP_MS = 40 * 86_400_000;
const COLD_WAIT_MS = 1_500;
const RECALL_EVERY_MS = 250;
const RECALL_WAITS_MS = [4, 12, 30];
const FORGET_MS = 600_000;
const RETRY_SECONDS = 2;

export function makeQuotas({ counters, members, clock, log, holder, stored }: QuotaOptions): Quotas {
  const byName = new Map<string, QuotaCounter>();
  const warming = new Map<string, Promise<boolean>>();
  let lastBatch = 0;
  const moves: { name: string; units: number; batch: number; epoch: string; done(): void }[] = [];
  let moving = false;
  /** While holdings are posted: a batch stored meanwhile is moved under the new epoch, where its number tells whether the post held it. */
  let posting: string | null = null;

  const ttlOf = (counter: QuotaCounter) => Math.round(Math.max(0, counter.endAt - clock.now()) + KEEP_MS);
  const cannotCount = (cause?: unknown) => new AppError('cannot-count', undefined, { cause, retryAfterSeconds: RETRY_SECONDS });
  const exceeded = (counter: QuotaCounter, now: number) =>
    new AppError('quota-exceeded', `This plan allows ${counter.limit} units in a period, and they are used.`, {
      retryAfterSeconds: secondsLeft(now, counter.endAt),
    });

  /** First come, first served; one that does not fit whole lets a smaller one behind it pass. */
  function serve(counter: QuotaCounter, exhausted: boolean): void {
    const waiting = counter.waiters;
    counter.waiters = [];
    for (const waiter of waiting) {
      if (waiter.units <= counter.available) {
        counter.available -= waiter.units;
        counter.inFlight += waiter.units;
        waiter.resolve();
      } else if (exhausted) waiter.reject(exceeded(counter, waiter.now));
      else counter.waiters.push(waiter);
    }
  }

  function refuseAll(counter: QuotaCounter, error: AppError): void {
    for (const waiter of counter.waiters.splice(0)) waiter.reject(error);
  }

  async function ask(counter: QuotaCounter): Promise<void> {
    if (counter.asking) return;
    counter.asking = true;
    try {
      await lease(counter);
    } catch (error) {
      counter.unsure = true;
      log.debug({ err: error, counter: counter.name }, 'limits: no answer to a lease');
      if (counter.hard) refuseAll(counter, cannotCount(error));
    } finally {
      counter.asking = false;
      if (counter.tight && counter.available > 0) handBack(counter);
      // Whoever came while the last answer was being handed out.
      if (counter.waiters.length > 0) void ask(counter);
    }
  }

  async function lease(counter: QuotaCounter): Promise<void> {
    let recalls = 0;
    for (;;) {
      const epoch = members.epoch() ?? (await members.soon());
      if (epoch === null) return refuseAll(counter, cannotCount());
      if (counter.unsure && !(await resync(counter, epoch))) continue;
      const waiting = counter.waiters.reduce((sum, { units }) => sum + units, 0);
      const want = Math.max(0, waiting - counter.available);
      const answer = await counters.lease({
        epoch,
        holder,
        name: counter.name,
        limit: counter.limit,
        hard: counter.hard,
        want,
        ahead: counter.tight || !counter.hard ? 0 : counter.ahead,
        processes: members.processes(),
        fresh: counter.startAt >= members.beganAt(),
        ttlMs: ttlOf(counter),
      });
      // Granted by counts that are gone: what was posted since does not hold it.
      if (answer === 'lost' || members.postedEpoch() !== epoch) {
        if (answer === 'lost') members.lost();
        return refuseAll(counter, cannotCount());
      }
      if (answer === 'cold') {
        const open = await Promise.race([warm(counter), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), COLD_WAIT_MS))]);
        if (!open) return refuseAll(counter, cannotCount());
        continue;
      }
      counter.total = answer.total;
      counter.available += answer.granted;
      if (answer.cold) void warm(counter);
      if (!counter.hard) return;
      counter.tight = answer.granted <= want;
      pace(counter, answer.granted);
      const exhausted = answer.granted < want;
      if (exhausted && members.processes() > 1 && (await recall(counter, recalls))) {
        recalls += 1;
        serve(counter, false);
        continue;
      }
      serve(counter, exhausted);
      if (counter.waiters.length === 0) return;
    }
  }

  /** Nothing is left, but another process may hold units it has not spent: ask for them, and look again a few times. */
  async function recall(counter: QuotaCounter, looks: number): Promise<boolean> {
    if (looks === 0) {
      if (clock.monotonic() - counter.recalledAt < RECALL_EVERY_MS) return false;
      counter.recalledAt = clock.monotonic();
      await counters.recall(counter.name);
    }
    const waitMs = RECALL_WAITS_MS[looks];
    if (waitMs === undefined) return false;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    return true;
  }

  /** A slice should last about a second. */
  function pace(counter: QuotaCounter, granted: number): void {
    const now = clock.monotonic();
    const lasted = now - counter.leasedAt;
    counter.leasedAt = now;
    if (lasted < 500) counter.ahead = Math.min(AHEAD_MAX, counter.ahead * 2);
    else if (lasted > 4_000) counter.ahead = Math.max(AHEAD_FIRST, Math.floor(counter.ahead / 2));
    counter.lowWater = counter.tight ? 0 : Math.floor(granted / 4);
  }

  /** Say anew what this process holds of a counter; moves that wait go first, because they count as held. */
  async function resync(counter: QuotaCounter, epoch: string): Promise<boolean> {
    await drainMoves();
    if (moves.some(({ name }) => name === counter.name)) throw new Error('limits: moves wait for Redis');
    const held = counter.available + counter.inFlight + counter.kept;
    counter.unsure = false;
    try {
      return await counters.post(epoch, counter.name, holder, held, lastBatch, ttlOf(counter));
    } catch (error) {
      counter.unsure = true;
      throw error;
    }
  }

  /** Add the store's share to a counter that was lost. True: it is open. */
  function warm(counter: QuotaCounter): Promise<boolean> {
    const running = warming.get(counter.name);
    if (running) return running;
    const started = rebuild(counter)
      .catch((error: unknown) => {
        log.warn({ err: error, counter: counter.name }, 'limits: a count could not be rebuilt');
        return false;
      })
      .finally(() => warming.delete(counter.name));
    warming.set(counter.name, started);
    return started;
  }

  async function rebuild(counter: QuotaCounter): Promise<boolean> {
    const until = clock.monotonic() + 10_000;
    while (clock.monotonic() < until) {
      const epoch = members.epoch();
      if (epoch === null) return false;
      if (!(await members.allPosted())) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        continue;
      }
      const { units, batches } = await stored(counter.place);
      const outcome = await counters.warm(epoch, counter.name, ttlOf(counter), units, batches);
      if (outcome === 'open') return true;
      if (outcome === 'lost') return false;
    }
    return false;
  }

  /** Return what is not spent. Where the answer is lost, what we hold is said anew before the next lease. */
  function handBack(counter: QuotaCounter): void {
    const epoch = members.epoch();
    const units = counter.available;
    if (epoch === null || units <= 0) return;
    counter.available = 0;
    counter.total -= units;
    counters.giveBack(epoch, counter.name, holder, units).catch(() => (counter.unsure = true));
  }

  async function drainMoves(): Promise<void> {
    if (moving) return;
    moving = true;
    try {
      for (let next = moves[0]; next; next = moves[0]) {
        const epoch = members.epoch();
        if (epoch === null) return;
        // Under another epoch the posted holdings left these units out already, and the store's share holds them.
        if (next.epoch === epoch && !(await counters.move(epoch, next.name, holder, next.batch, next.units))) return members.lost();
        moves.shift();
        next.done();
      }
    } catch {
      // Kept in line: the next tick tries again, and a move that was made is recognised by its number.
    } finally {
      moving = false;
    }
  }

  return {
    find: (name) => byName.get(name),
    open(name, place, { limit, hard }, { startAt, endAt }) {
      const known = byName.get(name);
      if (known) return Object.assign(known, { limit, hard });
      const counter: QuotaCounter = {
        name,
        place,
        limit,
        hard,
        startAt,
        endAt,
        available: 0,
        inFlight: 0,
        kept: 0,
        total: 0,
        ahead: AHEAD_FIRST,
        tight: false,
        waiters: [],
        asking: false,
        unsure: false,
        usedAt: clock.monotonic(),
        leasedAt: -Infinity,
        recalledAt: -Infinity,
        lowWater: 0,
      };
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
        if (counter.available < counter.lowWater && !counter.asking) void ask(counter);
        return true;
      }
      if (units > counter.limit) throw exceeded(counter, now);
      return new Promise<void>((resolve, reject) => {
        counter.waiters.push({ units, now, resolve, reject });
        if (!counter.asking) void ask(counter);
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
      if (counter.tight && !counter.asking) handBack(counter);
    },
    move(name, units, batch) {
      lastBatch = Math.max(lastBatch, batch);
      const counter = byName.get(name);
      const epoch = posting ?? members.postedEpoch();
      if (!counter) return Promise.resolve();
      counter.kept -= units;
      if (epoch === '') return Promise.resolve();
      return new Promise((done) => {
        moves.push({ name, units, batch, epoch, done });
        void drainMoves();
      });
    },
    async post(epoch) {
      posting = epoch;
      for (const move of moves.splice(0)) move.done();
      try {
        for (const counter of byName.values()) {
          counter.total = 0;
          counter.tight = false;
          counter.unsure = false;
          const held = counter.available + counter.inFlight + counter.kept;
          if (held > 0 && !(await counters.post(epoch, counter.name, holder, held, lastBatch, ttlOf(counter)))) return false;
        }
        return true;
      } finally {
        posting = null;
      }
    },
    tick() {
      void drainMoves();
      const now = clock.monotonic();
      for (const counter of byName.values()) {
        if (counter.asking) continue;
        if ((!counter.hard && counter.available < 0) || counter.unsure) void tell(counter);
        else if (counter.available > 0 && (now - counter.usedAt > IDLE_MS || !counter.hard)) handBack(counter);
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
      if (!counter.asking) handBack(counter);
    },
    async returnAll() {
      for (const counter of byName.values()) {
        while (counter.asking) await new Promise((resolve) => setTimeout(resolve, 5));
        if (counter.available < 0) await tell(counter);
        handBack(counter);
      }
      await drainMoves();
    },
  };

  /** A soft count: what was spent is leased afterwards. Any count: what Redis may have misheard is said anew. */
  async function tell(counter: QuotaCounter): Promise<void> {
    const epoch = members.epoch();
    if (epoch === null || counter.asking) return;
    counter.asking = true;
    try {
      if (counter.unsure && !(await resync(counter, epoch))) return;
      const want = -counter.available;
      if (want <= 0) return;
      const answer = await counters.lease({
        epoch,
        holder,
        name: counter.name,
        limit: counter.limit,
        hard: false,
        want,
        ahead: 0,
        processes: members.processes(),
        fresh: counter.startAt >= members.beganAt(),
        ttlMs: ttlOf(counter),
      });
      if (answer === 'lost' || answer === 'cold' || members.postedEpoch() !== epoch) return;
      counter.total = answer.total;
      counter.available += answer.granted;
      if (answer.cold) void warm(counter);
    } catch {
      counter.unsure = true;
    } finally {
      counter.asking = false;
    }
  }
}
