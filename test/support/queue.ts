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

/** A queue under a prefix of this test's own, connected. */
export async function testQueue(): Promise<TestQueue> {
  const connection = { url: testRedisUrl(), prefix: testRedisPrefix() };
  const queue = makeQueue(connection);
  const admin = createClient({ url: connection.url });
  await admin.connect();
  const flush = async () => {
    for await (const keys of admin.scanIterator({ MATCH: `${connection.prefix}*`, COUNT: 500 })) if (keys.length > 0) await admin.del(keys);
  };
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
