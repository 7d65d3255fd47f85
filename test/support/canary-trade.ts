import { expect } from 'chai';
import { openGatewaySecret } from '../../server/domain/gateway-secrets.ts';
import { signatureOf as stripeSignature } from '../../sandbox/stripe/webhooks.ts';
import { bearerClient } from './api-client.ts';
import type { CanaryWorld } from './canary-world.ts';
import { definition } from './catalog-world.ts';
import { makeCertificate } from './certificates.ts';
import { multipart } from './multipart.ts';
import { settled } from './queue.ts';
import { CARDS, typeCard } from './stripe.ts';
import { found } from './found.ts';
import type { CredentialDoc } from '../../server/store/apps.ts';

/** A provider with a key of its backend, and callers with every proof there is. */
export async function callerStory(world: CanaryWorld): Promise<void> {
  const { note } = world.canaries;
  const actor = world.actor;
  const { member } = world;
  const { portal, upstream, canaries, call, shown, requestId } = world;
  const { store, services } = portal.composition;
  const { seen } = canaries;
  world.kept.gatewayId = (await services.catalog.gateways.create(actor(), { name: 'Canary', description: '' }))._id;
  for (const name of ['app_secret', 'app_basic', 'app_api_key']) {
    const { rev } = await services.catalog.gateways.get(actor(), world.kept.gatewayId);
    seen(`parameter ${name}`, await member.post(`/gateways/${world.kept.gatewayId}/parameters`, { name, value: 'on', rev: String(rev) }));
  }
  const group = await services.catalog.groups.create(actor(), world.kept.gatewayId, { name: 'Canary', description: '', label: 'canary' });
  const constant = note('backend constant', 'canary-backend-constant');
  const shownConstant = note('backend constant that is not marked', 'canary-unmarked-constant');
  const typed = { h0_name: 'X-Backend-Key', h0_in: 'header', h0_value: constant, h0_secret: 'true' };
  const form = (path: string) => ({
    groupId: group._id,
    name: path,
    method: 'GET',
    path,
    match: 'exact',
    security: 'APP',
    appCode: 'true',
    kind: 'http',
    origin: upstream.origin,
    backendPath: path,
  });
  const refusedForm = await member.post(`/gateways/${world.kept.gatewayId}/apis`, {
    ...form('/seen'),
    ...typed,
    origin: `http://canary:${note('password in an address', 'canary-user-info')}@127.0.0.1`,
  });
  expect(seen('refused API', refusedForm).text).to.contain('Leave user name and password out');
  const saved = await member.post(`/gateways/${world.kept.gatewayId}/apis`, { ...form('/seen'), ...typed });
  const seenId = /api_[a-z0-9]+/.exec(saved.location ?? '')?.[0] ?? '';
  const backend = { kind: 'http', origin: upstream.origin, method: 'SAME', path: '/hostile', timeoutMs: 2_000, retries: 0 } as const;
  const hostile = await services.catalog.apis.create(
    actor(),
    world.kept.gatewayId,
    group._id,
    definition('/hostile', {
      backend,
      backendParameters: [
        { name: 'X-Backend-Key', in: 'header', value: constant },
        { name: 'mode', in: 'query', value: shownConstant },
      ],
    }),
  );
  const unsealed = await services.catalog.apis.create(
    actor(),
    world.kept.gatewayId,
    group._id,
    definition('/unsealed', { backend: { ...backend, path: '/unsealed' }, backendParameters: [{ name: 'X-Backend-Key', in: 'header', value: constant }] }),
  );
  world.kept.apiIds = [seenId, hostile._id, unsealed._id];
  await services.catalog.publishing.publish(actor(), world.kept.gatewayId, world.kept.apiIds, '');
  expect(seen('definition', await member.get(`/gateways/${world.kept.gatewayId}/apis/${seenId}`)).text).to.contain('Kept unless you type a new one');
  seen('connection test', await member.post(`/gateways/${world.kept.gatewayId}/apis/${seenId}/test`));
  expect(upstream.seen.at(-1)?.headers['x-backend-key'], 'the test sends it').to.equal(constant);
  const stray = { name: '', description: '', password: note('stray field', 'canary stray field') };
  seen('refused settings', await member.post(`/gateways/${world.kept.gatewayId}/settings`, stray));
  const document = { openapi: '3.0.3', info: { title: 'T', version: '1' }, paths: { '/y': { get: { responses: { 200: { description: 'y' } } } } } };
  const imports = `/gateways/${world.kept.gatewayId}/groups/${group._id}/imports`;
  const broken = `${JSON.stringify(document)}\n"${note('broken document', 'canary in a broken document')}`;
  seen('import', await multipart(portal.origin, member, imports, { text: broken, origin: 'https://maps.example.com' }));
  const carrying = { ...document, servers: [{ url: `https://canary:${note('password in a document', 'canary-in-a-server')}@maps.example.com` }] };
  const settings = { text: JSON.stringify(carrying), origin: '', security: 'APP', appCode: 'true', timeoutMs: '5000', mode: 'merge' };
  const imported = await multipart(portal.origin, member, imports, settings);
  expect(seen('import report', await member.get(imported.location ?? '')).text).to.contain('user name or password');

  const certificate = makeCertificate('canary');
  // One line of it, as every line of PEM is the same wherever it is written.
  note('key of the client certificate', certificate.key.split('\n')[1]);
  const parameter = async (path: string, fields: Record<string, string>) => {
    const { rev } = await services.catalog.gateways.get(actor(), world.kept.gatewayId);
    return seen(`${path} ${fields['name'] ?? ''}`, await member.post(`/gateways/${world.kept.gatewayId}/${path}`, { ...fields, rev: String(rev) }));
  };
  const pasted = { ca: '', certificate: certificate.certificate, key: certificate.key };
  expect((await parameter('backend-certificate', { ...pasted, certificate: 'none' })).status).to.equal(422);
  expect((await parameter('backend-certificate', pasted)).status).to.equal(303);
  expect((await parameter('parameters', { name: 'app_token', value: 'on' })).status).to.equal(303);
  const { parameters, secrets = {} } = await services.catalog.gateways.get(actor(), world.kept.gatewayId);
  const { app_token_key: keyId = '' } = parameters;
  const { secretKeys } = portal.composition.config;
  note('key of access tokens', openGatewaySecret(secretKeys, world.kept.gatewayId, keyId, secrets[keyId] ?? { sealed: '' }) ?? undefined);
  seen('parameters', await member.get(`/gateways/${world.kept.gatewayId}/parameters`));

  await member.post('/apps', { name: 'Canary', description: '', ...requestId() });
  const appId = (await store.apps.appsOf(member.organizationId))[0]?._id ?? '';
  for (const apiId of world.kept.apiIds) await services.catalog.authorizations.grant(actor(), apiId, appId);
  const issue = (kind: string) => member.post(`/apps/${appId}/credentials`, { kind, name: '', expiry: 'never', ...requestId() });
  world.kept.appCode = shown('AppCode', await issue('code'));
  const key = await issue('key');
  const [row] = (await found<CredentialDoc>(store, 'Credential', { appId })).filter((one) => 'appKey' in one && one.appKey);
  const appKey = (row as { appKey: string }).appKey;
  const appSecret = shown('AppSecret', key, (word) => word !== appKey);
  expect(await call('/seen', { 'x-hw-id': appKey, 'x-hw-appkey': appSecret })).to.equal(200);
  const rotation = await member.post(`/apps/${appId}/credentials/${row?._id}/rotation`, { overlap: '1h', ...requestId() });
  shown('rotated AppSecret', rotation, (word) => word !== appKey);
  seen('app', await member.get(`/apps/${appId}`));
  expect(await call('/seen', { 'x-apig-appcode': world.kept.appCode })).to.equal(200);
  const basic = `Basic ${Buffer.from(`${appKey}:${appSecret}`).toString('base64')}`;
  note('Basic', basic.slice(6));
  expect(await call('/seen', { authorization: basic })).to.equal(200);
  const given = (await world.token({ grant_type: 'client_credentials', client_id: appKey, client_secret: appSecret })) as Record<string, string>;
  const access = note('access token', given['access_token']);
  note('refresh token', given['refresh_token']);
  expect(await call('/seen', { authorization: `Bearer ${access}` })).to.equal(200);
  expect(await call('/seen', { authorization: `Bearer ${access}x` })).to.equal(401);
  expect(upstream.seen.every(({ headers }) => headers['x-backend-key'] === constant)).to.equal(true);
  expect(await call('/seen', { 'x-apig-appcode': note('refused AppCode', `tgc_${'canaryrefused'.repeat(4)}`) })).to.equal(401);
  expect(await call(`/seen?x-apig-appcode=${note('code in the query', `tgc_${'canaryquery'.repeat(4)}`)}`, {})).to.be.oneOf([400, 401]);
  expect(await call('/seen', { authorization: `Bearer ${note('Bearer', 'canary-bearer-that-is-none')}` })).to.equal(401);
  expect(await call('/nothing', { cookie: `tollgate=${note('stray cookie', 'canary-stray-cookie')}` })).to.equal(404);
}

