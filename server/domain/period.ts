import { daysInMonth } from './time.ts';

/**
 * Boundary i of a subscription: the anchor plus i months or years, the day cut to the length of that month, always counted
 * from the anchor, so that 31 January, 28 February, 31 March (rule N8). UTC; the server's zone has no say.
 *
 * @param anchorAt  epoch ms, a whole second
 * @param index  0 is the anchor itself
 */
export function boundary(anchorAt: number, interval: 'month' | 'year', index: number): number {
  const anchor = new Date(anchorAt);
  const months = anchor.getUTCMonth() + index * (interval === 'year' ? 12 : 1);
  const year = anchor.getUTCFullYear() + Math.floor(months / 12);
  const month = months - Math.floor(months / 12) * 12;
  const day = Math.min(anchor.getUTCDate(), daysInMonth(year, month));
  return Date.UTC(year, month, day, anchor.getUTCHours(), anchor.getUTCMinutes(), anchor.getUTCSeconds());
}

const DAY_MS = 86_400_000;

/** The number of the first boundary after an instant. */
export function nextBoundaryIndex(anchorAt: number, interval: 'month' | 'year', at: number): number {
  // No interval is longer, so that this one is not after it.
  let index = Math.max(0, Math.floor((at - anchorAt) / ((interval === 'month' ? 31 : 366) * DAY_MS)));
  while (boundary(anchorAt, interval, index) <= at) index += 1;
  return index;
}

/** The first `count` boundaries, the anchor among them. */
export const boundaries = (anchorAt: number, interval: 'month' | 'year', count: number): number[] =>
  Array.from({ length: count }, (_, index) => boundary(anchorAt, interval, index));

/** Is the instant in [start, end)? */
export const within = ({ startAt, endAt }: { startAt: number; endAt: number }, at: number): boolean => startAt <= at && at < endAt;
