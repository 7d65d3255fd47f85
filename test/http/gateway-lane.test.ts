import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { APP_CODE, definition, gatewayWorld, until, type World } from '../support/gateway-world.ts';
import { OK, rawUpstream } from '../support/raw-upstream.ts';

const head = (line: string, ...fields: string[]) =>
  `${line}\r\nHost: gw\r\nX-Apig-AppCode: ${APP_CODE}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
const GET = head('GET /demo/a HTTP/1.1');
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

/** A connection that can be written to in pieces, and what came back on it. */
async function line(port: number, options: { allowHalfOpen?: boolean } = {}) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...options });
  const state = { socket, received: '', closed: false };
  socket.on('data', (chunk: Buffer) => (state.received += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (state.closed = true));
  await once(socket, 'connect');
  return state;
}
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a connection that begins on the fast lane', () => {
  let world: World;
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [definition(origin, 'GET', '/a'), definition(origin, 'ANY', '/any', { frontend: { method: 'ANY', path: '/any', match: 'prefix' } })],
    });
  });
  after(() => world.close());
  beforeEach(() => {
    world.upstream.seen.length = 0;
    world.records.length = 0;
  });
  /** An ordinary answer first, so that what follows comes on a kept connection of the lane. */
  async function warm() {
    const kept = await line(world.port);
    kept.socket.write(GET);
    await until(() => statuses(kept.received).length === 1 && kept.received.endsWith('}'));
    expect(statuses(kept.received)).to.deep.equal([200]);
    kept.received = '';
    return kept;
  }

  it('is answered as Node’s own reading answers, field by field', async () => {
    const [lane, node] = await Promise.all([line(world.port), line(world.port)]);
    lane.socket.write(GET);
    node.socket.write(GET.slice(0, 20));
    await later(20);
    node.socket.write(GET.slice(20));
    await until(() => [lane, node].every(({ received }) => received.endsWith('}')));
    const told = (text: string) =>
      text
        .replaceAll(/call_[0-9a-v]+/g, 'call')
        .replaceAll(/(Usage-Receipt: sub_1-gw1-1)\.\d+\.[0-9a-f]+/g, '$1')
        .replaceAll(/(Date): [^\r]*/g, '$1')
        .replaceAll(/(r|remaining|Remaining|requests)([=:] ?)\d+/g, '$1$2n');
    expect(told(lane.received)).to.equal(told(node.received));
    for (const { socket } of [lane, node]) socket.destroy();
  });

  it('reads a head that comes in two pieces, wherever it is cut', async () => {
    const cuts = Array.from({ length: GET.length - 1 }, (_, n) => n + 1);
    const lines = await Promise.all(
      cuts.map(async (cut) => {
        const one = await line(world.port);
        one.socket.write(GET.slice(0, cut));
        await later(30);
        one.socket.write(GET.slice(cut));
        return one;
      }),
    );
    await until(() => lines.every(({ received }) => received.endsWith('}')));
    for (const { received, socket } of lines) {
      expect(statuses(received)).to.deep.equal([200]);
      socket.destroy();
    }
    expect(world.upstream.seen.length).to.equal(cuts.length);
    await until(() => world.records.length === cuts.length);
  });

  it('refuses on a kept connection what could be read in two ways, and forwards none of it', async () => {
    const inner = 'GET /demo/any/smuggled HTTP/1.1\r\nHost: gw\r\n\r\n';
    for (const odd of [
      `GET /demo/a HTTP/1.1\nHost: gw\nX-Apig-AppCode: ${APP_CODE}\n\n`,
      head('GET /demo/a HTTP/1.1', 'X-A: b\r\n folded'),
      head('GET /demo/a HTTP/1.1', 'X-A: b\nX-B: c'),
      head('GET /demo/a HTTP/1.1', 'X-A: b\rX-B: c'),
      head('GET /demo/a HTTP/1.1', 'X-A: b\0'),
      head('GET /demo/a HTTP/1.1', 'X A: b'),
      head('GET /demo/a HTTP/1.1', 'X-A : b'),
      head('GET /demo/a HTTP/1.1', ': b'),
      head('GET /demo/a HTTP/1.1', 'Host: other'),
      head('GET /demo/a HTTP/1.1', 'Content-Length: 3', 'Content-Length: 4') + 'abcd',
      head('GET /demo/a HTTP/1.1', 'Content-Length: 3', 'Transfer-Encoding: chunked') + inner,
      head('GET /demo/a HTTP/1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + inner,
      head('GET /demo/a HTTP/1.1', 'Transfer-Encoding: xchunked') + inner,
      head('GET /demo/a HTTP/1.2'),
      head('GET /demo/a\tHTTP/1.1'),
      head('get /demo/a HTTP/1.1'),
      'GET /demo/a HTTP/1.1\r\n\r\n',
      '\0',
    ]) {
      const kept = await warm();
      world.upstream.seen.length = 0;
      kept.socket.write(odd, 'latin1');
      await until(() => kept.closed || statuses(kept.received).length > 0);
      expect(statuses(kept.received), JSON.stringify(odd)).to.deep.equal([400]);
      expect(world.upstream.seen.length, JSON.stringify(odd)).to.equal(0);
      kept.socket.destroy();
    }
  });

  it('refuses what is too large for both readers', async () => {
    const kept = await warm();
    kept.socket.write(head('GET /demo/a HTTP/1.1', ...Array.from({ length: 400 }, (_, i) => `X-${i}: ${'v'.repeat(90)}`)));
    await until(() => kept.closed || statuses(kept.received).length > 0);
    expect(statuses(kept.received)).to.deep.equal([431]);
    kept.socket.destroy();
  });

  it('takes a body for a body, never for the next request', async () => {
    const inner = 'GET /demo/any/smuggled HTTP/1.1\r\nHost: gw\r\n\r\n';
    const chunked = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
    for (const method of ['GET', 'HEAD', 'DELETE', 'POST'])
      for (const text of [
        head(`${method} /demo/any HTTP/1.1`, `Content-Length: ${inner.length}`) + inner,
        head(`${method} /demo/any HTTP/1.1`, 'Transfer-Encoding: chunked') + chunked,
      ]) {
        const kept = await warm();
        world.upstream.seen.length = 0;
        // The body comes apart from its head: a reader that took the head for plain would take the body for a request.
        const end = text.indexOf('\r\n\r\n') + 4;
        kept.socket.write(text.slice(0, end));
        await later(20);
        kept.socket.write(text.slice(end));
        await until(() => statuses(kept.received).length > 0);
        kept.socket.write(GET);
        await until(() => statuses(kept.received).length === 2);
        expect(world.upstream.seen.map(({ method: seen, url, body }) => [seen, url, body])).to.deep.equal([
          [method, '/any', inner],
          ['GET', '/a', ''],
        ]);
        kept.socket.destroy();
      }
  });

  it('answers what comes together or ahead in the order it came, and goes on', async () => {
    const post = `${head('POST /demo/any/2 HTTP/1.1', 'Content-Length: 3')}abc`;
    const get = (n: number) => head(`GET /demo/any/${n} HTTP/1.1`);
    const urls = (text: string) => [...text.matchAll(/"url":"\/any\/(\d+)"/g)].map(([, n]) => Number(n));
    for (const pieces of [[get(1) + post + get(3)], [get(1), post + get(3)], [get(1), post, get(3)], [get(1), get(2).slice(0, 9), get(2).slice(9) + get(3)]]) {
      const kept = await warm();
      for (const piece of pieces) {
        kept.socket.write(piece);
        await later(1);
      }
      await until(() => urls(kept.received).length === 3);
      expect(urls(kept.received)).to.deep.equal([1, 2, 3]);
      kept.received = '';
      kept.socket.write(get(4));
      await until(() => urls(kept.received).length === 1);
      kept.socket.destroy();
    }
  });

  it('does not take a caller at his word for more than a buffer while his call is in flight', async () => {
    const slow = await rawUpstream();
    const waiting: Socket[] = [];
    slow.answerWith((socket) => void waiting.push(socket));
    const own = await gatewayWorld({ apis: () => [definition(slow.origin, 'GET', '/a')], config: { upstreamAllow: new Set([`127.0.0.1:${slow.port}`]) } });
    const one = await line(own.port);
    one.socket.write(GET);
    await until(() => waiting.length === 1);
    for (let sent = 0; sent < 20; sent++) one.socket.write(GET.repeat(100));
    await later(50);
    expect(slow.heads).to.have.length(1);
    slow.answerWith((socket) => void socket.write(OK));
    waiting[0]?.write(OK);
    await until(() => statuses(one.received).length === 2_001);
    expect(new Set(statuses(one.received)).size).to.be.at.most(2);
    one.socket.destroy();
    await until(() => own.gateway.inFlight === 0);
    await own.close();
    await slow.close();
  });

  it('ends when it says nothing, or not enough, in time', async () => {
    const own = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')], timeouts: { headersMs: 200 } });
    const [mute, half, kept] = await Promise.all([line(own.port), line(own.port), line(own.port)]);
    kept.socket.write(GET);
    half.socket.write(GET.slice(0, 30));
    await until(() => statuses(kept.received).length === 1);
    kept.received = '';
    kept.socket.write(GET.slice(0, 30));
    await until(() => [mute, half, kept].every(({ closed }) => closed));
    for (const { received } of [mute, half, kept]) expect(statuses(received)).to.deep.equal([400]);
    await own.close();
  });

  it('that closes its side is done when it is idle, and has left when it is in the middle of a call', async () => {
    const kept = await warm();
    kept.socket.end();
    await until(() => kept.closed);
    const slow = await rawUpstream();
    slow.answerWith(() => undefined);
    const own = await gatewayWorld({ apis: () => [definition(slow.origin, 'GET', '/a')], config: { upstreamAllow: new Set([`127.0.0.1:${slow.port}`]) } });
    const one = await line(own.port, { allowHalfOpen: true });
    one.socket.end(GET);
    await until(() => own.records.length === 1 && slow.asked.size === 0);
    expect(own.records[0]?.outcome).to.equal('aborted');
    await until(() => one.closed);
    await own.close();
    await slow.close();
  });

  it('is closed with its answer when the gateway stops, at once when it is idle', async () => {
    const slow = await rawUpstream();
    const waiting: Socket[] = [];
    slow.answerWith((socket) => void waiting.push(socket));
    const own = await gatewayWorld({ apis: () => [definition(slow.origin, 'GET', '/a')], config: { upstreamAllow: new Set([`127.0.0.1:${slow.port}`]) } });
    const [idle, busy] = await Promise.all([line(own.port), line(own.port)]);
    busy.socket.write(GET);
    await until(() => waiting.length === 1);
    const closing = own.gateway.close(10_000);
    await until(() => idle.closed);
    expect(busy.closed).to.equal(false);
    waiting[0]?.write(OK);
    await closing;
    await until(() => busy.closed);
    expect(statuses(busy.received)).to.deep.equal([200]);
    expect(busy.received).to.match(/\r\nConnection: close\r\n\r\nok$/);
    await own.upstream.close();
    await slow.close();
  });
});
