import { Schema, type Connection } from 'mongoose';
import { isDuplicateKey } from './connect.ts';
import type { TouchList } from './list-versions.ts';

export interface SessionDoc {
  /** Hex SHA-256 of the session's id, which only the browser's cookie holds. */
  _id: string;
  /** Empty while nobody is signed in. */
  userId: string;
  /** What the user's password and factors were when it was opened; under another mark it is dead. */
  mark: string;
  /** The passkey that opened it, and ends it by being removed; empty: none did. */
  passkeyId: string;
  /** Epoch ms of the real clock, as all times here. */
  openedAt: number;
  /** The browser's own words, as it was opened. */
  agent: string;
  seenAt: number;
  /** Network address of the last look. */
  address: string;
  /** What the portal keeps in it, as JSON. */
  data: string;
  /** It stays behind, empty, until no request that began under it can still run: whatever comes late finds it ended and cannot make it anew. */
  ended: boolean;
  expiresAt: Date;
}

/** Longer than any request. */
const ENDED_KEPT_MS = 86_400_000;

export function makeSessionsStore(connection: Connection, touch: TouchList) {
  const text = { type: String, default: '' } as const;
  const time = { type: Number, required: true } as const;
  const schema = new Schema<SessionDoc>(
    {
      _id: { type: String, required: true },
      userId: text,
      mark: text,
      passkeyId: text,
      openedAt: time,
      agent: text,
      seenAt: time,
      address: text,
      data: text,
      ended: { type: Boolean, required: true },
      expiresAt: { type: Date, required: true },
    },
    { collection: 'sessions', strict: 'throw', versionKey: false },
  );
  schema.index({ userId: 1 });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const Sessions = connection.model('Session', schema);

  return {
    models: [Sessions],
    session: (id: string) => Sessions.findOne({ _id: id, ended: false }).lean<SessionDoc>(),
    ofUser: (userId: string) => Sessions.find({ userId, ended: false }).lean<SessionDoc[]>(),
    /** Of these, those that have not ended. */
    some: (ids: readonly string[]) => Sessions.find({ _id: { $in: [...ids] }, ended: false }).lean<SessionDoc[]>(),
    /** Store it, anew or again. False: it was ended, and stays so. */
    async put({ _id, openedAt, seenAt, address, ...rest }: Omit<SessionDoc, 'ended'>): Promise<boolean> {
      // Of an ended one the filter finds nothing, and what is then inserted meets its key. Of two who store a new one at once, one does: he updates it.
      for (let again = false; ; again = true) {
        try {
          const { upsertedCount } = await Sessions.updateOne(
            { _id, ended: false },
            { $set: rest, $setOnInsert: { openedAt, seenAt, address } },
            { upsert: true },
          );
          // Whose it is stands in its first writing; what is written later is its data alone.
          if (upsertedCount > 0 && rest.userId !== '') await touch('sessions', rest.userId);
          return true;
        } catch (error) {
          if (!isDuplicateKey(error)) throw error;
          if (again) return false;
        }
      }
    },
    /** Somebody looked under it. */
    see: async (id: string, seen: Pick<SessionDoc, 'seenAt' | 'address' | 'expiresAt'>) =>
      void (await Sessions.updateOne({ _id: id, ended: false }, { $set: seen })),
    /** True: this call ended it; false: it was ended before, or never stored. */
    async end(id: string, at: number): Promise<boolean> {
      const $set = { ended: true, data: '', agent: '', expiresAt: new Date(at + ENDED_KEPT_MS) };
      const { modifiedCount } = await Sessions.updateOne({ _id: id, ended: false }, { $set });
      const ended = await Sessions.findById(id, { userId: 1 }).lean<Pick<SessionDoc, 'userId'>>();
      if (ended && ended.userId !== '') await touch('sessions', ended.userId);
      return modifiedCount === 1;
    },
  };
}

export type SessionsStore = ReturnType<typeof makeSessionsStore>;
