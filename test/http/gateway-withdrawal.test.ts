import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { signToken } from '../../server/domain/access-token.ts';
import { sealGatewaySecret } from '../../server/domain/gateway-secrets.ts';
import { makeClock } from '../../server/kernel/clock.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { APP_CODE, definition, gatewayWorld, KEY_RING, until, type World } from '../support/gateway-world.ts';

const TOKEN_KEY = Buffer.alloc(32, 9);
const KEY_ID = 'key_1';
const MESSAGE = Buffer.from([0x81, 2, 0x68, 0x69]);
const framesOf = (received = ''): Buffer => Buffer.from(received.slice(received.indexOf('\r\n\r\n') + 4), 'latin1');

for (const engine of ['direct', 'undici', 'http-proxy'] as const) {
  describe(`what an access token opened, with ${engine},`, () => {
    let world: World;
    const clock = makeClock();
    let laterMs = 0;
    const lines: string[] = [];
    /** Answers of the provider that it has not ended yet. */
    const open = new Set<() => void>();
    const received = new Map<string, string>();
    const records = new Map<string, { outcome: string; cause: string }>();
    const settled: string[] = [];
    before(async () => {
      world = await gatewayWorld({
        engine,
        clock: { ...clock, real: () => clock.real() + laterMs },
        parameters: { app_token: true, app_token_key: KEY_ID },
        log: makeLog('info', 'test', { write: (line: string) => void lines.push(line) }),
        apis: (origin) => [
          definition(origin, 'GET', '/events', { streaming: true }),
          definition(origin, 'GET', '/broken-event', { streaming: true }),
          definition(origin, 'GET', '/packed-events', { streaming: true }),
          definition(origin, 'GET', '/download', { backend: { timeoutMs: 30_000 } }),
          definition(origin, 'GET', '/slow', { backend: { timeoutMs: 30_000 } }),
          definition(origin, 'GET', '/socket', { upgrade: true }),
          definition(origin, 'GET', '/half-message', { upgrade: true }),
        ],
        answer: (req, res) => {
          if (req.url === '/slow') return void open.add(() => res.end('late, and whole'));
          if (req.url === '/download') return void res.writeHead(200, { 'Content-Length': 1_000_000 }).write('part');
          const packed = req.url === '/packed-events' ? { 'Content-Encoding': 'gzip' } : {};
          res.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', ...packed });
          res.write(req.url === '/broken-event' ? 'data: half of' : 'data: one\n\n');
        },
      });
      const secret = {
        sealed: sealGatewaySecret(KEY_RING, 'gw_1', KEY_ID, TOKEN_KEY.toString('base64url'), Buffer.alloc(12, 2)),
        certificate: '',
        ca: '',
        at: 1,
      };
      const [gateway] = world.first.gateways;
      if (!gateway) throw new Error('no gateway');
      world.snapshots.change({ ...world.first, gateways: [{ ...gateway, secrets: { [KEY_ID]: secret } }] });
      world.upstream.server.on('upgrade', (req, socket: Socket) => {
        socket.on('error', () => undefined).on('end', () => socket.end());
        const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        socket.write(req.url === '/half-message' ? MESSAGE.subarray(0, 3) : MESSAGE);
      });
    });
    after(() => world.close());
    const tokenFor = (seconds: number): string =>
      signToken(TOKEN_KEY, 'gw_1', {
        kind: 'access',
        keyId: KEY_ID,
        credentialId: 'crd_key',
        endsAt: Math.floor(Date.now() / 1_000) + seconds,
        throughData: '',
      });
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const begin = (path: string, proof: string, fields = '') => {
      const socket = connect(world.port, '127.0.0.1');
      const state = { socket, received: '', closed: once(socket, 'close') };
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => (state.received += chunk.toString('latin1')));
      socket.write(`GET /demo${path} HTTP/1.1\r\nHost: x\r\n${proof}\r\n${fields}\r\n`);
      return state;
    };
    const byToken = (seconds: number) => `Authorization: Bearer ${tokenFor(seconds)}`;
    const EXPIRED = 'The access token has expired.';

    it('ends with it, and what others opened goes on', async () => {
      const paths = { '/events': '', '/broken-event': '', '/packed-events': '', '/download': '', '/socket': upgrade, '/half-message': upgrade };
      const slow = begin('/slow', byToken(60));
      await until(() => open.size === 1);
      const others: Socket[] = [];
      const closed: Promise<unknown>[] = [];
      const shorts: { received: string }[] = [];
      for (const [path, fields] of Object.entries(paths)) {
        others.push(begin(path, `X-Apig-AppCode: ${APP_CODE}`, fields).socket, begin(path, byToken(7_200), fields).socket);
        const short = begin(path, byToken(60), fields);
        shorts.push(short);
        closed.push(short.closed.then(() => void received.set(path, short.received)));
      }
      await until(() => world.gateway.inFlight === 13 && shorts.every((one) => /one|half|part|\x81/.test(one.received)));
      laterMs = 120_000;
      await Promise.all(closed);
      expect(others.map(({ destroyed }) => destroyed)).to.deep.equal(others.map(() => false));
      for (const { path, outcome, notes } of world.records) if (notes?.cause !== undefined) records.set(path, { outcome, cause: notes.cause });
      settled.push(...world.settled);
      expect(lines.filter((line) => line.includes('call cut off') && line.includes(EXPIRED))).to.have.length(closed.length);
      for (const end of open) end();
      await until(() => slow.received.includes('late, and whole'));
      expect(slow.received, 'asked for in time, and begun later').to.match(/^HTTP\/1\.1 200 /);
      for (const socket of [slow.socket, ...others]) socket.destroy();
      await until(() => world.gateway.inFlight === 0);
      world.records.length = 0;
    });

    it('says why in a last event of an event stream; what was delivered counts', () => {
      const [before = '', event = ''] = (received.get('/events') ?? '').split('event: gateway-error\ndata: ');
      expect(before).to.include('data: one\n\n');
      expect(JSON.parse(event.split('\n')[0] ?? '')).to.deep.include({ error_code: 'APIG.0303', error_msg: EXPIRED });
      expect(event.endsWith('0\r\n\r\n'), 'never as if it were whole').to.equal(false);
      expect(records.get('/events')).to.deep.equal({ outcome: '200', cause: EXPIRED });
    });

    it('puts no last event into one that is not finished, nor beside packed bytes', () => {
      for (const path of ['/broken-event', '/packed-events']) {
        expect(received.get(path))
          .to.match(/data: /)
          .and.not.include('gateway-error');
        expect(records.get(path)).to.deep.equal({ outcome: '200', cause: EXPIRED });
      }
    });

    it('counts as left by its caller where nothing streams: not billed unless the plan says so, and its place in the quota stays taken', () => {
      expect(received.get('/download'))
        .to.match(/^HTTP\/1\.1 200 /)
        .and.match(/part$/);
      expect(records.get('/download')).to.deep.equal({ outcome: 'aborted', cause: EXPIRED });
      expect(settled).to.include('aborted').and.not.include('refused.authentication-failed');
    });

    it('closes a WebSocket with 1008 and the reason, but breaks it off inside a message, where no frame can stand', () => {
      const frames = framesOf(received.get('/socket'));
      expect(frames.subarray(0, MESSAGE.length)).to.deep.equal(MESSAGE);
      const close = frames.subarray(MESSAGE.length);
      expect([close[0], close.readUInt16BE(2), close.subarray(4).toString()]).to.deep.equal([0x88, 1008, EXPIRED]);
      expect(framesOf(received.get('/half-message'))).to.deep.equal(MESSAGE.subarray(0, 3));
    });

    it('says the same of a revocation, by the same road', async () => {
      const stream = begin('/events', byToken(7_200));
      const tunnel = begin('/socket', byToken(7_200), upgrade);
      const download = begin('/download', byToken(7_200));
      await until(() => stream.received.includes('one') && tunnel.received.includes('hi') && download.received.includes('part'));
      const { first } = world;
      world.snapshots.change({ ...first, credentials: [] });
      await Promise.all([stream.closed, tunnel.closed, download.closed]);
      expect(stream.received).to.include('no longer accepted by its gateway');
      expect(tunnel.received).to.include('no longer accepted by its gateway');
      await until(() => world.records.length === 3);
      expect(world.records.map(({ outcome }) => outcome).sort()).to.deep.equal(['101', '200', 'aborted']);
    });
  });
}
