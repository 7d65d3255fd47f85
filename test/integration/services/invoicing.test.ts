import { expect } from 'chai';
import { makeOverview } from '../../../server/services/overview.ts';
import { BUYER, LATENESS_SECONDS, PROVIDER, STARTER, START, billingWorld, buyer, operator, type BillingWorld } from '../../support/billing-world.ts';
import { found } from '../../support/found.ts';
import type { InvoiceDoc } from '../../../server/store/invoices.ts';

const CALLS = (unit_amount_decimal: string, more = {}) => ({ code: 'requests', price: { model: 'per_unit', unit_amount_decimal, ...more } });

describe('invoicing', function () {
  this.timeout(60_000);
  let world: BillingWorld;
  beforeEach(async () => {
    world = await billingWorld();
  });
  afterEach(() => world.close());

  it('bills the month: base in advance, usage in arrears; the same total here, in the ledger and at Stripe', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'active', anchorAt: START });
    expect(await world.invoice(id, 0)).to.deep.include({ status: 'paid', totalMinor: 1000n, chargeMinor: 1000n, number: 1 });

    world.usage.record(id, 0, 1300);
    world.usage.record(id, 0, 40, '404');
    world.usage.record(id, 0, 7, 'aborted');
    world.usage.record(id, 0, 3, 'refused.quota-exceeded');
    expect(await world.endPeriod(id, 0)).to.include({ closed: 1 });

    const renewal = await world.invoice(id, 1);
    expect(renewal).to.deep.include({ status: 'paid', step: 'done', subtotalMinor: 1150n, totalMinor: 1150n, number: 2 });
    expect(
      renewal.lines.map(({ quantity, exact, amountMinor, feeMinor, providerMinor }) => [quantity, exact, amountMinor, feeMinor, providerMinor]),
    ).to.deep.equal([
      [null, '1000', 1000n, 200n, 800n],
      ['1300', '150', 150n, 30n, 120n],
    ]);
    const atStripe = await world.stripe.sdk.invoices.retrieve(renewal.stripeInvoiceId ?? '');
    expect(atStripe).to.include({ status: 'paid', total: 1150, amount_paid: 1150 });
    // 2.9 % and 30 of each payment stay with Stripe: 59 of 1000 and 63 of 1150.
    expect([await world.balance('stripe_clearing'), await world.balance('processing_fees'), await world.balance(`receivable:${BUYER}`)]).to.deep.equal([
      2028n,
      122n,
      0n,
    ]);
    const { available, pending } = await world.stripe.sdk.balance.retrieve();
    expect([...available, ...pending].reduce((sum, { amount }) => sum + amount, 0)).to.equal(2028);
    expect([await world.balance(`provider_payable:${PROVIDER}`), await world.balance('platform_revenue')]).to.deep.equal([-1720n, -430n]);
    expect(await world.store.periods.get(id, 0)).to.deep.include({ status: 'invoiced', frozen: { '0.0': { requests: '1300' } } });
    expect(await world.store.subscriptions.get(id)).to.include({ periodIndex: 1, status: 'active' });
  });

  it('names the invoice that waits for late calls: when it is written, and what it would say now', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    world.usage.record(id, 0, 1300);
    const { awaited } = makeOverview({ store: world.store, invoicing: world.invoicing, metering: {} as never, subscriptions: {} as never });
    const waiting = async () => {
      const subscription = await world.store.subscriptions.get(id);
      return subscription ? awaited([subscription]) : [];
    };
    expect(await waiting(), 'while the period runs').to.have.length(0);
    const endAt = await world.boundary(id, 1);
    world.travel(endAt);
    await world.invoicing.round();
    const found = await waiting();
    expect(found.map(({ writtenAt, estimate }) => [writtenAt, estimate?._id, estimate?.totalMinor])).to.deep.equal([
      [endAt + LATENESS_SECONDS * 1_000, `inv_${id}_1`, 1150n],
    ]);
    await world.endPeriod(id, 0);
    expect(await waiting(), 'once it is written').to.have.length(0);
    expect((await world.invoice(id, 1)).lines).to.deep.equal(found[0]?.estimate?.lines);
  });

  it('closes no period before its lateness is over and its usage is stored; an operator may skip the first, nobody the second', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    const endAt = await world.boundary(id, 1);
    world.travel(endAt + LATENESS_SECONDS * 1000 - 1);
    expect(await world.invoicing.round()).to.deep.include({ closed: 0, held: [], failed: [] });
    // The subscription itself went on at the boundary.
    expect(await world.store.subscriptions.get(id)).to.include({ periodIndex: 1 });
    world.usage.watermarkAt = endAt - 1;
    world.travel(endAt + LATENESS_SECONDS * 1000);
    expect(await world.invoicing.round()).to.deep.include({ closed: 0, held: [`${id}_0`] });
    expect(await world.invoicing.closeByHand(operator, id, 0).catch((error: { code: string }) => error.code)).to.equal('conflict');
    expect(await world.invoicing.closeByHand(buyer, id, 0).catch((error: { code: string }) => error.code)).to.equal('not-found');
    world.usage.watermarkAt = endAt;
    expect(await world.invoicing.closeByHand(operator, id, 0)).to.include({ state: 'invoiced' });
  });

  it('bills usage that came late as the difference to what was billed, once (rule N9)', async () => {
    const { planId } = await world.plan({ ...STARTER, meters: [CALLS('0.375', { included: 430 })] });
    const id = await world.subscribe(planId);
    world.usage.record(id, 0, 433);
    await world.endPeriod(id, 0);
    const before = await world.store.periods.get(id, 0);
    expect((await world.invoice(id, 1)).lines[1]).to.include({ quantity: '433', exact: '1.125', amountMinor: 1n });
    world.usage.record(id, 0, 1);
    world.usage.record(id, 1, 10);
    await world.endPeriod(id, 1);
    const [, usage, late] = (await world.invoice(id, 2)).lines;
    expect(usage).to.include({ quantity: '10', amountMinor: 0n });
    // 434 calls cost 1.5, rounded to 2; 1 was billed.
    expect(late).to.include({ key: 'adj.0.requests', quantity: '1', amountMinor: 1n });
    await world.endPeriod(id, 2);
    expect((await world.invoice(id, 3)).lines.map(({ key }) => key.split('.')[0])).to.deep.equal(['base', 'requests']);
    expect(await world.store.periods.get(id, 0)).to.deep.equal(before);
  });

  it('bills late usage of a year with the next year’s invoice, however long that is (rule N9)', async () => {
    const { planId } = await world.plan({ ...STARTER, interval: 'year', meters: [CALLS('10')] });
    const id = await world.subscribe(planId);
    world.usage.record(id, 0, 5);
    await world.endPeriod(id, 0);
    world.usage.record(id, 0, 2);
    await world.endPeriod(id, 1);
    expect((await world.invoice(id, 2)).lines.map(({ key, amountMinor }) => [key.split('.')[0], amountMinor])).to.deep.equal([
      ['base', 1000n],
      ['requests', 0n],
      ['adj', 20n],
    ]);
  });

  it('decides what is billable by the version of the window (rule N14)', async () => {
    const { planId } = await world.plan({ ...STARTER, meters: [CALLS('10')], billable_statuses: ['2xx', '404'], bill_aborted: true });
    const id = await world.subscribe(planId);
    for (const [outcome, count] of [
      ['200', 1],
      ['404', 10],
      ['410', 100],
      ['aborted', 1000],
      ['broken', 1],
      ['unknown', 1],
      ['mock', 1],
      ['cache', 1],
      ['replay', 1],
      ['502', 1],
    ] as const) {
      world.usage.record(id, 0, count, outcome);
    }
    await world.endPeriod(id, 0);
    expect((await world.invoice(id, 1)).lines[1]).to.include({ quantity: '1011', amountMinor: 10_110n });
  });

  it('ends with an invoice of usage only, and is silent afterwards', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    await world.subscriptions.cancel(buyer, id);
    world.usage.record(id, 0, 1300);
    await world.endPeriod(id, 0);
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'canceled', live: false });
    expect((await world.invoice(id, 1)).lines.map(({ key, amountMinor }) => [key.split('.')[0], amountMinor])).to.deep.equal([['requests', 150n]]);
    expect(await world.endPeriod(id, 1)).to.include({ closed: 1 });
    expect(await world.store.invoices.get(`inv_${id}_2`)).to.equal(null);
  });

  it('carries what is too little to charge, and charges it with the invoice that reaches the minimum (rule N16)', async () => {
    const { planId } = await world.plan({ ...STARTER, base_amount: 0, meters: [CALLS('1')] });
    const id = await world.subscribe(planId);
    expect(await world.invoice(id, 0)).to.deep.include({ status: 'paid', chargeMinor: 0n, numbered: true });
    for (const [index, calls] of [34, 15, 2].entries()) {
      world.usage.record(id, index, calls);
      await world.endPeriod(id, index);
    }
    expect(await world.invoice(id, 1)).to.deep.include({ status: 'paid', totalMinor: 34n, chargeMinor: 0n, carriedMinor: 34n });
    expect(await world.invoice(id, 2)).to.deep.include({ status: 'paid', carriedInMinor: 34n, totalMinor: 49n, chargeMinor: 0n, carriedMinor: 49n });
    expect(await world.invoice(id, 3)).to.deep.include({ status: 'paid', totalMinor: 51n, chargeMinor: 51n, carriedMinor: 0n, number: 4 });
    const { data } = await world.stripe.sdk.invoices.list();
    expect(data.map(({ total, status }) => [total, status])).to.deep.equal([[51, 'paid']]);
    expect([await world.balance('stripe_clearing'), await world.balance(`receivable:${BUYER}`)]).to.deep.equal([20n, 0n]);
  });

  it('I24: asks Stripe for nothing where nothing can be due', async () => {
    const { planId } = await world.plan({ ...STARTER, base_amount: 0, meters: [CALLS('0')] });
    const id = await world.subscribe(planId);
    world.usage.record(id, 0, 500);
    await world.endPeriod(id, 0);
    expect(await world.invoice(id, 1)).to.deep.include({ status: 'paid', totalMinor: 0n });
    expect((await world.stripe.sdk.customers.list()).data).to.deep.equal([]);
    expect(await world.store.ledger.ofAccount(`receivable:${BUYER}`, 0, Number.MAX_SAFE_INTEGER)).to.deep.equal([]);
  });

  it('numbers run without gaps per seller, whoever is invoiced at once', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await world.subscribe((await world.plan({ ...STARTER, base_amount: 100 + count })).planId));
    world.travel((await world.boundary(ids[0] ?? '', 1)) + LATENESS_SECONDS * 1000);
    await Promise.all(ids.map((id) => world.process().invoicing.closePeriod(id, 0)));
    const numbers = (await found<InvoiceDoc>(world.store, 'Invoice', { providerId: PROVIDER, issuedAt: { $gte: 0 } })).map(({ number }) => number ?? 0);
    expect(numbers.sort((a, b) => a - b)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('F8: four workers at once close one period once', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    world.usage.record(id, 0, 1300);
    world.travel((await world.boundary(id, 1)) + LATENESS_SECONDS * 1000);
    const workers = Array.from({ length: 4 }, () => world.process());
    await Promise.all(workers.map(({ invoicing }) => invoicing.round()));
    await world.invoicing.round();
    expect(await world.invoice(id, 1)).to.deep.include({ status: 'paid', step: 'done', totalMinor: 1150n, attempts: 0 });
    const { data } = await world.stripe.sdk.invoices.list();
    expect(data.map(({ total, status }) => [total, status])).to.deep.equal([
      [1150, 'paid'],
      [1000, 'paid'],
    ]);
    expect(await world.balance('stripe_clearing')).to.equal(2028n);
  });

  it('I27: the preview is the invoice when nothing happens in between', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    world.usage.record(id, 0, 1300);
    const subscription = await world.store.subscriptions.get(id);
    const preview = subscription && (await world.invoicing.preview(subscription));
    await world.endPeriod(id, 0);
    const issued = await world.invoice(id, 1);
    expect(preview?.hash).to.equal(issued.hash);
    expect(preview?.lines).to.deep.equal(issued.lines);
  });

  it('an event of Stripe’s in any order, and twice, leaves the state that Stripe shows', async () => {
    const { planId } = await world.plan();
    const id = await world.subscribe(planId);
    const { stripeInvoiceId } = await world.invoice(id, 0);
    for (const handle of [
      world.invoicing.onInvoicePaid,
      world.invoicing.onInvoiceFinalized,
      world.invoicing.onInvoicePaymentFailed,
      world.invoicing.onInvoicePaid,
    ]) {
      expect(await handle(stripeInvoiceId ?? '')).to.equal(`inv_${id}_0 paid`);
    }
    expect(await world.balance('stripe_clearing')).to.equal(941n);
  });
});
