import { Schema, type Connection } from 'mongoose';
import { PLATFORM_ORGANIZATION } from '../domain/actor.ts';
import { insertOnce, isDuplicateKey } from './connect.ts';
import type { TouchList } from './list-versions.ts';

export const INVOICE_KINDS = ['period', 'change', 'pack', 'topup', 'manual'] as const;
export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible', 'needs_review'] as const;
export type InvoiceKind = (typeof INVOICE_KINDS)[number];
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

/**
 * In this order. `discarding`: what differs at Stripe is taken back there, to be made anew; `costing`: what Stripe kept of it is looked up; `releasing`: what was
 * carried into a void one is free again; `giving-up`: it could not be collected, and Stripe is told so; `writing-off`: the books are told; `waiting`: for a card
 * or a confirmation; `review`: for a person.
 */
export const INVOICE_STEPS = [
  'issued',
  'creating',
  'adding',
  'verifying',
  'discarding',
  'numbering',
  'finalizing',
  'booking',
  'paying',
  'settling',
  'costing',
  'releasing',
  'giving-up',
  'writing-off',
  'waiting',
  'review',
  'done',
] as const;
export type InvoiceStep = (typeof INVOICE_STEPS)[number];

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
  /** `carriedMinor` is not 0, and no invoice has taken it over yet. */
  carryOpen: boolean;
  /** The invoice that took it over, or is about to. */
  carriedTo?: string;
  /** The invoices whose carry is in `carriedInMinor`. */
  carriedFrom: string[];
  /** SHA-256 of currency, lines and totals. */
  hash: string;
  /** Gap-free per seller, given by the finalizing write; null before. */
  number: number | null;
  numbered: boolean;
  /** How far collecting came, and when by the product's clock that was reached. */
  step: InvoiceStep;
  stepAt: number;
  /** True while there is something left to do that nobody outside must begin; what the sweep looks for. */
  unsettled: boolean;
  stripeInvoiceId: string | null;
  /** How often it was made anew at Stripe: part of the keys of its requests. */
  remakes: number;
  stripeUrl: string | null;
  issuedAt: number;
  paidAt: number | null;
  /** When it was given up and written off, once; stays when it is paid after all, or withdrawn. */
  writtenOffAt?: number | null;
  attempts: number;
  /** Which attempt was answered last, so that the same one is never made twice: `<what>.<card>`. */
  attemptKey: string;
  /** For the buyer; empty while nothing failed. */
  lastFailure: string;
  /** What a waiting invoice needs of the buyer. */
  waitingFor: 'card' | 'confirmation' | null;
  /** When it is tried again by itself (rule N22), or the fee looked up again; null: not before there is another card. */
  nextAttemptAt: number | null;
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

export type InvoiceChange = Partial<
  Pick<
    InvoiceDoc,
    | 'attemptKey'
    | 'attempts'
    | 'lastFailure'
    | 'nextAttemptAt'
    | 'paidAt'
    | 'remakes'
    | 'status'
    | 'step'
    | 'stepAt'
    | 'stripeUrl'
    | 'unsettled'
    | 'void'
    | 'waitingFor'
    | 'writtenOffAt'
  > & { stripeInvoiceId: string | null }
>;

