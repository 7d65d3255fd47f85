import { expect } from 'chai';
import type { InvoiceDoc } from '../../../server/store/invoices.ts';
import { startBuyerPortal, type BuyerPortal } from '../../support/buyer-portal.ts';
import { PASSWORD, startPortal } from '../../support/portal.ts';
import { CARDS, typeCard } from '../../support/stripe.ts';

describe('pages about money that stands still', function () {
  this.timeout(120_000);
  let portal: BuyerPortal;
  let buyer: Awaited<ReturnType<BuyerPortal['member']>>;
  let operator: ReturnType<BuyerPortal['visitor']>;
  let first: InvoiceDoc;
  before(async () => {
    portal = await startBuyerPortal();
    const { services, store } = portal.composition;
    buyer = await portal.member('Harbor');
    const form = await buyer.get('/apis/cities/subscribe?plan=starter');
    const requestId = /name="requestId"[^>]*value="([^"]*)"/.exec(form.text)?.[1] ?? '';
    const { location } = await buyer.post('/subscriptions', { planId: portal.listing.planIds.starter, requestId, appId: 'new', appName: 'Map' });
    await typeCard(location ?? '', CARDS.good);
    const [subscription] = await store.subscriptions.ofOrganization(buyer.organizationId);
    await buyer.get(`/subscriptions/${subscription?._id}?checkout=anything`);
    first = (await store.invoices.get(`inv_${subscription?._id}_0`))!;
    const olaf = await services.accounts.registerMember({ email: 'olaf@example.test', password: PASSWORD, name: 'Olaf' }, 'org_platform', ['Operator']);
    if (olaf) await services.accounts.addOperators(olaf);
    operator = portal.visitor();
    await operator.post('/sign-in', { email: 'olaf@example.test', password: PASSWORD });
  });
  after(() => portal.stop());

  /** Another invoice of the same subscription, as the test needs it. */
  const add = (periodIndex: number, change: Partial<InvoiceDoc>) => {
    const { stripeUrl: _url, stripeInvoiceId: _id, number: _n, ...rest } = first;
    const invoice = {
      ...rest,
      _id: `inv_${first.subscriptionId}_${periodIndex}`,
      periodIndex,
      numbered: false,
      number: null,
      stripeUrl: null,
      stripeInvoiceId: null,
    };
    return portal.composition.store.invoices.add({ ...invoice, ...change });
  };

  it('an operator sees a held invoice beside Stripe’s, has to say why, and makes it anew; the buyer is told that it is looked at', async () => {
    expect((await operator.get('/admin/invoices')).text).to.contain('No invoice is held');
    expect((await buyer.get('/admin/invoices')).status).to.be.oneOf([403, 404]);
    const draft = await portal.stripe.sdk.invoices.create({ customer: (await portal.stripe.sdk.customers.list()).data[0]!.id, currency: 'usd' });
    await portal.stripe.sdk.invoiceItems.create({
      customer: draft.customer as string,
      invoice: draft.id,
      amount: 7,
      currency: 'usd',
      description: 'Added by hand',
    });
    await add(1, {
      status: 'needs_review',
      step: 'review',
      lastFailure: 'At Stripe: 2 lines instead of 1',
      stripeInvoiceId: draft.id,
      issuedAt: first.issuedAt + 1,
    });
    const page = `/admin/invoices/inv_${first.subscriptionId}_1`;
    expect((await operator.get('/admin/invoices')).text)
      .to.contain(page)
      .and.contain('2 lines instead of 1');
    const shown = (await operator.get(page)).text;
    for (const part of ['Added by hand', 'data value="7"', 'data value="1000"', 'is not there once', 'Withdraw at Stripe']) expect(shown).to.contain(part);
    const bought = (await buyer.get(`/invoices/inv_${first.subscriptionId}_1`)).text;
    expect(bought).to.contain('We are checking it').and.not.to.contain('At Stripe:');
    expect((await buyer.post(`${page}/replacement`, { reason: 'mine' })).status).to.be.oneOf([403, 404]);
    const unsaid = await operator.post(`${page}/replacement`, { reason: '' });
    expect([unsaid.status, unsaid.text.includes('Say why')]).to.deep.equal([422, true]);
    expect((await operator.post(`${page}/verification`, { reason: 'Looked again' })).location).to.equal(page);
    expect((await operator.post(`${page}/replacement`, { reason: 'A line was added by hand' })).location).to.equal('/admin/invoices');
    expect(await portal.composition.store.invoices.get(`inv_${first.subscriptionId}_1`)).to.include({ status: 'paid', chargeMinor: 1000n });
    const records = await portal.composition.store.audit.ofOrganization('org_platform', 0, Number.MAX_SAFE_INTEGER);
    const decisions = records.filter(({ action }) => action === 'platform:invoices:decide').map(({ after }) => after as Record<string, unknown>);
    expect(decisions.map(({ reason, decision }) => [decision, reason])).to.have.deep.members([
      ['verify', 'Looked again'],
      ['remake', 'A line was added by hand'],
    ]);
  });

  it('an invoice that was written off says so to its buyer, its seller and the operators, and can still be paid', async () => {
    const { earnings } = portal.composition.services;
    const lines = first.lines.map((line) => ({ ...line }));
    await add(7, {
      status: 'uncollectible',
      step: 'waiting',
      waitingFor: 'card',
      lastFailure: 'Your card was declined.',
      issuedAt: first.issuedAt + 3,
      paidAt: null,
      writtenOffAt: portal.composition.clock.now(),
      lines,
    });
    const invoice = (await portal.composition.store.invoices.get(`inv_${first.subscriptionId}_7`))!;
    await earnings.finalized(invoice);
    const row = async () => /<table data-name="write-offs">[\s\S]*?<\/table>/.exec((await operator.get('/admin/invoices')).text)?.[0] ?? '';
    expect(await row()).to.contain('On its way into the books');
    await earnings.writtenOff(invoice, []);
    const bought = (await buyer.get(`/invoices/${invoice._id}`)).text;
    expect(bought).to.contain('it is written off. It can still be paid.').and.contain('Your card was declined.').and.contain('Try the card again');
    expect((await buyer.get('/billing')).text).to.contain(`/invoices/${invoice._id}`);
    const seller = portal.visitor();
    await seller.post('/sign-in', { email: 'atlas1@example.test', password: PASSWORD });
    expect((await seller.get('/earnings')).text).to.contain('Written off: not owed to you unless it is paid after all');
    for (const part of [invoice._id, 'data value="1000"', 'Still owed']) expect(await row()).to.contain(part);
    await portal.composition.store.invoices.advance(invoice._id, 'waiting', { status: 'paid', step: 'done' });
    expect(await row()).to.contain('put back');
  });

  it('every page says “test payments” unless the key is live', async () => {
    const pages = ['/', '/apis', '/apis/cities', '/sign-in', '/sign-up', '/docs', '/nowhere'];
    const visitor = portal.visitor();
    for (const path of pages) expect((await visitor.get(path)).text, path).to.contain('Test payments:');
    for (const path of ['/dashboard', '/subscriptions', '/invoices', '/billing', '/apps', '/usage']) {
      expect((await buyer.get(path)).text, path).to.contain('Test payments:');
    }
    for (const path of ['/admin/reviews', '/admin/invoices', '/admin/periods']) expect((await operator.get(path)).text, path).to.contain('Test payments:');
    const live = await startPortal({ STRIPE_API_BASE: '', STRIPE_SECRET_KEY: 'sk_live_never_used' });
    try {
      for (const path of ['/', '/apis', '/sign-in', '/nowhere']) expect((await live.visitor().get(path)).text, path).not.to.contain('Test payments:');
    } finally {
      await live.stop();
    }
  });

  it('a buyer sees what ended subscriptions left, and that it is set off, not paid out', async () => {
    expect((await buyer.get('/billing')).text).not.to.contain('data-name="kept"');
    await add(2, { status: 'paid', step: 'done', carriedMinor: -250n, carryOpen: true, chargeMinor: 0n, issuedAt: first.issuedAt + 2 });
    const subscription = (await portal.composition.store.subscriptions.get(first.subscriptionId))!;
    await portal.composition.store.subscriptions.update(subscription._id, subscription.rev, { live: false, status: 'canceled' });
    const { text } = await buyer.get('/billing');
    expect(text).to.contain('data-name="kept"').and.contain('data value="250"').and.contain('Credit').and.contain('not paid out');
    const csv = (await buyer.get(`/invoices/inv_${first.subscriptionId}_2.csv`)).text;
    expect(csv, 'what was charged of the total, and what goes on')
      .to.match(/charged,Charged,,0\.00,usd/)
      .and.match(/carried-on,Carried to the next invoice,,'?-2\.50,usd/);
  });
});
