import type { Counters } from '../cache/counters.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';

const BEAT_MS = 500;

export type Epoch = ReturnType<typeof makeEpoch>;

/**
 * The epoch of the shared counts. Its text names the server's data, so that a restart without data and a failover both begin a new one; a process that
 * meets another epoch than its own posts what it holds before anything is counted again.
 */
export function makeEpoch({ counters, holder, clock, ids, log }: { counters: Counters; holder: string; clock: Clock; ids: Ids; log: Log }) {
  let present: string | null = null;
  let posted = '';
  let [live, everybodyPosted] = [1, false];
  let roll = -1;
  let timer: NodeJS.Timeout | null = null;
  let beating: Promise<void> | null = null;
  const onBeat: (() => Promise<void>)[] = [];
  const onChange: ((epoch: string) => Promise<void>)[] = [];

  async function beat(): Promise<void> {
    const identity = await counters.serverIdentity();
    const { epoch, live: members, posted: acknowledged, roll: seen } = await counters.beat(holder, posted, roll);
    roll = seen;
    const found = epoch.startsWith(`${identity} `) ? epoch : await counters.establish(epoch, `${identity} ${clock.now()} ${ids.uuid()}`);
    if (found !== posted) {
      if (posted !== '') log.warn('the shared counts were lost; they are rebuilt from the store and from what each gateway holds');
      for (const listener of onChange) await listener(found);
      posted = found;
      await counters.beat(holder, posted, roll);
      everybodyPosted = members <= 1;
    } else everybodyPosted = acknowledged >= members;
    live = Math.max(1, members);
    present = found;
    for (const listener of onBeat) await listener();
  }

  const beatNow = (): Promise<void> =>
    (beating ??= beat()
      .catch(() => {
        // Away: nothing is known until it answers again. The client says so in the log.
        present = null;
      })
      .finally(() => (beating = null)));

  return {
    /** Null while Redis is away. */
    present: () => present,
    /** Every live process has posted what it holds, so a cold counter may be opened. */
    whole: () => present !== null && everybodyPosted,
    live: () => live,
    /** Whether a window that began at `startAt` is younger than the epoch: then an absent counter is surely zero. */
    fresh: (startAt: number): boolean => present !== null && startAt >= Number(present.split(' ')[1]),
    beatNow,
    onBeat: (listener: () => Promise<void>) => void onBeat.push(listener),
    onChange: (listener: (epoch: string) => Promise<void>) => void onChange.push(listener),
    async start() {
      await counters.redis.ready(2_000);
      await beatNow();
      timer = setInterval(() => void beatNow(), BEAT_MS);
    },
    stop() {
      if (timer) clearInterval(timer);
    },
  };
}

export const cannotCount = (cause?: unknown): AppError => new AppError('cannot-count', undefined, { cause, retryAfterSeconds: 2 });
