import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

export const INVOICE_KINDS = ['period', 'change', 'pack', 'topup', 'manual'] as const;
export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible', 'needs_review'] as const;
export type InvoiceKind = (typeof INVOICE_KINDS)[number];
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

export interface InvoiceLine {
  /** Stable: `base`, `<meter>.<window>.<version>`, `adj.<period>.<meter>`. */
  key: string;
  text: string;
  /** Units; null on a line without a quantity. Decimal string of int64. */
  quantity: string | null;
  /** The exact amount before rounding, as the door writes it. */
  exact: string;
  amountMinor: bigint;
  /** How the amount comes about, tier by tier, in words for the page: included units, priced units, unit price. */
  explanation: string[];
  feeMinor: bigint;
  providerMinor: bigint;
}

export interface InvoiceDoc {
  /** `inv_<sub>_<i>`, minted by the caller, so that a retry writes the same document. */
  _id: string;
  subscriptionId: string;
  organizationId: string;
  providerId: string;
  productId: string;
  kind: InvoiceKind;
  /** Boundary i of the subscription (rule N8). */
  periodIndex: number;
  /** 0 for `period`; a `change` carries its change index. */
  ordinal: number;
  status: InvoiceStatus;
  void: boolean;
  currency: string;
  lines: InvoiceLine[];
  subtotalMinor: bigint;
  /** What was carried in from the invoice before (rule N16): positive a small debt, negative a credit. */
  carriedInMinor: bigint;
  totalMinor: bigint;
  /** What is charged now, and what is carried on; their sum is `totalMinor`. */
  chargeMinor: bigint;
  carriedMinor: bigint;
  /** SHA-256 of currency, lines and totals. */
  hash: string;
  /** Gap-free per seller, given by the finalizing write; null before. */
  number: number | null;
  numbered: boolean;
  /** The saga's step and when it was reached. */
  step: string;
  stepAt: number;
  stripeInvoiceId: string | null;
  stripeUrl: string | null;
  issuedAt: number;
  paidAt: number | null;
  attempts: number;
  lastFailure: string;
  /** The usage period the usage lines speak of, half-open; null on invoice 0. */
  usageFrom: number | null;
  usageTo: number | null;
}

const text = { type: String, required: true } as const;
const optional = { type: String, default: null } as const;
const number = { type: Number, required: true } as const;
const time = { type: Number, default: null } as const;
const minor = { type: BigInt, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

export function makeInvoicesStore(connection: Connection) {
  const line = new Schema<InvoiceLine>(
    {
      key: text, text, quantity: optional, exact: text, amountMinor: minor, explanation: { type: [String], default: [] }, feeMinor: minor, providerMinor: minor,
    },
    { _id: false, strict: 'throw' },
  );
  const schema = new Schema<InvoiceDoc>(
    {
      _id: text, subscriptionId: text, organizationId: text, providerId: text, productId: text,
      kind: { type: String, enum: INVOICE_KINDS, required: true }, periodIndex: number, ordinal: number,
      status: { type: String, enum: INVOICE_STATUSES, required: true }, void: { type: Boolean, required: true }, currency: text, lines: [line],
      subtotalMinor: minor, carriedInMinor: minor, totalMinor: minor, chargeMinor: minor, carriedMinor: minor, hash: text,
      number: { type: Number, default: null }, numbered: { type: Boolean, required: true }, step: text, stepAt: number, stripeInvoiceId: { type: String },
      stripeUrl: optional, issuedAt: number, paidAt: time, attempts: number, lastFailure: { type: String, default: '' }, usageFrom: time, usageTo: time,
    },
    options,
  );
  // This index, not a lock, forbids billing a period twice.
  schema.index({ subscriptionId: 1, periodIndex: 1, kind: 1, ordinal: 1 }, { unique: true, partialFilterExpression: { void: false }, name: 'one_per_boundary' });
  schema.index({ providerId: 1, number: 1 }, { unique: true, partialFilterExpression: { numbered: true }, name: 'seller_number' });
  schema.index({ stripeInvoiceId: 1 }, { unique: true, partialFilterExpression: { stripeInvoiceId: { $type: 'string' } } });
  schema.index({ organizationId: 1, issuedAt: 1 });
  schema.index({ status: 1, issuedAt: 1 });
  const Invoices = connection.model('Invoice', schema);

  return {
    models: [Invoices],
    /** False: the boundary has its invoice; read it. */
    add: (invoice: InvoiceDoc) =>
      insertOnce(() => {
        // The partial unique index is over strings: an invoice unknown to Stripe carries no Stripe id at all.
        const { stripeInvoiceId, ...rest } = invoice;
        return Invoices.create(stripeInvoiceId === null ? rest : { ...rest, stripeInvoiceId });
      }),
    get: (id: string) => Invoices.findById(id).lean<InvoiceDoc>(),
    byStripeId: (stripeInvoiceId: string) => Invoices.findOne({ stripeInvoiceId }).lean<InvoiceDoc>(),
    ofSubscription: (subscriptionId: string) => Invoices.find({ subscriptionId }).lean<InvoiceDoc[]>(),
    ofOrganization: (organizationId: string, from: number, to: number) =>
      Invoices.find({ organizationId, issuedAt: { $gte: from, $lt: to } }).lean<InvoiceDoc[]>(),
    /** Move an invoice on, if it is still where the caller saw it. True: we moved it; after false read it again. */
    advance: async (id: string, from: InvoiceStatus, to: InvoiceStatus) =>
      (await Invoices.updateOne({ _id: id, status: from }, { $set: { status: to } })).modifiedCount === 1,
  };
}

export type InvoicesStore = ReturnType<typeof makeInvoicesStore>;
