import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { ClaimDoc } from '../../server/store/idempotency.ts';
import { asToken, bearerClient, TOKEN_FIELDS, type ApiClient } from '../support/api-client.ts';
import { apiWorld, type ApiWorld } from '../support/api-world.ts';

describe('requests of programs that are sent again under an Idempotency-Key', function () {
  this.timeout(120_000);
  let world: ApiWorld;
  let api: ApiClient;
  let token: string;
  before(async () => {
    world = await apiWorld();
    ({ token } = asToken(await world.services.accessKeys.createFor(world.owner, world.robotId, TOKEN_FIELDS)));
    api = bearerClient(world.portal.origin, token);
  });
  after(() => world?.portal.stop());

  const under = (key: string) => ({ 'idempotency-key': key });
  const claims = () => world.portal.composition.store.connection.db!.collection<ClaimDoc>('idempotency');
  const newAccount = async (): Promise<string> =>
    (await world.services.serviceAccounts.create(world.owner, { name: randomUUID(), purpose: '', policies: [], groups: [] }))._id;
  const keysOf = (id: string) => world.services.accessKeys.ofServiceAccount(world.owner, id);
  const KEY = { kind: 'token', name: 'CI', life_days: 30 };
  /** As a process leaves it that dies before it can say how it went. */
  const died = (key: object = {}) => claims().updateMany(key, { $set: { doneAt: null, body: null, place: null, startedAt: Date.now() - 61_000 } });

  it('are done once and answered as the first time', async () => {
    const body = { name: 'Deployer', purpose: 'Deploys', policies: ['Developer'], groups: [] };
    const key = randomUUID();
    const first = await api.send('POST', '/service-accounts', body, under(key));
    expect([first.status, first.headers.get('idempotent-replayed')]).to.deep.equal([201, null]);
    const before = (await world.portal.composition.store.audit.ofOrganization(world.owner.organizationId, 0, Number.MAX_SAFE_INTEGER)).length;
    const again = await api.send('POST', '/service-accounts', body, under(key));
    expect([again.status, again.text, again.headers.get('idempotent-replayed')]).to.deep.equal([201, first.text, 'true']);
    expect((await api.send('POST', '/service-accounts', body, under(randomUUID()))).status, 'under another key: the name is taken').to.equal(422);
    const log = await world.portal.composition.store.audit.ofOrganization(world.owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
    expect(log.length, 'no record of what was not done').to.equal(before);
  });

  it('make one key, and its secret is kept nowhere: told where it stands, to rotate or delete it (conflict)', async () => {
    const account = await newAccount();
    const path = `/service-accounts/${account}/keys`;
    const key = randomUUID();
    const first = await api.send('POST', path, KEY, under(key));
    expect(first.status).to.equal(201);
    const again = await api.send('POST', path, KEY, under(key));
    const made = (first.json['key'] as { id: string }).id;
    expect([again.status, again.headers.get('location'), again.headers.get('idempotent-replayed')]).to.deep.equal([
      409,
      `/api/v1/organization/keys/${made}`,
      'true',
    ]);
    expect(again.json['detail']).to.include(made).and.include('rotate or delete');
    expect(again.text).to.not.include('tgt_');
    expect(await keysOf(account)).to.have.length(1);
    expect(JSON.stringify(await claims().find({}).toArray())).to.not.include(String(first.json['token']));
    const place = (again.headers.get('location') ?? '').slice('/api/v1'.length);
    const rotated = await api.send('POST', `${place}/rotation`, { overlap: 'now' }, under(`${key}-rotation`));
    expect(rotated.status).to.equal(201);
    expect((await api.send('POST', `${place}/rotation`, { overlap: 'now' }, under(`${key}-rotation`))).status).to.equal(409);
    expect((await api.send('DELETE', `/organization/keys/${(rotated.json['key'] as { id: string }).id}`)).status).to.equal(204);
    expect(await keysOf(account)).to.have.length(2);

    const credential = await api.send('POST', `/apps/${world.appId}/credentials`, { kind: 'app_code', name: 'once' }, under(key + key));
    const repeated = await api.send('POST', `/apps/${world.appId}/credentials`, { kind: 'app_code', name: 'once' }, under(key + key));
    expect([credential.status, repeated.status]).to.deep.equal([201, 409]);
    const { id } = credential.json['credential'] as { id: string };
    expect(repeated.headers.get('location')).to.equal(`/api/v1/apps/${world.appId}/credentials/${id}`);
    expect((await api.send('DELETE', `/apps/${world.appId}/credentials/${id}`)).status).to.equal(204);
  });

  it('are refused under the key of another request, and free under somebody else’s (invalid-form)', async () => {
    const account = await newAccount();
    const path = `/service-accounts/${account}/keys`;
    const key = randomUUID();
    expect((await api.send('POST', path, KEY, under(key))).status).to.equal(201);
    for (const [otherPath, body] of [
      [path, { ...KEY, name: 'Other' }],
      [`/service-accounts/${await newAccount()}/keys`, KEY],
      ['/keys', KEY],
    ] as const) {
      const answer = await api.send('POST', otherPath, body, under(key));
      expect([answer.status, Object.keys(answer.json['fields'] as object)], otherPath).to.deep.equal([422, ['Idempotency-Key']]);
    }
    const other = bearerClient(world.portal.origin, asToken(await world.services.accessKeys.createOwn(world.owner, TOKEN_FIELDS)).token);
    expect((await other.send('POST', path, KEY, under(key))).status, 'another holder').to.equal(201);
    expect(await keysOf(account)).to.have.length(2);
  });

  it('at the same time make one thing: each other is told to come back, or that it is done', async () => {
    const account = await newAccount();
    const path = `/service-accounts/${account}/keys`;
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 8 }, () => api.send('POST', path, KEY, under(key))));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, ...Array<number>(7).fill(409)]);
    for (const { status, headers } of answers)
      if (status === 409) expect(headers.get('retry-after') ?? headers.get('location'), 'in flight, or done').to.be.a('string');
    expect(await keysOf(account)).to.have.length(1);
  });

  it('wait while the first one is at work; one that died is taken over, and makes nothing more', async () => {
    const account = await newAccount();
    const path = `/service-accounts/${account}/keys`;
    const key = randomUUID();
    expect((await api.send('POST', path, KEY, under(key))).status).to.equal(201);
    const { _id = '' } = (await claims().find({}).sort({ startedAt: -1 }).limit(1).toArray())[0] ?? {};
    await claims().updateOne({ _id }, { $set: { doneAt: null, place: null, startedAt: Date.now() } });
    const waits = await api.send('POST', path, KEY, under(key));
    expect([waits.status, waits.headers.get('retry-after')]).to.deep.equal([409, '2']);
    await died({ _id });
    const answers = await Promise.all(Array.from({ length: 4 }, () => api.send('POST', path, KEY, under(key))));
    expect(answers.map(({ status }) => status)).to.deep.equal([409, 409, 409, 409]);
    expect(await keysOf(account), 'the dead one had made it').to.have.length(1);

    // It died before it made anything: the next one makes it.
    const [fresh, second] = [await newAccount(), randomUUID()];
    const lost = (await api.send('POST', `/service-accounts/${fresh}/keys`, KEY, under(second))).json['key'] as { id: string };
    await world.portal.composition.store.connection.db!.collection<{ _id: string }>('accessKeys').deleteOne({ _id: lost.id });
    await died({ place: `/organization/keys/${lost.id}` });
    const retried = await api.send('POST', `/service-accounts/${fresh}/keys`, KEY, under(second));
    expect([retried.status, (retried.json['key'] as { id: string }).id], 'under the id it would have had').to.deep.equal([201, lost.id]);
    expect(await keysOf(fresh)).to.have.length(1);
  });

  it('that failed by our fault are taken over at once, under the same name for what they make', async () => {
    const { idempotency } = world.services;
    const claim = { key: randomUUID(), fingerprint: 'f' };
    const names: string[] = [];
    const fails = idempotency.once(world.owner, claim, (requestId) => {
      names.push(requestId);
      return Promise.reject(new Error('the database went away'));
    });
    expect(await fails.catch((error: unknown) => String(error))).to.include('went away');
    const outcome = await idempotency.once(world.owner, claim, (requestId) => {
      names.push(requestId);
      return Promise.resolve({ answer: 'done', kept: { body: '{}', place: null } });
    });
    expect(outcome).to.deep.equal({ replayed: false, answer: 'done' });
    expect(names).to.have.length(2);
    expect(new Set(names).size).to.equal(1);
    expect(await idempotency.once(world.owner, claim, () => Promise.reject(new Error('not again')))).to.deep.equal({
      replayed: true,
      kept: { body: '{}', place: null },
    });
  });

  it('that were refused leave their key free', async () => {
    const account = await newAccount();
    const path = `/service-accounts/${account}/keys`;
    const key = randomUUID();
    expect((await api.send('POST', path, { ...KEY, life_days: 0 }, under(key))).status).to.equal(422);
    expect((await api.send('POST', '/service-accounts/sva_none/keys', KEY, under(key))).status).to.equal(404);
    expect((await api.send('POST', path, KEY, under(key))).status).to.equal(201);
  });

  it('name their key once, in visible ASCII, and only where something is made (invalid-request)', async () => {
    const account = await newAccount();
    const path = `/service-accounts/${account}/keys`;
    for (const key of ['', ' ', 'a b', 'x'.repeat(256), 'cl\u00e9']) {
      const answer = await api.send('POST', path, KEY, under(key));
      expect(answer.status, JSON.stringify(key)).to.equal(400);
    }
    expect(await keysOf(account)).to.have.length(0);
    const { hostname, port, host } = new URL(world.portal.origin);
    const body = JSON.stringify(KEY);
    const head = [`POST /api/v1${path} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`, 'Content-Type: application/json', 'Connection: close'];
    const raw = [...head, `Content-Length: ${body.length}`, 'Idempotency-Key: a', 'Idempotency-Key: a', '', body].join('\r\n');
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write(raw));
      socket.setEncoding('utf8').on('data', (part: string) => void (received += part));
      socket.on('end', () => resolve(received)).on('error', reject);
    });
    expect(text.split('\r\n')[0]).to.include('400');
    for (const [method, address] of [
      ['GET', '/me'],
      ['GET', '/service-accounts'],
    ] as const)
      expect((await api.send(method, address, undefined, under('read'))).status).to.equal(200);
    expect((await api.send('GET', '/me', undefined, under('read'))).headers.get('idempotent-replayed')).to.equal(null);
  });

  it('are described at every operation that makes something', async () => {
    const document = (await (await fetch(`${world.portal.origin}/api/v1/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
    };
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, { parameters = [] }] of Object.entries(methods))
        expect(
          parameters.some((one) => one.name === 'Idempotency-Key' && one.in === 'header'),
          `${method} ${path}`,
        ).to.equal(method === 'post');
  });
});
