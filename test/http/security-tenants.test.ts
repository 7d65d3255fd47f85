import { createHash, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { multipart } from '../support/multipart.ts';
import { PASSWORD } from '../support/portal.ts';
import type { Answer } from '../support/browserless.ts';
import { startBuyerPortal, type BuyerPortal } from '../support/buyer-portal.ts';
import type { Member } from '../support/portal.ts';
import { definition, productFields } from '../support/catalog-world.ts';
import { listedRoutes } from '../support/routes.ts';
import { CARDS, typeCard } from '../support/stripe.ts';

type Ids = Readonly<Record<string, string>>;

const MOCK = { backend: { kind: 'mock', status: 200, headers: [], body: '' } } as const;

/** Ids of nothing, in the form of the real ones. */
const MISSING: Ids = Object.fromEntries(
  [
    'gateway',
    'group',
    'api',
    'authorization',
    'product',
    'plan',
    'app',
    'credential',
    'subscription',
    'invoice',
    'user',
    'invitation',
    'policy',
    'userGroup',
    'connection',
    'ordinal',
  ].map((name) => [name, name === 'ordinal' ? '7' : `${name.slice(0, 3)}_00000000000000000000000000`]),
);

const PARAMETERS: Readonly<Record<string, string>> = {
  groupId: 'group',
  apiId: 'api',
  authorizationId: 'authorization',
  planId: 'plan',
  connectionId: 'connection',
  credentialId: 'credential',
  ordinal: 'ordinal',
};
const FAMILIES: Readonly<Record<string, string>> = {
  connections: 'connection',
  gateways: 'gateway',
  products: 'product',
  apps: 'app',
  subscriptions: 'subscription',
  invoices: 'invoice',
  members: 'user',
  groups: 'userGroup',
  invitations: 'invitation',
  policies: 'policy',
};
/** `/gateways/:id/apis/:apiId` with ids in it; null when the route is about nothing that an organization owns. */
function addressed(path: string, ids: Ids): string | null {
  if (!path.includes(':') || path.startsWith('/admin/')) return null;
  let known = true;
  const address = path.replace(/:([a-zA-Z]+)/g, (_all, name: string, at: number) => {
    const kind = name === 'id' ? FAMILIES[path.slice(0, at).split('/').filter(Boolean).at(-1) ?? ''] : PARAMETERS[name];
    if (kind === undefined) known = false;
    return ids[kind ?? ''] ?? '';
  });
  return known ? (path === '/gateways/:id/apis/new' ? `${address}?group=${ids['group']}` : address) : null;
}

/** Fields with which the owner's own form would be accepted, as far as a stranger can know them. */
const fieldsFor = (path: string, ids: Ids): Record<string, string> => {
  const named = { name: 'Taken over', description: '' };
  if (path === '/apps/:id') return named;
  if (path.endsWith('/removal') && path.startsWith('/apps/')) return { confirmation: 'Map' };
  if (path.endsWith('/credentials')) return { kind: 'code', name: '', expiry: 'never', requestId: randomUUID() };
  if (path.endsWith('/rotation')) return { overlap: 'now', requestId: randomUUID() };
  if (path.endsWith('/parameters')) return { name: 'backend_timeout', value: '7', rev: '1' };
  if (path.endsWith('/parameter-defaults')) return { name: 'backend_timeout', rev: '1' };
  if (path.endsWith('/parameter-reversions')) return { changeId: 'evt_1', rev: '1' };
  if (path.endsWith('/name')) return { name: 'Taken over' };
  if (path.startsWith('/subscriptions/') && path.includes('/apps')) return { appId: ids['app'] ?? '' };
  if (path.endsWith('/endpoints')) return { state: 'on', acceptance: 'automatic', whitelist: '*', rev: '1' };
  if (path.endsWith('/public-listener')) return { listener: 'off' };
  if (path.endsWith('/maintenance')) return { maintenance: 'on' };
  if (path.endsWith('/settings') || path.endsWith('/groups/:groupId')) return { ...named, rev: '1' };
  if (path.endsWith('/groups')) return { ...named, label: '' };
  if (path.endsWith('/publication') || path.endsWith('/offline')) return { apiIds: ids['api'] ?? '', confirmed: 'true' };
  if (path.endsWith('/rollback')) return { publicationId: 'pub_1' };
  if (path.endsWith('/authorizations')) return { appId: ids['app'] ?? '' };
  if (path === '/organization/members/:id') return { policies: 'Administrator' };
  if (path.endsWith('/transfer')) return { name: 'Foreign & Co' };
  if (path.endsWith('/logo')) return { removal: 'true' };
  if (path.startsWith('/products/') && path.endsWith('/apis')) return { rev: '1', apiIds: ids['api'] ?? '' };
  if (path.startsWith('/products/') && path.endsWith('/listing')) return { ...productFields(), tags: 'geo', rev: '1' };
  if (path.startsWith('/products/') && path.includes('/plans')) return { name: 'mine', title: 'Mine', summary: '', kind: 'free', quota: 'none', rev: '1' };
  return {};
};

describe('security between organizations', function () {
  this.timeout(180_000);
  let portal: BuyerPortal;
  let owner: Member;
  let stranger: Member;
  let ids: Ids;

  before(async () => {
    portal = await startBuyerPortal();
    owner = await portal.member('Harbor');
    stranger = await portal.member('Stranger');
    const { services, store, ids: minted } = portal.composition;
    const actor = portal.actorOf(owner.organizationId, owner.userId);
    // The buyer, who also sells something of its own.
    const form = { planId: portal.listing.planIds.starter, appId: 'new', appName: 'Map', requestId: randomUUID() };
    await typeCard((await owner.post('/subscriptions', form)).location ?? '', CARDS.good);
    const [subscription] = await store.subscriptions.ofOrganization(owner.organizationId);
    await owner.get(`/subscriptions/${subscription?._id}`);
    const [app] = await store.apps.appsOf(owner.organizationId);
    const issued = await services.credentials.issue(actor, { appId: app?._id ?? '', kind: 'code', name: 'c', notAfter: null, requestId: minted.uuid() });
    const gateway = await services.catalog.gateways.create(actor, { name: 'Own', description: '' });
    const group = await services.catalog.groups.create(actor, gateway._id, { name: 'Own', description: '', label: 'own-things' });
    const api = await services.catalog.apis.create(actor, gateway._id, group._id, definition('/x', MOCK));
    await services.catalog.authorizations.grant(actor, api._id, app?._id ?? '');
    const [grant] = (await services.catalog.authorizations.ofApi(actor, api._id)).rows;
    const product = await services.catalog.products.create(actor, group._id, [api._id], productFields({ slug: 'own-things' }));
    const plan = await services.catalog.plans.create(
      actor,
      product._id,
      { name: 'free', title: 'Free', summary: '' },
      (await store.products.planVersion((await store.products.plan(portal.listing.planIds.free))?.currentVersionId ?? ''))!.document,
    );
    const document = JSON.stringify({
      openapi: '3.0.3',
      info: { title: 'T', version: '1' },
      paths: { '/y': { get: { responses: { 200: { description: 'y' } } } } },
    });
    await multipart(portal.origin, owner, `/gateways/${gateway._id}/groups/${group._id}/imports`, { text: document, origin: 'https://api.example.com' });
    await owner.post('/organization/members', { email: 'friend@example.test', policies: 'Developer' });
    const text = '{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["apig:*"]}]}';
    const policy = await services.access.createPolicy(actor, { name: 'Own', description: '', text });
    const userGroup = await services.access.createGroup(actor, { name: 'Own', description: '', policies: [] });
    await services.endpoints.saveService(actor, gateway._id, 0, { on: true, automatic: false, whitelist: [] });
    const { service } = await services.endpoints.ofGateway(actor, gateway._id);
    const connection = await services.endpoints.request(actor, { name: service?.name ?? '', message: 'own', networks: [] });
    const [invitation] = await store.accounts.tokensOfOrganization(owner.organizationId);
    ids = {
      gateway: gateway._id,
      connection: connection._id,
      group: group._id,
      api: api._id,
      authorization: grant?.authorization._id ?? '',
      product: product._id,
      plan: plan._id,
      app: app?._id ?? '',
      credential: issued.credential.id,
      subscription: subscription?._id ?? '',
      invoice: `inv_${subscription?._id}_0`,
      user: owner.userId,
      invitation: invitation?._id ?? '',
      policy: policy._id,
      userGroup: userGroup._id,
      ordinal: '1',
    };
  });
  after(() => portal.stop());

  const ROUTES = listedRoutes().flatMap(({ method, path }) => (addressed(path, MISSING) === null ? [] : [{ method, path }]));
  const send = (person: Member, method: 'get' | 'post', path: string, of: Ids): Promise<Answer> => {
    const address = addressed(path, of) ?? '';
    return method === 'get' ? person.get(address) : person.post(address, fieldsFor(path, of));
  };
  /** Everything that is stored, but for who is signed in and where the stranger was looked for. */
  async function stored(): Promise<string> {
    const db = portal.composition.store.connection.db!;
    const hash = createHash('sha256');
    for (const { name } of (await db.listCollections().toArray()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (name === 'sessions') continue;
      const rows = (await db.collection(name).find().toArray()).map((row) =>
        JSON.stringify(row, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
      );
      hash.update(name).update(rows.sort().join('\n'));
    }
    return hash.digest('hex');
  }
  const plain = ({ text }: Answer, of: Ids): string => {
    let shown = text.replace(/req_\w+/g, 'req').replace(/nonce="[^"]*"/g, '');
    // The longest first: some ids are made of others.
    for (const id of Object.values(of).sort((a, b) => b.length - a.length)) if (id.length > 3) shown = shown.replaceAll(id, '…');
    return shown;
  };

  it('reads every page of its owner: the ids below lead somewhere', async () => {
    for (const { method, path } of ROUTES) {
      if (method !== 'get' || path === '/products/:id/logo') continue;
      expect((await send(owner, method, path, ids)).status, path).to.be.oneOf([200, 303]);
    }
  });

  it('answers a stranger on every route as if there were nothing, and nothing changes (not-found)', async () => {
    expect(ROUTES.length).to.be.greaterThan(55);
    const before = await stored();
    for (const { method, path } of ROUTES) {
      const [foreign, missing] = [await send(stranger, method, path, ids), await send(stranger, method, path, MISSING)];
      const where = `${method} ${path}`;
      // A gateway's bare address leads on to its groups whether or not there is one.
      expect(foreign.status, where).to.equal(path === '/gateways/:id' && method === 'get' ? 303 : 404);
      expect(missing.status, where).to.equal(foreign.status);
      const shown = (answer: Answer, of: Ids) => plain(answer, { ...of, path: addressed(path, of)?.split('?')[0] ?? '' });
      expect(shown(foreign, ids), where).to.equal(shown(missing, MISSING));
    }
    expect(await stored()).to.equal(before);
  });

  it('mixes no pair of ids: what is the stranger’s own opens nothing beneath it', async () => {
    const { catalog } = portal.composition.services;
    const actor = portal.actorOf(stranger.organizationId, stranger.userId);
    const gateway = await catalog.gateways.create(actor, { name: 'Mine', description: '' });
    const group = await catalog.groups.create(actor, gateway._id, { name: 'Mine', description: '', label: '' });
    const api = await catalog.apis.create(actor, gateway._id, group._id, definition('/mine', MOCK));
    const product = await catalog.products.create(actor, group._id, [api._id], productFields({ slug: 'mine' }));
    await stranger.post('/apps', { name: 'Mine', description: '', requestId: randomUUID() });
    const [app] = await portal.composition.store.apps.appsOf(stranger.organizationId);
    const own: Ids = { ...ids, gateway: gateway._id, product: product._id, app: app?._id ?? '' };
    const before = await stored();
    let pairs = 0;
    for (const { method, path } of ROUTES) {
      const mixed = /\/(gateways|products|apps)\/:id\/.*:/.test(path);
      if (!mixed) continue;
      pairs += 1;
      expect((await send(stranger, method, path, own)).status, `${method} ${path}`).to.equal(404);
      if (path.includes(':apiId/'))
        expect((await send(stranger, method, path, { ...own, api: api._id, gateway: ids['gateway'] ?? '' })).status, path).to.equal(404);
    }
    expect(pairs).to.be.greaterThan(20);
    expect(await stored()).to.equal(before);
  });

  it('takes no foreign id in a field either: app, group, API, publication, plan', async () => {
    const { catalog } = portal.composition.services;
    const actor = portal.actorOf(stranger.organizationId, stranger.userId);
    const gateway = await catalog.gateways.create(actor, { name: 'Fields', description: '' });
    const group = await catalog.groups.create(actor, gateway._id, { name: 'Fields', description: '', label: '' });
    const api = await catalog.apis.create(actor, gateway._id, group._id, definition('/fields', MOCK));
    const product = await catalog.products.create(actor, group._id, [api._id], productFields({ slug: 'fields' }));
    const before = await stored();
    const foreign = [ids['api'] ?? '', api._id];
    const refused: [string, Record<string, string | string[]>, number[]][] = [
      ['/subscriptions', { planId: portal.listing.planIds.free, appId: ids['app'] ?? '', requestId: randomUUID() }, [422]],
      ['/products', { ...productFields(), tags: '', groupId: ids['group'] ?? '', apiIds: ids['api'] ?? '' }, [404]],
      ['/products', { ...productFields(), tags: '', slug: 'stolen', groupId: group._id, apiIds: foreign }, [422]],
      [`/products/${product._id}/apis`, { rev: String(product.rev), apiIds: foreign }, [422]],
      [`/gateways/${gateway._id}/apis`, { groupId: ids['group'] ?? '', name: 'X', method: 'GET', path: '/x', kind: 'mock', mockStatus: '200' }, [404]],
      [`/gateways/${gateway._id}/apis/publication`, { apiIds: ids['api'] ?? '' }, [404]],
      [`/gateways/${gateway._id}/apis/publication`, { groupId: ids['group'] ?? '', all: 'true' }, [404]],
      [`/gateways/${gateway._id}/apis/offline`, { apiIds: ids['api'] ?? '', confirmed: 'true' }, [404]],
      [`/gateways/${gateway._id}/apis/${api._id}/rollback`, { publicationId: ids['api'] ?? '' }, [404, 303]],
      ['/account/organization', { organizationId: owner.organizationId }, [404]],
    ];
    for (const [path, fields, statuses] of refused)
      expect((await stranger.post(path, fields)).status, `${path} ${JSON.stringify(fields)}`).to.be.oneOf(statuses);
    expect(await stored()).to.equal(before);
  });

  it('sells nothing that is not on sale: an unlisted product, a retired plan, one’s own', async () => {
    const { store } = portal.composition;
    const before = await store.subscriptions.ofOrganization(stranger.organizationId);
    const subscribe = (planId: string, more: Record<string, string> = {}) =>
      stranger.post('/subscriptions', { planId, appId: 'new', appName: 'A', requestId: randomUUID(), ...more });
    expect((await subscribe(ids['plan'] ?? '')).status, 'a draft').to.equal(404);
    expect((await subscribe('plan_00000000000000000000000000')).status).to.equal(404);
    // A version is never the buyer's choice, nor is what it costs.
    const version = (await store.products.plan(portal.listing.planIds.starter))?.currentVersionId ?? '';
    expect((await subscribe(version)).status, 'a version').to.equal(404);
    for (const field of ['planVersionId', 'price', 'amount', 'currency', 'quantity', 'status', 'organizationId', 'coupon'])
      expect((await subscribe(portal.listing.planIds.starter, { [field]: '0' })).status, field).to.equal(422);
    expect(await store.subscriptions.ofOrganization(stranger.organizationId)).to.deep.equal(before);
    const { catalog } = portal.composition.services;
    const plan = await catalog.plans.create(
      portal.provider,
      portal.listing.productId,
      { name: 'gone', title: 'Gone', summary: '' },
      (await store.products.planVersion((await store.products.plan(portal.listing.planIds.free))?.currentVersionId ?? ''))!.document,
    );
    await catalog.plans.retire(portal.provider, plan._id);
    expect((await subscribe(plan._id)).status, 'a retired plan').to.equal(404);
  });

  it('gives another organization nothing for a form’s key that was used elsewhere', async () => {
    const { store } = portal.composition;
    const requestId = randomUUID();
    const one = await portal.member('First');
    const two = await portal.member('Second');
    const fields = { planId: portal.listing.planIds.free, appId: 'new', appName: 'A', requestId };
    const [first, second] = [await one.post('/subscriptions', fields), await two.post('/subscriptions', fields)];
    expect(first.location).to.be.a('string').and.not.equal(second.location);
    for (const { organizationId } of [one, two]) expect(await store.subscriptions.ofOrganization(organizationId)).to.have.length(1);
    expect((await two.get(first.location ?? '')).status).to.equal(404);
  });

  it('shows nobody but its owner the logo and texts of what is not listed', async () => {
    expect((await portal.visitor().get(`/apis/own-things`)).status).to.equal(404);
    expect((await portal.visitor().get('/catalog.json', { accept: 'application/json' })).text).not.to.include('own-things');
    const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
    await multipart(portal.origin, owner, `/products/${ids['product']}/logo`, {}, { name: 'logo', filename: '../../x.html', bytes: png, type: 'text/html' });
    const own = await owner.get(`/products/${ids['product']}/logo`);
    expect([own.status, own.headers.get('content-type'), own.headers.get('content-security-policy')]).to.deep.equal([
      200,
      'image/png',
      "default-src 'none'; sandbox",
    ]);
    for (const person of [stranger, portal.visitor()]) expect((await person.get(`/products/${ids['product']}/logo`)).status).to.equal(404);
    // Within the organization too it is for who may read the product, and of the platform for who reviews.
    const colleague = async (name: string, organizationId: string, policies: string[]): Promise<number> => {
      const email = `${name}@example.test`;
      await portal.composition.services.accounts.registerMember({ email, password: PASSWORD, name }, organizationId, policies);
      const person = portal.visitor();
      await person.post('/sign-in', { email, password: PASSWORD });
      return (await person.get(`/products/${ids['product']}/logo`)).status;
    };
    expect(await colleague('biller', owner.organizationId, ['Billing'])).to.equal(404);
    expect(await colleague('reader', owner.organizationId, ['ReadOnlyAccess'])).to.equal(200);
    const chief = await portal.composition.services.accounts.register({
      email: 'chief@example.test',
      password: PASSWORD,
      name: 'Chief',
      organization: 'Chief',
    });
    if (!chief) throw new Error('taken');
    await portal.composition.services.accounts.addOperators(chief.user);
    expect(await colleague('janitor', 'org_platform', [])).to.equal(404);
    expect(await colleague('reviewer', 'org_platform', ['Operator'])).to.equal(200);
  });
});
