import type Stripe from 'stripe';

/** An event as the inbox keeps it: only what identifies it. What happened is read again at Stripe, because events come late, twice and out of order. */
export interface InboundEvent {
  /** `evt_…` */
  id: string;
  type: string;
  /** The object it is about, such as `in_…`; null for a shape we do not know. */
  objectId: string | null;
  /** Epoch ms, Stripe's clock. */
  createdAt: number;
  livemode: boolean;
  /** The connected account it happened on; null for our own. */
  account: string | null;
}

export type EventMeaning = 'checkout' | 'invoice' | 'payment-method';

/** Types that move something of ours, one line each, sorted. All others are kept and ignored. */
const MEANINGS: ReadonlyMap<string, EventMeaning> = new Map([
  ['checkout.session.completed', 'checkout'],
  ['checkout.session.expired', 'checkout'],
  ['invoice.finalized', 'invoice'],
  ['invoice.marked_uncollectible', 'invoice'],
  ['invoice.paid', 'invoice'],
  ['invoice.payment_action_required', 'invoice'],
  ['invoice.payment_failed', 'invoice'],
  ['invoice.payment_succeeded', 'invoice'],
  ['invoice.voided', 'invoice'],
  ['payment_method.attached', 'payment-method'],
  ['payment_method.automatically_updated', 'payment-method'],
  ['payment_method.detached', 'payment-method'],
  ['payment_method.updated', 'payment-method'],
]);

/** The kind of object to read again, or null: store and ignore. */
export const meaningOf = (type: string): EventMeaning | null => MEANINGS.get(type) ?? null;

/** The types to subscribe a webhook endpoint to; Stripe's list of events takes at most 20. */
export const HANDLED_EVENT_TYPES: readonly string[] = [...MEANINGS.keys()];

/**
 * What the inbox calls, after it has read the object's present state at Stripe. The state decides, not the event's name: a late
 * `invoice.payment_failed` for an invoice that is paid by now arrives as `onInvoicePaid`. Each may be called any number of times, in any order.
 * A returned text is kept as the event's result.
 */
export interface InboundHandlers {
  onCheckoutCompleted(checkoutId: string): Promise<string | void>;
  onCheckoutExpired(checkoutId: string): Promise<string | void>;
  onInvoiceFinalized(stripeInvoiceId: string): Promise<string | void>;
  onInvoicePaid(stripeInvoiceId: string): Promise<string | void>;
  onInvoicePaymentFailed(stripeInvoiceId: string): Promise<string | void>;
  onInvoiceUncollectible(stripeInvoiceId: string): Promise<string | void>;
  onInvoiceVoided(stripeInvoiceId: string): Promise<string | void>;
  /** Attached, renewed by the issuer, or detached. */
  onPaymentMethodChanged(paymentMethodId: string): Promise<string | void>;
}

/** Works for every shape: an event without a known object has no object id, and is kept all the same. */
export function toInboundEvent(event: Stripe.Event): InboundEvent {
  const { id } = event.data.object as { id?: unknown };
  return {
    id: event.id,
    type: event.type,
    objectId: typeof id === 'string' ? id : null,
    createdAt: event.created * 1000,
    livemode: event.livemode,
    account: event.account ?? null,
  };
}
