import type { InboundEvent } from './events.ts';

/**
 * What the product asks of the company that collects. Stripe rates nothing and knows no plan: it holds customers and cards,
 * opens Checkout to save a card, and collects invoices whose integer amounts were worked out here.
 *
 * Every verb that changes something takes the caller's idempotency key: the same step of the same use-case carries the same key
 * and the same body for ever, so that a lost answer may be asked for again. After 20 hours a key may be forgotten: look the
 * object up by its metadata first (`findInvoiceByMetadata`).
 *
 * Errors of every verb, besides those named: `dependency-away` (no answer, 5xx, 429, wrong key: try again later),
 * `not-found` (Stripe does not know the object), `conflict` (the object is not in a state that allows it), `internal` (our request was wrong,
 * or the same key came with another body).
 */
export interface Payments {
  /** False only with a live key. Every page says "test payments" while it is true. */
  readonly testMode: boolean;

  /** The Stripe customer of an organization, made on first use; e-mail and name are brought up to date. Key: the organization's id. @returns `cus_…` */
  ensureCustomer(organization: { organizationId: string; email: string; name: string }): Promise<string>;

  /**
   * Checkout that saves a card and charges nothing (`mode=setup`).
   * @param request.subscriptionId comes back as `Checkout.subscriptionId`
   * @param request.expiresAt epoch ms; Stripe accepts 30 minutes to 24 hours from now
   * @param request.successUrl may hold `{CHECKOUT_SESSION_ID}`
   */
  createSetupCheckout(request: SetupCheckoutRequest): Promise<Checkout>;
  readCheckout(checkoutId: string): Promise<Checkout>;
  /** End an open session, so that a second tab cannot complete it. One that is complete or expired already is answered as it is. */
  expireCheckout(checkoutId: string): Promise<Checkout>;

  readPaymentMethod(paymentMethodId: string): Promise<PaymentMethod>;
  /** The card that invoices of this customer are collected from unless they name one. */
  setDefaultPaymentMethod(choice: { customerId: string; paymentMethodId: string }): Promise<void>;
  detachPaymentMethod(paymentMethodId: string): Promise<void>;

  /** A draft without lines: `auto_advance` off, pending items of the customer excluded. */
  createInvoice(request: CreateInvoiceRequest): Promise<StripeInvoice>;
  /** One line of a draft. The amount may be negative (a credit). @returns the item's id, `ii_…` */
  addInvoiceItem(item: InvoiceItemRequest): Promise<string>;
  /** With all its lines, however many. */
  readInvoice(stripeInvoiceId: string): Promise<StripeInvoice>;
  /** Give the draft its number and freeze it: draft → open, or paid at once when its total is 0. An invoice that left draft already is answered as it is. */
  finalizeInvoice(step: { stripeInvoiceId: string; number: string; idempotencyKey: string }): Promise<StripeInvoice>;
  /**
   * Collect from the given card, else from the customer's default. A decline is an answer, not an error.
   * One key per attempt: under the same key Stripe repeats the first answer, decline included.
   */
  payInvoice(attempt: PayInvoiceRequest): Promise<PaymentOutcome>;
  /** What Stripe kept of a paid invoice, from the balance transactions of its payments. */
  readProcessingFee(stripeInvoiceId: string): Promise<ProcessingFee>;
  /** open → uncollectible: given up, but the buyer can still pay it. One that left open already is answered as it is. */
  markUncollectible(step: { stripeInvoiceId: string; idempotencyKey: string }): Promise<StripeInvoice>;
  /** open | uncollectible → void. A void one is answered as it is. @throws conflict on a paid one */
  voidInvoice(step: { stripeInvoiceId: string; idempotencyKey: string }): Promise<StripeInvoice>;
  /** Remove a draft with its items. One that is gone already is success. @throws conflict when it left draft */
  discardDraft(stripeInvoiceId: string): Promise<void>;
  /** The customer's invoice whose metadata says so, void ones excluded; read from the list, which is immediately consistent (search is not). */
  findInvoiceByMetadata(query: { customerId: string; key: string; value: string }): Promise<StripeInvoice | null>;

