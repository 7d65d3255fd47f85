import { makeRedis } from './redis.ts';

/** What can be announced. One line, one entry, sorted. */
export interface SignalPayloads {
  /** Something a gateway holds in its snapshot changed: compile again. */
  'catalogue-changed': { readonly what: string; readonly id: string };
  /** The sandbox clock moved. */
  'clock-moved': { readonly offsetMs: number };
  /** A credential was issued, rotated or revoked. */
  'credential-changed': { readonly credentialId: string };
  /** Seal and ship every journal now; `at` (epoch ms) lets a waiter recognise watermarks written afterwards. */
  'seal-journals': { readonly at: number };
  /** A change of plan, pause or cancellation takes effect at `at` (rule N7). */
  'window-announced': { readonly subscriptionId: string; readonly at: number };
}

export type SignalKind = keyof SignalPayloads;

const KINDS: readonly SignalKind[] = ['catalogue-changed', 'clock-moved', 'credential-changed', 'seal-journals', 'window-announced'];

export type SignalHandler<K extends SignalKind> = (payload: SignalPayloads[K]) => void;

export interface Signals {
  /**
   * Tell every process, this one included. A hint that may be lost: whoever must not miss it polls as well. Never throws, and
   * while Redis is away it still reaches this process.
   */
  publish<K extends SignalKind>(kind: K, payload: SignalPayloads[K]): Promise<void>;
  /** @returns the function that unsubscribes. The handler runs outside any call, so what it throws ends the process: catch inside. */
  subscribe<K extends SignalKind>(kind: K, handler: SignalHandler<K>): () => void;
  /** True once this process hears what others publish. */
  ready(waitMs: number): Promise<boolean>;
  close(): Promise<void>;
}

type AnyHandler = (payload: never) => void;

export function makeSignals({ url, prefix, onAway }: { url: string; prefix: string; onAway?: (error: Error) => void }): Signals {
  const redis = makeRedis({ url, prefix, ...(onAway && { onAway }) });
  const ears = makeRedis({ url, prefix });
  const handlers = new Map<string, Set<AnyHandler>>(KINDS.map((kind) => [kind, new Set()]));
  const channelOf = (kind: string) => redis.key(`signal:${kind}`);
  const kindOf = new Map(KINDS.map((kind) => [channelOf(kind), kind]));

  const deliver = (kind: string, text: string) => {
    const payload = JSON.parse(text) as never;
    for (const handler of handlers.get(kind) ?? []) handler(payload);
  };
  const hear = (text: string, channel: string) => deliver(kindOf.get(channel) ?? '', text);

  let listening = false;
  ears.client.on('error', () => (listening = false));
  ears.onReady(() => {
    // The client repeats its subscriptions by itself at a reconnection; asking twice adds the same listener once.
    ears.client.subscribe([...kindOf.keys()], hear).then(
      () => (listening = true),
      () => (listening = false),
    );
  });

  return {
    async publish(kind, payload) {
      const text = JSON.stringify(payload);
      // Where this process cannot hear itself through Redis, it is told directly; perhaps twice, which a hint may be.
      if (!listening || !redis.available()) deliver(kind, text);
      await redis.ask((client) => client.publish(channelOf(kind), text)).catch(() => undefined);
    },
    subscribe(kind, handler) {
      handlers.get(kind)?.add(handler);
      return () => void handlers.get(kind)?.delete(handler);
    },
    async ready(waitMs) {
      if (!(await ears.ready(waitMs)) || !(await redis.ready(waitMs))) return false;
      await ears.client.subscribe([...kindOf.keys()], hear);
      return (listening = true);
    },
    async close() {
      for (const set of handlers.values()) set.clear();
      await Promise.all([redis.close(), ears.close()]);
    },
  };
}
