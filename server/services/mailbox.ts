import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Store } from '../store/index.ts';
import type { MailDoc } from '../store/mails.ts';
import { inOrderOf } from './kept-lists.ts';
import { timelinePage, makeTimeline } from './timeline.ts';

const PAGE_SIZE = 50;

/** The sandbox's mailbox, read by anybody: its mails are to people that do not exist. Production has none: mail leaves by SMTP. */
export function makeMailbox({ store, clock }: { store: Pick<Store, 'mails'>; clock: Pick<Clock, 'monotonic'> }) {
  const all = makeTimeline((_key, from, to) => store.mails.times(from, to), clock);
  return {
    /** A page of those sent within [from, to), the newest first; from 1. Without their text. */
    async page(_actor: Actor, range: { readonly from: number; readonly to: number }, number: number) {
      const { ids, total, page } = await timelinePage(all, 'all', range, number, PAGE_SIZE);
      return { mails: inOrderOf(ids, await store.mails.many(ids)), total, page, size: PAGE_SIZE };
    },
    /** Those sent within [from, to). @param address  null: to anybody */
    sent: (_actor: Actor, address: string | null, from: number, to: number): Promise<MailDoc[]> =>
      address === null ? store.mails.sent(from, to) : store.mails.sentTo(address.toLowerCase(), from, to),
    /** @throws not-found */
    async get(_actor: Actor, id: string): Promise<MailDoc> {
      const mail = await store.mails.get(id);
      if (!mail) throw new AppError('not-found');
      return mail;
    },
  };
}
