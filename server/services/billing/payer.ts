import { AppError } from '../../kernel/errors.ts';
import type { Store } from '../../store/index.ts';
import type { InvoiceDoc } from '../../store/invoices.ts';
import type { SubscriptionDoc } from '../../store/subscriptions.ts';
import type { Payments } from '../../stripe/payments.ts';

export interface PayerDependencies {
  readonly store: Pick<Store, 'accounts' | 'subscriptions'>;
  readonly payments: Pick<Payments, 'ensureCustomer'>;
}

/** Who pays an invoice, and with which card. */
export function makePayer({ store, payments }: PayerDependencies) {
  async function subscriptionOf({ subscriptionId }: InvoiceDoc): Promise<SubscriptionDoc> {
    const subscription = await store.subscriptions.get(subscriptionId);
    if (!subscription) throw new AppError('internal', undefined, { cause: new Error(`${subscriptionId} is gone`) });
    return subscription;
  }

  async function customerOf(invoice: InvoiceDoc): Promise<string> {
    const subscription = await subscriptionOf(invoice);
    if (subscription.stripeCustomerId !== null) return subscription.stripeCustomerId;
    const organization = await store.accounts.organization(invoice.organizationId);
    if (!organization) throw new AppError('internal', undefined, { cause: new Error(`${invoice.organizationId} is gone`) });
    if (organization.stripeCustomerId !== null) return organization.stripeCustomerId;
    const owner = await store.accounts.user(organization.ownerId);
    const customerId = await payments.ensureCustomer({ organizationId: organization._id, email: owner?.email ?? '', name: organization.name });
    await store.accounts.setStripeCustomer(organization._id, customerId);
    return (await store.accounts.organization(organization._id))?.stripeCustomerId ?? customerId;
  }

  /** The card of the purchase for invoice 0; for all others the one the buyer pays with now. Null: there is none. */
  async function cardOf(invoice: InvoiceDoc): Promise<string | null> {
    const subscription = await subscriptionOf(invoice);
    if (invoice.periodIndex === 0) return subscription.paymentMethodId;
    return (await store.accounts.organization(invoice.organizationId))?.paymentMethod?.id ?? subscription.paymentMethodId;
  }

  /** Names one attempt: a visit to Checkout for invoice 0, a count for the others, and the card. */
  async function attemptKeyOf(invoice: InvoiceDoc): Promise<string> {
    const what = invoice.periodIndex === 0 ? ((await subscriptionOf(invoice)).checkoutId ?? 'none') : `${invoice.attempts}`;
    return `${what}.${(await cardOf(invoice)) ?? 'none'}`;
  }

  return { customerOf, cardOf, attemptKeyOf };
}
