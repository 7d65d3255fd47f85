import { grouped, of, writeAll, type Database, type Earlier, type Progress, type Write } from './step.ts';

const numberOf = (value: unknown): number => Number(value ?? 0);

/**
 * Give each document without a place the lowest free one among those of its owner, the oldest first; places that are taken stay. Two who do this at once give the same
 * numbers: what is left to give keeps its order, and so do the numbers that are left.
 *
 * Who has more than there is room for gets numbers beyond the limit: nothing is lost, and nothing new is made before a place below it is free.
 *
 * @param owner  the field that names whose places they are
 * @param needsPlace  of what was set aside nothing takes a place
 */
export async function givePlaces(
  database: Database,
  collection: string,
  owner: string,
  progress: Progress,
  needsPlace: (doc: Earlier) => boolean = () => true,
): Promise<void> {
  const all = await of(database, collection)
    .find({}, { projection: { [owner]: 1, slot: 1, createdAt: 1, gone: 1, confirmed: 1, status: 1, deletedAt: 1, live: 1 } })
    .toArray();
  const writes: Write[] = [];
  for (const held of grouped(all, (doc) => String(doc[owner])).values()) {
    const taken = new Set(held.flatMap(({ slot }) => (typeof slot === 'number' ? [slot] : [])));
    const waiting = held
      .filter((doc) => typeof doc['slot'] !== 'number' && needsPlace(doc))
      .sort((a, b) => numberOf(a['createdAt']) - numberOf(b['createdAt']) || (a._id < b._id ? -1 : 1));
    let slot = 0;
    for (const { _id } of waiting) {
      while (taken.has(slot)) slot += 1;
      writes.push({ filter: { _id, slot: { $not: { $type: 'number' } } }, update: { $set: { slot } } });
      slot += 1;
    }
  }
  await writeAll(database, collection, writes, progress);
}
