import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { PARAMETER_NAMES } from '../../server/domain/gateway-parameters.ts';
import type { AppError } from '../../server/kernel/errors.ts';
import { ENGINES, parametersWorld, type Engine, type ParametersWorld } from '../support/parameters-world.ts';

const MEGABYTE = 1_048_576;
const SLOW_MS = 1_500;
/** Between two events: more than twice the timeout they are tried under. */
const SILENT_MS = 3_000;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
/** Each signature of its own: the date is signed. */
let seconds = 0;
const nextDate = () => `${new Date(Date.now() + (seconds += 1) * 1_000).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

/** Records are stored some seconds after the call. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 600) throw new Error('never became true');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('parameters of a gateway', function () {
  this.timeout(180_000);
  let world: ParametersWorld;
  before(async () => {
    world = await parametersWorld((req, res) => {
      const body = JSON.stringify({ url: req.url });
      const send = () => res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body);
      if (req.url?.includes('events')) {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
        return void setTimeout(() => res.end('data: 2\n\n'), SILENT_MS);
      }
      if (req.url?.includes('slow')) setTimeout(send, SLOW_MS);
      else send();
    });
  });
  after(() => world.stop());
  beforeEach(() => void (world.upstream.seen.length = 0));

  const code = () => ({ 'X-Apig-AppCode': world.appCode });
  const statusOf = async (answer: Promise<Response>) => {
    const response = await answer;
    await response.arrayBuffer();
    return response.status;
  };
  /** 401 with the reference system's code, and nothing forwarded. */
  const refused = async (engine: Engine, path: string, headers: Record<string, string>, says: RegExp) => {
    const before = world.upstream.seen.length;
    const response = await world.call(engine, path, { headers });
    const { error_code, error_msg } = (await response.json()) as { error_code: string; error_msg: string };
    expect([response.status, error_code]).to.deep.equal([401, 'APIG.0303']);
    expect(error_msg).to.match(says);
    expect(world.upstream.seen.length).to.equal(before);
  };
  /** The change is answered when every gateway has confirmed it, so the very next call sees it. */
  const set = async (name: string, value: string) => {
    const answer = await world.set(name, value);
    expect(answer.status, answer.text.slice(0, 500)).to.equal(303);
  };
  const reset = async (name: string) => expect((await world.reset(name)).status).to.equal(303);
  /** What the backend got must hold no trace of a credential. */
  const clean = () => {
    const text = JSON.stringify(world.upstream.seen.map(({ rawHeaders, url }) => [rawHeaders, url]));
    for (const secret of [world.appKey, world.appSecret, Buffer.from(`${world.appKey}:${world.appSecret}`).toString('base64')])
      expect(text).not.to.include(secret);
  };

  describe('on their page', () => {
    it('are listed each with meaning, value, default, range and example', async () => {
      const { status, text } = await world.provider.get(world.page);
      expect(status).to.equal(200);
      for (const name of PARAMETER_NAMES) expect(text).to.include(`data-name="parameter-${name}"`);
      expect(text)
        .to.match(/1 to 600000 ms/)
        .and.match(/60000 ms/);
    });

    it('come back with the fault beside the field and what was typed, and nothing changes', async () => {
      for (const [name, value] of [
        ['backend_timeout', '0'],
        ['backend_timeout', '600001'],
        ['request_body_size', '1.5'],
        ['ratelimit_api_limits', ''],
        ['app_basic', 'perhaps'],
        ['signature_replay', 'sometimes'],
        ['custom_auth_header', 'Host'],
        ['custom_auth_header', 'X-Apig-AppCode'],
        ['real_ip_from_xff', '1000'],
        ['custom_log', 'header:Authorization'],
        ['custom_log', 'body:x'],
      ] as const) {
        const rev = await world.rev();
        const answer = await world.set(name, value);
        expect(answer.status, `${name} ${value}`).to.equal(422);
        expect(answer.text).to.match(new RegExp(`id="${name}-value-error"`));
        if (name !== 'app_basic' && name !== 'signature_replay') expect(answer.text).to.include(`value="${value}"`);
        expect(await world.rev()).to.equal(rev);
      }
    });

    it('know no other name, and no change over somebody else’s (conflict)', async () => {
      expect((await world.set('maintenance_of_nothing', 'on')).status).to.equal(422);
      const rev = await world.rev();
      await set('request_body_size', '20');
      const late = await world.provider.post(world.page, { name: 'request_body_size', value: '30', rev });
      expect(late.status).to.equal(409);
      await reset('request_body_size');
    });

    it('are audited, shown with who and when, and can be put back', async () => {
      await set('backend_timeout', '9000');
      await set('backend_timeout', '8000');
      const { catalog } = world.portal.composition.services;
      const { changes } = await catalog.parameters.list(world.actor, world.gatewayId);
      expect(changes.slice(0, 2)).to.containSubset([
        { name: 'backend_timeout', before: 9_000, after: 8_000, userId: world.provider.userId },
        { name: 'backend_timeout', before: 60_000, after: 9_000, userId: world.provider.userId },
      ]);
      const { text } = await world.provider.get(world.page);
      expect(text).to.include('8000 ms').and.include('Put back 9000 ms').and.include('Provider');
      const back = { changeId: changes[0]?.id ?? '', rev: await world.rev() };
      expect((await world.provider.post(`/gateways/${world.gatewayId}/parameter-reversions`, back)).status).to.equal(303);
      const now = await catalog.parameters.list(world.actor, world.gatewayId);
      expect(now.states.find(({ name }) => name === 'backend_timeout')?.value).to.equal(9_000);
      expect(now.changes).to.have.length(changes.length + 1);
      await reset('backend_timeout');
      expect((await world.portal.composition.store.gateways.gateway(world.gatewayId))?.parameters).to.deep.equal({});
    });
  });

  describe('in force or not', () => {
    it('are said to be when every gateway process has confirmed it', async () => {
      await set('backend_timeout', '9000');
      expect((await world.provider.get(world.page)).text).to.include('backend_timeout is changed. In force: confirmed by 2 of 2 gateway processes.');
      await reset('backend_timeout');
      const { text } = await world.provider.get(world.page);
      expect(text).to.include('In force: confirmed by 2 of 2').and.not.include('Look again');
    });

    it('are not while a process is behind: changing, putting back and looking again name it until it has caught up', async () => {
      const { roster, services } = world.portal.composition;
      let reached = 0;
      const alive = setInterval(() => void roster.confirm('gw-stuck', reached), 500);
      await roster.confirm('gw-stuck', reached);
      try {
        const behind = /Not yet confirmed by gw-stuck: 2 of 3 gateway processes have said that they serve it\./;
        await set('backend_timeout', '9000');
        const { text } = await world.provider.get(world.page);
        expect(text)
          .to.match(new RegExp(`backend_timeout is changed\\. ${behind.source}`))
          .and.not.include('In force');
        const [change] = (await services.catalog.parameters.list(world.actor, world.gatewayId)).changes;
        const back = { changeId: change?.id ?? '', rev: await world.rev() };
        expect((await world.provider.post(`/gateways/${world.gatewayId}/parameter-reversions`, back)).status).to.equal(303);
        expect((await world.provider.get(world.page)).text).to.match(new RegExp(`backend_timeout is changed\\. ${behind.source}`));
        const again = await world.provider.get(world.page);
        expect(again.text).to.match(behind).and.include('Look again');
        reached = Number.MAX_SAFE_INTEGER;
        await roster.confirm('gw-stuck', reached);
        expect((await world.provider.get(world.page)).text).to.include('In force: confirmed by 3 of 3');
      } finally {
        clearInterval(alive);
        await roster.leave('gw-stuck');
      }
    });
  });

  describe('seen by the next call', () => {
    it('ratelimit_api_limits: calls to an open API beyond it get 429', async () => {
      const burst = async () => Promise.all(Array.from({ length: 40 }, () => statusOf(world.call('direct', '/open'))));
      expect(new Set(await burst())).to.deep.equal(new Set([200]));
      await set('ratelimit_api_limits', '1');
      expect(await burst()).to.include(429);
      await reset('ratelimit_api_limits');
    });

    for (const engine of ENGINES) {
      it(`request_body_size, engine ${engine}: a larger body gets 413`, async () => {
        const post = () => statusOf(world.call(engine, '/app', { method: 'POST', headers: code(), body: 'x'.repeat(MEGABYTE + 1) }));
        expect(await post()).to.equal(200);
        await set('request_body_size', '1');
        expect(await post()).to.equal(413);
        await reset('request_body_size');
        expect(await post()).to.equal(200);
      });

      it(`backend_timeout, engine ${engine}: a backend slower than it gets 504, whatever the API allows`, async () => {
        const slow = () => statusOf(world.call(engine, '/app/slow', { headers: code() }));
        expect(await slow()).to.equal(200);
        await set('backend_timeout', '50');
        expect(await slow()).to.equal(504);
        await reset('backend_timeout');
      });

      it(`real_ip_from_xff, engine ${engine}: picks among what trusted proxies wrote, never what the caller says`, async () => {
        const forwarded = async () => {
          await statusOf(world.call(engine, '/open', { headers: { 'X-Forwarded-For': '203.0.113.9, 198.51.100.1, 198.51.100.2' } }));
          return world.upstream.seen.at(-1)?.headers['x-forwarded-for'];
        };
        expect(await forwarded()).to.equal('198.51.100.1');
        await set('real_ip_from_xff', '-1');
        expect(await forwarded()).to.equal('198.51.100.2');
        await set('real_ip_from_xff', '0');
        expect(await forwarded()).to.equal('198.51.100.1');
        await reset('real_ip_from_xff');
      });

      it(`custom_auth_header, engine ${engine}: holds the credential in place of Authorization and goes no further`, async () => {
        const bearer = `Bearer ${world.appCode}`;
        expect(await statusOf(world.call(engine, '/app', { headers: { Authorization: bearer } }))).to.equal(200);
        await set('custom_auth_header', 'X-Gateway-Auth');
        await refused(engine, '/app', { Authorization: bearer }, /./);
        expect(await statusOf(world.call(engine, '/app', { headers: { 'X-Gateway-Auth': bearer, Authorization: 'Bearer of-the-backend' } }))).to.equal(200);
        expect(world.upstream.seen.at(-1)?.headers).not.to.have.any.keys('x-gateway-auth', 'authorization');
        await reset('custom_auth_header');
        await refused(engine, '/app', { 'X-Gateway-Auth': bearer }, /./);
      });

      it(`custom_log, engine ${engine}: the named values stand beside the call, for its provider alone`, async () => {
        const call = (path: string, headers: Record<string, string> = {}) => world.call(engine, path, { headers: { ...code(), ...headers } });
        const idOf = async (answer: Promise<Response>) => {
          const response = await answer;
          await response.arrayBuffer();
          return response.headers.get('x-request-id') ?? '';
        };
        const notes = async (id: string) => {
          const { calls } = await world.portal.composition.services.catalog.callNotes.list(world.actor, world.gatewayId);
          return calls.find((one) => one.id === id)?.notes ?? null;
        };
        const before = await idOf(call('/app?page=1'));
        await set('custom_log', 'header:X-Trace, query:page, cookie:theme');
        const noted = await idOf(call('/app?page=2&page=3&other=4', { 'X-Trace': 'a<b>', Cookie: 'theme=dark; sid=s3cr3t-of-the-caller' }));
        const without = await idOf(call('/app'));
        await reset('custom_log');
        const after = await idOf(call('/app?page=5'));
        await eventually(async () => (await notes(noted)) !== null);
        expect(await notes(noted)).to.deep.equal({ fields: { 'header:x-trace': 'a<b>', 'query:page': '2, 3', 'cookie:theme': 'dark' } });
        expect([await notes(before), await notes(without), await notes(after)]).to.deep.equal([null, null, null]);
        const { text } = await world.provider.get(`/gateways/${world.gatewayId}/calls`);
        expect(text).to.include(noted).and.include('a&lt;b&gt;').and.not.include('s3cr3t').and.not.include(after);
        const stranger = world.portal.composition.services.catalog.callNotes.list({ ...world.actor, organizationId: 'org_else' }, world.gatewayId);
        expect(await stranger.catch((error: unknown) => (error as AppError).code)).to.equal('not-found');
      });

      it(`gzip, engine ${engine}: compresses text for callers that accept it`, async () => {
        const coding = async (accepted: string) => {
          const response = await world.call(engine, `/app?${'long'.repeat(500)}`, { headers: { ...code(), 'Accept-Encoding': accepted } });
          expect(((await response.json()) as { url: string }).url).to.have.length.greaterThan(2_000);
          return response.headers.get('content-encoding');
        };
        expect(await coding('gzip')).to.equal(null);
        await set('gzip', '6');
        expect([await coding('gzip'), await coding('br, gzip;q=0'), await coding('identity')]).to.deep.equal(['gzip', null, null]);
        await reset('gzip');
        expect(await coding('gzip')).to.equal(null);
      });

      it(`sse_strategy, engine ${engine}: lets events last beyond the timeout`, async () => {
        const events = () =>
          world.call(engine, '/app/events', { headers: code() }).then(
            (response) => response.text().catch(() => 'cut off'),
            () => 'cut off',
          );
        await set('backend_timeout', '1000');
        expect(await events()).to.equal('cut off');
        await set('sse_strategy', 'on');
        expect(await events()).to.equal('data: 1\n\ndata: 2\n\n');
        await reset('sse_strategy');
        await reset('backend_timeout');
      });

      it(`api_uri_no_escape, engine ${engine}: an escaped slash is a part of its segment`, async () => {
        const slashed = () => statusOf(world.call(engine, '/app/a%2Fb', { headers: code() }));
        expect(await slashed()).to.equal(400);
        await set('api_uri_no_escape', 'on');
        expect(await slashed()).to.equal(200);
        expect(world.upstream.seen.at(-1)?.url).to.equal('/app/a%2Fb');
        expect(await statusOf(world.call(engine, '/app/a%2F..%2Fb', { headers: code() }))).to.equal(400);
        await reset('api_uri_no_escape');
        expect(await slashed()).to.equal(400);
      });

      it(`app_api_key, engine ${engine}: the AppKey alone, in header or query`, async () => {
        await refused(engine, '/app', { apikey: world.appKey }, /app_api_key is off/);
        await set('app_api_key', 'on');
        expect(await statusOf(world.call(engine, '/app', { headers: { apikey: world.appKey } }))).to.equal(200);
        expect(await statusOf(world.call(engine, `/app?a=1&api%6bey=${world.appKey}&b=2`))).to.equal(200);
        expect(world.upstream.seen.at(-1)?.url).to.equal('/app?a=1&b=2');
        expect(await statusOf(world.call(engine, `/app?apikey=${world.appKey}`, { headers: code() }))).to.equal(200);
        await refused(engine, '/app', { apikey: `${world.appKey}x` }, /wrong/);
        clean();
        await reset('app_api_key');
        await refused(engine, '/app', { apikey: world.appKey }, /app_api_key is off/);
      });

      it(`app_secret, engine ${engine}: key and secret in two headers`, async () => {
        const headers = { 'X-HW-ID': world.appKey, 'X-HW-AppKey': world.appSecret };
        await refused(engine, '/app', headers, /app_secret is off/);
        await set('app_secret', 'on');
        expect(await statusOf(world.call(engine, '/app', { headers }))).to.equal(200);
        await refused(engine, '/app', { ...headers, 'X-HW-AppKey': `${world.appSecret}x` }, /wrong/);
        await refused(engine, '/app', { ...headers, 'X-HW-ID': 'tgk_unknown' }, /wrong/);
        await refused(engine, '/app', { 'X-HW-AppKey': world.appSecret }, /wrong/);
        clean();
        await reset('app_secret');
      });

      it(`app_basic, engine ${engine}: key and secret as HTTP Basic`, async () => {
        const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
        const good = basic(`${world.appKey}:${world.appSecret}`);
        await refused(engine, '/app', good, /app_basic is off/);
        await set('app_basic', 'on');
        expect(await statusOf(world.call(engine, '/app', { headers: good }))).to.equal(200);
        for (const wrong of [`${world.appKey}:`, world.appKey, `:${world.appSecret}`, `${world.appKey}:${world.appSecret}x`])
          await refused(engine, '/app', basic(wrong), /wrong/);
        clean();
        await reset('app_basic');
      });

      it(`app_jwt, engine ${engine}: a digest over key, secret and time`, async () => {
        const proof = (at: number, secret = world.appSecret) => {
          const timestamp = String(Math.floor(at / 1_000));
          return { 'X-HW-ID': world.appKey, Timestamp: timestamp, Authorization: sha256(world.appKey + secret + timestamp) };
        };
        await refused(engine, '/app', proof(Date.now()), /app_jwt is off/);
        await set('app_jwt', 'on');
        expect(await statusOf(world.call(engine, '/app', { headers: proof(Date.now()) }))).to.equal(200);
        await refused(engine, '/app', proof(Date.now(), 'another'), /wrong/);
        await refused(engine, '/app', proof(Date.now() - 20 * 60_000), /expired/);
        await refused(engine, '/app', { ...proof(Date.now()), Timestamp: 'now' }, /Unix seconds/);
        clean();
        await reset('app_jwt');
      });
    }

    it('several proofs at once, or one sent twice, are refused as a malformed request', async () => {
      await set('app_api_key', 'on');
      await set('app_secret', 'on');
      const both = { apikey: world.appKey, 'X-HW-ID': world.appKey, 'X-HW-AppKey': world.appSecret };
      expect(await statusOf(world.call('direct', '/app', { headers: both }))).to.equal(400);
      expect(await statusOf(world.call('direct', `/app?apikey=${world.appKey}&apikey=${world.appKey}`))).to.equal(400);
      await reset('app_api_key');
      await reset('app_secret');
    });

    it('custom_log and custom_auth_header do not name the same header', async () => {
      await set('custom_auth_header', 'X-Gateway-Proof');
      const refusedLog = await world.set('custom_log', 'header:x-gateway-proof');
      expect(refusedLog.status).to.equal(422);
      expect(refusedLog.text).to.include('custom_log would log it');
      await reset('custom_auth_header');
      await set('custom_log', 'header:x-gateway-proof');
      expect((await world.set('custom_auth_header', 'X-Gateway-Proof')).status).to.equal(422);
      await reset('custom_log');
    });

    it('schemes in clear are refused where a trusted proxy says the caller came over http', async () => {
      await set('app_basic', 'on');
      const headers = { Authorization: `Basic ${Buffer.from(`${world.appKey}:${world.appSecret}`).toString('base64')}` };
      await refused('direct', '/app', { ...headers, 'X-Forwarded-Proto': 'http' }, /HTTPS/);
      expect(await statusOf(world.call('direct', '/app', { headers: { ...headers, 'X-Forwarded-Proto': 'https' } }))).to.equal(200);
      await reset('app_basic');
    });

    it('signature_replay: a signature of a POST works once, or again where allowed', async () => {
      const post = (headers: Record<string, string>) => statusOf(world.call('direct', '/app', { method: 'POST', headers }));
      const once = world.signed('POST', '/app', { payload: sha256(''), date: nextDate() });
      expect([await post(once), await post(once)]).to.deep.equal([200, 401]);
      await set('signature_replay', 'allow');
      const again = world.signed('POST', '/app', { payload: sha256(''), date: nextDate() });
      expect([await post(again), await post(again)]).to.deep.equal([200, 200]);
      await reset('signature_replay');
    });

    it('unsigned_payload: a body outside the signature passes, or not where refused', async () => {
      const post = () => {
        const headers = world.signed('POST', '/app', { payload: 'UNSIGNED-PAYLOAD', date: nextDate() });
        return statusOf(world.call('direct', '/app', { method: 'POST', headers, body: 'a=1' }));
      };
      expect(await post()).to.equal(200);
      await set('unsigned_payload', 'refuse');
      expect(await post()).to.equal(401);
      await reset('unsigned_payload');
    });
  });
});
