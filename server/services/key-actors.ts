import { accessKeyState, keyAgeDays } from '../domain/access-key.ts';
import type { Actor, HeldPolicy } from '../domain/actor.ts';
import { looksIssued, openSecret, type KeyRing } from '../domain/credential.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/ids.ts';
import type { AccessKeyDoc } from '../store/access-keys.ts';
import type { OrganizationDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { KeyAgeRule } from './access-key-views.ts';
import type { Access } from './access.ts';

/** A key's use is noted at most this often. */
const USE_NOTED_MS = 60_000;

/** Rules of the organization that a request with a key does not fulfil, in words. */
export type KeyRestrictions = (organization: OrganizationDoc, request: { readonly address: string; readonly at: number }) => readonly string[];

export type KeyActors = ReturnType<typeof makeKeyActors>;

const refused = (detail: string) => new AppError('authentication-failed', detail);

/**
 * Who a program acts as. The store is asked at every request, for the key, for its holder and for what the holder may now, and nothing is kept: what is
 * revoked, removed, disabled or taken away counts from the next request on, in every process.
 */
export function makeKeyActors({
  store,
  clock,
  access,
  secretKeys,
  keyAgeDaysMax,
  restrictionsOf,
}: {
  store: Pick<Store, 'accessKeys' | 'accounts' | 'serviceAccounts'>;
  clock: Clock;
  access: Pick<Access, 'policiesOf'>;
  secretKeys: KeyRing;
  keyAgeDaysMax: KeyAgeRule;
  restrictionsOf: KeyRestrictions;
}) {
  const { accessKeys: keys, accounts, serviceAccounts } = store;

  /** @throws authentication-failed saying why the holder does not count any more */
  async function heldBy(key: AccessKeyDoc, organization: OrganizationDoc): Promise<(string | HeldPolicy)[]> {
    if (key.holderKind === 'user') {
      const membership = await accounts.membership(organization._id, key.holderId);
      if (!membership) throw refused('Whose access key this is belongs to the organization no longer.');
      return access.policiesOf(organization, membership);
    }
    const account = await serviceAccounts.account(key.holderId);
    if (!account?.live || account.organizationId !== organization._id) throw refused('The service account of this access key is deleted.');
    if (account.disabledAt !== null) throw refused('The service account of this access key is disabled.');
    return access.policiesOf(organization, { userId: account._id, policies: account.policies, groups: account.groups });
  }

  return {
    /** The key that a bearer token is; null: none. What we cannot have issued is not looked up. */
    byToken: async (token: string): Promise<AccessKeyDoc | null> => (looksIssued(token) === 'access-token' ? keys.byHash(sha256Hex(token)) : null),

    /** A public access key with its secret; null: there is none. */
    async byAccessKey(accessKey: string): Promise<{ readonly key: AccessKeyDoc; readonly secret: string } | null> {
      const key = looksIssued(accessKey) === 'access-key' ? await keys.byAccessKey(accessKey) : null;
      if (!key) return null;
      const secret = openSecret(secretKeys, key.secretCipher ?? '', accessKey);
      if (secret === null) throw new AppError('internal', undefined, { cause: new Error(`the secret of ${key._id} does not open`) });
      return { key, secret };
    },

    /**
     * The actor of a request whose sender has proved to have the key.
     * @throws authentication-failed saying what ended: only who has the secret gets here
     */
    async actorOf(key: AccessKeyDoc, { address, requestId }: { readonly address: string; readonly requestId: string }): Promise<Actor> {
      const organization = await accounts.organization(key.organizationId);
      if (!organization) throw refused('The organization of this access key is gone.');
      const now = clock.now();
      const ageMax = keyAgeDaysMax(organization);
      const state = accessKeyState(key, ageMax, now);
      if (state === 'revoked') throw refused('This access key is revoked.');
      if (state === 'expired') throw refused('This access key has expired.');
      if (state === 'too-old')
        throw refused(`This access key is ${keyAgeDays(key, now)} days old, and the organization lets keys become ${ageMax} days old. Rotate it.`);
      const policies = ['Self', ...(await heldBy(key, organization))];
      if (key.lastUsedAt === null || now - key.lastUsedAt >= USE_NOTED_MS) await keys.noteUse(key._id, key.lastUsedAt, now, address);
      const restrictions = restrictionsOf(organization, { address, at: clock.real() });
      return {
        kind: 'key',
        userId: key.holderId,
        organizationId: organization._id,
        policies,
        address,
        requestId,
        at: clock.real(),
        key: { id: key._id, hint: key.hint },
        ...(restrictions.length > 0 && { restrictions }),
      };
    },
  };
}
