import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import type { SnapshotSubscription } from '../../server/domain/snapshot.ts';
import { APP_CODE, definition, gatewayWorld, rawExchange, until, type World } from '../support/gateway-world.ts';

const codeOf = async (response: Response) => ((await response.json()) as { error_code: string }).error_code;

describe('who may call', () => {
  let world: World;
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [definition(origin, 'GET', '/a'), definition(origin, 'GET', '/b'), definition(origin, 'GET', '/guarded', { security: 'AUTHORIZER' })],
    });
  });
  after(() => world.close());
  beforeEach(() => {
    world.snapshots.change(world.first);
    world.upstream.seen.length = 0;
    world.records.length = 0;
    world.settled.length = 0;
    world.taken.length = 0;
  });
  const withSubscription = (change: Partial<SnapshotSubscription>) =>
    world.snapshots.change({ ...world.first, subscriptions: world.first.subscriptions.map((row) => ({ ...row, ...change })) });

  it('depends on the subscription: active, trialing and past due within grace are served', async () => {
    for (const status of ['active', 'trialing', 'past_due'] as const) {
      withSubscription({ status, entitledUntil: Date.now() + 60_000 });
      expect((await world.call('/demo/a')).status, status).to.equal(200);
    }
  });
  it('gets 402 when a payment is due or the subscription has ended, recorded as refused, never forwarded', async () => {
    const problem = async () =>
      ((await (await world.call('/demo/a', { headers: { Accept: 'application/problem+json' } })).json()) as { type: string }).type.split('/').at(-1);
    for (const [status, entitledUntil, expected] of [
      ['suspended', null, 'payment-due'],
      ['past_due', 1, 'payment-due'],
      ['paused', null, 'subscription-inactive'],
      ['canceled', null, 'subscription-inactive'],
      ['active', 1, 'subscription-inactive'],
      ['pending', null, 'subscription-inactive'],
    ] as const) {
      withSubscription({ status, entitledUntil });
      world.records.length = 0;
      expect(await problem(), status).to.equal(expected);
      expect(world.records, status).to.have.length(1);
      expect(world.records[0]).to.deep.include({ outcome: `refused.${expected}`, subscriptionId: 'sub_1' });
    }
    world.snapshots.change({ ...world.first, subscriptions: [] });
    expect((await world.call('/demo/a')).status).to.equal(402);
    expect(world.upstream.seen).to.have.length(0);
    expect(world.taken).to.have.length(0);
  });
  it('gets 503 in an entitled moment that no known window holds: nobody could say who is billed', async () => {
    withSubscription({ windows: [] });
    const answer = await world.call('/demo/a');
    expect([answer.status, await codeOf(answer), answer.headers.get('retry-after')]).to.deep.equal([503, 'APIG.0701', '2']);
  });
  it('takes the window that holds the instant of admission', async () => {
    const at = Date.now();
    withSubscription({
      windows: [
        { key: '0.0', startAt: 0, endAt: at - 1_000, planVersionId: 'plan_1_v1' },
        { key: '0.1', startAt: at - 1_000, endAt: at + 60_000, planVersionId: 'plan_1_v1' },
        { key: '1.0', startAt: at + 60_000, endAt: at + 90_000, planVersionId: 'plan_1_v1' },
      ],
    });
    await world.call('/demo/a');
    expect(world.records[0]?.window).to.equal('0.1');
    expect(world.taken[0]?.window?.key).to.equal('0.1');
  });
  it('needs a grant for the API; a direct authorization is counted and never billed; a binding goes before it', async () => {
    const direct = { appId: 'app_1', apiIds: ['api_0', 'api_1'], environmentId: 'env_1', subscriptionId: null };
    world.snapshots.change({ ...world.first, grants: [] });
    const refused = await world.call('/demo/a');
    expect([refused.status, await codeOf(refused)]).to.deep.equal([403, 'APIG.0304']);
    world.snapshots.change({ ...world.first, grants: [{ ...world.first.grants[0]!, apiIds: ['api_1'] }, direct] });
    const free = await world.call('/demo/a');
    expect([free.status, free.headers.get('usage-receipt')]).to.deep.equal([200, null]);
    expect(world.records.at(-1)).to.deep.include({ subscriptionId: null, window: '', appId: 'app_1' });
    expect((await world.call('/demo/b')).headers.get('usage-receipt')).to.match(/^sub_1-/);
  });
  it('is refused by a credential that has expired, and by an API that asks for an authorizer nobody set up', async () => {
    world.snapshots.change({ ...world.first, credentials: world.first.credentials.map((row) => ({ ...row, notAfter: Date.now() - 1 })) });
    expect((await world.call('/demo/a')).status).to.equal(401);
    world.snapshots.change(world.first);
    expect((await world.call('/demo/guarded')).status).to.equal(401);
    expect(world.upstream.seen).to.have.length(0);
  });
  it('changes with the very next call on a kept connection, in both directions', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const call = () =>
      new Promise<number>((resolve, reject) => {
        httpRequest(`${world.url}/demo/a`, { agent, headers: { 'X-Apig-AppCode': APP_CODE } }, (res) =>
          res.resume().on('end', () => resolve(res.statusCode ?? 0)),
        )
          .on('error', reject)
          .end();
      });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push(await call());
    world.snapshots.change({ ...world.first, credentials: [] });
    for (let i = 0; i < 5; i++) statuses.push(await call());
    world.snapshots.change(world.first);
    for (let i = 0; i < 5; i++) statuses.push(await call());
    agent.destroy();
    expect(statuses).to.deep.equal([...Array(5).fill(200), ...Array(5).fill(401), ...Array(5).fill(200)]);
    expect(world.upstream.seen).to.have.length(10);
  });
  it('that is unknown asks for a look at new credentials once, and is told no different from a wrong one', async () => {
    const before = world.snapshots.unknown;
    const stranger = `${APP_CODE.slice(0, -4)}zzzz`;
    for (let i = 0; i < 20; i++) await world.call('/demo/a', { headers: { 'X-Apig-AppCode': stranger } });
    expect(world.snapshots.unknown - before).to.equal(1);
  });
  it('is decided before anything is counted, and nothing is counted twice', async () => {
    await world.call('/demo/a');
    await world.call('/demo/nothing');
    await fetch(`${world.url}/demo/a`);
    expect(world.taken).to.have.length(1);
    expect(world.settled).to.deep.equal(['200']);
  });
  it('is refused where codes would travel in clear, unless a trusted hop says https', async () => {
    const far = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')], config: { trustedHops: 1 } });
    const code = { 'X-Apig-AppCode': APP_CODE };
    // Loopback is secure by itself; this shows that what the hop says reaches the provider.
    await fetch(`${far.url}/demo/a`, { headers: { ...code, 'X-Forwarded-For': '203.0.113.9, 198.51.100.7', 'X-Forwarded-Proto': 'https' } });
    expect(far.upstream.seen[0]?.headers).to.deep.include({ 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https' });
    // The hop stands on this machine, as it often does; its caller came in clear all the same.
    for (const proto of ['http', 'https, http', 'HTTP']) {
      const clear = await fetch(`${far.url}/demo/a`, { headers: { ...code, 'X-Forwarded-For': '198.51.100.7', 'X-Forwarded-Proto': proto } });
      expect(clear.status, proto).to.equal(401);
      expect(await clear.text())
        .to.include('over HTTPS only')
        .and.not.include(APP_CODE);
    }
    expect(far.upstream.seen).to.have.length(1);
    await far.close();
  });
});

