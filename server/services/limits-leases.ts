import type { Counters } from '../cache/counters.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { AHEAD_FIRST, cannotCount, heldBy, refuseAll, serve, type CounterPlace, type QuotaCounter, type StoredCount } from './limits-counter.ts';
import type { Members } from './limits-members.ts';
import type { Moves } from './limits-moves.ts';

/** What this process and the shared count say to each other about one quota. */
export interface Leases {
  /** Lease for whoever waits, and ahead of need; serves or refuses them all. */
  ask(counter: QuotaCounter): Promise<void>;
  /** A soft count: what was spent is leased afterwards. Any count: what Redis may have misheard is said anew. */
  tell(counter: QuotaCounter): Promise<void>;
  /** Return what is not spent. */
  handBack(counter: QuotaCounter): void;
  /** Say what this process holds, to an epoch that does not know. False: the epoch changed. */
  post(counter: QuotaCounter, epoch: string): Promise<boolean>;
}

export interface LeasesOptions {
  readonly counters: Counters;
  readonly members: Members;
  readonly moves: Moves;
  readonly clock: Clock;
  readonly log: Log;
  readonly holder: string;
  readonly stored: (place: CounterPlace) => Promise<StoredCount>;
}

const AHEAD_MAX = 100_000;
const FAR_SLICES = 1_000;
const COLD_WAIT_MS = 1_500;
const RECALL_EVERY_MS = 250;
const RECALL_WAITS_MS = [4, 12, 30];
/** Beyond the window's end a counter is needed for late records and for its page only. */
const KEEP_MS = 40 * 86_400_000;

export function makeLeases({ counters, members, moves, clock, log, holder, stored }: LeasesOptions): Leases {
  const warming = new Map<string, Promise<boolean>>();

  const ttlOf = (counter: QuotaCounter) => Math.round(Math.max(0, counter.endAt - clock.now()) + KEEP_MS);
  const post = (counter: QuotaCounter, epoch: string) => counters.post(epoch, counter.name, holder, heldBy(counter), moves.lastBatch(), ttlOf(counter));

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

  /** A slice should last about a second; where thousands of them are left, so that nobody else will miss it, about four. */
  function pace(counter: QuotaCounter, granted: number): void {
    const now = clock.monotonic();
    const lasted = now - counter.leasedAt;
    counter.leasedAt = now;
    const far = counter.limit - counter.total > FAR_SLICES * counter.ahead;
    if (lasted < (far ? 2_000 : 500)) counter.ahead = Math.min(AHEAD_MAX, counter.ahead * 2);
    else if (lasted > (far ? 16_000 : 4_000)) counter.ahead = Math.max(AHEAD_FIRST, Math.floor(counter.ahead / 2));
    counter.lowWater = counter.tight ? 0 : Math.floor(granted / 4);
  }

  /** Say anew what this process holds of a counter; moves that wait go first, because they count as held. */
  async function resync(counter: QuotaCounter, epoch: string): Promise<boolean> {
    await moves.drain();
    if (moves.waits(counter.name)) throw new Error('limits: moves wait for Redis');
    counter.unsure = false;
    try {
      return await post(counter, epoch);
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

  return { ask, tell, handBack, post };
}
