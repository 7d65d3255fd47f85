import { expect } from 'chai';
import { AppError } from '../../../server/kernel/errors.ts';
import type { InboundEvent } from '../../../server/stripe/events.ts';
import { makePayments, type Payments } from '../../../server/stripe/payments.ts';
import { answerChallenge, CARDS, TEST_KEY, testStripe, typeCard, type TestStripe } from '../../support/stripe.ts';

/** Today's cards, a customer, an open invoice: what most cases start from. */
describe('payments', () => {
  let stripe: TestStripe;
  let payments: Payments;
  let customerId: string;
  let steps = 0;
  const key = () => `test.${++steps}`;
  const organization = { organizationId: 'org_harbor', email: 'buyer@demo.test', name: 'Harbor Apps' };

  before(async () => {
    stripe = await testStripe();
    payments = makePayments({ secretKey: TEST_KEY, apiBase: stripe.url, retries: 0 });
    customerId = await payments.ensureCustomer(organization);
  });
  after(() => stripe.close());
  afterEach(() => stripe.disturbances.clear());

  const openCheckout = (subscriptionId = 'sub_1') =>
    payments.createSetupCheckout({
      subscriptionId,
      customerId,
      successUrl: 'http://shop.test/back?s={CHECKOUT_SESSION_ID}',
      cancelUrl: 'http://shop.test/no',
      expiresAt: stripe.world.clock.now() + 23 * 3600_000,
      idempotencyKey: key(),
    });

  async function saveCard(number: string): Promise<string> {
    const checkout = await openCheckout();
    const typed = await typeCard(checkout.url!, number);
    if (typed.location!.startsWith('/authenticate/')) await answerChallenge(checkout.url!, typed.location!, 'approve');
    const { paymentMethodId } = await payments.readCheckout(checkout.id);
    await payments.setDefaultPaymentMethod({ customerId, paymentMethodId: paymentMethodId! });
    return paymentMethodId!;
  }

  async function openInvoice(amounts: readonly bigint[] = [1_000n, 235n], number = `A-${++steps}`) {
    const invoice = await payments.createInvoice({ customerId, currency: 'usd', metadata: { tollgate_invoice: number }, idempotencyKey: key() });
    for (const [index, amountMinor] of amounts.entries()) {
      await payments.addInvoiceItem({
        stripeInvoiceId: invoice.id,
        customerId,
        amountMinor,
        currency: 'usd',
        description: `line ${index}`,
        lineKey: `k${index}`,
        idempotencyKey: key(),
      });
    }
    return payments.finalizeInvoice({ stripeInvoiceId: invoice.id, number, idempotencyKey: key() });
  }

  const codeOf = async (run: Promise<unknown>): Promise<string> =>
    run.then(
      () => 'no error',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );

  it('makes one customer for an organization, however often it is asked, and keeps its name up to date', async () => {
    expect(await payments.ensureCustomer(organization)).to.equal(customerId);
    expect(await payments.ensureCustomer({ ...organization, name: 'Harbor Apps Ltd' })).to.equal(customerId);
    expect(((await stripe.sdk.customers.retrieve(customerId)) as { name: string }).name).to.equal('Harbor Apps Ltd');
    expect((await stripe.sdk.customers.list({ email: organization.email })).data).to.have.length(1);
  });

  it('opens Checkout that saves a card, and reads back which', async () => {
    const checkout = await openCheckout('sub_42');
    expect(checkout).to.include({ status: 'open', subscriptionId: 'sub_42', customerId, paymentMethodId: null });
    const typed = await typeCard(checkout.url!, CARDS.good);
    expect(typed).to.include({ status: 303, location: `http://shop.test/back?s=${checkout.id}` });
    const complete = await payments.readCheckout(checkout.id);
    expect(complete).to.include({ status: 'complete', url: null, subscriptionId: 'sub_42' });
    expect(await payments.readPaymentMethod(complete.paymentMethodId!)).to.include({
      brand: 'visa',
      last4: '4242',
      expiryMonth: 12,
      expiryYear: 2039,
      customerId,
    });
  });

  it('answers a session that ended already as it is, instead of failing to expire it', async () => {
    const first = await openCheckout();
    expect((await payments.expireCheckout(first.id)).status).to.equal('expired');
    expect((await payments.expireCheckout(first.id)).status).to.equal('expired');
    const second = await openCheckout();
    await typeCard(second.url!, CARDS.good);
    expect((await payments.expireCheckout(second.id)).status).to.equal('complete');
  });

  it('collects an invoice whose total and lines are exactly those sent, credits among them', async () => {
    await saveCard(CARDS.good);
    const invoice = await openInvoice([1_000n, 2_345_678n, -345n], 'ATLAS-0007');
    expect(invoice).to.include({ status: 'open', number: 'ATLAS-0007', totalMinor: 2_346_333n, amountDueMinor: 2_346_333n });
    expect(new Map(invoice.lines.map((line) => [line.lineKey, line.amountMinor]))).to.deep.equal(
      new Map([
        ['k0', 1_000n],
        ['k1', 2_345_678n],
        ['k2', -345n],
      ]),
    );
    const outcome = await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() });
    expect(outcome).to.have.nested.include({ kind: 'paid', 'invoice.status': 'paid', 'invoice.amountPaidMinor': 2_346_333n });
  });

  it('reads every line of an invoice, however many there are', async () => {
    const amounts = Array.from({ length: 120 }, (_, index) => BigInt(index + 1));
    const invoice = await openInvoice(amounts);
    expect(invoice.lines).to.have.length(120);
    expect(invoice.lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n))
      .to.equal(7_260n)
      .and.equal(invoice.totalMinor);
  });

  it('calls a decline an answer: soft for an empty account, hard for a stolen card (rule N22)', async () => {
    await saveCard(CARDS.chargeFails);
    const invoice = await openInvoice();
    const soft = await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() });
    expect(soft).to.deep.include({ kind: 'declined', code: 'card_declined', declineCode: 'generic_decline', hard: false });
    stripe.world.planDeclines('stolen_card', 1);
    expect(await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() })).to.deep.include({
      kind: 'declined',
      declineCode: 'stolen_card',
      hard: true,
    });
    expect((await payments.readInvoice(invoice.id)).status).to.equal('open');
  });

  it('repeats the first answer under the same key, a decline too, and tries again under another', async () => {
    await saveCard(CARDS.good);
    const invoice = await openInvoice();
    stripe.world.planDeclines('insufficient_funds', 1);
    const first = await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: 'pay.one' });
    expect(first).to.include({ kind: 'declined', declineCode: 'insufficient_funds', hard: false });
    expect(await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: 'pay.one' })).to.deep.equal(first);
    expect(await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: 'pay.two' })).to.include({ kind: 'paid' });
  });

  it('sends the buyer to the hosted page when the bank wants 3-D Secure, and finds the invoice paid afterwards', async () => {
    await saveCard(CARDS.threeDSecureAlways);
    const invoice = await openInvoice();
    const outcome = await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() });
    expect(outcome.kind).to.equal('requires-action');
    const page = outcome as { url: string };
    expect(page.url).to.equal(invoice.hostedUrl);
    const sent = await fetch(page.url, { method: 'POST', redirect: 'manual' });
    await answerChallenge(page.url, sent.headers.get('location')!, 'approve');
    expect((await payments.readInvoice(invoice.id)).status).to.equal('paid');
    // Asked again by a job that knows nothing of it: paid is paid.
    expect(await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() })).to.include({ kind: 'paid' });
  });

  it('asks for 3-D Secure once when the card was saved with it', async () => {
    await saveCard(CARDS.threeDSecureOnce);
    const invoice = await openInvoice();
    expect(await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() })).to.include({ kind: 'paid' });
  });

  it('says that no card is saved, rather than failing', async () => {
    const bare = await payments.ensureCustomer({ organizationId: 'org_bare', email: 'bare@demo.test', name: 'Bare' });
    const invoice = await payments.createInvoice({ customerId: bare, currency: 'usd', metadata: {}, idempotencyKey: key() });
    await payments.addInvoiceItem({
      stripeInvoiceId: invoice.id,
      customerId: bare,
      amountMinor: 900n,
      currency: 'usd',
      description: 'x',
      lineKey: 'k',
      idempotencyKey: key(),
    });
    await payments.finalizeInvoice({ stripeInvoiceId: invoice.id, number: 'B-1', idempotencyKey: key() });
    expect(await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() })).to.include({
      kind: 'declined',
      code: 'no-payment-method',
      hard: true,
    });
  });

  it('F6: makes one object when the answer is lost: the same key replays', async () => {
    stripe.disturbances.add({ kind: 'drop-response', method: 'POST', path: '/v1/invoices', times: 2 });
    const request = { customerId, currency: 'usd', metadata: { tollgate_invoice: 'lost' }, idempotencyKey: 'lost.create' };
    expect(await codeOf(payments.createInvoice(request))).to.equal('dependency-away');
    const found = await payments.createInvoice(request);
    expect((await payments.findInvoiceByMetadata({ customerId, key: 'tollgate_invoice', value: 'lost' }))?.id).to.equal(found.id);
    const all = await stripe.sdk.invoices.list({ customer: customerId, limit: 100 });
    expect(all.data.filter(({ metadata }) => metadata?.tollgate_invoice === 'lost')).to.have.length(1);
  });

  it('finds an invoice by its metadata after the key was forgotten (F7), never a void one', async () => {
    const invoice = await openInvoice([5_000n], 'META-1');
    stripe.world.setOffset(stripe.world.clock.offsetMs() + 30 * 3600_000);
    expect((await payments.findInvoiceByMetadata({ customerId, key: 'tollgate_invoice', value: 'META-1' }))?.id).to.equal(invoice.id);
    expect((await payments.voidInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() })).status).to.equal('void');
    expect((await payments.voidInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() })).status).to.equal('void');
    expect(await payments.findInvoiceByMetadata({ customerId, key: 'tollgate_invoice', value: 'META-1' })).to.equal(null);
  });

  it('refuses loudly when a key comes again with another body (I18)', async () => {
    await payments.createInvoice({ customerId, currency: 'usd', metadata: { n: '1' }, idempotencyKey: 'same.key' });
    expect(await codeOf(payments.createInvoice({ customerId, currency: 'usd', metadata: { n: '2' }, idempotencyKey: 'same.key' }))).to.equal('internal');
  });

  it('refuses to void what is paid, and to discard what left draft', async () => {
    await saveCard(CARDS.good);
    const invoice = await openInvoice();
    await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() });
    expect(await codeOf(payments.voidInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() }))).to.equal('conflict');
    expect(await codeOf(payments.discardDraft(invoice.id))).to.equal('conflict');
    const draft = await payments.createInvoice({ customerId, currency: 'usd', metadata: {}, idempotencyKey: key() });
    await payments.discardDraft(draft.id);
    await payments.discardDraft(draft.id);
    expect(await codeOf(payments.readInvoice(draft.id))).to.equal('not-found');
  });

  for (const [what, disturbance] of [
    ['500', { kind: 'status', status: 500 }],
    ['429', { kind: 'status', status: 429 }],
    ['409', { kind: 'status', status: 409 }],
    ['a cut connection', { kind: 'drop-request' }],
  ] as const) {
    it(`calls ${what} "dependency-away", with a time to come back`, async () => {
      stripe.disturbances.add({ ...disturbance, times: 5 });
      const error = await payments.readBalance().then(
        () => null,
        (thrown: unknown) => thrown as AppError,
      );
      expect(error).to.have.property('code', 'dependency-away');
      expect(error!.retryAfterSeconds).to.be.greaterThan(0);
    });
  }

  it('gives up on a request that hangs, and says whether Stripe can be reached', async () => {
    const hasty = makePayments({ secretKey: TEST_KEY, apiBase: stripe.url, retries: 0, timeoutMs: 50 });
    stripe.disturbances.add({ kind: 'delay', delayMs: 400, times: 1 });
    expect(await codeOf(hasty.readBalance())).to.equal('dependency-away');
    expect(await payments.reachable()).to.equal(true);
    expect(await makePayments({ secretKey: TEST_KEY, apiBase: 'http://127.0.0.1:1', retries: 0 }).reachable()).to.equal(false);
    expect(await makePayments({ secretKey: 'sk_wrong', apiBase: stripe.url, retries: 0 }).reachable()).to.equal(false);
  });

  it('lists the events it can handle since an instant, newest first, however many', async () => {
    const since = stripe.world.clock.now() + 5_000;
    stripe.world.setOffset(stripe.world.clock.offsetMs() + 10_000);
    await saveCard(CARDS.good);
    const invoice = await openInvoice([7_000n]);
    await payments.payInvoice({ stripeInvoiceId: invoice.id, idempotencyKey: key() });
    const events: InboundEvent[] = [];
    for await (const event of payments.listEvents({ since })) events.push(event);
    expect(events.filter(({ objectId }) => objectId === invoice.id).map(({ type }) => type)).to.deep.equal([
      'invoice.payment_succeeded',
      'invoice.paid',
      'invoice.finalized',
    ]);
    expect(events[0]).to.include({ livemode: false, account: null });
    for (let index = 0; index < 35; index++) await openInvoice([7_000n]);
    for (let index = 0; index < 70; index++) await saveCard(CARDS.good);
    let count = 0;
    for await (const _ of payments.listEvents({ since })) count++;
    expect(count).to.equal(5 + 35 + 2 * 70);
  });

  it('never sends an amount that JSON cannot carry', () => {
    expect(() =>
      payments.addInvoiceItem({
        stripeInvoiceId: 'in_1',
        customerId,
        amountMinor: 2n ** 53n,
        currency: 'usd',
        description: 'x',
        lineKey: 'k',
        idempotencyKey: key(),
      }),
    ).to.throw(RangeError);
  });
});
