import type { Actor } from '../domain/actor.ts';
import {
  ROTATION_OVERLAPS,
  SEAL_IV_BYTES,
  appCodeHash,
  credentialBytes,
  credentialHint,
  credentialStatus,
  credentialValue,
  sealSecret,
  type CredentialStatus,
  type CredentialValueKind,
  type KeyRing,
  type RotationOverlap,
} from '../domain/credential.ts';
import { idOfRequest } from '../domain/request-id.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { CredentialDoc, CredentialTimes } from '../store/apps.ts';
import type { Store } from '../store/index.ts';
import { ownApp } from './apps.ts';
import type { Audit } from './audit.ts';
import type { Changes } from './changes.ts';
import { inOrderOf, makeKeptLists, pageOfList, type ListPage } from './kept-lists.ts';

/** An app holds at most this many of a kind; one that a rotation has replaced no longer counts. */
export const CODES_MAX = 5;
export const KEYS_MAX = 5;
const ENDED_PAGE_SIZE = 25;

const newestFirst = (a: CredentialTimes, b: CredentialTimes): number => b.createdAt - a.createdAt || (a._id < b._id ? 1 : -1);

export interface IssueRequest {
  readonly appId: string;
  /** `key`: AppKey and AppSecret, for signatures. `code`: an AppCode, sent as a header. */
  readonly kind: 'key' | 'code';
  readonly name: string;
  /** Epoch ms at which it stops working by itself; null = never. */
  readonly notAfter: number | null;
  /** Of the form: sent twice, it makes one credential, and its secret is shown once. */
  readonly requestId?: string;
}

/** The only time a secret leaves the service: show it, then forget it. */
export type Issued = { readonly credential: CredentialView } & (
  { readonly kind: 'key'; readonly appKey: string; readonly appSecret: string } | { readonly kind: 'code'; readonly appCode: string }
);

/** A credential without anything that could be used or tried out. */
export interface CredentialView {
  readonly id: string;
  readonly appId: string;
  readonly kind: 'key' | 'code';
  readonly name: string;
  /** The public AppKey; null for a code. */
  readonly appKey: string | null;
  /** First and last characters of the code, or of the key. */
  readonly hint: string;
  readonly status: CredentialStatus;
  readonly notAfter: number | null;
  readonly revokedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly createdAt: number;
  /** It has a successor: it can be revoked, not rotated again. */
  readonly replaced: boolean;
}

export interface Credentials {
  /** Those that work, newest first. @throws not-found for an app of somebody else */
  working(actor: Actor, appId: string): Promise<CredentialView[]>;
  /** Those that were revoked or have expired, the last ended first. @param number  of the page, from 1 */
  ended(actor: Actor, appId: string, number: number): Promise<ListPage<CredentialView>>;
  /** When which of an app's credentials were made, all of them, epoch ms. */
  times(actor: Actor, appId: string): Promise<readonly { readonly id: string; readonly at: number }[]>;
  /** Of those of the app among these, in their order. */
  some(actor: Actor, appId: string, ids: readonly string[]): Promise<CredentialView[]>;
  /** By id, the app and the name, or what may be shown, of those of the actor's organization among these. */
  names(actor: Actor, ids: readonly string[]): Promise<ReadonlyMap<string, Pick<CredentialDoc, 'appId' | 'hint' | 'name'>>>;
  get(actor: Actor, credentialId: string): Promise<CredentialView>;
  /**
   * A key works as soon as it is shown: this answers after every live gateway confirmed it, or after 2 s.
   * @throws conflict when the app holds as many of the kind as it may
   */
  issue(actor: Actor, request: IssueRequest): Promise<Issued>;
  /** A new one of the same kind and name; the old one works on for the overlap. @throws conflict on one that is revoked, expired or has a successor */
  rotate(actor: Actor, credentialId: string, overlap: RotationOverlap, requestId?: string): Promise<Issued>;
  rename(actor: Actor, credentialId: string, name: string): Promise<void>;
  /** It stops within a second on every gateway. Revoking again does nothing. */
  revoke(actor: Actor, credentialId: string): Promise<CredentialView>;
}

export interface CredentialsDependencies {
  readonly store: Pick<Store, 'apps' | 'settings'>;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
  /** First encrypts, all decrypt. */
  readonly secretKeys: KeyRing;
}

