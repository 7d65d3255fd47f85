import { expect } from 'chai';
import express from 'express';
import { MemoryStore, type SessionData } from 'express-session';
import type { AddressInfo } from 'node:net';
import { flash } from '../../../server/web/flash.ts';
import { sessions, storedBeforeRedirect } from '../../../server/web/session.ts';

/** A store under load: a write waits until it is let through. */
class SlowStore extends MemoryStore {
  readonly waiting: (() => void)[] = [];
  override set(id: string, data: SessionData, done?: (error?: unknown) => void): void {
    this.waiting.push(() => super.set(id, data, done));
  }
  end = () => Promise.resolve(true);
}

describe('a message for the next page', () => {
  it('is stored before the redirect to that page leaves', async () => {
    const store = new SlowStore();
    const app = express();
    app.use(sessions({ store, secret: 'a secret of the test', webUrl: 'http://localhost' }), storedBeforeRedirect);
    app.post('/', (req, res) => {
      flash(req, 'success', 'Nothing was charged.');
      res.redirect(303, '/there');
    });
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    let answered = false;
    const answer = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { method: 'POST', redirect: 'manual' }).then((found) => {
      answered = true;
      return found;
    });
    while (store.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    // As long as a round trip takes on this machine, several times over: an answer that left would be here.
    for (let trips = 0; trips < 5; trips += 1) await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/nothing`);
    expect(answered, 'the answer waits for the store').to.equal(false);
    const letThrough = setInterval(() => store.waiting.splice(0).forEach((write) => write()), 1);
    const { status, headers } = await answer;
    clearInterval(letThrough);
    expect([status, headers.get('location')]).to.deep.equal([303, '/there']);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
