import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { acceptsGzip } from '../../server/gateway/compression.ts';
import { APP_CODE, definition, gatewayWorld, until, type World } from '../support/gateway-world.ts';

const LARGE = Array.from({ length: 40_000 }, (_, i) => `${i} ${(i * 7_919) % 65_537}\n`).join('');

/** The answer's bytes as they came. */
const raw = (url: string, headers: Record<string, string> = {}) =>
  new Promise<{ headers: Record<string, string | string[] | undefined>; body: Buffer }>((resolve, reject) => {
    get(url, { headers: { 'X-Apig-AppCode': APP_CODE, 'Accept-Encoding': 'gzip', ...headers }, agent: false }, (res) => {
      const pieces: Buffer[] = [];
      res.on('data', (piece: Buffer) => pieces.push(piece));
      res.on('error', reject);
      res.on('end', () => resolve({ headers: res.headers, body: Buffer.concat(pieces) }));
    }).on('error', reject);
  });

for (const engine of ['direct', 'undici', 'http-proxy'] as const)
  describe(`compressed answers, engine ${engine}`, function () {
    this.timeout(60_000);
    let world: World;
    let release: (() => void) | null = null;
    before(async () => {
      world = await gatewayWorld({
        engine,
        parameters: { gzip: 6 },
        apis: (origin) => [definition(origin, 'ANY', '/any', { frontend: { method: 'ANY', path: '/any', match: 'prefix' } })],
        answer: (req, res) => {
          const plain = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(LARGE) };
          if (req.url?.endsWith('/large')) res.writeHead(200, { ...plain, ETag: '"a"', 'Accept-Ranges': 'bytes' }).end(LARGE);
          else if (req.url?.endsWith('/small')) res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 1_024 }).end('x'.repeat(1_024));
          else if (req.url?.endsWith('/image')) res.writeHead(200, { ...plain, 'Content-Type': 'image/png' }).end(LARGE);
          else if (req.url?.endsWith('/fixed')) res.writeHead(200, { ...plain, 'Cache-Control': 'no-transform' }).end(LARGE);
          else if (req.url?.endsWith('/encoded')) res.writeHead(200, { ...plain, 'Content-Encoding': 'br' }).end(LARGE);
          else if (req.url?.endsWith('/broken')) {
            res.writeHead(200, plain).write(LARGE.slice(0, 100_000));
            setTimeout(() => res.destroy(), 50);
          } else {
            res.writeHead(200, { 'Content-Type': 'text/plain' }).write('first');
            release = () => res.end(' second');
          }
        },
      });
    });
    after(() => world.close());
    beforeEach(() => void (world.records.length = 0));
    const call = (path: string, headers?: Record<string, string>) => raw(`${world.url}/demo/any${path}`, headers);

    it('are the same text, and the recorded bytes are those that left', async () => {
      const { headers, body } = await call('/large');
      expect(headers).to.include({ 'content-encoding': 'gzip', vary: 'Accept-Encoding', etag: 'W/"a"' });
      expect(headers).not.to.have.any.keys('content-length', 'accept-ranges');
      expect(body.length).to.be.lessThan(LARGE.length / 2);
      expect(gunzipSync(body).toString()).to.equal(LARGE);
      await until(() => world.records.length === 1);
      expect(world.records[0]).to.include({ outcome: '200', bytesOut: body.length });
    });

    it('are left alone where they are small, no text, encoded already, or not to be changed', async () => {
      for (const path of ['/small', '/image', '/fixed']) expect((await call(path)).headers, path).not.to.have.property('content-encoding');
      expect((await call('/encoded')).headers['content-encoding']).to.equal('br');
      const { headers, body } = await call('/large', { 'Accept-Encoding': 'br' });
      expect(headers).to.include({ 'content-length': String(LARGE.length), vary: 'Accept-Encoding' });
      expect(body.length).to.equal(LARGE.length);
    });

    it('of unknown length leave piece by piece', async () => {
      const pieces: Buffer[] = [];
      const whole = new Promise<void>((resolve, reject) => {
        get(`${world.url}/demo/any/pieces`, { headers: { 'X-Apig-AppCode': APP_CODE, 'Accept-Encoding': 'gzip' }, agent: false }, (res) =>
          res.on('data', (piece: Buffer) => pieces.push(piece)).on('end', resolve),
        ).on('error', reject);
      });
      // The backend waits: only what was flushed can have come. Ten bytes are gzip's own head.
      await until(() => release !== null && Buffer.concat(pieces).length > 10);
      release?.();
      await whole;
      expect(gunzipSync(Buffer.concat(pieces)).toString()).to.equal('first second');
    });

    it('that the backend breaks off do not look whole', async () => {
      const failed = await call('/broken').then(
        () => false,
        () => true,
      );
      expect(failed).to.equal(true);
      await until(() => world.records.length === 1);
      expect(world.records[0]).to.include({ outcome: 'broken' });
    });
  });

describe('acceptsGzip', () => {
  it('reads weights, and takes silence for no', () => {
    for (const yes of ['gzip', 'br, gzip', 'GZIP;q=0.5', '*', 'br;q=1, *;q=0.1', 'x-gzip']) expect(acceptsGzip(yes), yes).to.equal(true);
    for (const no of ['', 'br', 'gzip;q=0', '*;q=0', '*, gzip;q=0', 'identity']) expect(acceptsGzip(no), no).to.equal(false);
  });
});
