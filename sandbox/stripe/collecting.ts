import { AUTHENTICATION_FAILED, cardOf, DECLINES, type Decline } from './cards.ts';
import { minimumCharge, stepOf } from './currencies.ts';
import { invalid, StripeFault } from './faults.ts';
import { declined, resolvePaymentMethod } from './resources/payment-methods.ts';
import { newCharge, newInvoicePayment, newPaymentIntent } from './payment-shapes.ts';
import type { Invoice, PaymentIntent, PaymentMethod } from './things.ts';
import { view } from './view.ts';
import type { Tx } from './world.ts';

/** A rate of the usual kind: 2.9 % and 30 minor units, on the currency's step, never more than the payment. */
const FEE_PER_MILLE = 29;
const FEE_FIXED = 30;
const AVAILABLE_AFTER_SECONDS = 2 * 86_400;

/** draft → open; or paid at once when nothing is due, or less than is ever charged. */
export function finalize(tx: Tx, invoice: Invoice): Invoice {
  if (invoice.status !== 'draft')
    throw invalid('This invoice is already finalized, you can’t re-finalize a non-draft invoice.', { code: 'invoice_not_editable' });
  const customer = tx.get('customer', invoice.customer);
  if (invoice.number === null) invoice.number = `${customer.invoice_prefix}-${String(customer.next_invoice_sequence++).padStart(4, '0')}`;
  // The customer's balance (a debt above zero, a credit below) is drawn onto this invoice; what a negative sum leaves is the new credit.
  const due = invoice.total + customer.balance;
  invoice.starting_balance = customer.balance;
  customer.balance = Math.min(0, due);
  Object.assign(invoice, {
    status: 'open',
    ending_balance: customer.balance,
    amount_due: Math.max(0, due),
    amount_remaining: Math.max(0, due),
    effective_at: tx.now,
    automatically_finalizes_at: null,
  });
  invoice.status_transitions.finalized_at = tx.now;
  const chargeable = invoice.amount_due >= Math.max(1, minimumCharge(invoice.currency));
  if (chargeable) expectPayment(tx, invoice);
  tx.put('customer', customer);
  tx.emit('invoice.finalized', tx.put('invoice', invoice));
  if (chargeable) return invoice;
  if (invoice.amount_due > 0) {
    tx.put('customer', { ...customer, balance: customer.balance + invoice.amount_due });
    Object.assign(invoice, { ending_balance: customer.balance + invoice.amount_due, amount_due: 0, amount_remaining: 0 });
  }
  return settled(tx, invoice);
}

function expectPayment(tx: Tx, invoice: Invoice): void {
  const intent = newPaymentIntent(tx, invoice);
  const payment = newInvoicePayment(tx, invoice, intent);
  invoice.$payment = payment.id;
  tx.put('invoice_payment', payment);
  tx.emit('payment_intent.created', tx.put('payment_intent', intent));
}

/** Collect an open invoice. @throws StripeFault 402, with what was written kept, on a decline or when 3-D Secure is asked for */
export function pay(tx: Tx, invoice: Invoice, methodId?: string): Invoice {
  const customer = tx.get('customer', invoice.customer);
  const id = methodId ?? invoice.default_payment_method ?? customer.invoice_settings.default_payment_method;
  if (id === null) {
    throw invalid(
      'There is no `default_payment_method` set on this Customer or Invoice. Please set either the `invoice_settings.default_payment_method` on this Customer, or the `default_payment_method` on this Invoice.',
      { code: 'missing' },
    );
  }
  const method = resolvePaymentMethod(tx, id);
  if (method.customer !== invoice.customer) {
    throw invalid(`The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`, {
      code: 'resource_missing',
      param: 'payment_method',
    });
  }
  const intent = confirmPayment(tx, intentOf(tx, invoice), method);
  const after = tx.get('invoice', invoice.id);
  if (intent.status !== 'requires_action') return after;
  throw new StripeFault(
    402,
    'card_error',
    'This payment requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with the invoice.',
    { code: 'invoice_payment_intent_requires_action', keep: true, objects: { payment_intent: view(tx, intent) } },
  );
}

export function intentOf(tx: Tx, invoice: Invoice): PaymentIntent {
  const payment = tx.get('invoice_payment', invoice.$payment!);
  return tx.get('payment_intent', payment.payment.payment_intent);
}

/** One attempt on a card. @throws StripeFault 402 (kept) on a decline */
export function confirmPayment(tx: Tx, intent: PaymentIntent, method: PaymentMethod): PaymentIntent {
  intent.payment_method = method.id;
  const card = cardOf(method.$number)!;
  const planned = tx.takePlannedDecline();
  if (planned !== null) return refuse(tx, intent, method, DECLINES[planned]!);
  if (card.decline) return refuse(tx, intent, method, card.decline);
  if (card.threeDSecure === 'always' || (card.threeDSecure === 'until-saved' && !method.$authenticated)) {
    intent.status = 'requires_action';
    tx.emit('payment_intent.requires_action', tx.put('payment_intent', intent));
    touchInvoice(tx, intent, 'invoice.payment_action_required', false);
    return intent;
  }
  return succeed(tx, intent, method);
}

/** The buyer's answer on the 3-D Secure page. @throws StripeFault 402 (kept) when it failed */
export function answerPaymentChallenge(tx: Tx, intent: PaymentIntent, approved: boolean): PaymentIntent {
  if (intent.status !== 'requires_action') return intent;
  const method = tx.get('payment_method', intent.payment_method!);
  return approved ? succeed(tx, intent, method) : refuse(tx, intent, method, AUTHENTICATION_FAILED);
}

