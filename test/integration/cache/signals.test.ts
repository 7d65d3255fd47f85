import { expect } from 'chai';
import { makeSignals, type Signals } from '../../../server/cache/signals.ts';
import { testRedisPrefix, testRedisUrl } from '../../support/engines.ts';

describe('signals', () => {
  const open: Signals[] = [];
  const signals = (url: string, prefix: string) => {
    const made = makeSignals({ url, prefix });
    open.push(made);
    return made;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  it('reach every process, the sender included, and only under the same prefix', async () => {
    const prefix = testRedisPrefix();
    const [one, two, stranger] = [signals(testRedisUrl(), prefix), signals(testRedisUrl(), prefix), signals(testRedisUrl(), testRedisPrefix())];
    expect(await Promise.all([one.ready(2_000), two.ready(2_000), stranger.ready(2_000)])).to.deep.equal([true, true, true]);
    const heard: string[] = [];
    const both = new Promise<void>((resolve) => {
      const note = (who: string) => (payload: { credentialId: string }) => {
        heard.push(`${who} ${payload.credentialId}`);
        if (heard.length === 2) resolve();
      };
      one.subscribe('credential-changed', note('one'));
      two.subscribe('credential-changed', note('two'));
      stranger.subscribe('credential-changed', note('stranger'));
    });
    await one.publish('credential-changed', { credentialId: 'crd_1' });
    await both;
    expect(heard.sort()).to.deep.equal(['one crd_1', 'two crd_1']);
  });

  it('do not throw while Redis is away, and still reach the process itself', async () => {
    const lonely = signals('redis://127.0.0.1:1', testRedisPrefix());
    const heard: number[] = [];
    lonely.subscribe('clock-moved', ({ offsetMs }) => heard.push(offsetMs));
    await lonely.publish('clock-moved', { offsetMs: 7 });
    expect(heard).to.deep.equal([7]);
  });

  it('stop for a handler that unsubscribed', async () => {
    const lonely = signals('redis://127.0.0.1:1', testRedisPrefix());
    const heard: number[] = [];
    const stop = lonely.subscribe('seal-journals', ({ at }) => heard.push(at));
    stop();
    await lonely.publish('seal-journals', { at: 1 });
    expect(heard).to.deep.equal([]);
  });
});
