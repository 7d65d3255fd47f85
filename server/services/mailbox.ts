import type { Store } from '../store/index.ts';

/** The sandbox's mailbox, read. Production has none: mail leaves by SMTP. */
export function makeMailbox({ store }: { store: Pick<Store, 'mails'> }) {
  return {
    sent: (from: number, to: number) => store.mails.sent(from, to),
    sentTo: (address: string, from: number, to: number) => store.mails.sentTo(address, from, to),
    get: (id: string) => store.mails.get(id),
  };
}