describe('limits', () => {
  it('refuse above a hard quota exactly, in any interleaving, and a refusal is recorded once', async () => {
    for (const delayed of [false, true]) {
      const world = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')], quota: 10, delayed });
      const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await world.call('/demo/a')).status));
      expect(statuses.filter((status) => status === 200)).to.have.length(10);
      expect(statuses.filter((status) => status === 429)).to.have.length(90);
      expect(world.upstream.seen).to.have.length(10);
      expect(world.records.filter(({ outcome }) => outcome === 'refused.quota-exceeded')).to.have.length(90);
      expect(world.settled).to.have.length(10);
      await world.close();
    }
  });
  it('answer 429 with Retry-After, and 503 while nothing can be recorded', async () => {
    const world = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')], quota: 0 });
    const answer = await world.call('/demo/a');
    expect([answer.status, answer.headers.get('retry-after'), await codeOf(answer)]).to.deep.equal([429, '60', 'APIG.0501']);
    expect(answer.headers.get('ratelimit-policy')).to.equal('"plan";q=0;w=2678400, "rate";q=10;w=1');
    expect(answer.headers.get('ratelimit')).to.match(/^"plan";r=0;t=\d+, "rate";r=9;t=1$/);
    expect([answer.headers.get('x-ratelimit-remaining'), answer.headers.get('usage-remaining')]).to.deep.equal(['0', 'requests=0']);
    expect(answer.headers.has('usage-receipt'), 'it is not metered').to.equal(false);
    world.state.ready = false;
    const away = await world.call('/demo/a');
    expect([away.status, await codeOf(away)]).to.deep.equal([503, 'APIG.0701']);
    expect(world.upstream.seen).to.have.length(0);
    await world.close();
  });
  it('give the place back when the caller left while it waited', async () => {
    let release: () => void = () => undefined;
    const world = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')] });
    const { take } = world.limits;
    (world.limits as { take: typeof take }).take = (request) =>
      new Promise((resolve) => (release = () => resolve(take(request) as Awaited<ReturnType<typeof take>>)));
    const socket = connect(world.port, '127.0.0.1');
    socket.write(`GET /demo/a HTTP/1.1\r\nHost: x\r\nX-Apig-AppCode: ${APP_CODE}\r\n\r\n`);
    await until(() => world.gateway.inFlight === 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 30));
    release();
    await until(() => world.gateway.inFlight === 0);
    expect(world.upstream.seen).to.have.length(0);
    expect(world.used.get('sub_1')).to.equal(0);
    await world.close();
  });
});