export function makeInvoicesStore(connection: Connection, touch: TouchList) {
  const line = new Schema<InvoiceLine>(
    {
      key: text,
      text,
      quantity: optional,
      exact: text,
      amountMinor: minor,
      explanation: { type: [String], default: [] },
      feeMinor: minor,
      providerMinor: minor,
    },
    { _id: false, strict: 'throw' },
  );
  const schema = new Schema<InvoiceDoc>(
    {
      _id: text,
      subscriptionId: text,
      organizationId: text,
      providerId: text,
      productId: text,
      kind: { type: String, enum: INVOICE_KINDS, required: true },
      periodIndex: number,
      ordinal: number,
      status: { type: String, enum: INVOICE_STATUSES, required: true },
      void: { type: Boolean, required: true },
      currency: text,
      lines: [line],
      subtotalMinor: minor,
      carriedInMinor: minor,
      totalMinor: minor,
      chargeMinor: minor,
      carriedMinor: minor,
      carryOpen: { type: Boolean, default: false },
      carriedTo: { type: String },
      carriedFrom: { type: [String], default: [] },
      hash: text,
      number: { type: Number, default: null },
      numbered: { type: Boolean, required: true },
      step: { type: String, enum: INVOICE_STEPS, required: true },
      stepAt: number,
      unsettled: { type: Boolean, required: true },
      stripeInvoiceId: { type: String },
      remakes: { type: Number, default: 0 },
      stripeUrl: optional,
      issuedAt: number,
      paidAt: time,
      writtenOffAt: time,
      attempts: number,
      attemptKey: { type: String, default: '' },
      lastFailure: { type: String, default: '' },
      waitingFor: optional,
      nextAttemptAt: time,
      usageFrom: time,
      usageTo: time,
    },
    options,
  );
  // This index, not a lock, forbids billing a period twice.
  schema.index(
    { subscriptionId: 1, periodIndex: 1, kind: 1, ordinal: 1 },
    { unique: true, partialFilterExpression: { void: false }, name: 'one_per_boundary' },
  );
  schema.index({ providerId: 1, number: 1 }, { unique: true, partialFilterExpression: { numbered: true }, name: 'seller_number' });
  schema.index({ stripeInvoiceId: 1 }, { unique: true, partialFilterExpression: { stripeInvoiceId: { $type: 'string' } } });
  schema.index({ organizationId: 1, issuedAt: 1 });
  schema.index({ organizationId: 1, status: 1 });
  schema.index({ providerId: 1, issuedAt: 1 });
  schema.index({ subscriptionId: 1 });
  schema.index({ status: 1, issuedAt: 1 });
  schema.index({ writtenOffAt: 1 });
  schema.index({ unsettled: 1 }, { partialFilterExpression: { unsettled: true }, name: 'unsettled' });
  schema.index({ organizationId: 1, carryOpen: 1 }, { partialFilterExpression: { carryOpen: true }, name: 'open_carries' });
  schema.index({ carriedTo: 1 }, { partialFilterExpression: { carriedTo: { $type: 'string' } }, name: 'carried_to' });
  const Invoices = connection.model('Invoice', schema);

  return {
    models: [Invoices],
    /** False: the boundary has its invoice; read it. */
    add: async (invoice: InvoiceDoc) => {
      const fresh = await insertOnce(() => {
        // The partial unique index is over strings: an invoice unknown to Stripe carries no Stripe id at all.
        const { stripeInvoiceId, ...rest } = invoice;
        return Invoices.create(stripeInvoiceId === null ? rest : { ...rest, stripeInvoiceId });
      });
      if (invoice.step === 'review') await touch('heldInvoices', PLATFORM_ORGANIZATION);
      return fresh;
    },
    get: (id: string) => Invoices.findById(id).lean<InvoiceDoc>(),
    byStripeId: (stripeInvoiceId: string) => Invoices.findOne({ stripeInvoiceId }).lean<InvoiceDoc>(),
    ofSubscription: (subscriptionId: string) => Invoices.find({ subscriptionId }).lean<InvoiceDoc[]>(),
    many: (ids: readonly string[]) => Invoices.find({ _id: { $in: [...ids] } }).lean<InvoiceDoc[]>(),
    /** Ids and times of issue, of the buyer's or of the seller's. */
    timesOf: async (side: 'organizationId' | 'providerId', id: string, from: number, to: number): Promise<{ _id: string; at: number }[]> =>
      (await Invoices.find({ [side]: id, issuedAt: { $gte: from, $lt: to } }, { issuedAt: 1 }).lean<Pick<InvoiceDoc, '_id' | 'issuedAt'>[]>()).map(
        ({ _id, issuedAt }) => ({ _id, at: issuedAt }),
      ),
    /** Ids of those written off in [from, to), and when. */
    writeOffTimes: async (from: number, to: number): Promise<{ _id: string; at: number }[]> =>
      (await Invoices.find({ writtenOffAt: { $gte: from, $lt: to } }, { writtenOffAt: 1 }).lean<Pick<InvoiceDoc, '_id' | 'writtenOffAt'>[]>()).map(
        ({ _id, writtenOffAt }) => ({ _id, at: writtenOffAt ?? 0 }),
      ),
    unpaidOf: (organizationId: string) => Invoices.find({ organizationId, status: { $in: ['open', 'uncollectible'] } }).lean<InvoiceDoc[]>(),
    openOf: (organizationId: string) => Invoices.find({ organizationId, status: 'open' }).lean<InvoiceDoc[]>(),
    unsettled: () => Invoices.find({ unsettled: true }).lean<InvoiceDoc[]>(),
    inStatus: (status: InvoiceStatus) => Invoices.find({ status }).lean<InvoiceDoc[]>(),
    /** Those that wait for a person, and since when. */
    heldTimes: async (): Promise<{ id: string; at: number }[]> =>
      (await Invoices.find({ status: 'needs_review' }, { stepAt: 1 }).lean<Pick<InvoiceDoc, '_id' | 'stepAt'>[]>()).map(({ _id, stepAt }) => ({
        id: _id,
        at: stepAt,
      })),
    /** Of this buyer, what was carried and not taken over. */
    openCarries: (organizationId: string) => Invoices.find({ organizationId, carryOpen: true }).lean<InvoiceDoc[]>(),
    /** One invoice takes it over, whoever asks at once. */
    takeCarry: async (id: string, by: string) =>
      (await Invoices.updateOne({ _id: id, carryOpen: true }, { $set: { carryOpen: false, carriedTo: by } })).modifiedCount === 1,
    carriesTakenBy: (by: string) => Invoices.find({ carriedTo: by }).lean<InvoiceDoc[]>(),
    freeCarry: async (id: string, by: string) =>
      void (await Invoices.updateOne({ _id: id, carriedTo: by }, { $set: { carryOpen: true }, $unset: { carriedTo: 1 } })),
    /** Is the seller's nth number given? */
    isNumberGiven: async (providerId: string, number: number) => (await Invoices.exists({ providerId, number, numbered: true })) !== null,
    /** Move an invoice on, if it still stands at the step where the caller saw it. True: we moved it; after false read it again. */
    advance: async (id: string, from: InvoiceStep, change: InvoiceChange) => {
      const { stripeInvoiceId, ...rest } = change;
      const update =
        stripeInvoiceId === null
          ? { $set: rest, $unset: { stripeInvoiceId: 1 } }
          : { $set: stripeInvoiceId === undefined ? rest : { ...rest, stripeInvoiceId } };
      const { modifiedCount } = await Invoices.updateOne({ _id: id, step: from }, update);
      if (from === 'review' || change.step === 'review') await touch('heldInvoices', PLATFORM_ORGANIZATION);
      return modifiedCount === 1;
    },
    /** Give it the seller's nth number, and move it on in the same write. `taken`: another invoice has that number. */
    number: async (id: string, number: number, change: InvoiceChange): Promise<'moved' | 'taken' | 'elsewhere'> => {
      try {
        const { modifiedCount } = await Invoices.updateOne({ _id: id, step: 'numbering', numbered: false }, { $set: { ...change, number, numbered: true } });
        return modifiedCount === 1 ? 'moved' : 'elsewhere';
      } catch (error) {
        if (isDuplicateKey(error)) return 'taken';
        throw error;
      }
    },
  };
}
