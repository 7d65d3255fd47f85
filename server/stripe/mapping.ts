import type Stripe from 'stripe';
import type { Checkout, FeeAmount, PaymentMethod, StripeInvoice, StripeInvoiceLine } from './port.ts';

/** Stripe takes JSON numbers. @throws RangeError beyond 2⁵³ − 1: a programmer's mistake, no invoice is that large */
export function safeNumber(amountMinor: bigint): number {
  const amount = Number(amountMinor);
  if (!Number.isSafeInteger(amount)) throw new RangeError(`${amountMinor} is beyond what Stripe's JSON can carry`);
  return amount;
}

const ms = (seconds: number): number => seconds * 1000;
const idOf = (reference: string | { id: string } | null | undefined): string | null => (typeof reference === 'string' ? reference : (reference?.id ?? null));

export function checkoutOf(session: Stripe.Checkout.Session): Checkout {
  const intent = session.setup_intent;
  return {
    id: session.id,
    status: (session.status ?? 'open') as Checkout['status'],
    url: session.url,
    customerId: idOf(session.customer),
    subscriptionId: session.client_reference_id,
    paymentMethodId: session.status === 'complete' && typeof intent === 'object' && intent !== null ? idOf(intent.payment_method) : null,
    expiresAt: ms(session.expires_at),
  };
}

export const methodOf = (method: Stripe.PaymentMethod): PaymentMethod => ({
  id: method.id,
  customerId: idOf(method.customer),
  brand: method.card?.brand ?? method.type,
  last4: method.card?.last4 ?? '',
  expiryMonth: method.card?.exp_month ?? 0,
  expiryYear: method.card?.exp_year ?? 0,
});

export const lineOf = (line: Stripe.InvoiceLineItem): StripeInvoiceLine => ({
  id: line.id,
  lineKey: line.metadata.tollgate_line ?? null,
  description: line.description,
  amountMinor: BigInt(line.amount),
});

export const invoiceOf = (invoice: Stripe.Invoice, lines: StripeInvoiceLine[]): StripeInvoice => ({
  id: invoice.id,
  status: (invoice.status ?? 'draft') as StripeInvoice['status'],
  number: invoice.number,
  customerId: idOf(invoice.customer),
  currency: invoice.currency,
  subtotalMinor: BigInt(invoice.subtotal),
  totalMinor: BigInt(invoice.total),
  amountDueMinor: BigInt(invoice.amount_due),
  amountPaidMinor: BigInt(invoice.amount_paid),
  amountRemainingMinor: BigInt(invoice.amount_remaining),
  lines,
  metadata: invoice.metadata ?? {},
  attempts: invoice.attempt_count,
  hostedUrl: invoice.hosted_invoice_url ?? null,
  createdAt: ms(invoice.created),
  paidAt: invoice.status_transitions.paid_at === null ? null : ms(invoice.status_transitions.paid_at),
});

export const feeOf = ({ created, currency, fee }: Stripe.BalanceTransaction): FeeAmount => ({ currency, amountMinor: BigInt(fee), at: ms(created) });

/** One amount per currency, dated by the latest. */
export function addFee(amounts: FeeAmount[], { currency, amountMinor, at }: FeeAmount): void {
  const same = amounts.find((one) => one.currency === currency);
  if (same) Object.assign(same, { amountMinor: same.amountMinor + amountMinor, at: Math.max(same.at, at) });
  else amounts.push({ currency, amountMinor, at });
}