  /**
   * Events of the types we handle since an instant (epoch ms, inclusive), **newest first**, page after page: move a mark only when the walk has ended.
   * Stripe keeps them for 30 days.
   */
  listEvents(query: { since: number }): AsyncIterable<InboundEvent>;
  /** Minor units by lower-case currency. */
  readBalance(): Promise<{ availableMinor: Record<string, bigint>; pendingMinor: Record<string, bigint> }>;
  /** True when Stripe answers an authenticated request within 2 s: for readiness. Never throws. */
  reachable(): Promise<boolean>;
}

export interface SetupCheckoutRequest {
  subscriptionId: string;
  customerId: string;
  successUrl: string;
  cancelUrl: string;
  expiresAt: number;
  idempotencyKey: string;
}

export interface Checkout {
  id: string;
  status: 'open' | 'complete' | 'expired';
  /** Where the buyer goes; null once it is no longer open. */
  url: string | null;
  customerId: string | null;
  subscriptionId: string | null;
  /** The saved card, once complete. */
  paymentMethodId: string | null;
  expiresAt: number;
}

export interface PaymentMethod {
  id: string;
  /** Null when it was detached. */
  customerId: string | null;
  brand: string;
  last4: string;
  /** Month 1–12. */
  expiryMonth: number;
  expiryYear: number;
}

export interface CreateInvoiceRequest {
  customerId: string;
  /** Lower case. */
  currency: string;
  description?: string;
  /** Ours to find it by; at least our invoice's id. */
  metadata: Record<string, string>;
  paymentMethodId?: string;
  idempotencyKey: string;
}

export interface InvoiceItemRequest {
  stripeInvoiceId: string;
  customerId: string;
  /** Integer minor units of `currency`. @throws RangeError beyond 2⁵³: Stripe takes JSON numbers */
  amountMinor: bigint;
  currency: string;
  description: string;
  /** Comes back as `StripeInvoiceLine.lineKey`. */
  lineKey: string;
  idempotencyKey: string;
}

export type StripeInvoiceStatus = 'draft' | 'open' | 'paid' | 'uncollectible' | 'void';

export interface StripeInvoiceLine {
  id: string;
  /** Null for a line that is not ours: then stop in `needs_review`. */
  lineKey: string | null;
  description: string | null;
  amountMinor: bigint;
}

export interface StripeInvoice {
  id: string;
  status: StripeInvoiceStatus;
  number: string | null;
  customerId: string | null;
  currency: string;
  subtotalMinor: bigint;
  totalMinor: bigint;
  amountDueMinor: bigint;
  amountPaidMinor: bigint;
  amountRemainingMinor: bigint;
  /** In Stripe's order; compare by `lineKey`. */
  lines: StripeInvoiceLine[];
  metadata: Record<string, string>;
  /** 0 before the first try. Stripe counts the first and its own automatic ones, not ours by hand: keep the count of tries on our side. */
  attempts: number;
  /** Stripe's page where the buyer can pay or pass 3-D Secure; null on a draft. */
  hostedUrl: string | null;
  createdAt: number;
  paidAt: number | null;
}

export interface PayInvoiceRequest {
  stripeInvoiceId: string;
  paymentMethodId?: string;
  idempotencyKey: string;
}

export type PaymentOutcome =
  | { kind: 'paid'; invoice: StripeInvoice }
  /** `hard`: trying again without a new card is pointless (rule N22). `message` is for the buyer. */
  | { kind: 'declined'; code: string; declineCode: string | null; hard: boolean; message: string }
  /** The buyer must confirm (3-D Secure) on that page. */
  | { kind: 'requires-action'; url: string };

/** In the currency that Stripe settles in, which need not be the invoice's. */
export interface FeeAmount {
  currency: string;
  amountMinor: bigint;
  /** When it was taken, epoch ms. */
  at: number;
}

/** `pending`: the payment is not in Stripe's balance yet, which may take an hour. No amounts: no money went through Stripe. */
export type ProcessingFee = { kind: 'pending' } | { kind: 'known'; amounts: FeeAmount[] };
