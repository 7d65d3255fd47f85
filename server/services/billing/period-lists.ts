import { PLATFORM_ORGANIZATION } from '../../domain/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Store } from '../../store/index.ts';
import { listVersion } from '../../store/list-versions.ts';
import type { PeriodDoc } from '../../store/periods.ts';
import { inOrderOf, makeVersioned, pageOfList, type ListPage } from '../kept-lists.ts';
import { timelinePage, makeTimeline } from '../timeline.ts';

const DAY_MS = 86_400_000;
const PAGE_SIZE = 25;
/** In the order in which a period passes them. */
const NOT_INVOICED = ['open', 'closing', 'frozen'] as const;

export interface PeriodListsDependencies {
  readonly store: Pick<Store, 'periods' | 'settings'>;
  readonly clock: Pick<Clock, 'monotonic' | 'now'>;
}

/** What operators see of all periods, page by page, from 1. */
export function makePeriodLists({ store, clock }: PeriodListsDependencies) {
  const versioned = makeVersioned({ settings: store.settings, clock });
  const frozen = makeTimeline((_key, from, to) => store.periods.frozenTimes(from, to), clock);

  /** Ending before `to`, the earliest end first. */
  async function notInvoiced(to: number): Promise<{ id: string; endAt: number }[]> {
    const found = new Map<string, { readonly _id: string; readonly endAt: number; readonly index: number }>();
    // One after the other: one that moves on meanwhile is met twice, and never missed.
    for (const status of NOT_INVOICED) for (const period of await store.periods.endTimes(status, to)) found.set(period._id, period);
    return [...found.values()].sort((a, b) => a.endAt - b.endAt || a.index - b.index || (a._id < b._id ? -1 : 1)).map(({ _id, endAt }) => ({ id: _id, endAt }));
  }

  return {
    /** Those that have ended and are not invoiced, the earliest end first. */
    async due(number: number): Promise<ListPage<PeriodDoc>> {
      const now = clock.now();
      // Periods become due by time alone, so those that end until the end of the day are kept with them.
      const day = Math.floor(now / DAY_MS);
      const all = await versioned.read(listVersion('openPeriods', PLATFORM_ORGANIZATION), String(day), () => notInvoiced((day + 1) * DAY_MS));
      const found = pageOfList(
        all.filter(({ endAt }) => endAt <= now),
        number,
        PAGE_SIZE,
      );
      const ids = found.rows.map(({ id }) => id);
      return { ...found, rows: inOrderOf(ids, await store.periods.many(ids)) };
    },

    /** Those whose quantities were frozen within [from, to), the latest first. */
    async closed(range: { readonly from: number; readonly to: number }, number: number): Promise<ListPage<PeriodDoc>> {
      const { ids, total, page } = await timelinePage(frozen, 'all', range, number, PAGE_SIZE);
      return { rows: inOrderOf(ids, await store.periods.many(ids)), total, page, size: PAGE_SIZE };
    },
  };
}
