import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/index.ts';
import { inOrderOf } from './kept-lists.ts';
import { timelinePage, makeTimeline } from './timeline.ts';

const PAGE_SIZE = 50;

/** The sandbox's mailbox, read. Production has none: mail leaves by SMTP. */
export function makeMailbox({ store, clock }: { store: Pick<Store, 'mails'>; clock: Pick<Clock, 'monotonic'> }) {
  const all = makeTimeline((_key, from, to) => store.mails.times(from, to), clock);
  return {
    /** A page of those sent within [from, to), the newest first; from 1. Without their text. */
    async page(range: { readonly from: number; readonly to: number }, number: number) {
      const { ids, total, page } = await timelinePage(all, 'all', range, number, PAGE_SIZE);
      return { mails: inOrderOf(ids, await store.mails.many(ids)), total, page, size: PAGE_SIZE };
    },
    sent: (from: number, to: number) => store.mails.sent(from, to),
    sentTo: (address: string, from: number, to: number) => store.mails.sentTo(address, from, to),
    get: (id: string) => store.mails.get(id),
  };
}
