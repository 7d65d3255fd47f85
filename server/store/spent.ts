import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

interface SpentDoc {
  /** Hex SHA-256 of the value. */
  _id: string;
  expiresAt: Date;
}

/** Values that were handed out to count once: the unique key decides who used one first. Kept until whoever holds one would be refused as too late anyway. */
export function makeSpentStore(connection: Connection) {
  const schema = new Schema<SpentDoc>(
    { _id: { type: String, required: true }, expiresAt: { type: Date, required: true } },
    { collection: 'spent', strict: 'throw', versionKey: false },
  );
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const Spent = connection.model('Spent', schema);

  return {
    models: [Spent],
    /** True: this call used it up. */
    spend: (hash: string, expiresAt: Date) => insertOnce(() => Spent.create({ _id: hash, expiresAt })),
  };
}
