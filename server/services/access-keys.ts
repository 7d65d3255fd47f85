import { ACCESS_KEYS_MAX, endAfter, freePlaces, lifeFault, otherHalf, type AccessKeyKind, type HolderKind } from '../domain/access-key.ts';
import { isServiceAccount, type Actor } from '../domain/actor.ts';
import {
  ROTATION_OVERLAPS,
  SEAL_IV_BYTES,
  credentialBytes,
  credentialHint,
  credentialValue,
  sealSecret,
  type CredentialValueKind,
  type KeyRing,
  type RotationOverlap,
} from '../domain/credential.ts';
import { idOfRequest } from '../domain/request-id.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { AccessKeyDoc } from '../store/access-keys.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';
import { makeKeyViews, type AccessKeyView, type KeyAgeRule } from './access-key-views.ts';
import type { Notifications } from './notifications.ts';
import { ownServiceAccount } from './service-accounts.ts';

/** Whose key is meant: one of the actor's own, or any of the organization. */
export type KeyScope = 'organization' | 'own';

export interface KeyFields {
  readonly kind: AccessKeyKind;
  readonly name: string;
  /** Null: until it is revoked. */
  readonly lifeDays: number | null;
  /** Of the form: sent twice, it makes one key, and its secret is shown once. */
  readonly requestId?: string;
}

/** The only time a secret leaves the service: show it, then forget it. */
export type IssuedKey = { readonly key: AccessKeyView } & (
  { readonly kind: 'signature'; readonly accessKey: string; readonly secretKey: string } | { readonly kind: 'token'; readonly token: string }
);

export interface AccessKeysDependencies {
  readonly store: Pick<Store, 'accessKeys' | 'accounts' | 'serviceAccounts' | 'settings'>;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly notifications: Pick<Notifications, 'message'>;
  /** First encrypts, all decrypt. */
  readonly secretKeys: KeyRing;
  readonly keyAgeDaysMax: KeyAgeRule;
}

interface Holder {
  readonly kind: HolderKind;
  readonly id: string;
}

/** Whose keys the actor's own ones are: a program's are those of whom it acts as. */
const selfOf = (actor: Actor): Holder => ({ kind: isServiceAccount(actor) ? 'service-account' : 'user', id: actor.userId });

