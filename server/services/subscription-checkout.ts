import { canOpenCheckout, pendingUntil } from '../domain/subscription.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Store } from '../store/index.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import type { Payments } from '../stripe/payments.ts';
import type { SubscriptionLife } from './subscription-life.ts';

export interface CheckoutDependencies {
  readonly store: Pick<Store, 'accounts' | 'subscriptions'>;
  readonly payments: Pick<Payments, 'createSetupCheckout' | 'ensureCustomer' | 'readPaymentMethod' | 'setDefaultPaymentMethod'>;
  readonly life: Pick<SubscriptionLife, 'read'>;
  readonly clock: Clock;
  /** Address of the portal, without a slash at its end. */
  readonly webUrl: string;
}

/** The buyer at Stripe: the customer, the pages that save a card, and the card itself. */
export function makeSubscriptionCheckout({ store, payments, life, clock, webUrl }: CheckoutDependencies) {
  /** A page at Stripe that saves a card. The key is made of the revision found, so that two who ask at once get one session. */
  async function openCheckout(subscription: SubscriptionDoc): Promise<string | null> {
    if (!canOpenCheckout(subscription, clock.now())) throw new AppError('conflict', 'This purchase was begun too long ago. Cancel it and subscribe again.');
    const customerId = await customerOf(subscription.organizationId);
    const page = `${webUrl}/subscriptions/${subscription._id}`;
    const checkout = await payments.createSetupCheckout({
      subscriptionId: subscription._id,
      customerId,
      successUrl: `${page}?checkout={CHECKOUT_SESSION_ID}`,
      cancelUrl: page,
      expiresAt: pendingUntil(subscription),
      idempotencyKey: `${subscription._id}.checkout.${subscription.rev}`,
    });
    await store.subscriptions.update(subscription._id, subscription.rev, {
      stripeCustomerId: customerId,
      checkoutId: checkout.id,
      checkoutUrl: checkout.url,
      checkoutExpiresAt: checkout.expiresAt,
      // A card that was declined before is not asked again: this visit brings the next one.
      paymentMethodId: null,
    });
    const stored = await life.read(subscription._id);
    return stored.status === 'pending' ? stored.checkoutUrl : null;
  }

  async function customerOf(organizationId: string): Promise<string> {
    const organization = await store.accounts.organization(organizationId);
    if (!organization) throw new AppError('not-found');
    if (organization.stripeCustomerId !== null) return organization.stripeCustomerId;
    const owner = await store.accounts.user(organization.ownerId);
    const customerId = await payments.ensureCustomer({ organizationId, email: owner?.email ?? '', name: organization.name });
    await store.accounts.setStripeCustomer(organizationId, customerId);
    return (await store.accounts.organization(organizationId))?.stripeCustomerId ?? customerId;
  }

  /** The card becomes the one that the organization pays with. */
  async function keepCard(organizationId: string, paymentMethodId: string): Promise<void> {
    const method = await payments.readPaymentMethod(paymentMethodId);
    if (method.customerId === null) return;
    await payments.setDefaultPaymentMethod({ customerId: method.customerId, paymentMethodId });
    await store.accounts.setPaymentMethod(organizationId, {
      id: method.id,
      brand: method.brand,
      last4: method.last4,
      expMonth: method.expiryMonth,
      expYear: method.expiryYear,
    });
  }

  return { customerOf, keepCard, openCheckout };
}
