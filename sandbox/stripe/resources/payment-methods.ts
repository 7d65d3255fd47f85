import { cardOf, cardOfToken, type Decline, type TestCard } from '../cards.ts';
import { addressFields, many, named, one, previousOf, type Endpoint } from '../endpoint.ts';
import { type FaultDetails, invalid, missing, StripeFault } from '../faults.ts';
import { fields, integer, mergeMetadata, metadata, oneOf, text } from '../parameters.ts';
import type { PaymentMethod } from '../things.ts';
import type { Tx } from '../world.ts';
import { liveCustomer } from './customers.ts';

const billing = fields({ address: addressFields, email: text({ clearable: true }), name: text({ clearable: true }), phone: text({ clearable: true }) });
const cardFields = fields({ token: text(), number: text(), exp_month: integer({ min: 1, max: 12 }), exp_year: integer({ min: 1970, max: 2100 }), cvc: text() });

export interface CardDetails {
  expMonth: number;
  expYear: number;
  cvc: boolean;
  name?: string | null;
}

/** A payment method of a test card, attached to nobody. */
export function mint(tx: Tx, card: TestCard, { expMonth, expYear, cvc, name = null }: CardDetails): PaymentMethod {
  const method: PaymentMethod = {
    id: tx.id('pm_1'),
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: {
      address: { city: null, country: null, line1: null, line2: null, postal_code: null, state: null },
      email: null,
      name,
      phone: null,
      tax_id: null,
    },
    card: {
      brand: card.brand,
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: cvc ? 'pass' : null },
      country: 'US',
      display_brand: card.brand,
      exp_month: expMonth,
      exp_year: expYear,
      fingerprint: fingerprintOf(card.number),
      funding: card.funding,
      generated_from: null,
      last4: card.number.slice(-4),
      networks: { available: [card.brand], preferred: null },
      regulated_status: 'unregulated',
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    created: tx.now,
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: {},
    type: 'card',
    $number: card.number,
    $authenticated: false,
  };
  return tx.put('payment_method', method);
}

/** Same number, same fingerprint: that is all that is promised about it. */
const fingerprintOf = (number: string): string =>
  [...number]
    .reduce((hash, digit) => (hash * 31n + BigInt(digit) + 7n) % 36n ** 16n, 11n)
    .toString(36)
    .padStart(16, 'X')
    .slice(0, 16);

/** An id, or one of Stripe's names for a test card (`pm_card_visa`), which makes a new payment method. */
export function resolvePaymentMethod(tx: Tx, id: string, param = 'payment_method', inPath = false): PaymentMethod {
  const card = id.startsWith('pm_card_') ? cardOfToken(id) : undefined;
  if (!card) return tx.get('payment_method', id, param, inPath);
  return mint(tx, card, { expMonth: 12, expYear: tokenYear(tx.now), cvc: false });
}

/** Cards made from a token are good for four more years, whatever the simulated date. */
const tokenYear = (now: number): number => 1974 + Math.floor(now / 31_556_952);

export const declined = ({ code, declineCode, adviceCode, message }: Decline, more: FaultDetails = {}): StripeFault =>
  new StripeFault(402, 'card_error', message, { code, declineCode, adviceCode, ...more });

export function attach(tx: Tx, method: PaymentMethod, customerId: string): PaymentMethod {
  liveCustomer(tx, customerId);
  if (method.customer === customerId) return method;
  if (method.customer !== null) {
    throw invalid('The payment method you provided has already been attached to a customer.', {
      code: 'payment_method_unexpected_state',
      param: 'payment_method',
    });
  }
  const card = cardOf(method.$number)!;
  if (card.declines === 'setup') throw declined(card.decline!);
  method.customer = customerId;
  method.card.checks = { ...(method.card.checks as object), cvc_check: 'pass' };
  tx.put('payment_method', method);
  tx.emit('payment_method.attached', method);
  return method;
}

