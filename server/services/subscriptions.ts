import { SYSTEM, type Actor } from '../domain/actor.ts';
import { givenUpAt } from '../domain/dunning.ts';
import { canCancel, isEntitled, pendingUntil } from '../domain/subscription.ts';
import type { PlanDocument } from '../domain/plan.ts';
import { changesAhead } from '../domain/plan-versions.ts';
import { AppError } from '../kernel/errors.ts';
import type { AppDoc, BindingDoc } from '../store/apps.ts';
import type { Store } from '../store/index.ts';
import type { InvoiceDoc } from '../store/invoices.ts';
import type { PeriodDoc } from '../store/periods.ts';
import type { PlanDoc, PlanVersionDoc, ProductDoc } from '../store/products.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import type { Payments } from '../stripe/payments.ts';
import { ownApp } from './apps.ts';
import { makeSubscriptionLife, type LifeDependencies } from './subscription-life.ts';
import { makeSubscriptionPurchase, type PurchaseDependencies } from './subscription-purchase.ts';
import { makeSubscriptionRows } from './subscription-rows.ts';

export type { BeginRequest, Begun, FirstInvoices, FirstPayment } from './subscription-purchase.ts';

export interface SubscriptionsDependencies extends LifeDependencies, Omit<PurchaseDependencies, 'life' | 'payments' | 'store'> {
  readonly store: Pick<Store, 'accounts' | 'apps' | 'invoices' | 'periods' | 'products' | 'settings' | 'subscriptions' | 'versionNotices'>;
  readonly payments: Payments;
}

/** A subscription with what its page names. */
export interface SubscriptionDetails {
  readonly subscription: SubscriptionDoc;
  readonly product: ProductDoc;
  readonly plan: PlanDoc;
  /** The plan as it runs now. */
  readonly document: PlanDocument;
  /** Null until it is active. */
  readonly period: PeriodDoc | null;
  /** Live ones, with their apps. */
  readonly bindings: readonly { readonly binding: BindingDoc; readonly app: AppDoc }[];
  readonly entitled: boolean;
}

/** A version takes the place of another one at a boundary. */
export interface VersionChange {
  readonly from: PlanVersionDoc;
  readonly to: PlanVersionDoc;
  /** Epoch ms. */
  readonly at: number;
}

export type { SubscriptionRow } from './subscription-rows.ts';

export type Subscriptions = ReturnType<typeof makeSubscriptions>;

/** How long a visit to Checkout for another card lasts. */
const CARD_CHECKOUT_MS = 3_600_000;

