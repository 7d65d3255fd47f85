import { LRUCache } from 'lru-cache';
import { pageWithin } from '../domain/paging.ts';
import type { Clock } from '../kernel/clock.ts';

/** Rows of all lists together; the least used lists go first. */
const ROWS_MAX = 500_000;
/** A record may be stored a little after the time it bears. */
const OVERLAP_MS = 60_000;
/** Read whole again: what was stored later still is seen within this. */
const KEPT_MS = 600_000;

/** One record of a list that only grows: its id and its time, epoch ms, which never changes. */
export interface Timed {
  readonly _id: string;
  readonly at: number;
}

export interface TimelinePage {
  /** Newest first. */
  readonly ids: string[];
  /** In the whole range. */
  readonly total: number;
}

/** Pages of lists that only grow in time: ids and times are kept in memory, each look reads what has come since, by a range with two ends. */
export interface Timeline {
  /** Every record in the range, oldest first. @param key  whose list */
  rows(key: string, range: { readonly from: number; readonly to: number }): Promise<readonly Timed[]>;
  /** @param key  whose list; @param page  from 1; past the end it is the last one */
  page(key: string, range: { readonly from: number; readonly to: number }, page: number, size: number): Promise<TimelinePage>;
}

/** @param read  every record of the list in [from, to) */
export function makeTimeline(read: (key: string, from: number, to: number) => Promise<readonly Timed[]>, clock: Pick<Clock, 'monotonic'>): Timeline {
  interface Kept {
    readonly readAt: number;
    readonly since: number;
    readonly through: number;
    /** Oldest first. */
    readonly rows: readonly Timed[];
  }
  const kept = new LRUCache<string, Kept>({ maxSize: ROWS_MAX, sizeCalculation: ({ rows }) => rows.length + 1 });

  async function rowsOf(key: string, from: number, to: number): Promise<readonly Timed[]> {
    const known = kept.get(key);
    const usable = known !== undefined && known.since <= from && clock.monotonic() - known.readAt < KEPT_MS ? known : undefined;
    if (!usable) {
      const readAt = clock.monotonic();
      const rows = inOrder(await read(key, from, to));
      kept.set(key, { readAt, since: from, through: to, rows });
      return rows;
    }
    if (to <= usable.through - OVERLAP_MS) return usable.rows;
    const seam = Math.max(usable.since, usable.through - OVERLAP_MS);
    const fresh = await read(key, seam, Math.max(to, usable.through));
    const rows = [...usable.rows.filter(({ at }) => at < seam), ...inOrder(fresh)];
    kept.set(key, { ...usable, through: Math.max(to, usable.through), rows });
    return rows;
  }

  const within = async (key: string, { from, to }: { readonly from: number; readonly to: number }): Promise<readonly Timed[]> =>
    (await rowsOf(key, from, to)).filter(({ at }) => at >= from && at < to);

  return {
    rows: within,
    async page(key, range, page, size) {
      const rows = await within(key, range);
      const end = Math.max(0, rows.length - (pageWithin(page, rows.length, size) - 1) * size);
      return {
        ids: rows
          .slice(Math.max(0, end - size), end)
          .map(({ _id }) => _id)
          .reverse(),
        total: rows.length,
      };
    },
  };
}

/** As {@link Timeline.page}, and which page it is. */
export async function timelinePage(
  timeline: Timeline,
  key: string,
  range: { readonly from: number; readonly to: number },
  number: number,
  size: number,
): Promise<TimelinePage & { readonly page: number; readonly size: number }> {
  const found = await timeline.page(key, range, number, size);
  return { ...found, page: pageWithin(number, found.total, size), size };
}

const inOrder = (rows: readonly Timed[]): Timed[] => rows.map(({ _id, at }) => ({ _id, at })).sort((a, b) => a.at - b.at || (a._id < b._id ? -1 : 1));
