import { many, named, one, listOf, previousOf, type Endpoint } from '../endpoint.ts';
import { invalid } from '../faults.ts';
import { boolean, integer, mergeMetadata, metadata, oneOf, range, text } from '../parameters.ts';
import type { Invoice } from '../things.ts';
import { linesOf } from '../view.ts';
import type { Tx } from '../world.ts';
import { checkCurrency } from '../currencies.ts';
import { finalize, markUncollectible, pay, settleOutOfBand, voidInvoice } from '../collecting.ts';
import { liveCustomer } from './customers.ts';

const AUTO_FINALIZE_SECONDS = 3600;

const editable = {
  auto_advance: boolean(),
  collection_method: oneOf(['charge_automatically', 'send_invoice']),
  days_until_due: integer({ min: 0 }),
  default_payment_method: text({ clearable: true }),
  description: text({ clearable: true }),
  footer: text({ clearable: true }),
  metadata: metadata(),
  number: text({ max: 26, clearable: true }),
  statement_descriptor: text({ max: 22 }),
};

/** Sums of a draft from its lines. */
export function recompute(tx: Tx, invoice: Invoice): Invoice {
  const total = linesOf(tx, invoice).reduce((sum, line) => sum + (line.amount as number), 0);
  const due = Math.max(0, total + invoice.starting_balance);
  return { ...invoice, subtotal: total, subtotal_excluding_tax: total, total, total_excluding_tax: total, amount_due: due, amount_remaining: due };
}

export const invoices: Endpoint[] = [
  one(
    'POST',
    '/v1/invoices',
    { ...editable, currency: text({ max: 3 }), customer: text(), pending_invoice_items_behavior: oneOf(['exclude', 'include']) },
    (tx, params) => {
      if (params.customer === undefined) throw invalid('Missing required param: customer.', { code: 'parameter_missing', param: 'customer', early: true });
      const customer = liveCustomer(tx, params.customer);
      const currency = params.currency ?? customer.currency ?? 'usd';
      checkCurrency(currency);
      const invoice: Invoice = {
        id: tx.id('in_1'),
        object: 'invoice',
        account_country: 'US',
        account_name: 'Stripe simulator',
        account_tax_ids: null,
        amount_due: 0,
        amount_overpaid: 0,
        amount_paid: 0,
        amount_paid_off_stripe: 0,
        amount_remaining: 0,
        amount_shipping: 0,
        application: null,
        attempt_count: 0,
        attempted: false,
        auto_advance: false,
        automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
        automatically_finalizes_at: null,
        billing_reason: 'manual',
        collection_method: 'charge_automatically',
        created: tx.now,
        currency,
        custom_fields: null,
        customer: customer.id,
        customer_account: null,
        customer_address: customer.address ?? null,
        customer_email: customer.email,
        customer_name: customer.name,
        customer_phone: customer.phone,
        customer_shipping: null,
        customer_tax_exempt: customer.tax_exempt,
        customer_tax_ids: [],
        default_payment_method: null,
        default_source: null,
        default_tax_rates: [],
        description: null,
        discounts: [],
        due_date: null,
        effective_at: null,
        ending_balance: null,
        footer: null,
        from_invoice: null,
        hosted_invoice_url: null,
        invoice_pdf: null,
        issuer: { type: 'self' },
        last_finalization_error: null,
        latest_revision: null,
        lines: null,
        livemode: false,
        metadata: {},
        next_payment_attempt: null,
        number: null,
        on_behalf_of: null,
        parent: null,
        payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
        period_end: tx.now,
        period_start: tx.now,
        post_payment_credit_notes_amount: 0,
        pre_payment_credit_notes_amount: 0,
        receipt_number: null,
        rendering: null,
        shipping_cost: null,
        shipping_details: null,
        starting_balance: 0,
        statement_descriptor: null,
        status: 'draft',
        status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
        subtotal: 0,
        subtotal_excluding_tax: 0,
        test_clock: null,
        total: 0,
        total_discount_amounts: [],
        total_excluding_tax: 0,
        total_pretax_credit_amounts: [],
        total_taxes: [],
        webhooks_delivered_at: tx.now,
        $items: [],
        $payment: null,
      };
      if (params.pending_invoice_items_behavior === 'include') takePending(tx, invoice);
      change(tx, invoice, params);
      const complete = tx.put('invoice', recompute(tx, invoice));
      if (customer.currency === null) tx.put('customer', { ...customer, currency });
      tx.emit('invoice.created', complete);
      return complete;
    },
  ),
  one('GET', '/v1/invoices/{invoice}', {}, (tx, _, { invoice }) => named(tx, 'invoice', invoice!)),
  one('POST', '/v1/invoices/{invoice}', editable, (tx, params, { invoice: id }) => {
    const before = named(tx, 'invoice', id!);
    // After finalizing, what the buyer was shown stays; only how it is collected and found may change.
    const frozen = ['collection_method', 'days_until_due', 'description', 'footer', 'number', 'statement_descriptor'] as const;
    if (before.status !== 'draft' && frozen.some((field) => params[field] !== undefined)) {
      throw invalid('Finalized invoices can’t be updated in this way', { code: 'invoice_not_editable' });
    }
    const invoice = structuredClone(before);
    change(tx, invoice, params);
    tx.put('invoice', invoice);
    tx.emit('invoice.updated', invoice, previousOf(tx, before, invoice));
    return invoice;
  }),
  one('DELETE', '/v1/invoices/{invoice}', {}, (tx, _, { invoice: id }) => {
    const invoice = named(tx, 'invoice', id!);
    if (invoice.status !== 'draft') throw invalid('You can only delete draft invoices. You can void open invoices instead.', { code: 'invoice_not_editable' });
    tx.emit('invoice.deleted', invoice);
    for (const item of invoice.$items) tx.remove('invoiceitem', item);
    tx.remove('invoice', invoice.id);
    return { id: invoice.id, object: 'invoice', deleted: true };
  }),
  listOf(
    '/v1/invoices',
    'invoice',
    { collection_method: editable.collection_method, customer: text(), due_date: range(), status: oneOf(['draft', 'open', 'paid', 'uncollectible', 'void']) },
    (invoice, { collection_method: method, customer, status }) =>
      (method === undefined || invoice.collection_method === method) &&
      (customer === undefined || invoice.customer === customer) &&
      (status === undefined || invoice.status === status),
  ),
  many('/v1/invoices/{invoice}/lines', {}, (tx, _, { invoice }) => linesOf(tx, named(tx, 'invoice', invoice!))),
  one('POST', '/v1/invoices/{invoice}/finalize', { auto_advance: boolean() }, (tx, params, { invoice: id }) => {
    const invoice = named(tx, 'invoice', id!);
    if (params.auto_advance !== undefined) invoice.auto_advance = params.auto_advance;
    return finalize(tx, invoice);
  }),
  one('POST', '/v1/invoices/{invoice}/pay', { off_session: boolean(), paid_out_of_band: boolean(), payment_method: text() }, (tx, params, { invoice: id }) => {
    const invoice = named(tx, 'invoice', id!);
    if (invoice.status === 'paid') throw invalid('Invoice is already paid');
    const open = invoice.status === 'draft' ? finalize(tx, invoice) : invoice;
    if (open.status === 'paid') return open;
    if (open.status !== 'open' && open.status !== 'uncollectible') throw invalid('You can only pass in open invoices. This invoice isn’t open.');
    return params.paid_out_of_band ? settleOutOfBand(tx, open) : pay(tx, open, params.payment_method);
  }),
  one('POST', '/v1/invoices/{invoice}/void', {}, (tx, _, { invoice }) => voidInvoice(tx, named(tx, 'invoice', invoice!))),
  one('POST', '/v1/invoices/{invoice}/mark_uncollectible', {}, (tx, _, { invoice }) => markUncollectible(tx, named(tx, 'invoice', invoice!))),
];

