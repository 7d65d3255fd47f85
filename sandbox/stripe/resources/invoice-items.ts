import { listOf, named, one, previousOf, type Endpoint } from '../endpoint.ts';
import { invalid } from '../faults.ts';
import { boolean, fields, integer, mergeMetadata, metadata, required, text } from '../parameters.ts';
import type { Invoice, InvoiceItem } from '../things.ts';
import type { Tx } from '../world.ts';
import { checkCurrency } from '../currencies.ts';
import { liveCustomer } from './customers.ts';
import { recompute } from './invoices.ts';

const period = fields({ start: required(integer()), end: required(integer()) });

const pricingOf = (tx: Tx, amount: number) => ({
  price_details: { price: tx.id('price_1'), product: tx.id('prod_', 14) },
  type: 'price_details',
  unit_amount_decimal: String(amount),
});

export function draftOf(tx: Tx, id: string, param = 'invoice'): Invoice {
  const invoice = tx.get('invoice', id, param);
  if (invoice.status !== 'draft') throw invalid('Invalid invoice: This invoice is no longer editable', { code: 'invoice_not_editable' });
  return invoice;
}

/** An item whose invoice, if it has one, is still a draft. */
function editable(tx: Tx, id: string): InvoiceItem {
  const item = named(tx, 'invoiceitem', id);
  if (item.invoice !== null) draftOf(tx, item.invoice);
  return item;
}

export const invoiceItems: Endpoint[] = [
  one(
    'POST',
    '/v1/invoiceitems',
    {
      amount: integer(),
      currency: text({ max: 3 }),
      customer: text(),
      description: text(),
      discountable: boolean(),
      invoice: text(),
      metadata: metadata(),
      period,
    },
    (tx, params) => {
      if (params.customer === undefined) throw invalid('Missing required param: customer.', { code: 'parameter_missing', param: 'customer', early: true });
      if (params.amount === undefined) throw invalid('Missing required param: amount.', { code: 'parameter_missing', param: 'amount', early: true });
      const customer = liveCustomer(tx, params.customer);
      const invoice = params.invoice === undefined ? null : draftOf(tx, params.invoice);
      if (invoice && invoice.customer !== customer.id)
        throw invalid(`The customer ${customer.id} does not match the customer of the invoice ${invoice.id}.`, { param: 'customer' });
      const currency = params.currency ?? invoice?.currency;
      if (currency === undefined) throw invalid('Missing required param: currency.', { code: 'parameter_missing', param: 'currency', early: true });
      checkCurrency(currency, params.amount);
      if (invoice && invoice.currency !== currency)
        throw invalid(`The currency of the invoice item (${currency}) does not match the currency of the invoice (${invoice.currency}).`, {
          param: 'currency',
        });
      if (params.period && params.period.end < params.period.start)
        throw invalid('The end of the period must not be before its start.', { param: 'period[end]' });
      const item: InvoiceItem = {
        id: tx.id('ii_1'),
        object: 'invoiceitem',
        amount: params.amount,
        currency,
        customer: customer.id,
        customer_account: null,
        date: tx.now,
        description: params.description ?? null,
        discountable: params.discountable ?? params.amount >= 0,
        discounts: [],
        invoice: invoice?.id ?? null,
        livemode: false,
        metadata: mergeMetadata({}, params.metadata),
        net_amount: params.amount,
        parent: null,
        period: params.period ?? { start: tx.now, end: tx.now },
        pricing: pricingOf(tx, params.amount),
        proration: false,
        quantity: 1,
        quantity_decimal: '1',
        tax_rates: [],
        test_clock: null,
      };
      tx.put('invoiceitem', item);
      if (customer.currency === null) tx.put('customer', { ...customer, currency });
      tx.emit('invoiceitem.created', item);
      if (invoice) addTo(tx, invoice, item);
      return item;
    },
  ),
  one('GET', '/v1/invoiceitems/{invoiceitem}', {}, (tx, _, { invoiceitem }) => named(tx, 'invoiceitem', invoiceitem!)),
  one(
    'POST',
    '/v1/invoiceitems/{invoiceitem}',
    { amount: integer(), description: text({ clearable: true }), discountable: boolean(), metadata: metadata(), period },
    (tx, params, { invoiceitem: id }) => {
      const item = editable(tx, id!);
      if (params.amount !== undefined) {
        checkCurrency(item.currency, params.amount);
        Object.assign(item, { amount: params.amount, net_amount: params.amount, pricing: pricingOf(tx, params.amount) });
      }
      if (params.description !== undefined) item.description = params.description || null;
      if (params.discountable !== undefined) item.discountable = params.discountable;
      if (params.period) item.period = params.period;
      item.metadata = mergeMetadata(item.metadata, params.metadata);
      tx.put('invoiceitem', item);
      if (item.invoice !== null) refresh(tx, tx.get('invoice', item.invoice), (invoice) => invoice);
      return item;
    },
  ),
  one('DELETE', '/v1/invoiceitems/{invoiceitem}', {}, (tx, _, { invoiceitem: id }) => {
    const item = editable(tx, id!);
    if (item.invoice !== null)
      refresh(tx, tx.get('invoice', item.invoice), (invoice) => ({ ...invoice, $items: invoice.$items.filter((each) => each !== item.id) }));
    tx.remove('invoiceitem', item.id);
    tx.emit('invoiceitem.deleted', item);
    return { id: item.id, object: 'invoiceitem', deleted: true };
  }),
  listOf(
    '/v1/invoiceitems',
    'invoiceitem',
    { customer: text(), invoice: text(), pending: boolean() },
    (item, { customer, invoice, pending }) =>
      (customer === undefined || item.customer === customer) &&
      (invoice === undefined || item.invoice === invoice) &&
      (pending === undefined || pending === (item.invoice === null)),
  ),
];

const addTo = (tx: Tx, invoice: Invoice, item: InvoiceItem): void => refresh(tx, invoice, (each) => ({ ...each, $items: [...each.$items, item.id] }));

function refresh(tx: Tx, before: Invoice, change: (invoice: Invoice) => Invoice): void {
  const invoice = recompute(tx, change(structuredClone(before)));
  tx.put('invoice', invoice);
  tx.emit('invoice.updated', invoice, previousOf(tx, before, invoice));
}
