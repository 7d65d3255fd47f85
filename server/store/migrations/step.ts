import type { Connection } from 'mongoose';

export type Database = NonNullable<Connection['db']>;
/** Documents of before: what they hold is asked, not assumed. */
export type Earlier = { readonly _id: string } & Readonly<Record<string, unknown>>;

/** Documents that are read and written together: a step that is cut short has the rest still before it. */
const BATCH = 500;

/** Called after every batch with how many documents it changed. @throws when somebody else goes on with it */
export type Progress = (more: number) => Promise<void>;

/**
 * Brings documents of an earlier version into the shape of a later one. May be cut short anywhere, repeated, and run by two at once: it looks for what lacks something
 * and each write says so in its condition. It names collections and fields itself, because the models say what is true today. A step that was
 * released is never changed; the next change of shape is a step of its own.
 */
export interface Migration {
  /** In the words of its log line. */
  readonly name: string;
  run(database: Database, progress: Progress): Promise<void>;
}

export interface Write {
  readonly filter: object;
  readonly update: object;
}

export const of = (database: Database, collection: string) => database.collection<Earlier & { _id: string }>(collection);

export function grouped<T>(docs: readonly T[], keyOf: (doc: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const doc of docs) {
    const key = keyOf(doc);
    const group = groups.get(key);
    if (group) group.push(doc);
    else groups.set(key, [doc]);
  }
  return groups;
}

/** Changes in batches, in their order. */
export async function writeAll(database: Database, collection: string, writes: readonly Write[], progress: Progress): Promise<void> {
  for (let at = 0; at < writes.length; at += BATCH) {
    const some = writes.slice(at, at + BATCH);
    await of(database, collection).bulkWrite(some.map((one) => ({ updateOne: one })) as never, { ordered: true });
    await progress(some.length);
  }
}

/** Values for what lacks a field that came later. */
export async function fillIn(database: Database, collection: string, field: string, values: Readonly<Record<string, unknown>>): Promise<number> {
  return (await of(database, collection).updateMany({ [field]: { $exists: false } }, { $set: values })).modifiedCount;
}
