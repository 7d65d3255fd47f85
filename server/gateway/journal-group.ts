import type { Clock } from '../kernel/clock.ts';

/** What one write to the journal carries. */
export interface Group<T> {
  records: T[];
  ended: T[];
  /** Resolves when it is written, and on disk where the journal is strict. */
  readonly kept: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export function newGroup<T>(): Group<T> {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const kept = new Promise<void>((yes, no) => ([resolve, reject] = [yes, no]));
  // Whoever waits hears of it; a group nobody waits for must not end the process.
  kept.catch(() => undefined);
  return { records: [], ended: [], kept, resolve, reject };
}

/** Records of one group from which on the next ones gather longer. */
export const THICK = 8;
const GATHER_MS = 2;
const QUIET_TURNS = 2;

/**
 * How long a group gathers before it is written. Whatever else the running turn of the event loop brings shares the write and the sync; while records come
 * thick, so does what the next turns bring, because a write costs the same for thirty as for sixty (docs/decisions/0009). Two turns that bring nothing
 * end it, so that nobody waits for a timer, and so does {@link GATHER_MS}.
 *
 * @returns waits; `size` tells how many records the group holds
 */
export function makeGathering(clock: Pick<Clock, 'monotonic'>): (size: () => number) => Promise<void> {
  let last = 0;
  return async (size) => {
    await turn();
    const until = last < THICK ? -Infinity : clock.monotonic() + GATHER_MS;
    for (let quiet = 0; quiet < QUIET_TURNS && clock.monotonic() < until;) {
      const before = size();
      await turn();
      quiet = size() === before ? quiet + 1 : 0;
    }
    last = size();
  };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
