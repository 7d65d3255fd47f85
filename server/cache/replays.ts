import type { Redis } from './redis.ts';

/** Signatures that were used, for as long as they would be accepted again. */
export interface Replays {
  /** False: seen before, by any gateway. @throws when Redis is away: nobody can tell then */
  first(signature: string, keepMs: number): Promise<boolean>;
}

export const makeReplays = ({ redis }: { redis: Redis }): Replays => ({
  async first(signature, keepMs) {
    const answer = await redis.ask((client) =>
      client.set(redis.key(`signature:${signature}`), '1', { condition: 'NX', expiration: { type: 'PX', value: keepMs } }),
    );
    return answer !== null;
  },
});
