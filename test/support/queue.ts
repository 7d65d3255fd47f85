import { createClient } from 'redis';
import { makeQueue, type Queue } from '../../server/queue/queue.ts';
import { testRedisPrefix, testRedisUrl } from './engines.ts';

export interface TestQueue {
  readonly connection: { readonly url: string; readonly prefix: string };
  readonly queue: Queue;
  /** Everything of this test's own in Redis is gone, as after a FLUSHALL. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const EMPTY = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";

/** A queue under a prefix of this test's own, connected. */
export async function testQueue(): Promise<TestQueue> {
  const connection = { url: testRedisUrl(), prefix: testRedisPrefix() };
  const queue = makeQueue(connection);
  const admin = createClient({ url: connection.url });
  await admin.connect();
  // In one stroke, as Redis empties itself: key by key, a job that is asked for meanwhile could be left half, holding its id for ever.
  const flush = async () => void (await admin.eval(EMPTY, { arguments: [`${connection.prefix}*`] }));
  await settled(async () =>
    queue.counts().then(
      () => true,
      () => false,
    ),
  );
  return {
    connection,
    queue,
    flush,
    async close() {
      await queue.close();
      await flush();
      await admin.close();
    },
  };
}

/** Looks until it is so; a test that waits in vain fails by its own time-out. */
export async function settled(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
