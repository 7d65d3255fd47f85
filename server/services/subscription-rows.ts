import type { Actor } from '../domain/actor.ts';
import { isAllowed } from '../domain/rights.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/index.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import { makeKeptLists } from './kept-lists.ts';

/** A subscription as lists, counts and choices need it. */
export interface SubscriptionRow extends Pick<
  SubscriptionDoc,
  'anchorAt' | 'cancelAtPeriodEnd' | 'createdAt' | 'currency' | 'endedAt' | 'entitledUntil' | 'interval' | 'live' | 'productId' | 'status'
> {
  readonly id: string;
  readonly productName: string;
  readonly slug: string;
  readonly planTitle: string;
  /** It has a fee, or may come to cost something. */
  readonly paying: boolean;
}

/** Subscriptions of the actor's organization, as far as the actor sees them, from memory: newest first; those that never came about only while they are pending. */
export function makeSubscriptionRows({
  store,
  clock,
}: {
  readonly store: Pick<Store, 'products' | 'settings' | 'subscriptions'>;
  readonly clock: Clock;
}): (actor: Actor) => Promise<SubscriptionRow[]> {
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function rowsOf(organizationId: string): Promise<SubscriptionRow[]> {
    const all = await store.subscriptions.ofOrganization(organizationId);
    const distinct = (name: 'planId' | 'planVersionId' | 'productId') => [...new Set(all.map((subscription) => subscription[name]))];
    const [products, plans, versions] = await Promise.all([
      store.products.productNames(distinct('productId')),
      store.products.plans(distinct('planId')),
      store.products.planVersions(distinct('planVersionId')),
    ]);
    const byId = <T extends { readonly _id: string }>(documents: readonly T[]) => new Map(documents.map((document) => [document._id, document]));
    const [productOf, planOf, versionOf] = [byId(products), byId(plans), byId(versions)];
    return all
      .map(({ _id, ...subscription }) => ({
        id: _id,
        productId: subscription.productId,
        productName: productOf.get(subscription.productId)?.name ?? '',
        slug: productOf.get(subscription.productId)?.slug ?? '',
        planTitle: planOf.get(subscription.planId)?.title ?? '',
        status: subscription.status,
        live: subscription.live,
        anchorAt: subscription.anchorAt,
        interval: subscription.interval,
        currency: subscription.currency,
        cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
        entitledUntil: subscription.entitledUntil,
        createdAt: subscription.createdAt,
        endedAt: subscription.endedAt,
        paying: subscription.stripeCustomerId !== null || Number(versionOf.get(subscription.planVersionId)?.document.base_amount ?? 0) > 0,
      }))
      .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  }

  return async (actor) => {
    const all = await lists.read('subscriptions', actor.organizationId, () => rowsOf(actor.organizationId));
    return all.filter(({ id, live, anchorAt }) => (live || anchorAt !== null) && isAllowed(actor, 'market:subscriptions:get', `subscription:${id}`));
  };
}
