import { daysInMonth } from './time.ts';

const SHAPE = /^P(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,3})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$/;
const DAY_MS = 86_400_000;

/**
 * The instant an ISO 8601 duration after another: calendar months and years in UTC, the day cut to the length of the month; the rest exactly.
 *
 * @param from  epoch ms
 * @returns undefined when the text is no duration, or a duration of nothing
 */
export function later(from: number, duration: string): number | undefined {
  const match = SHAPE.exec(duration);
  if (!match || duration.endsWith('T')) return undefined;
  const [years, months, weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const start = new Date(from);
  const total = start.getUTCMonth() + months + 12 * years;
  const [year, month] = [start.getUTCFullYear() + Math.floor(total / 12), total % 12];
  const day = Math.min(start.getUTCDate(), daysInMonth(year, month));
  const moved = Date.UTC(year, month, day) + (from % DAY_MS) + (7 * weeks + days) * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return moved > from ? moved : undefined;
}
