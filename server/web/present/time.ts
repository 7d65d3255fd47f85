import { dateWords, timeWords } from '../../domain/time.ts';
import { isoUtc } from '../../kernel/clock.ts';

/** `1 Jun 2029, 06:45 UTC up to 1 Jul 2029, 06:45 UTC`: a half-open period in words (rule N8). */
export const periodWords = (startAt: number, endAt: number): string => `${timeWords(startAt)} up to ${timeWords(endAt)}`;

/** `3 days`, `2 hours`, `45 seconds`: the largest unit that is at least one, rounded down. */
export function durationWords(durationMs: number): string {
  const units: readonly [string, number][] = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1_000],
  ];
  for (const [unit, sizeMs] of units) {
    const count = Math.floor(durationMs / sizeMs);
    if (count >= 1) return `${count} ${unit}${count === 1 ? '' : 's'}`;
  }
  return 'less than a second';
}

export { dateWords, isoUtc, timeWords };
