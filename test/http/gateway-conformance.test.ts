import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { APP_CODE, definition, gatewayWorld, until, type World } from '../support/gateway-world.ts';
import { OK, rawUpstream } from '../support/raw-upstream.ts';

const KEY = `X-Apig-AppCode: ${APP_CODE}`;
const head = (line: string, ...fields: string[]) => `${line}\r\nHost: gw\r\n${KEY}\r\n${fields.map((field) => `${field}\r\n`).join('')}`;
const status = (text: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);

for (const engine of ['direct', 'undici', 'http-proxy'] as const)
  describe(`hostile callers, engine ${engine}`, () => {
    let world: World;
    before(async () => {
      world = await gatewayWorld({
        engine,
        apis: (origin) => [
          definition(origin, 'ANY', '/any', { frontend: { method: 'ANY', path: '/any', match: 'prefix' } }),
          definition(origin, 'GET', '/a'),
          definition(origin, 'GET', '/a/'),
          definition(origin, 'GET', '/declared', { parameters: [{ name: 'Cookie', in: 'header', required: false, type: 'string', description: '' }] }),
        ],
        parameters: { request_body_size: 1 },
      });
    });
    after(() => world.close());
    beforeEach(() => {
      world.upstream.seen.length = 0;
      world.records.length = 0;
    });
    const refused = async (text: string, ...statuses: number[]) => {
      const answer = await world.raw(text);
      expect(status(answer), text.slice(0, 200)).to.be.oneOf(statuses);
      expect(answer).to.match(/X-Request-Id: call_/i);
      expect(world.upstream.seen, 'reached the provider').to.have.length(0);
    };

    it('with framing that can be read in two ways get 400, and nothing is forwarded', async () => {
      const post = head('POST /demo/any HTTP/1.1');
      for (const framing of [
        'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
        'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
        'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc',
        'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
        'Content-Length: +3\r\n\r\nabc',
        'Content-Length: 0x3\r\n\r\nabc',
        'Content-Length: 3, 3\r\n\r\nabc',
        'Content-Length: -1\r\n\r\n',
        'Content-Length: 12345678901234567890\r\n\r\nabc',
        'X-A: b\nX-C: d\r\n\r\n',
        'X-A: b\rX-C: d\r\n\r\n',
        'X-A: b\0\r\n\r\n',
        'X-A: b\r\n folded\r\n\r\n',
        'X A: b\r\n\r\n',
      ])
        await refused(post + framing, 400);
      await refused(head('POST /demo/any HTTP/1.0', 'Transfer-Encoding: chunked') + '\r\n0\r\n\r\n', 400);
      await refused(`GET /demo/any HTTP/1.1\nHost: gw\n${KEY}\n\n`, 400);
    });
    it('with broken chunks never complete a request at the provider', async () => {
      const post = head('POST /demo/any HTTP/1.1', 'Transfer-Encoding: chunked') + '\r\n';
      for (const chunks of [
        '0x3\r\nabc\r\n0\r\n\r\n',
        'ffffffffffffffffff\r\nabc',
        `3;${'x'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`,
        '3\r\nabcde\r\n0\r\n\r\n',
        '-3\r\nabc\r\n0\r\n\r\n',
      ]) {
        const answer = await world.raw(post + chunks);
        expect(status(answer), chunks.slice(0, 40)).to.be.oneOf([400, 413]);
        expect(
          world.upstream.seen.some(({ whole }) => whole),
          chunks.slice(0, 40),
        ).to.equal(false);
      }
    });
    it('with two hosts, a host that is none, or a target elsewhere get 400', async () => {
      await refused(`GET /demo/any HTTP/1.1\r\nHost: gw\r\nHost: other\r\n${KEY}\r\n\r\n`, 400);
      await refused(`GET /demo/any HTTP/1.1\r\nHost: a/b@c\r\n${KEY}\r\n\r\n`, 400);
      await refused(`GET /demo/any HTTP/1.1\r\n${KEY}\r\n\r\n`, 400);
      await refused(head('GET http://other.test/demo/any HTTP/1.1') + '\r\n', 400);
      await refused(head('GET * HTTP/1.1') + '\r\n', 400);
    });
    it('with path tricks get 400, never another route', async () => {
      for (const path of [
        '/demo/a/../../q',
        '/demo/%2e%2e/q',
        '/demo/a/.%2e/q',
        '/demo/..;/q',
        '/demo/a%2f..%2fq',
        '/demo/a%5cq',
        '/demo/a\\q',
        '/demo//a',
        '//demo/a',
        '/demo/./a',
        '/demo/a%00',
        '/demo/a%252e',
        '/demo/a;b=c',
        '/demo/a#x',
      ])
        await refused(head(`GET ${path} HTTP/1.1`) + '\r\n', 400);
      expect(status(await world.raw(head('GET /demo/A HTTP/1.1') + '\r\n'))).to.equal(404);
      expect(status(await world.raw(head('GET /Demo/a HTTP/1.1') + '\r\n'))).to.equal(404);
      await world.raw(head('GET /demo/a HTTP/1.1') + '\r\n');
      await world.raw(head('GET /demo/a/ HTTP/1.1') + '\r\n');
      await world.raw(head('GET /demo/any/%61%2D/x?q=//y&z=%2F..%2F HTTP/1.1') + '\r\n');
      expect(world.upstream.seen.map(({ url }) => url)).to.deep.equal(['/a', '/a/', '/any/a-/x?q=//y&z=%2F..%2F']);
      expect(world.records.map(({ path }) => path)).to.deep.equal(['/a', '/a/', '/any/a-/x']);
    });
    it('with methods that tunnel or echo, or that nobody knows, get 405 (method-not-allowed) or 400', async () => {
      await refused(`CONNECT gw:80 HTTP/1.1\r\nHost: gw\r\n\r\n`, 405);
      await refused(head('TRACE /demo/any HTTP/1.1') + '\r\n', 405);
      await refused(head('PROPFIND /demo/any HTTP/1.1') + '\r\n', 400);
      await refused(head('BREW /demo/any HTTP/1.1') + '\r\n', 400);
      await refused(head('get /demo/any HTTP/1.1') + '\r\n', 400);
      await refused(head('GET /demo/any HTTP/1.2') + '\r\n', 400);
    });
    it('with too much get 413, 414 (uri-too-long) or 431 (headers-too-large) before the provider sees anything', async () => {
      await refused(head(`GET /demo/any?${'q'.repeat(33_000)} HTTP/1.1`) + '\r\n', 414);
      await refused(head(`GET /demo/any?${'q'.repeat(200_000)} HTTP/1.1`) + '\r\n', 414);
      await refused(head('GET /demo/any HTTP/1.1', ...Array.from({ length: 400 }, (_, i) => `X-${i}: ${'v'.repeat(90)}`)) + '\r\n', 431);
      await refused(head('GET /demo/any HTTP/1.1', ...Array.from({ length: 1_200 }, (_, i) => `X-${i}: ${'v'.repeat(90)}`)) + '\r\n', 431);
      await refused(head('POST /demo/any HTTP/1.1', 'Content-Length: 10000000000', 'Expect: 100-continue') + '\r\n', 413);
      await refused(head('POST /demo/any HTTP/1.1', 'Content-Length: 1048577') + '\r\n' + 'x'.repeat(1_000), 413);
    });
    it('whose chunked body never ends are cut at the bound, and the provider never sees it whole', async () => {
      const socket = connect(world.port, '127.0.0.1');
      let received = '';
      socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.write(head('POST /demo/any HTTP/1.1', 'Transfer-Encoding: chunked') + '\r\n');
      const piece = `8000\r\n${'x'.repeat(32_768)}\r\n`;
      const pump = setInterval(() => socket.write(piece), 1);
      await until(() => received !== '');
      clearInterval(pump);
      socket.destroy();
      expect(status(received)).to.equal(413);
      expect(world.upstream.seen.every(({ whole }) => !whole)).to.equal(true);
      await until(() => world.records.length === 1);
      expect(world.records[0]?.outcome).to.equal('refused.body-too-large');
    });
    it('cannot smuggle a second request, whatever the method', async () => {
      const inner = 'GET /any/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
      for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD', 'POST', 'PUT', 'PATCH']) {
        world.upstream.seen.length = 0;
        await world.raw(
          head(`${method} /demo/any HTTP/1.1`, 'Transfer-Encoding: chunked', 'Connection: close') + `\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
        );
        await world.raw(head(`${method} /demo/any HTTP/1.1`, `Content-Length: ${inner.length}`, 'Connection: close') + `\r\n${inner}`);
        expect(
          world.upstream.seen.map(({ url, body }) => [url, body]),
          method,
        ).to.deep.equal([
          ['/any', inner],
          ['/any', inner],
        ]);
      }
    });
    it('get the same answers one after the other on one connection, also when pipelined', async () => {
      const one = head('GET /demo/a HTTP/1.1') + '\r\n';
      const two = head('POST /demo/any/2 HTTP/1.1', 'Content-Length: 3') + '\r\nabc';
      const answer = await world.raw(one + two + one, { quietMs: 400 });
      expect(answer.match(/HTTP\/1\.1 200 OK/g)).to.have.length(3);
      expect(world.upstream.seen.map(({ url }) => url)).to.have.members(['/a', '/any/2', '/a']);
    });
    it('have hop-by-hop, nominated, reserved and credential headers taken off', async () => {
      await world.raw(
        head(
          'GET /demo/any HTTP/1.1',
          'Connection: keep-alive, X-Consumer-Id, X-Mine',
          'X-Consumer-Id: forged',
          'X_Consumer_Id: forged',
          'X-Mine: 1',
          'X-Forwarded-For: 10.9.9.9',
          'X-Forwarded-Host: evil.test',
          'X-Forwarded-Proto: https',
          'Forwarded: for=1.1.1.1',
          'X-Real-IP: 1.1.1.1',
          'X-Usage: requests=0',
          'X-Apig-Mode: debug',
          'X-Request-Id: mine',
          'Authorization: Basic eA==',
          'Cookie: portal=1',
          'Proxy-Authorization: x',
          'TE: trailers',
          'Trailer: X-T',
          'Keep-Alive: timeout=5',
          'X-Kept: yes',
          'Accept-Encoding: br',
        ) + '\r\n',
      );
      const { headers, rawHeaders } = world.upstream.seen[0] ?? expect.fail('nothing arrived');
      expect(headers).to.deep.include({
        'x-consumer-id': 'app_1',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-host': 'gw',
        'x-forwarded-proto': 'http',
        'x-subscription-id': 'sub_1',
        'x-kept': 'yes',
        'accept-encoding': 'br',
      });
      expect(headers['x-request-id']).to.match(/^call_/);
      expect(headers.host).to.equal(`127.0.0.1:${world.upstream.port}`);
      for (const name of [
        'x-mine',
        'x_consumer_id',
        'forwarded',
        'x-real-ip',
        'x-usage',
        'x-apig-mode',
        'authorization',
        'cookie',
        'proxy-authorization',
        'te',
        'trailer',
        'keep-alive',
        'x-apig-appcode',
      ])
        expect(headers, name).to.not.have.property(name);
      expect(rawHeaders.join('\n')).to.not.contain(APP_CODE);
    });
    it('have a cookie passed on only where the API declares it', async () => {
      await world.raw(head('GET /demo/declared HTTP/1.1', 'Cookie: a=b') + '\r\n');
      expect(world.upstream.seen[0]?.headers.cookie).to.equal('a=b');
    });
    it('that offer h2c get an ordinary answer; the offer goes nowhere', async () => {
      const answer = await world.raw(
        head('GET /demo/a HTTP/1.1', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__') + '\r\n',
      );
      expect(status(answer)).to.equal(200);
      expect(world.upstream.seen[0]?.headers).to.not.have.any.keys('upgrade', 'http2-settings');
    });
    it('that send two different keys, or one in the query, are refused', async () => {
      await refused(head('GET /demo/a HTTP/1.1', `X-Apig-AppCode: ${APP_CODE}x`) + '\r\n', 400);
      await refused(head('GET /demo/a HTTP/1.1', `Authorization: Bearer ${APP_CODE}x`) + '\r\n', 400);
      await refused(`GET /demo/a?X-Apig-AppCode=${encodeURIComponent(APP_CODE)} HTTP/1.1\r\nHost: gw\r\n\r\n`, 401);
    });
    it('that wait for 100 Continue are told to go on only when the call is admitted', async () => {
      const socket = connect(world.port, '127.0.0.1');
      let received = '';
      socket.on('data', (chunk: Buffer) => {
        if (received === '') socket.write('abc');
        received += chunk.toString('latin1');
      });
      socket.write(head('POST /demo/any HTTP/1.1', 'Content-Length: 3', 'Expect: 100-continue') + '\r\n');
      await until(() => received.includes('HTTP/1.1 200'));
      socket.destroy();
      expect(received).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
      expect(world.upstream.seen[0]).to.deep.include({ body: 'abc', whole: true });
      expect(world.upstream.seen[0]?.headers).to.not.have.property('expect');
      await refused(head('POST /demo/any HTTP/1.1', 'Content-Length: 3', 'Expect: 200-maybe') + '\r\n', 400).catch((error: Error) =>
        expect(error.message).to.contain('reached the provider'),
      );
    });
    it('that leave are forgotten: the provider’s side ends, one record each, nothing stays open', async () => {
      const slow = await rawUpstream();
      slow.answerWith((socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin'));
      const own = await gatewayWorld({
        engine,
        apis: () => [definition(slow.origin, 'GET', '/slow')],
        config: { upstreamAllow: new Set([`127.0.0.1:${slow.port}`]) },
      });
      try {
        const total = 1_000;
        for (let batch = 0; batch < total / 100; batch++)
          await Promise.all(
            Array.from({ length: 100 }, async () => {
              const socket = connect(own.port, '127.0.0.1');
              socket.on('error', () => undefined);
              socket.write(head('GET /demo/slow HTTP/1.1') + '\r\n');
              await once(socket, 'data');
              socket.destroy();
            }),
          );
        await until(() => own.records.length === total && own.gateway.inFlight === 0 && slow.asked.size === 0);
        expect(new Set(own.records.map(({ outcome }) => outcome))).to.deep.equal(new Set(['aborted']));
        expect(new Set(own.records.map(({ callId }) => callId)).size).to.equal(total);
        expect(own.settled).to.have.length(total);
        slow.answerWith((socket) => void socket.write(OK));
        expect((await own.call('/demo/slow')).status).to.equal(200);
      } finally {
        await own.close();
        await slow.close();
      }
    });
    it('that leave before an answer began are aborted too', async () => {
      const slow = await rawUpstream();
      slow.answerWith(() => undefined);
      const own = await gatewayWorld({
        engine,
        apis: () => [definition(slow.origin, 'GET', '/slow')],
        config: { upstreamAllow: new Set([`127.0.0.1:${slow.port}`]) },
      });
      const socket = connect(own.port, '127.0.0.1');
      socket.write(head('GET /demo/slow HTTP/1.1') + '\r\n');
      await until(() => slow.heads.length === 1);
      socket.destroy();
      await until(() => own.records.length === 1 && slow.asked.size === 0);
      expect(own.records[0]?.outcome).to.equal('aborted');
      await own.close();
      await slow.close();
    });
  });

for (const engine of ['direct', 'undici', 'http-proxy'] as const)
  describe(`hostile providers, engine ${engine}`, () => {
    let provider: Awaited<ReturnType<typeof rawUpstream>>;
    let world: World;
    before(async () => {
      provider = await rawUpstream();
      world = await gatewayWorld({
        engine,
        quota: 5,
        apis: () => [
          definition(provider.origin, 'GET', '/x', { backend: { timeoutMs: 400 } }),
          definition(provider.origin, 'POST', '/x', { backend: { timeoutMs: 400 } }),
          definition('http://127.0.0.1:1', 'GET', '/closed'),
          definition('http://127.0.0.1:9', 'GET', '/private'),
          definition('http://localhost:9', 'GET', '/named'),
          definition('http://rebound.test', 'GET', '/rebound'),
        ],
        config: { upstreamAllow: new Set([`127.0.0.1:${provider.port}`, '127.0.0.1:1']) },
        timeouts: { totalMs: 1_500 },
        resolve: (host, _options, done) => done(null, [{ address: host === 'rebound.test' ? '169.254.169.254' : '127.0.0.1', family: 4 }]),
      });
    });
    after(async () => {
      await world.close();
      await provider.close();
    });
    beforeEach(() => {
      world.records.length = 0;
      world.used.clear();
    });

    /** The call fails as the provider's failure, is recorded as broken, its place comes back, and the next call works. */
    async function survives(bytes: string | ((socket: Socket) => void), ...statuses: number[]) {
      provider.answerWith((socket) => (typeof bytes === 'string' ? void socket.write(bytes, 'latin1') : bytes(socket)));
      const answer = await world.call('/demo/x').then(
        async (response) => ({ status: response.status, text: await response.text().catch(() => 'broken'), headers: response.headers }),
        () => ({ status: 0, text: '', headers: new Headers() }),
      );
      expect(answer.status).to.be.oneOf(statuses);
      if (answer.status >= 500) expect(JSON.parse(answer.text)).to.have.keys('error_code', 'error_msg', 'request_id');
      await until(() => world.records.length === 1);
      expect(world.records[0]?.outcome).to.equal('broken');
      expect(world.used.get('sub_1')).to.equal(0);
      provider.answerWith((socket) => void socket.write(OK));
      const next = await world.call('/demo/x');
      expect([next.status, await next.text()]).to.deep.equal([200, 'ok']);
      return answer;
    }
    const cases: [string, string | ((socket: Socket) => void), ...number[]][] = [
      ['status 099', 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok', 502],
      ['status 042', 'HTTP/1.1 042 Odd\r\nContent-Length: 2\r\n\r\nok', 502],
      ['status 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok', 502],
      ['status 600', 'HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok', 502],
      ['a header of 70 KB', `HTTP/1.1 200 OK\r\nX-Big: ${'x'.repeat(70_000)}\r\nContent-Length: 2\r\n\r\nok`, 502],
      ['a control byte in a header', 'HTTP/1.1 200 OK\r\nX-A: b\x01\r\nX-B\x02: c\r\nContent-Length: 2\r\n\r\nok', 502],
      ['no HTTP at all', 'hello, this is HTTP/0.9\r\n\r\n', 502],
      ['nothing, and closes', (socket) => void socket.end(), 502],
      ['a reset', (socket) => void socket.resetAndDestroy(), 502],
      ['less than it announced', (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'), 502],
      ['less than it announced, of much', (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf'), 0, 200],
      ['a chunked body broken off', (socket) => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'), 0, 200, 502],
      [
        'a reset in its body',
        (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf', () => socket.resetAndDestroy()),
        0,
        200,
        502,
      ],
      ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n', 0, 200, 502],
      ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok', 502],
      ['101 unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 502],
      ['silence (upstream-timeout)', () => undefined, 504],
      ['a head, then silence', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n', 504],
      [
        'bytes now and then, without end',
        (socket) => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n');
          const drip = setInterval(() => socket.write('.'), 50);
          socket.on('close', () => clearInterval(drip));
        },
        504,
      ],
      [
        'interim answers without end',
        (socket) => {
          const drip = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'), 50);
          socket.on('close', () => clearInterval(drip));
        },
        502,
        504,
      ],
    ];
    for (const [name, bytes, ...statuses] of cases) it(`that send ${name} cost nothing and end nobody`, async () => void (await survives(bytes, ...statuses)));

    it('that use a control byte in the reason phrase cannot pass it on', async () => {
      provider.answerWith((socket) => void socket.write('HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok', 'latin1'));
      const answer = await world.raw(head('GET /demo/x HTTP/1.1', 'Connection: close') + '\r\n');
      expect(answer).to.match(/^HTTP\/1\.1 (200 OK|502 Bad Gateway)\r\n/);
    });
    it('that send both length and chunks are refused or read as chunks, never passed on with both', async () => {
      provider.answerWith(
        (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 'latin1'),
      );
      const answer = await world.raw(head('GET /demo/x HTTP/1.1', 'Connection: close') + '\r\n');
      expect(status(answer)).to.be.oneOf([200, 502]);
      expect(/content-length/i.test(answer) && /transfer-encoding/i.test(answer)).to.equal(false);
    });
    it('that say more than they announced do not answer the next call with the rest', async () => {
      provider.answerWith((socket) => void socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`));
      const first = await world.call('/demo/x');
      await first.text();
      provider.answerWith((socket) => void socket.write(OK));
      for (let i = 0; i < 3; i++) expect(await (await world.call('/demo/x')).text()).to.equal('ok');
    });
    it('that closed a kept connection are asked again, for methods that may be repeated', async () => {
      provider.answerWith((socket) => void socket.write(OK));
      expect((await world.call('/demo/x')).status).to.equal(200);
      let first = true;
      provider.answerWith((socket) => {
        if (first) socket.destroy();
        else socket.write(OK);
        first = false;
      });
      expect((await world.call('/demo/x')).status).to.equal(200);
    });
    it('cannot set cookies, policies or our own headers, and redirects are not followed', async () => {
      provider.answerWith(
        (socket) =>
          void socket.write(
            'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nSet-Cookie: a=b\r\nStrict-Transport-Security: max-age=1\r\nClear-Site-Data: "*"\r\nService-Worker-Allowed: /\r\nAlt-Svc: h3\r\nX-Usage: requests=0\r\nUsage-Cost: 0\r\nX-Request-Id: theirs\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTrailer: X-T\r\nX-Kept: yes\r\nContent-Length: 0\r\n\r\n',
          ),
      );
      const answer = await world.raw(head('GET /demo/x HTTP/1.1', 'Connection: close') + '\r\n');
      expect(status(answer)).to.equal(302);
      expect(answer).to.match(/Location: http:\/\/169\.254\.169\.254\//);
      expect(answer)
        .to.match(/X-Kept: yes/)
        .and.match(/X-Content-Type-Options: nosniff/);
      for (const name of ['set-cookie', 'strict-transport', 'clear-site', 'service-worker', 'alt-svc', 'x-usage', 'theirs', 'x-hop', 'trailer'])
        expect(answer.toLowerCase(), name).to.not.contain(name);
      expect(answer).to.match(/Usage-Cost: 0\.5;/);
    });
    it('that cannot be reached, or live in our own network, give 502 (upstream-unavailable) and cost nothing', async () => {
      for (const path of ['/demo/closed', '/demo/private', '/demo/named', '/demo/rebound']) {
        world.records.length = 0;
        expect((await world.call(path)).status, path).to.equal(502);
        expect(world.records[0]?.outcome, path).to.equal('broken');
      }
      expect(world.used.get('sub_1')).to.equal(0);
    });
    it('that answer HEAD, 204 and 304 end without a body', async () => {
      provider.answerWith((socket) => void socket.write('HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n'));
      expect((await world.call('/demo/x')).status).to.equal(304);
      provider.answerWith((socket) => void socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
      expect((await world.call('/demo/x')).status).to.equal(204);
      provider.answerWith((socket) => void socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end', () => socket.end()));
      expect(await (await world.call('/demo/x')).text()).to.equal('until the end');
    });
    it('stream: what they send arrives before they end', async () => {
      let more: () => void = () => undefined;
      provider.answerWith((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
        more = () => void socket.write('6\r\nevent\n\r\n');
        socket.on('data', () => undefined);
      });
      const response = await world.call('/demo/x');
      const reader = response.body?.getReader();
      more();
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).to.equal('event\n');
      await reader?.cancel();
    });
    it('that are slower to read than the caller sends hold the caller back, and the other way round', async () => {
      const size = 8 * 1_048_576;
      provider.answerWith((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        socket.write(Buffer.alloc(size, 'x'));
      });
      const socket = connect(world.port, '127.0.0.1');
      socket.pause();
      socket.write(head('GET /demo/x HTTP/1.1', 'Connection: close') + '\r\n');
      await until(() => world.gateway.inFlight === 1);
      await new Promise((resolve) => setTimeout(resolve, 600));
      let bytes = 0;
      socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
      socket.resume();
      await once(socket, 'close');
      expect(bytes).to.be.greaterThan(size);
      await until(() => world.records.some(({ outcome }) => outcome === '200'));
    });
  });