function newMethod(tx: Tx, card: { token?: string; number?: string; exp_month?: number; exp_year?: number; cvc?: string }): PaymentMethod {
  if (card.token !== undefined) {
    const known = cardOfToken(card.token);
    if (!known) throw missing('token', card.token, 'card[token]');
    return resolvePaymentMethod(tx, card.token.replace(/^tok_/, 'pm_card_'));
  }
  for (const field of ['number', 'exp_month', 'exp_year'] as const) {
    if (card[field] === undefined)
      throw invalid(`Missing required param: card[${field}].`, { code: 'parameter_missing', param: `card[${field}]`, early: true });
  }
  const known = cardOf(card.number!.replace(/[\s-]/g, ''));
  if (!known)
    throw declined(
      { code: 'incorrect_number', declineCode: 'incorrect_number', adviceCode: 'confirm_card_data', message: 'Your card number is incorrect.' },
      { param: 'number' },
    );
  return mint(tx, known, { expMonth: card.exp_month!, expYear: card.exp_year!, cvc: card.cvc !== undefined });
}

export const paymentMethods: Endpoint[] = [
  one('POST', '/v1/payment_methods', { type: oneOf(['card']), card: cardFields, billing_details: billing, metadata: metadata() }, (tx, params) => {
    if (params.type === undefined) throw invalid('Missing required param: type.', { code: 'parameter_missing', param: 'type', early: true });
    if (!params.card) throw invalid('Missing required param: card.', { code: 'parameter_missing', param: 'card', early: true });
    const method = newMethod(tx, params.card);
    if (params.billing_details) method.billing_details = { ...(method.billing_details as object), ...params.billing_details };
    method.metadata = mergeMetadata({}, params.metadata);
    return tx.put('payment_method', method);
  }),
  one('GET', '/v1/payment_methods/{payment_method}', {}, (tx, _, { payment_method: id }) => resolvePaymentMethod(tx, id!, 'payment_method', true)),
  one(
    'POST',
    '/v1/payment_methods/{payment_method}',
    { billing_details: billing, metadata: metadata(), card: fields({ exp_month: integer({ min: 1, max: 12 }), exp_year: integer({ min: 1970, max: 2100 }) }) },
    (tx, params, { payment_method: id }) => {
      const before = named(tx, 'payment_method', id!);
      if (before.customer === null) throw invalid('You must save this PaymentMethod to a customer before you can update it.');
      const method = structuredClone(before);
      if (params.billing_details) method.billing_details = { ...(method.billing_details as object), ...params.billing_details };
      Object.assign(method.card, params.card);
      method.metadata = mergeMetadata(method.metadata, params.metadata);
      tx.put('payment_method', method);
      tx.emit('payment_method.updated', method, previousOf(tx, before, method));
      return method;
    },
  ),
  one('POST', '/v1/payment_methods/{payment_method}/attach', { customer: text() }, (tx, { customer }, { payment_method: id }) => {
    if (customer === undefined) throw invalid('Must provide customer or customer_account.', { code: 'parameter_missing', early: true });
    return attach(tx, resolvePaymentMethod(tx, id!, 'payment_method', true), customer);
  }),
  one('POST', '/v1/payment_methods/{payment_method}/detach', {}, (tx, _, { payment_method: id }) => {
    const method = named(tx, 'payment_method', id!);
    const owner = method.customer;
    if (owner === null)
      throw invalid('The payment method you provided is not attached to a customer so detachment is impossible.', { code: 'payment_method_unexpected_state' });
    method.customer = null;
    tx.put('payment_method', method);
    const customer = tx.get('customer', owner);
    if (customer.invoice_settings.default_payment_method === method.id) {
      customer.invoice_settings.default_payment_method = null;
      tx.put('customer', customer);
    }
    tx.emit('payment_method.detached', method, { customer: owner });
    return method;
  }),
  many('/v1/payment_methods', { customer: text(), type: oneOf(['card']) }, (tx, { customer }) =>
    customer === undefined ? [] : tx.all('payment_method').filter((method) => method.customer === customer),
  ),
  many('/v1/customers/{customer}/payment_methods', { type: oneOf(['card']) }, (tx, _, { customer }) => {
    named(tx, 'customer', customer!);
    return tx.all('payment_method').filter((method) => method.customer === customer);
  }),
];
