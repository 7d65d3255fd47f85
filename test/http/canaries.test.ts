import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { makeLog } from '../../server/kernel/log.ts';
import { authenticator, recoveryCodes } from '../support/authenticator.ts';
import type { Answer } from '../support/browserless.ts';
import { startBuyerPortal, type BuyerPortal } from '../support/buyer-portal.ts';
import { definition } from '../support/catalog-world.ts';
import { recordingUpstream } from '../support/gateway-world.ts';
import { multipart } from '../support/multipart.ts';
import { startRole, type RoleProcess } from '../support/role-process.ts';
import { CARDS, typeCard } from '../support/stripe.ts';

/** Where a secret may stand in clear, and why. One line, one place; all that is sealed or hashed needs none. */
const ALLOWED: readonly { readonly secret: RegExp; readonly place: RegExp; readonly because: string }[] = [
  { secret: /^link of/, place: /^mongo mails$/, because: 'the sandbox’s mailbox is the person’s own mail, and the mail has to carry its link' },
  { secret: /^link of/, place: /^page link of/, because: 'the page that the link opens sends its form back to it' },
  { secret: /^broken document$/, place: /^page import$/, because: 'what was typed comes back beside its fault' },
];

const PASSWORDS = ['canary password number one', 'canary password number two'] as const;

