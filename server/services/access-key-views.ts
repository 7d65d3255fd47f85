import { accessKeyState, keyAgeDays, keyEndsAt, type AccessKeyKind, type AccessKeyState, type HolderKind } from '../domain/access-key.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { AccessKeyDoc } from '../store/access-keys.ts';
import type { OrganizationDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';

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

/** Keys as pages and programs see them: with their holders' names, their age and their end. */
export function makeKeyViews({
  store,
  clock,
  keyAgeDaysMax,
}: {
  store: Pick<Store, 'accessKeys' | 'accounts' | 'serviceAccounts'>;
  clock: Clock;
  keyAgeDaysMax: KeyAgeRule;
}) {
  const { accounts } = store;

  /** Newest first. */
  async function viewsOf(docs: readonly AccessKeyDoc[]): Promise<AccessKeyView[]> {
    const idsOf = (kind: HolderKind) => [...new Set(docs.filter(({ holderKind }) => holderKind === kind).map(({ holderId }) => holderId))];
    const [users, services, organizations] = await Promise.all([
      accounts.users(idsOf('user')),
      store.serviceAccounts.accounts(idsOf('service-account')),
      accounts.organizations([...new Set(docs.map(({ organizationId }) => organizationId))]),
    ]);
    const holders = new Map([
      ...users.map(({ _id, name, email }) => [_id, { name, email }] as const),
      ...services.map(({ _id, name }) => [_id, { name, email: '' }] as const),
    ]);
    const ruleOf = new Map(organizations.map((organization) => [organization._id, keyAgeDaysMax(organization)]));
    const replaced = new Set(docs.map(({ rotatedFrom }) => rotatedFrom));
    const now = clock.now();
    return [...docs]
      .sort((a, b) => b.createdAt - a.createdAt || (a._id < b._id ? 1 : -1))
      .map((doc) => {
        const rule = ruleOf.get(doc.organizationId) ?? null;
        const { name = doc.holderId, email = '' } = holders.get(doc.holderId) ?? {};
        return {
          id: doc._id,
          organizationId: doc.organizationId,
          holder: { kind: doc.holderKind, id: doc.holderId, name, email },
          kind: doc.kind,
          name: doc.name,
          accessKey: doc.accessKey,
          hint: doc.hint,
          state: accessKeyState(doc, rule, now),
          createdAt: doc.createdAt,
          ageDays: keyAgeDays(doc, now),
          endsAt: keyEndsAt(doc, rule),
          revokedAt: doc.revokedAt,
          lastUsedAt: doc.lastUsedAt,
          lastUsedFrom: doc.lastUsedFrom,
          replaced: replaced.has(doc._id),
        };
      });
  }

  return {
    viewsOf,
    /** As it stands in the store. @throws not-found */
    async viewOf({ _id, holderId }: Pick<AccessKeyDoc, '_id' | 'holderId'>): Promise<AccessKeyView> {
      const view = (await viewsOf(await store.accessKeys.ofHolder(holderId))).find(({ id }) => id === _id);
      if (!view) throw new AppError('not-found');
      return view;
    },
    ageDaysMaxOf: async (organizationId: string): Promise<number | null> => keyAgeDaysMax(await accounts.organization(organizationId)),
  };
}
