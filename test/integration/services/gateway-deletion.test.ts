import { expect } from 'chai';
import { SYSTEM } from '../../../server/domain/actor.ts';
import { makeCatalog } from '../../../server/services/catalog.ts';
import { readSnapshot } from '../../../server/services/snapshot-reader.ts';
import type { Store } from '../../../server/store/index.ts';
import type { ProductDoc } from '../../../server/store/products.ts';
import { catalogWorld, definition, productFields, readyProduct, type CatalogWorld } from '../../support/catalog-world.ts';
import { refusal } from '../../support/refusal.ts';

const NOTHING = { groups: 0, apis: 0, publications: 0, authorizations: 0, connections: 0, imports: 0, products: 0, parameters: 0 };

describe('deleting a gateway', function () {
  this.timeout(120_000);
  let world: CatalogWorld;
  before(async () => {
    world = await catalogWorld();
  });
  after(() => world.close());

  let labels = 0;
  /** A gateway with two groups, of which one was published: 3 APIs, an authorization, a kept document, a draft of a product, a parameter. */
  async function filled() {
    const { catalog, atlas, harbor, store, ids, clock } = world;
    const gateway = await catalog.gateways.create(atlas, { name: 'Main', description: 'all of it' });
    const label = `served-${(labels += 1)}`;
    const group = await catalog.groups.create(atlas, gateway._id, { name: 'Served', description: '', label });
    const drafts = await catalog.groups.create(atlas, gateway._id, { name: 'Drafts', description: '', label: `drafts-${labels}` });
    const api = await catalog.apis.create(atlas, gateway._id, group._id, definition('/a'));
    await catalog.apis.create(atlas, gateway._id, group._id, definition('/b'));
    await catalog.apis.create(atlas, gateway._id, drafts._id, definition('/c'));
    await catalog.publishing.publish(atlas, gateway._id, [api._id], 'first');
    const appId = ids.next('app');
    const app = { _id: appId, organizationId: harbor.organizationId, name: 'Map', description: '', createdAt: clock.now(), deletedAt: null, rev: 1 };
    await store.apps.addApp(app, 10);
    await catalog.authorizations.grant(atlas, api._id, appId);
    await store.documents.add({ groupId: drafts._id, ordinal: 1, kind: 'document', gzip: Buffer.from('x'), importedAt: 1 });
    for (const [organizationId, address] of [
      ['org_asked', null],
      ['org_connected', `10.0.0.${labels}:9000`],
    ] as const)
      await connect(store, ids.next('evt'), gateway._id, organizationId, address);
    const product = await catalog.products.create(atlas, group._id, [api._id], productFields({ slug: `draft-${labels}` }));
    await catalog.parameters.change(atlas, gateway._id, 'backend_timeout', '5000', gateway.rev);
    return { gateway, group, drafts, api, product, label };
  }
  const gone = async (id: string) => (await world.store.gateways.gateway(id))?.gone === true;
  const announced = () => world.announced.filter(({ kind }) => kind === 'catalogue-changed').length;

  it('says in numbers what goes, asks for the name, and takes all of it away; what was published keeps its label', async () => {
    const { catalog, atlas, harbor, store, clock } = world;
    const { gateway, group, drafts, api, product, label } = await filled();
    const before = await catalog.deletion.state(atlas, gateway._id);
    expect(before.held).to.deep.equal({ groups: 2, apis: 3, publications: 1, authorizations: 1, connections: 2, imports: 1, products: 1, parameters: 1 });
    expect([before.liveApis, before.hindrances]).to.deep.equal([1, []]);
    expect((await refusal(catalog.deletion.begin(atlas, gateway._id, 'main'))).fields['name']).to.contain('Type the gateway’s name, Main');
    expect((await refusal(catalog.deletion.begin(harbor, gateway._id, 'Main'))).code).to.equal('not-found');
    expect((await readSnapshot(store, clock.now())).apis.some(({ id }) => id === api._id)).to.equal(true);

    await catalog.deletion.begin(atlas, gateway._id, ' Main ');
    const snapshot = await readSnapshot(store, clock.now());
    expect([snapshot.gateways, snapshot.groups, snapshot.apis].flat().filter((row) => JSON.stringify(row).includes(gateway._id))).to.deep.equal([]);
    for (const refused of [
      () => catalog.gateways.get(atlas, gateway._id),
      () => catalog.groups.create(atlas, gateway._id, { name: 'New', description: '', label: '' }),
      () => catalog.apis.create(atlas, gateway._id, group._id, definition('/new')),
      () => catalog.apis.get(atlas, api._id),
      () => catalog.publishing.publish(atlas, gateway._id, [api._id], ''),
      () => catalog.products.create(atlas, group._id, [api._id], productFields({ slug: 'late' })),
      () => catalog.products.submit(atlas, product._id),
    ])
      expect((await refusal(refused())).code).to.equal('not-found');
    expect((await catalog.gateways.list(atlas)).map(({ _id }) => _id)).not.to.include(gateway._id);

    expect(await catalog.deletion.unfinished(SYSTEM)).to.include(gateway._id);
    await catalog.deletion.carryOut(SYSTEM, gateway._id);
    const after = await catalog.deletion.state(atlas, gateway._id);
    expect(after.held).to.deep.equal(NOTHING);
    expect(after.gateway).to.deep.include({ name: 'Main', gone: true, parameters: {} });
    expect(after.gateway.deletion).to.deep.include({ by: atlas.userId, held: before.held });
    expect([await store.products.product(product._id), await store.gateways.group(drafts._id), await store.apis.api(api._id)]).to.deep.equal([
      null,
      null,
      null,
    ]);
    expect(await store.gateways.environmentsOf(gateway._id)).to.deep.equal([]);
    const ended = (await store.endpoints.connectionsOfGateway(gateway._id)).map(({ status, live, holds }) => ({ status, live, holds }));
    expect(ended).to.have.deep.members([
      { status: 'rejected', live: false, holds: false },
      { status: 'disconnected', live: false, holds: false },
    ]);
    const other = await catalog.gateways.create(atlas, { name: 'Other', description: '' });
    const taken = catalog.groups.create(atlas, other._id, { name: 'Again', description: '', label });
    expect((await refusal(taken)).fields['label']).to.equal('Another group has this label.');
    expect((await catalog.groups.create(atlas, other._id, { name: 'Again', description: '', label: drafts.label })).label).to.equal(drafts.label);
    const [record] = await store.audit.newestOf(`gateway:${gateway._id}`, 'apig:instances:delete');
    expect(record).to.deep.include({ userId: atlas.userId });
    expect(record?.before).to.deep.include({ name: 'Main', held: before.held, groupNames: [`Served (${label})`, `Drafts (${drafts.label})`] });
  });

  it('asks for no name where nothing is held', async () => {
    const { catalog, atlas } = world;
    const gateway = await catalog.gateways.create(atlas, { name: 'Empty', description: '' });
    await catalog.deletion.begin(atlas, gateway._id, '');
    await catalog.deletion.carryOut(SYSTEM, gateway._id);
    expect(await gone(gateway._id)).to.equal(true);
  });

  it('is decided once, by whomever of many, and carried out by several at once', async () => {
    const { catalog, atlas, store } = world;
    const { gateway } = await filled();
    await Promise.all(Array.from({ length: 10 }, () => catalog.deletion.begin(atlas, gateway._id, 'Main')));
    expect(await store.audit.newestOf(`gateway:${gateway._id}`, 'apig:instances:delete')).to.have.length(1);
    await Promise.all(Array.from({ length: 4 }, () => catalog.deletion.carryOut(SYSTEM, gateway._id)));
    expect(await gone(gateway._id)).to.equal(true);
    expect((await catalog.deletion.state(atlas, gateway._id)).held).to.deep.equal(NOTHING);
    const before = announced();
    await catalog.deletion.carryOut(SYSTEM, gateway._id);
    expect(announced()).to.equal(before);
  });

  it('killed after any of its steps, is finished by the next who comes', async () => {
    const { catalog, atlas, store, dependencies } = world;
    const { gateway, group, drafts } = await filled();
    await catalog.deletion.begin(atlas, gateway._id, 'Main');
    let kills = 0;
    for (let step = 1; !(await gone(gateway._id)); step += 1) {
      expect(step, 'steps of a deletion').to.be.below(100);
      const mortal = makeCatalog({ ...dependencies, store: killedAfter(store, step) });
      await mortal.deletion.carryOut(SYSTEM, gateway._id).catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
        kills += 1;
      });
    }
    expect(kills).to.be.at.least(10);
    expect((await catalog.deletion.state(atlas, gateway._id)).held).to.deep.equal(NOTHING);
    expect([(await store.gateways.group(group._id))?.gone, await store.gateways.group(drafts._id)]).to.deep.equal([true, null]);
    expect(await store.documents.ordinals(drafts._id)).to.deep.equal([]);
  });

  it('killed between the decision and its confirmation, goes on later, or is taken back if something hangs on it by then', async () => {
    const { catalog, atlas, store, clock } = world;
    const [free, held] = [await filled(), await filled()];
    for (const { gateway } of [free, held]) {
      const { rev } = await catalog.gateways.get(atlas, gateway._id);
      expect(await store.gateways.markDeletion(gateway._id, rev, { at: clock.now() - 60_000, by: atlas.userId, held: NOTHING })).to.equal(true);
    }
    const product = await store.products.product(held.product._id);
    await store.products.moveProduct(held.product._id, product?.rev ?? 0, 'draft', 'submitted', {});
    for (const { gateway } of [free, held]) await catalog.deletion.carryOut(SYSTEM, gateway._id);
    expect(await gone(free.gateway._id)).to.equal(true);
    expect((await catalog.gateways.get(atlas, held.gateway._id)).deletion).to.equal(null);
    expect((await catalog.apis.get(atlas, held.api._id)).status).to.equal('published');
  });

  it('takes away what was written into it across its end', async () => {
    const { catalog, atlas, store } = world;
    const { gateway, group, api } = await filled();
    const late = await store.apis.api(api._id);
    await catalog.deletion.begin(atlas, gateway._id, 'Main');
    await catalog.deletion.carryOut(SYSTEM, gateway._id);
    if (!late) throw new Error('no api');
    await store.apis.addApis([{ ...late, _id: world.ids.next('api'), groupId: group._id }], 250);
    await catalog.deletion.carryOut(SYSTEM, gateway._id);
    expect((await catalog.deletion.state(atlas, gateway._id)).held).to.deep.equal(NOTHING);
  });

  it('is refused, with names, while a product is offered or in review, or somebody subscribes', async () => {
    const { catalog, atlas, operator, store } = world;
    const { gateway, product } = await readyProduct(world, 'hanging');
    await catalog.products.submit(atlas, product._id);
    expect((await refusal(catalog.deletion.begin(atlas, gateway._id, 'Main'))).detail).to.contain('Countries is in review');
    await catalog.reviews.approve(operator, product._id, (await catalog.products.get(atlas, product._id)).rev);
    await subscribe(store, product);
    expect((await refusal(catalog.deletion.begin(atlas, gateway._id, 'Main'))).detail).to.contain('Countries is listed and has 1 live subscription');
    const { hindrances } = await catalog.deletion.state(atlas, gateway._id);
    expect(hindrances.map(({ product: { _id }, liveSubscriptions }) => [_id, liveSubscriptions])).to.deep.equal([[product._id, 1]]);
    expect((await catalog.gateways.get(atlas, gateway._id)).deletion).to.equal(null);
    await store.connection.model('Subscription').updateOne({ _id: 'sub_hanging' }, { $set: { live: false, status: 'canceled' } });
    await catalog.products.retire(atlas, product._id);
    await catalog.deletion.begin(atlas, gateway._id, 'Main');
    await catalog.deletion.carryOut(SYSTEM, gateway._id);
    // Bills go on naming what was sold.
    expect((await store.products.product(product._id))?.name).to.equal('Countries');
  });

  it('needs the right for each group and API where a policy denies one of them', async () => {
    const { catalog, atlas } = world;
    const { gateway, drafts } = await filled();
    const document = {
      Version: '1.1' as const,
      Statement: [
        { Effect: 'Allow' as const, Action: ['apig:*'] },
        { Effect: 'Deny' as const, Action: ['apig:apis:delete'], Resource: [`gateway:${gateway._id}/group:${drafts._id}`] },
      ],
    };
    const actor = { ...atlas, policies: [{ id: 'pol_1', name: 'Careful', via: '', document }] };
    expect((await refusal(catalog.deletion.begin(actor, gateway._id, 'Main'))).code).to.equal('forbidden');
    expect((await catalog.gateways.get(atlas, gateway._id)).deletion).to.equal(null);
  });
});

