import type { Actor } from '../../domain/actor.ts';
import type { SellerProfile } from '../../store/accounts.ts';
import type { GatewayDoc, GroupDoc } from '../../store/gateways.ts';
import type { ProductDoc } from '../../store/products.ts';
import { ownGateway, seesGateway, seesGroup, seesProduct, type CatalogDependencies } from './own.ts';

export interface GroupCounts {
  readonly group: GroupDoc;
  readonly apis: number;
  readonly live: number;
}

export interface Overview {
  /** Where an organization stands with selling. */
  selling(
    actor: Actor,
  ): Promise<{
    readonly seller: SellerProfile | null;
    readonly gateways: readonly { readonly gateway: GatewayDoc; readonly groups: readonly GroupCounts[] }[];
    readonly products: readonly { readonly product: ProductDoc; readonly plans: number; readonly subscribers: number }[];
  }>;
  /** The groups of one gateway with their APIs counted. */
  groups(actor: Actor, gatewayId: string): Promise<GroupCounts[]>;
}

export function makeOverview({ store }: Pick<CatalogDependencies, 'store'>): Overview {
  async function counted(actor: Actor, gateway: GatewayDoc): Promise<GroupCounts[]> {
    const [groups, places] = await Promise.all([store.gateways.groupsOf(gateway._id), store.apis.placesOfGateway(gateway._id)]);
    return groups
      .filter((group) => seesGroup(actor, gateway, group))
      .sort((a, b) => a.createdAt - b.createdAt)
      .map((group) => {
        const own = places.filter(({ groupId }) => groupId === group._id);
        return { group, apis: own.length, live: own.filter(({ serving }) => Object.values(serving ?? {}).some((id) => id !== null)).length };
      });
  }

  return {
    async selling(actor) {
      const [organization, allGateways, allProducts] = await Promise.all([
        store.accounts.organization(actor.organizationId),
        store.gateways.gatewaysOf(actor.organizationId),
        store.products.productsOf(actor.organizationId),
      ]);
      const gateways = allGateways.filter((gateway) => seesGateway(actor, gateway));
      const products = allProducts.filter((product) => seesProduct(actor, product));
      const plans = await store.products.plansOfProducts(products.map(({ _id }) => _id));
      const subscriptions = (await Promise.all(products.map(({ _id }) => store.subscriptions.ofProduct(_id)))).flat().filter(({ live }) => live);
      return {
        seller: organization?.seller ?? null,
        gateways: await Promise.all(
          gateways.sort((a, b) => a.createdAt - b.createdAt).map(async (gateway) => ({ gateway, groups: await counted(actor, gateway) })),
        ),
        products: products
          .sort((a, b) => a.createdAt - b.createdAt)
          .map((product) => ({
            product,
            plans: plans.filter(({ productId, retired, currentVersionId }) => productId === product._id && !retired && currentVersionId !== null).length,
            subscribers: subscriptions.filter(({ productId }) => productId === product._id).length,
          })),
      };
    },

    async groups(actor, gatewayId) {
      return counted(actor, await ownGateway(store, actor, gatewayId));
    },
  };
}
