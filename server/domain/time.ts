const SHAPE = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{3}))?Z$/;
const YEAR_MIN = 2000;
const YEAR_MAX = 2999;

/**
 * `2029-06-30T23:59:59Z`, or with exactly three decimals → epoch milliseconds. UTC alone; no offset, no 24:00, no second 60, no date that does not exist.
 *
 * @returns undefined when it is no such time
 */
export function readInstant(text: string): number | undefined {
  const match = SHAPE.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second, ms] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month - 1)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second, ms);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `30 Jun 2029` in UTC: how a date stands on pages and invoices. */
export function dateWords(epochMs: number): string {
  const at = new Date(epochMs);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
}

export const twoDigits = (n: number): string => String(n).padStart(2, '0');

/** `30 Jun 2029, 23:59 UTC`: minutes are enough for people, the `datetime` attribute keeps the rest. */
export function timeWords(epochMs: number): string {
  const at = new Date(epochMs);
  return `${dateWords(epochMs)}, ${twoDigits(at.getUTCHours())}:${twoDigits(at.getUTCMinutes())} UTC`;
}

/** @param month  0 for January; UTC alone, so that the server's zone has no say */
export const daysInMonth = (year: number, month: number): number => new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