class Killed extends Error {}

/** The store as a process sees it that dies after `calls` further calls: the last one still arrives. */
function killedAfter(store: Store, calls: number): Store {
  let left = calls;
  const part = (methods: object): object =>
    new Proxy(methods, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name);
        if (typeof found !== 'function') return found;
        return async (...given: unknown[]) => {
          if (left <= 0) throw new Killed();
          left -= 1;
          const answer: unknown = await (found as (...args: unknown[]) => unknown)(...given);
          if (left === 0) throw new Killed();
          return answer;
        };
      },
    });
  const { gateways, apis, apps, documents, endpoints, products } = store;
  return { ...store, ...(parts({ gateways, apis, apps, documents, endpoints, products }) as Partial<Store>) };

  function parts(of: Record<string, object>): Record<string, object> {
    return Object.fromEntries(Object.entries(of).map(([name, methods]) => [name, part(methods)]));
  }
}

async function connect(store: Store, id: string, gatewayId: string, organizationId: string, address: string | null): Promise<void> {
  await store.endpoints.addConnection({
    _id: id,
    gatewayId,
    serviceName: 'main',
    providerId: 'org_seller',
    organizationId,
    requestedBy: 'usr_1',
    message: '',
    networks: [],
    status: 'requested',
    live: true,
    address: null,
    holds: false,
    reason: '',
    requestedAt: 1,
    decidedAt: null,
    decidedBy: '',
    endedAt: null,
    endedBy: '',
    mark: '',
  });
  if (address !== null) await store.endpoints.accept(id, address, { at: 2, by: 'usr_1', mark: '' });
}

async function subscribe(store: Store, { _id: productId, organizationId: providerId, gatewayId }: ProductDoc): Promise<void> {
  await store.subscriptions.add({
    _id: 'sub_hanging',
    organizationId: 'org_buyer',
    productId,
    providerId,
    gatewayId,
    planId: 'plan_1',
    planVersionId: 'plan_1_v1',
    pendingPlanVersionId: null,
    appId: 'app_1',
    requestId: 'request',
    currency: 'usd',
    interval: 'month',
    status: 'active',
    live: true,
    anchorAt: 1,
    periodIndex: 0,
    entitledUntil: null,
    cancelAtPeriodEnd: false,
    statusReason: '',
    stripeCustomerId: null,
    paymentMethodId: null,
    checkoutId: null,
    checkoutUrl: null,
    checkoutExpiresAt: null,
    createdAt: 1,
    createdBy: 'usr_1',
    endedAt: null,
    rev: 0,
  });
}
