import type { Composition } from '../../server/compose.ts';
import type { TestStripe } from './stripe.ts';

/** One invoice as each of three witnesses tells it, amounts in minor units. */
export interface Booked {
  readonly boundary: number;
  readonly store: { readonly status: string; readonly totalMinor: bigint };
  readonly ledger: { readonly owedMinor: bigint; readonly paidMinor: bigint };
  /** One entry for each invoice at Stripe that names ours, with every charge that succeeded for it. */
  readonly stripe: readonly { readonly status: string; readonly totalMinor: bigint; readonly charges: readonly bigint[] }[];
}

/** What the books say of an invoice that was made once and paid once. */
export const paidOnce = (boundary: number, totalMinor: bigint): Booked => ({
  boundary,
  store: { status: 'paid', totalMinor },
  ledger: { owedMinor: totalMinor, paidMinor: totalMinor },
  stripe: [{ status: 'paid', totalMinor, charges: [totalMinor] }],
});

/** The invoices of a subscription in the order of their boundaries, as the store, the ledger and Stripe's stand-in have them. */
export async function booksOf({ store }: Composition, stripe: TestStripe, subscriptionId: string): Promise<Booked[]> {
  const tx = stripe.world.read();
  const moved = async (cause: string, account: string): Promise<bigint> =>
    ((await store.ledger.get(cause))?.entries ?? [])
      .filter((entry) => entry.account.split(':')[0] === account)
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  const atStripe = (invoiceId: string): Booked['stripe'] =>
    tx
      .all('invoice')
      .filter(({ metadata }) => metadata['tollgate_invoice'] === invoiceId)
      .map(({ id, status, total }) => {
        const intents = new Set(
          tx
            .all('payment_intent')
            .filter(({ $invoice }) => $invoice === id)
            .map((intent) => intent.id),
        );
        const charges = tx.all('charge').filter(({ paid, payment_intent: intent }) => paid && intent !== null && intents.has(intent));
        return { status, totalMinor: BigInt(total), charges: charges.map(({ amount }) => BigInt(amount)) };
      });
  const invoices = await store.invoices.ofSubscription(subscriptionId);
  return Promise.all(
    invoices
      .sort((a, b) => a.periodIndex - b.periodIndex)
      .map(async ({ _id, periodIndex, status, totalMinor }) => ({
        boundary: periodIndex,
        store: { status, totalMinor },
        ledger: { owedMinor: await moved(`inv.finalized.${_id}`, 'receivable'), paidMinor: await moved(`pay.${_id}`, 'stripe_clearing') },
        stripe: atStripe(_id),
      })),
  );
}
