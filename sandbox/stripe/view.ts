import { invalid } from './faults.ts';
import type { Charge, Invoice, InvoiceItem, Kind, SetupIntent, PaymentIntent, Thing } from './things.ts';
import type { Tx } from './world.ts';

/** Fields of a kind that hold the id of another object, or a list that is only there when asked for. */
const EXPANDABLE: Record<string, Record<string, Kind | 'included'>> = {
  balance_transaction: { source: 'charge' },
  charge: { balance_transaction: 'balance_transaction', customer: 'customer', payment_intent: 'payment_intent', refunds: 'included' },
  'checkout.session': { customer: 'customer', setup_intent: 'setup_intent' },
  customer: { 'invoice_settings.default_payment_method': 'payment_method' },
  invoice: { confirmation_secret: 'included', customer: 'customer', default_payment_method: 'payment_method', payments: 'included' },
  invoice_payment: { invoice: 'invoice', 'payment.payment_intent': 'payment_intent' },
  invoiceitem: { customer: 'customer', invoice: 'invoice' },
  payment_intent: { customer: 'customer', latest_charge: 'charge', payment_method: 'payment_method' },
  payment_method: { customer: 'customer' },
  refund: { balance_transaction: 'balance_transaction', charge: 'charge', payment_intent: 'payment_intent' },
  setup_intent: { customer: 'customer', payment_method: 'payment_method' },
};

const EXPAND_DEPTH_MAX = 4;
const LINES_EMBEDDED = 10;

/** The object as Stripe would answer it. */
export function view(tx: Tx, thing: Thing, expand: readonly string[] = []): Record<string, unknown> {
  const answer = shown(tx, thing, expand);
  for (const path of expand) {
    const segments = path.split('.');
    if (segments.length > EXPAND_DEPTH_MAX)
      throw invalid(`You cannot expand more than ${EXPAND_DEPTH_MAX} levels of a property. Property: ${path}`, { early: true });
    expandAt(tx, answer, segments, path);
  }
  return answer;
}

/** A page of a list, its `data.…` expanded. */
export function viewList(tx: Tx, page: { things: Thing[]; hasMore: boolean; url: string }, expand: readonly string[] = []): Record<string, unknown> {
  const inner = expand.map((path) => {
    if (!path.startsWith('data.'))
      throw invalid(`This property cannot be expanded (${path}). You may want to try expanding 'data.${path}' instead.`, { early: true });
    return path.slice('data.'.length);
  });
  return { object: 'list', data: page.things.map((thing) => view(tx, thing, inner)), has_more: page.hasMore, url: page.url };
}

function shown(tx: Tx, thing: Thing, expand: readonly string[]): Record<string, unknown> {
  if (thing.deleted) return { id: thing.id, object: thing.object, deleted: true };
  const bare = Object.fromEntries(Object.entries(thing).filter(([field]) => !field.startsWith('$')));
  const wants = (field: string) => expand.some((path) => path === field || path.startsWith(`${field}.`));
  switch (thing.object) {
    case 'checkout.session':
      return { ...bare, url: thing.status === 'open' ? `${tx.baseUrl}/checkout/${thing.id}` : null };
    case 'setup_intent':
      return { ...bare, next_action: nextAction(tx, thing as SetupIntent) };
    case 'payment_intent':
      return { ...bare, next_action: nextAction(tx, thing as PaymentIntent) };
    case 'invoice':
      return shownInvoice(tx, thing as Invoice, bare, wants);
    case 'charge':
      return wants('refunds') ? { ...bare, refunds: refundsOf(tx, thing as Charge) } : bare;
    case 'balance_transaction':
      return { ...bare, status: (thing.available_on as number) <= tx.now ? 'available' : 'pending' };
    case 'balance': {
      const { id: _, ...rest } = bare;
      return rest;
    }
    case 'event':
      return { ...bare, pending_webhooks: pendingOf(tx, thing.id) };
    default:
      return bare;
  }
}

