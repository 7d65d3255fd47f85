import { expect } from 'chai';
import type { AppError } from '../../../server/kernel/errors.ts';
import { catalogWorld, definition, planDocument, productFields, readyProduct, type CatalogWorld } from '../../support/catalog-world.ts';
import { refusal } from '../../support/refusal.ts';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

describe('selling: from a gateway to a listing', function () {
  this.timeout(60_000);
  let world: CatalogWorld;
  before(async () => (world = await catalogWorld()));
  after(() => world.close());

  it('lists a product only after an operator approved it, and says why when it was rejected', async () => {
    const { catalog, atlas, operator, store } = world;
    const { product } = await readyProduct(world, 'approved');
    await catalog.products.submit(atlas, product._id);
    expect((await catalog.reviews.waiting(operator, 1)).rows.map((row) => row.product._id)).to.include(product._id);
    const first = await catalog.reviews.dossier(operator, product._id);
    expect(first.apis.rows.map(({ definition: { name } }) => name)).to.deep.equal(['Get /countries']);
    await catalog.reviews.reject(operator, product._id, first.product.rev, 'The terms are missing.');
    expect(await store.products.product(product._id)).to.include({ status: 'rejected', statusReason: 'The terms are missing.' });
    await catalog.products.submit(atlas, product._id);
    const { product: again } = await catalog.reviews.dossier(operator, product._id);
    await catalog.reviews.approve(operator, product._id, again.rev);
    expect(await store.products.product(product._id)).to.include({ status: 'listed', statusReason: '' });
    const told = world.letters.filter(({ path }) => path === `/products/${product._id}`);
    expect(told.map(({ organizationId, to, subject }) => [organizationId, to, subject])).to.deep.equal([
      [atlas.organizationId, 'market:products:submit', `${product.name} needs a change`],
      [atlas.organizationId, 'market:products:submit', `${product.name} is listed`],
    ]);
    expect(told[0]?.lines).to.include('The terms are missing.');
  });

  it('takes one of two decisions that are made at once', async () => {
    const { catalog, atlas, operator, store } = world;
    const { product } = await readyProduct(world, 'contested');
    await catalog.products.submit(atlas, product._id);
    const { product: seen } = await catalog.reviews.dossier(operator, product._id);
    const outcomes = await Promise.allSettled([
      catalog.reviews.approve(operator, product._id, seen.rev),
      catalog.reviews.reject(operator, product._id, seen.rev, 'No.'),
    ]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    const loser = outcomes.find((outcome) => outcome.status === 'rejected');
    expect((loser?.reason as AppError).code).to.equal('conflict');
    expect((await store.products.product(product._id))?.status).to.be.oneOf(['listed', 'rejected']);
  });

  it('does not take a submission that lacks something, and names it', async () => {
    const { catalog, harbor } = world;
    const gateway = await catalog.gateways.create(harbor, { name: 'Main', description: '' });
    const group = await catalog.groups.create(harbor, gateway._id, { name: 'Drafts', description: '', label: '' });
    const api = await catalog.apis.create(harbor, gateway._id, group._id, definition());
    const product = await catalog.products.create(harbor, group._id, [api._id], productFields({ slug: 'half-done', tagline: '', category: '' }));
    const items = await catalog.products.readiness(harbor, product._id);
    expect(items.map(({ id, done }) => [id, done])).to.deep.equal([
      ['seller', false],
      ['texts', false],
      ['apis', false],
      ['plans', false],
    ]);
    const error = await refusal(catalog.products.submit(harbor, product._id));
    expect(error).to.include({ code: 'conflict' });
    expect(error.detail).to.contain('a tagline').and.contain('1 of 1 APIs are not live').and.contain('at least one plan');
  });

  it('keeps published terms: a change is a new version, equal terms are the old one', async () => {
    const { catalog, atlas, store } = world;
    const { plan } = await readyProduct(world, 'versions');
    const starter = planDocument({ kind: 'fee', fee: '10.00', included: '1000', price: '5.00', per: '1000' });
    const before = await catalog.plans.get(atlas, plan._id);
    const second = await catalog.plans.update(atlas, plan._id, before.plan.rev, { title: 'Free', summary: '' }, starter);
    expect(second._id).to.equal(`${plan._id}_v2`);
    const third = await catalog.plans.update(
      atlas,
      plan._id,
      (await catalog.plans.get(atlas, plan._id)).plan.rev,
      { title: 'Free', summary: 'New words' },
      starter,
    );
    expect(third._id).to.equal(`${plan._id}_v2`);
    expect((await store.products.planVersion(`${plan._id}_v1`))?.document.meters[0]?.quota).to.deep.equal({ limit: 500, hard: true });
  });

  it('finishes a plan that a crash left without a version', async () => {
    const { catalog, atlas, store, ids, clock } = world;
    const { product } = await readyProduct(world, 'cut-short');
    const left = {
      _id: ids.next('plan'),
      productId: product._id,
      name: 'payg',
      title: 'Pay as you go',
      summary: '',
      ordinal: 9,
      currentVersionId: null,
      versions: 0,
      retired: false,
      createdAt: clock.now(),
      rev: 1,
    };
    await store.products.addPlan(left);
    const document = planDocument({ kind: 'payg', price: '2.00', per: '1000' });
    await store.products.addPlanVersion({
      _id: `${left._id}_v1`,
      planId: left._id,
      planName: 'payg',
      productId: product._id,
      n: 1,
      document,
      hash: 'of other terms',
      publishedAt: clock.now(),
      effectiveAt: null,
      standing: 'offered',
    });
    const plan = await catalog.plans.create(atlas, product._id, { name: 'payg', title: 'Pay as you go', summary: '' }, document);
    expect(plan).to.include({ _id: left._id, currentVersionId: `${left._id}_v2` });
  });

  it('keeps the last open plan of a listed product, and the product while somebody subscribes', async () => {
    const { catalog, atlas, operator, store, ids, clock } = world;
    const { product, plan, gateway } = await readyProduct(world, 'in-use');
    await catalog.products.submit(atlas, product._id);
    await catalog.reviews.approve(operator, product._id, (await catalog.reviews.dossier(operator, product._id)).product.rev);
    expect((await refusal(catalog.plans.retire(atlas, plan._id))).code).to.equal('conflict');
    const subscription = ids.next('sub');
    await store.subscriptions.add({
      ...BLANK_SUBSCRIPTION,
      _id: subscription,
      organizationId: world.harbor.organizationId,
      productId: product._id,
      providerId: atlas.organizationId,
      gatewayId: gateway._id,
      planId: plan._id,
      planVersionId: `${plan._id}_v1`,
      appId: ids.next('app'),
      requestId: ids.uuid(),
      createdAt: clock.now(),
      createdBy: '-',
    });
    expect((await refusal(catalog.products.retire(atlas, product._id))).detail).to.contain('1 live subscription');
    expect((await store.products.product(product._id))?.status).to.equal('listed');
    const current = await catalog.products.get(atlas, product._id);
    expect((await refusal(catalog.products.setApis(atlas, product._id, current.rev, []))).code).to.equal('conflict');
    await store.subscriptions.update(subscription, 1, { live: false, status: 'canceled' });
    await catalog.products.retire(atlas, product._id);
    expect((await store.products.product(product._id))?.status).to.equal('retired');
  });

  it('keeps one slug and one label for one product and one group, whoever asks first', async () => {
    const { catalog, atlas, harbor } = world;
    const { group, api } = await readyProduct(world, 'one-of-a-kind');
    expect((await refusal(catalog.products.create(atlas, group._id, [api._id], productFields({ slug: 'one-of-a-kind' })))).fields).to.have.key('slug');
    const gateways = await Promise.all([atlas, harbor].map((actor) => catalog.gateways.create(actor, { name: 'Other', description: '' })));
    const groups = await Promise.all(
      [atlas, harbor].map((actor, i) => catalog.groups.create(actor, gateways[i]?._id ?? '', { name: 'Same name', description: '', label: '' })),
    );
    expect(groups.map(({ label }) => label).sort()[0]).to.equal('same-name');
    expect(new Set(groups.map(({ label }) => label)).size).to.equal(2);
    expect((await refusal(catalog.groups.create(atlas, gateways[0]?._id ?? '', { name: 'x', description: '', label: 'same-name' }))).fields).to.have.key(
      'label',
    );
    expect(
      (await refusal(catalog.sellers.save(harbor, { displayName: 'H', slug: 'atlas-data', website: '', supportEmail: '', about: '' }))).fields,
    ).to.have.key('slug');
  });

  it('takes a picture by its bytes, and gives it back unchanged', async () => {
    const { catalog, atlas, harbor } = world;
    const { product } = await readyProduct(world, 'pictured');
    await catalog.products.setLogo(atlas, product._id, PNG);
    const logo = await catalog.products.logo(atlas, product._id);
    expect(logo?.contentType).to.equal('image/png');
    expect(logo?.data.equals(PNG)).to.equal(true);
    expect(await catalog.products.logo(harbor, product._id)).to.equal(undefined);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
    expect((await refusal(catalog.products.setLogo(atlas, product._id, svg))).fields['logo']).to.contain('PNG, JPEG or WebP');
  });

  it('answers another organization as if nothing were there', async () => {
    const { catalog, harbor, announced } = world;
    const { gateway, group, api, product, plan } = await readyProduct(world, 'hidden');
    const before = announced.length;
    const tries: Promise<unknown>[] = [
      catalog.gateways.get(harbor, gateway._id),
      catalog.gateways.update(harbor, gateway._id, 1, { name: 'x', description: '' }),
      catalog.groups.list(harbor, gateway._id),
      catalog.groups.create(harbor, gateway._id, { name: 'x', description: '', label: '' }),
      catalog.groups.remove(harbor, gateway._id, group._id),
      catalog.apis.list(harbor, gateway._id, group._id),
      catalog.apis.get(harbor, api._id),
      catalog.apis.create(harbor, gateway._id, group._id, definition('/x')),
      catalog.apis.update(harbor, api._id, 1, definition('/x')),
      catalog.apis.remove(harbor, api._id),
      catalog.publishing.publish(harbor, gateway._id, [api._id], ''),
      catalog.publishing.offline(harbor, gateway._id, [api._id]),
      catalog.publishing.history(harbor, api._id),
      catalog.authorizations.grant(harbor, api._id, 'app_x'),
      catalog.authorizations.ofApi(harbor, api._id),
      catalog.products.get(harbor, product._id),
      catalog.products.create(harbor, group._id, [api._id], productFields({ slug: 'stolen' })),
      catalog.products.submit(harbor, product._id),
      catalog.products.retire(harbor, product._id),
      catalog.products.setLogo(harbor, product._id, PNG),
      catalog.plans.list(harbor, product._id),
      catalog.plans.create(harbor, product._id, { name: 'x', title: 'x', summary: '' }, planDocument()),
      catalog.plans.get(harbor, plan._id),
      catalog.plans.retire(harbor, plan._id),
    ];
    expect((await Promise.all(tries.map(refusal))).map(({ code }) => code)).to.deep.equal(tries.map(() => 'not-found'));
    expect(announced).to.have.length(before);
  });

  it('leaves one audit record for each change, without secrets or pictures', async () => {
    const { store, atlas, clock, catalog } = world;
    const { gateway, group, product } = await readyProduct(world, 'audited');
    await catalog.products.submit(atlas, product._id);
    await catalog.apis.create(
      atlas,
      gateway._id,
      group._id,
      definition('/keyed', { backendParameters: [{ name: 'X-Key', in: 'header', value: 'canary-value' }] }),
    );
    const records = await store.audit.ofOrganization(atlas.organizationId, 0, clock.now() + 1);
    const actions = new Set(records.map(({ action }) => action));
    for (const action of [
      'apig:instances:create',
      'apig:groups:create',
      'apig:apis:create',
      'apig:apis:publish',
      'market:products:create',
      'market:products:submit',
      'market:seller:update',
    ]) {
      expect(actions).to.include(action);
    }
    expect(JSON.stringify(records)).to.not.contain('canary-value').and.not.contain(PNG.toString('base64').slice(0, 40));
    expect(records.every(({ userId, address }) => userId === atlas.userId && address === atlas.address)).to.equal(true);
  });
});

const BLANK_SUBSCRIPTION = {
  pendingPlanVersionId: null,
  currency: 'usd',
  interval: 'month' as const,
  status: 'active' as const,
  live: true,
  anchorAt: 0,
  periodIndex: 0,
  entitledUntil: null,
  cancelAtPeriodEnd: false,
  statusReason: '',
  stripeCustomerId: null,
  paymentMethodId: null,
  checkoutId: null,
  checkoutUrl: null,
  checkoutExpiresAt: null,
  endedAt: null,
  rev: 1,
};
