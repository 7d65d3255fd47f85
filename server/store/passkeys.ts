import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

export interface PasskeyDoc {
  /** The credential's id in base64url, as its authenticator made it: unique over all users by this key. */
  _id: string;
  userId: string;
  name: string;
  /** COSE key in base64url. The private half never leaves the authenticator. */
  publicKey: string;
  /** How often the authenticator says it was used; 0 always, where it does not count. */
  counter: number;
  /** How a browser may reach it: `internal`, `usb`, `hybrid` … */
  transports: string[];
  /** Its keeper copies it to the person's other devices. */
  synced: boolean;
  createdAt: number;
  lastUsedAt: number | null;
}

export function makePasskeysStore(connection: Connection) {
  const text = { type: String, required: true } as const;
  const number = { type: Number, required: true } as const;
  const schema = new Schema<PasskeyDoc>(
    {
      _id: text,
      userId: text,
      name: text,
      publicKey: text,
      counter: number,
      transports: { type: [String], required: true },
      synced: { type: Boolean, required: true },
      createdAt: number,
      lastUsedAt: { type: Number, default: null },
    },
    { collection: 'passkeys', strict: 'throw', versionKey: false },
  );
  schema.index({ userId: 1 });
  const Passkeys = connection.model('Passkey', schema);

  return {
    models: [Passkeys],
    /** False: the credential is registered already, with this user or another. */
    add: (passkey: PasskeyDoc) => insertOnce(() => Passkeys.create(passkey)),
    get: (id: string) => Passkeys.findById(id).lean<PasskeyDoc>(),
    /** Oldest first. */
    ofUser: async (userId: string) => (await Passkeys.find({ userId }).lean<PasskeyDoc[]>()).sort((a, b) => a.createdAt - b.createdAt),
    ofUsers: (userIds: string[]) => Passkeys.find({ userId: { $in: userIds } }).lean<PasskeyDoc[]>(),
    /** Take a use. False: the counter did not advance, so a copy may be in use; or the passkey is gone. */
    use: async (id: string, counter: number, { at, synced }: { at: number; synced: boolean }) => {
      const $set = { counter, lastUsedAt: at, synced };
      if (counter === 0) return (await Passkeys.updateOne({ _id: id, counter: 0 }, { $set })).matchedCount === 1;
      return (await Passkeys.updateOne({ _id: id, counter: { $lt: counter } }, { $set })).modifiedCount === 1;
    },
    rename: async (id: string, userId: string, name: string) => (await Passkeys.updateOne({ _id: id, userId }, { $set: { name } })).matchedCount === 1,
    remove: async (id: string, userId: string) => (await Passkeys.deleteOne({ _id: id, userId })).deletedCount === 1,
  };
}
