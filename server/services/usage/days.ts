import type { Dimension, Split } from '../../domain/usage-splits.ts';
import { DAY_MS, dayOf, HOUR_MS, NO_USAGE, plus, type HourTotal, type Total } from '../../domain/usage-totals.ts';
import { REQUESTS_METER } from '../../domain/plan.ts';
import type { Clock } from '../../kernel/clock.ts';
import { makeKeptLists, type KeptListsDependencies } from '../kept-lists.ts';

/** Days that are kept together. */
const CHUNK_MS = 32 * DAY_MS;

/** What was used in one hour; of days that are over, split by a dimension, in one day. */
export interface UsagePart {
  /** Start of the hour or the day, epoch ms. */
  readonly at: number;
  /** The value of the dimension; empty where nothing is told apart. */
  readonly key: string;
  readonly quantities: HourTotal;
}

export interface UsageDaysDependencies {
  readonly store: Pick<KeptListsDependencies, 'settings'>;
  readonly clock: Clock;
  readonly totals: {
    ofDays(sub: string, from: number, to: number): Promise<{ readonly totals: readonly Total[] }>;
    readonly splits: { ofDays(sub: string, from: number, to: number, dimension: Dimension): Promise<readonly Split[]> };
  };
}

/**
 * Usage over long times: days that are over are read once and kept, the last two and what a range cuts off are read at every look. A batch that came late is
 * told to whoever keeps its days before its calls count as stored.
 */
export function makeUsageDays({ store: { settings }, clock, totals }: UsageDaysDependencies) {
  const lists = makeKeptLists({ settings, clock });

  /** Calls stand on the meter `requests`, whatever else is counted. */
  async function read(sub: string, from: number, to: number, by: Dimension | 'total'): Promise<UsagePart[]> {
    const parts: UsagePart[] = [];
    if (by === 'total') {
      for (const { day, meter, hours } of (await totals.ofDays(sub, from, to)).totals) {
        if (meter === REQUESTS_METER) for (const [hour, quantities] of hours) parts.push({ at: day + hour * HOUR_MS, key: '', quantities });
      }
      return parts;
    }
    for (const { day, by: split } of await totals.splits.ofDays(sub, from, to, by)) {
      for (const [key, hours] of split[by]) for (const [hour, quantities] of hours) parts.push({ at: day + hour * HOUR_MS, key, quantities });
    }
    return parts;
  }

  /** Whole days, each value of a day in one part. */
  async function readDays(sub: string, from: number, to: number, by: Dimension | 'total'): Promise<UsagePart[]> {
    const parts = await read(sub, from, to, by);
    if (by === 'total') return parts;
    const sums = new Map<string, UsagePart>();
    for (const { at, key, quantities } of parts) {
      const id = `${dayOf(at)} ${key}`;
      sums.set(id, { at: dayOf(at), key, quantities: plus(sums.get(id)?.quantities ?? NO_USAGE, quantities) });
    }
    return [...sums.values()];
  }

  return {
    /** All that touches the days of [from, to): whoever asks takes the hours he wants. */
    async parts(sub: string, from: number, to: number, by: Dimension | 'total'): Promise<readonly UsagePart[]> {
      const first = dayOf(from + DAY_MS - 1);
      // Yesterday and today are read at every look.
      const last = dayOf(clock.now()) - DAY_MS;
      const end = Math.min(dayOf(to), last);
      if (end <= first) return read(sub, dayOf(from), to, by);
      const found: UsagePart[] = [];
      if (dayOf(from) < first) found.push(...(await read(sub, dayOf(from), first, by)));
      for (let chunk = Math.floor(first / CHUNK_MS) * CHUNK_MS; chunk < end; chunk += CHUNK_MS) {
        const over = Math.min(chunk + CHUNK_MS, last);
        const kept = await lists.read('usage', sub, () => readDays(sub, chunk, over, by), `${by} ${chunk} ${over}`);
        for (const part of kept) if (part.at >= first && part.at < end) found.push(part);
      }
      if (end < to) found.push(...(await read(sub, end, to, by)));
      return found;
    },
  };
}
