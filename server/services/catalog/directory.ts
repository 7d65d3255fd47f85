import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kernel/clock.ts';
import type { Store } from '../../store/index.ts';

/** Rows of all lists together; the least used lists go first. */
const ROWS_MAX = 50_000;
/** Read again even if nothing was told: a process that died between its change and the word of it is made up for within this. */
const KEPT_MS = 60_000;

type Settings = Pick<Store['settings'], 'bump' | 'get'>;

const versionOf = (gatewayId: string): string => `catalogue.${gatewayId}`;

/** Call it after every change of a gateway's groups, APIs or publications is stored. */
export const touchCatalogue = async ({ settings }: { readonly settings: Settings }, gatewayId: string): Promise<void> =>
  void (await settings.bump(versionOf(gatewayId)));

/** What a gateway holds, as lists and counts need it, kept in memory: a list of thousands costs one point read while nothing changes. */
export interface Directory {
  /** @param what  which list of the gateway; @param load  reads it whole */
  read<T>(gatewayId: string, what: string, load: () => Promise<readonly T[]>): Promise<readonly T[]>;
}

export function makeDirectory({ settings, clock }: { readonly settings: Settings; readonly clock: Pick<Clock, 'monotonic'> }): Directory {
  interface Kept {
    readonly version: number;
    readonly at: number;
    readonly rows: readonly unknown[];
  }
  const kept = new LRUCache<string, Kept>({ maxSize: ROWS_MAX, sizeCalculation: ({ rows }) => rows.length + 1 });
  return {
    async read<T>(gatewayId: string, what: string, load: () => Promise<readonly T[]>) {
      // The version first, the rows after it: what is kept is never older than what it is kept under.
      const version = (await settings.get<number>(versionOf(gatewayId))) ?? 0;
      const key = `${gatewayId} ${what}`;
      const known = kept.get(key);
      if (known && known.version === version && clock.monotonic() - known.at < KEPT_MS) return known.rows as readonly T[];
      const at = clock.monotonic();
      const rows = await load();
      kept.set(key, { version, at, rows });
      return rows;
    },
  };
}