export function makeCredentials({ store, audit, clock, ids, changes, secretKeys }: CredentialsDependencies): Credentials {
  const mint = (kind: CredentialValueKind): string => credentialValue(kind, ids.bytes(credentialBytes(kind)));

  const tellGateways = async (credentialId: string): Promise<void> =>
    void (await changes.announced(await changes.announce('credential-changed', { credentialId })));

  const lists = makeKeptLists({ settings: store.settings, clock });
  const timesOf = (appId: string) => lists.read('credentials', appId, () => store.apps.credentialTimesOf(appId));

  const view = (credential: CredentialDoc, replaced: boolean): CredentialView => ({
    id: credential._id,
    appId: credential.appId,
    kind: credential.kind,
    name: credential.name,
    appKey: credential.appKey,
    hint: credential.hint,
    status: credentialStatus(credential, clock.now()),
    notAfter: credential.notAfter,
    revokedAt: credential.revokedAt,
    lastUsedAt: credential.lastUsedAt,
    createdAt: credential.createdAt,
    replaced,
  });

  async function own(actor: Actor, credentialId: string): Promise<CredentialDoc> {
    const credential = await store.apps.credential(credentialId);
    if (!credential || (actor.kind !== 'system' && credential.organizationId !== actor.organizationId)) throw new AppError('not-found');
    return credential;
  }

  async function views(appId: string, credentials: readonly CredentialDoc[]): Promise<CredentialView[]> {
    const replaced = await store.apps.replacedOf(
      appId,
      credentials.map(({ _id }) => _id),
    );
    return credentials.map((credential) => view(credential, replaced.has(credential._id)));
  }
  const viewOf = async (credential: CredentialDoc): Promise<CredentialView> =>
    view(credential, (await store.apps.replacedOf(credential.appId, [credential._id])).size > 0);

  /** How many count towards the bound: working, and not replaced by a rotation. */
  async function held(appId: string, kind: CredentialDoc['kind']): Promise<number> {
    const working = (await store.apps.workingCredentialsOf(appId, clock.now())).filter((one) => one.kind === kind);
    const replaced = await store.apps.replacedOf(
      appId,
      working.map(({ _id }) => _id),
    );
    return working.length - replaced.size;
  }

  const tooMany = (kind: CredentialDoc['kind']): AppError =>
    new AppError(
      'conflict',
      kind === 'code'
        ? `An app may have ${CODES_MAX} AppCodes. Revoke one that is no longer used.`
        : `An app may have ${KEYS_MAX} keys. Revoke one that is no longer used.`,
    );

  const shownBefore = (): AppError =>
    new AppError('conflict', 'This was done a moment ago, and the secret was shown then. It cannot be shown again: create or rotate another one.');

  /** Insert, then count: two requests at once may both be refused at the bound, but never both pass it. What is taken back was shown to nobody. */
  async function add(credential: CredentialDoc): Promise<void> {
    const bound = credential.kind === 'code' ? CODES_MAX : KEYS_MAX;
    if (await store.apps.credential(credential._id)) throw shownBefore();
    if (credential.rotatedFrom === null && (await held(credential.appId, credential.kind)) >= bound) throw tooMany(credential.kind);
    if (!(await store.apps.addCredential(credential))) throw shownBefore();
    if ((await held(credential.appId, credential.kind)) > bound) {
      await store.apps.removeCredential(credential._id);
      throw tooMany(credential.kind);
    }
  }

  async function create(
    actor: Actor,
    { appId, kind, name, notAfter, requestId = ids.uuid() }: IssueRequest,
    organizationId: string,
    rotatedFrom: string | null,
  ): Promise<Issued> {
    const base = {
      _id: idOfRequest('crd', organizationId, requestId),
      appId,
      organizationId,
      kind,
      name,
      notAfter,
      rotatedFrom,
      revokedAt: null,
      lastUsedAt: null,
      createdAt: clock.now(),
      createdBy: actor.userId,
    };
    if (kind === 'code') {
      const appCode = mint('app-code');
      const credential: CredentialDoc = { ...base, appKey: null, hash: appCodeHash(appCode), secretCipher: null, hint: credentialHint(appCode) };
      await add(credential);
      return { kind, appCode, credential: view(credential, false) };
    }
    const [appKey, appSecret] = [mint('app-key'), mint('app-secret')];
    const secretCipher = sealSecret(secretKeys, appSecret, appKey, ids.bytes(SEAL_IV_BYTES));
    const credential: CredentialDoc = { ...base, appKey, hash: null, secretCipher, hint: credentialHint(appKey) };
    await add(credential);
    return { kind, appKey, appSecret, credential: view(credential, false) };
  }

  return {
    async working(actor, appId) {
      await ownApp(store, actor, appId);
      const working = await store.apps.workingCredentialsOf(appId, clock.now());
      return views(appId, working.sort(newestFirst));
    },

    async ended(actor, appId, number) {
      await ownApp(store, actor, appId);
      const now = clock.now();
      const endOf = ({ notAfter, revokedAt }: CredentialTimes): number => Math.min(revokedAt ?? Number.MAX_SAFE_INTEGER, notAfter ?? Number.MAX_SAFE_INTEGER);
      const ended = (await timesOf(appId)).filter((one) => one.revokedAt !== null || endOf(one) <= now);
      const found = pageOfList(
        [...ended].sort((a, b) => endOf(b) - endOf(a) || newestFirst(a, b)),
        number,
        ENDED_PAGE_SIZE,
      );
      const ids = found.rows.map(({ _id }) => _id);
      return { ...found, rows: await views(appId, inOrderOf(ids, await store.apps.credentials(ids))) };
    },

    async times(actor, appId) {
      await ownApp(store, actor, appId);
      return (await timesOf(appId)).map(({ _id, createdAt }) => ({ id: _id, at: createdAt }));
    },

    async some(actor, appId, ids) {
      await ownApp(store, actor, appId);
      return views(
        appId,
        inOrderOf(ids, await store.apps.credentials(ids)).filter((one) => one.appId === appId),
      );
    },

    names: async (actor, ids) =>
      new Map((await store.apps.credentials(ids)).filter((one) => one.organizationId === actor.organizationId).map((one) => [one._id, one])),

    async get(actor, credentialId) {
      return viewOf(await own(actor, credentialId));
    },

    async issue(actor, request) {
      const app = await ownApp(store, actor, request.appId);
      if (request.notAfter !== null && request.notAfter <= clock.now())
        throw new AppError('invalid-form', undefined, { fields: { expiry: 'This end is in the past.' } });
      const issued = await create(actor, request, app.organizationId, null);
      const { id, kind, name, notAfter } = issued.credential;
      await audit.append(actor, {
        action: 'market:credentials:create',
        resource: `credential:${id}`,
        organizationId: app.organizationId,
        after: { appId: app._id, kind, name, notAfter },
      });
      await tellGateways(id);
      return issued;
    },

    async rotate(actor, credentialId, overlap, requestId = ids.uuid()) {
      const old = await own(actor, credentialId);
      await ownApp(store, actor, old.appId);
      const { status, replaced } = await viewOf(old);
      if (replaced || status === 'revoked' || status === 'expired')
        throw new AppError('conflict', 'This credential has been replaced or has ended already. Create a new one.');
      const issued = await create(
        actor,
        { appId: old.appId, kind: old.kind, name: old.name, notAfter: old.notAfter, requestId: `${requestId}.${old._id}` },
        old.organizationId,
        old._id,
      );
      const endAt = clock.now() + ROTATION_OVERLAPS[overlap];
      if (overlap === 'now') await store.apps.revokeCredential(old._id, endAt);
      else await (old.notAfter === null ? store.apps.endCredential(old._id, endAt) : store.apps.shortenCredential(old._id, endAt));
      await audit.append(actor, {
        action: 'market:credentials:update',
        resource: `credential:${old._id}`,
        organizationId: old.organizationId,
        after: { rotatedTo: issued.credential.id, overlap },
      });
      await tellGateways(issued.credential.id);
      return issued;
    },

    async rename(actor, credentialId, name) {
      const credential = await own(actor, credentialId);
      if (credential.name === name) return;
      await store.apps.renameCredential(credentialId, name);
      await audit.append(actor, {
        action: 'market:credentials:update',
        resource: `credential:${credentialId}`,
        organizationId: credential.organizationId,
        before: { name: credential.name },
        after: { name },
      });
    },

    async revoke(actor, credentialId) {
      const credential = await own(actor, credentialId);
      const now = clock.now();
      if (await store.apps.revokeCredential(credentialId, now)) {
        await audit.append(actor, { action: 'market:credentials:delete', resource: `credential:${credentialId}`, organizationId: credential.organizationId });
      }
      // Announced even when it was revoked before: the signal is a hint, and whoever presses the button again wants it heard.
      await tellGateways(credentialId);
      return viewOf({ ...credential, revokedAt: credential.revokedAt ?? now });
    },
  };
}
