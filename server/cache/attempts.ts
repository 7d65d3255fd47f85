import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Redis } from './redis.ts';

export interface Attempts {
  /** Count one attempt. @param points  0: only ask, in the same order as those that count. @returns seconds to wait when there were too many, else 0 */
  count(key: string, points?: 0 | 1): Promise<number>;
  clear(key: string): Promise<void>;
  /** Without counting one: seconds to wait when the next would be too many, else 0. */
  waiting(key: string): Promise<number>;
}

/** At most `points` attempts per `seconds` and key over all processes; each process counts alone while Redis is away. */
export function makeAttempts({ redis, name, points: allowed, seconds }: { redis: Redis; name: string; points: number; seconds: number }): Attempts {
  const limiter = new RateLimiterRedis({
    storeClient: redis.client,
    useRedisPackage: true,
    keyPrefix: redis.key(`attempts:${name}`),
    points: allowed,
    duration: seconds,
    insuranceLimiter: new RateLimiterMemory({ points: allowed, duration: seconds }),
  });
  return {
    async count(key, points = 1) {
      try {
        await limiter.consume(key, points);
        return 0;
      } catch (refusal) {
        if (refusal instanceof Error) throw refusal;
        return Math.max(1, Math.ceil((refusal as { msBeforeNext: number }).msBeforeNext / 1000));
      }
    },
    async waiting(key) {
      const counted = await limiter.get(key);
      return counted !== null && counted.consumedPoints >= allowed ? Math.max(1, Math.ceil(counted.msBeforeNext / 1000)) : 0;
    },
    clear: async (key) => void (await limiter.delete(key)),
  };
}
