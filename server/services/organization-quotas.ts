import type { Actor } from '../domain/actor.ts';
import { GATEWAYS_MAX } from '../domain/gateway-rules.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/index.ts';
import { USER_GROUPS_MAX } from './access-groups.ts';
import { POLICIES_MAX } from './access-policies.ts';
import { APPS_MAX } from './apps.ts';
import { PRODUCTS_MAX } from './catalog/products.ts';
import { makeKeptLists } from './kept-lists.ts';
import { SERVICE_ACCOUNTS_MAX } from './service-accounts.ts';

/** What an organization has room for, whatever its gateways hold. */
export const ORGANIZATION_QUOTA_KINDS = ['gateways', 'products', 'apps', 'policies', 'userGroups', 'serviceAccounts'] as const;
export type OrganizationQuotaKind = (typeof ORGANIZATION_QUOTA_KINDS)[number];

export interface OrganizationQuota {
  readonly kind: OrganizationQuotaKind;
  readonly used: number;
  readonly limit: number;
}

/** How much of what the actor's organization has room for is used. Whoever may see the organization may know the figures, also of what he may not see. */
export interface OrganizationQuotas {
  /** @param kinds  only these are counted */
  list(actor: Actor, kinds?: readonly OrganizationQuotaKind[]): Promise<OrganizationQuota[]>;
}

export function makeOrganizationQuotas({
  store,
  clock,
}: {
  readonly store: Pick<Store, 'access' | 'apps' | 'gateways' | 'products' | 'serviceAccounts' | 'settings'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}): OrganizationQuotas {
  const { access, apps, gateways, products, serviceAccounts } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });
  const KINDS: Readonly<Record<OrganizationQuotaKind, { readonly limit: number; readonly used: (organizationId: string) => Promise<number> }>> = {
    gateways: { limit: GATEWAYS_MAX, used: gateways.placesOfGateways },
    products: { limit: PRODUCTS_MAX, used: products.placesOfProducts },
    apps: { limit: APPS_MAX, used: apps.placesOfApps },
    policies: { limit: POLICIES_MAX, used: access.placesOfPolicies },
    userGroups: { limit: USER_GROUPS_MAX, used: access.placesOfGroups },
    serviceAccounts: { limit: SERVICE_ACCOUNTS_MAX, used: serviceAccounts.placesTaken },
  };
  return {
    list: ({ organizationId }, kinds = ORGANIZATION_QUOTA_KINDS) =>
      Promise.all(
        kinds.map(async (kind) => {
          const { limit, used } = KINDS[kind];
          const [count = 0] = await lists.read(kind, organizationId, async () => [await used(organizationId)]);
          return { kind, used: count, limit };
        }),
      ),
  };
}