export function makeSubscriptions(dependencies: SubscriptionsDependencies) {
  const { store, payments, audit, changes, clock } = dependencies;
  const life = makeSubscriptionLife(dependencies);
  const rows = makeSubscriptionRows({ store, clock });
  const purchase = makeSubscriptionPurchase({ ...dependencies, life });

  async function own(actor: Actor, id: string): Promise<SubscriptionDoc> {
    const subscription = await store.subscriptions.get(id);
    if (!subscription || (actor.kind !== 'system' && subscription.organizationId !== actor.organizationId)) throw new AppError('not-found');
    return subscription;
  }

  async function detailsOf(subscriptions: readonly SubscriptionDoc[]): Promise<SubscriptionDetails[]> {
    const ids = [...new Set(subscriptions.map(({ productId }) => productId))];
    const planIds = [...new Set(subscriptions.map(({ planId }) => planId))];
    const [products, plans, versions, periods, bindings] = await Promise.all([
      store.products.products(ids),
      store.products.plans(planIds),
      store.products.planVersions([...new Set(subscriptions.map(({ planVersionId }) => planVersionId))]),
      store.periods.many(subscriptions.map(({ _id, periodIndex }) => `${_id}_${periodIndex}`)),
      store.apps.liveBindingsOf(subscriptions.map(({ _id }) => _id)),
    ]);
    const apps = await store.apps.apps([...new Set(bindings.map(({ appId }) => appId))]);
    return subscriptions.map((subscription) => {
      const product = products.find(({ _id }) => _id === subscription.productId);
      const plan = plans.find(({ _id }) => _id === subscription.planId);
      const version = versions.find(({ _id }) => _id === subscription.planVersionId);
      if (!product || !plan || !version) throw new AppError('internal', undefined, { cause: new Error(`what ${subscription._id} was bought for is gone`) });
      return {
        subscription,
        product,
        plan,
        document: version.document,
        period: periods.find(({ subscriptionId }) => subscriptionId === subscription._id) ?? null,
        bindings: bindings.flatMap((binding) => {
          const app = binding.subscriptionId === subscription._id ? apps.find(({ _id }) => _id === binding.appId) : undefined;
          return app ? [{ binding, app }] : [];
        }),
        entitled: isEntitled(subscription, clock.now()),
      };
    });
  }

  const tell = async (id: string): Promise<void> => void (await changes.announced(await changes.announce('catalogue-changed', { what: 'subscription', id })));

  return {
    /** Insert it as pending, or find what the same form began; free plans are active when this answers. @throws not-found own-product already-exists invalid-form conflict */
    begin: purchase.begin,

    /** Take a pending purchase up again. */
    resume: async (actor: Actor, id: string) => purchase.resume(await own(actor, id)),

    get: own,

    /** As it stands, after asking Stripe once if it waits for a payment. */
    refresh: async (actor: Actor, id: string): Promise<SubscriptionDoc> => purchase.refresh(await own(actor, id)),

    details: async (actor: Actor, id: string): Promise<SubscriptionDetails> => {
      const [details] = await detailsOf([await own(actor, id)]);
      if (!details) throw new AppError('not-found');
      return details;
    },

    /** Newest first; those that never came about only while they are pending. From memory. */
    rows,

    /** Of those the actor sees among these, in their order. */
    async list(actor: Actor, ids: readonly string[]): Promise<SubscriptionDetails[]> {
      const seen = new Set((await rows(actor)).map(({ id }) => id));
      const found = new Map((await store.subscriptions.many(ids.filter((id) => seen.has(id)))).map((subscription) => [subscription._id, subscription]));
      return detailsOf(ids.flatMap((id) => found.get(id) ?? []));
    },

    /** The organization's live subscription to a product, pending ones too. */
    liveFor: (actor: Actor, productId: string) => store.subscriptions.liveFor(actor.organizationId, productId),

    /** At the end of the running period; a purchase that was not paid yet, at once. @throws conflict when it has ended */
    async cancel(actor: Actor, id: string): Promise<SubscriptionDoc> {
      const subscription = await own(actor, id);
      if (subscription.status === 'pending') return purchase.abandon(actor, subscription, 'canceled', 'Canceled before it was paid.');
      if (!subscription.live) throw new AppError('conflict', 'The subscription has ended already.');
      return canCancel(subscription) ? life.cancelAtPeriodEnd(actor, id) : subscription;
    },

    async undoCancellation(actor: Actor, id: string): Promise<SubscriptionDoc> {
      await own(actor, id);
      return life.undoCancellation(actor, id);
    },

    /** Let another app of the organization use the subscription. @throws invalid-form when the app has another payer for one of the APIs */
    async bind(actor: Actor, id: string, appId: string): Promise<void> {
      const subscription = await own(actor, id);
      const app = await ownApp(store, actor, appId);
      if (!subscription.live || subscription.anchorAt === null) throw new AppError('conflict', 'Apps can use the subscription as soon as it is active.');
      const existing = await store.apps.binding(appId, id);
      const payer = new AppError('invalid-form', undefined, {
        fields: { appId: 'This app calls these APIs under another subscription already; each call has exactly one payer.' },
      });
      if (existing?.live) return;
      if (existing)
        await store.apps.setBindingLive(existing._id, true).catch((error: unknown) => {
          throw (error as { code?: unknown }).code === 11000 ? payer : error;
        });
      else if (!(await life.addBinding(subscription, appId))) throw payer;
      await audit.append(actor, { action: 'market:subscriptions:update', resource: `subscription:${id}`, after: { bound: appId, name: app.name } });
      await tell(id);
    },

    /** Calls of the app under this subscription stop within a second. */
    async unbind(actor: Actor, id: string, appId: string): Promise<void> {
      await own(actor, id);
      if (!(await store.apps.setBindingLive(`${appId}.${id}`, false))) return;
      await audit.append(actor, { action: 'market:subscriptions:update', resource: `subscription:${id}`, before: { bound: appId } });
      await tell(id);
    },

    /** Checkout for another card; it becomes the one all renewals are collected from. */
    async replaceCard(actor: Actor, requestId: string): Promise<{ checkoutUrl: string }> {
      const customerId = await purchase.customerOf(actor.organizationId);
      const page = `${dependencies.webUrl}/billing`;
      const { url } = await payments.createSetupCheckout({
        subscriptionId: actor.organizationId,
        customerId,
        successUrl: `${page}?checkout={CHECKOUT_SESSION_ID}`,
        cancelUrl: page,
        // To the minute, so that the same form sent twice asks for the same thing.
        expiresAt: Math.ceil((clock.now() + CARD_CHECKOUT_MS) / 600_000) * 600_000,
        idempotencyKey: `card.${requestId}`,
      });
      if (url === null) throw new AppError('conflict', 'This form was sent before. Load the page again.');
      return { checkoutUrl: url };
    },

    /** What a return from Checkout shows: asks Stripe whether the card of that session is saved; true if so. Sessions of others say nothing. */
    async refreshCard(actor: Actor, checkoutId: string): Promise<boolean> {
      const checkout = await payments.readCheckout(checkoutId).catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'not-found') return null;
        throw error;
      });
      if (checkout?.subscriptionId !== actor.organizationId || checkout.status !== 'complete' || checkout.paymentMethodId === null) return false;
      await purchase.keepCard(actor.organizationId, checkout.paymentMethodId);
      await audit.append(actor, { action: 'market:invoices:pay', resource: `organization:${actor.organizationId}`, after: { card: checkout.paymentMethodId } });
      return true;
    },

    // ── What the outside world reports; each may come late, twice and in any order ──

    async onCheckoutCompleted(checkoutId: string): Promise<string> {
      const checkout = await payments.readCheckout(checkoutId);
      if (checkout.subscriptionId?.startsWith('org_') && checkout.status === 'complete' && checkout.paymentMethodId !== null) {
        await purchase.keepCard(checkout.subscriptionId, checkout.paymentMethodId);
        return 'card kept';
      }
      const subscription = await purchase.checkoutCompleted(checkout);
      return subscription ? subscription.status : 'not ours';
    },
    onCheckoutExpired: purchase.checkoutExpired,

    /** Renewed by the issuer (F21): what is shown of the card follows. */
    async onPaymentMethodChanged(paymentMethodId: string): Promise<string> {
      const method = await payments.readPaymentMethod(paymentMethodId);
      const organization = method.customerId === null ? null : await store.accounts.organizationByCustomer(method.customerId);
      if (organization?.paymentMethod?.id !== paymentMethodId) return 'not the card in use';
      await purchase.keepCard(organization._id, paymentMethodId);
      return 'card kept';
    },

    /** An invoice is paid: invoice 0 activates, a renewal restores access once nothing else is open. */
    async onInvoicePaid(invoice: Pick<InvoiceDoc, '_id' | 'kind' | 'periodIndex' | 'subscriptionId'>): Promise<SubscriptionDoc> {
      if (invoice.kind === 'period' && invoice.periodIndex === 0) return life.activate(invoice.subscriptionId);
      const others = (await store.invoices.ofSubscription(invoice.subscriptionId)).filter(
        ({ _id, status, attempts }) => _id !== invoice._id && attempts > 0 && (status === 'open' || status === 'uncollectible'),
      );
      return others.length === 0 ? life.restore(invoice.subscriptionId) : life.read(invoice.subscriptionId);
    },

    /** Collecting failed. @param reason for the buyer */
    async onInvoiceFailed(
      invoice: Pick<InvoiceDoc, '_id' | 'kind' | 'issuedAt' | 'periodIndex' | 'status' | 'subscriptionId'>,
      reason: string,
    ): Promise<SubscriptionDoc> {
      if (invoice.status === 'paid' || invoice.status === 'void') return life.read(invoice.subscriptionId);
      if (invoice.periodIndex === 0 && invoice.kind === 'period') return purchase.note(invoice.subscriptionId, reason, null);
      const period = await store.periods.get(invoice.subscriptionId, invoice.periodIndex);
      return life.pastDue(invoice.subscriptionId, period?.startAt ?? invoice.issuedAt, reason);
    },

    /** An invoice is written off: its subscription ends, if it waits for a payment (rule N22). */
    onInvoiceGivenUp: ({ subscriptionId }: Pick<InvoiceDoc, 'subscriptionId'>): Promise<SubscriptionDoc> => life.endUnpaid(subscriptionId),

    /** Boundary `index` of the subscription has come. */
    atBoundary: life.atBoundary,

    /** Versions were announced for running subscriptions, or an announcement was withdrawn (rule N6). */
    followVersions: life.followVersions,

    /** The changes of version that are announced for a subscription, with the terms before and after each. @throws not-found */
    async changesOf(actor: Actor, id: string): Promise<VersionChange[]> {
      const subscription = await own(actor, id);
      const { anchorAt, cancelAtPeriodEnd, live, planId } = subscription;
      if (!live || cancelAtPeriodEnd || anchorAt === null) return [];
      const versions = new Map((await store.products.announcedVersions(planId, [subscription.planVersionId])).map((version) => [version._id, version]));
      return changesAhead([...versions.values()], { ...subscription, anchorAt }).flatMap(({ fromId, toId, at }) => {
        const [from, to] = [versions.get(fromId), versions.get(toId)];
        return from && to ? [{ from, to, at }] : [];
      });
    },

    /** Give up purchases whose time is over, unless they turn out to be paid. @returns how many were given up */
    async expirePending(now: number): Promise<number> {
      let expired = 0;
      for (const subscription of await store.subscriptions.inStatus('pending')) {
        if (pendingUntil(subscription) > now) continue;
        const present = await purchase.refresh(subscription);
        if (present.status === 'pending' && (await purchase.abandon(SYSTEM, present, 'expired', 'It was not paid in time.')).status === 'expired') expired += 1;
      }
      return expired;
    },

    /** What time brings: purchases given up, graces that are over, and moves whose consequences were cut short. */
    async sweep(now: number): Promise<{ canceled: number; expired: number; suspended: number; settled: number }> {
      const unsettled = await store.subscriptions.unsettled();
      for (const { _id } of unsettled) await life.move(_id, () => null);
      let suspended = 0;
      for (const { _id, entitledUntil } of await store.subscriptions.inStatus('past_due')) {
        if (entitledUntil !== null && entitledUntil <= now && (await life.suspend(_id)).status === 'suspended') suspended += 1;
      }
      return { canceled: await this.endUnpaid(now), expired: await this.expirePending(now), suspended, settled: unsettled.length };
    },

    /** Renewals that were tried for the last time end their subscription (rule N22). @returns how many */
    async endUnpaid(now: number): Promise<number> {
      let canceled = 0;
      for (const invoice of await store.invoices.inStatus('open')) {
        const at = invoice.periodIndex === 0 ? null : givenUpAt(invoice);
        if (at === null || at > now) continue;
        const found = await store.subscriptions.get(invoice.subscriptionId);
        if (found?.live && (await life.endUnpaid(found._id)).status === 'canceled') canceled += 1;
      }
      return canceled;
    },
  };
}
