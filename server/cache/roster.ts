import type { Redis } from './redis.ts';

/** A gateway that was silent this long is not waited for. It confirms every second. */
const SILENT_MS = 5_000;

/**
 * Which gateway processes are alive, and up to which change each of them serves. A hint: an empty roster, or no Redis, means
 * only that nobody's confirmation can be waited for.
 */
export interface Roster {
  confirm(node: string, version: number): Promise<void>;
  leave(node: string): Promise<void>;
  /** Version served, by node, of those alive. @throws when Redis is away */
  served(): Promise<ReadonlyMap<string, number>>;
}

export function makeRoster({ redis }: { redis: Redis }): Roster {
  const members = redis.key('gateways');
  const keyOf = (node: string) => redis.key(`gateway:${node}`);

  return {
    async confirm(node, version) {
      await redis.ask((client) => Promise.all([client.set(keyOf(node), String(version), { PX: SILENT_MS }), client.sAdd(members, node)]));
    },
    async leave(node) {
      await redis.ask((client) => Promise.all([client.del(keyOf(node)), client.sRem(members, node)]));
    },
    async served() {
      const nodes = await redis.ask((client) => client.sMembers(members));
      const versions = await Promise.all(nodes.map((node) => redis.ask((client) => client.get(keyOf(node)))));
      const alive = new Map<string, number>();
      for (const [index, node] of nodes.entries()) {
        const version = versions[index];
        if (typeof version === 'string') alive.set(node, Number(version));
        else await redis.ask((client) => client.sRem(members, node));
      }
      return alive;
    },
  };
}
