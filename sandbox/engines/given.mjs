import { Fault } from '../setup/say.mjs';

const ANSWER_MS = 5_000;

/** An address without what signs in to it. */
const withoutPassword = (uri) => uri.replace(/\/\/[^@/]*@/, '//');

const CHECKS = {
  async MONGODB_URI(uri) {
    const { MongoClient } = await import('mongodb');
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: ANSWER_MS });
    try {
      await client.db('admin').command({ ping: 1 });
    } finally {
      await client.close();
    }
  },
  async REDIS_URL(url) {
    const { createClient } = await import('redis');
    const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: ANSWER_MS } });
    client.on('error', () => {}); // the call below reports it
    try {
      await client.connect();
      await client.ping();
    } finally {
      client.destroy();
    }
  },
};

/** Servers somebody named are asked before anything is started. @throws Fault with every one that does not answer */
export async function checkGiven(env) {
  const faults = await Promise.all(
    Object.entries(CHECKS).map(async ([variable, check]) => {
      if (!env[variable]) return undefined;
      try {
        return void (await check(env[variable]));
      } catch (error) {
        const [reason] = (error.message || error.code || String(error)).split('\n');
        return `${variable}: ${withoutPassword(env[variable])} cannot be used: ${reason}`;
      }
    }),
  );
  const found = faults.filter(Boolean);
  if (found.length > 0) throw new Fault(`${found.join('\n')}\nStart that server or correct the address; without the variable npm start brings one of its own.`);
}
