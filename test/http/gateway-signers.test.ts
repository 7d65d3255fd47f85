import { createHash, createHmac } from 'node:crypto';
import { expect } from 'chai';
import { APP_CODE, APP_KEY, APP_SECRET, definition, gatewayWorld, rawExchange, until, type World } from '../support/gateway-world.ts';
import { sdkClient, type SdkRequest } from '../support/huawei-sdk.ts';

const clientFor = (endpoint: string) => sdkClient(endpoint, APP_KEY, APP_SECRET);

const now = () => `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');
/** Signed by hand, for what the signers never do. */
function signed(
  method: string,
  path: string,
  { body = '', date = now(), extra = {}, payload = sha256(body) }: { body?: string; date?: string; extra?: Record<string, string>; payload?: string } = {},
) {
  const headers: Record<string, string> = { 'x-sdk-date': date, ...extra };
  const names = Object.keys(headers).sort();
  const uri = path.split('?')[0] ?? '';
  const query = (path.split('?')[1] ?? '').split('&').filter(Boolean).sort().join('&');
  const canonical = `${method}\n${uri}${uri.endsWith('/') ? '' : '/'}\n${query}\n${names.map((name) => `${name}:${headers[name]}\n`).join('')}\n${names.join(';')}\n${payload}`;
  const signature = createHmac('sha256', APP_SECRET)
    .update(`SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`)
    .digest('hex');
  return { ...headers, Authorization: `SDK-HMAC-SHA256 Access=${APP_KEY}, SignedHeaders=${names.join(';')}, Signature=${signature}` };
}

describe('signed calls', () => {
  let world: World;
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [
        definition(origin, 'ANY', '/any', { frontend: { method: 'ANY', path: '/any', match: 'prefix' } }),
        definition(origin, 'GET', '/code-only', { appCode: true }),
      ],
    });
  });
  after(() => world.close());
  beforeEach(() => {
    world.upstream.seen.length = 0;
    world.records.length = 0;
    world.replays.away = false;
  });
  const call = (method: string, path: string, headers: Record<string, string>, body?: string) =>
    fetch(`${world.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
  const messageOf = async (response: Response) => ((await response.json()) as { error_msg: string }).error_msg;

  describe('by the official Node signer', () => {
    const send = (request: SdkRequest) => clientFor(world.url).sendRequest({ pathParams: {}, queryParams: {}, headers: {}, ...request });

    it('are accepted with queries, repeated keys, spaces and other alphabets', async () => {
      await send({ url: '/demo/any/plain', method: 'GET', queryParams: { b: '2', a: '1 x+y', c: ['z', 'a'], é: '一 (&=?!#%.*)', empty: '' } });
      await send({ url: '/demo/any/{name}', method: 'GET', pathParams: { name: 'x' }, queryParams: { limit: 10, enable: true } });
      expect(world.upstream.seen).to.have.length(2);
      expect(world.records.every(({ credentialId, outcome }) => credentialId === 'crd_key' && outcome === '200')).to.equal(true);
    });
    it('are accepted with paths that were escaped, or are escaped on their way', async () => {
      for (const url of ['/demo/any/a%20b', '/demo/any/a b', "/demo/any/it's", '/demo/any/%E4%B8%80', '/demo/any/a%40b', '/demo/any/'])
        await send({ url, method: 'GET' });
      expect(world.upstream.seen).to.have.length(6);
    });
    it('are accepted with JSON bodies, other bodies and none', async () => {
      await send({ url: '/demo/any/json', method: 'POST', data: { name: 'grün', n: 1 }, contentType: 'application/json' });
      await send({ url: '/demo/any/form', method: 'POST', data: 'a=b&c=d', contentType: 'application/x-www-form-urlencoded' });
      await send({ url: '/demo/any/text', method: 'PUT', data: 'text', contentType: 'text/plain' });
      await send({ url: '/demo/any/none', method: 'DELETE' });
      expect(world.upstream.seen.map(({ method, body }) => [method, Buffer.from(body, 'latin1').toString()])).to.deep.equal([
        ['POST', '{"name":"grün","n":1}'],
        ['POST', 'a=b&c=d'],
        ['PUT', 'text'],
        ['DELETE', ''],
      ]);
    });
  });

  it('are refused when the key is unknown, the date is off, or anything signed differs; each says why', async () => {
    const headers = signed('GET', '/demo/any');
    expect(await messageOf(await call('GET', '/demo/any', { ...headers, Authorization: headers.Authorization.replace(APP_KEY, 'tgk_unknown_key') }))).to.equal(
      'app not found, appkey tgk_unknown_key',
    );
    expect(await messageOf(await call('GET', '/demo/any', signed('GET', '/demo/any', { date: '20200101T000000Z' })))).to.match(
      /^signature expired, signature time:20200101T000000Z, server time:\d{8}T\d{6}Z$/,
    );
    expect(await messageOf(await call('GET', '/demo/any?x=1', headers))).to.match(/canonical request:GET\|\/demo\/any\/\|x=1\|x-sdk-date:/);
    expect(await messageOf(await call('GET', '/demo/any', { ...headers, Authorization: 'SDK-HMAC-SM3 Access=x' }))).to.contain('SDK-HMAC-SM3 is not supported');
    expect((await call('GET', '/demo/any', { ...headers, 'X-Apig-AppCode': APP_CODE })).status).to.equal(400);
    expect(world.upstream.seen).to.have.length(0);
    expect(world.taken.length).to.equal(world.settled.length);
  });
  it('with a body whose hash is not signed by a header reach the provider only when the whole body was verified', async () => {
    const body = JSON.stringify({ a: 1 });
    expect((await call('POST', '/demo/any', signed('POST', '/demo/any', { body }), body)).status).to.equal(200);
    expect((await call('POST', '/demo/any', signed('POST', '/demo/any', { body }), `${body} `)).status).to.equal(401);
    expect(world.upstream.seen.map((seen) => seen.body)).to.deep.equal([body]);
  });
  it('with a signed hash stream, and are cut off before their last byte when they do not match it', async () => {
    const body = 'x'.repeat(300_000);
    const headers = signed('PUT', '/demo/any', { body, extra: { 'x-sdk-content-sha256': sha256(body) } });
    expect((await call('PUT', '/demo/any', headers, body)).status).to.equal(200);
    const other = signed('PUT', '/demo/any', { body, extra: { 'x-sdk-content-sha256': sha256(body), 'x-sdk-nonce': '2' } });
    const answer = await call('PUT', '/demo/any', other, `${'x'.repeat(299_999)}y`);
    expect(answer.status).to.equal(401);
    expect(await messageOf(answer)).to.contain('does not match X-Sdk-Content-Sha256');
    expect(world.upstream.seen.filter(({ whole }) => whole)).to.have.length(1);
    await until(() => world.records.some(({ outcome }) => outcome === 'refused.authentication-failed'));
  });
  it('may leave the payload unsigned, unless the gateway refuses that', async () => {
    const headers = signed('POST', '/demo/any', { payload: 'UNSIGNED-PAYLOAD', extra: { 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' } });
    expect((await call('POST', '/demo/any', headers, 'anything')).status).to.equal(200);
    world.snapshots.change({ ...world.first, gateways: [{ id: 'gw_1', organizationId: 'org_p', parameters: { unsigned_payload: 'refuse' } }] });
    const again = signed('POST', '/demo/any', { payload: 'UNSIGNED-PAYLOAD', extra: { 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD', 'x-sdk-nonce': '3' } });
    expect((await call('POST', '/demo/any', again, 'anything')).status).to.equal(401);
    world.snapshots.change(world.first);
  });
  it('of unsafe methods work once; safe ones as often as they are sent; and where replays are allowed, all', async () => {
    const post = signed('POST', '/demo/any/replay', { body: 'x', extra: { 'x-sdk-nonce': '4' } });
    expect((await call('POST', '/demo/any/replay', post, 'x')).status).to.equal(200);
    const second = await call('POST', '/demo/any/replay', post, 'x');
    expect([second.status, await messageOf(second)]).to.deep.equal([
      401,
      'This signature was used before. Sign again with a later X-Sdk-Date, or add a signed X-Sdk-Nonce.',
    ]);
    const get = signed('GET', '/demo/any/replay');
    expect([(await call('GET', '/demo/any/replay', get)).status, (await call('GET', '/demo/any/replay', get)).status]).to.deep.equal([200, 200]);
    world.replays.away = true;
    expect((await call('POST', '/demo/any/replay', signed('POST', '/demo/any/replay', { body: 'x', extra: { 'x-sdk-nonce': '5' } }), 'x')).status).to.equal(
      503,
    );
    world.snapshots.change({ ...world.first, gateways: [{ id: 'gw_1', organizationId: 'org_p', parameters: { signature_replay: 'allow' } }] });
    expect((await call('POST', '/demo/any/replay', post, 'x')).status).to.equal(200);
    world.snapshots.change(world.first);
  });
  it('are told a body of more than 12 MB must sign its hash, and are answered while they still send', async () => {
    const headers = signed('POST', '/demo/any', { body: 'x' });
    const lines = Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    const answer = await rawExchange(world.port, `POST /demo/any HTTP/1.1\r\nHost: gw\r\n${lines}Content-Length: 13000000\r\n\r\n${'x'.repeat(100_000)}`);
    expect(answer)
      .to.match(/^HTTP\/1\.1 413 /)
      .and.contain('X-Sdk-Content-Sha256');
  });
});
