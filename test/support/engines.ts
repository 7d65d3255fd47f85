import { randomBytes } from 'node:crypto';
import { MongoClient } from 'mongodb';

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests by "npm test", which starts the engines`);
  return value;
}

/** A database of this test's own on the resolved engine. `drop` removes it. */
export async function testMongo(): Promise<{ uri: string; drop(): Promise<void> }> {
  const url = new URL(required('MONGODB_URI'));
  url.pathname = `/test_${process.pid}_${randomBytes(5).toString('hex')}`;
  const uri = url.toString();
  return {
    uri,
    async drop() {
      const client = await MongoClient.connect(uri);
      await client.db().dropDatabase();
      await client.close();
    },
  };
}

export const testRedisUrl = (): string => required('REDIS_URL');

/** Every key of a test starts with this; whoever makes many deletes them. */
export const testRedisPrefix = (): string => `test:${process.pid}:${randomBytes(5).toString('hex')}:`;
