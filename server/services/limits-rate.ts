import type { Counters } from '../cache/counters.ts';
import { AppError } from '../kernel/errors.ts';
import type { Epoch } from './limits-epoch.ts';

/** Slices of stretches that are over are forgotten once there are this many. */
const SLICES_MAX = 20_000;

interface Slice {
  left: number;
  waiting: number;
  remaining: number;
  asking: Promise<boolean> | null;
  recent: number;
}

/** Rate limits in fixed stretches of the clock, shared by all processes; and a plain per-process ceiling for what has no plan. */
export function makeRates({ counters, epoch }: { counters: Counters; epoch: Epoch }) {
  const slices = new Map<string, Slice>();
  const local = new Map<string, { second: number; count: number }>();

  const stretch = (seconds: number, now: number) => Math.floor(now / (seconds * 1_000));
  const secondsLeft = (seconds: number, now: number) => Math.max(1, Math.ceil(((stretch(seconds, now) + 1) * seconds * 1_000 - now) / 1_000));

  function sliceOf(name: string): Slice {
    let slice = slices.get(name);
    if (!slice) {
      if (slices.size >= SLICES_MAX) slices.clear();
      slice = { left: 0, waiting: 0, remaining: 0, asking: null, recent: 0 };
      slices.set(name, slice);
    }
    return slice;
  }

  /** @returns whether anything was left */
  async function ask(name: string, slice: Slice, calls: number, seconds: number): Promise<boolean> {
    const { granted, taken } = await counters.rate(name, calls, Math.max(1, slice.waiting), slice.recent, epoch.live(), seconds * 2_000);
    slice.left += granted;
    slice.remaining = Math.max(0, calls - taken);
    return granted > 0;
  }

  return {
    /** @returns calls left in this stretch, as far as this process knows; at once when its slice holds one. @throws AppError throttled */
    take(subscriptionId: string, calls: number, seconds: number, now: number): number | Promise<number> {
      const name = `${subscriptionId}.${stretch(seconds, now)}`;
      const slice = sliceOf(name);
      slice.recent += 1;
      if (slice.left > 0) {
        slice.left -= 1;
        return slice.remaining + slice.left;
      }
      return (async () => {
        slice.waiting += 1;
        try {
          while (slice.left === 0) {
            slice.asking ??= ask(name, slice, calls, seconds).finally(() => (slice.asking = null));
            const granted = await slice.asking.catch(() => {
              // Redis is away: a fair share of the limit keeps soft plans going; hard ones are refused by their quota.
              slice.remaining = 0;
              return slice.recent <= Math.floor(calls / epoch.live()) && (slice.left += 1) > 0;
            });
            if (!granted && slice.left === 0) throw new AppError('throttled', `This plan allows ${calls} calls in ${seconds} s.`, { retryAfterSeconds: secondsLeft(seconds, now) });
          }
          slice.left -= 1;
          return slice.remaining + slice.left;
        } finally {
          slice.waiting -= 1;
        }
      })();
    },

    giveBack(subscriptionId: string, seconds: number, now: number): void {
      const slice = slices.get(`${subscriptionId}.${stretch(seconds, now)}`);
      if (slice) slice.left += 1;
    },

    async look(subscriptionId: string, calls: number, seconds: number, now: number): Promise<number> {
      const name = `${subscriptionId}.${stretch(seconds, now)}`;
      const { taken } = await counters.rate(name, calls, 0, 0, epoch.live(), seconds * 2_000).catch(() => ({ taken: calls }));
      return Math.max(0, calls - taken) + (slices.get(name)?.left ?? 0);
    },

    /** A ceiling of calls a second, shared evenly by the live processes. @throws AppError throttled */
    takeLocal(name: string, perSecond: number, now: number): void {
      const second = Math.floor(now / 1_000);
      let count = local.get(name);
      if (!count || count.second !== second) {
        if (local.size > SLICES_MAX) local.clear();
        count = { second, count: 0 };
        local.set(name, count);
      }
      if (count.count >= Math.max(1, Math.floor(perSecond / epoch.live()))) throw new AppError('throttled', undefined, { retryAfterSeconds: 1 });
      count.count += 1;
    },
  };
}
