import { confirmPayment } from '../collecting.ts';
import { listOf, many, named, one, type Endpoint } from '../endpoint.ts';
import { invalid } from '../faults.ts';
import { boolean, fields, oneOf, text } from '../parameters.ts';
import { view } from '../view.ts';
import { resolvePaymentMethod } from './payment-methods.ts';

export const payments: Endpoint[] = [
  listOf(
    '/v1/invoice_payments',
    'invoice_payment',
    { invoice: text(), payment: fields({ type: oneOf(['payment_intent']), payment_intent: text() }), status: oneOf(['canceled', 'open', 'paid']) },
    (payment, { invoice, payment: of, status }) =>
      (invoice === undefined || payment.invoice === invoice) &&
      (status === undefined || payment.status === status) &&
      (of?.payment_intent === undefined || payment.payment.payment_intent === of.payment_intent),
  ),
  one('GET', '/v1/invoice_payments/{invoice_payment}', {}, (tx, _, { invoice_payment: id }) => named(tx, 'invoice_payment', id!)),

  one('GET', '/v1/payment_intents/{intent}', { client_secret: text() }, (tx, _, { intent }) => named(tx, 'payment_intent', intent!)),
  listOf('/v1/payment_intents', 'payment_intent', { customer: text() }, (intent, { customer }) => customer === undefined || intent.customer === customer),
  one('POST', '/v1/payment_intents/{intent}/confirm', { off_session: boolean(), payment_method: text(), return_url: text() }, (tx, params, { intent: id }) => {
    const intent = named(tx, 'payment_intent', id!);
    if (intent.status === 'succeeded' || intent.status === 'canceled') {
      throw invalid(`You cannot confirm this PaymentIntent because it has a status of ${intent.status}.`, {
        code: 'payment_intent_unexpected_state',
        objects: { payment_intent: view(tx, intent) },
      });
    }
    const methodId = params.payment_method ?? intent.payment_method;
    if (methodId === null) {
      throw invalid('You cannot confirm this PaymentIntent because it’s missing a payment method.', {
        code: 'payment_intent_unexpected_state',
        objects: { payment_intent: view(tx, intent) },
      });
    }
    if (params.return_url !== undefined) intent.$returnUrl = params.return_url;
    return confirmPayment(tx, intent, resolvePaymentMethod(tx, methodId));
  }),
  one(
    'POST',
    '/v1/payment_intents/{intent}/cancel',
    { cancellation_reason: oneOf(['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned']) },
    (tx, params, { intent: id }) => {
      const intent = named(tx, 'payment_intent', id!);
      if (intent.$invoice !== null)
        throw invalid('You cannot cancel this PaymentIntent because it belongs to an invoice: void the invoice instead.', {
          code: 'payment_intent_unexpected_state',
        });
      Object.assign(intent, { status: 'canceled', canceled_at: tx.now, cancellation_reason: params.cancellation_reason ?? null });
      tx.emit('payment_intent.canceled', tx.put('payment_intent', intent));
      return intent;
    },
  ),

  one('GET', '/v1/charges/{charge}', {}, (tx, _, { charge }) => named(tx, 'charge', charge!)),
  listOf(
    '/v1/charges',
    'charge',
    { customer: text(), payment_intent: text() },
    (charge, { customer, payment_intent: intent }) =>
      (customer === undefined || charge.customer === customer) && (intent === undefined || charge.payment_intent === intent),
  ),
  many('/v1/charges/{charge}/refunds', {}, (tx, _, { charge: id }) => {
    const charge = named(tx, 'charge', id!);
    return tx.all('refund').filter((refund) => refund.charge === charge.id);
  }),
];