describe('the last bytes of an answer', () => {
  it('leave only after the record was written, for short, long, chunked and empty answers', async () => {
    const sizes = { '/short': 10, '/long': 200_000, '/chunked': -1, '/empty': 0 };
    const waiting: (() => void)[] = [];
    const world = await gatewayWorld({
      apis: (origin) => Object.keys(sizes).map((path) => definition(origin, 'GET', path)),
      hold: () => new Promise((resolve) => waiting.push(resolve)),
      answer: (req, res) => {
        const size = sizes[(req.url ?? '') as keyof typeof sizes];
        if (size < 0) return void res.write('part one, ', () => res.end('part two'));
        if (size === 0) return void res.writeHead(204).end();
        res.writeHead(200, { 'Content-Length': size }).end('x'.repeat(size));
      },
    });
    for (const path of Object.keys(sizes)) {
      const socket = connect(world.port, '127.0.0.1');
      let received = '';
      socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      socket.write(`GET /demo${path} HTTP/1.1\r\nHost: x\r\nX-Apig-AppCode: ${APP_CODE}\r\nConnection: close\r\n\r\n`);
      await until(() => waiting.length === 1);
      await new Promise((resolve) => setTimeout(resolve, 30));
      const complete = path === '/chunked' ? received.endsWith('0\r\n\r\n') : path === '/long' ? received.length >= 200_000 : received !== '';
      expect(complete, path).to.equal(false);
      expect(world.ended, path).to.have.length(0);
      waiting.pop()?.();
      await once(socket, 'close');
      expect(received, path).to.match(/^HTTP\/1\.1 20[04] /);
      await until(() => world.ended.length === 1);
      world.ended.length = 0;
    }
    await world.close();
  });
  it('never leave when the record cannot be written', async () => {
    const world = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')], hold: () => Promise.reject(new Error('disk full')) });
    expect(await world.raw(`GET /demo/a HTTP/1.1\r\nHost: x\r\nX-Apig-AppCode: ${APP_CODE}\r\n\r\n`)).to.equal('');
    await world.close();
  });
});

