import { expect } from 'chai';
import { APP_CODE, APP_KEY, definition, gatewayWorld, type World } from '../support/gateway-world.ts';

describe('a call through the gateway', () => {
  let world: World;
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [
        definition(origin, 'GET', '/hello'),
        definition(origin, 'POST', '/echo'),
        definition(origin, 'GET', '/items/{id}', { backend: { path: '/v2/things/{id}' } }),
        definition(origin, 'ANY', '/tree', { frontend: { method: 'ANY', path: '/tree', match: 'prefix' }, backend: { path: '/root' } }),
        definition(origin, 'GET', '/open', { security: 'NONE' }),
        definition(origin, 'GET', '/signed-only', { appCode: false }),
        definition(origin, 'GET', '/mock', { backend: { kind: 'mock', status: 203, headers: [['X-Mock', 'yes']], body: 'made up' } as never }),
      ],
    });
  });
  after(() => world.close());
  beforeEach(() => {
    world.upstream.seen.length = 0;
    world.records.length = 0;
    world.settled.length = 0;
  });

  it('with an AppCode is forwarded, answered, recorded and settled once', async () => {
    const answer = await world.call('/demo/hello?a=1');
    expect(answer.status).to.equal(200);
    expect(await answer.json()).to.deep.equal({ method: 'GET', url: '/hello?a=1', body: '' });
    expect(world.records).to.have.length(1);
    expect(world.records[0]).to.deep.include({
      callId: answer.headers.get('x-request-id'),
      apiId: 'api_0',
      operation: 'GET /hello',
      appId: 'app_1',
      credentialId: 'crd_code',
      subscriptionId: 'sub_1',
      window: '0.0',
      planVersionId: 'plan_1_v1',
      outcome: '200',
      method: 'GET',
      path: '/hello',
      status: 200,
      units: { requests: 1 },
      receipt: 1,
    });
    expect(world.settled).to.deep.equal(['200']);
    expect(world.ended).to.include(answer.headers.get('x-request-id'));
  });
  it('tells limits, price and receipt', async () => {
    const { headers } = await world.call('/demo/hello');
    expect(headers.get('ratelimit-policy')).to.equal('"plan";q=1000000;w=2678400, "rate";q=10;w=1');
    expect(headers.get('usage-cost')).to.equal('0.5;currency=usd;units=1');
    expect(headers.get('usage-receipt')).to.match(/^sub_1-gw1-1\.2\.[0-9a-f]{32}$/);
    expect(headers.get('x-ratelimit-limit')).to.equal('10');
  });
  it('carries a body, parameters in the backend’s path, and what a prefix left over', async () => {
    expect(await (await world.call('/demo/echo', { method: 'POST', body: 'some text' })).json()).to.deep.include({ body: 'some text' });
    expect(await (await world.call('/demo/items/a%20b')).json()).to.deep.include({ url: '/v2/things/a%20b' });
    expect(await (await world.call('/demo/tree/x/y?z=1', { method: 'DELETE' })).json()).to.deep.include({ method: 'DELETE', url: '/root/x/y?z=1' });
    expect(await (await world.call('/demo/tree')).json()).to.deep.include({ url: '/root' });
  });
  it('accepts the code as Bearer, refuses none (authentication-missing), an unknown one, and one where the API takes none', async () => {
    const status = async (path: string, headers: Record<string, string>) => (await fetch(`${world.url}${path}`, { headers })).status;
    expect(await status('/demo/hello', { Authorization: `Bearer ${APP_CODE}` })).to.equal(200);
    expect(await status('/demo/hello', {})).to.equal(401);
    expect(await status('/demo/hello', { 'X-Apig-AppCode': `${APP_CODE.slice(0, -1)}x` })).to.equal(401);
    expect(await status('/demo/hello', { 'X-Apig-AppCode': APP_KEY })).to.equal(401);
    expect(await status('/demo/signed-only', { 'X-Apig-AppCode': APP_CODE })).to.equal(401);
    expect(await status('/demo/hello', { 'X-Apig-AppCode': APP_CODE, Authorization: `Bearer ${APP_CODE}x` })).to.equal(400);
    expect(world.upstream.seen).to.have.length(1);
    expect(world.records).to.have.length(1);
  });
  it('needs no key where the API is open, and then is never anybody’s to pay', async () => {
    const answer = await fetch(`${world.url}/demo/open`);
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('usage-receipt')).to.equal(null);
    expect(world.records[0]).to.deep.include({ subscriptionId: null, receipt: 0, outcome: '200' });
  });
  it('that a mock answers is recorded as one and reaches nobody', async () => {
    const answer = await world.call('/demo/mock');
    expect([answer.status, await answer.text(), answer.headers.get('x-mock')]).to.deep.equal([203, 'made up', 'yes']);
    expect(world.upstream.seen).to.have.length(0);
    expect(world.records[0]).to.deep.include({ outcome: 'mock' });
  });
  it('is answered in the default form, or as problem+json where that is asked for', async () => {
    const plain = await world.call('/demo/nothing-here');
    expect(plain.status).to.equal(404);
    expect(plain.headers.get('x-error-source')).to.equal('gateway');
    const id = plain.headers.get('x-request-id');
    expect(await plain.json()).to.deep.equal({ error_code: 'APIG.0101', error_msg: 'No API is published here for GET /nothing-here.', request_id: id });
    const problem = await world.call('/demo/nothing-here', { headers: { Accept: 'application/problem+json' } });
    expect(problem.headers.get('content-type')).to.equal('application/problem+json');
    expect(await problem.json()).to.deep.include({ type: 'http://portal.test/problems/api-not-found', status: 404, error_code: 'APIG.0101' });
  });
  it('finds the group by host too, and answers its own pages', async () => {
    expect(await world.raw(`GET /hello HTTP/1.1\r\nHost: demo.gw.test\r\nX-Apig-AppCode: ${APP_CODE}\r\nConnection: close\r\n\r\n`)).to.match(
      /^HTTP\/1\.1 200 /,
    );
    expect(await (await fetch(`${world.url}/-/health`)).json()).to.deep.equal({ status: 'ok' });
    const me = (await (await world.call('/-/me')).json()) as { app_id: string; subscriptions: { quota: { limit: number } }[] };
    expect(me.app_id).to.equal('app_1');
    expect(me.subscriptions[0]?.quota.limit).to.equal(1_000_000);
    expect((await fetch(`${world.url}/-/me`)).status).to.equal(401);
    expect(world.settled).to.deep.equal(['200']);
  });
});
