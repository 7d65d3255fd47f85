import type { SettingsStore } from './settings.ts';

/** Lists that are kept in memory, whole, by whoever shows them: each has one version per owner, which every write of its records raises. */
export type KeptList =
  | 'apps'
  | 'authorizations'
  | 'bindings'
  | 'connections'
  | 'credentials'
  | 'deadEvents'
  | 'domains'
  | 'gateways'
  | 'heldInvoices'
  | 'helpAsked'
  | 'invitations'
  | 'keys'
  | 'members'
  | 'openPeriods'
  | 'policies'
  | 'products'
  | 'reviews'
  | 'serviceAccounts'
  | 'sessions'
  | 'subscribers'
  | 'subscriptions'
  | 'usage'
  | 'userGroups';

/** The setting that holds the version of an owner's list. */
export const listVersion = (list: KeptList, ownerId: string): string => `list.${list}.${ownerId}`;

/** After the write of a record has taken effect. Whoever is killed in between leaves a list that is read anew within a minute. */
export type TouchList = (list: KeptList, ...ownerIds: readonly string[]) => Promise<void>;

export const makeTouchList =
  (settings: Pick<SettingsStore, 'bump'>): TouchList =>
  async (list, ...ownerIds) => {
    for (const ownerId of new Set(ownerIds)) await settings.bump(listVersion(list, ownerId));
  };
