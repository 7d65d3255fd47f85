import type { Actor } from '../domain/actor.ts';
import { planOf } from '../domain/plan.ts';
import { canOpenCheckout, isFreeOfCharge, pendingUntil } from '../domain/subscription.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { PlanDoc, PlanVersionDoc, ProductDoc } from '../store/products.ts';
import type { Store } from '../store/index.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import type { Checkout, Payments } from '../stripe/payments.ts';
import { ownApp } from './apps.ts';
import type { Audit } from './audit.ts';
import { makeSubscriptionCheckout } from './subscription-checkout.ts';
import type { SubscriptionLife } from './subscription-life.ts';

/** How the first invoice came out. */
export type FirstPayment =
  | { readonly kind: 'paid' }
  /** Nothing was due, or less than can be charged: no payment was asked for. */
  | { readonly kind: 'nothing-due' }
  /** `message` is for the buyer. */
  | { readonly kind: 'declined'; readonly message: string }
  /** The buyer must confirm on that page (3-D Secure). */
  | { readonly kind: 'requires-action'; readonly url: string }
  /** The purchase was given up: nothing is collected any more. */
  | { readonly kind: 'void' };

/** What a purchase asks of invoicing. */
export interface FirstInvoices {
  /**
   * Write invoice 0 (once) and collect it from the subscription's card: one attempt per `checkoutId` and card, so that whoever asks again
   * for the same visit to Checkout gets the same answer.
   */
  openFirst(subscription: SubscriptionDoc): Promise<FirstPayment>;
  /** Is invoice 0 paid at Stripe by now? Mirrors what is found there. */
  refreshFirst(subscription: SubscriptionDoc): Promise<FirstPayment | null>;
  /** Void what is open of invoice 0. `paid`: too late, the money is there. */
  abandonFirst(subscription: SubscriptionDoc): Promise<'gone' | 'paid'>;
}

export interface BeginRequest {
  readonly planId: string;
  readonly appId: string;
  /** The form's idempotency key. */
  readonly requestId: string;
}

export interface Begun {
  readonly subscriptionId: string;
  /** Where the buyer goes to save a card; null when nothing is left to do there. */
  readonly checkoutUrl: string | null;
}

export interface PurchaseDependencies {
  readonly store: Pick<Store, 'accounts' | 'apps' | 'products' | 'subscriptions'>;
  readonly payments: Pick<
    Payments,
    'createSetupCheckout' | 'ensureCustomer' | 'expireCheckout' | 'readCheckout' | 'readPaymentMethod' | 'setDefaultPaymentMethod'
  >;
  readonly invoicing: FirstInvoices;
  readonly life: SubscriptionLife;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Address of the portal, without a slash at its end. */
  readonly webUrl: string;
}

