import { LRUCache } from 'lru-cache';
import { pageWithin } from '../domain/paging.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/index.ts';
import { listVersion, type KeptList } from '../store/list-versions.ts';

/** Rows of all lists together; the least used lists go first. */
const ROWS_MAX = 100_000;
/** Read again even if nothing was told: a process that died between its change and the word of it is made up for within this. */
const KEPT_MS = 60_000;

export interface KeptListsDependencies {
  readonly settings: Pick<Store['settings'], 'get'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Lists kept in memory under a version that stands in the store: a list of thousands costs one point read while nothing changes. */
export interface Versioned {
  /** @param what  which list of those under this version; @param load  reads it whole */
  read<T>(version: string, what: string, load: () => Promise<readonly T[]>): Promise<readonly T[]>;
}

export function makeVersioned({ settings, clock }: KeptListsDependencies): Versioned {
  interface Kept {
    readonly version: number;
    readonly at: number;
    readonly rows: readonly unknown[];
  }
  const kept = new LRUCache<string, Kept>({ maxSize: ROWS_MAX, sizeCalculation: ({ rows }) => rows.length + 1 });
  return {
    async read<T>(name: string, what: string, load: () => Promise<readonly T[]>) {
      // The version first, the rows after it: what is kept is never older than what it is kept under.
      const version = (await settings.get<number>(name)) ?? 0;
      const key = `${name} ${what}`;
      const known = kept.get(key);
      if (known && known.version === version && clock.monotonic() - known.at < KEPT_MS) return known.rows as readonly T[];
      const at = clock.monotonic();
      const rows = await load();
      kept.set(key, { version, at, rows });
      return rows;
    },
  };
}

/** What an organization has, as its lists, counts and choices need it. */
export interface KeptLists {
  /**
   * @param ownerId  whose list: nobody else's records are read or kept under it
   * @param load  reads it whole, in the order it is shown
   * @param part  which part of it, where not all of it is kept
   */
  read<T>(list: KeptList, ownerId: string, load: () => Promise<readonly T[]>, part?: string): Promise<readonly T[]>;
}

export function makeKeptLists(dependencies: KeptListsDependencies): KeptLists {
  const versioned = makeVersioned(dependencies);
  return { read: (list, ownerId, load, part = '') => versioned.read(listVersion(list, ownerId), part, load) };
}

export interface Slice<T> {
  readonly rows: readonly T[];
  readonly total: number;
}

/** A page of a list, and which: past the end it is the last one. */
export interface ListPage<T> extends Slice<T> {
  readonly page: number;
  readonly size: number;
}

/** @param number  of the page, from 1; past the end it is the last one */
export function pageOfList<T>(rows: readonly T[], number: number, size: number): ListPage<T> {
  const page = pageWithin(number, rows.length, size);
  return { rows: rows.slice((page - 1) * size, page * size), total: rows.length, page, size };
}

/**
 * Of records numbered from 1 without gaps, the page that shows the newest first, and the numbers [from, to) on it.
 *
 * @param total  the newest number; @param number  of the page, from 1; past the end it is the last one
 */
export function pageOfNumbers(total: number, number: number, size: number) {
  const page = pageWithin(number, total, size);
  const to = total - (page - 1) * size + 1;
  return { page, size, total, from: Math.max(1, to - size), to };
}

/** Documents in the order of their ids; what is gone meanwhile is left out. */
export function inOrderOf<T extends { readonly _id: string }>(ids: readonly string[], documents: readonly T[]): T[] {
  const found = new Map(documents.map((document) => [document._id, document]));
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** By time, the oldest first, and by id where times are the same. */
export const oldestFirst = (a: { readonly id: string; readonly at: number }, b: { readonly id: string; readonly at: number }): number =>
  a.at - b.at || (a.id < b.id ? -1 : 1);

/** As {@link pageOfList}, for who knows the rest. */
export function slice<T>(rows: readonly T[], number: number, size: number): Slice<T> {
  const { rows: shown, total } = pageOfList(rows, number, size);
  return { rows: shown, total };
}
