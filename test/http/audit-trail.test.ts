import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { AuditDoc } from '../../server/store/audit.ts';
import { makeCertificate } from '../support/certificates.ts';
import { turnOn } from '../support/authenticator.ts';
import type { Answer, Visitor } from '../support/browserless.ts';
import { startBuyerPortal, type BuyerPortal } from '../support/buyer-portal.ts';
import { formOf } from '../support/html-form.ts';
import { multipart } from '../support/multipart.ts';
import { PASSWORD } from '../support/portal.ts';
import { listedRoutes } from '../support/routes.ts';
import { CARDS, typeCard } from '../support/stripe.ts';
import { found } from '../support/found.ts';
import type { CredentialDoc } from '../../server/store/apps.ts';

/** Forms that change nothing, or whose record another test looks at; everything else has to leave exactly one here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  '/account/passkeys': 'test/http/passkeys.test.ts: a device has to answer',
  '/account/passkeys/:id/name': 'test/http/passkeys.test.ts',
  '/account/passkeys/:id/removal': 'test/http/passkeys.test.ts',
  '/account/passkeys/challenge': 'a question to a device, kept in the session',
  '/admin/accounts/:id/recovery': 'test/http/recovery.test.ts: one record in each organization concerned',
  '/admin/invoices/:id/replacement': 'test/integration/web/money-pages.test.ts',
  '/admin/invoices/:id/verification': 'test/integration/web/money-pages.test.ts',
  '/admin/nodes/:node/retirement': 'test/http/metering.test.ts: a gateway has to vanish',
  '/admin/organizations/:id/address-rule/end': 'test/http/rule-suspensions.test.ts: one record in the log of either side',
  '/admin/organizations/:id/suspension': 'test/http/rule-suspensions.test.ts',
  '/admin/organizations/:id/suspension/end': 'test/http/rule-suspensions.test.ts',
  '/admin/periods/:id/closing': 'asks the job to look again; the job does what is due anyway',
  '/admin/queues/:name/retry': 'a job has to have failed',
  '/admin/totals/:subscriptionId/:window/recount': 'test/integration/web/operator-totals.test.ts',
  '/admin/webhooks/:id/replay': 'test/integration/stripe: an event has to be stuck',
  '/billing/card': 'leads to Checkout; test/integration/web/buyer.test.ts sees the card arrive',
  '/gateways/:id/apis/:apiId/test': 'a call to the backend, which changes nothing',
  '/invoices/:id/attempt': 'test/integration/services/invoice-payment.test.ts',
  '/organization/single-sign-on/test': 'a call to the issuer, which changes nothing',
  '/password-reset': 'leaves one in the walk, though it answers with a page',
  '/sign-in/passkey': 'test/http/passkeys.test.ts',
  '/sign-in/passkey/challenge': 'a question to a device, kept in the session',
  '/sign-in/sso': 'the way to the issuer, kept in the session; test/http/sign-on.test.ts sees people come back',
  '/theme': 'a cookie',
  '/upstream-test': 'a call to the backend, which changes nothing',
};

/** What a page says against what was sent. */
const told = (html: string): string => [...html.matchAll(/class="error"[^>]*>([^<]*)/g)].map(([, text]) => text).join(' ');

type Fields = Record<string, string | readonly string[]>;

