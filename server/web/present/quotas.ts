import type { Quota } from '../../services/catalog/overview.ts';
import type { OrganizationQuota } from '../../services/organization-quotas.ts';
import { percentOf } from './number.ts';

/** From here on a quota is worth a word on other pages. */
const NEAR_PERCENT = 80;

const WORDS: Readonly<Record<Quota['kind'], readonly [string, string]>> = {
  apis: ['APIs of this gateway', 'The edition decides. It can be raised in the settings.'],
  groups: ['Groups of this gateway', ''],
  apisOfGroup: ['APIs of the largest group', 'Each group has room for as many.'],
  tags: ['Tags of this gateway', ''],
  gateways: ['Gateways of your organization', ''],
  products: ['Products of your organization', 'Retired ones do not count.'],
  apps: ['Apps of your organization', ''],
  policies: ['Policies of your organization', 'Beside the presets, which do not count.'],
  userGroups: ['Groups of users', ''],
  serviceAccounts: ['Service accounts', ''],
};

export const quotaModel = ({ kind, used, limit, group = null }: (OrganizationQuota & { readonly group?: Quota['group'] }) | Quota) => ({
  kind,
  label: group && used > 0 ? `${WORDS[kind][0]}, ${group.name}` : WORDS[kind][0],
  used,
  whole: limit,
  percent: percentOf(used, limit),
  note: WORDS[kind][1],
});

export const nearQuotas = (quotas: readonly Quota[]) => quotas.map(quotaModel).filter(({ percent }) => percent >= NEAR_PERCENT);
