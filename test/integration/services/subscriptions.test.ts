import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Actor } from '../../../server/domain/actor.ts';
import { boundary } from '../../../server/domain/period.ts';
import { GRACE_MS, PENDING_MS } from '../../../server/domain/subscription.ts';
import { makeSubscriptions, type Subscriptions } from '../../../server/services/subscriptions.ts';
import type { AppDoc } from '../../../server/store/apps.ts';
import type { PlanDoc, ProductDoc } from '../../../server/store/products.ts';
import { makeEarnings } from '../../../server/services/earnings.ts';
import { makeInvoicing } from '../../../server/services/invoicing.ts';
import { makeLog } from '../../../server/kernel/log.ts';
import { makePayments } from '../../../server/stripe/payments.ts';
import { FREE, PAYG, STARTER, testWorld, type TestWorld } from '../../support/commerce.ts';
import { refused } from '../../support/refused.ts';
import { answerChallenge, CARDS, testStripe, typeCard, type TestStripe } from '../../support/stripe.ts';

const WEB_URL = 'http://localhost:3000';

describe('subscriptions', () => {
  let world: TestWorld;
  let stripe: TestStripe;
  let subscriptions: Subscriptions;
  let provider: Actor;
  let buyer: Actor;
  let stranger: Actor;
  let app: AppDoc;
  let product: ProductDoc;
  let plans: Record<string, PlanDoc>;
  let slug = 0;

  before(async () => {
    world = await testWorld();
    stripe = await testStripe({ clock: world.clock });
    const payments = makePayments({ secretKey: stripe.key, apiBase: stripe.url, retries: 2 });
    const invoicing = makeInvoicing({
      ...world, payments, earnings: makeEarnings(world), log: makeLog('silent', 'test'), platformFeeBps: 2000n,
      usage: { watermark: () => Promise.resolve(world.clock.now()), usageOf: () => Promise.resolve([]) },
      subscriptions: () => subscriptions,
    });
    subscriptions = makeSubscriptions({ ...world, payments, invoicing, webUrl: WEB_URL, latenessSeconds: 900 });
    provider = await world.organization('Atlas');
  });
  after(async () => {
    await stripe.close();
    await world.close();
  });
  beforeEach(async () => {
    [buyer, stranger] = [await world.organization('Harbor'), await world.organization('Stranger')];
    app = await world.app(buyer);
    ({ product, plans } = await world.product(provider, `p${(slug += 1)}`, { free: FREE, starter: STARTER, payg: PAYG }));
  });

  const form = (plan: string, more: { appId?: string; requestId?: string } = {}) => ({ planId: plans[plan]?._id ?? '', appId: app._id, requestId: randomUUID(), ...more });
  const stored = async (id: string) => {
    const subscription = await world.store.subscriptions.get(id);
    if (!subscription) throw new Error(`no ${id}`);
    return subscription;
  };
  /** Begin a paid plan and type a card at Checkout. */
  const buy = async (number: string = CARDS.good, plan = 'starter') => {
    const { subscriptionId, checkoutUrl } = await subscriptions.begin(buyer, form(plan));
    const typed = await typeCard(checkoutUrl ?? '', number);
    const { checkoutId } = await stored(subscriptionId);
    return { subscriptionId, checkoutUrl: checkoutUrl ?? '', checkoutId: checkoutId ?? '', typed };
  };
  const chargesOf = async (id: string) => {
    const { stripeCustomerId } = await stored(id);
    return (await stripe.sdk.paymentIntents.list({ customer: stripeCustomerId ?? '' })).data.filter(({ status }) => status === 'succeeded');
  };

  describe('free of charge', () => {
    it('are active when begin answers: no Checkout, no customer, periods stored ahead, the app bound', async () => {
      const { subscriptionId, checkoutUrl } = await subscriptions.begin(buyer, form('free'));
      expect(checkoutUrl).to.equal(null);
      const subscription = await stored(subscriptionId);
      expect(subscription).to.include({ status: 'active', live: true, periodIndex: 0, entitledUntil: null, stripeCustomerId: null, unsettled: false });
      const anchorAt = Math.floor(world.clock.now() / 1000) * 1000;
      expect(subscription.anchorAt).to.equal(anchorAt);
      const periods = (await world.store.periods.ofSubscription(subscriptionId)).sort((a, b) => a.index - b.index);
      expect(periods.map(({ index, startAt, endAt }) => [index, startAt, endAt])).to.deep.equal([
        [0, anchorAt, boundary(anchorAt, 'month', 1)],
        [1, boundary(anchorAt, 'month', 1), boundary(anchorAt, 'month', 2)],
      ]);
      expect(periods[0]?.windows).to.deep.equal([{ changeIndex: 0, from: anchorAt, planVersionId: subscription.planVersionId }]);
      expect(await world.store.apps.binding(app._id, subscriptionId)).to.include({ live: true, gatewayId: product.gatewayId, environmentId: product.environmentId });
    });

    it('begin once, however often and at once the form is sent', async () => {
      const request = form('free');
      const answers = await Promise.all(Array.from({ length: 12 }, () => subscriptions.begin(buyer, request)));
      expect(new Set(answers.map(({ subscriptionId }) => subscriptionId)).size).to.equal(1);
      expect(await world.store.subscriptions.ofOrganization(buyer.organizationId)).to.have.length(1);
      expect((await stored(answers[0]?.subscriptionId ?? '')).status).to.equal('active');
    });
  });

  describe('on sale', () => {
    it('refuse the provider’s own organization, saying why', async () => {
      const own = await world.app(provider);
      const error = await refused('own-product', subscriptions.begin(provider, form('free', { appId: own._id })));
      expect(error.detail).to.contain('sells this API');
    });
    it('refuse a plan that is retired, or whose product is not listed', async () => {
      await world.store.products.updatePlan(plans['free']?._id ?? '', 0, { retired: true });
      await refused('not-found', subscriptions.begin(buyer, form('free')));
      await world.store.products.updateProduct(product._id, 0, { status: 'retired' });
      await refused('not-found', subscriptions.begin(buyer, form('starter')));
      await refused('not-found', subscriptions.begin(buyer, { ...form('starter'), planId: 'plan_none' }));
    });
    it('refuse an app of somebody else beside its field', async () => {
      const foreign = await world.app(stranger);
      const error = await refused('invalid-form', subscriptions.begin(buyer, form('free', { appId: foreign._id })));
      expect(error.fields).to.have.property('appId');
    });
    it('refuse a second live one for the same product', async () => {
      await subscriptions.begin(buyer, form('free'));
      await refused('already-exists', subscriptions.begin(buyer, form('payg')));
    });
    it('refuse an app that calls one of the APIs under another subscription', async () => {
      await subscriptions.begin(buyer, form('free'));
      const other = await world.product(provider, `twin${slug}`, { free: FREE }, product.apiIds);
      const error = await refused('invalid-form', subscriptions.begin(buyer, { planId: other.plans['free']?._id ?? '', appId: app._id, requestId: randomUUID() }));
      expect(error.fields).to.have.property('appId');
    });
    it('refuse the same form with another choice', async () => {
      const request = form('starter');
      await subscriptions.begin(buyer, request);
      await refused('conflict', subscriptions.begin(buyer, { ...request, planId: plans['free']?._id ?? '' }));
    });
  });

  describe('paid', () => {
    it('wait as pending until a card is saved, then invoice 0 is paid on it and they are active', async () => {
      const { subscriptionId, checkoutId } = await buy();
      expect((await stored(subscriptionId)).status).to.equal('pending');
      expect(await subscriptions.onCheckoutCompleted(checkoutId)).to.equal('active');
      expect((await chargesOf(subscriptionId)).map(({ amount }) => amount)).to.deep.equal([1000]);
      const organization = await world.store.accounts.organization(buyer.organizationId);
      expect(organization?.paymentMethod).to.include({ brand: 'visa', last4: '4242' });
    });

    it('are right on the return page though no webhook came', async () => {
      const { subscriptionId } = await buy();
      expect((await subscriptions.refresh(buyer, subscriptionId)).status).to.equal('active');
    });

    it('ask for a card and charge nothing when nothing is due today', async () => {
      const { subscriptionId, checkoutId } = await buy(CARDS.good, 'payg');
      expect(await subscriptions.onCheckoutCompleted(checkoutId)).to.equal('active');
      expect(await chargesOf(subscriptionId)).to.deep.equal([]);
    });

    it('end in one state whatever the order and number of reports', async () => {
      const { subscriptionId, checkoutId } = await buy();
      const invoice = { _id: `inv_${subscriptionId}_0`, kind: 'period' as const, periodIndex: 0, subscriptionId };
      const reports = [
        () => subscriptions.onCheckoutCompleted(checkoutId),
        () => subscriptions.refresh(buyer, subscriptionId),
        () => subscriptions.onCheckoutCompleted(checkoutId),
        () => subscriptions.onCheckoutExpired(checkoutId),
      ];
      await Promise.all(reports.map((report) => report()));
      await subscriptions.onInvoicePaid(invoice);
      const first = await stored(subscriptionId);
      for (const report of reports.reverse()) await report();
      await subscriptions.onInvoicePaid(invoice);
      const last = await stored(subscriptionId);
      expect(last).to.deep.equal(first);
      expect(last.status).to.equal('active');
      expect(await chargesOf(subscriptionId)).to.have.length(1);
      expect(await world.store.periods.ofSubscription(subscriptionId)).to.have.length(2);
    });

    it('open one Checkout for two posts at once', async () => {
      const request = form('starter');
      const [a, b] = await Promise.all([subscriptions.begin(buyer, request), subscriptions.begin(buyer, request)]);
      expect(a).to.deep.equal(b);
      const { stripeCustomerId } = await stored(a.subscriptionId);
      expect((await stripe.sdk.checkout.sessions.list({ customer: stripeCustomerId ?? '' })).data).to.have.length(1);
    });

    it('go on with the same purchase from a second tab with the same choice', async () => {
      const a = await subscriptions.begin(buyer, form('starter'));
      const b = await subscriptions.begin(buyer, form('starter'));
      expect(b).to.deep.equal(a);
    });

    it('let another choice take the place of one that was not paid: its session ends and charges nothing', async () => {
      const a = await subscriptions.begin(buyer, form('starter'));
      const before = await stored(a.subscriptionId);
      const b = await subscriptions.begin(buyer, form('payg'));
      expect(b.subscriptionId).not.to.equal(a.subscriptionId);
      expect(await stored(a.subscriptionId)).to.include({ status: 'canceled', live: false });
      expect((await stripe.sdk.checkout.sessions.retrieve(before.checkoutId ?? '')).status).to.equal('expired');
      expect((await typeCard(a.checkoutUrl ?? '', CARDS.good)).status).not.to.equal(303);
    });

    it('stay pending after a decline, saying why, and are active after another card', async () => {
      const { subscriptionId, checkoutId } = await buy(CARDS.chargeFails);
      expect(await subscriptions.onCheckoutCompleted(checkoutId)).to.equal('pending');
      const declined = await stored(subscriptionId);
      expect(declined.statusReason).to.match(/declined/i);
      expect(await world.store.apps.bindingsOf(subscriptionId)).to.deep.equal([]);
      // Reports that come again try the same card no second time.
      await subscriptions.onCheckoutCompleted(checkoutId);
      await subscriptions.refresh(buyer, subscriptionId);
      expect((await world.store.invoices.get(`inv_${subscriptionId}_0`))?.attempts).to.equal(1);

      const resumed = await subscriptions.resume(buyer, subscriptionId);
      expect(resumed.checkoutUrl).to.be.a('string');
      await typeCard(resumed.checkoutUrl ?? '', CARDS.good);
      await subscriptions.onCheckoutCompleted(checkoutId);
      expect((await subscriptions.refresh(buyer, subscriptionId)).status).to.equal('active');
      expect((await stored(subscriptionId)).statusReason).to.equal('');
      expect(await chargesOf(subscriptionId)).to.have.length(1);
    });

    it('lead to the bank’s page when it asks for a confirmation, and are active once it is given', async () => {
      const { subscriptionId, checkoutUrl, typed } = await buy(CARDS.threeDSecureAlways);
      if (!typed.location?.startsWith(WEB_URL)) await answerChallenge(checkoutUrl, typed.location ?? '', 'approve');
      const waiting = await subscriptions.refresh(buyer, subscriptionId);
      expect(waiting.status).to.equal('pending');
      expect(waiting.statusReason).to.match(/confirm/i);
      const { checkoutUrl: bank } = await subscriptions.resume(buyer, subscriptionId);
      expect(bank).to.equal(waiting.checkoutUrl);
      expect(await world.store.apps.bindingsOf(subscriptionId)).to.deep.equal([]);
    });

    it('expire after 23 hours, and the place is free again', async () => {
      const { subscriptionId } = await subscriptions.begin(buyer, form('starter'));
      world.clock.advance(PENDING_MS - 1);
      await subscriptions.sweep(world.clock.now());
      expect((await stored(subscriptionId)).status).to.equal('pending');
      world.clock.advance(1);
      await subscriptions.sweep(world.clock.now());
      expect(await stored(subscriptionId)).to.include({ status: 'expired', live: false });
      await subscriptions.begin(buyer, form('free'));
      // A late report moves nothing that is over.
      await subscriptions.onInvoicePaid({ _id: `inv_${subscriptionId}_0`, kind: 'period', periodIndex: 0, subscriptionId });
      expect((await stored(subscriptionId)).status).to.equal('expired');
    });

    it('are activated, not expired, when the card was saved and every report was lost', async () => {
      const { subscriptionId } = await buy();
      world.clock.advance(PENDING_MS);
      await subscriptions.sweep(world.clock.now());
      expect((await stored(subscriptionId)).status).to.equal('active');
    });

    it('end at once when they are canceled before they were paid', async () => {
      const { subscriptionId } = await subscriptions.begin(buyer, form('starter'));
      expect(await subscriptions.cancel(buyer, subscriptionId)).to.include({ status: 'canceled', live: false });
      await refused('conflict', subscriptions.cancel(buyer, subscriptionId));
    });
  });

  describe('running', () => {
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
        _id: `${plan._id}_v2`, planId: plan._id, planName: plan.name, productId: product._id, n: 2, document, hash: 'h', publishedAt: 2, effectiveAt: next.startAt - 1,
      });
      await subscriptions.onPlanVersionPublished(product._id, plan._id);
      expect(await stored(id)).to.include({ planVersionId: `${plan._id}_v1`, pendingPlanVersionId: `${plan._id}_v2` });
      await subscriptions.atBoundary(id, 1);
      expect(await stored(id)).to.include({ planVersionId: `${plan._id}_v2`, pendingPlanVersionId: null });
      expect((await world.store.periods.get(id, 1))?.windows[0]?.planVersionId).to.equal(`${plan._id}_v2`);
    });

    it('look missing to a stranger', async () => {
      for (const verb of [subscriptions.get, subscriptions.details, subscriptions.refresh, subscriptions.resume, subscriptions.cancel, subscriptions.undoCancellation]) {
        await refused('not-found', verb(stranger, id));
      }
      await refused('not-found', subscriptions.bind(stranger, id, (await world.app(stranger))._id));
      await refused('not-found', subscriptions.unbind(stranger, id, app._id));
      expect(await subscriptions.list(stranger)).to.deep.equal([]);
      expect(await stored(id)).to.include({ status: 'active', cancelAtPeriodEnd: false });
    });
  });
});