describe('every change on the portal', function () {
  this.timeout(300_000);
  let portal: BuyerPortal;
  const faults: string[] = [];
  const walked = new Set<string>();
  const ids: Record<string, string> = {};
  before(async () => {
    portal = await startBuyerPortal({ GATEWAY_PRIVATE_LISTEN: '127.0.0.2:9000' });
  });
  after(() => portal.stop());

  const recordsOf = (requestId: string): Promise<AuditDoc[]> =>
    portal.composition.store.connection.db!.collection<AuditDoc>('audit').find({ requestId }).toArray();

  /** What the answer's request left behind must be one record that says who, what, when and from where. */
  async function judge(route: string, answer: Answer, userId: string | null, status = 303): Promise<Answer> {
    walked.add(route);
    const requestId = answer.headers.get('x-request-id') ?? '';
    const found = await recordsOf(requestId);
    const [one] = found;
    const complete =
      one !== undefined &&
      one.address === '127.0.0.1' &&
      one.outcome === 'done' &&
      one.resource !== '' &&
      one.organizationId !== '' &&
      Math.abs(one.at - portal.composition.clock.now()) < 60_000 &&
      (userId === null || one.userId === userId);
    if (answer.status !== status || found.length !== 1 || !complete)
      faults.push(
        `${route}: ${answer.status} ${answer.location ?? ''}; ${found.length} records ${JSON.stringify(found.map(({ action, userId: by }) => [action, by]))} ${told(answer.text)}`,
      );
    return answer;
  }

  type Person = Visitor & { readonly userId: string };
  const address = (route: string): string =>
    route.replace(/:[a-zA-Z]+/g, (name) => {
      const id = ids[name.slice(1)];
      if (id === undefined) throw new Error(`the walk knows nothing for ${name} of ${route}`);
      return encodeURIComponent(id);
    });
  const does = async (person: Person, route: string, fields: Fields = {}, status = 303): Promise<Answer> =>
    judge(route, await person.post(address(route), fields as Record<string, string>), person.userId, status);
  /** As the page has it, with some fields filled in. */
  const fills = async (person: Person, page: string, route: string, fields: Fields, status = 303): Promise<Answer> =>
    does(person, route, { ...formOf((await person.get(address(page))).text, address(route)), ...fields }, status);
  const lastId = (answer: Answer, prefix: string): string => [...(answer.location ?? '').matchAll(new RegExp(`${prefix}_[a-z0-9]+`, 'g'))].at(-1)?.[0] ?? '';
  const mailed = async (email: string): Promise<string> => {
    const mails = await portal.composition.store.mails.sentTo(email, 0, Number.MAX_SAFE_INTEGER);
    return new URL(/https?:\/\/\S+/.exec(mails.at(-1)?.text ?? '')?.[0] ?? '').pathname;
  };
  const rev = async (page: string, route: string): Promise<string> => formOf((await owner.get(address(page))).text, address(route))['rev']?.[0] ?? '';
  let owner: Person & { readonly email: string; readonly organizationId: string };
  let operator: Person;

  it('of accounts leaves one record', async () => {
    const visitor = portal.visitor();
    const email = 'walker@example.test';
    const form = { email, password: PASSWORD, name: 'Walker', organization: 'Walkers' };
    await judge('/sign-up', await visitor.post('/sign-up', form), null, 200);
    await judge('/verify/:token', await visitor.post(await mailed(email)), null);
    await judge('/sign-in', await visitor.post('/sign-in', { email, password: PASSWORD }), null);
    const userId = (await portal.composition.store.accounts.userByEmail(email))?._id ?? '';
    const walker: Person = Object.assign(visitor, { userId });
    await does(walker, '/account/profile', { name: 'Walker Two' });
    await does(walker, '/account/password', { current: PASSWORD, password: 'another quiet river' });
    const elsewhere = async (): Promise<void> => void (await portal.visitor().post('/sign-in', { email, password: 'another quiet river' }));
    await elsewhere();
    ids['handle'] = /sessions\/([^/"]+)\/revocation/.exec((await walker.get('/account/sessions')).text)?.[1] ?? '';
    await does(walker, '/account/sessions/:handle/revocation');
    await elsewhere();
    await does(walker, '/account/sessions/revocation');
    await does(walker, '/organizations', { name: 'Second' });
    const [home] = (await portal.composition.store.accounts.membershipsOfUser(userId)).sort((a, b) => a.createdAt - b.createdAt);
    await does(walker, '/account/organization', { organizationId: home?.organizationId ?? '' });
    await does(walker, '/sign-out');
    await judge('/password-reset', await visitor.post('/password-reset', { email }), null, 200);
    await judge('/password-reset/:token', await visitor.post(await mailed(email), { password: PASSWORD }), null);

    owner = await portal.member('Owner');
    const { app } = await turnOn(owner);
    const [begun, confirmed] = (await portal.composition.store.audit.ofOrganization(owner.organizationId, 0, Number.MAX_SAFE_INTEGER))
      .filter(({ action }) => action === 'market:account:update')
      .map(({ after }) => (after as { secondFactor: string }).secondFactor);
    expect([begun, confirmed]).to.deep.equal(['begun', 'on']);
    walked.add('/account/two-factor').add('/account/two-factor/confirmation');
    await does(owner, '/account/two-factor/recovery-codes', { password: PASSWORD, code: app() }, 200);
    const again = portal.visitor();
    const half = await again.post('/sign-in', { email: owner.email, password: PASSWORD });
    expect(half.location).to.equal('/sign-in/code');
    expect(await recordsOf(half.headers.get('x-request-id') ?? ''), 'half of a sign-in').to.deep.equal([]);
    await judge('/sign-in/code', await again.post('/sign-in/code', { code: app(1) }), owner.userId);
    // So that a code of this minute is taken once more.
    await portal.composition.store.connection
      .db!.collection<{ _id: string }>('users')
      .updateOne({ _id: owner.userId }, { $set: { 'secondFactor.lastStep': 0 } });
    await does(owner, '/account/two-factor/off', { password: PASSWORD, code: app() });
  });

  it('of gateways and APIs leaves one record', async () => {
    ids['id'] = lastId(await does(owner, '/gateways', { name: 'Main', description: '' }), 'gw');
    await does(owner, '/gateways/:id/settings', { name: 'Main two', description: '', rev: await rev('/gateways/:id/settings', '/gateways/:id/settings') });
    for (const maintenance of ['on', 'off']) await does(owner, '/gateways/:id/maintenance', { maintenance });
    const revision = async () => /name="rev" value="(\d+)"/.exec((await owner.get(address('/gateways/:id/parameters'))).text)?.[1] ?? '';
    await does(owner, '/gateways/:id/parameters', { name: 'backend_timeout', value: '7000', rev: await revision() });
    const client = makeCertificate('client');
    await does(owner, '/gateways/:id/backend-certificate', { certificate: client.certificate, key: client.key, ca: '', rev: await revision() });
    await does(owner, '/gateways/:id/parameters', { name: 'backend_timeout', value: '8000', rev: await revision() });
    await does(owner, '/gateways/:id/parameter-defaults', { name: 'backend_timeout', rev: await revision() });
    const changeId = /name="changeId" value="([^"]+)"/.exec((await owner.get(address('/gateways/:id/parameters'))).text)?.[1] ?? '';
    await does(owner, '/gateways/:id/parameter-reversions', { changeId, rev: await revision() });
    ids['groupId'] = lastId(await does(owner, '/gateways/:id/groups', { name: 'Maps', description: '', label: '' }), 'grp');
    await fills(owner, '/gateways/:id/groups/:groupId', '/gateways/:id/groups/:groupId', { name: 'Maps two' });
    const api = {
      name: 'Tiles',
      summary: '',
      description: '',
      tags: '',
      method: 'GET',
      path: '/tiles',
      match: 'exact',
      security: 'APP',
      appCode: 'true',
      kind: 'mock',
    };
    const answer = { origin: '', backendPath: '', backendMethod: 'SAME', timeoutMs: '5000', retries: '0', mockStatus: '200', mockBody: '{}' };
    const made = await does(owner, '/gateways/:id/apis', { ...api, ...answer, groupId: ids['groupId'] ?? '' });
    ids['apiId'] = lastId(made, 'api');
    const editor = '/gateways/:id/apis/:apiId';
    await does(owner, editor, { ...api, ...answer, summary: 'Tiles of maps', rev: await rev(editor, editor) });
    const record = async (): Promise<void> => void (await does(owner, '/gateways/:id/apis/publication', { apiIds: ids['apiId'] ?? '' }));
    await record();
    await does(owner, editor, { ...api, ...answer, summary: 'Tiles of the world', rev: await rev(editor, editor) });
    await record();
    const publicationId = /name="publicationId" value="([^"]+)"/.exec((await owner.get(address('/gateways/:id/apis/:apiId/publishing'))).text)?.[1] ?? '';
    await does(owner, '/gateways/:id/apis/:apiId/rollback', { publicationId });
    ids['appId'] = lastId(await does(owner, '/apps', { name: 'Map', description: '', requestId: randomUUID() }), 'app');
    await does(owner, '/gateways/:id/apis/:apiId/authorizations', { appId: ids['appId'] ?? '' });
    ids['authorizationId'] = /authorizations\/([^/"]+)\/revocation/.exec((await owner.get(address('/gateways/:id/apis/:apiId/access'))).text)?.[1] ?? '';
    await does(owner, '/gateways/:id/apis/:apiId/authorizations/:authorizationId/revocation');
    const text = JSON.stringify({
      openapi: '3.0.3',
      info: { title: 'T', version: '1' },
      paths: { '/y': { get: { responses: { 200: { description: 'y' } } } } },
    });
    const imports = '/gateways/:id/groups/:groupId/imports';
    const uploaded = await multipart(portal.origin, owner, address(imports), { text, origin: 'https://maps.example.com' });
    walked.add(imports);
    expect(await recordsOf(uploaded.headers.get('x-request-id') ?? ''), 'a report alone changes nothing').to.deep.equal([]);
    ids['ordinal'] = (uploaded.location ?? '').split('/').at(-1)?.split('?')[0] ?? '';
    await does(owner, '/gateways/:id/groups/:groupId/imports/:ordinal/application');
  });

  it('of private connections leaves one record', async () => {
    const gateway = ids['id'] ?? '';
    const guest = await portal.member('Guest');
    const service = { state: 'on', acceptance: 'hand', whitelist: guest.organizationId, rev: '0' };
    await does(owner, '/gateways/:id/endpoints', service);
    const name = new RegExp(`[a-z0-9-]+\\.${gateway}`).exec((await owner.get(address('/gateways/:id/endpoints'))).text)?.[0] ?? '';
    const asked = async (): Promise<string> => {
      await does(guest, '/connections', { name, networks: '', message: '' });
      return (await portal.composition.store.endpoints.connectionsOfGateway(gateway)).find(({ live }) => live)?._id ?? '';
    };
    ids['connectionId'] = await asked();
    await does(owner, '/gateways/:id/endpoints/connections/:connectionId/rejection', { reason: '' });
    ids['connectionId'] = await asked();
    await does(owner, '/gateways/:id/endpoints/connections/:connectionId/acceptance');
    await does(owner, '/gateways/:id/endpoints/connections/:connectionId/disconnection', { reason: '' });
    ids['id'] = await asked();
    await does(guest, '/connections/:id/cancellation');
    ids['id'] = gateway;
    for (const listener of ['off', 'on']) await does(owner, '/gateways/:id/public-listener', { listener });
  });

  it('of products, plans and reviews leaves one record', async () => {
    await does(owner, '/selling/profile', { displayName: 'Owner Data', slug: 'owner-data', website: '', supportEmail: '', about: '' });
    const [gateway, apiId] = [ids['id'] ?? '', ids['apiId'] ?? ''];
    const listing = {
      name: 'Tiles',
      slug: 'tiles',
      tagline: 'Tiles of the world',
      description: 'Tiles of the whole world, drawn anew each day, in three sizes and two styles.',
      category: 'data',
      tags: 'tiles, maps',
      terms: 'Do no harm.',
      dataSource: '',
      dataLicence: '',
    };
    const product = await does(owner, '/products', { ...listing, groupId: ids['groupId'] ?? '', apiIds: apiId });
    ids['id'] = lastId(product, 'prd');
    const fieldsOf = async (page: string, route: string) => formOf((await owner.get(address(page))).text, address(route));
    await does(owner, '/products/:id/listing', { ...(await fieldsOf('/products/:id/listing', '/products/:id/listing')), tagline: 'Tiles of every place' });
    const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
    const file = { name: 'logo', filename: 'l.png', bytes: png, type: 'image/png' };
    await judge('/products/:id/logo', await multipart(portal.origin, owner, address('/products/:id/logo'), {}, file), owner.userId);
    await does(owner, '/products/:id/apis', { ...(await fieldsOf('/products/:id/apis', '/products/:id/apis')), apiIds: apiId });
    const plan = { name: 'free', title: 'Free', summary: '', kind: 'free', quota: 'hard', quotaLimit: '10', intent: 'save' };
    ids['planId'] = lastId(await fills(owner, '/products/:id/plans/new', '/products/:id/plans', plan), 'plan');
    if (ids['planId'] === '') ids['planId'] = /plans\/(plan_[a-z0-9]+)/.exec((await owner.get(address('/products/:id/plans'))).text)?.[1] ?? '';
    await fills(owner, '/products/:id/plans/:planId', '/products/:id/plans/:planId', { title: 'Free of charge', intent: 'save' });
    const effectiveAt = new Date(Date.now() + 60 * 86_400_000).toISOString().slice(0, 10);
    await fills(owner, '/products/:id/plans/:planId', '/products/:id/plans/:planId', { quotaLimit: '5', audience: 'all', effectiveAt, intent: 'save' });
    const { versionId } = await fieldsOf('/products/:id/plans/:planId', '/products/:id/plans/:planId/withdrawal');
    await does(owner, '/products/:id/plans/:planId/withdrawal', { versionId: versionId?.[0] ?? '' });
    const decided = async (route: string, more: Fields = {}) => {
      const { text } = await operator.get(address('/admin/reviews/:id'));
      return does(operator, route, { ...formOf(text, address(route)), ...more });
    };
    const made = await portal.composition.services.accounts.register({ email: 'olga@example.test', password: PASSWORD, name: 'Olga', organization: 'Olga' });
    if (!made) throw new Error('no operator');
    await portal.composition.services.accounts.addOperators(made.user);
    await portal.composition.store.accounts.removeMembership(made.organization._id, made.user._id);
    operator = Object.assign(portal.visitor(), { userId: made.user._id });
    await operator.post('/sign-in', { email: 'olga@example.test', password: PASSWORD });
    await does(owner, '/products/:id/submission');
    await does(owner, '/products/:id/withdrawal');
    await does(owner, '/products/:id/submission');
    await decided('/admin/reviews/:id/rejection', { reason: 'The description says too little.' });
    await does(owner, '/products/:id/submission');
    await decided('/admin/reviews/:id/approval');
    await does(operator, '/admin/totals/audits');
    await does(owner, '/products/:id/retirement');
    await does(owner, '/products/:id/plans/:planId/retirement');
    const second = await owner.post('/products', { ...listing, name: 'Streets', slug: 'streets', groupId: ids['groupId'] ?? '', apiIds: apiId });
    ids['id'] = lastId(second, 'prd');
    await does(owner, '/products/:id/deletion');
    ids['id'] = gateway;
  });

  it('of apps, keys and subscriptions leaves one record', async () => {
    const gateway = ids['id'] ?? '';
    ids['id'] = ids['appId'] ?? '';
    await does(owner, '/apps/:id', { name: 'Map two', description: 'Shown on maps' });
    await does(owner, '/apps/:id/credentials', { kind: 'key', name: 'first', expiry: 'never', requestId: randomUUID() }, 201);
    const [credential] = await found<CredentialDoc>(portal.composition.store, 'Credential', { appId: ids['appId'] ?? '' });
    ids['credentialId'] = credential?._id ?? '';
    await does(owner, '/apps/:id/credentials/:credentialId/name', { name: 'renamed' });
    await does(owner, '/apps/:id/credentials/:credentialId/rotation', { overlap: '15m', requestId: randomUUID() }, 201);
    await does(owner, '/apps/:id/credentials/:credentialId/revocation');
    await typeCard((await owner.post('/billing/card', { requestId: randomUUID() })).location ?? '', CARDS.good);
    const bought = await does(owner, '/subscriptions', {
      planId: portal.listing.planIds.starter,
      appId: ids['appId'] ?? '',
      appName: '',
      requestId: randomUUID(),
    });
    const resumed = lastId(bought, 'sub') || ((await portal.composition.store.subscriptions.ofOrganization(owner.organizationId))[0]?._id ?? '');
    ids['id'] = resumed;
    const resumption = await owner.post(address('/subscriptions/:id/resumption'));
    walked.add('/subscriptions/:id/resumption');
    expect(await recordsOf(resumption.headers.get('x-request-id') ?? ''), 'the way to a Checkout that was begun').to.deep.equal([]);
    await typeCard(resumption.location ?? bought.location ?? '', CARDS.good);
    await owner.get(address('/subscriptions/:id'));
    await does(owner, '/subscriptions/:id/apps/removal', { appId: ids['appId'] ?? '' });
    await does(owner, '/subscriptions/:id/apps', { appId: ids['appId'] ?? '' });
    await does(owner, '/subscriptions/:id/cancellation');
    await does(owner, '/subscriptions/:id/cancellation/undo');
    ids['id'] = ids['appId'] ?? '';
    await does(owner, '/apps/:id/removal', { confirmation: 'Map two' });
    ids['id'] = gateway;
  });

  it('of access keys and service accounts leaves one record', async () => {
    const gateway = ids['id'] ?? '';
    const { accessKeys } = portal.composition.services;
    const form = () => ({ kind: 'token', name: 'walk', life: '30', requestId: randomUUID() });
    const rotation = () => ({ overlap: '15m', requestId: randomUUID() });
    const actor = portal.actorOf(owner.organizationId, owner.userId);
    await does(owner, '/account/keys', form(), 201);
    ids['id'] = (await accessKeys.own(actor))[0]?.id ?? '';
    await does(owner, '/account/keys/:id/rotation', rotation(), 201);
    await does(owner, '/account/keys/:id/revocation');
    ids['id'] = (await accessKeys.own(actor)).find(({ state }) => state === 'active')?.id ?? '';
    await does(owner, '/organization/keys/:id/revocation');
    ids['id'] = lastId(await does(owner, '/organization/service-accounts', { name: 'Robot', purpose: '', policies: 'Developer' }), 'sva');
    const account = '/organization/service-accounts/:id';
    await fills(owner, account, account, { purpose: 'Deploys' });
    for (const enabled of ['false', 'true']) await does(owner, `${account}/state`, { enabled });
    await does(owner, `${account}/keys`, form(), 201);
    ids['keyId'] = (await accessKeys.ofServiceAccount(actor, ids['id'] ?? ''))[0]?.id ?? '';
    await does(owner, `${account}/keys/:keyId/rotation`, rotation(), 201);
    await does(owner, `${account}/keys/:keyId/revocation`);
    await does(owner, `${account}/deletion`);
    ids['id'] = gateway;
  });

  it('of single sign-on leaves one record', async () => {
    const gateway = ids['id'] ?? '';
    const home = '/organization/single-sign-on';
    await does(owner, home, { issuer: 'https://login.example.com', clientId: 'tollgate', clientSecret: 'said once', rev: '0' });
    await does(owner, `${home}/rules`, { admits: 'true', policies: 'Developer', rev: '1' });
    await does(owner, `${home}/domains`, { domain: 'owner.example' });
    ids['domain'] = 'owner.example';
    ids['id'] = `${owner.organizationId}.owner.example`;
    await does(operator, '/admin/domains/:id/confirmation', { evidence: 'TXT record seen' });
    await does(operator, '/admin/domains/:id/withdrawal');
    await does(owner, `${home}/domains/:domain/removal`);
    await does(owner, `${home}/removal`);
    ids['id'] = gateway;
  });

  it('of the organization and its members leaves one record', async () => {
    const gateway = ids['id'] ?? '';
    const { services, store } = portal.composition;
    await does(owner, '/organization', { name: 'Owner Ltd' });
    await does(owner, '/organization/audit/retention', { years: '3' });
    await does(owner, '/organization/members', { email: 'friend@example.test', policies: 'Developer' });
    const pending = async () => (await store.accounts.tokensOfOrganization(owner.organizationId)).filter(({ usedAt }) => usedAt === null).at(-1)?._id ?? '';
    ids['id'] = await pending();
    await does(owner, '/organization/invitations/:id/renewal');
    const invitation = await mailed('friend@example.test');
    const friend = await services.accounts.register({ email: 'friend@example.test', password: PASSWORD, name: 'Friend', organization: 'Friends' });
    const guest: Person = Object.assign(portal.visitor(), { userId: friend?.user._id ?? '' });
    await guest.post('/sign-in', { email: 'friend@example.test', password: PASSWORD });
    await judge('/invitations/:token', await guest.post(invitation), guest.userId);
    await owner.post('/organization/members', { email: 'another@example.test', policies: 'Developer' });
    ids['id'] = await pending();
    await does(owner, '/organization/invitations/:id/removal');
    ids['id'] = guest.userId;
    await fills(owner, '/organization/members/:id', '/organization/members/:id', { policies: ['Billing', 'Developer'] });
    const loser = await services.accounts.registerMember({ email: 'loser@example.test', password: PASSWORD, name: 'Loser' }, owner.organizationId, []);
    const lost: Person = Object.assign(portal.visitor(), { userId: loser?._id ?? '' });
    await lost.post('/sign-in', { email: 'loser@example.test', password: PASSWORD });
    await turnOn(lost);
    const half = portal.visitor();
    await half.post('/sign-in', { email: 'loser@example.test', password: PASSWORD });
    await judge('/sign-in/recovery', await half.post('/sign-in/recovery', { words: 'Desk 12' }), lost.userId, 200);
    ids['id'] = lost.userId;
    await does(owner, '/organization/members/:id/recovery', { reason: 'Met her' });
    await judge('/recovery/:token/refusal', await half.post(`${await mailed('loser@example.test')}/refusal`), lost.userId);
    await owner.post(address('/organization/members/:id/recovery'), { reason: 'Met her again' });
    await judge('/recovery/:token', await half.post(await mailed('loser@example.test'), { password: PASSWORD }), lost.userId);
    ids['id'] = guest.userId;
    await fills(owner, '/organization/rules', '/organization/rules', { keyAgeDaysMax: '90' });
    const text = '{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["apig:*"]}]}';
    const policyForm = (name: string) => ({ name, description: '', editor: 'json', text, press: 'save' });
    await does(owner, '/organization/policies', policyForm('Gateways'));
    const [policy] = await services.access.policies(portal.actorOf(owner.organizationId, owner.userId));
    ids['id'] = policy?._id ?? '';
    await does(owner, '/organization/policies/:id', {
      ...policyForm('All gateways'),
      rev: await rev('/organization/policies/:id/edit', '/organization/policies/:id'),
    });
    await does(owner, '/organization/policies/:id/deletion');
    ids['id'] = lastId(await does(owner, '/organization/groups', { name: 'Mappers', description: '' }), 'ugr');
    await fills(owner, '/organization/groups/:id', '/organization/groups/:id', { name: 'Map makers', policies: ['Developer'] });
    await does(owner, '/organization/groups/:id/members', { userId: guest.userId });
    await does(owner, '/organization/groups/:id/members/removal', { userId: guest.userId });
    await does(owner, '/organization/groups/:id/deletion');
    ids['id'] = guest.userId;
    await does(owner, '/organization/members/:id/transfer', { name: 'Owner Ltd' });
    await does(owner, '/organization/leaving', { organizationId: owner.organizationId });
    const member = await services.accounts.registerMember({ email: 'last@example.test', password: PASSWORD, name: 'Last' }, owner.organizationId, []);
    ids['id'] = member?._id ?? '';
    await does(guest, '/organization/members/:id/removal');
    ids['id'] = gateway;
    await does(guest, '/gateways/:id/apis/offline', { apiIds: ids['apiId'] ?? '', confirmed: 'true' });
    await does(guest, '/gateways/:id/apis/:apiId/deletion');
    ids['groupId'] = lastId(await guest.post(address('/gateways/:id/groups'), { name: 'Empty', description: '', label: '' }), 'grp');
    await does(guest, '/gateways/:id/groups/:groupId/deletion');
    await does(guest, '/gateways/:id/deletion', { name: 'Main two' });
  });

  it('was done in this walk, or is told elsewhere and why', () => {
    const posts = listedRoutes().flatMap(({ method, path }) => (method === 'post' ? [path] : []));
    expect(posts.length).to.be.greaterThan(90);
    const missed = posts.filter((path) => !walked.has(path) && ELSEWHERE[path] === undefined);
    expect({ faults, missed }).to.deep.equal({ faults: [], missed: [] });
    expect(Object.keys(ELSEWHERE).filter((path) => !posts.includes(path))).to.deep.equal([]);
  });
});
