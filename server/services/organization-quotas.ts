import type { Actor } from '../domain/actor.ts';
import { GATEWAYS_MAX } from '../domain/gateway-rules.ts';
import type { Store } from '../store/index.ts';
import { holdsPlace } from '../store/slots.ts';
import { USER_GROUPS_MAX } from './access-groups.ts';
import { POLICIES_MAX } from './access-policies.ts';
import { APPS_MAX } from './apps.ts';
import { PRODUCTS_MAX } from './catalog/products.ts';
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
  list(actor: Actor): Promise<OrganizationQuota[]>;
}

export function makeOrganizationQuotas({
  store,
}: {
  readonly store: Pick<Store, 'access' | 'apps' | 'gateways' | 'products' | 'serviceAccounts'>;
}): OrganizationQuotas {
  return {
    async list({ organizationId }) {
      const [gateways, products, apps, policies, userGroups, serviceAccounts] = await Promise.all([
        store.gateways.gatewaysOf(organizationId),
        store.products.productsOf(organizationId),
        store.apps.appsOf(organizationId),
        store.access.policiesOf(organizationId),
        store.access.groupsOf(organizationId),
        store.serviceAccounts.liveOf(organizationId),
      ]);
      const quota = (kind: OrganizationQuotaKind, held: readonly { readonly slot?: number | null }[], limit: number): OrganizationQuota => ({
        kind,
        used: held.filter(holdsPlace).length,
        limit,
      });
      return [
        quota('gateways', gateways, GATEWAYS_MAX),
        quota('products', products, PRODUCTS_MAX),
        quota('apps', apps, APPS_MAX),
        quota('policies', policies, POLICIES_MAX),
        quota('userGroups', userGroups, USER_GROUPS_MAX),
        quota('serviceAccounts', serviceAccounts, SERVICE_ACCOUNTS_MAX),
      ];
    },
  };
}
