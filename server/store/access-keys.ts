import { Schema, type Connection } from 'mongoose';
import { ACCESS_KEY_KINDS, type AccessKeyKind, type HolderKind } from '../domain/access-key.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';

export interface AccessKeyDoc {
  /** `key_…` */
  _id: string;
  /** The organization it acts for. */
  organizationId: string;
  holderKind: HolderKind;
  /** `usr_…` or `sva_…` */
  holderId: string;
  kind: AccessKeyKind;
  name: string;
  /** kind `signature`: the public access key, unique. */
  accessKey: string | null;
  /** kind `signature`: AES-256-GCM of the secret, `keyId.iv.tag.data` in base64url. */
  secretCipher: string | null;
  /** kind `token`: hex SHA-256 of the token, unique. */
  hash: string | null;
  /** What may be shown again: the first and last characters. */
  hint: string;
  /** What was chosen at its making, in days; a rotation gives its successor the same. Null: until it is revoked. */
  lifeDays: number | null;
  notAfter: number | null;
  revokedAt: number | null;
  /** It takes its place: neither revoked, nor found to have ended. */
  live: boolean;
  /** Among the holder's keys of this organization; see `freePlaces`. */
  place: number;
  rotatedFrom: string | null;
  lastUsedAt: number | null;
  lastUsedFrom: string;
  /** The end that its holder was warned of by mail. */
  warnedOf: number | null;
  createdAt: number;
  /** `usr_…` or `sva_…` */
  createdBy: string;
}

const text = { type: String, required: true } as const;
const optional = { type: String, default: null } as const;
const number = { type: Number, required: true } as const;
const time = { type: Number, default: null } as const;

export function makeAccessKeysStore(connection: Connection, touch: TouchList) {
  const schema = new Schema<AccessKeyDoc>(
    {
      _id: text,
      organizationId: text,
      holderKind: { type: String, enum: ['service-account', 'user'], required: true },
      holderId: text,
      kind: { type: String, enum: ACCESS_KEY_KINDS, required: true },
      name: { type: String, default: '' },
      accessKey: optional,
      secretCipher: optional,
      hash: optional,
      hint: text,
      lifeDays: time,
      notAfter: time,
      revokedAt: time,
      live: { type: Boolean, required: true },
      place: number,
      rotatedFrom: optional,
      lastUsedAt: time,
      lastUsedFrom: { type: String, default: '' },
      warnedOf: time,
      createdAt: number,
      createdBy: { type: String, default: '' },
    },
    { collection: 'accessKeys', strict: 'throw', versionKey: false },
  );
  schema.index({ accessKey: 1 }, { unique: true, partialFilterExpression: { accessKey: { $type: 'string' } } });
  schema.index({ hash: 1 }, { unique: true, partialFilterExpression: { hash: { $type: 'string' } } });
  // This index, not a count, bounds how many keys a holder has.
  schema.index({ organizationId: 1, holderId: 1, place: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'one_at_a_place' });
  // One successor each: of two rotations at once, one is refused.
  schema.index({ rotatedFrom: 1 }, { unique: true, partialFilterExpression: { rotatedFrom: { $type: 'string' } } });
  schema.index({ organizationId: 1 });
  schema.index({ holderId: 1, live: 1 });
  schema.index({ live: 1 });
  const Keys = connection.model('AccessKey', schema);

  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(of: Pick<AccessKeyDoc, 'organizationId'> | null, outcome: T): Promise<T> {
    if (of) await touch('keys', of.organizationId);
    return outcome;
  }
  const key = (id: string) => Keys.findById(id).lean<AccessKeyDoc>();

  return {
    models: [Keys],
    /** False: its id, its place or its predecessor has one already. */
    add: async (doc: AccessKeyDoc) => touched(doc, await insertOnce(() => Keys.create(doc))),
    key,
    byAccessKey: (accessKey: string) => Keys.findOne({ accessKey }).lean<AccessKeyDoc>(),
    byHash: (hash: string) => Keys.findOne({ hash }).lean<AccessKeyDoc>(),
    /** The one that a rotation put in its place. */
    successorOf: (id: string) => Keys.findOne({ rotatedFrom: id }).lean<AccessKeyDoc>(),
    ofOrganization: (organizationId: string) => Keys.find({ organizationId }).lean<AccessKeyDoc[]>(),
    /** Those that take a place: a few for each organization. */
    liveOfHolder: (holderId: string) => Keys.find({ holderId, live: true }).lean<AccessKeyDoc[]>(),
    live: () => Keys.find({ live: true }).lean<AccessKeyDoc[]>(),
    /** True: this call revoked it. */
    async revoke(id: string, at: number): Promise<boolean> {
      const { modifiedCount } = await Keys.updateOne({ _id: id, revokedAt: null }, { $set: { revokedAt: at, live: false } });
      return touched(await key(id), modifiedCount === 1);
    },
    async revokeAllOf(organizationId: string, holderId: string, at: number): Promise<void> {
      await Keys.updateMany({ holderId, organizationId, revokedAt: null }, { $set: { revokedAt: at, live: false } });
      await touch('keys', organizationId);
    },
    /** An end can only come nearer. */
    async end(id: string, notAfter: number): Promise<void> {
      await Keys.updateOne({ _id: id, notAfter: null }, { $set: { notAfter } });
      await Keys.updateOne({ _id: id, notAfter: { $gt: notAfter } }, { $set: { notAfter } });
      await touched(await key(id), null);
    },
    /** Give back the place of one whose time is over. */
    async release(id: string, now: number): Promise<void> {
      await Keys.updateOne({ _id: id, live: true, notAfter: { $lte: now } }, { $set: { live: false } });
      await touched(await key(id), null);
    },
    /** Of several processes that saw it used, one writes: the value it saw must still stand. */
    async noteUse(id: string, seen: number | null, at: number, from: string): Promise<void> {
      await Keys.updateOne({ _id: id, lastUsedAt: seen }, { $set: { lastUsedAt: at, lastUsedFrom: from } });
      // The first use is a state that people look for; later ones reach the lists within a minute by themselves.
      if (seen === null) await touched(await key(id), null);
    },
    /** All that have a secret, revoked ones too, one after the other. */
    sealed: () =>
      Keys.find({ secretCipher: { $type: 'string' } }, { accessKey: 1, secretCipher: 1 })
        .lean<{ _id: string; accessKey: string; secretCipher: string }[]>()
        .cursor(),
    /** The same secret, sealed anew. */
    reseal: async (_id: string, from: string, secretCipher: string) =>
      (await Keys.updateOne({ _id, secretCipher: from }, { $set: { secretCipher } })).modifiedCount === 1,
    markWarned: async (id: string, endsAt: number) => void (await Keys.updateOne({ _id: id }, { $set: { warnedOf: endsAt } })),
  };
}
