import { Schema, type Connection } from 'mongoose';
import type { SubscriptionStatus } from '../domain/lifecycles.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';

export interface SubscriptionDoc {
  _id: string;
  /** The buyer. */
  organizationId: string;
  productId: string;
  providerId: string;
  gatewayId: string;
  planId: string;
  planVersionId: string;
  /** Takes effect with the next period (rules N6, N7). */
  pendingPlanVersionId: string | null;
  /** The app that was chosen at the purchase; further ones are bound later. */
  appId: string;
  /** The form's idempotency key, unique per buyer. */
  requestId: string;
  currency: string;
  interval: 'month' | 'year';
  status: SubscriptionStatus;
  /** Pending, active, past due, suspended, paused: at most one per buyer and product. False once canceled or expired. */
  live: boolean;
  /** The second of activation; every boundary counts from it (rule N8). */
  anchorAt: number | null;
  /** The running period. */
  periodIndex: number;
  /** The end of access as decided so far; null = open end. */
  entitledUntil: number | null;
  cancelAtPeriodEnd: boolean;
  /** Why it stands where it stands, for people: a decline, a cancellation's reason. */
  statusReason: string;
  stripeCustomerId: string | null;
  paymentMethodId: string | null;
  checkoutId: string | null;
  checkoutUrl: string | null;
  checkoutExpiresAt: number | null;
  createdAt: number;
  createdBy: string;
  endedAt: number | null;
  /** What its present state asks for (periods, bindings, word to the gateways) is not known to be done: whoever finds it does it again. */
  unsettled?: boolean;
  rev: number;
}

/** A subscription as counts need it. */
export type LiveSubscription = Pick<SubscriptionDoc, '_id' | 'gatewayId' | 'organizationId' | 'planId' | 'planVersionId' | 'productId'>;

const text = { type: String, required: true } as const;
const optional = { type: String, default: null } as const;
const number = { type: Number, required: true } as const;
const time = { type: Number, default: null } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

/** What a seller's lists count of a live subscription. */
const LIVE = { organizationId: 1, productId: 1, planId: 1, planVersionId: 1, gatewayId: 1 } as const;

/** What lists show of a subscription, as far as it can change. */
const LISTED = ['anchorAt', 'cancelAtPeriodEnd', 'endedAt', 'entitledUntil', 'live', 'planId', 'planVersionId', 'status', 'stripeCustomerId'] as const;

export function makeSubscriptionsStore(connection: Connection, touch: TouchList) {
  const schema = new Schema<SubscriptionDoc>(
    {
      _id: text,
      organizationId: text,
      productId: text,
      providerId: text,
      gatewayId: text,
      planId: text,
      planVersionId: text,
      pendingPlanVersionId: optional,
      appId: text,
      requestId: text,
      currency: text,
      interval: { type: String, enum: ['month', 'year'], required: true },
      status: { type: String, required: true, enum: ['requested', 'pending', 'trialing', 'active', 'past_due', 'suspended', 'paused', 'canceled', 'expired'] },
      live: { type: Boolean, required: true },
      anchorAt: time,
      periodIndex: number,
      entitledUntil: time,
      cancelAtPeriodEnd: { type: Boolean, required: true },
      statusReason: { type: String, default: '' },
      stripeCustomerId: optional,
      paymentMethodId: optional,
      checkoutId: optional,
      checkoutUrl: optional,
      checkoutExpiresAt: time,
      createdAt: number,
      createdBy: text,
      endedAt: time,
      unsettled: { type: Boolean, default: false },
      rev: number,
    },
    options,
  );
  // This index, not a lock, forbids a second live subscription of one buyer to one product.
  schema.index({ organizationId: 1, productId: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'one_live' });
  schema.index({ organizationId: 1, requestId: 1 }, { unique: true });
  schema.index({ organizationId: 1, createdAt: 1 });
  schema.index({ productId: 1, createdAt: 1 });
  schema.index({ productId: 1, live: 1 });
  schema.index({ providerId: 1, live: 1 });
  schema.index({ live: 1 }, { partialFilterExpression: { live: true }, name: 'live' });
  schema.index({ checkoutId: 1 });
  schema.index({ status: 1 });
  schema.index({ unsettled: 1 }, { partialFilterExpression: { unsettled: true }, name: 'unsettled' });
  const Subscriptions = connection.model('Subscription', schema);

  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(of: Pick<SubscriptionDoc, 'organizationId' | 'providerId'> | null, outcome: T): Promise<T> {
    if (of) {
      await touch('subscriptions', of.organizationId);
      await touch('subscribers', of.providerId);
    }
    return outcome;
  }

  return {
    models: [Subscriptions],
    /** False: the request was made before, or a live subscription exists; read which. */
    add: async (subscription: SubscriptionDoc) => touched(subscription, await insertOnce(() => Subscriptions.create(subscription))),
    get: (id: string) => Subscriptions.findById(id).lean<SubscriptionDoc>(),
    many: (ids: string[]) => Subscriptions.find({ _id: { $in: ids } }).lean<SubscriptionDoc[]>(),
    byRequest: (organizationId: string, requestId: string) => Subscriptions.findOne({ organizationId, requestId }).lean<SubscriptionDoc>(),
    byCheckout: (checkoutId: string) => Subscriptions.findOne({ checkoutId }).lean<SubscriptionDoc>(),
    liveFor: (organizationId: string, productId: string) => Subscriptions.findOne({ organizationId, productId, live: true }).lean<SubscriptionDoc>(),
    ofOrganization: (organizationId: string) => Subscriptions.find({ organizationId }).lean<SubscriptionDoc[]>(),
    /** Of a seller's live ones, as far as counts need them. */
    liveOfProvider: (providerId: string) => Subscriptions.find({ providerId, live: true }, LIVE).lean<LiveSubscription[]>(),
    /** As {@link liveOfProvider}, of one product. */
    liveOfProduct: (productId: string) => Subscriptions.find({ productId, live: true }, LIVE).lean<LiveSubscription[]>(),
    allLive: () => Subscriptions.find({ live: true }).lean<SubscriptionDoc[]>(),
    inStatus: (status: SubscriptionStatus) => Subscriptions.find({ status }).lean<SubscriptionDoc[]>(),
    unsettled: () => Subscriptions.find({ unsettled: true }).lean<SubscriptionDoc[]>(),
    /** All that the state of this revision asks for is done; false when it moved on meanwhile. */
    settle: async (id: string, rev: number) =>
      (await Subscriptions.updateOne({ _id: id, rev, unsettled: true }, { $set: { unsettled: false } })).modifiedCount === 1,
    /** Compare-and-set by `rev`. False: read it again and go on from what is found. */
    async update(id: string, rev: number, change: Partial<Omit<SubscriptionDoc, '_id' | 'rev'>>): Promise<boolean> {
      const { modifiedCount } = await Subscriptions.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } });
      return touched(LISTED.some((name) => name in change) ? await Subscriptions.findById(id).lean<SubscriptionDoc>() : null, modifiedCount === 1);
    },
  };
}
