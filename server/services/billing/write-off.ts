import type { Store } from '../../store/index.ts';
import type { InvoiceDoc } from '../../store/invoices.ts';
import type { Earnings } from '../earnings.ts';

/** Invoices that were carried into one another: more means something is wrong. */
const CARRIED_MAX = 1_000;

export interface WriteOffDependencies {
  readonly store: Pick<Store, 'invoices'>;
  readonly earnings: Pick<Earnings, 'recovered' | 'voided' | 'writtenOff'>;
}

/** What the books say of an invoice that could not be collected. Each verb may be repeated. */
export function makeWriteOff({ store, earnings }: WriteOffDependencies) {
  /** The invoices whose debts and credits it was to collect, however often they were carried on. */
  async function carriedInto({ carriedFrom }: InvoiceDoc): Promise<string[]> {
    const all = new Set<string>();
    for (let next = carriedFrom; next.length > 0;) {
      for (const id of next) all.add(id);
      if (all.size > CARRIED_MAX) throw new RangeError(`more than ${CARRIED_MAX} invoices are carried into one`);
      next = (await store.invoices.many(next)).flatMap((invoice) => invoice.carriedFrom).filter((id) => !all.has(id));
    }
    return [...all];
  }

  const book = async (invoice: InvoiceDoc): Promise<void> => earnings.writtenOff(invoice, await carriedInto(invoice));

  return {
    book,
    /** It is withdrawn. What another process is about to write off is written off first, so that it cannot come after. */
    async voided(invoice: InvoiceDoc): Promise<void> {
      if (invoice.status === 'uncollectible') {
        await book(invoice);
        await earnings.recovered(invoice);
      }
      await earnings.voided(invoice);
    },
  };
}
