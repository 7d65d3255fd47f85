import { expect } from 'chai';
import { BUYER, LATENESS_SECONDS, billingWorld, buyer, operator, type BillingWorld } from '../../support/billing-world.ts';
import { CARDS, typeCard } from '../../support/stripe.ts';

describe('collecting invoices', function () {
  this.timeout(60_000);
  let world: BillingWorld;
  beforeEach(async () => {
    world = await billingWorld();
  });
  afterEach(() => world.close());

  it('F19: a renewal that is declined leaves the subscription past due, tries again on its days, and is restored by another card at once', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    world.stripe.world.planDeclines('insufficient_funds', 2);
    await world.endPeriod(id, 0);
    const failedAt = world.clock.now();
    expect(await world.invoice(id, 1)).to.deep.include({
      status: 'open',
      step: 'waiting',
      attempts: 1,
      nextAttemptAt: failedAt + 2 * 86_400_000,
      waitingFor: 'card',
    });
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'past_due', entitledUntil: (await world.boundary(id, 1)) + 3 * 86_400_000 });
    expect(await world.invoicing.round()).to.include({ collected: 0 });
    world.travel(failedAt + 2 * 86_400_000);
    await world.invoicing.round();
    expect(await world.invoice(id, 1)).to.deep.include({ attempts: 2, nextAttemptAt: world.clock.now() + 5 * 86_400_000 });
    const organization = await world.store.accounts.organization(BUYER);
    const card = await world.stripe.sdk.paymentMethods.create({ type: 'card', card: { number: CARDS.good, exp_month: 12, exp_year: 2039, cvc: '123' } });
    await world.stripe.sdk.paymentMethods.attach(card.id, { customer: organization?.stripeCustomerId ?? '' });
    await world.store.accounts.setPaymentMethod(BUYER, { id: card.id, brand: 'visa', last4: '4242', expMonth: 12, expYear: 2039 });
    await world.invoicing.round();
    expect(await world.invoice(id, 1)).to.deep.include({ status: 'paid', step: 'done', lastFailure: '' });
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'active', entitledUntil: null });
    const told = world.letters.filter(({ path }) => path === `/subscriptions/${id}`);
    expect(told.map(({ subject }) => subject)).to.deep.equal(['The payment for Cities failed', 'The payment for Cities went through']);
    expect(told[0]).to.deep.include({ organizationId: BUYER, to: 'market:invoices:get' });
    expect(told[0]?.lines[1]).to.match(/^Calls go on until \d+ \w+ \d+, \d\d:\d\d UTC\./);
  });

  it('N22: renewals are tried on days 0, 2, 7, 14 and 21; when the last try fails too the subscription is canceled, and what it owes stays owed', async () => {
    const id = await world.subscribe((await world.plan()).planId);
    world.usage.record(id, 1, 1100);
    world.stripe.world.planDeclines('insufficient_funds', 99);
    await world.endPeriod(id, 0);
    const first = world.clock.now();
    for (const [tries, day] of [2, 7, 14].entries()) {
      world.travel(first + day * 86_400_000);
      await world.invoicing.round();
      await world.subscriptions.sweep(world.clock.now());
      expect(await world.invoice(id, 1)).to.include({ attempts: tries + 2 });
      expect(await world.store.subscriptions.get(id)).to.include({ status: day === 2 ? 'past_due' : 'suspended', live: true });
    }
    world.travel(first + 21 * 86_400_000);
    await world.invoicing.round();
    expect(await world.subscriptions.sweep(world.clock.now())).to.include({ canceled: 1 });
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'canceled', live: false, endedAt: world.clock.now() });
    expect(await world.invoice(id, 1)).to.include({ status: 'open', attempts: 5, nextAttemptAt: null });
    expect(await world.subscriptions.sweep(world.clock.now())).to.include({ canceled: 0 });
    expect(world.letters.filter(({ path }) => path === `/subscriptions/${id}`).map(({ subject }) => subject)).to.deep.equal([
      'The payment for Cities failed',
      'Calls to Cities are refused',
      'The subscription to Cities has ended',
    ]);
    // What was used before access ended is billed with the end of the period, and nothing is renewed.
    await world.endPeriod(id, 1);
    expect((await world.invoice(id, 2)).lines.map(({ amountMinor }) => amountMinor)).to.deep.equal([50n]);
    await world.endPeriod(id, 2);
    expect(await world.store.invoices.get(`inv_${id}_3`)).to.equal(null);
    // The renewal was written off meanwhile; the last invoice is still being tried.
    expect(await world.invoice(id, 1)).to.include({ status: 'uncollectible', step: 'waiting', unsettled: false });
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(50n);
  });

  it('N22: after a hard decline nothing is tried, the days run on, and day 21 ends it', async () => {
    const id = await world.subscribe((await world.plan()).planId);
    world.stripe.world.planDeclines('lost_card', 1);
    await world.endPeriod(id, 0);
    const first = world.clock.now();
    expect(await world.invoice(id, 1)).to.include({ attempts: 1, nextAttemptAt: null });
    expect(await world.invoicing.nextDue(first, first + 40 * 86_400_000)).to.equal(first + 21 * 86_400_000);
    world.travel(first + 21 * 86_400_000 - 1);
    expect(await world.subscriptions.sweep(world.clock.now())).to.include({ canceled: 0 });
    world.travel(first + 21 * 86_400_000);
    await world.invoicing.round();
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'canceled', live: false });
    expect(await world.subscriptions.sweep(world.clock.now())).to.include({ canceled: 0 });
    expect(await world.invoice(id, 1)).to.include({ attempts: 1, status: 'uncollectible' });
  });

  it('books what Stripe kept of a payment as soon as Stripe knows it, once, and holds nothing up meanwhile', async () => {
    const pending = { is: true };
    const { invoicing } = world.process({
      payments: (real) => ({ ...real, readProcessingFee: async (id) => (pending.is ? { kind: 'pending' } : real.readProcessingFee(id)) }),
    });
    const id = await world.subscribe((await world.plan()).planId);
    world.travel((await world.boundary(id, 1)) + LATENESS_SECONDS * 1000);
    await invoicing.round();
    expect(await world.invoice(id, 1)).to.include({ status: 'paid', step: 'costing', unsettled: true });
    expect(await world.balance('processing_fees')).to.equal(59n);
    expect(await invoicing.round()).to.include({ collected: 0 });
    pending.is = false;
    world.travel(world.clock.now() + 600_000);
    await invoicing.round();
    await invoicing.round();
    expect(await world.invoice(id, 1)).to.include({ status: 'paid', step: 'done', unsettled: false, nextAttemptAt: null });
    expect(await world.balance('processing_fees')).to.equal(118n);
    expect(await world.store.ledger.get(`fee.inv_${id}_1`)).to.deep.include({
      currency: 'usd',
      entries: [
        { account: 'processing_fees', amountMinor: 59n },
        { account: 'stripe_clearing', amountMinor: -59n },
      ],
    });
  });

  it('a card declined at the first payment leaves the purchase pending; another visit to Checkout completes it', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId, CARDS.chargeFails);
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'pending' });
    expect(await world.invoice(id, 0)).to.deep.include({ status: 'open', step: 'waiting', attempts: 1 });
    await world.subscriptions.refresh(buyer, id);
    expect(await world.invoice(id, 0)).to.include({ attempts: 1 });
    const { checkoutUrl } = await world.subscriptions.resume(buyer, id);
    await typeCard(checkoutUrl ?? '', CARDS.good);
    await world.subscriptions.refresh(buyer, id);
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'active' });
    expect((await world.stripe.sdk.invoices.list()).data).to.have.length(1);
  });

  it('a purchase that is given up has its invoice voided, and nothing stands in the books', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId, CARDS.chargeFails);
    await world.subscriptions.cancel(buyer, id);
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'canceled' });
    expect(await world.invoice(id, 0)).to.include({ status: 'void', void: true, unsettled: false });
    expect((await world.stripe.sdk.invoices.list()).data.map(({ status }) => status)).to.deep.equal(['void']);
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(0n);
  });

  describe('F33: an invoice that differs at Stripe', () => {
    let id: string;
    let held: string;
    /** Somebody adds a line in Stripe's dashboard while ours are sent. */
    beforeEach(async () => {
      id = await world.subscribe((await world.plan()).planId);
      const meddling = world.process({
        payments: (real) => ({
          ...real,
          async addInvoiceItem(item) {
            await world.stripe.sdk.invoiceItems.create({ customer: item.customerId, invoice: item.stripeInvoiceId, amount: 7, currency: 'usd' });
            return real.addInvoiceItem(item);
          },
        }),
      });
      world.travel((await world.boundary(id, 1)) + LATENESS_SECONDS * 1000);
      await meddling.invoicing.round();
      held = `inv_${id}_1`;
    });
    const review = () => world.invoicing.review;
    const atStripe = async () => world.stripe.sdk.invoices.retrieve((await world.invoice(id, 1)).stripeInvoiceId ?? '');
    const code = (error: { code: string }) => error.code;

    it('is not finalized, and an operator sees how', async () => {
      expect(await world.invoice(id, 1)).to.include({ status: 'needs_review', step: 'review', numbered: false, unsettled: false });
      expect((await world.stripe.sdk.invoices.list({ status: 'paid' })).data).to.have.length(1);
      expect((await review().held(operator, 1)).rows.map(({ _id }) => _id)).to.deep.equal([held]);
      const { difference, lines, theirs } = await review().compare(operator, held);
      expect([difference, theirs?.totalMinor]).to.deep.equal(['4 lines instead of 2', 1014n]);
      expect(lines.map(({ oursMinor, theirsMinor }) => [oursMinor, theirsMinor])).to.deep.equal([
        [1000n, 1000n],
        [0n, 0n],
        [null, 7n],
        [null, 7n],
      ]);
      expect(await review().held(buyer, 1).catch(code)).to.equal('not-found');
    });

    it('goes on once Stripe was put right and the operator says why, and not before', async () => {
      expect(await review().decide(operator, held, 'verify', ' ').catch(code)).to.equal('invalid-form');
      expect(await review().decide(operator, held, 'verify', 'Looked again')).to.include({ status: 'needs_review' });
      const items = await world.stripe.sdk.invoiceItems.list({ invoice: (await atStripe()).id });
      for (const { id: item, amount } of items.data) if (amount === 7) await world.stripe.sdk.invoiceItems.del(item);
      expect(await review().decide(operator, held, 'verify', 'Removed the lines')).to.include({ status: 'paid', number: 2 });
      expect(await atStripe()).to.include({ status: 'paid', total: 1000 });
      const records = await world.store.audit.ofOrganization('org_platform', 0, Number.MAX_SAFE_INTEGER);
      expect(records.map(({ action, after }) => [action, (after as { reason: string }).reason])).to.have.deep.members([
        ['platform:invoices:decide', 'Looked again'],
        ['platform:invoices:decide', 'Removed the lines'],
      ]);
      expect(await review().decide(operator, held, 'verify', 'Once more').catch(code)).to.equal('conflict');
    });

    it('is withdrawn at Stripe and made anew, also when that is cut short, or its draft was removed in the dashboard', async () => {
      const before = (await atStripe()).id;
      const dying = world.process({
        payments: (real) => ({
          ...real,
          async discardDraft(gone) {
            await real.discardDraft(gone);
            throw new Error('killed');
          },
        }),
      });
      expect(await dying.invoicing.review.decide(operator, held, 'remake', 'Send ours again').catch(() => 'killed')).to.equal('killed');
      expect(await world.invoice(id, 1)).to.include({ step: 'discarding', unsettled: true });
      await world.invoicing.round();
      const after = await world.invoice(id, 1);
      expect(after).to.include({ status: 'paid', step: 'done', number: 2, remakes: 1, lastFailure: '' });
      expect(after.stripeInvoiceId).not.to.equal(before);
      expect((await world.stripe.sdk.invoices.list()).data.map(({ status, total }) => [status, total])).to.deep.equal([
        ['paid', 1000],
        ['paid', 1000],
      ]);
      expect(await world.balance(`receivable:${BUYER}`)).to.equal(0n);
    });

    it('whose draft was removed in the dashboard is held, and made anew', async () => {
      await world.stripe.sdk.invoices.del((await atStripe()).id);
      expect((await review().compare(operator, held)).difference).to.equal('it is not there any more');
      expect(await review().decide(operator, held, 'verify', 'Is it back?')).to.include({ status: 'needs_review' });
      expect(await review().decide(operator, held, 'remake', 'It was deleted')).to.include({ status: 'paid', remakes: 1 });
    });

    it('says nothing of Stripe’s difference to the buyer of a first invoice', async () => {
      const meddling = world.process({
        payments: (real) => ({
          ...real,
          async finalizeInvoice() {
            throw new Error('never reached');
          },
          async addInvoiceItem(item) {
            return real.addInvoiceItem({ ...item, amountMinor: item.amountMinor + 1n });
          },
        }),
      });
      const { planId } = await world.plan();
      const { subscriptionId, checkoutUrl } = await meddling.subscriptions.begin(buyer, { planId, appId: 'app_1', requestId: 'second' });
      await typeCard(checkoutUrl ?? '', CARDS.good);
      await meddling.subscriptions.refresh(buyer, subscriptionId);
      const { statusReason } = (await world.store.subscriptions.get(subscriptionId)) ?? { statusReason: '' };
      expect(statusReason).to.equal('The payment is being looked at. You will hear from us.');
      expect(await review().decide(operator, `inv_${subscriptionId}_0`, 'remake', 'Amount was wrong')).to.include({ status: 'paid' });
      expect(await world.store.subscriptions.get(subscriptionId)).to.include({ status: 'active' });
    });
  });
});