/** A card, and webhooks. */
export async function moneyStory(world: CanaryWorld): Promise<void> {
  const { note } = world.canaries;
  const { member } = world;
  const { portal, canaries, requestId } = world;
  const { store, config } = portal.composition;
  const [app] = await store.apps.appsOf(member.organizationId);
  const bought = await member.post('/subscriptions', { planId: portal.listing.planIds.starter, appId: app?._id ?? '', appName: '', ...requestId() });
  note('card number', CARDS.good);
  expect((await typeCard(bought.location ?? '', CARDS.good)).status, 'the card is taken, so Stripe took our key').to.be.oneOf([302, 303]);
  note('Stripe key', config.stripe.secretKey);
  const [subscription] = await store.subscriptions.ofOrganization(member.organizationId);
  canaries.seen('subscription', await member.get(`/subscriptions/${subscription?._id}`));
  const deliver = async (body: string, signature: string) =>
    (
      await fetch(new URL('/webhooks/stripe', portal.origin), {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'stripe-signature': signature },
      })
    ).status;
  const secret = note('webhook secret', config.stripe.webhookSecrets[0]);
  const event = {
    id: 'evt_canary',
    object: 'event',
    api_version: '2026-08-26.dahlia',
    livemode: false,
    pending_webhooks: 1,
    request: null,
    type: 'invoice.paid',
  };
  const body = JSON.stringify({ ...event, created: Math.floor(Date.now() / 1_000), data: { object: { id: 'in_unknown', object: 'invoice' } } });
  const right = stripeSignature(body, secret, Date.now());
  note('signature of a webhook', right.split('v1=')[1]);
  expect(await deliver(body, right)).to.equal(200);
  expect(await deliver(note('webhook body', 'canary webhook body'), `t=1,v1=${note('webhook signature', 'canarywebhooksignature')}`)).to.equal(400);
}

