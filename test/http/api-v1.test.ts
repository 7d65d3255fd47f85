import { Ajv2020 } from 'ajv/dist/2020.js';
import { validate } from '@readme/openapi-parser';
import { expect } from 'chai';
import express from 'express';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeAttempts } from '../../server/cache/attempts.ts';
import type { Actor } from '../../server/domain/actor.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { apiV1Routes } from '../../server/web/api-v1/router.ts';
import { answerErrors } from '../../server/web/errors.ts';
import { asToken, bearerClient, sdkDate, signatureOf, signedHeaders, signingClient, TOKEN_FIELDS, tokenOf, type ApiClient } from '../support/api-client.ts';
import { apiWorld, type ApiWorld } from '../support/api-world.ts';
import { sdkClient } from '../support/huawei-sdk.ts';
import { startPortal } from '../support/portal.ts';

type Json = Record<string, unknown>;

describe('the management API', function () {
  this.timeout(120_000);
  let world: ApiWorld;
  let origin: string;
  let owner: Actor;
  let api: ApiClient;

  before(async () => {
    world = await apiWorld();
    origin = world.portal.origin;
    owner = world.owner;
    const { token } = asToken(await world.services.accessKeys.createFor(owner, world.robotId, TOKEN_FIELDS));
    api = bearerClient(origin, token);
  });
  after(() => world?.portal.stop());
  // A holder has few places.
  afterEach(() => world.portal.composition.store.accessKeys.revokeAllOf(owner.organizationId, owner.userId, 1));

  const fieldsOf = async (answer: Promise<{ status: number; json: Json }>) => {
    const { status, json } = await answer;
    return { status, fields: Object.keys((json['fields'] ?? {}) as Json) };
  };

  describe('as its document says', () => {
    let document: { paths: Record<string, Record<string, Json>>; components: { schemas: Json } };
    before(async () => {
      const answer = await fetch(`${origin}/api/v1/openapi.json`);
      expect([answer.status, answer.headers.get('content-type')]).to.deep.equal([200, 'application/json; charset=utf-8']);
      document = (await answer.json()) as typeof document;
    });

    it('is a valid OpenAPI 3.1 document, open to everybody', async () => {
      expect((document as unknown as Json)['openapi']).to.equal('3.1.0');
      const result = await validate(structuredClone(document) as never);
      expect(result.valid, JSON.stringify(result)).to.equal(true);
    });

    it('answers every operation in the form it promises', async () => {
      const ajv = new Ajv2020({ strict: false, validateFormats: false, schemas: [{ $id: 'doc', ...document }] });
      const faults: string[] = [];
      const called: string[] = [];
      for (const [path, methods] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(methods)) {
          const named = await world.thingsFor(method, path);
          const address = path.replace(/\{([a-z_]+)\}/g, (_, name: string) => named[name] ?? `{${name}}`);
          const body = world.bodyOf(String(operation['operationId']), named);
          const answer = await api.send(method.toUpperCase(), address, body);
          const responses = operation['responses'] as Record<string, { content?: Record<string, { schema: { $ref: string } }> }>;
          const promised = responses[String(answer.status)];
          const reference = promised?.content?.['application/json']?.schema.$ref;
          called.push(String(operation['operationId']));
          if (answer.status >= 300 || !promised) faults.push(`${method} ${path}: ${answer.status} ${answer.text}`);
          else if (reference === undefined ? answer.text !== '' : !ajv.validate(`doc${reference}`, answer.json))
            faults.push(`${method} ${path}: ${reference === undefined ? answer.text : ajv.errorsText()}`);
        }
      }
      expect(faults).to.deep.equal([]);
      expect(called.length).to.be.greaterThan(25);
      expect(new Set(called).size).to.equal(called.length);
    });

    it('answers refusals as problems', async () => {
      const ajv = new Ajv2020({ strict: false, validateFormats: false, schemas: [{ $id: 'doc', ...document }] });
      for (const answer of [await bearerClient(origin, 'x').send('GET', '/me'), await api.send('GET', '/apps/app_none'), await api.send('GET', '/apps?x=1')]) {
        expect(answer.headers.get('content-type')).to.match(/^application\/problem\+json/);
        expect(ajv.validate('doc#/components/schemas/Problem', answer.json), ajv.errorsText()).to.equal(true);
      }
    });
  });

  describe('knows who comes', () => {
    it('by a token, and says as whom it acts', async () => {
      const { token } = await tokenOf(world.services, owner);
      const answer = await bearerClient(origin, token).send('GET', '/me');
      expect(answer.status).to.equal(200);
      expect(answer.json['acts_as']).to.deep.include({ kind: 'user', id: owner.userId });
      expect(answer.json['organization']).to.deep.include({ id: owner.organizationId });
      expect(answer.json['actions']).to.include('market:apps:create').and.not.to.include('platform:queues:get');
      expect((await api.send('GET', '/me')).json['acts_as']).to.deep.include({ kind: 'service_account', id: world.robotId });
    });

    it('by the official Node SDK, unchanged, with queries and JSON', async () => {
      const { accessKey, secretKey, id } = await signatureOf(world.services, owner);
      const client = sdkClient(origin, accessKey, secretKey);
      const send = (request: Parameters<typeof client.sendRequest>[0]) => client.sendRequest({ pathParams: {}, queryParams: {}, headers: {}, ...request });
      const me = await send({ url: '/api/v1/me', method: 'GET' });
      expect((me['key'] as Json)['id']).to.equal(id);
      const apps = await send({ url: '/api/v1/apps', method: 'GET', queryParams: { limit: 1 } });
      expect(apps['items']).to.have.length(1);
      const made = await send({
        url: '/api/v1/apps/{id}/credentials',
        method: 'POST',
        pathParams: { id: world.appId },
        headers: { 'content-type': 'application/json' },
        data: { kind: 'app_code', name: 'grün 一' },
      });
      expect((made['credential'] as Json)['name']).to.equal('grün 一');
    });

    it('by a signature over target, host and body: another of each is refused', async () => {
      const key = await signatureOf(world.services, owner);
      const path = '/api/v1/apps?limit=1';
      const host = new URL(origin).host;
      const ask = async (target: string, headers: Record<string, string>, init: RequestInit = {}) =>
        (await fetch(`${origin}${target}`, { ...init, headers })).status;
      const headers = signedHeaders(key, 'GET', path, '', { extra: { host } });
      expect(await ask(path, headers)).to.equal(200);
      expect(await ask('/api/v1/apps?limit=2', headers)).to.equal(401);
      expect(await ask('/api/v1/invoices?limit=1', headers)).to.equal(401);
      expect(await ask(path, signedHeaders(key, 'GET', path, '', { extra: { host: 'elsewhere.example' } }))).to.equal(401);
      const body = '{"kind":"app_code"}';
      const target = `/api/v1/apps/${world.appId}/credentials`;
      const json = { 'content-type': 'application/json' };
      const post = (sent: string, more: Record<string, string>) => ask(target, { ...json, ...more }, { method: 'POST', body: sent });
      expect(await post('{"kind":"app_key"}', signedHeaders(key, 'POST', target, body))).to.equal(401);
      const declared = signedHeaders(key, 'POST', target, body)['x-sdk-date'];
      expect(declared).to.be.a('string');
      const withHash = { 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' };
      expect(await post(body, { ...signedHeaders(key, 'POST', target, body, { payload: 'UNSIGNED-PAYLOAD' }), ...withHash })).to.equal(401);
      expect(await post(body, signedHeaders({ ...key, secretKey: `${key.secretKey}x` }, 'POST', target, body))).to.equal(401);
      expect(await post(body, signedHeaders(key, 'POST', target, body))).to.equal(201);
    });

    it('only near its date, and for unsafe methods only once', async () => {
      const key = await signatureOf(world.services, owner);
      const target = `/api/v1/apps/${world.appId}/credentials`;
      const body = '{"kind":"app_code"}';
      const post = (headers: Record<string, string>) =>
        fetch(`${origin}${target}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
      const stale = await post(signedHeaders(key, 'POST', target, body, { date: sdkDate(Date.now() - 16 * 60_000) }));
      expect([stale.status, await stale.text()].join(' ')).to.contain('signature expired');
      const headers = signedHeaders(key, 'POST', target, body, { extra: { 'x-sdk-nonce': 'once' } });
      const outcomes = await Promise.all([post(headers), post(headers), post(headers)]);
      expect(outcomes.map(({ status }) => status).sort()).to.deep.equal([201, 401, 401]);
      const safe = signedHeaders(key, 'GET', '/api/v1/me', '');
      for (const _ of [1, 2]) expect((await fetch(`${origin}/api/v1/me`, { headers: safe })).status).to.equal(200);
    });

    it('and never by a session, a password or anything but a key', async () => {
      const { member } = world;
      const cookie = [...member.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      expect(cookie).not.to.equal('');
      const plain = await fetch(`${origin}/api/v1/me`, { headers: { cookie } });
      expect([plain.status, plain.headers.get('www-authenticate')]).to.deep.equal([401, 'Bearer realm="Tollgate"']);
      expect(await plain.text()).to.contain('Send an access token');
      for (const authorization of ['Bearer', 'Bearer a b', 'Basic eDp5', 'V11-HMAC-SHA256 Access=x', `Bearer ${'x'.repeat(5_000)}`])
        expect((await fetch(`${origin}/api/v1/me`, { headers: { authorization, cookie } })).status).to.equal(401);
      const secret = await signatureOf(world.services, owner);
      expect((await bearerClient(origin, secret.secretKey).send('GET', '/me')).status).to.equal(401);
    });

    it('sets no cookie and allows no other origin', async () => {
      for (const answer of [
        await api.send('GET', '/me', undefined, { origin: 'https://elsewhere.example' }),
        await api.send('OPTIONS', '/me', undefined, { origin: 'https://elsewhere.example', 'access-control-request-method': 'GET' }),
        await bearerClient(origin, 'x').send('GET', '/me'),
      ]) {
        expect(answer.headers.getSetCookie()).to.deep.equal([]);
        expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-allow'))).to.deep.equal([]);
        expect(answer.headers.get('cache-control')).to.equal('no-store');
        expect(answer.headers.get('x-request-id')).to.match(/^req_/);
      }
    });

    it('writes into the audit log which key it was, and whose', async () => {
      const { token, id } = await tokenOf(world.services, owner);
      await bearerClient(origin, token).send('POST', `/apps/${world.appId}/credentials`, { kind: 'app_code', name: 'by a key' });
      const key = await world.services.accessKeys.get(owner, id, 'own');
      const records = await world.portal.composition.store.audit.ofOrganization(owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
      const record = records.find(({ key: hint }) => hint === key.hint);
      expect(record).to.include({ kind: 'key', userId: owner.userId, action: 'market:credentials:create' });
      expect(key.lastUsedAt).to.be.a('number');
      expect((await world.member.get('/organization/audit')).text).to.contain(`key ${key.hint}`);
    });
  });

  describe('ends at once, in every process', () => {
    it('when a key is revoked, its holder removed or its service account disabled', async () => {
      const second = await startPortal({ ...world.portal.env });
      try {
        const both = (token: string) => Promise.all([origin, second.origin].map(async (one) => (await bearerClient(one, token).send('GET', '/me')).status));
        const own = await tokenOf(world.services, owner);
        expect(await both(own.token)).to.deep.equal([200, 200]);
        await world.services.accessKeys.revoke(owner, own.id, 'own');
        expect(await both(own.token)).to.deep.equal([401, 401]);

        const leaver = await world.addMember(['Developer']);
        const { token } = await tokenOf(world.services, leaver);
        expect(await both(token)).to.deep.equal([200, 200]);
        await second.composition.services.members.remove(owner, leaver.userId);
        expect(await both(token)).to.deep.equal([401, 401]);

        const account = await world.services.serviceAccounts.create(owner, { name: 'Short', purpose: '', policies: [], groups: [] });
        const robot = asToken(await world.services.accessKeys.createFor(owner, account._id, TOKEN_FIELDS));
        expect(await both(robot.token)).to.deep.equal([200, 200]);
        await second.composition.services.serviceAccounts.setEnabled(owner, account._id, false);
        expect(await both(robot.token)).to.deep.equal([401, 401]);
        await second.composition.services.serviceAccounts.setEnabled(owner, account._id, true);
        expect(await both(robot.token)).to.deep.equal([200, 200]);
      } finally {
        await second.composition.lifecycle.stop();
      }
    });
  });

  describe('refuses what it does not understand', () => {
    it('unknown fields and wrong types, each by its name', async () => {
      const post = (body: unknown) => fieldsOf(api.send('POST', '/service-accounts', body));
      expect(await post({ name: 'x', owner: true })).to.deep.equal({ status: 422, fields: ['owner'] });
      expect(await post('{"name":"x","__proto__":{"a":1}}')).to.deep.equal({ status: 422, fields: ['body'] });
      expect(await post({ name: 1, policies: 'Developer', groups: [{}] })).to.deep.equal({ status: 422, fields: ['name', 'policies', 'groups.0'] });
      expect(await post({})).to.deep.equal({ status: 422, fields: ['name'] });
      expect(await post({ name: 'a\nb' })).to.deep.equal({ status: 422, fields: ['name'] });
      expect(await post([])).to.deep.equal({ status: 422, fields: ['body'] });
      expect(await post({ name: 'Other', policies: ['Operator'] })).to.deep.equal({ status: 422, fields: ['policies'] });
      const key = (body: unknown) => fieldsOf(api.send('POST', '/keys', body));
      expect(await key({ kind: 'password', life_days: 30 })).to.deep.equal({ status: 422, fields: ['kind'] });
      expect(await key({ kind: 'token', life_days: 31 })).to.deep.equal({ status: 422, fields: ['life_days'] });
      expect(await key({ kind: 'token' })).to.deep.equal({ status: 422, fields: ['life_days'] });
      expect(await fieldsOf(api.send('DELETE', '/keys/key_none', { why: 'x' }))).to.deep.equal({ status: 422, fields: ['body'] });
    });

    it('queries it does not know, or cannot read', async () => {
      const ask = (query: string) => fieldsOf(api.send('GET', `/apps${query}`));
      expect(await ask('?page=2')).to.deep.equal({ status: 422, fields: ['page'] });
      for (const limit of ['0', '201', 'x', '1e1', '-1', '']) expect(await ask(`?limit=${limit}`)).to.deep.equal({ status: 422, fields: ['limit'] });
      expect(await ask('?limit=1&limit=2')).to.deep.equal({ status: 422, fields: ['limit'] });
      for (const next of ['x', 'bnVsbA', Buffer.from('["gateways",1,"a"]').toString('base64url')])
        expect(await ask(`?next=${next}`)).to.deep.equal({ status: 422, fields: ['next'] });
      const usage = (query: string) => fieldsOf(api.send('GET', `/usage${query}`));
      expect(await usage('?from=yesterday')).to.deep.equal({ status: 422, fields: ['from'] });
      expect(await usage('?from=2026-02-31T00:00:00Z')).to.deep.equal({ status: 422, fields: ['from'] });
      expect(await usage('?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z')).to.deep.equal({ status: 422, fields: ['from'] });
      expect(await usage('?by=colour')).to.deep.equal({ status: 422, fields: ['by'] });
      expect((await api.send('GET', '/usage?subscription_id=sub_none')).status).to.equal(404);
      expect(await fieldsOf(api.send('GET', '/audit?action=not%20one'))).to.deep.equal({ status: 422, fields: ['action'] });
    });

    it('bodies that are too large, not JSON, in another charset or packed', async () => {
      const post = (body: string | Buffer, headers: Record<string, string>) => api.send('POST', '/service-accounts', body, headers);
      const large = await post(`{"name":"${'x'.repeat(300_000)}"}`, {});
      expect([large.status, large.json['type']]).to.deep.equal([413, '/problems/body-too-large']);
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-7', 'multipart/form-data']) {
        const answer = await post('{"name":"x"}', { 'content-type': type });
        expect([answer.status, answer.json['type']]).to.deep.equal([415, '/problems/unsupported-media-type']);
      }
      expect((await post('{"name":"x"}', { 'content-encoding': 'gzip' })).status).to.equal(415);
      for (const body of ['{"name":', '{"name":"x"} {}', 'name=x']) expect((await post(body, {})).status).to.equal(400);
      expect((await post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {})).status).to.be.oneOf([400, 422]);
    });

    it('methods and addresses it does not have', async () => {
      for (const [method, path, allow] of [
        ['DELETE', '/me', 'GET, HEAD'],
        ['OPTIONS', '/apps', 'GET, HEAD'],
        ['PATCH', '/service-accounts', 'GET, HEAD, POST'],
        ['POST', `/service-accounts/${world.robotId}`, 'DELETE, GET, HEAD, PUT'],
      ] as const) {
        const answer = await api.send(method, path);
        expect([answer.status, answer.headers.get('allow')], `${method} ${path}`).to.deep.equal([405, allow]);
      }
      for (const path of ['', '/', '/nothing', '/me/', '/Me', '/apps/app_none/x']) expect((await api.send('GET', path)).status, path).to.equal(404);
      for (const path of ['/apps/a%2eb', '/apps//x', '/apps/a%2fb', '/apps/%00', '/apps/%zz']) expect((await api.send('GET', path)).status, path).to.equal(400);
    });

    it('what a foreign organization has, like what does not exist', async () => {
      const { token } = await tokenOf(world.services, world.stranger);
      const foreign = bearerClient(origin, token);
      const paths = [
        `/gateways/${world.gatewayId}`,
        `/gateways/${world.gatewayId}/apis`,
        `/apps/${world.appId}`,
        `/service-accounts/${world.robotId}`,
        `/invoices/${world.invoiceId}`,
      ];
      for (const path of paths) {
        const [real, made] = [await foreign.send('GET', path), await foreign.send('GET', path.replace(/[a-z0-9]{4}(?=$|\/apis)/, 'zzzz'))];
        expect(real.status, path).to.equal(404);
        const rest = ({ json }: { json: Json }) => ({ ...json, request_id: '' });
        expect(rest(real)).to.deep.equal(rest(made));
      }
    });
  });

  it('gives lists part by part, each item once, whatever is made meanwhile', async () => {
    const { token } = await tokenOf(world.services, world.stranger);
    const client = bearerClient(origin, token);
    for (let i = 0; i < 5; i += 1) await world.services.apps.create(world.stranger, { name: `App ${i}`, description: '' });
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const answer = await client.send('GET', `/apps?limit=2${next === null ? '' : `&next=${next}`}`);
      seen.push(...(answer.json['items'] as Json[]).map(({ name }) => String(name)));
      next = answer.json['next'] as string | null;
      if (seen.length === 2) await world.services.apps.create(world.stranger, { name: 'Late', description: '' });
    } while (next !== null);
    expect([...seen].sort()).to.deep.equal(['App 0', 'App 1', 'App 2', 'App 3', 'App 4']);
  });

  it('gives the audit log part by part, and only what is asked for', async () => {
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const answer = await api.send('GET', `/audit?limit=3&action=market:serviceAccounts:*${next === null ? '' : `&next=${next}`}`);
      seen.push(...(answer.json['items'] as Json[]).map(({ id, action }) => `${String(action).split(':')[1]} ${String(id)}`));
      next = answer.json['next'] as string | null;
    } while (next !== null);
    const records = await world.portal.composition.store.audit.ofOrganization(owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
    expect(new Set(seen)).to.deep.equal(
      new Set(records.filter(({ action }) => action.startsWith('market:serviceAccounts:')).map(({ _id }) => `serviceAccounts ${_id}`)),
    );
    expect(new Set(seen).size).to.equal(seen.length);
  });

  it('tells what an organization and its gateways have used of what they have room for', async () => {
    const quotasAt = async (path: string) => {
      const { items } = (await api.send('GET', path)).json as { items: { kind: string; used: number; limit: number }[] };
      return new Map(items.map(({ kind, used, limit }) => [kind, [used, limit]]));
    };
    const held = await world.portal.composition.store.apps.appsOf(owner.organizationId);
    const apps = [held.filter(({ deletedAt }) => deletedAt === null).length, 200];
    const ofOrganization = await quotasAt('/organization/quotas');
    expect([...ofOrganization.keys()]).to.deep.equal(['gateways', 'products', 'apps', 'policies', 'user_groups', 'service_accounts']);
    expect(ofOrganization.get('apps')).to.deep.equal(apps);
    const [gateway] = await world.services.catalog.gateways.list(owner);
    const none = (await api.send('GET', '/gateways?tag=nobody%3Dhas-it')).json as { items: unknown[] };
    expect(none.items).to.deep.equal([]);
    const ofGateway = await quotasAt(`/gateways/${gateway?._id}/quotas`);
    expect([ofGateway.get('apis')?.[1], ofGateway.get('apps')]).to.deep.equal([250, apps]);
  });

  it('lets a key replace and end itself', async () => {
    const { token, id } = await tokenOf(world.services, owner);
    const rotated = await bearerClient(origin, token).send('POST', `/keys/${id}/rotation`, { overlap: '15m' });
    expect(rotated.status).to.equal(201);
    const successor = String(rotated.json['token']);
    expect((await bearerClient(origin, token).send('GET', '/me')).status).to.equal(200);
    const itself = (rotated.json['key'] as Json)['id'];
    expect((await bearerClient(origin, successor).send('DELETE', `/keys/${String(itself)}`)).status).to.equal(204);
    expect((await bearerClient(origin, successor).send('GET', '/me')).status).to.equal(401);
  });

  it('shows an administrator no new secret of somebody else', async () => {
    const colleague = await world.addMember([]);
    const { id, token } = await tokenOf(world.services, colleague);
    expect((await api.send('POST', `/organization/keys/${id}/rotation`, { overlap: 'now' })).status).to.equal(409);
    expect((await api.send('POST', `/keys/${id}/rotation`, { overlap: 'now' })).status).to.equal(404);
    expect((await bearerClient(origin, token).send('GET', '/me')).status).to.equal(200);
    expect((await api.send('DELETE', `/organization/keys/${id}`)).status).to.equal(204);
    expect((await bearerClient(origin, token).send('GET', '/me')).status).to.equal(401);
  });

  describe('with a part of the system away', () => {
    let server: Server;
    let away = false;
    let alone: string;
    before(async () => {
      const { redis, services, clock, ids } = world.portal.composition;
      const app = express();
      app.set('query parser', 'simple');
      app.use((req, _res, next) => {
        req.id = ids.next('req');
        next();
      });
      app.use(
        '/api/v1',
        apiV1Routes({
          services,
          webUrl: origin,
          clock,
          attempts: makeAttempts({ redis, name: 'few', points: 3, seconds: 900 }),
          replays: { first: async () => (away ? Promise.reject(new Error('Redis is away')) : true) },
        }),
      );
      app.use(answerErrors(makeLog('silent', 'web')));
      server = createServer(app);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      alone = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => server?.close());

    it('signed changes wait, as nobody can tell whether they are new; reading and tokens go on', async () => {
      const key = await signatureOf(world.services, owner);
      const { token } = await tokenOf(world.services, owner);
      away = true;
      const signing = signingClient(alone, key);
      const refusedNow = await signing.send('POST', `/apps/${world.appId}/credentials`, { kind: 'app_code' });
      expect([refusedNow.status, refusedNow.json['type'], refusedNow.headers.get('retry-after')]).to.deep.equal([503, '/problems/dependency-away', '2']);
      expect((await signing.send('GET', '/me')).status).to.equal(200);
      expect((await bearerClient(alone, token).send('GET', '/me')).status).to.equal(200);
      away = false;
      expect((await signing.send('GET', '/me')).status).to.equal(200);
    });

    it('after too many guesses from one address, nothing is looked up for it any more', async () => {
      const { token, id } = await tokenOf(world.services, owner);
      const known = bearerClient(alone, token);
      await world.services.accessKeys.revoke(owner, id, 'own');
      // A key that has ended is no guess.
      for (let i = 0; i < 5; i += 1) expect((await known.send('GET', '/me')).status).to.equal(401);
      for (let i = 0; i < 3; i += 1) expect((await bearerClient(alone, `guess${i}`).send('GET', '/me')).status).to.equal(401);
      const blocked = await bearerClient(alone, 'guess').send('GET', '/me');
      expect([blocked.status, blocked.json['type']]).to.deep.equal([429, '/problems/too-many-attempts']);
      expect(Number(blocked.headers.get('retry-after'))).to.be.within(1, 900);
    });
  });
});
