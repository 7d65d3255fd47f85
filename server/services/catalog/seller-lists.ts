import type { Clock } from '../../kernel/clock.ts';
import type { LiveAuthorization } from '../../store/apps.ts';
import type { Store } from '../../store/index.ts';
import type { ListedProduct } from '../../store/products.ts';
import { makeKeptLists } from '../kept-lists.ts';

/** A product as lists, counts and choices need it. */
export interface ProductRow extends ListedProduct {
  /** How many of its plans are open to new subscribers. */
  readonly plans: number;
}

/** How many live subscriptions there are, by what they are for. */
export interface Subscribers {
  ofProduct(productId: string): number;
  ofPlan(planId: string): number;
  /** By the version that is held. */
  versionsOf(planId: string): ReadonlyMap<string, number>;
}

/** What sellers' lists show, kept in memory under a version. */
export interface SellerLists {
  /** Of an organization, the oldest first; retired ones too. */
  products(organizationId: string): Promise<readonly ProductRow[]>;
  subscribers(providerId: string): Promise<Subscribers>;
  /** Which apps may call which APIs of a gateway free of charge. */
  authorizations(gatewayId: string): Promise<readonly LiveAuthorization[]>;
  /** How many private connections of a gateway wait or work. */
  connections(gatewayId: string): Promise<number>;
}

export function makeSellerLists({
  store,
  clock,
}: {
  readonly store: Pick<Store, 'apps' | 'endpoints' | 'products' | 'settings' | 'subscriptions'>;
  readonly clock: Clock;
}): SellerLists {
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function rowsOf(organizationId: string): Promise<ProductRow[]> {
    const products = await store.products.productsOf(organizationId);
    const plans = countOf(await store.products.openPlansOfProducts(products.map(({ _id }) => _id)));
    return products
      .map((product) => ({ ...product, plans: plans.get(product._id) ?? 0 }))
      .sort((a, b) => a.createdAt - b.createdAt || (a._id < b._id ? -1 : 1));
  }

  return {
    authorizations: (gatewayId) => lists.read('authorizations', gatewayId, () => store.apps.liveAuthorizationsOfGateway(gatewayId)),
    connections: async (gatewayId) =>
      (await lists.read('connections', gatewayId, async () => [(await store.endpoints.liveOfGateway(gatewayId)).length]))[0] ?? 0,
    products: (organizationId) => lists.read('products', organizationId, () => rowsOf(organizationId)),

    async subscribers(providerId) {
      // Counts alone are kept: there may be more subscriptions than memory has room for.
      const counts = await lists.read('subscribers', providerId, async () => {
        const live = await store.subscriptions.liveOfProvider(providerId);
        return [...countOf(live.flatMap(({ planId, planVersionId, productId }) => [planId, planVersionId, productId]))];
      });
      const byId = new Map(counts);
      return {
        ofProduct: (id) => byId.get(id) ?? 0,
        ofPlan: (id) => byId.get(id) ?? 0,
        versionsOf: (planId) => new Map(counts.filter(([id]) => id.startsWith(`${planId}_v`))),
      };
    },
  };
}

function countOf(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
