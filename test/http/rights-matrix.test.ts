import { expect } from 'chai';
import type { Action } from '../../server/domain/actions.ts';
import type { Actor } from '../../server/domain/actor.ts';
import { startBuyerPortal, type BuyerPortal } from '../support/buyer-portal.ts';
import type { Answer, Visitor } from '../support/browserless.ts';
import { definition, planDocument, productFields } from '../support/catalog-world.ts';
import { PASSWORD } from '../support/portal.ts';
import { layers, portalRouters } from '../support/routes.ts';

interface Route {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly action: Action | 'public';
}

/** Every route of the portal, as express holds it. */
const routesOf = (): Route[] =>
  portalRouters()
    .flatMap(layers)
    .flatMap(({ route }) =>
      (route?.stack ?? []).flatMap(({ method, handle }) =>
        handle.action === undefined ? [] : [{ method: method as Route['method'], path: route?.path ?? '', action: handle.action as Route['action'] }],
      ),
    );

/** What an address names, by the part of the address before it. */
type Things = Readonly<Record<string, string>>;

const NOTHING_HELD = { groups: 0, apis: 0, publications: 0, authorizations: 0, connections: 0, imports: 0, products: 0, parameters: 0 };

/** What stands below a gateway or a product in addresses. */
const NESTED = ['/gateways/:id/apis/:apiId', '/gateways/:id/groups/:groupId', '/products/:id/plans/:planId'];

/** What some pages need to know besides their address. */
const BESIDES: Readonly<Record<string, (things: Things, subscriptionId: string) => Readonly<Record<string, string>>>> = {
  '/gateways/:id/apis': (things) => ({ groupId: things['/gateways/:id/groups/:groupId'] ?? '' }),
  '/gateways/:id/apis/new': (things) => ({ group: things['/gateways/:id/groups/:groupId'] ?? '' }),
  '/usage/calls': (_things, subscription) => ({ subscription }),
};

/**
 * The matrix: every route × {nobody, another organization, a member without the right, a member with exactly it, the owner}. What is done is done with an
 * empty form: whoever may act is refused at most for what the form lacks, and whoever may not never gets that far.
 */
