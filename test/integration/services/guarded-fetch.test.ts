import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { makeGuardedFetch } from '../../../server/services/guarded-fetch.ts';

describe('calls to a server that a customer names', () => {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.headers.host} ${req.url}`);
    if (req.url === '/moved') res.writeHead(302, { location: '/elsewhere' }).end();
    else if (req.url === '/endless') res.writeHead(200).end('x'.repeat(300_000));
    else res.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' }).end('{"a":1}');
  });
  let port = 0;
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => new Promise<void>((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))));

  const local = { address: '127.0.0.1', family: 4 };
  const detail = (error: unknown) => (error as { detail?: string }).detail;
  const refusal = async (call: Promise<Response>) =>
    detail(
      await call.then(
        () => ({ detail: 'answered' }),
        (error: unknown) => error,
      ),
    );

  it('go to no address inside a private network, whatever name leads there', async () => {
    const before = asked.length;
    const call = makeGuardedFetch(new Set(), (host) =>
      Promise.resolve(host === 'mixed.example.com' ? [{ address: '203.0.114.1', family: 4 }, local] : host === 'nowhere.example.com' ? [] : [local]),
    );
    for (const host of ['inside.example.com', 'mixed.example.com', 'nowhere.example.com'])
      expect(await refusal(call(`http://${host}:${port}/`, {})), host).to.include('does not lead to a public address');
    for (const host of ['127.0.0.1', '[::1]', '10.0.0.1', '169.254.169.254', '[::ffff:127.0.0.1]', '2130706433', 'localhost'])
      expect(await refusal(call(`http://${host}:${port}/`, {})), host).to.include('cannot be called');
    expect(await refusal(call('https://login.example.com:22/', {}))).to.include('cannot be called');
    expect(asked.length).to.equal(before);
  });

  it('go to the very address that was checked, follow nothing, and read so much and no more', async () => {
    let looked = 0;
    const call = makeGuardedFetch(new Set([`login.example.com:${port}`]), () => {
      looked += 1;
      // The second time it would be another: there is no second time.
      return Promise.resolve(looked === 1 ? [local] : [{ address: '203.0.114.1', family: 4 }]);
    });
    const answer = await call(`http://login.example.com:${port}/x?y=1`, {
      method: 'POST',
      headers: { authorization: 'Basic x' },
      body: new URLSearchParams({ a: 'b' }),
    });
    expect([answer.status, await answer.json(), looked]).to.deep.equal([200, { a: 1 }, 1]);
    expect(answer.headers.get('set-cookie')).to.equal(null);
    expect(asked.at(-1)).to.equal(`POST login.example.com:${port} /x?y=1`);
    const plain = makeGuardedFetch(new Set([`127.0.0.1:${port}`]));
    expect((await plain(`http://127.0.0.1:${port}/moved`, {})).status).to.equal(302);
    expect(asked.some((line) => line.includes('/elsewhere'))).to.equal(false);
    expect(await refusal(plain(`http://127.0.0.1:${port}/endless`, {}))).to.include('does not answer, or not as an issuer should');
  });
});
