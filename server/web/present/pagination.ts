import { pageWithin } from '../../domain/paging.ts';

export interface Pages {
  readonly from: number;
  readonly to: number;
  readonly total: number;
  /** Null where `previous` leads there, or nothing is before. */
  readonly first: string | null;
  readonly previous: string | null;
  readonly next: string | null;
  /** Null where `next` leads there, or nothing is after. */
  readonly last: string | null;
}

/**
 * Links to the neighbouring pages of a list and to its ends; every other part of the query stays.
 *
 * @param page  from 1; past the end it is the last one
 * @param name  of the page number in the query, where one page has several lists: its links lead to the section with that id, not to the top of the page
 */
export function pagination(
  path: string,
  query: Readonly<Record<string, unknown>>,
  { page: asked, size, total }: { page: number; size: number; total: number },
  name = 'page',
): Pages {
  const page = pageWithin(asked, total, size);
  const section = name === 'page' ? '' : `#${name}`;
  const link = (to: number): string => address(path, { ...query, [name]: to === 1 ? undefined : String(to) }) + section;
  const last = Math.max(1, Math.ceil(total / size));
  return {
    from: total === 0 ? 0 : (page - 1) * size + 1,
    to: Math.min(page * size, total),
    total,
    first: page > 2 ? link(1) : null,
    previous: page > 1 ? link(page - 1) : null,
    next: page < last ? link(page + 1) : null,
    last: page < last - 1 ? link(last) : null,
  };
}

/** A path with a query; empty and missing values are left out, lists repeat their key. */
export function address(path: string, query: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(query).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).filter((v): v is string => typeof v === 'string' && v !== '').map((v): [string, string] => [key, v]),
  );
  const text = new URLSearchParams(parts).toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The page numbers of a page's lists as a query, for what is pressed there and leads back to it. */
export const placeOf = (query: Readonly<Record<string, unknown>>, ...names: readonly string[]): string =>
  address('', Object.fromEntries(names.map((name) => [name, pageOf(query[name]) === 1 ? undefined : String(pageOf(query[name]))])));

/** The page number of a query: a whole number from 1; anything else is the first page. */
export function pageOf(value: unknown): number {
  return typeof value === 'string' && /^[1-9][0-9]{0,6}$/.test(value) ? Number(value) : 1;
}
