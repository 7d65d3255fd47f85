import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';
import { chunks } from './publications.ts';
import { addPlaced, ONE_SLOT, takenPlaces } from './slots.ts';

export interface AppDoc {
  _id: string;
  organizationId: string;
  name: string;
  description: string;
  createdAt: number;
  deletedAt: number | null;
  /** Its place among those an organization has room for; given back when it is deleted. */
  slot?: number | null;
  rev: number;
}

export interface CredentialDoc {
  _id: string;
  appId: string;
  organizationId: string;
  kind: 'key' | 'code';
  name: string;
  /** kind `key`: the public AppKey, unique, never changes. */
  appKey: string | null;
  /** kind `code`: hex SHA-256 of the AppCode, unique. */
  hash: string | null;
  /** kind `key`: AES-256-GCM of the AppSecret, `keyId.iv.tag.data` in base64url. */
  secretCipher: string | null;
  /** What may be shown again: the first and last characters. */
  hint: string;
  notAfter: number | null;
  revokedAt: number | null;
  rotatedFrom: string | null;
  lastUsedAt: number | null;
  createdAt: number;
  createdBy: string;
}

/** An app's use of a subscription. At most one live binding per app and API, so that every call has exactly one payer. */
export interface BindingDoc {
  /** `<app>.<subscription>` */
  _id: string;
  appId: string;
  subscriptionId: string;
  organizationId: string;
  gatewayId: string;
  environmentId: string;
  apiIds: string[];
  live: boolean;
  createdAt: number;
}

/** The provider's free authorization of an app for an API in an environment. */
export interface AuthorizationDoc {
  /** `<app>.<api>.<environment>` */
  _id: string;
  appId: string;
  apiId: string;
  environmentId: string;
  gatewayId: string;
  /** The provider's and the app's organizations: each lists what it gave or got. */
  providerId: string;
  organizationId: string;
  live: boolean;
  createdAt: number;
  revokedAt: number | null;
}

/** A credential as lists need it. */
export type CredentialTimes = Pick<CredentialDoc, '_id' | 'createdAt' | 'notAfter' | 'revokedAt'>;

/** A free grant as counts need it. */
export type LiveAuthorization = Pick<AuthorizationDoc, '_id' | 'apiId' | 'appId'>;

const text = { type: String, required: true } as const;
const optional = { type: String, default: null } as const;
const number = { type: Number, required: true } as const;
const time = { type: Number, default: null } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

