import { expect } from 'chai';
import type { Visitor } from '../support/browserless.ts';
import { readSnapshot } from '../../server/services/snapshot-reader.ts';
import { definition, productFields } from '../support/catalog-world.ts';
import { parametersWorld, type ParametersWorld } from '../support/parameters-world.ts';
import { PASSWORD } from '../support/portal.ts';
import { listedRoutes } from '../support/routes.ts';

/** What stands below a gateway in addresses, by the name of its part. */
interface Place {
  readonly id: string;
  readonly groupId: string;
  readonly apiId: string;
  readonly authorizationId: string;
  readonly ordinal: string;
  readonly label: string;
  readonly productId: string;
  readonly publicationId: string;
}

/** Two gateways of one organization, alike in everything they may share: names, paths, tags. Nothing of one shows in the other. */
describe('two gateways of one organization', function () {
  this.timeout(180_000);
  let world: ParametersWorld;
  let first: Place;
  let second: Place;
  let appCode: string;
  before(async () => {
    world = await parametersWorld();
    const { services } = world.portal.composition;
    const app = await services.apps.create(world.actor, { name: 'Caller', description: '' });
    const issued = await services.credentials.issue(world.actor, { appId: app._id, kind: 'code', name: '', notAfter: null });
    if (issued.kind !== 'code') throw new Error('no code');
    appCode = issued.appCode;
    first = await place('alpha', app._id);
    second = await place('omega', app._id);
  });
  after(() => world.stop());

  async function place(label: string, appId: string): Promise<Place> {
    const { services } = world.portal.composition;
    const { catalog, importing } = services;
    const gateway = await catalog.gateways.create(world.actor, { name: `Twin ${label}`, description: '', tags: [{ key: 'team', value: 'maps' }] });
    const group = await catalog.groups.create(world.actor, gateway._id, { name: 'Maps', description: '', label });
    const backend = { kind: 'http', origin: world.upstream.origin, method: 'SAME', path: '/x', timeoutMs: 5_000, retries: 0 } as const;
    const api = await catalog.apis.create(world.actor, gateway._id, group._id, definition(`/tiles`, { name: `Tiles ${label}`, backend }));
    const { published } = await catalog.publishing.publish(world.actor, gateway._id, [api._id], '');
    const authorization = await catalog.authorizations.grant(world.actor, api._id, appId);
    const document = { openapi: '3.1.0', info: { title: label, version: '1' }, servers: [{ url: 'https://maps.example.com' }], paths: {} };
    const settings = { origin: 'https://maps.example.com', security: 'APP', appCode: true, timeoutMs: 5_000, mode: 'merge' } as const;
    const ordinal = await importing.upload(world.actor, gateway._id, group._id, Buffer.from(JSON.stringify(document)), settings);
    const product = await catalog.products.create(world.actor, group._id, [api._id], productFields({ slug: label, name: `Product ${label}` }));
    return {
      id: gateway._id,
      groupId: group._id,
      apiId: api._id,
      authorizationId: authorization._id,
      ordinal: String(ordinal),
      label,
      productId: product._id,
      publicationId: published[0]?._id ?? '',
    };
  }
  const addressOf = (path: string, parts: Readonly<Record<string, string>>) =>
    path.replace(/:([a-zA-Z]+)/g, (_, name: string) => encodeURIComponent(parts[name] ?? ''));
  /** Words by which the second one would be recognised. */
  const marks = () => Object.values({ ...second, ordinal: second.id, label: '/omega' }).concat('Twin omega', 'Tiles omega', 'Product omega');
  const showsSecond = (text: string) => marks().filter((mark) => text.includes(mark));
  const nested = listedRoutes().filter(({ path }) => /^\/gateways\/:id\/.*:/.test(path));

  it('answer 404 on every address that pairs one with what belongs to the other', async () => {
    expect(nested.length).to.be.above(15);
    const faults: string[] = [];
    for (const { method, path } of nested) {
      const address = addressOf(path, { ...second, id: first.id });
      const answer = method === 'get' ? await world.provider.get(address) : await world.provider.post(address, { publicationId: second.publicationId });
      if (answer.status !== 404) faults.push(`${method} ${path}: ${answer.status} ${answer.location ?? ''}`);
    }
    expect(faults).to.deep.equal([]);
    // The right pairs are there, so that the walk above refused the pairing and nothing else.
    for (const { method, path } of nested.filter((route) => route.method === 'get'))
      expect((await world.provider.get(addressOf(path, { ...second }))).status, `${method} ${path}`).to.equal(200);
  });

  it('do not act on what the other holds when a form names it', async () => {
    const { provider, portal } = world;
    const { store } = portal.composition;
    const at = `/gateways/${first.id}/apis`;
    expect((await provider.post(`${at}/publication`, { apiIds: second.apiId })).status).to.equal(404);
    expect((await provider.post(`${at}/publication`, { all: 'true', groupId: second.groupId })).status).to.equal(404);
    expect((await provider.post(`${at}/offline`, { apiIds: second.apiId, confirmed: 'true' })).status).to.equal(404);
    expect((await provider.post(at, { groupId: second.groupId })).status).to.equal(404);
    expect((await provider.get(`${at}/new?group=${second.groupId}`)).status).to.equal(404);
    const rollback = await provider.post(`${at}/${first.apiId}/rollback`, { publicationId: second.publicationId });
    expect(rollback.status).to.be.oneOf([303, 404]);
    const [one, other] = [await store.apis.api(first.apiId), await store.apis.api(second.apiId)];
    expect([Object.values(one?.serving ?? {}), Object.values(other?.serving ?? {})]).to.deep.equal([[first.publicationId], [second.publicationId]]);
  });

  it('show nothing of each other in any of their pages, however searched', async () => {
    const pages = listedRoutes().filter(({ method, path }) => method === 'get' && path.startsWith('/gateways/:id'));
    for (const { path } of pages) {
      const address = addressOf(path, { ...first }) + (path.endsWith('/apis/new') ? `?group=${first.groupId}` : '');
      const { status, text } = await world.provider.get(address);
      expect(status, path).to.be.oneOf([200, 303]);
      expect(showsSecond(text), path).to.deep.equal([]);
    }
    for (const search of [`/gateways/${first.id}/apis?q=omega`, `/gateways/${first.id}/groups/${first.groupId}?q=omega`, '/gateways?q=alpha'])
      expect(showsSecond((await world.provider.get(search)).text), search).to.deep.equal([]);
  });

  it('keep parameters, environments and what gateways serve apart', async () => {
    const { store, services, clock } = world.portal.composition;
    const { rev } = await services.catalog.gateways.get(world.actor, first.id);
    await services.catalog.parameters.change(world.actor, first.id, 'request_body_size', '1', rev);
    const { gateways, groups, apis } = await readSnapshot(store, clock.now());
    const [one, other] = [first.id, second.id].map((id) => gateways.find((gateway) => gateway.id === id));
    expect([one?.parameters, other?.parameters]).to.deep.equal([{ request_body_size: 1 }, {}]);
    const homes = new Map(groups.map(({ id, gatewayId }) => [id, gatewayId]));
    for (const { gatewayId, groupId } of apis) expect(homes.get(groupId)).to.equal(gatewayId);
    const environments = await Promise.all([first, second].map(({ id }) => services.catalog.gateways.environments(world.actor, id)));
    const ids = environments.flat().map(({ _id }) => _id);
    expect(new Set(ids).size).to.equal(2);
    for (const [index, { apiId }] of [first, second].entries()) expect(apis.find(({ id }) => id === apiId)?.environmentId).to.equal(ids[index]);
  });

  it('count calls each by itself, those of one app by direct authorization among them', async () => {
    const { services } = world.portal.composition;
    const { rev } = await services.catalog.gateways.get(world.actor, first.id);
    await services.catalog.parameters.change(world.actor, first.id, 'ratelimit_api_limits', '1', rev);
    const gateway = (await world.call('direct', '/open')).url.replace(/\/params\/open$/, '');
    const call = async (label: string) => (await fetch(`${gateway}/${label}/tiles`, { headers: { 'X-Apig-AppCode': appCode } })).status;
    let refused = 0;
    while (refused === 0) refused += (await Promise.all(Array.from({ length: 8 }, () => call('alpha')))).filter((status) => status === 429).length;
    const others = await Promise.all(Array.from({ length: 8 }, () => call('omega')));
    expect(others).to.deep.equal(Array(8).fill(200));
  });

  it('are one by one what a policy allows: a member of the first sees nothing of the second in any list, search, file or page', async () => {
    const { services } = world.portal.composition;
    const text = JSON.stringify({
      Version: '1.1',
      Statement: [
        { Effect: 'Allow', Action: ['apig:*'], Resource: [`gateway:${first.id}`] },
        { Effect: 'Allow', Action: ['market:products:*'], Resource: [`product:${first.productId}`] },
        { Effect: 'Allow', Action: ['market:earnings:get', 'market:usage:get', 'market:subscriptions:get', 'market:invoices:get', 'market:organization:get'] },
      ],
    });
    const policy = await services.access.createPolicy(world.actor, { name: 'First only', description: '', text });
    const email = 'first-only@example.test';
    await services.accounts.registerMember({ email, password: PASSWORD, name: 'Fay' }, world.actor.organizationId, [policy._id]);
    const fay: Visitor = world.portal.visitor();
    await fay.post('/sign-in', { email, password: PASSWORD });
    let shown = 0;
    for (const { path } of listedRoutes().filter(({ method, path: one }) => method === 'get' && !one.startsWith('/sign'))) {
      for (const named of [first, second]) {
        const address = addressOf(path, { ...named, ...(path.startsWith('/products/') && { id: named.productId }) });
        const answer = await fay.get(`${address}?q=omega`);
        if (named === second) {
          if (/^\/(gateways|products)\/:id/.test(path)) expect([404, 403], `${path} of the second: ${answer.status}`).to.include(answer.status);
        } else expect(showsSecond(answer.text), path).to.deep.equal([]);
        if (answer.status === 200) shown += 1;
      }
    }
    expect(shown).to.be.above(15);
    const lists = `${(await fay.get('/gateways')).text}${(await fay.get('/selling')).text}${(await fay.get('/products')).text}`;
    expect(lists).to.contain('Twin alpha').and.contain('Product alpha');
    expect(showsSecond(lists)).to.deep.equal([]);
  });
});