/** What breaks for real, and what is said of it. */
export async function brokenStory(world: CanaryWorld): Promise<void> {
  const { note } = world.canaries;
  const actor = world.actor;
  const { member } = world;
  const { portal, canaries, call, upstream, requestId } = world;
  const { store, services, config } = portal.composition;
  const { seen } = canaries;
  const heard = (role: string) => canaries.logs.get(`log ${role}`) ?? '';
  const code = { 'x-apig-appcode': world.kept.appCode };
  const [seenId = '', , unsealedId = ''] = world.kept.apiIds;

  expect(await call('/hostile?q=1', code), 'an answer that is none').to.equal(502);
  expect(upstream.seen.at(-1)?.headers['x-backend-key'], 'which quoted it').to.equal(canaries.secrets.get('backend constant'));
  const publications = store.connection.db?.collection<{ apiId: string; definition: { backendParameters: unknown[] } }>('publications');
  const other = await publications?.findOne({ apiId: seenId });
  await publications?.updateOne({ apiId: unsealedId }, { $set: { 'definition.backendParameters': other?.definition.backendParameters ?? [] } });
  await services.changes.announce('catalogue-changed', { what: 'publication', id: unsealedId });
  await settled(async () => (await call('/unsealed', code)) === 500);
  // Another process: its line comes when it comes.
  await settled(async () => heard('gateway').includes('gateway fault') && heard('gateway').includes(unsealedId));

  await store.connection.db?.collection<{ _id: string }>('apis').updateOne({ _id: seenId }, { $set: { definition: null } });
  await services.catalog.apis.create(
    actor(),
    world.kept.gatewayId,
    (await store.apis.api(seenId))?.groupId ?? '',
    definition('/after', { backend: { kind: 'mock', status: 200, headers: [], body: '' } }),
  );
  const page = seen('a 500', await member.get(`/gateways/${world.kept.gatewayId}/apis/${seenId}?key=${note('value in a query', 'canary-value-in-a-query')}`));
  expect([page.status, page.text.includes('The fault is ours')]).to.deep.equal([500, true]);
  expect(await world.program(`/gateways/${world.kept.gatewayId}/apis`, { authorization: `Bearer ${world.kept.personalToken}` }), 'problem+json').to.equal(500);
  const posted = await member.post(`/gateways/${world.kept.gatewayId}/apis/${seenId}`, {
    h0_name: 'X-Key',
    h0_in: 'header',
    h0_value: note('value in a broken form', 'canary-in-a-broken-form'),
    h0_secret: 'true',
  });
  expect(seen('a 500 of a form', posted).status).to.equal(500);
  expect(heard('web')).to.contain('"internal"').and.contain('TypeError');

  await portal.stripe.close();
  const failed = seen('a 503', await member.post('/billing/card', requestId()));
  expect(failed.status).to.be.within(500, 503);
  const strayBearer = { accept: 'application/json', authorization: `Bearer ${note('portal Bearer', 'canary-portal-bearer')}` };
  expect(seen('problem', await member.get('/nothing', strayBearer)).status).to.equal(404);
  seen('audit file', await member.get('/organization/audit.csv'));
  seen('audit page', await member.get('/organization/audit'));
  world.noteSession('a member', member);
  note('session secret', config.sessionSecret);
  note('sealing key', config.secretKeys[0]?.key.toString('base64'));
  await world.endRoles();

  // The password is being hashed when the connections go.
  const lines = heard('web').length;
  const under = [
    portal.visitor().post('/sign-in', { email: member.email, password: note('password in mid request', 'canary in mid request') }),
    member.get('/apps', { accept: 'application/json' }),
    bearerClient(portal.origin, world.kept.personalToken).send('GET', '/me'),
  ];
  await world.cutStore();
  const cut = await Promise.all([
    ...under,
    member.get('/gateways'),
    member.post('/apps', { name: note('name without a database', 'canary without a database'), description: '', ...requestId() }),
  ]);
  cut.forEach(({ headers, text }, index) => canaries.seenText(`without a database ${index}`, `${JSON.stringify([...headers])}${text}`));
  expect(
    cut.slice(-2).map(({ status }) => status >= 500),
    'nothing is answered without a database',
  ).to.deep.equal([true, true]);
  expect(heard('web').slice(lines), 'and the log says why')
    .to.contain('requestId')
    .and.match(/Mongo|Topology|connection/);
}