describe('canaries', function () {
  this.timeout(300_000);
  const logs: Record<'gateway' | 'web' | 'worker', string> = { gateway: '', web: '', worker: '' };
  const secrets = new Map<string, string>();
  const pages = new Map<string, string>();
  const roles: RoleProcess[] = [];
  let portal: BuyerPortal;
  let upstream: Awaited<ReturnType<typeof recordingUpstream>>;
  let dataDir: string;

  before(async () => {
    upstream = await recordingUpstream();
    dataDir = await mkdtemp(join(tmpdir(), 'canaries-'));
    const more = { UPSTREAM_ALLOW: `127.0.0.1:${upstream.port}`, DATA_DIR: dataDir };
    portal = await startBuyerPortal(more, makeLog('trace', 'web', { write: (line: string) => void (logs.web += line) }));
    for (const role of ['gateway', 'worker'] as const)
      roles.push(await startRole(role, { ...portal.env, LOG_LEVEL: 'trace' }, (text) => void (logs[role] += text)));
  });
  after(async () => {
    await Promise.all(roles.filter(({ running }) => running).map((role) => role.kill()));
    await portal.stop();
    await upstream.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const note = (name: string, value: string | undefined): string => {
    if (value === undefined || value.length < 6) throw new Error(`no ${name}: ${value}`);
    secrets.set(name, value);
    return value;
  };
  const seen = (name: string, answer: Answer): Answer => {
    // The session's cookie goes to its browser, and is meant to.
    const headers = [...answer.headers].filter(([header]) => header !== 'set-cookie');
    pages.set(`page ${name}`, `${JSON.stringify(headers)}${answer.text}`);
    return answer;
  };

  it('are in nobody’s way: a person, a provider and a caller do all they do with secrets', async () => {
    const { store, services } = portal.composition;
    const person = portal.visitor();
    const email = 'canary@example.test';
    const link = async (to: string): Promise<string> => {
      const mails = await store.mails.sentTo(to, 0, Number.MAX_SAFE_INTEGER);
      return new URL(/https?:\/\/\S+/.exec(mails.at(-1)?.text ?? '')?.[0] ?? '').pathname;
    };
    const token = (path: string): string => path.split('/').at(-1) ?? '';
    const [first, second] = [note('first password', PASSWORDS[0]), note('second password', PASSWORDS[1])];
    seen('sign-up', await person.post('/sign-up', { email, password: first, name: 'Canary', organization: 'Canary' }));
    const verify = await link(email);
    note('link of verification', token(verify));
    seen('link of verification', await person.get(verify));
    await person.post(verify);
    seen('wrong password', await person.post('/sign-in', { email, password: note('wrong password', 'canary wrong password') }));
    seen('sign-in', await person.post('/sign-in', { email, password: first }));

    // Second factor: the pages that show its key and codes once are the way to the person.
    await person.post('/account/two-factor', { password: first });
    const enrolling = (await person.get('/account/two-factor')).text;
    const code = authenticator(enrolling);
    note('key of the second factor', /data-name="secret">.*?<code>([^<]*)<\/code>/s.exec(enrolling)?.[1]?.replaceAll(' ', ''));
    recoveryCodes((await person.post('/account/two-factor/confirmation', { code: code(-1) })).text).forEach((one, i) => note(`recovery code ${i}`, one));
    seen('second factor', await person.get('/account/two-factor'));
    seen('wrong code', await person.post('/account/two-factor/off', { password: note('password beside a code', 'canary beside a code'), code: '000000' }));
    await person.post('/password-reset', { email });
    const reset = await link(email);
    note('link of a reset', token(reset));
    seen('link of a reset', await person.get(reset));
    await person.post(reset, { password: second });
    await portal.visitor().post('/sign-in', { email, password: second });
    await person.post('/sign-in', { email, password: second });
    await person.post('/sign-in/code', { code: code() });
    seen('dashboard', await person.get('/dashboard'));
    const user = await store.accounts.userByEmail(email);
    const [{ organizationId = '' } = {}] = await store.accounts.membershipsOfUser(user?._id ?? '');
    await person.post('/organization/members', { email: 'invited@example.test', policies: 'Developer' });
    note('link of an invitation', token(await link('invited@example.test')));

    // A provider with a secret for the backend, and a document with one in it.
    const actor = portal.actorOf(organizationId, user?._id ?? '');
    const gateway = await services.catalog.gateways.create(actor, { name: 'Canary', description: '' });
    for (const name of ['app_secret', 'app_basic', 'app_api_key']) {
      const { rev } = await services.catalog.gateways.get(actor, gateway._id);
      seen(`parameter ${name}`, await person.post(`/gateways/${gateway._id}/parameters`, { name, value: 'on', rev: String(rev) }));
    }
    const group = await services.catalog.groups.create(actor, gateway._id, { name: 'Canary', description: '', label: 'canary' });
    const constant = { name: 'X-Backend-Key', in: 'header' as const, value: note('backend constant', 'canary-backend-constant') };
    const backend = { kind: 'http', origin: upstream.origin, method: 'SAME', path: '/seen', timeoutMs: 2_000, retries: 0 } as const;
    const api = await services.catalog.apis.create(actor, gateway._id, group._id, definition('/seen', { backend, backendParameters: [constant] }));
    await services.catalog.publishing.publish(actor, gateway._id, [api._id], '');
    seen('definition', await person.get(`/gateways/${gateway._id}/apis/${api._id}`));
    seen(
      'refused settings',
      await person.post(`/gateways/${gateway._id}/settings`, { name: '', description: '', password: note('stray field', 'canary stray field') }),
    );
    const document = { openapi: '3.0.3', info: { title: 'T', version: '1' }, paths: { '/y': { get: { responses: { 200: { description: 'y' } } } } } };
    const text = `${JSON.stringify(document)}\n"${note('broken document', 'canary in a broken document')}`;
    seen(
      'import',
      await multipart(portal.origin, person, `/gateways/${gateway._id}/groups/${group._id}/imports`, { text, origin: 'https://maps.example.com' }),
    );

    // An app with a code and a key, each shown once, rotated and used.
    await person.post('/apps', { name: 'Canary', description: '', requestId: randomUUID() });
    const [app] = await store.apps.appsOf(organizationId);
    const appId = app?._id ?? '';
    await services.catalog.authorizations.grant(actor, api._id, appId);
    const words = (page: Answer): string[] => [...page.text.matchAll(/tg[a-z]*_[A-Za-z0-9_-]{30,}/g)].map(([word]) => word);
    const issue = async (kind: string) => words(await person.post(`/apps/${appId}/credentials`, { kind, name: '', expiry: 'never', requestId: randomUUID() }));
    const appCode = note('AppCode', (await issue('code'))[0]);
    const shown = await issue('key');
    const [row] = (await store.apps.credentialsOf(appId)).filter((one) => 'appKey' in one && one.appKey);
    const appKey = (row as { appKey: string }).appKey;
    const appSecret = note(
      'AppSecret',
      shown.find((word) => word !== appKey),
    );
    const rotated = await person.post(`/apps/${appId}/credentials/${row?._id}/rotation`, { overlap: '1h', requestId: randomUUID() });
    note(
      'rotated AppSecret',
      words(rotated).find((word) => word !== appKey),
    );
    seen('app', await person.get(`/apps/${appId}`));

    const call = async (path: string, headers: Record<string, string>) => {
      const response = await fetch(`http://127.0.0.1:${roles[0]?.port}/canary${path}`, { headers });
      pages.set(`page call ${pages.size}`, `${JSON.stringify([...response.headers])}${await response.text()}`);
      return response.status;
    };
    expect(await call('/seen', { 'x-apig-appcode': appCode })).to.equal(200);
    expect(await call('/seen', { 'x-hw-id': appKey, 'x-hw-appkey': appSecret })).to.equal(200);
    const basic = `Basic ${Buffer.from(`${appKey}:${appSecret}`).toString('base64')}`;
    note('Basic', basic.slice(6));
    expect(await call('/seen', { authorization: basic })).to.equal(200);
    expect(upstream.seen.every(({ headers }) => headers['x-backend-key'] === constant.value)).to.equal(true);
    const refusedCode = note('refused AppCode', `tgc_${'canaryrefused'.repeat(4)}`);
    expect(await call('/seen', { 'x-apig-appcode': refusedCode })).to.equal(401);
    expect(await call(`/seen?x-apig-appcode=${note('code in the query', `tgc_${'canaryquery'.repeat(4)}`)}`, {})).to.be.oneOf([400, 401]);
    expect(await call('/seen', { authorization: `Bearer ${note('Bearer', 'canary-bearer-that-is-none')}` })).to.equal(401);
    expect(await call('/nothing', { cookie: `tollgate=${note('stray cookie', 'canary-stray-cookie')}` })).to.equal(404);

    // Money: a card is typed at Stripe; what fails there is logged with its cause.
    const bought = await person.post('/subscriptions', { planId: portal.listing.planIds.starter, appId, appName: '', requestId: randomUUID() });
    note('card number', CARDS.good);
    await typeCard(bought.location ?? '', CARDS.good);
    const [subscription] = await store.subscriptions.ofOrganization(organizationId);
    seen('subscription', await person.get(`/subscriptions/${subscription?._id}`));
    await fetch(new URL('/webhooks/stripe', portal.origin), {
      method: 'POST',
      body: note('webhook body', 'canary webhook body'),
      headers: { 'stripe-signature': `t=1,v1=${note('webhook signature', 'canarywebhooksignature')}` },
    });
    await portal.stripe.close();
    const failed = seen('a 503', await person.post('/billing/card', { requestId: randomUUID() }));
    expect(failed.status).to.be.within(500, 503);
    seen('problem', await person.get('/nothing', { accept: 'application/json', authorization: `Bearer ${note('portal Bearer', 'canary-portal-bearer')}` }));
    seen('audit file', await person.get('/organization/audit.csv'));
    seen('audit page', await person.get('/organization/audit'));

    const [session = '', signature] = decodeURIComponent(person.cookies.get('tollgate') ?? '')
      .slice(2)
      .split('.');
    note('session signature', signature);
    note('session', session);
    const { config } = portal.composition;
    note('Stripe key', config.stripe.secretKey);
    note('webhook secret', config.stripe.webhookSecrets[0]);
    note('session secret', config.sessionSecret);
    note('sealing key', config.secretKeys[0]?.key.toString('base64'));
    // Journals are sealed and shipped, and the snapshot is on disk, when the gateway ends in order.
    await Promise.all(roles.map((role) => role.kill('SIGTERM')));
    expect([...secrets.values()].filter((value) => value.length < 12 && !/^\d+$/.test(value))).to.deep.equal([]);
    expect(secrets.size).to.be.greaterThan(35);
  });

  /** A value as it may be written: as it is, in an address, in base64 (at each of the three places it can start), in hexadecimal. */
  function spellings(value: string): string[] {
    const bytes = Buffer.from(value);
    const inBase64 = [0, 1, 2].map((shift) =>
      Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .replace(/=+$/, '')
        .slice(shift === 0 ? 0 : shift + 1, -1),
    );
    return [
      ...new Set([
        value,
        encodeURIComponent(value),
        JSON.stringify(value).slice(1, -1),
        bytes.toString('hex'),
        ...inBase64,
        ...inBase64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
      ]),
    ];
  }

  /** Bytes as text, and unpacked where they are packed. */
  function textOf(bytes: Buffer): string {
    let unpacked = '';
    for (let at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8])); at >= 0 && at < bytes.length; at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8]), at + 1)) {
      try {
        unpacked += gunzipSync(bytes.subarray(at)).toString('latin1');
      } catch {
        // Bytes that only look like a beginning.
      }
    }
    return `${bytes.toString('utf8')}${bytes.toString('latin1')}${unpacked}`;
  }

  function textsIn(value: unknown): string {
    if (Buffer.isBuffer(value)) return textOf(value);
    if (typeof value === 'object' && value !== null && '_bsontype' in value && 'buffer' in value) return textOf(Buffer.from(value.buffer as Uint8Array));
    if (value instanceof Uint8Array) return textOf(Buffer.from(value));
    if (Array.isArray(value)) return value.map(textsIn).join('\n');
    if (typeof value === 'object' && value !== null && !(value instanceof Date))
      return Object.entries(value)
        .flatMap(([key, inner]) => [key, textsIn(inner)])
        .join('\n');
    return String(value);
  }

  async function places(): Promise<Map<string, string>> {
    const { store, redis, config } = portal.composition;
    const found = new Map<string, string>([...pages, ...Object.entries(logs).map(([role, text]) => [`log ${role}`, text] as const)]);
    const db = store.connection.db!;
    for (const { name } of await db.listCollections().toArray()) found.set(`mongo ${name}`, textsIn(await db.collection(name).find().toArray()));
    for await (const keys of redis.client.scanIterator({ MATCH: `${config.redisPrefix}*` }))
      for (const key of keys) {
        const kind = await redis.client.type(key);
        const value =
          kind === 'string'
            ? await redis.client.get(key)
            : kind === 'hash'
              ? await redis.client.hGetAll(key)
              : kind === 'list'
                ? await redis.client.lRange(key, 0, -1)
                : kind === 'set'
                  ? await redis.client.sMembers(key)
                  : kind === 'zset'
                    ? await redis.client.zRange(key, 0, -1)
                    : kind === 'stream'
                      ? await redis.client.xRange(key, '-', '+')
                      : kind;
        found.set(`redis ${key}`, `${key}\n${textsIn(value)}`);
      }
    for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true }))
      if (entry.isFile())
        found.set(`disk ${join(entry.parentPath, entry.name).slice(dataDir.length)}`, textOf(await readFile(join(entry.parentPath, entry.name))));
    return found;
  }

  it('are found in clear nowhere but where they have to be: Mongo, Redis, disk, logs, mails, pages, the audit log and its file', async () => {
    const all = await places();
    const names = [...all.keys()];
    for (const kind of [
      /^mongo audit$/,
      /^mongo users$/,
      /^mongo callLogs$|^mongo calllogs$/i,
      /^mongo mails$/,
      /^redis /,
      /^disk .*snapshot/,
      /^log gateway$/,
      /^log worker$/,
      /^page audit file$/,
    ])
      expect(
        names.some((name) => kind.test(name)),
        String(kind),
      ).to.equal(true);
    expect(Object.values(logs).map((text) => text.length > 100)).to.deep.equal([true, true, true]);
    const allowed = (secret: string, place: string) => ALLOWED.some((one) => one.secret.test(secret) && one.place.test(place));
    const leaks = [...secrets].flatMap(([secret, value]) => {
      const written = spellings(value);
      return [...all].flatMap(([place, text]) => (!allowed(secret, place) && written.some((one) => text.includes(one)) ? [`${secret} in ${place}`] : []));
    });
    expect(leaks).to.deep.equal([]);
  });

  it('would be found: each is, once it is put somewhere, however it is written', () => {
    for (const value of secrets.values())
      for (const hidden of [
        value,
        `x${Buffer.from(`ab${value}z`).toString('base64')}`,
        Buffer.from(value).toString('hex'),
        `/path?x=${encodeURIComponent(value)}`,
      ])
        expect(
          spellings(value).some((one) => hidden.includes(one)),
          hidden,
        ).to.equal(true);
  });
});