/** The keys that programs come with: made, rotated, revoked. Who comes with one is `key-actors`. */
export function makeAccessKeys({ store, audit, clock, ids, notifications, secretKeys, keyAgeDaysMax }: AccessKeysDependencies) {
  const { accessKeys: keys, accounts } = store;
  const mint = (kind: CredentialValueKind): string => credentialValue(kind, ids.bytes(credentialBytes(kind)));

  const { ageDaysMaxOf, ofOrganization, viewOf, viewsOf } = makeKeyViews({ store, clock, keyAgeDaysMax });

  /** A person reaches own keys of every organization, a program only those of the one it acts for. */
  async function find(actor: Actor, id: string, scope: KeyScope): Promise<AccessKeyDoc> {
    const key = await keys.key(id);
    const here = key?.organizationId === actor.organizationId;
    const mine = key?.holderId === actor.userId && (here || actor.kind === 'user');
    if (!key || !(scope === 'own' ? mine : here)) throw new AppError('not-found');
    return key;
  }

  const shownBefore = (): AppError =>
    new AppError('conflict', 'This was done a moment ago, and the secret was shown then. It cannot be shown again: create or rotate another one.');

  type Values = Pick<AccessKeyDoc, 'accessKey' | 'hash' | 'hint' | 'secretCipher'>;
  /** What is stored, and what is shown once. */
  function values(kind: AccessKeyKind): { readonly stored: Values; readonly shown: (key: AccessKeyView) => IssuedKey } {
    if (kind === 'token') {
      const token = mint('access-token');
      return { stored: { accessKey: null, secretCipher: null, hash: sha256Hex(token), hint: credentialHint(token) }, shown: (key) => ({ kind, token, key }) };
    }
    const [accessKey, secretKey] = [mint('access-key'), mint('access-secret')];
    const secretCipher = sealSecret(secretKeys, secretKey, accessKey, ids.bytes(SEAL_IV_BYTES));
    return { stored: { accessKey, secretCipher, hash: null, hint: credentialHint(accessKey) }, shown: (key) => ({ kind, accessKey, secretKey, key }) };
  }

  /** Insert at the first of the places that is free. The unique key over places decides. @throws conflict when none is, or the form was sent before */
  async function insert(doc: Omit<AccessKeyDoc, 'place'>, places: readonly number[], full: () => AppError): Promise<void> {
    const same = (stored: AccessKeyDoc | null) => stored?.hash === doc.hash && stored?.accessKey === doc.accessKey;
    for (const place of places) {
      if (await keys.add({ ...doc, place })) return;
      const stored = await keys.key(doc._id);
      if (same(stored)) return; // ours: the answer to the insert was lost
      if (stored) throw shownBefore();
    }
    throw full();
  }

  function newDoc(actor: Actor, organizationId: string, holder: Holder, { kind, name, lifeDays }: KeyFields, requestId: string, stored: Values) {
    const now = clock.now();
    return {
      _id: idOfRequest('key', holder.id, requestId),
      organizationId,
      holderKind: holder.kind,
      holderId: holder.id,
      kind,
      name,
      ...stored,
      lifeDays,
      notAfter: endAfter(lifeDays, now),
      revokedAt: null,
      live: true,
      rotatedFrom: null,
      lastUsedAt: null,
      lastUsedFrom: '',
      warnedOf: null,
      createdAt: now,
      createdBy: actor.userId,
    };
  }

  /** A person hears of each new key: whoever sits at an open window must not get one unnoticed. */
  async function tellHolder(key: AccessKeyView, how: string): Promise<void> {
    if (key.holder.kind !== 'user' || key.holder.email === '') return;
    const organization = await accounts.organization(key.organizationId);
    await notifications.message(
      key.holder.email,
      'A new access key of yours',
      [
        `The access key ${key.hint}${key.name === '' ? '' : ` (${key.name})`} was ${how}. Programs that have it act with your rights in ${organization?.name ?? 'your organization'}.`,
        'If that was not you, revoke it and change your password.',
      ],
      '/account/keys',
    );
  }

  const AUDITED = { organization: 'market:accessKeys', own: 'market:ownKeys' } as const;

  async function create(actor: Actor, scope: KeyScope, holder: Holder, fields: KeyFields): Promise<IssuedKey> {
    const rule = await ageDaysMaxOf(actor.organizationId);
    const fault = lifeFault(fields.lifeDays, rule);
    if (fault !== undefined) throw new AppError('invalid-form', undefined, { fields: { life: fault } });
    const { stored, shown } = values(fields.kind);
    const doc = newDoc(actor, actor.organizationId, holder, fields, fields.requestId ?? ids.uuid(), stored);
    if (await keys.key(doc._id)) throw shownBefore();
    const now = clock.now();
    const held = (await keys.liveOfHolder(holder.id)).filter(({ organizationId }) => organizationId === actor.organizationId);
    for (const { _id, notAfter } of held) if (notAfter !== null && notAfter <= now) await keys.release(_id, now);
    const taken = held.filter(({ notAfter }) => notAfter === null || notAfter > now).map(({ place }) => place);
    await insert(
      doc,
      freePlaces(taken),
      () => new AppError('conflict', `There may be ${ACCESS_KEYS_MAX} access keys at a time. Revoke one that is no longer used.`),
    );
    const key = await viewOf(doc);
    const { kind, name, lifeDays } = fields;
    await audit.append(actor, { action: `${AUDITED[scope]}:create`, resource: `accessKey:${doc._id}`, after: { holder: holder.id, kind, name, lifeDays } });
    await tellHolder(key, 'created');
    return shown(key);
  }

  return {
    /** All of the organization, those that ended among them, newest first. */
    list: (actor: Actor): Promise<AccessKeyView[]> => ofOrganization(actor.organizationId),

    /** The actor's own, newest first: those of the organization acted for, and what a person has of others as long as it stands there. */
    async own(actor: Actor): Promise<AccessKeyView[]> {
      const here = (actor.organizationId === '' ? [] : await ofOrganization(actor.organizationId)).filter(({ holder }) => holder.id === actor.userId);
      if (actor.kind !== 'user') return here;
      const elsewhere = (await keys.liveOfHolder(actor.userId)).filter(({ organizationId }) => organizationId !== actor.organizationId);
      return [...here, ...(await viewsOf(elsewhere))].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    },

    async ofServiceAccount(actor: Actor, id: string): Promise<AccessKeyView[]> {
      await ownServiceAccount(store, actor, id);
      return (await ofOrganization(actor.organizationId)).filter(({ holder }) => holder.id === id);
    },

    get: async (actor: Actor, id: string, scope: KeyScope): Promise<AccessKeyView> => viewOf(await find(actor, id, scope)),

    /** How old keys may become in the actor's organization, days; null: it has no such rule. */
    ageDaysMax: (actor: Actor): Promise<number | null> => ageDaysMaxOf(actor.organizationId),

    /** For whom the actor is, in the organization acted for. @throws invalid-form beside `life`; conflict when there are as many as there may be */
    createOwn: (actor: Actor, fields: KeyFields): Promise<IssuedKey> => create(actor, 'own', selfOf(actor), fields),

    /** @throws not-found for a foreign or deleted service account */
    async createFor(actor: Actor, serviceAccountId: string, fields: KeyFields): Promise<IssuedKey> {
      const { _id } = await ownServiceAccount(store, actor, serviceAccountId);
      return create(actor, 'organization', { kind: 'service-account', id: _id }, fields);
    },

    /**
     * A new one of the same kind, name and life; the old one works on for the overlap.
     * @throws conflict on one that has ended or has a successor, and while the one before it still works
     */
    async rotate(actor: Actor, id: string, scope: KeyScope, overlap: RotationOverlap, requestId: string = ids.uuid()): Promise<IssuedKey> {
      const old = await find(actor, id, scope);
      // Whoever rotates is shown the new secret: of a person's key that is nobody else.
      if (scope === 'organization' && old.holderKind === 'user')
        throw new AppError('conflict', 'Only its holder can rotate a person’s key. You can revoke it.');
      if (old.organizationId !== actor.organizationId) throw new AppError('conflict', 'This key is of another organization. Act for it first.');
      const { state, replaced } = await viewOf(old);
      if (replaced || state === 'revoked' || state === 'expired')
        throw new AppError('conflict', 'This key has been replaced or has ended already. Create a new one.');
      const rule = await ageDaysMaxOf(old.organizationId);
      const lifeDays = lifeFault(old.lifeDays, rule) === undefined ? old.lifeDays : rule;
      const { stored, shown } = values(old.kind);
      const fields = { kind: old.kind, name: old.name, lifeDays };
      const holder = { kind: old.holderKind, id: old.holderId };
      const doc = { ...newDoc(actor, old.organizationId, holder, fields, `${requestId}.${old._id}`, stored), rotatedFrom: old._id };
      const now = clock.now();
      const before = old.rotatedFrom === null ? null : await keys.key(old.rotatedFrom);
      if (before?.live && before.notAfter !== null && before.notAfter <= now) await keys.release(before._id, now);
      await insert(
        doc,
        [otherHalf(old.place)],
        () => new AppError('conflict', 'The key before this one still works: wait until it ends, or revoke it. Or somebody else is rotating this one.'),
      );
      const endAt = now + ROTATION_OVERLAPS[overlap];
      await (overlap === 'now' ? keys.revoke(old._id, endAt) : keys.end(old._id, endAt));
      await audit.append(actor, { action: `${AUDITED[scope]}:update`, resource: `accessKey:${old._id}`, after: { rotatedTo: doc._id, overlap } });
      const key = await viewOf(doc);
      await tellHolder(key, `made in place of ${old.hint}`);
      return shown(key);
    },

    /** It is refused from the next request on, by every process. Revoking again does nothing. */
    async revoke(actor: Actor, id: string, scope: KeyScope): Promise<AccessKeyView> {
      const key = await find(actor, id, scope);
      if (await keys.revoke(id, clock.now())) {
        const { holderId, name, organizationId } = key;
        await audit.append(actor, { action: `${AUDITED[scope]}:delete`, resource: `accessKey:${id}`, organizationId, before: { holder: holderId, name } });
      }
      return viewOf(key);
    },
  };
}
