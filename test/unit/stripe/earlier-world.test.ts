import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openWorld } from '../../../sandbox/stripe/world.ts';
import { makeClock } from '../../../server/kernel/clock.ts';
import { makeIds } from '../../../server/kernel/ids.ts';

const DAY_MS = 86_400_000;

describe('the state of an earlier Stripe simulator', () => {
  it('is read, and answers that came without the machine’s time are forgotten in theirs', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stripe-earlier-'));
    try {
      const clock = makeClock();
      const answer = (id: string, at: number) => ({ id, object: 'answered', request: 'r', status: 200, body: '{}', requestId: 'req_1', at });
      const state = { customer: [{ id: 'cus_1', object: 'customer' }], answered: [answer('fresh', clock.now()), answer('old', clock.now() - 3 * DAY_MS)] };
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'snapshot.json'), JSON.stringify({ generation: 1, state }));
      writeFileSync(join(folder, 'journal.1.jsonl'), `${JSON.stringify({ objects: [['answered', 'later', answer('later', clock.now() - 2 * DAY_MS)]] })}\n`);
      const { secret } = makeIds();
      const world = openWorld({ folder, clock, secret });
      expect([world.read().find('customer', 'cus_1')?.id, world.answered('fresh')?.id]).to.deep.equal(['cus_1', 'fresh']);
      expect([world.answered('old'), world.answered('later')]).to.deep.equal([undefined, undefined]);
      world.compact();
      world.close();
      const kept = JSON.parse(readFileSync(join(folder, 'snapshot.json'), 'utf8')) as { state: { answered: { id: string }[] } };
      expect(kept.state.answered.map(({ id }) => id)).to.deep.equal(['fresh']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
