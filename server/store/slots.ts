import { insertOnce } from './connect.ts';
import { chunks } from './publications.ts';

/** Numbers that are looked at together: whoever seeks a free one reads at most so many, unless that stretch is full. */
const STRETCH = 250;
/** A place lost to another is sought again; each loss means that somebody else got one. */
const TRIES_MAX = 200;

/** Unique by owner and number. Partial: what gave its place back has none. */
export const ONE_SLOT = { unique: true, partialFilterExpression: { slot: { $gte: 0 } }, name: 'one_slot' } as const;

/** A document with a place among those of its owner, from 0; given when it is stored, null once it was given back. */
export interface Placed {
  _id: string;
  slot?: number | null;
}

/** Every place, as a range with two ends: nothing without a place is read. */
export const ANY_PLACE = { $gte: 0, $lt: Number.MAX_SAFE_INTEGER } as const;
/** How many places of an owner are taken. */
export const takenPlaces = async (model: Pick<PlacedModel<never>, 'find'>, owner: Readonly<Record<string, string>>): Promise<number> =>
  (await model.find({ ...owner, slot: ANY_PLACE }, { _id: 1 }).lean()).length;

/** What a model of mongoose gives, as far as it is needed here. */
interface PlacedModel<D> {
  exists(filter: object): PromiseLike<unknown>;
  create(doc: D): Promise<unknown>;
  find(filter: object, projection: object): { lean(): PromiseLike<readonly unknown[]> };
}

/** What became of a document that needed a place. `present`: its id stood before; `taken`: another document has one of its unique keys; `full`: no place is left. */
export type Placement = 'added' | 'full' | 'present' | 'taken';

/**
 * Insert one document at a free place of its owner.
 *
 * @param owner  whose places they are, as the index `ONE_SLOT` begins
 * @param isTaken  whether another document has one of the other unique keys, for those that have some
 */
export async function addPlaced<D extends Placed>(
  model: PlacedModel<D>,
  doc: D,
  owner: Readonly<Record<string, string>>,
  limit: number,
  isTaken: () => Promise<boolean> = async () => false,
): Promise<Placement> {
  const isPresent = async () => (await model.exists({ _id: doc._id })) !== null;
  if (await isPresent()) return 'present';
  let inserted = false;
  const { stand, full } = await placeAll([doc], limit, doc._id, {
    taken: async (from, to) => {
      const rows = (await model.find({ ...owner, slot: { $gte: from, $lt: to } }, { slot: 1 }).lean()) as readonly { slot: number }[];
      return rows.map(({ slot }) => slot);
    },
    async insert([placed]) {
      inserted = await insertOnce(() => model.create({ ...doc, slot: placed?.slot ?? 0 }));
      if (inserted || (await isPresent())) return { stand: new Set([doc]), refused: new Set() };
      return { stand: new Set(), refused: new Set((await isTaken()) ? [doc] : []) };
    },
  });
  if (stand.size > 0) return inserted ? 'added' : 'present';
  return full.length > 0 ? 'full' : 'taken';
}

/** What takes a numbered place: `taken` reads the numbers in use in [from, to), `insert` answers with what stands afterwards. */
export interface SlotKeeper<T> {
  taken(from: number, to: number): Promise<readonly number[]>;
  insert(placed: readonly { readonly item: T; readonly slot: number }[]): Promise<{
    readonly stand: ReadonlySet<T>;
    /** Refused for another reason than the place: they are not tried again. */
    readonly refused: ReadonlySet<T>;
  }>;
}

/**
 * Give each item a number below `limit` that nothing else has. The unique index over the number decides, so that the limit holds exactly, whoever creates at
 * the same time; removing what holds a number frees it.
 *
 * @param seed  where to begin: those who begin elsewhere seldom meet
 * @returns what stands, and what found no place
 */
export async function placeAll<T>(items: readonly T[], limit: number, seed: string, keeper: SlotKeeper<T>): Promise<{ stand: Set<T>; full: T[] }> {
  const stand = new Set<T>();
  let waiting: readonly T[] = items;
  for (let tries = 0; waiting.length > 0 && tries < TRIES_MAX; tries++) {
    const free = await freeSlots(limit, waiting.length, seedOf(seed), keeper);
    if (free.length === 0) break;
    const placed = waiting.slice(0, free.length).map((item, index) => ({ item, slot: free[index] ?? 0 }));
    const lost: T[] = [];
    for (const some of chunks(placed)) {
      const answer = await keeper.insert(some);
      for (const { item } of some) {
        if (answer.stand.has(item)) stand.add(item);
        else if (!answer.refused.has(item)) lost.push(item);
      }
    }
    waiting = [...lost, ...waiting.slice(free.length)];
  }
  return { stand, full: [...waiting] };
}

async function freeSlots<T>(limit: number, wanted: number, seed: number, { taken }: SlotKeeper<T>): Promise<number[]> {
  const stretches = Math.ceil(limit / STRETCH);
  const free: number[] = [];
  for (let turn = 0; turn < stretches && free.length < wanted; turn++) {
    const from = ((seed + turn) % stretches) * STRETCH;
    const to = Math.min(from + STRETCH, limit);
    const used = new Set(await taken(from, to));
    for (let slot = from; slot < to; slot++) if (!used.has(slot)) free.push(slot);
  }
  const at = free.length === 0 ? 0 : seed % free.length;
  return [...free.slice(at), ...free.slice(0, at)];
}

const seedOf = (text: string): number => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
