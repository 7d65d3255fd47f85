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
  /** @param kinds  only these are counted */
  list(actor: Actor, kinds?: readonly OrganizationQuotaKind[]): Promise<OrganizationQuota[]>;
}

export function makeOrganizationQuotas({
  store,
}: {
  readonly store: Pick<Store, 'access' | 'apps' | 'gateways' | 'products' | 'serviceAccounts'>;
}): OrganizationQuotas {
  type Held = readonly { readonly slot?: number | null }[];
  const KINDS: Readonly<Record<OrganizationQuotaKind, { readonly limit: number; readonly held: (organizationId: string) => PromiseLike<Held> }>> = {
    gateways: { limit: GATEWAYS_MAX, held: (id) => store.gateways.gatewaysOf(id) },
    products: { limit: PRODUCTS_MAX, held: (id) => store.products.productsOf(id) },
    apps: { limit: APPS_MAX, held: (id) => store.apps.appsOf(id) },
    policies: { limit: POLICIES_MAX, held: (id) => store.access.policiesOf(id) },
    userGroups: { limit: USER_GROUPS_MAX, held: (id) => store.access.groupsOf(id) },
    serviceAccounts: { limit: SERVICE_ACCOUNTS_MAX, held: (id) => store.serviceAccounts.liveOf(id) },
  };
  return {
    list: ({ organizationId }, kinds = ORGANIZATION_QUOTA_KINDS) =>
      Promise.all(
        kinds.map(async (kind) => {
          const { limit, held } = KINDS[kind];
          return { kind, used: (await held(organizationId)).filter(holdsPlace).length, limit };
        }),
      ),
  };
}
