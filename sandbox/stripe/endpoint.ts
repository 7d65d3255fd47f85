import { invalid, missing } from './faults.ts';
import { fields, integer, list, range, text, within, type Range, type Shape, type Values } from './parameters.ts';
import type { Kind, Kinds, Thing } from './things.ts';
import { view, viewList } from './view.ts';
import type { Tx } from './world.ts';

/** One address of the API: what it takes, and what it does to the world. */
export interface Endpoint {
  method: 'GET' | 'POST' | 'DELETE';
  /** As in Stripe's description: `/v1/customers/{customer}`. */
  path: string;
  params: Shape;
  /** @returns the answer's body */
  run(tx: Tx, params: Record<string, unknown>, named: Record<string, string>): Record<string, unknown>;
}

const expand = { expand: list(text(), { max: 20 }) };
const paging = { limit: integer({ min: 1, max: 100 }), starting_after: text(), ending_before: text() };

/** An endpoint that answers with one object. */
export function one<S extends Shape>(
  method: Endpoint['method'],
  path: string,
  params: S,
  run: (tx: Tx, params: Values<S>, named: Record<string, string>) => Thing,
): Endpoint {
  return {
    method,
    path,
    params: { ...params, ...(method !== 'DELETE' && expand) },
    run: (tx, values, named) => view(tx, run(tx, values as Values<S>, named), (values.expand as string[] | undefined) ?? []),
  };
}

/** An endpoint that answers with a page of objects, newest first. */
export function many<S extends Shape>(path: string, params: S, run: (tx: Tx, params: Values<S>, named: Record<string, string>) => Thing[]): Endpoint {
  return {
    method: 'GET',
    path,
    params: { ...params, ...paging, ...expand },
    run(tx, values, named) {
      const things = run(tx, values as Values<S>, named);
      const url = path.replace(/\{(\w+)\}/g, (_, name: string) => named[name]!);
      return viewList(tx, { ...pageOf(things, values as Paging), url }, (values.expand as string[] | undefined) ?? []);
    },
  };
}

/** The plain list of a kind, filtered by equality on the parameters named, and by `created`. */
export function listOf<K extends Kind, S extends Shape>(path: string, kind: K, params: S, keep: (thing: Kinds[K], params: Values<S>) => boolean): Endpoint {
  return many(path, { ...params, created: range() }, (tx, values) =>
    tx
      .all(kind)
      .filter(
        (thing) => within((thing.created ?? thing.date) as number, (values as { created?: Range }).created) && keep(thing, values as unknown as Values<S>),
      ),
  );
}

interface Paging {
  limit?: number;
  starting_after?: string;
  ending_before?: string;
}

function pageOf(things: Thing[], { limit = 10, starting_after: after, ending_before: before }: Paging): { things: Thing[]; hasMore: boolean } {
  if (after !== undefined && before !== undefined)
    throw invalid('You may only specify one of these parameters: starting_after, ending_before.', { early: true });
  const indexOf = (id: string, param: string) => {
    const index = things.findIndex((thing) => thing.id === id);
    if (index < 0) throw missing('object', id, param);
    return index;
  };
  if (before !== undefined) {
    const end = indexOf(before, 'ending_before');
    return { things: things.slice(Math.max(0, end - limit), end), hasMore: end > limit };
  }
  const start = after === undefined ? 0 : indexOf(after, 'starting_after') + 1;
  return { things: things.slice(start, start + limit), hasMore: things.length > start + limit };
}

/** The object named by the address. */
export const named = <K extends Kind>(tx: Tx, kind: K, id: string): Kinds[K] => tx.get(kind, id, 'id', true);

export const addressFields = fields({ city: text(), country: text(), line1: text(), line2: text(), postal_code: text(), state: text() });

/** `previous_attributes`: what of the shown object was different before. */
export function previousOf(tx: Tx, before: Thing, after: Thing): Record<string, unknown> {
  const [old, now] = [view(tx, before), view(tx, after)];
  return Object.fromEntries(Object.entries(old).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(now[field])));
}
