import { chunks } from './publications.ts';

/** Numbers that are looked at together: whoever seeks a free one reads at most so many, unless that stretch is full. */
const STRETCH = 250;
/** A place lost to another is sought again; each loss means that somebody else got one. */
const TRIES_MAX = 200;

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