/** From the form to the first paid invoice. The store's unique keys decide who is first; everything else may be repeated. */
export function makeSubscriptionPurchase({ store, payments, invoicing, life, audit, clock, ids, webUrl }: PurchaseDependencies) {
  const { customerOf, keepCard, openCheckout } = makeSubscriptionCheckout({ store, payments, life, clock, webUrl });

  interface Offer {
    readonly plan: PlanDoc;
    readonly product: ProductDoc;
    readonly version: PlanVersionDoc;
  }

  /** What is on sale under this plan. @throws not-found; own-product */
  async function offered(actor: Actor, planId: string): Promise<Offer> {
    const plan = await store.products.plan(planId);
    const product = plan && (await store.products.product(plan.productId));
    const version = plan?.currentVersionId ? await store.products.planVersion(plan.currentVersionId) : null;
    if (!plan || !product || !version || plan.retired || product.status !== 'listed') throw new AppError('not-found', 'This plan is not on sale.');
    if (product.organizationId === actor.organizationId) throw new AppError('own-product');
    return { plan, product, version };
  }

  /** A form that was sent twice finds the purchase it began. */
  async function begunBefore(actor: Actor, { planId, appId, requestId }: BeginRequest): Promise<SubscriptionDoc | null> {
    const found = await store.subscriptions.byRequest(actor.organizationId, requestId);
    if (found && (found.planId !== planId || found.appId !== appId)) {
      throw new AppError('conflict', 'This form was sent before with another choice. Load the page again and choose anew.');
    }
    return found;
  }

  /** The app must not have another payer for one of the product's APIs. */
  async function usableApp(actor: Actor, appId: string, product: ProductDoc): Promise<void> {
    const app = await ownApp(store, actor, appId).catch((error: unknown) => {
      throw error instanceof AppError && error.code === 'not-found'
        ? new AppError('invalid-form', undefined, { fields: { appId: 'Choose one of your apps.' }, cause: error })
        : error;
    });
    const bindings = await store.apps.liveBindingsOfApp(app._id);
    if (bindings.some(({ apiIds }) => apiIds.some((apiId) => product.apiIds.includes(apiId)))) {
      throw new AppError('invalid-form', undefined, { fields: { appId: 'This app calls these APIs under another subscription already. Choose another app.' } });
    }
  }

  async function begin(actor: Actor, request: BeginRequest): Promise<Begun> {
    const before = await begunBefore(actor, request);
    if (before) return proceed(before);
    const { plan, product, version } = await offered(actor, request.planId);
    const rival = await store.subscriptions.liveFor(actor.organizationId, product._id);
    if (rival && rival.status !== 'pending') throw subscribedAlready();
    await usableApp(actor, request.appId, product);
    if (rival && !(await replaces(actor, request, rival))) return proceed(rival);

    const now = clock.now();
    const { document } = version;
    const subscription: SubscriptionDoc = {
      _id: ids.next('sub'),
      organizationId: actor.organizationId,
      productId: product._id,
      providerId: product.organizationId,
      gatewayId: product.gatewayId,
      planId: plan._id,
      planVersionId: version._id,
      pendingPlanVersionId: null,
      appId: request.appId,
      requestId: request.requestId,
      currency: document.currency,
      interval: document.interval,
      status: 'pending',
      live: true,
      anchorAt: null,
      periodIndex: 0,
      entitledUntil: null,
      cancelAtPeriodEnd: false,
      statusReason: '',
      stripeCustomerId: null,
      paymentMethodId: null,
      checkoutId: null,
      checkoutUrl: null,
      checkoutExpiresAt: null,
      createdAt: now,
      createdBy: actor.userId || 'system',
      endedAt: null,
      unsettled: false,
      rev: 0,
    };
    if (!(await store.subscriptions.add(subscription))) {
      // Somebody was first: the same form, sent twice at once, or another tab of the same buyer.
      const first = (await begunBefore(actor, request)) ?? (await store.subscriptions.liveFor(actor.organizationId, product._id));
      if (!first) throw new AppError('conflict');
      if (first.status !== 'pending' && first.requestId !== request.requestId) throw subscribedAlready();
      return proceed(first);
    }
    // Whoever took the product off sale meanwhile counted its subscribers perhaps before this one was there.
    if ((await store.products.product(product._id))?.status !== 'listed') {
      await abandon(actor, subscription, 'canceled', 'It was taken off sale.');
      throw new AppError('not-found', 'This plan is not on sale.');
    }
    await audit.append(actor, {
      action: 'market:subscriptions:create',
      resource: `subscription:${subscription._id}`,
      after: { productId: product._id, planVersionId: version._id, appId: request.appId, status: 'pending' },
    });
    return proceed(subscription);
  }

  const subscribedAlready = (): AppError => new AppError('already-exists', 'Your organization is subscribed to this API already.');

  /** A purchase of the same product that is under way: the same choice is gone on with, another one takes its place. */
  async function replaces(actor: Actor, { planId, appId }: BeginRequest, rival: SubscriptionDoc): Promise<boolean> {
    if (rival.planId === planId && rival.appId === appId && canOpenCheckout(rival, clock.now())) return false;
    const left = await abandon(actor, rival, 'canceled', 'Replaced by a new choice.');
    if (left.live) throw subscribedAlready();
    return true;
  }

  /** The next step of a purchase, whoever asks: activate what is free, open Checkout for what is not, nothing for what is done. */
  async function proceed(subscription: SubscriptionDoc): Promise<Begun> {
    const subscriptionId = subscription._id;
    if (subscription.status !== 'pending') return { subscriptionId, checkoutUrl: null };
    const version = await store.products.planVersion(subscription.planVersionId);
    if (version && isFreeOfCharge(planOf(version.document))) {
      await collect(subscription);
      return { subscriptionId, checkoutUrl: null };
    }
    const open = subscription.checkoutUrl !== null && (subscription.checkoutExpiresAt ?? 0) > clock.now();
    return { subscriptionId, checkoutUrl: open ? subscription.checkoutUrl : await openCheckout(subscription) };
  }

  /** Pay invoice 0 with the card that stands on the subscription, and go on as that came out. */
  async function collect(subscription: SubscriptionDoc): Promise<SubscriptionDoc> {
    return conclude(subscription._id, await invoicing.openFirst(subscription));
  }

  async function conclude(id: string, outcome: FirstPayment): Promise<SubscriptionDoc> {
    switch (outcome.kind) {
      case 'paid':
      case 'nothing-due':
        return life.activate(id);
      case 'declined':
        return note(id, outcome.message, null);
      case 'requires-action':
        return note(id, 'Your bank asks you to confirm the payment.', outcome.url);
      case 'void':
        return life.read(id);
    }
  }

  /** It waits for the buyer: why, and where to go on. */
  async function note(id: string, reason: string, url: string | null): Promise<SubscriptionDoc> {
    const { subscription } = await life.move(id, (found) =>
      found.status !== 'pending' || (found.statusReason === reason && found.checkoutUrl === url)
        ? null
        : { statusReason: reason, checkoutUrl: url, checkoutExpiresAt: url === null ? null : pendingUntil(found) },
    );
    return subscription;
  }

  /** The buyer saved a card. Called by the webhook, by the return page and by the sweep, in any order and any number of times. */
  async function checkoutCompleted(checkout: Checkout): Promise<SubscriptionDoc | null> {
    if (checkout.status !== 'complete' || checkout.paymentMethodId === null || checkout.subscriptionId === null) return null;
    const found = await store.subscriptions.get(checkout.subscriptionId);
    if (!found) return null;
    // A card saved in a second tab, in a visit that another one followed, or for a purchase that is over, is charged nothing (F24).
    const isCurrent = ({ status, checkoutId }: SubscriptionDoc) => status === 'pending' && checkoutId === checkout.id;
    const { subscription } = await life.move(found._id, (now) =>
      !isCurrent(now) || now.paymentMethodId === checkout.paymentMethodId
        ? null
        : { paymentMethodId: checkout.paymentMethodId, checkoutUrl: null, checkoutExpiresAt: null, statusReason: '' },
    );
    if (!isCurrent(subscription)) return subscription;
    await keepCard(subscription.organizationId, checkout.paymentMethodId);
    return collect(subscription);
  }

  /** Give a pending purchase up, unless it turns out that it was paid meanwhile: then it is activated. */
  async function abandon(actor: Actor, subscription: SubscriptionDoc, status: 'canceled' | 'expired', reason: string): Promise<SubscriptionDoc> {
    if (subscription.status !== 'pending') return subscription;
    if (subscription.checkoutId !== null) await payments.expireCheckout(subscription.checkoutId);
    // The card goes first: whoever still has the purchase in hand finds none to collect from.
    await life.move(subscription._id, (found) => (found.status === 'pending' && found.paymentMethodId !== null ? { paymentMethodId: null } : null));
    if ((await invoicing.abandonFirst(subscription)) === 'paid') return life.activate(subscription._id);
    return life.giveUp(subscription._id, status, reason, actor);
  }

  return {
    begin,
    customerOf,
    keepCard,
    checkoutCompleted,
    note,
    abandon,

    /** Take a pending purchase up again: the bank's page when it waits for a confirmation, otherwise a new visit to Checkout. */
    async resume(subscription: SubscriptionDoc): Promise<Begun> {
      const present = await refresh(subscription);
      return proceed(present);
    },

    refresh,

    /** A session that ran out leaves the purchase open for another one. */
    async checkoutExpired(checkoutId: string): Promise<void> {
      const found = await store.subscriptions.byCheckout(checkoutId);
      if (!found || found.status !== 'pending') return;
      await life.move(found._id, (now) =>
        now.status !== 'pending' || now.checkoutId !== checkoutId || now.checkoutUrl === null || now.paymentMethodId !== null
          ? null
          : { checkoutUrl: null, checkoutExpiresAt: null },
      );
    },
  };

  /** Ask Stripe once how a pending purchase stands, so that the return page is right though no webhook came (F3). */
  async function refresh(subscription: SubscriptionDoc): Promise<SubscriptionDoc> {
    if (subscription.status !== 'pending' || subscription.checkoutId === null) return subscription;
    if (subscription.paymentMethodId !== null) {
      const outcome = await invoicing.refreshFirst(subscription);
      return outcome ? conclude(subscription._id, outcome) : collect(subscription);
    }
    const checkout = await payments.readCheckout(subscription.checkoutId);
    if (checkout.status === 'complete') return (await checkoutCompleted(checkout)) ?? subscription;
    return subscription;
  }
}
