import { Schema, type Connection } from 'mongoose';
import { ACCESS_KEY_KINDS, type AccessKeyKind, type HolderKind } from '../domain/access-key.ts';
import { insertOnce } from './connect.ts';

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

export function makeAccessKeysStore(connection: Connection) {
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
  schema.index({ holderId: 1 });
  schema.index({ live: 1 });
  const Keys = connection.model('AccessKey', schema);

  return {
    models: [Keys],
    /** False: its id, its place or its predecessor has one already. */
    add: (key: AccessKeyDoc) => insertOnce(() => Keys.create(key)),
    key: (id: string) => Keys.findById(id).lean<AccessKeyDoc>(),
    byAccessKey: (accessKey: string) => Keys.findOne({ accessKey }).lean<AccessKeyDoc>(),
    byHash: (hash: string) => Keys.findOne({ hash }).lean<AccessKeyDoc>(),
    ofOrganization: (organizationId: string) => Keys.find({ organizationId }).lean<AccessKeyDoc[]>(),
    /** Of one holder, in whichever organizations. */
    ofHolder: (holderId: string) => Keys.find({ holderId }).lean<AccessKeyDoc[]>(),
    live: () => Keys.find({ live: true }).lean<AccessKeyDoc[]>(),
    /** True: this call revoked it. */
    revoke: async (id: string, at: number) =>
      (await Keys.updateOne({ _id: id, revokedAt: null }, { $set: { revokedAt: at, live: false } })).modifiedCount === 1,
    revokeAllOf: async (organizationId: string, holderId: string, at: number) =>
      void (await Keys.updateMany({ holderId, organizationId, revokedAt: null }, { $set: { revokedAt: at, live: false } })),
    /** An end can only come nearer. */
    end: async (id: string, notAfter: number) => {
      await Keys.updateOne({ _id: id, notAfter: null }, { $set: { notAfter } });
      await Keys.updateOne({ _id: id, notAfter: { $gt: notAfter } }, { $set: { notAfter } });
    },
    /** Give back the place of one whose time is over. */
    release: async (id: string, now: number) => void (await Keys.updateOne({ _id: id, live: true, notAfter: { $lte: now } }, { $set: { live: false } })),
    /** Of several processes that saw it used, one writes: the value it saw must still stand. */
    noteUse: async (id: string, seen: number | null, at: number, from: string) =>
      void (await Keys.updateOne({ _id: id, lastUsedAt: seen }, { $set: { lastUsedAt: at, lastUsedFrom: from } })),
    markWarned: async (id: string, endsAt: number) => void (await Keys.updateOne({ _id: id }, { $set: { warnedOf: endsAt } })),
  };
}

export type AccessKeysStore = ReturnType<typeof makeAccessKeysStore>;