export function makeAppsStore(connection: Connection, touch: TouchList) {
  const apps = new Schema<AppDoc>(
    { _id: text, organizationId: text, name: text, description: { type: String, default: '' }, createdAt: number, deletedAt: time, slot: time, rev: number },
    options,
  );
  apps.index({ organizationId: 1, slot: 1 }, ONE_SLOT);
  apps.index({ organizationId: 1, createdAt: 1 });
  apps.index({ organizationId: 1, deletedAt: 1 });
  const credentials = new Schema<CredentialDoc>(
    {
      _id: text,
      appId: text,
      organizationId: text,
      kind: { type: String, enum: ['key', 'code'], required: true },
      name: { type: String, default: '' },
      appKey: optional,
      hash: optional,
      secretCipher: optional,
      hint: { type: String, default: '' },
      notAfter: time,
      revokedAt: time,
      rotatedFrom: optional,
      lastUsedAt: time,
      createdAt: number,
      createdBy: { type: String, default: '' },
    },
    options,
  );
  credentials.index({ appKey: 1 }, { unique: true, partialFilterExpression: { appKey: { $type: 'string' } } });
  credentials.index({ hash: 1 }, { unique: true, partialFilterExpression: { hash: { $type: 'string' } } });
  // One successor each: of two rotations at once, one is refused.
  credentials.index({ rotatedFrom: 1 }, { unique: true, partialFilterExpression: { rotatedFrom: { $type: 'string' } } });
  credentials.index({ appId: 1, revokedAt: 1, notAfter: 1 });
  credentials.index({ appId: 1, rotatedFrom: 1 });
  credentials.index({ organizationId: 1, revokedAt: 1 });
  const bindings = new Schema<BindingDoc>(
    {
      _id: text,
      appId: text,
      subscriptionId: text,
      organizationId: text,
      gatewayId: text,
      environmentId: text,
      apiIds: { type: [String], required: true },
      live: { type: Boolean, required: true },
      createdAt: number,
    },
    options,
  );
  // Multikey: no two live bindings of one app share an API.
  bindings.index({ appId: 1, apiIds: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'one_payer' });
  bindings.index({ subscriptionId: 1 });
  bindings.index({ appId: 1, live: 1 });
  bindings.index({ live: 1 });
  bindings.index({ organizationId: 1, live: 1 });
  const authorizations = new Schema<AuthorizationDoc>(
    {
      _id: text,
      appId: text,
      apiId: text,
      environmentId: text,
      gatewayId: text,
      providerId: text,
      organizationId: text,
      live: { type: Boolean, required: true },
      createdAt: number,
      revokedAt: time,
    },
    options,
  );
  authorizations.index({ apiId: 1 });
  authorizations.index({ appId: 1, live: 1 });
  authorizations.index({ live: 1 });
  authorizations.index({ gatewayId: 1, live: 1 });

  const Apps = connection.model('App', apps);
  const Credentials = connection.model('Credential', credentials);
  const Bindings = connection.model('Binding', bindings);
  const Authorizations = connection.model('Authorization', authorizations);

  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(list: 'apps' | 'bindings', of: { readonly organizationId: string } | null, outcome: T): Promise<T> {
    if (of) await touch(list, of.organizationId);
    return outcome;
  }
  async function touchedCredential<T>(of: Pick<CredentialDoc, 'appId' | 'organizationId'> | null, outcome: T): Promise<T> {
    if (of) await touch('credentials', of.organizationId, of.appId);
    return outcome;
  }
  const app = (id: string) => Apps.findById(id).lean<AppDoc>();
  const credential = (id: string) => Credentials.findById(id).lean<CredentialDoc>();

  return {
    models: [Apps, Credentials, Bindings, Authorizations],
    /** @param limit  how many an organization has room for */
    addApp: async (doc: AppDoc, limit: number) => touched('apps', doc, await addPlaced(Apps, doc, { organizationId: doc.organizationId }, limit)),
    app,
    apps: (ids: string[]) => Apps.find({ _id: { $in: ids } }).lean<AppDoc[]>(),
    /** Without deleted ones. */
    appsOf: (organizationId: string) => Apps.find({ organizationId, deletedAt: null }).lean<AppDoc[]>(),
    /** How many places of an organization are taken. */
    placesOfApps: (organizationId: string) => takenPlaces(Apps, { organizationId }),
    async updateApp(id: string, rev: number, change: Partial<Pick<AppDoc, 'name' | 'description'>>): Promise<boolean> {
      const { modifiedCount } = await Apps.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } });
      return touched('apps', await app(id), modifiedCount === 1);
    },
    /** Gives its place back. False: it was changed or deleted meanwhile. */
    async deleteApp(id: string, rev: number, deletedAt: number): Promise<boolean> {
      const { modifiedCount } = await Apps.updateOne({ _id: id, rev, deletedAt: null }, { $set: { deletedAt, slot: null, rev: rev + 1 } });
      return touched('apps', await app(id), modifiedCount === 1);
    },
    addCredential: async (doc: CredentialDoc) => touchedCredential(doc, await insertOnce(() => Credentials.create(doc))),
    credential,
    async credentials(ids: readonly string[]): Promise<CredentialDoc[]> {
      const found: CredentialDoc[] = [];
      for (const some of chunks(ids)) found.push(...(await Credentials.find({ _id: { $in: some } }).lean<CredentialDoc[]>()));
      return found;
    },
    /** All of an app, as far as lists need them. */
    credentialTimesOf: (appId: string) => Credentials.find({ appId }, { createdAt: 1, notAfter: 1, revokedAt: 1 }).lean<CredentialTimes[]>(),
    /** Those of an app that work at this moment, epoch ms. */
    async workingCredentialsOf(appId: string, at: number): Promise<CredentialDoc[]> {
      // Ends are only ever given: one that gets its end in between is met twice, and never missed.
      const endless = await Credentials.find({ appId, revokedAt: null, notAfter: null }).lean<CredentialDoc[]>();
      const ending = await Credentials.find({ appId, revokedAt: null, notAfter: { $gt: at, $lt: Number.MAX_SAFE_INTEGER } }).lean<CredentialDoc[]>();
      return [...new Map([...endless, ...ending].map((one) => [one._id, one])).values()];
    },
    /** Which of these credentials of an app have a successor. */
    replacedOf: async (appId: string, ids: readonly string[]): Promise<Set<string>> =>
      new Set(
        (await Credentials.find({ appId, rotatedFrom: { $in: [...ids] } }, { rotatedFrom: 1 }).lean<Pick<CredentialDoc, '_id' | 'rotatedFrom'>[]>()).flatMap(
          ({ rotatedFrom }) => rotatedFrom ?? [],
        ),
      ),
    /** Not revoked ones of an organization, as far as counts need them. */
    standingCredentialsOf: (organizationId: string) =>
      Credentials.find({ organizationId, revokedAt: null }, { appId: 1, kind: 1, notAfter: 1 }).lean<
        Pick<CredentialDoc, '_id' | 'appId' | 'kind' | 'notAfter'>[]
      >(),
    /** Credentials that are not revoked, for the gateway's snapshot. */
    liveCredentials: () => Credentials.find({ revokedAt: null }).lean<CredentialDoc[]>(),
    liveBindings: () => Bindings.find({ live: true }).lean<BindingDoc[]>(),
    liveBindingsOfOrganization: (organizationId: string) => Bindings.find({ organizationId, live: true }).lean<BindingDoc[]>(),
    liveBindingsOf: (subscriptionIds: readonly string[]) => Bindings.find({ subscriptionId: { $in: [...subscriptionIds] }, live: true }).lean<BindingDoc[]>(),
    bindingsOf: (subscriptionId: string) => Bindings.find({ subscriptionId }).lean<BindingDoc[]>(),
    liveBindingsOfApp: (appId: string) => Bindings.find({ appId, live: true }).lean<BindingDoc[]>(),
    addBinding: async (doc: BindingDoc) => touched('bindings', doc, await insertOnce(() => Bindings.create(doc))),
    async setBindingLive(id: string, live: boolean): Promise<boolean> {
      const { modifiedCount } = await Bindings.updateOne({ _id: id, live: !live }, { $set: { live } });
      return touched('bindings', await Bindings.findById(id).lean<BindingDoc>(), modifiedCount === 1);
    },
    binding: (appId: string, subscriptionId: string) => Bindings.findById(`${appId}.${subscriptionId}`).lean<BindingDoc>(),
    /** Takes back what was never shown to anybody. */
    async removeCredential(id: string): Promise<void> {
      const found = await credential(id);
      await touchedCredential(found, await Credentials.deleteOne({ _id: id }));
    },
    renameCredential: async (id: string, name: string) => void (await Credentials.updateOne({ _id: id }, { $set: { name } })),
    /** True: this call revoked it. */
    async revokeCredential(id: string, at: number): Promise<boolean> {
      const { modifiedCount } = await Credentials.updateOne({ _id: id, revokedAt: null }, { $set: { revokedAt: at } });
      return touchedCredential(await credential(id), modifiedCount === 1);
    },
    /** An end can only come nearer. */
    async endCredential(id: string, notAfter: number): Promise<void> {
      await Credentials.updateOne({ _id: id, revokedAt: null, notAfter: null }, { $set: { notAfter } });
      await touchedCredential(await credential(id), null);
    },
    async shortenCredential(id: string, notAfter: number): Promise<void> {
      await Credentials.updateOne({ _id: id, notAfter: { $gt: notAfter } }, { $set: { notAfter } });
      await touchedCredential(await credential(id), null);
    },
    /** All that have an AppSecret, revoked ones too, one after the other. */
    sealedCredentials: () =>
      Credentials.find({ secretCipher: { $type: 'string' } }, { appKey: 1, secretCipher: 1 })
        .lean<{ _id: string; appKey: string; secretCipher: string }[]>()
        .cursor(),
    /** The same secret, sealed anew. */
    resealCredential: async (_id: string, from: string, secretCipher: string) =>
      (await Credentials.updateOne({ _id, secretCipher: from }, { $set: { secretCipher } })).modifiedCount === 1,
    /** Last uses by credential, epoch ms: of several gateways that report one, the latest stands. */
    noteUses: async (uses: ReadonlyMap<string, number>) =>
      void (await Credentials.bulkWrite([...uses].map(([_id, at]) => ({ updateOne: { filter: { _id }, update: { $max: { lastUsedAt: at } } } })))),
    async revokeAllOf(appId: string, at: number): Promise<void> {
      await Credentials.updateMany({ appId, revokedAt: null }, { $set: { revokedAt: at } });
      const found = await app(appId);
      await touchedCredential(found && { ...found, appId }, null);
    },
    /** Ends every binding and free authorization of the app. */
    async releaseAllOf(appId: string, at: number): Promise<void> {
      await Bindings.updateMany({ appId, live: true }, { $set: { live: false } });
      await touched('bindings', await app(appId), null);
      const given = await Authorizations.find({ appId, live: true }, { apiId: 1, gatewayId: 1 }).lean<Pick<AuthorizationDoc, 'apiId' | 'gatewayId'>[]>();
      await Authorizations.updateMany({ appId, live: true }, { $set: { live: false, revokedAt: at } });
      await touch('authorizations', appId, ...given.flatMap(({ apiId, gatewayId }) => [apiId, gatewayId]));
    },
    /** False: it was given before, and perhaps revoked since. */
    addAuthorization: async (authorization: AuthorizationDoc) => {
      const added = await insertOnce(() => Authorizations.create(authorization));
      await touch('authorizations', authorization.appId, authorization.apiId, authorization.gatewayId);
      return added;
    },
    /** True: this call gave it back, or took it away. */
    async setAuthorizationLive(id: string, live: boolean, revokedAt: number | null): Promise<boolean> {
      const { modifiedCount } = await Authorizations.updateOne({ _id: id, live: !live }, { $set: { live, revokedAt } });
      const found = await Authorizations.findById(id).lean<AuthorizationDoc>();
      if (found) await touch('authorizations', found.appId, found.apiId, found.gatewayId);
      return modifiedCount === 1;
    },
    liveAuthorizations: () => Authorizations.find({ live: true }).lean<AuthorizationDoc[]>(),
    liveAuthorizationsOfApp: (appId: string) => Authorizations.find({ appId, live: true }).lean<AuthorizationDoc[]>(),
    liveAuthorizationsOfGateway: (gatewayId: string) => Authorizations.find({ gatewayId, live: true }, { apiId: 1, appId: 1 }).lean<LiveAuthorization[]>(),
    async removeAuthorizationsOf(gatewayId: string): Promise<void> {
      const given = await Authorizations.find({ gatewayId }, { appId: 1 }).lean<Pick<AuthorizationDoc, 'appId'>[]>();
      await Authorizations.deleteMany({ gatewayId });
      await touch('authorizations', gatewayId, ...given.map(({ appId }) => appId));
    },
    authorizationsOfApi: (apiId: string) => Authorizations.find({ apiId }).lean<AuthorizationDoc[]>(),
  };
}

export type AppsStore = ReturnType<typeof makeAppsStore>;
