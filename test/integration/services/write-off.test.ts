import { expect } from 'chai';
import { makeEarnings } from '../../../server/services/earnings.ts';
import { earlierLosses } from '../../../server/store/migrations/0008-earlier-losses.ts';
import { BUYER, billingWorld, buyer, PROVIDER, STARTER, type BillingWorld } from '../../support/billing-world.ts';

const DAY_MS = 86_400_000;

describe('invoices that cannot be collected', function () {
  this.timeout(120_000);
  let world: BillingWorld;
  beforeEach(async () => (world = await billingWorld()));
  afterEach(() => world.close());

  const entriesOf = async (cause: string) =>
    Object.fromEntries(((await world.store.ledger.get(cause))?.entries ?? []).map(({ account, amountMinor }) => [account, amountMinor]));
  const balances = async () =>
    Object.fromEntries(
      await Promise.all(
        [`receivable:${BUYER}`, `provider_payable:${PROVIDER}`, 'platform_revenue', 'writeoff', 'stripe_clearing'].map(
          async (account) => [account.split(':')[0], await world.balance(account)] as const,
        ),
      ),
    );
  /** A renewal whose card is lost; the day on which it is given up has come. */
  const failing = async (): Promise<string> => {
    const id = await world.subscribe((await world.plan()).planId);
    world.stripe.world.planDeclines('lost_card', 1);
    await world.endPeriod(id, 0);
    world.travel(world.clock.now() + 21 * DAY_MS);
    return id;
  };
  const LOSS = { [`receivable:${BUYER}`]: -1000n, [`provider_payable:${PROVIDER}`]: 800n, writeoff: 200n };

  it('I9, I10: are written off on day 21, once, whoever comes: the debt and the seller’s share go, the platform bears its fee', async () => {
    const id = await failing();
    const before = await balances();
    await Promise.all([world.invoicing.round(), world.process().invoicing.round()]);
    await world.invoicing.round();
    const invoice = await world.invoice(id, 1);
    expect(invoice).to.include({ status: 'uncollectible', step: 'waiting', unsettled: false, nextAttemptAt: null });
    expect((await world.stripe.sdk.invoices.retrieve(invoice.stripeInvoiceId ?? '')).status).to.equal('uncollectible');
    expect(await entriesOf(`writeoff.${invoice._id}`)).to.deep.equal(LOSS);
    expect(await balances()).to.deep.equal({ ...before, receivable: 0n, provider_payable: before['provider_payable']! + 800n, writeoff: 200n });
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'canceled', live: false });
    const { writeOffs } = makeEarnings({ store: world.store, clock: world.clock });
    const { organizationId, productId } = invoice;
    expect((await writeOffs({ from: 0, to: world.clock.now() + 1 }, 1)).rows).to.deep.equal([
      {
        invoiceId: invoice._id,
        organizationId,
        productId,
        at: world.clock.now(),
        currency: 'usd',
        owedMinor: 1000n,
        sellerMinor: 800n,
        platformMinor: 200n,
        isBack: false,
      },
    ]);
  });

  it('are listed by their own state: also where the platform had no fee to lose', async () => {
    const free = await billingWorld({ platformFeeBps: 0n });
    try {
      const id = await free.subscribe((await free.plan()).planId);
      free.stripe.world.planDeclines('lost_card', 1);
      await free.endPeriod(id, 0);
      free.travel(free.clock.now() + 21 * DAY_MS);
      await free.invoicing.round();
      const { _id, organizationId, productId } = await free.invoice(id, 1);
      expect((await free.store.ledger.get(`writeoff.${_id}`))?.entries.map(({ account }) => account)).to.have.members([
        `receivable:${BUYER}`,
        `provider_payable:${PROVIDER}`,
      ]);
      const { writeOffs } = makeEarnings({ store: free.store, clock: free.clock });
      const found = await writeOffs({ from: 0, to: free.clock.now() + 1 }, 9);
      expect([found.total, found.page]).to.deep.equal([1, 1]);
      expect(found.rows).to.deep.equal([
        {
          invoiceId: _id,
          organizationId,
          productId,
          at: free.clock.now(),
          currency: 'usd',
          owedMinor: 1000n,
          sellerMinor: 1000n,
          platformMinor: 0n,
          isBack: false,
        },
      ]);
    } finally {
      await free.close();
    }
  });

  it('are put back when they are paid after all: by the buyer here, or on Stripe’s own page', async () => {
    for (const where of ['here', 'at Stripe'] as const) {
      const id = await failing();
      await world.invoicing.round();
      const before = await balances();
      const { _id, stripeInvoiceId } = await world.invoice(id, 1);
      if (where === 'here') await world.invoicing.retry(buyer, _id);
      else {
        await world.stripe.sdk.invoices.pay(stripeInvoiceId ?? '', {});
        await Promise.all([world.invoicing.onInvoicePaid(stripeInvoiceId ?? ''), world.process().invoicing.onInvoicePaid(stripeInvoiceId ?? '')]);
      }
      expect(await world.invoice(id, 1), where).to.include({ status: 'paid' });
      const negated = Object.fromEntries(Object.entries(LOSS).map(([account, amount]) => [account, -amount]));
      expect(await entriesOf(`writeoff.reversed.${_id}`), where).to.deep.equal(negated);
      const after = await balances();
      expect(after['receivable'], where).to.equal(0n);
      expect(after['writeoff']! - before['writeoff']!, where).to.equal(-200n);
      expect(after['provider_payable']! - before['provider_payable']!, where).to.equal(-800n);
      expect(await world.store.subscriptions.get(id), 'a subscription that ended stays so').to.include({ status: 'canceled' });
      expect(
        (await makeEarnings({ store: world.store, clock: world.clock }).writeOffs({ from: 0, to: world.clock.now() + 1 }, 1)).rows.find(
          (one) => one.invoiceId === _id,
        ),
      ).to.include({ isBack: true });
    }
  });

  it('follow a mark that was set in Stripe’s dashboard, and are nobody’s debt once they are voided there', async () => {
    const id = await world.subscribe((await world.plan()).planId);
    world.stripe.world.planDeclines('insufficient_funds', 1);
    await world.endPeriod(id, 0);
    const { _id, stripeInvoiceId } = await world.invoice(id, 1);
    await world.stripe.sdk.invoices.markUncollectible(stripeInvoiceId ?? '');
    await world.invoicing.onInvoiceUncollectible(stripeInvoiceId ?? '');
    expect(await world.invoice(id, 1)).to.include({ status: 'uncollectible', step: 'waiting' });
    expect(await entriesOf(`writeoff.${_id}`)).to.deep.equal(LOSS);
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'canceled' });
    await world.stripe.sdk.invoices.voidInvoice(stripeInvoiceId ?? '');
    await world.invoicing.onInvoiceVoided(stripeInvoiceId ?? '');
    expect(await world.invoice(id, 1)).to.include({ status: 'void' });
    // What is left is invoice 0, which was paid.
    expect(await balances()).to.deep.equal({
      receivable: 0n,
      provider_payable: -800n,
      platform_revenue: -200n,
      writeoff: 0n,
      stripe_clearing: 1000n - (await world.balance('processing_fees')),
    });
  });

  it('take the small debts with them that they were to collect', async () => {
    const { planId } = await world.plan({
      ...STARTER,
      base_amount: 30,
      meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '1' } }],
    });
    const id = await world.subscribe(planId);
    expect(await world.invoice(id, 0)).to.include({ chargeMinor: 0n, carriedMinor: 30n });
    world.usage.record(id, 0, 5);
    world.stripe.world.planDeclines('lost_card', 1);
    await world.endPeriod(id, 0);
    expect(await world.invoice(id, 1)).to.include({ subtotalMinor: 35n, chargeMinor: 65n });
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(65n);
    world.travel(world.clock.now() + 21 * DAY_MS);
    await world.invoicing.round();
    // 20 % of 30, 30 and 5: 6, 6 and 1.
    expect(await entriesOf(`writeoff.inv_${id}_1`)).to.deep.equal({ [`receivable:${BUYER}`]: -65n, [`provider_payable:${PROVIDER}`]: 52n, writeoff: 13n });
    expect(await balances()).to.include({ receivable: 0n, provider_payable: 0n, platform_revenue: -13n, writeoff: 13n });
  });

  it('that were given up before losses were posted are posted once, by the worker that meets them after the migration', async () => {
    const id = await failing();
    await world.invoicing.round();
    const [invoiceId, before] = [`inv_${id}_1`, await balances()];
    // As it was left then: given up, and the debt still in the books.
    const ledger = world.store.connection.collection<{ _id: string }>('ledgerTxns');
    await ledger.deleteOne({ _id: `writeoff.${invoiceId}` });
    expect(await balances()).to.include({ receivable: 1000n, writeoff: 0n });
    const migrate = async () => {
      let changed = 0;
      await earlierLosses.run(world.store.connection.db as never, async (more) => void (changed += more));
      return changed;
    };
    expect(await Promise.all([migrate(), migrate()]).then((changes) => Math.max(...changes))).to.equal(1);
    expect(await world.invoice(id, 1)).to.include({ status: 'uncollectible', step: 'writing-off', unsettled: true });
    expect(await world.invoicing.dueInvoices(world.clock.now())).to.include(invoiceId);
    await Promise.all([world.invoicing.round(), world.process().invoicing.round()]);
    expect(await world.invoice(id, 1)).to.include({ status: 'uncollectible', step: 'waiting', unsettled: false });
    expect(await entriesOf(`writeoff.${invoiceId}`)).to.deep.equal(LOSS);
    expect(await balances()).to.deep.equal(before);
    expect(await migrate(), 'what is posted is left alone').to.equal(0);
  });

  it('F6: are written off once, whatever is cut short on the way: the answer of Stripe, the posting, the end of the subscription', async () => {
    const id = await failing();
    for (let at = 1; at <= 3; at += 1) {
      const dying = world.process({
        payments: (real) => ({
          ...real,
          async markUncollectible(step) {
            const answer = await real.markUncollectible(step);
            if (at === 1) throw new Error('killed');
            return answer;
          },
        }),
        store: (real) => ({
          ...real,
          ledger: {
            ...real.ledger,
            async post(transaction) {
              if (at === 2) throw new Error('killed');
              const posted = await real.ledger.post(transaction);
              if (at === 3) throw new Error('killed');
              return posted;
            },
          },
        }),
      });
      expect((await dying.invoicing.round()).failed.join(), `killed at ${at}`).to.contain('killed');
    }
    await world.invoicing.round();
    expect(await world.invoice(id, 1)).to.include({ status: 'uncollectible', step: 'waiting', unsettled: false });
    expect(await entriesOf(`writeoff.inv_${id}_1`)).to.deep.equal(LOSS);
    expect(await world.balance('writeoff')).to.equal(200n);
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'canceled' });
  });
});
