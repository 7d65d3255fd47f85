import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import { isDuplicateKey } from '../store/connect.ts';
import type { Store } from '../store/index.ts';
import type { ServiceAccountDoc } from '../store/service-accounts.ts';
import type { Access } from './access.ts';
import { nameTaken, noRoom } from './access-names.ts';
import type { Audit } from './audit.ts';
import { makeKeptLists } from './kept-lists.ts';

/** An organization has this many at a time. */
export const SERVICE_ACCOUNTS_MAX = 100;
const NAME_MAX = 64;
const PURPOSE_MAX = 255;

export interface ServiceAccountFields {
  readonly name: string;
  readonly purpose: string;
  /** Held directly: preset names and `pol_…`. */
  readonly policies: readonly string[];
  /** Groups of users, `ugr_…`. */
  readonly groups: readonly string[];
}

/** A service account as lists, counts and choices need it. */
export interface ServiceAccountRow extends Pick<
  ServiceAccountDoc,
  'createdAt' | 'disabledAt' | 'groups' | 'name' | 'nameKey' | 'policies' | 'purpose' | 'rev'
> {
  readonly id: string;
}

export const rowOf = ({ _id, name, nameKey, purpose, policies, groups, disabledAt, createdAt, rev }: ServiceAccountDoc): ServiceAccountRow => ({
  id: _id,
  name,
  nameKey,
  purpose,
  policies,
  groups,
  disabledAt,
  createdAt,
  rev,
});

/** A service account of the actor's organization. @throws not-found for a foreign and a deleted one as for none */
export async function ownServiceAccount(store: Pick<Store, 'serviceAccounts'>, actor: Actor, id: string): Promise<ServiceAccountDoc> {
  const found = await store.serviceAccounts.account(id);
  if (!found?.live || found.organizationId !== actor.organizationId) throw new AppError('not-found');
  return found;
}

/** Members of an organization that are programs: rights like people's, and access keys instead of a password. */
export function makeServiceAccounts({
  store,
  clock,
  ids,
  audit,
  access,
}: {
  store: Pick<Store, 'accessKeys' | 'serviceAccounts' | 'settings'>;
  clock: Clock;
  ids: Ids;
  audit: Audit;
  access: Pick<Access, 'checkRights'>;
}) {
  const own = (actor: Actor, id: string) => ownServiceAccount(store, actor, id);
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function checked(actor: Actor, { name, purpose, policies, groups }: ServiceAccountFields) {
    const fields = {
      ...(name.trim() === '' ? { name: 'This is needed.' } : name.length > NAME_MAX ? { name: `At most ${NAME_MAX} characters fit.` } : {}),
      ...(purpose.length > PURPOSE_MAX ? { purpose: `At most ${PURPOSE_MAX} characters fit.` } : {}),
    };
    if (Object.keys(fields).length > 0) throw new AppError('invalid-form', undefined, { fields });
    await access.checkRights(actor, { policies, groups });
    return { name: name.trim(), nameKey: name.trim().toLowerCase(), purpose, policies: [...new Set(policies)], groups: [...new Set(groups)] };
  }
  const shown = ({ name, purpose, policies, groups }: ServiceAccountFields) => ({ name, purpose, policies, groups });

  return {
    /** By name; at most {@link SERVICE_ACCOUNTS_MAX}: from memory. */
    rows: (actor: Actor): Promise<readonly ServiceAccountRow[]> =>
      lists.read('serviceAccounts', actor.organizationId, async () =>
        (await store.serviceAccounts.liveOf(actor.organizationId)).map(rowOf).sort((a, b) => (a.nameKey < b.nameKey ? -1 : 1)),
      ),

    get: own,

    async create(actor: Actor, fields: ServiceAccountFields): Promise<ServiceAccountDoc> {
      const values = await checked(actor, fields);
      const account: ServiceAccountDoc = {
        _id: ids.next('sva'),
        organizationId: actor.organizationId,
        ...values,
        disabledAt: null,
        deletedAt: null,
        live: true,
        createdAt: clock.now(),
        createdBy: actor.userId,
        rev: 1,
      };
      const outcome = await store.serviceAccounts.add(account, SERVICE_ACCOUNTS_MAX);
      if (outcome === 'taken') throw nameTaken();
      if (outcome === 'full') throw noRoom(`${SERVICE_ACCOUNTS_MAX} service accounts`, 'Delete one that is no longer used.');
      await audit.append(actor, { action: 'market:serviceAccounts:create', resource: `serviceAccount:${account._id}`, after: shown(values) });
      return account;
    },

    /** What changes counts from the next request of its keys on. @throws conflict when it was changed since `rev` was read */
    async update(actor: Actor, id: string, rev: number, fields: ServiceAccountFields): Promise<void> {
      const account = await own(actor, id);
      const values = await checked(actor, fields);
      const changed = await store.serviceAccounts.update(id, rev, values).catch((error: unknown) => {
        throw isDuplicateKey(error) ? nameTaken() : error;
      });
      if (!changed) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:serviceAccounts:update', resource: `serviceAccount:${id}`, before: shown(account), after: shown(values) });
    },

    /** Its keys are refused from the next request on while it is disabled, and work again afterwards. Doing it again does nothing. */
    async setEnabled(actor: Actor, id: string, enabled: boolean): Promise<void> {
      const account = await own(actor, id);
      if ((account.disabledAt === null) === enabled) return;
      if (!(await store.serviceAccounts.update(id, account.rev, { disabledAt: enabled ? null : clock.now() }))) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:serviceAccounts:update',
        resource: `serviceAccount:${id}`,
        before: { enabled: !enabled },
        after: { enabled },
      });
    },

    /** Its keys are revoked first: were we stopped half-way, it is still there to be deleted again, and nothing of it works. */
    async remove(actor: Actor, id: string): Promise<void> {
      const account = await own(actor, id);
      const now = clock.now();
      await store.accessKeys.revokeAllOf(actor.organizationId, id, now);
      if (
        !(await store.serviceAccounts.update(id, account.rev, { live: false, deletedAt: now, slot: null })) &&
        (await store.serviceAccounts.account(id))?.live
      )
        throw new AppError('conflict');
      // A key that was made while we deleted it.
      await store.accessKeys.revokeAllOf(actor.organizationId, id, now);
      await audit.append(actor, { action: 'market:serviceAccounts:delete', resource: `serviceAccount:${id}`, before: shown(account) });
    },
  };
}
