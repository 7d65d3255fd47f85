import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

export interface ClaimDoc {
  /** Hex SHA-256 of whose key it is and the key itself. */
  _id: string;
  /** Hex SHA-256 of the request it came with. */
  fingerprint: string;
  /** What the request makes is named by this: whoever takes the claim over makes the same thing. */
  requestId: string;
  /** The run that works on it. */
  owner: string;
  /** Epoch ms of the real clock; a run that is older than any can be is over. */
  startedAt: number;
  doneAt: number | null;
  /** What is answered again; null: nothing, as the answer held a secret. */
  body: string | null;
  /** Where that which was made with a secret stands. */
  place: string | null;
  expiresAt: Date;
}

/** Requests of programs that carry a key, so that sent again they are not done again. The unique key decides who does one. */
export function makeIdempotencyStore(connection: Connection) {
  const text = { type: String, required: true } as const;
  const schema = new Schema<ClaimDoc>(
    {
      _id: text,
      fingerprint: text,
      requestId: text,
      owner: text,
      startedAt: { type: Number, required: true },
      doneAt: { type: Number, default: null },
      body: { type: String, default: null },
      place: { type: String, default: null },
      expiresAt: { type: Date, required: true },
    },
    { collection: 'idempotency', strict: 'throw', versionKey: false },
  );
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const Claims = connection.model('Claim', schema);

  return {
    models: [Claims],
    /** False: there is a claim of this id. */
    claim: (claim: ClaimDoc) => insertOnce(() => Claims.create(claim)),
    get: (id: string) => Claims.findById(id).lean<ClaimDoc>(),
    /** True: the claim is the new owner's; false: another one has it, or it is done. */
    takeOver: async (id: string, from: string, owner: string, startedAt: number) =>
      (await Claims.updateOne({ _id: id, owner: from, doneAt: null }, { $set: { owner, startedAt } })).modifiedCount === 1,
    finish: async (id: string, owner: string, done: Pick<ClaimDoc, 'body' | 'doneAt' | 'place'>) =>
      (await Claims.updateOne({ _id: id, owner, doneAt: null }, { $set: done })).modifiedCount === 1,
    /** Nothing was done under it. */
    release: async (id: string, owner: string) => void (await Claims.deleteOne({ _id: id, owner, doneAt: null })),
    /** The run ended without saying how: the next one may take it over at once. */
    letGo: async (id: string, owner: string) => void (await Claims.updateOne({ _id: id, owner, doneAt: null }, { $set: { startedAt: 0 } })),
  };
}