describe('what an API declares', () => {
  let world: World;
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [
        definition(origin, 'GET', '/list/{kind}', {
          parameters: [
            { name: 'kind', in: 'path', required: true, type: 'string', description: '', enum: ['big', 'small'] },
            { name: 'limit', in: 'query', required: true, type: 'integer', description: '', minimum: 1, maximum: 100 },
            { name: 'sort', in: 'query', required: false, type: 'string', description: '', default: 'name up' },
            { name: 'X-Mode', in: 'header', required: false, type: 'boolean', description: '' },
          ],
          backend: { path: '/v1/{kind}' },
          backendParameters: [
            { name: 'api_key', in: 'query', value: 'hidden & safe' },
            { name: 'Authorization', in: 'header', value: 'Bearer theirs' },
          ],
          cors: true,
        }),
        definition(origin, 'POST', '/swapped', { backend: { method: 'PUT', path: '/other' } as never }),
      ],
    });
  });
  after(() => world.close());
  beforeEach(() => (world.upstream.seen.length = 0));

  it('is checked, and a fault names the parameter, before anything is counted', async () => {
    const taken = world.taken.length;
    for (const [path, name] of [
      ['/list/odd?limit=1', 'kind'],
      ['/list/big', 'limit'],
      ['/list/big?limit=0', 'limit'],
      ['/list/big?limit=101', 'limit'],
      ['/list/big?limit=1.5', 'limit'],
      ['/list/big?limit=1&limit=x', 'limit'],
    ] as const) {
      const answer = await world.call(`/demo${path}`);
      expect(answer.status, path).to.equal(400);
      expect(((await answer.json()) as { error_msg: string }).error_msg, path).to.contain(name);
    }
    expect((await world.call('/demo/list/big?limit=1', { headers: { 'X-Mode': 'maybe' } })).status).to.equal(400);
    expect(world.taken.length).to.equal(taken);
    expect(world.upstream.seen).to.have.length(0);
  });
  it('is added for the provider and hidden from the caller: defaults and constants', async () => {
    await world.call('/demo/list/big?limit=5');
    expect(world.upstream.seen[0]?.url).to.equal('/v1/big?limit=5&sort=name%20up&api_key=hidden%20%26%20safe');
    expect(world.upstream.seen[0]?.headers.authorization).to.equal('Bearer theirs');
    await world.call('/demo/swapped', { method: 'POST', body: 'b' });
    expect(world.upstream.seen[1]).to.deep.include({ method: 'PUT', url: '/other', body: 'b' });
  });
  it('lets pages of other origins ask first and read the answer, if it says so', async () => {
    const preflight = await fetch(`${world.url}/demo/list/big`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://page.test', 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'x-apig-appcode' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-headers')]).to.deep.equal([
      204,
      '*',
      'x-apig-appcode',
    ]);
    const answer = await world.call('/demo/list/big?limit=5');
    expect(answer.headers.get('access-control-allow-origin')).to.equal('*');
    expect(answer.headers.get('access-control-expose-headers')).to.contain('Usage-Receipt');
    expect(
      (await fetch(`${world.url}/demo/swapped`, { method: 'OPTIONS', headers: { Origin: 'https://page.test', 'Access-Control-Request-Method': 'POST' } }))
        .status,
    ).to.equal(401);
  });
});

