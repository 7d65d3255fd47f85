/**
 * Two times. `now` carries the sandbox offset and governs admission, periods, quotas and dunning; `real` is the machine's
 * and governs signature skew, webhook tolerance, sessions, logs and delays. In production the offset is 0 and cannot be set.
 */
export interface Clock {
  /** Epoch milliseconds with the offset. */
  now(): number;
  /** Epoch milliseconds of the machine. */
  real(): number;
  /** Milliseconds of a steady clock, for durations only. */
  monotonic(): number;
  offsetMs(): number;
  /** @throws RangeError when the clock would step back: periods that were closed must stay in the past */
  setOffset(offsetMs: number): void;
}

export function makeClock({ offsetMs = 0, real = Date.now }: { offsetMs?: number; real?: () => number } = {}): Clock {
  let offset = offsetMs;
  return {
    now: () => real() + offset,
    real,
    monotonic: () => performance.now(),
    offsetMs: () => offset,
    setOffset(next) {
      if (next < offset) throw new RangeError('the clock only moves forward');
      offset = next;
    },
  };
}

/** `2029-06-30T23:59:59Z`, with `.mmm` only when not zero. */
export const isoUtc = (epochMs: number): string => new Date(epochMs).toISOString().replace('.000Z', 'Z');
