import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { readToken, signToken } from '../../server/domain/access-token.ts';
import { openGatewaySecret } from '../../server/domain/gateway-secrets.ts';
import { definition } from '../support/catalog-world.ts';
import { ALL_ENGINES, parametersWorld, type Engine, type ParametersWorld } from '../support/parameters-world.ts';
import { settled } from '../support/queue.ts';

const ADDRESS = '/v1/apigw/oauth2/token';
interface Given {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly refresh_expires_in: number;
  readonly error: string;
  readonly error_code: string;
  readonly error_msg: string;
}

describe('access tokens (app_token)', function () {
  this.timeout(120_000);
  let world: ParametersWorld;
  before(async () => {
    world = await parametersWorld(
      (req, res) => {
        if (req.url === '/live') return void res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: one\n\n');
        res.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
      },
      { engines: ALL_ENGINES },
    );
    world.upstream.server.on('upgrade', (_req, socket: Socket) => {
      socket.on('error', () => undefined).on('end', () => socket.end());
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    });
  });
  after(() => world.stop());

  const set = async (name: string, value: string) => {
    const answer = await world.set(name, value);
    expect(answer.status, answer.text.slice(0, 500)).to.equal(303);
  };
  const reset = async (name: string) => expect((await world.reset(name)).status).to.equal(303);
  const client = () => ({ grant_type: 'client_credentials', client_id: world.appKey, client_secret: world.appSecret });
  const ask = async (fields: Record<string, string>, { engine = 'direct' as Engine, path = ADDRESS, headers = {} as Record<string, string> } = {}) => {
    const response = await world.call(engine, path, { method: 'POST', body: new URLSearchParams(fields), headers });
    return { status: response.status, headers: response.headers, given: (await response.json()) as Given };
  };
  const token = async (fields: Record<string, string> = {}, engine: Engine = 'direct') => {
    const { status, given } = await ask({ ...client(), ...fields }, { engine });
    expect(status, JSON.stringify(given)).to.equal(200);
    return given;
  };
  const call = async (engine: Engine, accessToken: string, headers: Record<string, string> = {}) => {
    const response = await world.call(engine, '/app', { headers: { Authorization: `Bearer ${accessToken}`, ...headers } });
    const body = (await response.json()) as { error_code?: string; error_msg?: string };
    return response.status === 200 ? '200' : `${response.status} ${body.error_code} ${body.error_msg}`;
  };
  const keyOf = async () => {
    const gateway = await world.portal.composition.store.gateways.gateway(world.gatewayId);
    const keyId = gateway?.parameters.app_token_key ?? '';
    const secret = gateway?.secrets?.[keyId];
    const text = secret ? openGatewaySecret(world.portal.composition.config.secretKeys, world.gatewayId, keyId, secret) : null;
    return { keyId, key: Buffer.from(text ?? '', 'base64url') };
  };
  const refused = async (fields: Record<string, string>, status: number, code: string) => {
    const { status: got, given, headers } = await ask(fields);
    expect([got, given.error_code], given.error_msg).to.deep.equal([status, `APIG.${code}`]);
    expect([headers.get('cache-control'), headers.get('content-type')]).to.deep.equal(['no-store', 'application/json']);
    expect(given.error).to.match(/^[a-z_]+$/);
    expect(JSON.stringify(given)).not.to.include(world.appSecret);
  };

  it('are given out and taken from the next call on once switched on, on every engine, and no longer once switched off', async () => {
    expect((await ask(client())).status).to.equal(404);
    await set('app_token', 'on');
    for (const engine of ALL_ENGINES) {
      const { status, given, headers } = await ask(client(), { engine });
      expect(status).to.equal(200);
      expect(given).to.include({ token_type: 'Bearer', expires_in: 3_600, refresh_expires_in: 7_200 });
      expect([headers.get('cache-control'), headers.get('pragma')]).to.deep.equal(['no-store', 'no-cache']);
      for (const other of ALL_ENGINES) expect(await call(other, given.access_token)).to.equal('200');
      const seen = world.upstream.seen.at(-1);
      expect(JSON.stringify(seen?.rawHeaders))
        .not.to.include('tgat.')
        .and.not.match(/authorization|x-consumer-data/i);
      expect(seen?.headers['x-consumer-id']).to.match(/^app_/);
    }
    const { access_token } = await token();
    expect(await call('direct', world.appCode), 'an AppCode as Bearer').to.equal('200');
    await reset('app_token');
    for (const engine of ALL_ENGINES) expect(await call(engine, access_token)).to.match(/^401 APIG\.0303 .*app_token is off/);
    expect((await ask(client())).status).to.equal(404);
    await set('app_token', 'on');
    expect(await call('direct', access_token), 'with the same key again').to.equal('200');
  });

  it('come for JSON too, and tell the backend what was handed through, which no caller can write itself', async () => {
    const response = await world.call('direct', ADDRESS, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ ...client(), through_data: 'tenant=7; tier="gold"', scope: 'all' }),
    });
    const { access_token, refresh_token } = (await response.json()) as Given;
    expect(await call('direct', access_token, { 'X-Consumer-Data': 'forged' })).to.equal('200');
    expect(world.upstream.seen.at(-1)?.headers['x-consumer-data']).to.equal('tenant=7; tier="gold"');
    const again = await token({ grant_type: 'refresh_token', refresh_token });
    expect(await call('undici', again.access_token)).to.equal('200');
    expect(world.upstream.seen.at(-1)?.headers['x-consumer-data']).to.equal('tenant=7; tier="gold"');
    expect(await call('direct', refresh_token)).to.match(/^401 APIG\.0303 A refresh token makes no calls/);
  });

  it('are refused at their address with a clear error each', async () => {
    const { refresh_token, access_token } = await token();
    const refresh = { ...client(), grant_type: 'refresh_token' };
    await refused({}, 400, '2210');
    await refused({ ...client(), grant_type: 'password' }, 400, '2209');
    await refused({ ...client(), client_id: '' }, 400, '2211');
    await refused({ ...client(), client_secret: '' }, 400, '2212');
    await refused(refresh, 400, '2213');
    await refused({ ...client(), through_data: 'x'.repeat(301) }, 400, '2208');
    await refused({ ...client(), through_data: 'a\r\nX-Evil: 1' }, 400, '2208');
    await refused({ ...refresh, refresh_token: `${refresh_token}x` }, 400, '2202');
    await refused({ ...refresh, refresh_token: access_token }, 400, '2202');
    await refused({ ...refresh, refresh_token: 'tgat.e30.e30' }, 400, '2202');
    expect((await ask({ ...client(), through_data: 'x'.repeat(300) })).status).to.equal(200);
    const raw = async (init: RequestInit) => {
      const response = await world.call('direct', ADDRESS, init);
      return `${response.status} ${((await response.json()) as Given).error_code}`;
    };
    expect(await raw({ method: 'GET' })).to.equal('405 APIG.2206');
    expect(await raw({ method: 'POST' })).to.equal('415 APIG.2204');
    expect(await raw({ method: 'POST', body: '{', headers: { 'Content-Type': 'application/json' } })).to.equal('400 APIG.2205');
    expect(await raw({ method: 'POST', body: '[]', headers: { 'Content-Type': 'application/json' } })).to.equal('400 APIG.2205');
    expect(await raw({ method: 'POST', body: new URLSearchParams([...Object.entries(client()), ['client_id', 'other']]) })).to.equal('400 APIG.2205');
    expect(await raw({ method: 'POST', body: `a=${'x'.repeat(9_000)}` })).to.equal('413 APIG.0201');
    expect(await raw({ method: 'POST', body: new URLSearchParams(client()), headers: { 'X-Forwarded-Proto': 'http' } })).to.equal('403 APIG.0303');
    expect(await call('direct', access_token, { 'X-Forwarded-Proto': 'http' })).to.match(/HTTPS/);
    expect(await call('direct', access_token, { 'X-Apig-AppCode': world.appCode })).to.match(/^400 APIG\.0201/);
  });

  it('are good for their gateway, unchanged, and until their end alone', async () => {
    const { access_token } = await token();
    const { key, keyId } = await keyOf();
    const read = readToken(key, world.gatewayId, access_token);
    if (read === null) throw new Error('unreadable');
    const now = Math.floor(Date.now() / 1_000);
    expect(read.endsAt).to.be.within(now + 3_500, now + 3_700);
    expect(await call('direct', signToken(key, world.gatewayId, { ...read, endsAt: now - 1 }))).to.match(/has expired/);
    expect(await call('direct', signToken(key, 'gw_other', read))).to.match(/not one of this gateway/);
    expect(await call('direct', signToken(Buffer.alloc(32), world.gatewayId, read))).to.match(/not one of this gateway/);
    expect(await call('direct', signToken(key, world.gatewayId, { ...read, keyId: `${keyId}x` }))).to.match(/was replaced/);
    expect(await call('direct', signToken(key, world.gatewayId, { ...read, credentialId: 'crd_unknown' }))).to.match(/ended or was revoked/);
    const [prefix, body = '', mac] = access_token.split('.');
    const forged = Buffer.from(JSON.stringify(['a', keyId, read.credentialId, now + 9e6, ''])).toString('base64url');
    expect(await call('direct', [prefix, forged, mac].join('.'))).to.match(/not one of this gateway/);
    for (const broken of [
      `${access_token}.`,
      `${access_token}x`,
      'tgat.',
      'tgat..',
      `tgat.${body}.`,
      `tgat.${body}.${'A'.repeat(43)}`,
      `tgat.${'x'.repeat(2_000)}.x`,
    ])
      expect(await call('direct', broken), broken.slice(0, 60)).to.match(/^401 APIG\.0303/);
    const own = await world.at('direct', '/-/me', { headers: { Authorization: `Bearer ${access_token}` } });
    expect(own.status).to.equal(401);
  });

  it('last as the parameters say, at the path they say', async () => {
    await set('app_token_expire_time', '60');
    await set('refresh_token_expire_time', '120');
    await set('app_token_uri', '/oauth/token');
    expect((await ask(client())).status).to.equal(404);
    const { status, given } = await ask(client(), { path: '/oauth/token' });
    expect([status, given.expires_in, given.refresh_expires_in]).to.deep.equal([200, 60, 120]);
    for (const [name, value] of [
      ['app_token_expire_time', '0'],
      ['refresh_token_expire_time', '72001'],
      ['app_token_uri', 'oauth'],
      ['app_token_uri', '/a/../b'],
      ['app_token_uri', '/a?b'],
      ['app_token_key', 'mine'],
    ] as const)
      expect((await world.set(name, value)).status, `${name} ${value}`).to.equal(422);
    for (const name of ['app_token_expire_time', 'refresh_token_expire_time', 'app_token_uri']) await reset(name);
    expect((await ask(client(), { path: '/oauth/token' })).status).to.equal(404);
  });

  it('end with their key, which can be put back and is in clear nowhere', async () => {
    const { access_token, refresh_token } = await token();
    const { key } = await keyOf();
    await set('app_token_key', 'new');
    for (const engine of ALL_ENGINES) expect(await call(engine, access_token)).to.match(/^401 .*was replaced/);
    await refused({ ...client(), grant_type: 'refresh_token', refresh_token }, 400, '2202');
    const fresh = await token();
    expect(await call('direct', fresh.access_token)).to.equal('200');
    const { catalog } = world.portal.composition.services;
    const [change] = (await catalog.parameters.list(world.actor, world.gatewayId)).changes;
    const back = { changeId: change?.id ?? '', rev: await world.rev() };
    expect((await world.provider.post(`/gateways/${world.gatewayId}/parameter-reversions`, back)).status).to.equal(303);
    expect(await call('direct', access_token)).to.equal('200');
    expect(await call('direct', fresh.access_token)).to.match(/^401/);
    const secret = key.toString('base64url');
    const { store } = world.portal.composition;
    const everything = [await store.gateways.gateway(world.gatewayId), await store.audit.newestOf(`gateway:${world.gatewayId}`, 'apig:features:update')];
    expect(secret).to.have.length(43);
    expect(JSON.stringify(everything)).not.to.include(secret);
    expect((await world.provider.get(world.page)).text).not.to.include(secret);
  });

  it('end with their credential: rotated after its overlap, or revoked, on the next call', async () => {
    const { services, store } = world.portal.composition;
    const appId = (await store.apps.credential(readCredential(await token())))?.appId ?? '';
    const issued = await services.credentials.issue(world.actor, { appId, kind: 'key', name: 'second', notAfter: null });
    if (issued.kind !== 'key') throw new Error('no key');
    const mine = { client_id: issued.appKey, client_secret: issued.appSecret };
    const first = await token(mine);
    expect(await call('direct', first.access_token)).to.equal('200');
    await refused({ ...client(), grant_type: 'refresh_token', refresh_token: first.refresh_token }, 401, '1003');
    const next = await services.credentials.rotate(world.actor, issued.credential.id, '1h');
    if (next.kind !== 'key') throw new Error('no key');
    expect(await call('direct', first.access_token), 'within the overlap').to.equal('200');
    const second = await token({ client_id: next.appKey, client_secret: next.appSecret });
    await services.credentials.revoke(world.actor, issued.credential.id);
    for (const engine of ALL_ENGINES) expect(await call(engine, first.access_token)).to.match(/^401 .*ended or was revoked/);
    await refused({ ...mine, grant_type: 'client_credentials' }, 401, '2201');
    expect(await call('direct', second.access_token)).to.equal('200');
    const last = await services.credentials.rotate(world.actor, next.credential.id, 'now');
    expect(await call('direct', second.access_token)).to.match(/^401/);
    await services.credentials.revoke(world.actor, last.credential.id);
  });

  it('count, and are recorded, under the credential they stand for', async () => {
    const { access_token } = await token();
    await set('custom_log', 'header:x-mark');
    expect(await call('direct', access_token, { 'X-Mark': 'by token' })).to.equal('200');
    await reset('custom_log');
    const find = async () =>
      (await world.portal.composition.services.catalog.callNotes.list(world.actor, world.gatewayId)).calls.find(
        ({ notes }) => notes?.fields?.['header:x-mark'] === 'by token',
      );
    for (let tries = 0; !(await find()); tries++) {
      if (tries > 600) throw new Error('never recorded');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await find())?.credential).to.equal(readCredential({ access_token } as Given));
  });

  it('cut streams and tunnels off that they opened when switched off or when their key is replaced, and no others', async () => {
    const { catalog } = world.portal.composition.services;
    const [group] = await catalog.groups.list(world.actor, world.gatewayId);
    const live = await catalog.apis.create(
      world.actor,
      world.gatewayId,
      group?._id ?? '',
      definition('/live', {
        streaming: true,
        upgrade: true,
        backend: { kind: 'http', origin: world.upstream.origin, method: 'SAME', path: '/live', timeoutMs: 60_000, retries: 0 },
      }),
    );
    await catalog.publishing.publish(world.actor, world.gatewayId, [live._id], 'live');
    const appId = (await world.portal.composition.store.apps.credential(readCredential(await token())))?.appId ?? '';
    await catalog.authorizations.grant(world.actor, live._id, appId);
    const isGranted = async (engine: Engine) => {
      const response = await world.call(engine, '/live', { headers: { Authorization: `Bearer ${world.appCode}` } });
      await response.body?.cancel();
      return response.status === 200;
    };
    for (const engine of ALL_ENGINES) await settled(() => isGranted(engine));
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const open = async (engine: Engine, proof: string, fields = '') => {
      const { hostname, port } = new URL(world.urlOf(engine));
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(
        `GET /params/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${proof}\r\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nX-Forwarded-Proto: https\r\n${fields}\r\n`,
      );
      const [first] = (await once(socket, 'data')) as [Buffer];
      expect(first.toString()).to.match(fields === '' ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 101 /);
      socket.resume();
      return socket;
    };
    const ends: readonly (() => Promise<unknown>)[] = [() => set('app_token_key', 'new'), () => reset('app_token')];
    for (const end of ends) {
      const { access_token } = await token();
      const others: Socket[] = [];
      const closed: Promise<unknown>[] = [];
      for (const engine of ALL_ENGINES)
        for (const fields of ['', upgrade]) {
          others.push(await open(engine, world.appCode, fields));
          closed.push(once(await open(engine, access_token, fields), 'close'));
        }
      await end();
      await Promise.all(closed);
      expect(others.map(({ destroyed }) => destroyed)).to.deep.equal(others.map(() => false));
      for (const socket of others) socket.destroy();
    }
    await set('app_token', 'on');
  });

  const HOP = '198.51.100.2';
  /** All connections are open before the first byte is sent, so that nothing is answered before the last guess has arrived. */
  const atOnce = async (address: string, guesses: readonly { readonly id: string; readonly secret: string }[]): Promise<number[]> => {
    const sockets = await Promise.all(
      guesses.map(async (_, index) => {
        const { hostname, port } = new URL(world.urlOf(index % 2 === 0 ? 'direct' : 'undici'));
        const socket = connect(Number(port), hostname);
        await once(socket, 'connect');
        return socket;
      }),
    );
    const answers = sockets.map(async (socket) => {
      const [head] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return Number(head.toString('latin1').slice(9, 12));
    });
    for (const [index, { id, secret }] of guesses.entries()) {
      const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret }).toString();
      sockets[index]?.write(
        `POST /params${ADDRESS} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${address}, ${HOP}\r\nX-Forwarded-Proto: https\r\n` +
          `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    }
    return Promise.all(answers);
  };
  const wrong = (id: string, index: number) => ({ id, secret: `tgs_wrong_${index}` });
  const right = () => ({ id: world.appKey, secret: world.appSecret });
  const tally = (statuses: readonly number[]) => Object.fromEntries([200, 401, 429].map((status) => [status, statuses.filter((one) => one === status).length]));

  it('guessed by many at once, at two processes, are told wrong ten times exactly, and the right one among the rest is refused with them', async () => {
    const guesses = Array.from({ length: 49 }, (_, index) => wrong(world.appKey, index));
    const statuses = await atOnce('203.0.113.10', guesses.toSpliced(35, 0, right()));
    expect(tally(statuses)).to.deep.equal({ 200: 0, 401: 10, 429: 40 });
  });

  it('guessed at once from many addresses of one IPv6 network count together', async () => {
    const batches = await Promise.all(
      ['2001:db8:50::1', '2001:db8:50::2'].map((address) =>
        atOnce(
          address,
          Array.from({ length: 25 }, (_, index) => wrong(world.appKey, index)),
        ),
      ),
    );
    expect(tally(batches.flat())).to.deep.equal({ 200: 0, 401: 10, 429: 40 });
  });

  it('shut nobody out who knows the secret, however many ask at once', async () => {
    const statuses = await atOnce('203.0.113.12', Array.from({ length: 50 }, right));
    expect(tally(statuses)).to.deep.equal({ 200: 50, 401: 0, 429: 0 });
  });

  // The last: it shuts this address out for a while.
  it('are refused for a while to whoever guesses secrets, but not to others', async () => {
    const guesses = [];
    for (let i = 0; i < 12; i++) guesses.push(await ask({ ...client(), client_secret: `tgs_${i}` }));
    expect(guesses.slice(0, 9).map(({ given }) => given.error_code)).to.deep.equal(Array.from({ length: 9 }, () => 'APIG.2201'));
    expect(guesses.at(-1)).to.deep.include({ status: 429 });
    expect(Number(guesses.at(-1)?.headers.get('retry-after'))).to.be.greaterThan(0);
    expect((await ask(client())).status, 'the right one too, from here').to.equal(429);
    const elsewhere = await ask(client(), { headers: { 'X-Forwarded-For': '198.51.100.77, 198.51.100.2', 'X-Forwarded-Proto': 'https' } });
    expect(elsewhere.status).to.equal(200);
    const from = async (address: string, secret = `tgs_${address}`) =>
      (await ask({ ...client(), client_secret: secret }, { headers: { 'X-Forwarded-For': `${address}, 198.51.100.2`, 'X-Forwarded-Proto': 'https' } })).status;
    for (let i = 1; i < 12; i++) await from(`2001:db8:7::${i}`);
    expect(await from('2001:db8:7::ffff', world.appSecret), 'another address of the same IPv6 network').to.equal(429);
    expect(await from('2001:db8:8::1', world.appSecret)).to.equal(200);
  });
});

const readCredential = ({ access_token }: Pick<Given, 'access_token'>): string =>
  (JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as string[])[2] ?? '';