describe('streams and WebSockets', () => {
  let world: World;
  const streams = new Set<ServerResponse>();
  const peers = new Set<Socket>();
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [
        definition(origin, 'GET', '/stream', { streaming: true }),
        definition(origin, 'GET', '/socket', { upgrade: true }),
        definition(origin, 'GET', '/plain'),
      ],
      answer: (_req, res) => {
        streams.add(res);
        res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: one\n\n');
      },
    });
    world.upstream.server.on('upgrade', (req, socket: Socket) => {
      peers.add(socket);
      world.upstream.seen.push({
        method: req.method ?? '',
        url: req.url ?? '',
        rawHeaders: req.rawHeaders,
        headers: req.headers,
        body: '',
        whole: true,
        socket,
      });
      socket.on('error', () => undefined);
      if (req.headers['x-refuse']) return void socket.end('HTTP/1.1 403 No\x01body\r\nContent-Length: 2\r\n\r\nno');
      const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(`HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSet-Cookie: a=b\r\n\r\n`);
      socket.on('data', (chunk: Buffer) => socket.write(chunk));
      socket.on('end', () => socket.end());
    });
  });
  after(() => world.close());
  beforeEach(() => {
    world.snapshots.change(world.first);
    world.records.length = 0;
    world.upstream.seen.length = 0;
  });
  const upgrade = (path: string, ...fields: string[]) =>
    `GET /demo${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
  const KEY = `X-Apig-AppCode: ${APP_CODE}`;

  it('count as delivered, not as aborted, when their caller leaves', async () => {
    const socket = connect(world.port, '127.0.0.1');
    socket.write(`GET /demo/stream HTTP/1.1\r\nHost: x\r\n${KEY}\r\n\r\n`);
    await once(socket, 'data');
    socket.destroy();
    await until(() => world.records.length === 1);
    expect(world.records[0]?.outcome).to.equal('200');
    await until(() => [...streams].every((res) => res.destroyed || res.closed));
  });
  it('end when their credential is revoked', async () => {
    const socket = connect(world.port, '127.0.0.1');
    socket.write(`GET /demo/stream HTTP/1.1\r\nHost: x\r\n${KEY}\r\n\r\n`);
    await once(socket, 'data');
    const tunnel = connect(world.port, '127.0.0.1');
    tunnel.write(upgrade('/socket', KEY));
    await once(tunnel, 'data');
    socket.resume();
    tunnel.resume();
    const closed = Promise.all([once(socket, 'close'), once(tunnel, 'close')]);
    world.snapshots.change({ ...world.first, credentials: [] });
    await closed;
    await until(() => [...peers].every((peer) => peer.destroyed));
  });
  it('switch where the API admits it, are recorded once, and carry bytes both ways', async () => {
    const tunnel = connect(world.port, '127.0.0.1');
    let received = '';
    tunnel.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    tunnel.write(upgrade('/socket', KEY));
    await until(() => received.includes('\r\n\r\n'));
    expect(received)
      .to.match(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
      .and.match(/sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i)
      .and.match(/x-request-id: call_/i)
      .and.not.match(/set-cookie/i);
    tunnel.write('ping-pong');
    await until(() => received.endsWith('ping-pong'));
    tunnel.destroy();
    await until(() => [...peers].every((peer) => peer.destroyed));
    expect(world.records.map(({ outcome }) => outcome)).to.deep.equal(['101']);
    expect(world.upstream.seen[0]?.headers).to.not.have.property('x-apig-appcode');
  });
  it('are refused before the provider hears of them: no key, an API without upgrades, a foreign page, a body', async () => {
    expect(await rawExchange(world.port, upgrade('/socket'))).to.match(/^HTTP\/1\.1 401 /);
    expect(await rawExchange(world.port, upgrade('/plain', KEY))).to.match(/^HTTP\/1\.1 400 /);
    expect(await rawExchange(world.port, upgrade('/socket', KEY, 'Origin: https://evil.test'))).to.match(/^HTTP\/1\.1 400 /);
    expect(await rawExchange(world.port, `${upgrade('/socket', KEY, 'Content-Length: 3')}abc`)).to.match(/^HTTP\/1\.1 400 /);
    expect(world.upstream.seen).to.have.length(0);
  });
  it('that the provider refuses are answered like any call, whatever is in its reason phrase', async () => {
    const answer = await rawExchange(world.port, upgrade('/socket', KEY, 'X-Refuse: 1'));
    expect(answer).to.match(/^HTTP\/1\.1 (403 Forbidden|502 Bad Gateway)\r\n/);
    const reset = connect(world.port, '127.0.0.1');
    reset.write(upgrade('/socket', KEY, 'X-Refuse: 1'), () => reset.resetAndDestroy());
    await until(() => world.gateway.inFlight === 0);
    expect((await fetch(`${world.url}/-/health`)).status).to.equal(200);
  });
});

describe('a gateway that stops', () => {
  it('takes no more calls, lets those in flight end, and then is gone', async () => {
    let finish: () => void = () => undefined;
    const world = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')], answer: (_req, res) => (finish = () => res.end('late')) });
    const call = world.call('/demo/a');
    await until(() => world.upstream.seen.length === 1);
    const closing = world.gateway.close(5_000);
    await fetch(`${world.url}/-/health`).then(
      () => expect.fail('a closed listener answered'),
      () => undefined,
    );
    finish();
    expect(await (await call).text()).to.equal('late');
    await closing;
    await world.upstream.close();
  });
});
