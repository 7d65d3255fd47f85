import { expect } from 'chai';
import { makeCounters } from '../../../server/cache/counters.ts';
import { testRedisPrefix, testRedisUrl } from '../../support/engines.ts';

describe('a counter of which nothing is held', () => {
  it('is handed back and released without a word, and keeps its total', async () => {
    const counters = makeCounters({ url: testRedisUrl(), prefix: testRedisPrefix() });
    try {
      await counters.redis.ready(2_000);
      const epoch = await counters.establish('', 'epoch-1');
      const lease = { epoch, holder: 'gw1-1', name: 'sub.1', limit: 100, hard: true, want: 10, ahead: 0, processes: 1, fresh: true, ttlMs: 60_000 };
      const answer = await counters.lease(lease);
      expect(answer).to.include({ granted: 10 });
      expect(await counters.giveBack(epoch, 'sub.1', 'gw1-1', 10)).to.equal(true);
      // Both of these once answered with an error: "-0" is no number for Redis.
      expect(await counters.giveBack(epoch, 'sub.1', 'gw1-1', 5)).to.equal(true);
      expect(await counters.release(epoch, 'gw1-1')).to.equal(0);
      expect(await counters.total('sub.1', epoch)).to.equal(0);
    } finally {
      await counters.close();
    }
  });
});
