import mongoose, { type Connection } from 'mongoose';

/** A connection of our own: int64 comes back as bigint, writes wait for the majority and the disk, nothing is buffered while the store is away. */
export function connectStore(uri: string, { maxPoolSize = 20 }: { maxPoolSize?: number } = {}): Connection {
  return mongoose.createConnection(uri, {
    useBigInt64: true,
    maxPoolSize,
    autoIndex: false,
    autoCreate: false,
    bufferCommands: false,
    serverSelectionTimeoutMS: 3_000,
    socketTimeoutMS: 30_000,
    writeConcern: { w: 'majority', journal: true },
  });
}

/** True for the answer of a unique index that says somebody (perhaps we ourselves, before a lost reply) was first. */
export const isDuplicateKey = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 11000;

/** Run an insert; false means the key exists: read it and go on from what is found. */
export async function insertOnce(insert: () => Promise<unknown>): Promise<boolean> {
  try {
    await insert();
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
