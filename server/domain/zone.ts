const SHAPE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}))?$/;
const DAY_MS = 86_400_000;

/** Whether a name such as `Europe/Berlin` or `UTC` is a time zone. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{1,40}$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** How far a zone's clocks are ahead of UTC at an instant, ms. */
export function zoneOffsetMs(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) - Math.floor(at / 1000) * 1000;
}

/**
 * A day, or a day and a time, as clocks of a zone show it → epoch ms. Of a time that clocks show twice the first is meant; one that they skip is moved on.
 *
 * @param isEnd  a day without a time means the end of that day
 * @returns undefined when it is no such time
 */
export function localInstant(text: string, zone: string, isEnd = false): number | undefined {
  const match = SHAPE.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const shown = Date.UTC(year, month - 1, day, hour, minute);
  const written = new Date(shown).toISOString().slice(0, 10);
  if (year < 2000 || year > 2999 || hour > 23 || minute > 59 || written !== text.slice(0, 10)) return undefined;
  const wanted = shown + (isEnd && match[4] === undefined ? DAY_MS : 0);
  // The offsets before and after any change near it: the earlier instant that shows the time, if one does.
  const guesses = [wanted - zoneOffsetMs(wanted - DAY_MS, zone), wanted - zoneOffsetMs(wanted + DAY_MS, zone)];
  const right = guesses.filter((at) => at + zoneOffsetMs(at, zone) === wanted);
  return right.length > 0 ? Math.min(...right) : Math.max(...guesses);
}
