import { sum } from '../../domain/invoice-math.ts';
import type { Store } from '../../store/index.ts';
import type { InvoiceDoc } from '../../store/invoices.ts';
import type { SubscriptionDoc } from '../../store/subscriptions.ts';

export interface CarryDependencies {
  readonly store: Pick<Store, 'invoices' | 'subscriptions'>;
}

export type Carry = ReturnType<typeof makeCarry>;
type Payer = Pick<SubscriptionDoc, '_id' | 'currency' | 'organizationId' | 'providerId'>;

/** What is carried into an invoice, and from which. */
export interface CarriedIn {
  readonly minor: bigint;
  readonly from: readonly string[];
}

/**
 * Debts too small to charge, and credits (rule N16, F39). Each is carried on by the next invoice of its subscription; once that subscription has
 * ended, by the next invoice of any other one of the same buyer, seller and currency. One conditional write says which invoice that is, before the
 * invoice is written: so nothing is set off twice, and what was cut short in between is found again under the invoice's id.
 */
export function makeCarry({ store: { invoices, subscriptions } }: CarryDependencies) {
  /** Of a buyer's carried invoices, those that no running subscription carries on itself; the one that asks does so now. */
  async function free(organizationId: string, asking = ''): Promise<InvoiceDoc[]> {
    const open = (await invoices.openCarries(organizationId)).filter(({ status }) => status === 'paid');
    const others = await subscriptions.many([...new Set(open.map(({ subscriptionId }) => subscriptionId))].filter((id) => id !== asking));
    const running = new Set(others.filter(({ live }) => live).map(({ _id }) => _id));
    return open.filter(({ subscriptionId }) => !running.has(subscriptionId));
  }

  const freeFor = async ({ _id, currency, organizationId, providerId }: Payer): Promise<InvoiceDoc[]> =>
    (await free(organizationId, _id)).filter((invoice) => invoice.currency === currency && invoice.providerId === providerId);

  const summed = (found: readonly InvoiceDoc[]): CarriedIn => ({
    minor: sum(found.map(({ carriedMinor }) => carriedMinor)),
    from: found.map(({ _id }) => _id).sort(),
  });

  return {
    /** What the next invoice of this subscription would take over. */
    preview: async (subscription: Payer): Promise<CarriedIn> => summed(await freeFor(subscription)),

    /** Take over all that is free, for the invoice with this id; what was taken for it before is part of the answer. */
    async take(subscription: Payer, invoiceId: string): Promise<CarriedIn> {
      for (const { _id } of await freeFor(subscription)) await invoices.takeCarry(_id, invoiceId);
      return summed(await invoices.carriesTakenBy(invoiceId));
    },

    /** Free what was taken for an invoice and is not in it: all of it when it is void. */
    async release({ _id, void: isVoid, carriedFrom }: Pick<InvoiceDoc, '_id' | 'carriedFrom' | 'void'>): Promise<void> {
      for (const taken of await invoices.carriesTakenBy(_id)) if (isVoid || !carriedFrom.includes(taken._id)) await invoices.freeCarry(taken._id, _id);
    },

    /** Was something taken for an invoice that was not written yet? */
    isTaken: async (invoiceId: string): Promise<boolean> => (await invoices.carriesTakenBy(invoiceId)).length > 0,

    /** What a buyer's ended subscriptions left, for the next invoice of the same seller. */
    leftOver: (organizationId: string): Promise<InvoiceDoc[]> => free(organizationId),
  };
}
