import { MOVES_AT_ONCE, type Counters } from '../cache/counters.ts';
import type { Members } from './limits-members.ts';

/** Units on their way from what this process holds to the store's share: once a batch is stored, its units are no longer held. */
export interface Moves {
  /** Resolves when the shared count knows. */
  add(name: string, units: number, batch: number): Promise<void>;
  /** A batch is stored, whether or not it moves something. */
  noteBatch(batch: number): void;
  /** The last batch that is stored: what was held for those before it is moved, or about to be. */
  lastBatch(): number;
  drain(): Promise<void>;
  waits(name: string): boolean;
  /** While `post` tells a new epoch what is held. */
  during<T>(epoch: string, post: () => Promise<T>): Promise<T>;
}

export interface MovesOptions {
  readonly counters: Pick<Counters, 'move'>;
  readonly members: Members;
  readonly holder: string;
}

export function makeMoves({ counters, members, holder }: MovesOptions): Moves {
  let moves: { name: string; units: number; batch: number; epoch: string; done(): void }[] = [];
  let lastBatch = 0;
  let moving = false;
  /** While holdings are posted: a batch stored meanwhile is moved under the new epoch, where its number tells whether the post held it. */
  let posting: string | null = null;

  async function drain(): Promise<void> {
    if (moving) return;
    moving = true;
    try {
      while (moves.length > 0) {
        const epoch = members.epoch();
        if (epoch === null) return;
        const first = moves.slice(0, MOVES_AT_ONCE);
        // Under another epoch the posted holdings left these units out already, and the store's share holds them.
        const due = first.filter((move) => move.epoch === epoch);
        if (due.length > 0 && !(await counters.move(epoch, holder, due))) return members.lost();
        // By name: while Redis answered, a new epoch may have taken them out of the line.
        moves = moves.filter((move) => !first.includes(move));
        for (const { done } of first) done();
      }
    } catch {
      // Kept in line: the next tick tries again, and a move that was made is recognised by its number.
    } finally {
      moving = false;
    }
  }

  return {
    drain,
    lastBatch: () => lastBatch,
    noteBatch: (batch) => void (lastBatch = Math.max(lastBatch, batch)),
    waits: (name) => moves.some((move) => move.name === name),
    add(name, units, batch) {
      const epoch = posting ?? members.postedEpoch();
      if (epoch === '') return Promise.resolve();
      return new Promise((done) => {
        moves.push({ name, units, batch, epoch, done });
        void drain();
      });
    },
    async during(epoch, post) {
      posting = epoch;
      for (const move of moves.splice(0)) move.done();
      try {
        return await post();
      } finally {
        posting = null;
      }
    },
  };
}
