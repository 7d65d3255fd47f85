import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Actor } from '../../../server/domain/actor.ts';
import { GRACE_MS } from '../../../server/domain/subscription.ts';
import type { Subscriptions } from '../../../server/services/subscriptions.ts';
import type { AppDoc } from '../../../server/store/apps.ts';
import type { PlanDoc, ProductDoc } from '../../../server/store/products.ts';
import { FREE, PAYG, sellingWorld, STARTER, type SellingWorld } from '../../support/commerce.ts';
import { refused } from '../../support/refused.ts';

describe('running subscriptions', () => {
  let world: SellingWorld;
  let subscriptions: Subscriptions;
  let provider: Actor;
  let buyer: Actor;
  let stranger: Actor;
  let app: AppDoc;
  let product: ProductDoc;
  let plans: Record<string, PlanDoc>;
  let slug = 0;

  before(async () => {
    world = await sellingWorld();
    ({ subscriptions } = world);
    provider = await world.organization('Atlas');
  });
  after(() => world.close());
  beforeEach(async () => {
    [buyer, stranger] = [await world.organization('Harbor'), await world.organization('Stranger')];
    app = await world.app(buyer);
    ({ product, plans } = await world.product(provider, `p${(slug += 1)}`, { free: FREE, starter: STARTER, payg: PAYG }));
  });

  const form = (plan: string, more: { appId?: string; requestId?: string } = {}) => ({
    planId: plans[plan]?._id ?? '',
    appId: app._id,
    requestId: randomUUID(),
    ...more,
  });
  const stored = async (id: string) => {
    const subscription = await world.store.subscriptions.get(id);
    if (!subscription) throw new Error(`no ${id}`);
    return subscription;
  };

  let id: string;
  beforeEach(async () => {
    id = (await subscriptions.begin(buyer, form('free'))).subscriptionId;
  });

  it('end at the boundary when they are canceled, and not before', async () => {
    const period = await world.store.periods.get(id, 0);
    const canceled = await subscriptions.cancel(buyer, id);
    expect(canceled).to.include({ status: 'active', cancelAtPeriodEnd: true, entitledUntil: period?.endAt });
    await subscriptions.atBoundary(id, 1);
    expect(await stored(id)).to.include({ status: 'canceled', live: false, endedAt: period?.endAt, entitledUntil: period?.endAt });
    expect((await world.store.apps.bindingsOf(id)).some(({ live }) => live)).to.equal(false);
    await refused('conflict', subscriptions.undoCancellation(buyer, id));
    expect(await subscriptions.atBoundary(id, 2)).to.include({ status: 'canceled', periodIndex: 0 });
  });

  it('go on when the cancellation is undone', async () => {
    await subscriptions.cancel(buyer, id);
    expect(await subscriptions.undoCancellation(buyer, id)).to.include({ cancelAtPeriodEnd: false, entitledUntil: null });
    await subscriptions.atBoundary(id, 1);
    await subscriptions.atBoundary(id, 1);
    expect(await stored(id)).to.include({ status: 'active', periodIndex: 1 });
    expect(await world.store.periods.get(id, 2)).to.include({ status: 'open' });
  });

  it('run on through the grace of three days after a failed renewal, then are suspended, and come back once paid', async () => {
    await subscriptions.atBoundary(id, 1);
    const period = await world.store.periods.get(id, 1);
    const startAt = period?.startAt ?? 0;
    world.clock.advance(startAt - world.clock.now() + 900_000);
    const invoice = { _id: `inv_${id}_1`, kind: 'period' as const, periodIndex: 1, subscriptionId: id, issuedAt: world.clock.now(), status: 'open' as const };
    await subscriptions.onInvoiceFailed(invoice, 'Your card was declined.');
    await subscriptions.onInvoiceFailed(invoice, 'Your card was declined.');
    expect(await stored(id)).to.include({ status: 'past_due', entitledUntil: startAt + GRACE_MS, statusReason: 'Your card was declined.' });
    await subscriptions.sweep(world.clock.now());
    expect((await stored(id)).status).to.equal('past_due');
    world.clock.advance(GRACE_MS);
    await subscriptions.sweep(world.clock.now());
    expect((await stored(id)).status).to.equal('suspended');
    await subscriptions.onInvoicePaid(invoice);
    expect(await stored(id)).to.include({ status: 'active', entitledUntil: null, statusReason: '' });
    await subscriptions.onInvoiceFailed({ ...invoice, status: 'paid' as const } as never, 'late');
    expect((await stored(id)).status).to.equal('active');
  });

  it('let further apps of the organization in and out, each with one payer', async () => {
    const second = await world.app(buyer, 'Second');
    await subscriptions.bind(buyer, id, second._id);
    await subscriptions.bind(buyer, id, second._id);
    expect((await subscriptions.details(buyer, id)).bindings.map(({ app: one }) => one._id)).to.have.members([app._id, second._id]);
    await subscriptions.unbind(buyer, id, second._id);
    await subscriptions.bind(buyer, id, second._id);
    const twin = await world.product(provider, `other${slug}`, { free: FREE }, product.apiIds);
    const third = await world.app(buyer, 'Third');
    const other = await subscriptions.begin(buyer, { planId: twin.plans['free']?._id ?? '', appId: third._id, requestId: randomUUID() });
    const error = await refused('invalid-form', subscriptions.bind(buyer, other.subscriptionId, second._id));
    expect(error.fields).to.have.property('appId');
    await refused('not-found', subscriptions.bind(buyer, id, (await world.app(stranger))._id));
  });

  it('do what was left undone after a crash behind the deciding write', async () => {
    const subscription = await stored(id);
    await world.store.apps.setBindingLive(`${app._id}.${id}`, false);
    await world.store.subscriptions.update(id, subscription.rev, { status: 'canceled', live: false, unsettled: true });
    await world.store.apps.setBindingLive(`${app._id}.${id}`, true);
    expect((await subscriptions.sweep(world.clock.now())).settled).to.equal(1);
    expect((await stored(id)).unsettled).to.equal(false);
    expect((await world.store.apps.bindingsOf(id)).some(({ live }) => live)).to.equal(false);
  });

  it('take a newer version with the next period that begins at or after its instant (rule N6)', async () => {
    const plan = plans['free'];
    const next = await world.store.periods.get(id, 1);
    if (!plan || !next) throw new Error('no plan');
    const document = (await world.store.products.planVersion(`${plan._id}_v1`))?.document;
    if (!document) throw new Error('no document');
    await world.store.products.addPlanVersion({
      _id: `${plan._id}_v2`,
      planId: plan._id,
      planName: plan.name,
      productId: product._id,
      n: 2,
      document,
      hash: 'h',
      publishedAt: 2,
      effectiveAt: next.startAt - 1,
      standing: 'announced',
    });
    await subscriptions.followVersions(id);
    expect(await stored(id)).to.include({ planVersionId: `${plan._id}_v1`, pendingPlanVersionId: `${plan._id}_v2` });
    await subscriptions.atBoundary(id, 1);
    expect(await stored(id)).to.include({ planVersionId: `${plan._id}_v2`, pendingPlanVersionId: null });
    expect((await world.store.periods.get(id, 1))?.windows[0]?.planVersionId).to.equal(`${plan._id}_v2`);
  });

  it('look missing to a stranger', async () => {
    for (const verb of [
      subscriptions.get,
      subscriptions.details,
      subscriptions.refresh,
      subscriptions.resume,
      subscriptions.cancel,
      subscriptions.undoCancellation,
    ]) {
      await refused('not-found', verb(stranger, id));
    }
    await refused('not-found', subscriptions.bind(stranger, id, (await world.app(stranger))._id));
    await refused('not-found', subscriptions.unbind(stranger, id, app._id));
    expect(await subscriptions.rows(stranger)).to.deep.equal([]);
    expect(await subscriptions.list(stranger, [id])).to.deep.equal([]);
    expect(await stored(id)).to.include({ status: 'active', cancelAtPeriodEnd: false });
  });
});