function shownInvoice(tx: Tx, invoice: Invoice, bare: Record<string, unknown>, wants: (field: string) => boolean): Record<string, unknown> {
  const lines = linesOf(tx, invoice);
  const page = invoice.status === 'draft' ? null : `${tx.baseUrl}/invoices/${invoice.id}`;
  const payment = invoice.$payment === null ? undefined : tx.find('invoice_payment', invoice.$payment);
  const intent = payment && tx.find('payment_intent', payment.payment.payment_intent);
  return {
    ...bare,
    hosted_invoice_url: page,
    invoice_pdf: page && `${page}/pdf`,
    lines: {
      object: 'list',
      data: lines.slice(0, LINES_EMBEDDED),
      has_more: lines.length > LINES_EMBEDDED,

      url: `/v1/invoices/${invoice.id}/lines`,
    },
    ...(wants('payments') && {
      payments: { object: 'list', data: payment ? [shown(tx, payment, [])] : [], has_more: false, url: `/v1/invoice_payments?invoice=${invoice.id}` },
    }),
    ...(wants('confirmation_secret') && {
      confirmation_secret: intent && invoice.status === 'open' ? { client_secret: intent.client_secret, type: 'payment_intent' } : null,
    }),
  };
}

const pendingOf = (tx: Tx, event: string): number =>
  tx.all('webhook_endpoint').filter(({ id }) => tx.find('delivery', `${event}.${id}`)?.state === 'pending').length;

function nextAction(tx: Tx, intent: SetupIntent | PaymentIntent): unknown {
  if (intent.status !== 'requires_action') return null;
  return { type: 'redirect_to_url', redirect_to_url: { url: `${tx.baseUrl}/authenticate/${intent.id}`, return_url: intent.$returnUrl } };
}

const refundsOf = (tx: Tx, charge: Charge): Record<string, unknown> => ({
  object: 'list',
  data: tx
    .all('refund')
    .filter((refund) => refund.charge === charge.id)
    .map((refund) => shown(tx, refund, [])),
  has_more: false,
  url: `/v1/charges/${charge.id}/refunds`,
});

/** The lines of an invoice, newest first, as Stripe lists them. */
export const linesOf = (tx: Tx, invoice: Invoice): Thing[] =>
  invoice.$items
    .map((id) => tx.get('invoiceitem', id))
    .map((item) => lineOf(item, invoice.id))
    .reverse();

function lineOf(item: InvoiceItem, invoice: string): Thing {
  return {
    id: item.id.replace(/^ii_/, 'il_'),
    object: 'line_item',
    amount: item.amount,
    currency: item.currency,
    description: item.description,
    discount_amounts: [],
    discountable: item.discountable,
    discounts: [],
    invoice,
    livemode: false,
    metadata: item.metadata,
    parent: {
      invoice_item_details: { invoice_item: item.id, proration: false, proration_details: { credited_items: null }, subscription: null },
      subscription_item_details: null,
      type: 'invoice_item_details',
    },
    period: item.period,
    pretax_credit_amounts: [],
    pricing: item.pricing,
    quantity: item.quantity,
    quantity_decimal: String(item.quantity),
    subscription: null,
    subtotal: item.amount,
    taxes: [],
  };
}

function expandAt(tx: Tx, node: Record<string, unknown>, segments: string[], path: string): void {
  if (node.object === 'list') {
    if (segments[0] !== 'data') throw cannot(path);
    for (const each of node.data as Record<string, unknown>[]) if (segments.length > 1) expandAt(tx, each, segments.slice(1), path);
    return;
  }
  const allowed = EXPANDABLE[String(node.object)] ?? {};
  for (const width of [1, 2]) {
    const field = segments.slice(0, width).join('.');
    const target = allowed[field];
    if (width > segments.length || (!target && !(width === 1 && isList(node[field])))) continue;
    const rest = segments.slice(width);
    const holder = (width === 1 ? node : node[segments[0]!]) as Record<string, unknown>;
    const key = segments[width - 1]!;
    if (target && target !== 'included' && typeof holder[key] === 'string') {
      const id = holder[key];
      const found = tx.find(target, id) ?? (target === 'charge' ? tx.find('refund', id) : undefined);
      if (found) holder[key] = shown(tx, found, [rest.join('.')]);
    }
    if (rest.length > 0 && holder[key] !== null && typeof holder[key] === 'object') expandAt(tx, holder[key] as Record<string, unknown>, rest, path);
    return;
  }
  throw cannot(path);
}

const isList = (value: unknown): boolean => typeof value === 'object' && value !== null && (value as { object?: unknown }).object === 'list';

const cannot = (path: string) => invalid(`This property cannot be expanded (${path}).`, { early: true });
