import type { ConnectionOptions } from 'bullmq';
import { createClient } from 'redis';

const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;
const LISTENERS_MAX = 100;

/** Where the queues live. `prefix` is put before every key, so that several installations share one server. */
export interface QueueConnection {
  readonly url: string;
  readonly prefix: string;
}

/**
 * A connection of the queues' own, on the one Redis client there is. It never gives up connecting.
 *
 * @param patient  wait for the connection (a worker, which has nothing else to do) instead of failing at once (whoever queues a job)
 */
export function queueClient({ url }: QueueConnection, { patient }: { patient: boolean }) {
  const client = createClient({
    url,
    disableOfflineQueue: !patient,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: (retries) => Math.min(RECONNECT_MIN_MS * 2 ** Math.min(retries, 10), RECONNECT_MAX_MS) },
  });
  // Every queue and every worker listens on it; Node warns of a leak from the eleventh on.
  client.setMaxListeners(LISTENERS_MAX);
  return client;
}

export type QueueClient = ReturnType<typeof queueClient>;

/** BullMQ recognises the client by itself; its types know it only by shape. */
export const asConnection = (client: QueueClient): ConnectionOptions => client as unknown as ConnectionOptions;

/** BullMQ's own keys are `<prefix>:<queue>:…`. */
export const queuePrefix = ({ prefix }: QueueConnection): string => `${prefix}queue`;
