import type { Store } from '../../store/index.ts';
import type { InvoiceChange, InvoiceDoc } from '../../store/invoices.ts';

/** The seller's next number: gap-free, so the first that is free is found by halving; the unique index settles who gets it. `change` is in the same write. */
export async function giveNumber({ invoices }: Pick<Store, 'invoices'>, { _id, providerId }: InvoiceDoc, change: InvoiceChange): Promise<void> {
  let given = 0;
  let free = 1;
  for (; await invoices.isNumberGiven(providerId, free); free *= 2) given = free;
  while (free - given > 1) {
    const middle = Math.floor((given + free) / 2);
    if (await invoices.isNumberGiven(providerId, middle)) given = middle;
    else free = middle;
  }
  for (let ordinal = free; (await invoices.number(_id, ordinal, change)) === 'taken'; ordinal += 1);
}
