import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Actor } from '../../../server/domain/actor.ts';
import { boundary } from '../../../server/domain/period.ts';
import { PENDING_MS } from '../../../server/domain/subscription.ts';
import type { Subscriptions } from '../../../server/services/subscriptions.ts';
import type { AppDoc } from '../../../server/store/apps.ts';
import type { PlanDoc, ProductDoc } from '../../../server/store/products.ts';
import { FREE, PAYG, sellingWorld, STARTER, WEB_URL, type SellingWorld } from '../../support/commerce.ts';
import { refused } from '../../support/refused.ts';
import { answerChallenge, CARDS, typeCard, type TestStripe } from '../../support/stripe.ts';

describe('subscriptions', () => {
  let world: SellingWorld;
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
    world = await sellingWorld();
    ({ stripe, subscriptions } = world);
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
      expect(await world.store.apps.binding(app._id, subscriptionId)).to.include({
        live: true,
        gatewayId: product.gatewayId,
        environmentId: product.environmentId,
      });
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
      const error = await refused(
        'invalid-form',
        subscriptions.begin(buyer, { planId: other.plans['free']?._id ?? '', appId: app._id, requestId: randomUUID() }),
      );
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

    it('F24: completed in two tabs they are one subscription and one charge; a card saved in a visit that another one followed is charged nothing', async () => {
      const first = await buy(CARDS.chargeFails);
      expect(await subscriptions.onCheckoutCompleted(first.checkoutId)).to.equal('pending');
      const { checkoutUrl } = await subscriptions.resume(buyer, first.subscriptionId);
      const second = (await stored(first.subscriptionId)).checkoutId ?? '';
      expect(second).not.to.equal(first.checkoutId);
      // The same page, open twice, takes one card.
      expect((await typeCard(checkoutUrl ?? '', CARDS.good)).status).to.equal(303);
      const before = (await stored(first.subscriptionId)).paymentMethodId;
      await typeCard(checkoutUrl ?? '', CARDS.good);
      await Promise.all([
        subscriptions.onCheckoutCompleted(second),
        subscriptions.onCheckoutCompleted(first.checkoutId),
        subscriptions.onCheckoutCompleted(second),
        subscriptions.refresh(buyer, first.subscriptionId),
      ]);
      const last = await stored(first.subscriptionId);
      expect(last).to.include({ status: 'active' });
      expect(last.paymentMethodId).not.to.equal(before);
      expect(await chargesOf(first.subscriptionId)).to.have.length(1);
      expect(await subscriptions.onCheckoutCompleted(first.checkoutId)).to.equal('active');
      expect((await stored(first.subscriptionId)).paymentMethodId).to.equal(last.paymentMethodId);
      expect(await chargesOf(first.subscriptionId)).to.have.length(1);
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
      const asked = await fetch(bank ?? '', { method: 'POST', redirect: 'manual' });
      await answerChallenge(bank ?? '', asked.headers.get('location') ?? '', 'approve');
      expect((await subscriptions.refresh(buyer, subscriptionId)).status).to.equal('active');
      expect(await chargesOf(subscriptionId)).to.have.length(1);
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
});
