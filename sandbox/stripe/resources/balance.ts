import { listOf, named, one, type Endpoint } from '../endpoint.ts';
import { invalid } from '../faults.ts';
import { integer, mergeMetadata, metadata, oneOf, text } from '../parameters.ts';
import type { Charge, Refund } from '../things.ts';
import type { Tx } from '../world.ts';

const newRefund = (tx: Tx, charge: Charge, amount: number): Refund => ({
  id: tx.id('re_3'),
  object: 'refund',
  amount,
  balance_transaction: null,
  charge: charge.id,
  created: tx.now,
  currency: charge.currency,
  customer: charge.customer,
  customer_account: null,
  destination_details: { card: { reference_status: 'pending', reference_type: 'acquirer_reference_number', type: 'refund' }, type: 'card' },
  metadata: {},
  payment_intent: charge.payment_intent,
  payment_method: charge.payment_method,
  reason: null,
  receipt_number: null,
  source_transfer_reversal: null,
  status: 'succeeded',
  transfer_reversal: null,
});

export const balance: Endpoint[] = [
  one(
    'POST',
    '/v1/refunds',
    {
      amount: integer({ min: 1 }),
      charge: text(),
      metadata: metadata(),
      payment_intent: text(),
      reason: oneOf(['duplicate', 'fraudulent', 'requested_by_customer']),
    },
    (tx, params) => {
      if (params.charge === undefined && params.payment_intent === undefined)
        throw invalid('Must provide payment_intent or charge.', { code: 'parameter_missing', early: true });
      const chargeId = params.charge ?? tx.get('payment_intent', params.payment_intent!).latest_charge;
      if (chargeId === null) throw invalid(`This PaymentIntent (${params.payment_intent}) does not have a successful charge to refund.`);
      const charge = tx.get('charge', chargeId);
      if (charge.status !== 'succeeded') throw invalid(`This PaymentIntent (${charge.payment_intent}) does not have a successful charge to refund.`);
      const left = charge.amount_captured - charge.amount_refunded;
      if (left <= 0) throw invalid(`Charge ${charge.id} has already been refunded.`, { code: 'charge_already_refunded' });
      const amount = params.amount ?? left;
      if (amount > left)
        throw invalid(`Refund amount (${amount} ${charge.currency}) is greater than unrefunded amount on charge (${left} ${charge.currency})`, {
          param: 'amount',
        });
      const refund = newRefund(tx, charge, amount);
      refund.metadata = mergeMetadata({}, params.metadata);
      refund.reason = params.reason ?? null;
      refund.balance_transaction = tx.put('balance_transaction', {
        id: tx.id('txn_3'),
        object: 'balance_transaction',
        amount: -amount,
        available_on: tx.now,
        balance_type: 'payments',
        created: tx.now,
        currency: charge.currency,
        description: 'REFUND FOR CHARGE',
        exchange_rate: null,
        fee: 0,
        fee_details: [],
        net: -amount,
        reporting_category: 'refund',
        source: refund.id,
        type: 'refund',
      }).id;
      charge.amount_refunded += amount;
      charge.refunded = charge.amount_refunded === charge.amount_captured;
      tx.emit('refund.created', tx.put('refund', refund));
      tx.emit('charge.refunded', tx.put('charge', charge));
      return refund;
    },
  ),
  one('GET', '/v1/refunds/{refund}', {}, (tx, _, { refund }) => named(tx, 'refund', refund!)),
  listOf(
    '/v1/refunds',
    'refund',
    { charge: text(), payment_intent: text() },
    (refund, { charge, payment_intent: intent }) =>
      (charge === undefined || refund.charge === charge) && (intent === undefined || refund.payment_intent === intent),
  ),

  one('GET', '/v1/balance', {}, (tx) => ({
    id: 'balance',
    object: 'balance',
    available: sums(tx, (on) => on <= tx.now),
    livemode: false,
    pending: sums(tx, (on) => on > tx.now),
  })),
  one('GET', '/v1/balance_transactions/{id}', {}, (tx, _, { id }) => named(tx, 'balance_transaction', id!)),
  listOf(
    '/v1/balance_transactions',
    'balance_transaction',
    { currency: text(), source: text(), type: text() },
    (each, { currency, source, type }) =>
      (currency === undefined || each.currency === currency) && (source === undefined || each.source === source) && (type === undefined || each.type === type),
  ),
];

function sums(tx: Tx, counts: (availableOn: number) => boolean): { amount: number; currency: string; source_types: { card: number } }[] {
  // Every currency that ever moved is listed, with 0 where nothing is left; a fresh account has dollars.
  const byCurrency = new Map<string, number>([['usd', 0]]);
  for (const { available_on: on, net, currency } of tx.all('balance_transaction'))
    byCurrency.set(currency, (byCurrency.get(currency) ?? 0) + (counts(on) ? net : 0));
  return [...byCurrency].sort().map(([currency, amount]) => ({ amount, currency, source_types: { card: amount } }));
}
