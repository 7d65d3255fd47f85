import type { Beat, Counters } from '../cache/counters.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';

/**
 * Which processes share the counts, and whether the counts can be believed. Each process says every quarter of a second that it lives.
 * The epoch names one unbroken life of the counts: when it is absent or changed, or the server is another one than before, every
 * process posts anew what it holds before a count is opened again.
 */
export interface Members {
  /** The epoch for which this process has posted its holdings; null while hard limits cannot be counted. */
  epoch(): string | null;
  /** Like `epoch`, but waits a moment where Redis answers and only the last beat is old, as after a stall of this process. */
  soon(): Promise<string | null>;
  /** The epoch last posted for, whether or not Redis answers now. */
  postedEpoch(): string;
  /** Gateway clock at the epoch's beginning: a window that begins later was never counted elsewhere. */
  beganAt(): number;
  processes(): number;
  /** No other process counts: rates may be kept in memory. */
  alone(): boolean;
  /** Every other process knows of this one, so that none counts rates in its own memory alone. */
  knownNow(): boolean;
  /** Just started, and Redis had no time to answer yet. */
  starting(): boolean;
  /** Resolves true once every other process knows of this one; false after `waitMs`. */
  known(waitMs: number): Promise<boolean>;
  /** True once every process that may hold units has posted for the epoch. */
  allPosted(): Promise<boolean>;
  /** Something answered that the epoch is another one. */
  lost(): void;
  start(): void;
  stop(): Promise<void>;
}

export interface MembersOptions {
  readonly counters: Pick<Counters, 'beat' | 'establish' | 'redis' | 'serverIdentity'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly holder: string;
  /** Nodes that the store has seen within the last seconds: whoever is among them may hold units. */
  readonly liveNodes: () => Promise<readonly string[]>;
  /** Post everything this process holds. False: the epoch changed meanwhile. */
  readonly post: (epoch: string) => Promise<boolean>;
  /** Other processes appeared: what was counted in memory alone must be posted. */
  readonly joined: () => Promise<void>;
  /** Once after each beat. */
  readonly tick: () => void;
}

const BEAT_MS = 250;
/**
 * Units leased earlier may be spent this long after the last beat that was answered. A count is rebuilt later than that after the epoch
 * began, so that a process cut off from Redis has stopped by then.
 */
const VALID_MS = 4_000;
const REBUILD_AFTER_MS = 4_400;
/** Clocks of nodes differ; a window that began this long after the epoch was surely begun under it. */
const CLOCK_SLACK_MS = 10_000;
/** How long a process that just started waits for Redis before it counts as away. */
const START_MS = 1_500;
const SOON_MS = 1_000;

export function makeMembers({ counters, clock, ids, log, holder, liveNodes, post, joined, tick }: MembersOptions): Members {
  let posted = '';
  let beganAt = Number.MAX_SAFE_INTEGER;
  let last: Beat | null = null;
  let answeredAt = -Infinity;
  let myRoll = -1;
  let identityKnown = false;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> | null = null;
  let stopped = false;
  const startedAt = clock.monotonic();

  counters.redis.onReady(() => {
    identityKnown = false;
    void beatNow();
  });

  const beatNow = () => (beating ??= beat().finally(() => (beating = null)));

  async function beat(): Promise<void> {
    if (stopped || !counters.redis.available()) return;
    try {
      for (let round = 0; round < 4; round += 1) if (await beatOnce()) break;
    } catch (error) {
      log.debug({ err: error }, 'limits: no beat');
    }
    tick();
  }

  /** True when this process stands on the roll and in the present epoch. */
  async function beatOnce(): Promise<boolean> {
    const sentAt = clock.monotonic();
    const before = last;
    const answer = await counters.beat(holder, posted, last?.roll ?? -1);
    last = answer;
    if (answer.came) myRoll = answer.roll;
    const othersCame = answer.live > 1 && (before === null || before.live <= 1);
    if (othersCame) await joined();
    let epoch = answer.epoch;
    if (!identityKnown || epoch === '') {
      const identity = await counters.serverIdentity();
      if (epoch === '' || identityOf(epoch) !== identity) {
        const mine = `${ids.secret(6)} ${clock.now()} ${answer.serverMs} ${identity}`;
        epoch = await counters.establish(epoch, mine);
        if (epoch === mine) log.warn({ epoch }, 'limits: counts are begun anew and rebuilt from the store');
      }
      identityKnown = true;
    }
    if (epoch !== posted) {
      // Not usable from here until all is posted.
      answeredAt = -Infinity;
      posted = '';
      if (!(await post(epoch))) return false;
      posted = epoch;
      beganAt = nowOf(epoch);
      return false;
    }
    answeredAt = sentAt;
    return true;
  }

  const fresh = () => counters.redis.available() && clock.monotonic() - answeredAt < VALID_MS;

  const starting = () => last === null && clock.monotonic() - startedAt < START_MS;
  const knownNow = () => last !== null && fresh() && (last.live === 1 || last.leastRollSeen >= myRoll);

  return {
    epoch: () => (posted !== '' && fresh() ? posted : null),
    async soon() {
      const until = clock.monotonic() + SOON_MS;
      for (;;) {
        if (posted !== '' && fresh()) return posted;
        if (clock.monotonic() >= until || !(counters.redis.available() || starting())) return null;
        await beatNow();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    postedEpoch: () => posted,
    beganAt: () => beganAt + CLOCK_SLACK_MS,
    processes: () => Math.max(1, last?.live ?? 1),
    alone: () => last?.live === 1 && fresh(),
    knownNow,
    starting,
    async known(waitMs) {
      const until = clock.monotonic() + waitMs;
      for (;;) {
        if (knownNow()) return true;
        if (clock.monotonic() >= until || !(counters.redis.available() || starting())) return false;
        await beatNow();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async allPosted() {
      await beatNow();
      if (!last || posted === '' || last.epoch !== posted || last.posted < last.live) return false;
      if (last.serverMs - serverMsOf(posted) > REBUILD_AFTER_MS) return true;
      const nodes = await liveNodes();
      const holders = last.postedHolders.map((name) => name.slice(0, name.lastIndexOf('-')));
      return nodes.every((node) => holders.includes(node));
    },
    lost() {
      answeredAt = -Infinity;
      void beatNow();
    },
    start() {
      timer = setInterval(() => void beatNow(), BEAT_MS);
      void beatNow();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await beating;
    },
  };
}

const partsOf = (epoch: string): string[] => epoch.split(' ');
const nowOf = (epoch: string): number => Number(partsOf(epoch)[1]);
const serverMsOf = (epoch: string): number => Number(partsOf(epoch)[2]);
const identityOf = (epoch: string): string => partsOf(epoch)[3] ?? '';
