/** Statuses and the moves allowed between them, as tables. A state without moves is terminal, and stays (invariant I14). */
const define = <S extends string>(moves: Record<S, readonly NoInfer<S>[]>): Readonly<Record<S, readonly NoInfer<S>[]>> => moves;

export const SUBSCRIPTION_MOVES = define({
  requested: ['pending', 'trialing', 'active', 'canceled', 'expired'],
  pending: ['trialing', 'active', 'canceled', 'expired'],
  trialing: ['active', 'past_due', 'paused', 'canceled', 'expired'],
  active: ['past_due', 'suspended', 'paused', 'canceled'],
  past_due: ['active', 'suspended', 'paused', 'canceled'],
  suspended: ['active', 'canceled'],
  paused: ['active', 'past_due', 'suspended', 'canceled'],
  canceled: [],
  expired: [],
});
export const PERIOD_MOVES = define({ open: ['closing'], closing: ['frozen'], frozen: ['invoiced'], invoiced: [] });
export const INVOICE_MOVES = define({
  draft: ['open', 'paid', 'void', 'needs_review'],
  open: ['paid', 'void', 'uncollectible', 'needs_review'],
  uncollectible: ['paid', 'void'],
  needs_review: ['draft', 'open', 'paid', 'void'],
  paid: [],
  void: [],
});
export const API_MOVES = define({ draft: ['published'], published: ['offline'], offline: ['published'] });
export const PRODUCT_MOVES = define({
  draft: ['submitted'],
  submitted: ['draft', 'listed', 'rejected'],
  listed: ['deprecated', 'retired'],
  rejected: ['draft', 'submitted'],
  deprecated: ['listed', 'retired'],
  retired: [],
});

export type SubscriptionStatus = keyof typeof SUBSCRIPTION_MOVES;
export type PeriodStatus = keyof typeof PERIOD_MOVES;
export type InvoiceStatus = keyof typeof INVOICE_MOVES;
export type ApiStatus = keyof typeof API_MOVES;
export type ProductStatus = keyof typeof PRODUCT_MOVES;

const MOVES = { subscription: SUBSCRIPTION_MOVES, period: PERIOD_MOVES, invoice: INVOICE_MOVES, api: API_MOVES, product: PRODUCT_MOVES };
export type LifecycleKind = keyof typeof MOVES;
export interface StatusOf {
  subscription: SubscriptionStatus;
  period: PeriodStatus;
  invoice: InvoiceStatus;
  api: ApiStatus;
  product: ProductStatus;
}

/** May a thing of this kind go from one status to the other? Standing still is no move. */
export const canMove = <K extends LifecycleKind>(kind: K, from: StatusOf[K], to: StatusOf[K]): boolean =>
  (MOVES[kind] as Readonly<Record<string, readonly string[]>>)[from]?.includes(to) ?? false;
