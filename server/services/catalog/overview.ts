import type { Actor } from '../../domain/actor.ts';
import { APIS_PER_GROUP_MAX, apisLimit, GROUPS_MAX, TAGS_MAX } from '../../domain/gateway-rules.ts';
import type { SellerProfile } from '../../store/accounts.ts';
import type { GatewayDoc, GroupDoc } from '../../store/gateways.ts';
import { isServed } from '../../store/publications.ts';
import { makeOrganizationQuotas, type OrganizationQuotaKind } from '../organization-quotas.ts';
import type { ProductRow } from './seller-lists.ts';
import { ownGateway, seesGateway, seesGroup, seesProduct, type ListingDependencies } from './own.ts';

export interface GroupCounts {
  readonly group: GroupDoc;
  readonly apis: number;
  readonly live: number;
}

export interface GatewayGroups {
  readonly gateway: GatewayDoc;
  readonly groups: readonly GroupCounts[];
}

export interface SoldProduct extends ProductRow {
  /** Live subscriptions. */
  readonly subscribers: number;
}

export interface Quota {
  readonly kind: 'apis' | 'apisOfGroup' | 'groups' | 'tags' | OrganizationQuotaKind;
  readonly used: number;
  readonly limit: number;
  /** The group that comes nearest; null where it is not of one group. */
  readonly group: GroupDoc | null;
}

/** Of an organization, what stands beside a gateway's own. */
const SHARED = ['gateways', 'products', 'apps'] as const;

export interface Overview {
  /** Gateways with their groups, the oldest first. */
  gateways(actor: Actor): Promise<readonly GatewayGroups[]>;
  /** Where an organization stands with selling. */
  selling(actor: Actor): Promise<{
    readonly seller: SellerProfile | null;
    readonly gateways: readonly GatewayGroups[];
    /** The oldest first; retired ones not among them. */
    readonly products: readonly SoldProduct[];
    /** The newest first. */
    readonly retired: readonly ProductRow[];
  }>;
  /** What a gateway, and its organization, have used of what they have room for. */
  quotas(actor: Actor, gatewayId: string): Promise<{ readonly gateway: GatewayDoc; readonly quotas: readonly Quota[] }>;
  /** The groups of one gateway with their APIs counted. */
  groups(actor: Actor, gatewayId: string): Promise<GroupCounts[]>;
}

export function makeOverview({ store, clock, directory, sellerLists }: Pick<ListingDependencies, 'clock' | 'directory' | 'sellerLists' | 'store'>): Overview {
  const organizationQuotas = makeOrganizationQuotas({ store, clock });
  const groupsOf = (gatewayId: string) => directory.read(gatewayId, 'groups', () => store.gateways.groupsOf(gatewayId));
  const placesOf = (gatewayId: string) => directory.read(gatewayId, 'places', () => store.apis.placesOfGateway(gatewayId));

  async function counted(actor: Actor, gateway: GatewayDoc): Promise<GroupCounts[]> {
    const [groups, places] = await Promise.all([groupsOf(gateway._id), placesOf(gateway._id)]);
    const counts = new Map<string, { apis: number; live: number }>();
    for (const place of places) {
      const count = counts.get(place.groupId) ?? { apis: 0, live: 0 };
      count.apis += 1;
      if (isServed(place)) count.live += 1;
      counts.set(place.groupId, count);
    }
    return groups
      .filter((group) => seesGroup(actor, gateway, group))
      .sort((a, b) => a.createdAt - b.createdAt)
      .map((group) => ({ group, ...(counts.get(group._id) ?? { apis: 0, live: 0 }) }));
  }

  async function withGroups(actor: Actor): Promise<GatewayGroups[]> {
    const seen = (await store.gateways.gatewaysOf(actor.organizationId)).filter((gateway) => !gateway.deletion && seesGateway(actor, gateway));
    return Promise.all(seen.sort((a, b) => a.createdAt - b.createdAt).map(async (gateway) => ({ gateway, groups: await counted(actor, gateway) })));
  }

  return {
    gateways: withGroups,

    async selling(actor) {
      const [organization, gateways, all, subscribers] = await Promise.all([
        store.accounts.organization(actor.organizationId),
        withGroups(actor),
        sellerLists.products(actor.organizationId),
        sellerLists.subscribers(actor.organizationId),
      ]);
      const products = all.filter((product) => seesProduct(actor, product));
      return {
        seller: organization?.seller ?? null,
        gateways,
        products: products.filter(({ status }) => status !== 'retired').map((product) => ({ ...product, subscribers: subscribers.ofProduct(product._id) })),
        retired: products.filter(({ status }) => status === 'retired').reverse(),
      };
    },

    async quotas(actor, gatewayId) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const [groups, places, shared] = await Promise.all([groupsOf(gatewayId), placesOf(gatewayId), organizationQuotas.list(actor, SHARED)]);
      const sizes = new Map<string, number>();
      for (const { groupId } of places) sizes.set(groupId, (sizes.get(groupId) ?? 0) + 1);
      const sizeOf = ({ _id }: GroupDoc) => sizes.get(_id) ?? 0;
      const largest = groups.reduce<GroupDoc | null>((top, group) => (top === null || sizeOf(group) > sizeOf(top) ? group : top), null);
      const quota = (kind: Quota['kind'], used: number, limit: number, group: GroupDoc | null = null): Quota => ({ kind, used, limit, group });
      return {
        gateway,
        quotas: [
          quota('apis', places.length, apisLimit(gateway)),
          quota('groups', groups.length, GROUPS_MAX),
          quota('apisOfGroup', largest ? sizeOf(largest) : 0, APIS_PER_GROUP_MAX, largest && seesGroup(actor, gateway, largest) ? largest : null),
          quota('tags', gateway.tags.length, TAGS_MAX),
          // What is made of a gateway, or calls it, is shared by all gateways of the organization.
          ...shared.map(({ kind, used, limit }) => quota(kind, used, limit)),
        ],
      };
    },

    async groups(actor, gatewayId) {
      return counted(actor, await ownGateway(store, actor, gatewayId));
    },
  };
}