function feeOf({ amount, currency }: PaymentIntent): number {
  const step = stepOf(currency);
  return Math.min(amount, Math.round((amount * FEE_PER_MILLE) / 1000 / step) * step + Math.ceil(FEE_FIXED / step) * step);
}

function succeed(tx: Tx, intent: PaymentIntent, method: PaymentMethod): PaymentIntent {
  const charge = newCharge(tx, intent, method, null);
  const fee = feeOf(intent);
  const transaction = tx.put('balance_transaction', {
    id: tx.id('txn_3'),
    object: 'balance_transaction',
    amount: intent.amount,
    available_on: tx.now + AVAILABLE_AFTER_SECONDS,
    balance_type: 'payments',
    created: tx.now,
    currency: intent.currency,
    description: String(intent.description),
    exchange_rate: null,
    fee,
    fee_details: [{ amount: fee, application: null, currency: intent.currency, description: 'Stripe processing fees', type: 'stripe_fee' }],
    net: intent.amount - fee,
    reporting_category: 'charge',
    source: charge.id,
    type: 'charge',
  });
  charge.balance_transaction = transaction.id;
  Object.assign(intent, { status: 'succeeded', amount_received: intent.amount, latest_charge: charge.id, last_payment_error: null });
  tx.emit('charge.succeeded', tx.put('charge', charge));
  tx.emit('payment_intent.succeeded', tx.put('payment_intent', intent));
  if (intent.$invoice === null) return intent;
  const invoice = tx.get('invoice', intent.$invoice);
  Object.assign(invoice, { amount_paid: invoice.amount_due, amount_remaining: 0, attempt_count: Math.max(1, invoice.attempt_count) });
  const payment = tx.get('invoice_payment', invoice.$payment!);
  Object.assign(payment, { status: 'paid', amount_paid: invoice.amount_due });
  payment.status_transitions.paid_at = tx.now;
  tx.emit('invoice_payment.paid', tx.put('invoice_payment', payment));
  settled(tx, invoice);
  return intent;
}

function refuse(tx: Tx, intent: PaymentIntent, method: PaymentMethod, decline: Decline): never {
  const charge = tx.put('charge', newCharge(tx, intent, method, decline));
  const error = {
    advice_code: decline.adviceCode,
    charge: charge.id,
    code: decline.code,
    decline_code: decline.declineCode,
    message: decline.message,
    payment_method: view(tx, method),
    type: 'card_error',
  };
  Object.assign(intent, { status: 'requires_payment_method', payment_method: null, latest_charge: charge.id, last_payment_error: error });
  tx.emit('charge.failed', charge);
  tx.emit('payment_intent.payment_failed', tx.put('payment_intent', intent));
  touchInvoice(tx, intent, 'invoice.payment_failed', true);
  throw declined(decline, { keep: true, charge: charge.id, objects: { payment_intent: view(tx, intent) } });
}

/** `attempt_count` counts the first attempt and automatic ones; trying again by hand does not move it. */
function touchInvoice(tx: Tx, intent: PaymentIntent, event: string, counts: boolean): void {
  if (intent.$invoice === null) return;
  const invoice = tx.get('invoice', intent.$invoice);
  invoice.attempted = true;
  if (counts) invoice.attempt_count = Math.max(1, invoice.attempt_count);
  tx.emit(event, tx.put('invoice', invoice));
}

function settled(tx: Tx, invoice: Invoice): Invoice {
  Object.assign(invoice, { status: 'paid', attempted: true, auto_advance: false });
  invoice.status_transitions.paid_at = tx.now;
  tx.emit('invoice.paid', tx.put('invoice', invoice));
  tx.emit('invoice.payment_succeeded', invoice);
  return invoice;
}

export function settleOutOfBand(tx: Tx, invoice: Invoice): Invoice {
  cancelPayment(tx, invoice);
  Object.assign(invoice, {
    status: 'paid',
    amount_paid: invoice.amount_due,
    amount_paid_off_stripe: invoice.amount_due,
    amount_remaining: 0,
    auto_advance: false,
  });
  invoice.status_transitions.paid_at = tx.now;
  tx.emit('invoice.paid', tx.put('invoice', invoice));
  return invoice;
}

export function voidInvoice(tx: Tx, invoice: Invoice): Invoice {
  if (invoice.status === 'paid') throw invalid('Invoices with `paid` payments cannot be voided.');
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible') throw invalid('You can only pass in open invoices. This invoice isn’t open.');
  cancelPayment(tx, invoice);
  Object.assign(invoice, { status: 'void', auto_advance: false });
  invoice.status_transitions.voided_at = tx.now;
  tx.emit('invoice.voided', tx.put('invoice', invoice));
  return invoice;
}

export function markUncollectible(tx: Tx, invoice: Invoice): Invoice {
  if (invoice.status === 'uncollectible') throw invalid('This invoice has already been marked uncollectible.');
  if (invoice.status !== 'open') throw invalid('You can only pass in open invoices. This invoice isn’t open.');
  Object.assign(invoice, { status: 'uncollectible', auto_advance: false });
  invoice.status_transitions.marked_uncollectible_at = tx.now;
  tx.emit('invoice.marked_uncollectible', tx.put('invoice', invoice));
  return invoice;
}

function cancelPayment(tx: Tx, invoice: Invoice): void {
  if (invoice.$payment === null) return;
  const payment = tx.get('invoice_payment', invoice.$payment);
  payment.status = 'canceled';
  payment.status_transitions.canceled_at = tx.now;
  tx.put('invoice_payment', payment);
  const intent = intentOf(tx, invoice);
  Object.assign(intent, { status: 'canceled', canceled_at: tx.now, cancellation_reason: 'void_invoice' });
  tx.emit('payment_intent.canceled', tx.put('payment_intent', intent));
}
