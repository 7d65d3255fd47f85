import { accessKeyState, keyAgeDays, keyEndsAt, type AccessKeyKind, type AccessKeyState, type HolderKind } from '../domain/access-key.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { AccessKeyDoc } from '../store/access-keys.ts';
import type { OrganizationDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import { makeKeptLists } from './kept-lists.ts';

/** How old an organization lets keys become, in days; null: it has no such rule. */
export type KeyAgeRule = (organization: OrganizationDoc | null) => number | null;

/** A key without anything that could be used or tried out. */
export interface AccessKeyView {
  readonly id: string;
  readonly organizationId: string;
  readonly holder: { readonly kind: HolderKind; readonly id: string; readonly name: string; readonly email: string };
  readonly kind: AccessKeyKind;
  readonly name: string;
  /** The public access key; null for a token. */
  readonly accessKey: string | null;
  readonly hint: string;
  readonly state: AccessKeyState;
  readonly createdAt: number;
  readonly ageDays: number;
  /** By its own end or by the organization's rule, epoch ms; null: when it is revoked. */
  readonly endsAt: number | null;
  readonly revokedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly lastUsedFrom: string;
  /** It has a successor: it can be revoked, not rotated again. */
  readonly replaced: boolean;
}

/** A key as it is kept in memory: nothing that opens anything is in it. */
type KeyRow = Omit<AccessKeyDoc, 'hash' | 'secretCipher'>;
interface Holder {
  readonly name: string;
  readonly email: string;
}

/** Keys as pages and programs see them: with their holders' names, their age and their end. */
export function makeKeyViews({
  store,
  clock,
  keyAgeDaysMax,
}: {
  store: Pick<Store, 'accessKeys' | 'accounts' | 'serviceAccounts' | 'settings'>;
  clock: Clock;
  keyAgeDaysMax: KeyAgeRule;
}) {
  const { accounts } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function holdersOf(keys: readonly KeyRow[]): Promise<ReadonlyMap<string, Holder>> {
    const idsOf = (kind: HolderKind) => [...new Set(keys.filter(({ holderKind }) => holderKind === kind).map(({ holderId }) => holderId))];
    const [users, services] = await Promise.all([accounts.users(idsOf('user')), store.serviceAccounts.accounts(idsOf('service-account'))]);
    return new Map([
      ...users.map(({ _id, name, email }) => [_id, { name, email }] as const),
      ...services.map(({ _id, name }) => [_id, { name, email: '' }] as const),
    ]);
  }

  function viewOfRow(key: KeyRow, holder: Holder | undefined, rule: number | null, replaced: boolean): AccessKeyView {
    const now = clock.now();
    return {
      id: key._id,
      organizationId: key.organizationId,
      holder: { kind: key.holderKind, id: key.holderId, name: holder?.name ?? key.holderId, email: holder?.email ?? '' },
      kind: key.kind,
      name: key.name,
      accessKey: key.accessKey,
      hint: key.hint,
      state: accessKeyState(key, rule, now),
      createdAt: key.createdAt,
      ageDays: keyAgeDays(key, now),
      endsAt: keyEndsAt(key, rule),
      revokedAt: key.revokedAt,
      lastUsedAt: key.lastUsedAt,
      lastUsedFrom: key.lastUsedFrom,
      replaced,
    };
  }

  /** Of keys that stand in the store among others: each asks for its successor. */
  async function viewsOf(keys: readonly AccessKeyDoc[]): Promise<AccessKeyView[]> {
    const [holders, organizations, successors] = await Promise.all([
      holdersOf(keys),
      accounts.organizations([...new Set(keys.map(({ organizationId }) => organizationId))]),
      Promise.all(keys.map(({ _id }) => store.accessKeys.successorOf(_id))),
    ]);
    const ruleOf = new Map(organizations.map((organization) => [organization._id, keyAgeDaysMax(organization)]));
    return keys.map((key, index) => viewOfRow(key, holders.get(key.holderId), ruleOf.get(key.organizationId) ?? null, (successors[index] ?? null) !== null));
  }

  return {
    viewsOf,
    /** All of an organization, those that ended among them, newest first: from memory, with uses as of the last minute. */
    async ofOrganization(organizationId: string): Promise<AccessKeyView[]> {
      const [rows, organization] = await Promise.all([
        lists.read('keys', organizationId, async () => {
          const keys = (await store.accessKeys.ofOrganization(organizationId)).map(({ hash: _, secretCipher: __, ...row }): KeyRow => row);
          const holders = await holdersOf(keys);
          return keys.sort((a, b) => b.createdAt - a.createdAt || (a._id < b._id ? 1 : -1)).map((key) => ({ key, holder: holders.get(key.holderId) }));
        }),
        accounts.organization(organizationId),
      ]);
      const replaced = new Set(rows.map(({ key }) => key.rotatedFrom));
      const rule = keyAgeDaysMax(organization);
      return rows.map(({ key, holder }) => viewOfRow(key, holder, rule, replaced.has(key._id)));
    },
    /** As it stands in the store. @throws not-found */
    async viewOf({ _id }: Pick<AccessKeyDoc, '_id'>): Promise<AccessKeyView> {
      const key = await store.accessKeys.key(_id);
      const [view] = key ? await viewsOf([key]) : [];
      if (!view) throw new AppError('not-found');
      return view;
    },
    ageDaysMaxOf: async (organizationId: string): Promise<number | null> => keyAgeDaysMax(await accounts.organization(organizationId)),
  };
}