/** Drafts that advance by themselves are finalized an hour after they were made, and paid. */
export function advanceDrafts(tx: Tx): void {
  for (const { id, status, automatically_finalizes_at: at } of tx.all('invoice')) {
    if (status !== 'draft' || at === null || at > tx.now) continue;
    const invoice = finalize(tx, tx.get('invoice', id));
    if (invoice.status !== 'open' || invoice.collection_method !== 'charge_automatically') continue;
    try {
      pay(tx, invoice);
    } catch {
      // The decline is on the invoice and among the events: nobody waits for this answer.
    }
  }
}

function takePending(tx: Tx, invoice: Invoice): void {
  for (const item of tx.all('invoiceitem').reverse()) {
    if (item.invoice !== null || item.customer !== invoice.customer || item.currency !== invoice.currency) continue;
    tx.put('invoiceitem', { ...item, invoice: invoice.id });
    invoice.$items.push(item.id);
  }
}

interface Change {
  auto_advance?: boolean;
  collection_method?: 'charge_automatically' | 'send_invoice';
  days_until_due?: number;
  default_payment_method?: string;
  description?: string;
  footer?: string;
  metadata?: Record<string, string> | null;
  number?: string;
  statement_descriptor?: string;
}

function change(tx: Tx, invoice: Invoice, params: Change): void {
  if (params.auto_advance !== undefined) invoice.auto_advance = params.auto_advance;
  if (params.collection_method !== undefined) invoice.collection_method = params.collection_method;
  if (params.days_until_due !== undefined) {
    if (invoice.collection_method !== 'send_invoice')
      throw invalid('`days_until_due` may only be set on invoices with `collection_method=send_invoice`.', { param: 'days_until_due' });
    invoice.due_date = tx.now + params.days_until_due * 86_400;
  }
  for (const field of ['description', 'footer', 'number', 'statement_descriptor'] as const)
    if (params[field] !== undefined) invoice[field] = params[field] || null;
  if (params.default_payment_method !== undefined) {
    const id = params.default_payment_method;
    if (id !== '' && tx.get('payment_method', id, 'default_payment_method').customer !== invoice.customer) {
      throw invalid(`The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`, {
        code: 'resource_missing',
        param: 'default_payment_method',
      });
    }
    invoice.default_payment_method = id || null;
  }
  invoice.metadata = mergeMetadata(invoice.metadata, params.metadata);
  invoice.automatically_finalizes_at = invoice.status === 'draft' && invoice.auto_advance ? invoice.created + AUTO_FINALIZE_SECONDS : null;
}
