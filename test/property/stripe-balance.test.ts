import { expect } from 'chai';
import fc from 'fast-check';
import { CARDS, customerWithCard, testStripe } from '../support/stripe.ts';

/** One step of somebody who uses the API as it may be used. Numbers choose among what there is. */
type Step = { do: 'invoice'; amount: number } | { do: 'pay' | 'void' | 'refund' | 'card'; which: number; amount: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('invoice' as const), amount: fc.integer({ min: -500, max: 5_000 }) }),
    fc.record({
      do: fc.constantFrom('pay' as const, 'void' as const, 'refund' as const, 'card' as const),
      which: fc.nat(20),
      amount: fc.integer({ min: 1, max: 3_000 }),
    }),
  ),
  { minLength: 5, maxLength: 25 },
);

describe('the Stripe simulator’s money', () => {
  it('adds up after any legal sequence: Σ balance transactions = balance, Σ paid = Σ charged, refunds ≤ charge', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const stripe = await testStripe();
        try {
          await run(stripe.sdk, sequence);
          await check(stripe.sdk);
        } finally {
          await stripe.close();
        }
      }),
      { numRuns: 25 },
    );
  });
});

type Sdk = Awaited<ReturnType<typeof testStripe>>['sdk'];

async function run(sdk: Sdk, sequence: Step[]): Promise<void> {
  const { customerId } = await customerWithCard(sdk);
  const invoices: string[] = [];
  // A refusal is an answer; only the sums afterwards are judged.
  const allow = (request: Promise<unknown>) =>
    request.then(
      () => undefined,
      () => undefined,
    );
  for (const step of sequence) {
    if (step.do === 'invoice') {
      const { id } = await sdk.invoices.create({ customer: customerId, currency: 'usd' });
      await sdk.invoiceItems.create({ customer: customerId, invoice: id, amount: step.amount, currency: 'usd' });
      await sdk.invoices.finalizeInvoice(id);
      invoices.push(id);
    } else if (step.do === 'card') {
      const method = await sdk.paymentMethods.create({
        type: 'card',
        card: { number: step.which % 2 ? CARDS.chargeFails : CARDS.good, exp_month: 1, exp_year: 2040 },
      });
      await sdk.paymentMethods.attach(method.id, { customer: customerId });
      await sdk.customers.update(customerId, { invoice_settings: { default_payment_method: method.id } });
    } else if (step.do === 'refund') {
      const charges = (await sdk.charges.list({ limit: 100 })).data;
      if (charges.length > 0) await allow(sdk.refunds.create({ charge: charges[step.which % charges.length]!.id, amount: step.amount }));
    } else if (invoices.length > 0) {
      const id = invoices[step.which % invoices.length]!;
      await allow(step.do === 'pay' ? sdk.invoices.pay(id) : sdk.invoices.voidInvoice(id));
    }
  }
}

async function check(sdk: Sdk): Promise<void> {
  const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);
  const transactions = (await sdk.balanceTransactions.list({ limit: 100 })).data;
  const balance = await sdk.balance.retrieve();
  expect(sum([...balance.available, ...balance.pending].map(({ amount }) => amount))).to.equal(sum(transactions.map(({ net }) => net)));
  for (const { amount, fee, net } of transactions) expect(amount - fee).to.equal(net);
  const charges = (await sdk.charges.list({ limit: 100 })).data;
  const invoices = (await sdk.invoices.list({ limit: 100 })).data;
  expect(sum(charges.map(({ amount_captured: captured }) => captured))).to.equal(sum(invoices.map(({ amount_paid: paid }) => paid)));
  const refunds = (await sdk.refunds.list({ limit: 100 })).data;
  for (const { id, amount_captured: captured, amount_refunded: refunded } of charges) {
    expect(refunded).to.equal(sum(refunds.filter(({ charge }) => charge === id).map(({ amount }) => amount)));
    expect(refunded).to.be.at.most(captured);
  }
  for (const { amount_due: due, amount_paid: paid, amount_remaining: left } of invoices) expect(paid + left).to.equal(due);
}
