import type { Quota } from '../../services/catalog/overview.ts';

const KINDS: Readonly<Record<Quota['kind'], string>> = {
  apis: 'apis',
  apisOfGroup: 'apis_of_largest_group',
  apps: 'apps',
  gateways: 'gateways',
  groups: 'groups',
  policies: 'policies',
  products: 'products',
  serviceAccounts: 'service_accounts',
  tags: 'tags',
  userGroups: 'user_groups',
};
export const QUOTA_KINDS = Object.values(KINDS);

/** Short enough for one page. */
export const quotaList = (quotas: readonly Pick<Quota, 'kind' | 'limit' | 'used'>[]) => ({
  items: quotas.map(({ kind, used, limit }) => ({ kind: KINDS[kind], used, limit })),
  next: null,
});
