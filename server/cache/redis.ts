import { createClient } from 'redis';

const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** An answer later than this counts as none: the caller waits for us. */
const ANSWER_MS = 2_500;
/** A server that neither answers nor closes is left after this; pings keep a healthy idle connection alive. */
const SILENCE_MS = 4_000;
const PING_MS = 1_000;

export interface RedisOptions {
  readonly url: string;
  /** Put before every key and channel, so that several installations (and tests) share one server. */
  readonly prefix: string;
  /** Told once per change for the worse, never per attempt. */
  readonly onAway?: (error: Error) => void;
}

export type RedisClient = ReturnType<typeof plainClient>;

export interface Redis {
  readonly client: RedisClient;
  key(name: string): string;
  /** Connected and ready now. A command may still fail. */
  available(): boolean;
  /** Resolves as soon as the connection stands; false after `waitMs` without one. */
  ready(waitMs: number): Promise<boolean>;
  /** Called at each (re)connection. */
  onReady(listener: () => void): void;
  /** The answer of `command`, or an error after 2.5 s: a server that hangs must not hold a caller. */
  ask<T>(command: (client: RedisClient) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const plainClient = (url: string, disableOfflineQueue: boolean) =>
  createClient({
    url,
    disableOfflineQueue,
    pingInterval: PING_MS,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (retries) => Math.min(RECONNECT_MIN_MS * 2 ** Math.min(retries, 10), RECONNECT_MAX_MS),
    },
  });

/**
 * A client that never queues: while Redis is away a command fails at once, and the caller decides whether to refuse or to go on.
 * Connecting goes on in the background for ever, at most a second apart.
 */
export function makeRedis({ url, prefix, onAway }: RedisOptions): Redis {
  const client = plainClient(url, true);
  let told = false;
  client.on('error', (error: Error) => {
    if (!told) onAway?.(error);
    told = true;
  });
  client.on('ready', () => (told = false));
  // The promise settles only when the client is closed before it ever connected; nobody is to hear of that.
  client.connect().catch(() => undefined);

  return {
    client,
    key: (name) => prefix + name,
    available: () => client.isReady,
    ready: (waitMs) => whenReady(client, waitMs),
    onReady(listener) {
      client.on('ready', listener);
      if (client.isReady) listener();
    },
    ask: (command) => withDeadline(command(client)),
    async close() {
      if (client.isReady) await withDeadline(client.close()).catch(() => undefined);
      if (client.isOpen) client.destroy();
    },
  };
}

function whenReady(client: RedisClient, waitMs: number): Promise<boolean> {
  if (client.isReady) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (ready: boolean) => {
      clearTimeout(timer);
      client.off('ready', onReady);
      resolve(ready);
    };
    const onReady = () => settle(true);
    const timer = setTimeout(() => settle(false), waitMs);
    client.on('ready', onReady);
  });
}

function withDeadline<T>(answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // After a stall of this process the answer may be waiting to be read: the loop gets two turns to read it before it counts as missing.
    const timer = setTimeout(() => setImmediate(() => setImmediate(() => reject(new Error(`redis gave no answer within ${ANSWER_MS} ms`)))), ANSWER_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
