/**
 * The objects of Stripe's API version 2026-08-26.dahlia, as far as the simulator reasons about them; the rest of their fields rides along untyped.
 * Fields whose name begins with `$` are the simulator's own and never leave it.
 */
export interface Thing {
  id: string;
  object: string;
  [field: string]: unknown;
}

export interface Customer extends Thing {
  created: number;
  balance: number;
  currency: string | null;
  email: string | null;
  name: string | null;
  metadata: Metadata;
  invoice_prefix: string;
  next_invoice_sequence: number;
  invoice_settings: { default_payment_method: string | null; custom_fields: null; footer: string | null; rendering_options: null };
  deleted?: true;
}

export type Metadata = Record<string, string>;

export interface PaymentMethod extends Thing {
  created: number;
  customer: string | null;
  card: { brand: string; last4: string; exp_month: number; exp_year: number; [field: string]: unknown };
  metadata: Metadata;
  /** Digits of the test card: what it does stands in cards.ts. */
  $number: string;
  /** The cardholder passed 3-D Secure while saving it: `…3155` asks no more. */
  $authenticated: boolean;
}

export type IntentStatus = 'requires_payment_method' | 'requires_confirmation' | 'requires_action' | 'succeeded' | 'canceled';

export interface SetupIntent extends Thing {
  created: number;
  customer: string | null;
  payment_method: string | null;
  status: IntentStatus;
  metadata: Metadata;
  last_setup_error: unknown;
  next_action: unknown;
  cancellation_reason: string | null;
  $returnUrl: string | null;
}

export interface CheckoutSession extends Thing {
  created: number;
  customer: string | null;
  expires_at: number;
  setup_intent: string;
  status: 'open' | 'complete' | 'expired';
  success_url: string;
  cancel_url: string | null;
  metadata: Metadata;
}

export interface InvoiceItem extends Thing {
  amount: number;
  currency: string;
  customer: string;
  date: number;
  description: string | null;
  discountable: boolean;
  invoice: string | null;
  metadata: Metadata;
  period: { start: number; end: number };
  quantity: number;
}

export interface Invoice extends Thing {
  created: number;
  status: 'draft' | 'open' | 'paid' | 'uncollectible' | 'void';
  customer: string;
  currency: string;
  number: string | null;
  auto_advance: boolean;
  automatically_finalizes_at: number | null;
  collection_method: 'charge_automatically' | 'send_invoice';
  default_payment_method: string | null;
  subtotal: number;
  total: number;
  amount_due: number;
  amount_paid: number;
  amount_remaining: number;
  attempt_count: number;
  attempted: boolean;
  starting_balance: number;
  ending_balance: number | null;
  metadata: Metadata;
  description: string | null;
  status_transitions: { finalized_at: number | null; paid_at: number | null; marked_uncollectible_at: number | null; voided_at: number | null };
  /** Ids of its items, oldest first. */
  $items: string[];
  $payment: string | null;
}

export interface InvoicePayment extends Thing {
  created: number;
  invoice: string;
  status: 'open' | 'paid' | 'canceled';
  amount_paid: number | null;
  payment: { type: 'payment_intent'; payment_intent: string };
  status_transitions: { canceled_at: number | null; paid_at: number | null };
}

export interface PaymentIntent extends Thing {
  created: number;
  amount: number;
  amount_received: number;
  currency: string;
  customer: string | null;
  payment_method: string | null;
  status: IntentStatus;
  client_secret: string;
  last_payment_error: unknown;
  latest_charge: string | null;
  next_action: unknown;
  canceled_at: number | null;
  cancellation_reason: string | null;
  $invoice: string | null;
  $returnUrl: string | null;
}

export interface Charge extends Thing {
  created: number;
  amount: number;
  amount_captured: number;
  amount_refunded: number;
  currency: string;
  customer: string | null;
  payment_intent: string | null;
  balance_transaction: string | null;
  paid: boolean;
  refunded: boolean;
  status: 'succeeded' | 'failed';
}

export interface Refund extends Thing {
  created: number;
  amount: number;
  charge: string;
  payment_intent: string | null;
}

export interface BalanceTransaction extends Thing {
  created: number;
  available_on: number;
  amount: number;
  fee: number;
  net: number;
  currency: string;
  source: string;
  type: 'charge' | 'refund';
}

export interface SimEvent extends Thing {
  created: number;
  type: string;
  data: { object: Record<string, unknown>; previous_attributes?: Record<string, unknown> };
}

export interface WebhookEndpoint extends Thing {
  created: number;
  url: string;
  enabled_events: string[];
  status: 'enabled' | 'disabled';
  metadata: Metadata;
  $secret: string;
}

/** One event on its way to one endpoint; no object of Stripe's. */
export interface Delivery extends Thing {
  event: string;
  endpoint: string;
  attempts: number;
  /** Epoch ms on the simulator's clock. */
  nextAt: number;
  /** Epoch ms after which it is given up. */
  until: number;
  state: 'pending' | 'delivered' | 'failed';
  lastStatus: string | null;
}

export interface Kinds {
  customer: Customer;
  payment_method: PaymentMethod;
  setup_intent: SetupIntent;
  'checkout.session': CheckoutSession;
  invoiceitem: InvoiceItem;
  invoice: Invoice;
  invoice_payment: InvoicePayment;
  payment_intent: PaymentIntent;
  charge: Charge;
  refund: Refund;
  balance_transaction: BalanceTransaction;
  event: SimEvent;
  webhook_endpoint: WebhookEndpoint;
  delivery: Delivery;
}

export type Kind = keyof Kinds;

export const KINDS: readonly Kind[] = [
  'balance_transaction',
  'charge',
  'checkout.session',
  'customer',
  'delivery',
  'event',
  'invoice',
  'invoice_payment',
  'invoiceitem',
  'payment_intent',
  'payment_method',
  'refund',
  'setup_intent',
  'webhook_endpoint',
];

/** How Stripe names a kind in "No such …". */
export const SPOKEN: Partial<Record<Kind, string>> = {
  'checkout.session': 'checkout.session',
  payment_method: 'PaymentMethod',
  setup_intent: 'setupintent',
  invoice_payment: 'invoice payment',
  webhook_endpoint: 'webhook endpoint',
  balance_transaction: 'balance transaction',
};