describe('every route', function () {
  this.timeout(600_000);
  let portal: BuyerPortal;
  let owner: Visitor & { readonly organizationId: string; readonly userId: string };
  let other: Visitor;
  let plain: Visitor & { readonly userId: string };
  let holder: Visitor & { readonly userId: string };
  let operator: Visitor;
  let nobody: Visitor;
  let things: Things = {};

  async function member(name: string, organizationId: string, policies: string[]): Promise<Visitor & { readonly userId: string }> {
    const email = `${name}@example.test`;
    const user = await portal.composition.services.accounts.registerMember({ email, password: PASSWORD, name }, organizationId, policies);
    if (!user) throw new Error(`${email} is taken`);
    const person = portal.visitor();
    await person.post('/sign-in', { email, password: PASSWORD });
    return Object.assign(person, { userId: user._id });
  }

  const administrator = (): Actor => ({
    kind: 'user',
    userId: owner.userId,
    organizationId: owner.organizationId,
    policies: ['Administrator'],
    address: '127.0.0.1',
    requestId: 'req_matrix',
  });

  /** Where something new is made: all of the owner's organization. */
  const making: Readonly<Record<string, () => Promise<Things>>> = {
    async '/apps'() {
      const { services, ids } = portal.composition;
      const app = await services.apps.create(administrator(), { name: `App ${ids.next('req').slice(-6)}`, description: '' });
      const { credential } = await services.credentials.issue(administrator(), { appId: app._id, kind: 'code', name: '', notAfter: null });
      return { '/apps/:id': app._id, '/apps/:id/credentials/:credentialId': credential.id };
    },
    async '/connections'() {
      const { endpoints } = portal.composition.services;
      const [actor, gatewayId] = [administrator(), things['/gateways/:id'] ?? ''];
      const { service, live } = await endpoints.ofGateway(actor, gatewayId);
      if (!service) await endpoints.saveService(actor, gatewayId, 0, { on: true, automatic: false, whitelist: [] });
      for (const { connection } of live.rows) await endpoints.leave(actor, connection._id);
      const name = (await endpoints.ofGateway(actor, gatewayId)).service?.name ?? '';
      const { _id } = await endpoints.request(actor, { name, message: '', networks: [] });
      return { '/connections/:id': _id, '/gateways/:id/endpoints/connections/:connectionId': _id };
    },
    async '/gateways'() {
      const { services, store, ids } = portal.composition;
      const { catalog } = services;
      const actor = administrator();
      // Gateways are limited; the one of the last round has done its duty.
      const spare = (await catalog.gateways.list(actor)).at(-1);
      if (spare && spare._id !== things['/gateways/:id']) await store.gateways.markDeletion(spare._id, spare.rev, { at: 0, by: '', held: NOTHING_HELD });
      const gateway = await catalog.gateways.create(actor, { name: 'Main', description: '' });
      const group = await catalog.groups.create(actor, gateway._id, { name: 'Maps', description: '', label: '' });
      const backend = { kind: 'mock', status: 200, headers: [], body: '{}' } as const;
      const api = await catalog.apis.create(actor, gateway._id, group._id, definition('/maps', { backend }));
      const document = {
        openapi: '3.1.0',
        info: { title: 'Maps', version: '1' },
        servers: [{ url: 'https://maps.example.com' }],
        paths: { '/tiles': { get: { responses: { 200: { description: 'A tile' } } } } },
      };
      const settings = { origin: '', security: 'APP', appCode: true, timeoutMs: 5_000, mode: 'merge' } as const;
      const ordinal = await services.importing.upload(actor, gateway._id, group._id, Buffer.from(JSON.stringify(document)), settings);
      await catalog.publishing.publish(actor, gateway._id, [api._id], '');
      const app = await services.apps.create(actor, { name: `App ${ids.next('req').slice(-6)}`, description: '' });
      const authorization = await catalog.authorizations.grant(actor, api._id, app._id);
      return {
        '/gateways/:id': gateway._id,
        '/gateways/:id/apis/:apiId': api._id,
        '/gateways/:id/apis/:apiId/authorizations/:authorizationId': authorization._id,
        '/gateways/:id/groups/:groupId': group._id,
        '/gateways/:id/groups/:groupId/imports/:ordinal': String(ordinal),
      };
    },
    async '/organization'() {
      const { services, ids } = portal.composition;
      const actor = administrator();
      const leaver = await services.accounts.registerMember(
        { email: `${ids.next('usr')}@example.test`, password: PASSWORD, name: 'Leaver' },
        owner.organizationId,
        [],
      );
      await services.members.invite(actor, `${ids.next('usr')}@example.test`, { policies: ['Billing'], groups: [] });
      const invitation = (await services.members.invitations(actor, 1, 1_000)).rows.at(-1);
      const text = '{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["apig:*"]}]}';
      // Domains are limited; those of the rounds before have done their duty.
      for (const one of await services.signOn.domains(actor))
        if (one.domain !== things['/organization/single-sign-on/domains/:domain']) await services.signOn.removeDomain(actor, one.domain);
      const domain = `${ids.next('req').slice(-8)}.example.com`;
      await services.signOn.claimDomain(actor, domain);
      const policy = await services.access.createPolicy(actor, { name: ids.next('pol'), description: '', text });
      const userGroup = await services.access.createGroup(actor, { name: ids.next('ugr'), description: '', policies: [] });
      const account = await services.serviceAccounts.create(actor, { name: ids.next('sva'), purpose: '', policies: [], groups: [] });
      const fields = { kind: 'token', name: '', lifeDays: 30 } as const;
      const key = await services.accessKeys.createFor(actor, account._id, fields);
      return {
        '/organization/groups/:id': userGroup._id,
        '/organization/invitations/:id': invitation?._id ?? '',
        '/organization/members/:id': leaver?._id ?? '',
        '/organization/keys/:id': key.key.id,
        '/organization/policies/:id': policy._id,
        '/organization/service-accounts/:id': account._id,
        '/organization/service-accounts/:id/keys/:keyId': key.key.id,
        '/organization/single-sign-on/domains/:domain': domain,
      };
    },
    async '/products'() {
      const { services, ids } = portal.composition;
      const actor = administrator();
      const slug = `maps-${ids.next('req').slice(-6)}`;
      const [groupId = '', apiId = ''] = [things['/gateways/:id/groups/:groupId'], things['/gateways/:id/apis/:apiId']];
      const product = await services.catalog.products.create(actor, groupId, [apiId], productFields({ slug, name: 'Maps' }));
      const document = planDocument({ kind: 'free', quota: 'hard', quotaLimit: '10' });
      const plan = await services.catalog.plans.create(actor, product._id, { name: 'free', title: 'Free', summary: '' }, document);
      return { '/products/:id': product._id, '/products/:id/plans/:planId': plan._id };
    },
  };

  /** What the route's address can name, made anew, beside what there is. */
  const newThingsFor = async (path: string): Promise<Things> => ({ ...things, ...(await making[`/${path.split('/')[1]}`]?.()) });

  let subscription: { readonly id: string; readonly invoiceId: string };

  before(async () => {
    portal = await startBuyerPortal();
    owner = await portal.member('Harbor');
    other = await portal.member('Foreign');
    nobody = portal.visitor();
    plain = await member('plain', owner.organizationId, []);
    holder = await member('holder', owner.organizationId, []);
    const page = await owner.get(`/apis/cities/subscribe?plan=free`);
    const requestId = /name="requestId"[^>]*value="([^"]*)"/.exec(page.text)?.[1] ?? '';
    const { location } = await owner.post('/subscriptions', { planId: portal.listing.planIds.free, requestId, appId: 'new', appName: 'Map' });
    const id = location?.split('/').at(-1) ?? '';
    const [invoice] = await portal.composition.store.invoices.timesOf('organizationId', owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
    subscription = { id, invoiceId: invoice?._id ?? '' };
    const made = await portal.composition.services.accounts.register({ email: 'olga@example.test', password: PASSWORD, name: 'Olga', organization: 'Olga' });
    if (!made) throw new Error('no operator');
    await portal.composition.services.accounts.addOperators(made.user);
    await portal.composition.store.accounts.removeMembership(made.organization._id, made.user._id);
    operator = portal.visitor();
    await operator.post('/sign-in', { email: 'olga@example.test', password: PASSWORD });
    things = {
      '/account/passkeys/:id': 'none',
      '/account/sessions/:handle': 'none',
      '/account/keys/:id': (await portal.composition.services.accessKeys.createOwn(administrator(), { kind: 'token', name: '', lifeDays: 30 })).key.id,
      '/admin/accounts/:id': owner.userId,
      '/admin/domains/:id': 'org_none.example.com',
      '/admin/invoices/:id': subscription.invoiceId,
      '/admin/nodes/:node': 'gw1',
      '/admin/organizations/:id': owner.organizationId,
      '/admin/periods/:id': 'sub_none_0',
      '/admin/queues/:name': 'handle-inbound-event',
      '/admin/reviews/:id': portal.listing.productId,
      '/admin/totals/:subscriptionId': subscription.id,
      '/admin/totals/:subscriptionId/:window': '0.0',
      '/admin/webhooks/:id': 'stripe.evt_none',
      '/apis/:slug': portal.listing.slug,
      '/invoices/:id': subscription.invoiceId,
      '/subscriptions/:id': subscription.id,
    };
    for (const make of [making['/gateways'], making['/products'], making['/apps'], making['/organization'], making['/connections']])
      things = { ...things, ...(await make?.()) };
  });
  after(() => portal.stop());

  /** What took effect in the owner's organization; refusals are recorded too. */
  const changes = async (): Promise<number> =>
    (await portal.composition.store.audit.ofOrganization(owner.organizationId, 0, Number.MAX_SAFE_INTEGER)).filter(({ outcome }) => outcome === 'done').length;

  const LONGEST_FIRST = (a: string, b: string) => b.length - a.length;

  /** The route's path with the things it names; null when this world has no such thing. */
  function addressOf(path: string, named: Things): string | null {
    let address = path;
    for (const key of Object.keys(named).sort(LONGEST_FIRST)) {
      if (!(path === key || path.startsWith(`${key}/`) || path.startsWith(`${key}.`))) continue;
      const parameter = /:[a-zA-Z]+$/.exec(key)?.[0] ?? '';
      const at = key.length - parameter.length;
      // Parameters after this one have been replaced already, so what stands before it is as long as in the route.
      address = address.slice(0, at) + encodeURIComponent(named[key] ?? '') + address.slice(at + parameter.length);
    }
    return /:[a-zA-Z]/.test(address.replace(/^\/\//, '')) ? null : address;
  }

  const ask = (person: Visitor, { method, path }: Route, named: Things): Promise<Answer> => {
    const address = addressOf(path, named);
    if (address === null) throw new Error(`The matrix knows nothing for ${path}: add it to what is made.`);
    const besides = BESIDES[path]?.(named, subscription.id) ?? {};
    const query = new URLSearchParams(besides).toString();
    return method === 'get' ? person.get(query === '' ? address : `${address}?${query}`) : person.post(address, besides);
  };
  /** A redirect's address without the ids that were asked with; the longest first, as a short one may stand within them by chance. */
  const namesOut = ({ location }: Answer, named: Things) =>
    Object.entries(named)
      .sort(([, a], [, b]) => b.length - a.length)
      .reduce((text, [key, id]) => (id === '' ? text : text.replaceAll(id, key)), location ?? '');
  const isSignIn = ({ status, location }: Answer) => status === 401 || (status === 303 && (location ?? '').startsWith('/sign-in'));

  const routes = routesOf();
  const guarded = routes.filter(({ action }) => action !== 'public');
  /** The own account and the own keys are open to everybody who is signed in. */
  const ofOrganizations = guarded.filter(({ action }) => !/^(platform:|market:(account|ownKeys):)/.test(action));
  const platform = guarded.filter(({ action }) => action.startsWith('platform:'));
  /** Addresses that a mail or a stranger's listing gives, not an organization. */
  const ownsNothing = ({ path }: Route) => !path.includes(':') || path.startsWith('/apis/:slug') || path.startsWith('/invitations/');
  /** Doing it takes the thing away, so each who may do it gets things of his own. */
  const DESTROYS = /(deletion|removal|revocation|cancellation|application|renewal|rotation|retirement|leaving|transfer)(\/|$)/;

  const failing = async (list: readonly Route[], isRight: (route: Route) => Promise<string | null>): Promise<string[]> => {
    const faults: string[] = [];
    for (const route of list) {
      const fault = await isRight(route);
      if (fault !== null) faults.push(`${route.method} ${route.path}: ${fault}`);
    }
    return faults;
  };
  const seen = ({ status, location }: Answer) => `${status}${location === null ? '' : ` to ${location}`}`;

  it('is known to the matrix, with something of its own for each thing it names', () => {
    expect(routes.length).to.be.greaterThan(110);
    const unknown = guarded.filter(({ path }) => !path.startsWith('/invitations/') && addressOf(path, things) === null).map(({ path }) => path);
    expect(unknown).to.deep.equal([]);
  });

  it('asks nobody in particular to sign in first', async () => {
    const faults = await failing(
      guarded.filter(({ path }) => !path.startsWith('/invitations/')),
      async (route) => {
        const answer = await ask(nobody, route, things);
        return isSignIn(answer) ? null : seen(answer);
      },
    );
    expect(faults).to.deep.equal([]);
  });

  it('answers the administrator of another organization as if what it names did not exist', async () => {
    // Ids of the same form that nobody has: an empty form may be refused first, but then for the one as for the other.
    const madeUp = Object.fromEntries(Object.entries(things).map(([key, id]) => [key, id.replace(/[0-9a-z]{4}$/, 'zzzz')]));
    const before = await changes();
    const faults = await failing(
      ofOrganizations.filter((route) => !ownsNothing(route)),
      async (route) => {
        const [foreign, none] = [await ask(other, route, things), await ask(other, route, madeUp)];
        const same = foreign.status === none.status && namesOut(foreign, things) === namesOut(none, madeUp);
        return same && (foreign.status >= 400 || foreign.location !== null) ? null : `${seen(foreign)}; a made-up one: ${seen(none)}`;
      },
    );
    expect(faults).to.deep.equal([]);
    expect(await changes()).to.equal(before);
  });

  it('shows pages of the platform as missing to an organization’s owner, whatever policies say', async () => {
    const faults = await failing(platform, async (route) => {
      const answer = await ask(owner, route, things);
      return answer.status === 404 ? null : seen(answer);
    });
    expect(faults).to.deep.equal([]);
  });

  it('refuses a member without the right, and changes nothing', async () => {
    const before = await changes();
    const faults = await failing(ofOrganizations, async (route) => {
      const answer = await ask(plain, route, things);
      return answer.status === 403 || (answer.status === 404 && route.path.includes(':')) ? null : seen(answer);
    });
    expect(faults).to.deep.equal([]);
    expect(await changes()).to.equal(before);
  });

  const admitted = (answer: Answer) => !isSignIn(answer) && answer.status !== 403 && answer.status < 500;

  /** As in the reference system, actions on what is in a gateway need the sight of the gateway and its groups. */
  const NEEDED: readonly Action[] = ['apig:groups:get', 'apig:instances:get'];
  it('admits a member who holds exactly the action it names, and the sight of gateways and groups', async () => {
    const { store, ids, clock } = portal.composition;
    const faults = await failing(ofOrganizations, async (route) => {
      const policyId = ids.next('pol');
      await store.access.addPolicy(
        {
          _id: policyId,
          organizationId: owner.organizationId,
          name: policyId,
          nameKey: policyId,
          description: '',
          text: JSON.stringify({ Version: '1.1', Statement: [{ Effect: 'Allow', Action: [route.action, ...NEEDED] }] }),
          createdAt: clock.now(),
          rev: 1,
        },
        10_000,
      );
      await store.accounts.setRights(owner.organizationId, holder.userId, { policies: [policyId], groups: [] });
      const named = route.method === 'post' && DESTROYS.test(route.path) ? await newThingsFor(route.path) : things;
      const answer = await ask(holder, route, named);
      return admitted(answer) && (answer.status !== 404 || !route.path.includes(':')) ? null : `${seen(answer)} with ${route.action}`;
    });
    expect(faults).to.deep.equal([]);
  });

  it('admits the owner, without a policy of his own', async () => {
    await portal.composition.store.accounts.setRights(owner.organizationId, owner.userId, { policies: [], groups: [] });
    const faults = await failing(ofOrganizations, async (route) => {
      const named = route.method === 'post' && DESTROYS.test(route.path) ? await newThingsFor(route.path) : things;
      const answer = await ask(owner, route, named);
      return admitted(answer) && (answer.status !== 404 || !route.path.includes(':')) ? null : seen(answer);
    });
    expect(faults).to.deep.equal([]);
  });

  it('admits operators to the platform’s pages', async () => {
    const faults = await failing(platform, async (route) => {
      const answer = await ask(operator, route, things);
      return admitted(answer) ? null : seen(answer);
    });
    expect(faults).to.deep.equal([]);
  });

  it('leads a member who may act on one gateway and one product to no other, not under their address either', async () => {
    const elsewhere = { ...(await making['/gateways']?.()), ...(await making['/products']?.()) } as Things;
    const mixed: Things = { ...things, ...Object.fromEntries(NESTED.map((key) => [key, elsewhere[key] ?? ''])) };
    const policy = await portal.composition.services.access.createPolicy(administrator(), {
      name: 'Of one',
      description: '',
      text: JSON.stringify({
        Version: '1.1',
        Statement: [
          { Effect: 'Allow', Action: ['apig:*'], Resource: [`gateway:${things['/gateways/:id']}`] },
          { Effect: 'Allow', Action: ['market:products:*'], Resource: [`product:${things['/products/:id']}`] },
        ],
      }),
    });
    await portal.composition.store.accounts.setRights(owner.organizationId, holder.userId, { policies: [policy._id], groups: [] });
    const nested = ofOrganizations.filter(({ path }) => NESTED.some((key) => path === key || path.startsWith(`${key}/`)));
    expect(nested.length).to.be.greaterThan(15);
    const faults = await failing(nested, async (route) => {
      const [own, crossed] = [await ask(holder, { ...route, method: 'get' }, things), await ask(holder, route, mixed)];
      return crossed.status === 404 && own.status !== 403 ? null : `${seen(crossed)}; its own: ${seen(own)}`;
    });
    expect(faults).to.deep.equal([]);
  });
});
