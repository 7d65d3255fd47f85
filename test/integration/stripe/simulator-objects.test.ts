import { expect } from 'chai';
import type Stripe from 'stripe';
import { CARDS, customerWithCard, testStripe, type TestStripe } from '../../support/stripe.ts';

/** Any error of the SDK, as far as the cases look at it. */
interface Refusal {
  statusCode: number;
  type: string;
  code?: string;
  param?: string;
  decline_code?: string;
  message: string;
  headers: Record<string, string>;
}

describe('what the Stripe simulator keeps', () => {
  let stripe: TestStripe;
  let sdk: Stripe;

  before(async () => {
    stripe = await testStripe();
    sdk = stripe.sdk;
  });
  after(() => stripe.close());

  const refusal = (request: Promise<unknown>): Promise<Refusal> =>
    request.then(
      () => Promise.reject(new Error('it was accepted')),
      (error: Refusal) => error,
    );
  async function openInvoice(customerId: string, amounts: number[] = [1_000], currency = 'usd') {
    const invoice = await sdk.invoices.create({ customer: customerId, currency, auto_advance: false });
    for (const amount of amounts) await sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount, currency });
    return sdk.invoices.finalizeInvoice(invoice.id);
  }

  describe('invoices', () => {
    it('keep the number they are given, stay drafts without auto_advance, and cannot be edited once final', async () => {
      const { customerId } = await customerWithCard(sdk);
      const draft = await sdk.invoices.create({ customer: customerId, currency: 'usd', number: 'ATLAS-0001', pending_invoice_items_behavior: 'exclude' });
      await sdk.invoiceItems.create({ customer: customerId, amount: 500, currency: 'usd', invoice: draft.id, metadata: { line: 'a' } });
      stripe.world.setOffset(stripe.world.clock.offsetMs() + 3 * 3600_000);
      expect(await sdk.invoices.retrieve(draft.id)).to.include({ status: 'draft', auto_advance: false, total: 500 });
      const open = await sdk.invoices.finalizeInvoice(draft.id);
      expect(open).to.include({ status: 'open', number: 'ATLAS-0001', amount_due: 500, amount_remaining: 500, parent: null });
      expect(open.lines.data[0]).to.deep.include({ amount: 500, metadata: { line: 'a' } });
      expect(await refusal(sdk.invoiceItems.create({ customer: customerId, amount: 1, currency: 'usd', invoice: draft.id }))).to.include({
        code: 'invoice_not_editable',
      });
      expect(await refusal(sdk.invoices.update(draft.id, { number: 'ATLAS-0002' }))).to.include({ code: 'invoice_not_editable' });
      expect(await refusal(sdk.invoices.finalizeInvoice(draft.id))).to.have.property('statusCode', 400);
      expect(await refusal(sdk.invoices.del(draft.id))).to.have.property('statusCode', 400);
      expect((await sdk.invoices.update(draft.id, { metadata: { seen: 'yes' } })).metadata).to.deep.equal({ seen: 'yes' });
    });

    it('advance by themselves an hour after they were made, when asked to', async () => {
      const { customerId } = await customerWithCard(sdk);
      const draft = await sdk.invoices.create({ customer: customerId, currency: 'usd', auto_advance: true });
      await sdk.invoiceItems.create({ customer: customerId, amount: 900, currency: 'usd', invoice: draft.id });
      expect(draft.automatically_finalizes_at).to.equal(draft.created + 3600);
      stripe.world.setOffset(stripe.world.clock.offsetMs() + 3601_000);
      expect((await sdk.invoices.retrieve(draft.id)).status).to.equal('paid');
    });

    it('of zero, below the minimum or below zero are paid without a charge; the balance carries the rest', async () => {
      const { customerId } = await customerWithCard(sdk);
      const balance = async () => ((await sdk.customers.retrieve(customerId)) as Stripe.Customer).balance;
      expect(await openInvoice(customerId, [])).to.include({ status: 'paid', total: 0, attempt_count: 0 });
      expect(await openInvoice(customerId, [49])).to.include({ status: 'paid', total: 49, amount_due: 0, amount_paid: 0 });
      expect(await balance()).to.equal(49);
      expect(await openInvoice(customerId, [-249])).to.include({ status: 'paid', total: -249 });
      expect(await balance()).to.equal(-200);
      expect(await openInvoice(customerId, [1_200])).to.include({ status: 'open', total: 1_200, amount_due: 1_000, starting_balance: -200 });
      expect(await balance()).to.equal(0);
      expect((await sdk.charges.list({ customer: customerId })).data).to.deep.equal([]);
    });

    it('count the first try only, when it is repeated by hand', async () => {
      const { customerId } = await customerWithCard(sdk, CARDS.chargeFails);
      const invoice = await openInvoice(customerId);
      for (const _ of [1, 2])
        expect(await refusal(sdk.invoices.pay(invoice.id))).to.include({ statusCode: 402, code: 'card_declined', decline_code: 'generic_decline' });
      const after = await sdk.invoices.retrieve(invoice.id);
      expect(after).to.include({ status: 'open', attempted: true, attempt_count: 1 });
      expect((await sdk.charges.list({ customer: customerId })).data.map(({ status }) => status)).to.deep.equal(['failed', 'failed']);
      expect((await sdk.events.list({ type: 'invoice.payment_failed', limit: 2 })).data).to.have.length(2);
    });

    it('void and uncollectible are reached from open alone; paid stays paid', async () => {
      const { customerId } = await customerWithCard(sdk);
      const [a, b, c] = [await openInvoice(customerId), await openInvoice(customerId), await openInvoice(customerId)];
      expect((await sdk.invoices.voidInvoice(a.id)).status).to.equal('void');
      expect((await sdk.invoices.markUncollectible(b.id)).status).to.equal('uncollectible');
      expect((await sdk.invoices.pay(b.id)).status).to.equal('paid');
      expect((await sdk.invoices.pay(c.id, { paid_out_of_band: true })).status).to.equal('paid');
      for (const { id } of [b, c]) expect((await refusal(sdk.invoices.voidInvoice(id))).message).to.include('cannot be voided');
      expect((await refusal(sdk.invoices.pay(a.id))).message).to.include('isn’t open');
      expect((await refusal(sdk.invoices.pay(b.id))).message).to.equal('Invoice is already paid');
    });

    it('mix no currencies and take no amount between two steps', async () => {
      const { customerId } = await customerWithCard(sdk);
      const invoice = await sdk.invoices.create({ customer: customerId, currency: 'kwd' });
      expect(await refusal(sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount: 7_243, currency: 'kwd' }))).to.include({
        param: 'amount',
      });
      expect(await refusal(sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount: 10, currency: 'usd' }))).to.include({
        param: 'currency',
      });
      expect(await refusal(sdk.invoices.create({ customer: customerId, currency: 'ugx' }))).to.include({ param: 'currency' });
      await sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount: 7_240, currency: 'kwd' });
      expect((await sdk.invoices.finalizeInvoice(invoice.id)).total).to.equal(7_240);
    });

    it('lose a line whose item is deleted, and all of them with the draft', async () => {
      const { customerId } = await customerWithCard(sdk);
      const invoice = await sdk.invoices.create({ customer: customerId, currency: 'usd' });
      const [first, second] = [
        await sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount: 100, currency: 'usd' }),
        await sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount: 20, currency: 'usd' }),
      ];
      expect(await sdk.invoiceItems.del(first.id)).to.deep.include({ deleted: true });
      expect(await sdk.invoices.retrieve(invoice.id)).to.include({ total: 20 });
      await sdk.invoices.del(invoice.id);
      expect(await refusal(sdk.invoiceItems.retrieve(second.id))).to.include({ statusCode: 404 });
    });
  });

  describe('cards', () => {
    for (const number of [CARDS.declined, CARDS.insufficientFunds, CARDS.expired]) {
      it(`${number} is refused when it is saved`, async () => {
        const customer = await sdk.customers.create();
        const method = await sdk.paymentMethods.create({ type: 'card', card: { number, exp_month: 12, exp_year: 2039 } });
        expect(await refusal(sdk.paymentMethods.attach(method.id, { customer: customer.id }))).to.include({ statusCode: 402 });
        expect((await sdk.paymentMethods.list({ customer: customer.id })).data).to.deep.equal([]);
      });
    }

    it('a number that is no test card is refused, as are tokens nobody knows', async () => {
      expect(await refusal(sdk.paymentMethods.create({ type: 'card', card: { number: '4111111111111111', exp_month: 1, exp_year: 2039 } }))).to.include({
        statusCode: 402,
        code: 'incorrect_number',
      });
      expect(await refusal(sdk.paymentMethods.create({ type: 'card', card: { token: 'tok_unheard' } }))).to.include({ code: 'resource_missing' });
    });

    it('are reached by Stripe’s names, attach once, and leave with the default they were', async () => {
      const customer = await sdk.customers.create();
      const method = await sdk.paymentMethods.attach('pm_card_mastercard', { customer: customer.id });
      expect(method.card).to.include({ brand: 'mastercard', last4: '4444' });
      expect((await sdk.paymentMethods.attach(method.id, { customer: customer.id })).id).to.equal(method.id);
      const other = await sdk.customers.create();
      expect(await refusal(sdk.paymentMethods.attach(method.id, { customer: other.id }))).to.have.property('statusCode', 400);
      expect(await refusal(sdk.customers.update(other.id, { invoice_settings: { default_payment_method: method.id } }))).to.have.property('statusCode', 400);
      await sdk.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } });
      await sdk.paymentMethods.detach(method.id);
      expect(await sdk.customers.retrieve(customer.id)).to.have.nested.property('invoice_settings.default_payment_method', null);
      expect(await refusal(sdk.paymentMethods.detach(method.id))).to.have.property('statusCode', 400);
    });

    it('with 3-D Secure leave a setup waiting for the buyer, and a failed answer leaves it without a card', async () => {
      const customer = await sdk.customers.create();
      const intent = await sdk.setupIntents.create({
        customer: customer.id,
        payment_method: 'pm_card_authenticationRequired',
        confirm: true,
        return_url: 'http://shop.test/',
      });
      expect(intent.status).to.equal('requires_action');
      const page = intent.next_action!.redirect_to_url!.url!;
      const answered = await fetch(page, { method: 'POST', body: new URLSearchParams({ answer: 'fail' }), redirect: 'manual' });
      expect(answered.headers.get('location')).to.equal('http://shop.test/');
      expect(await sdk.setupIntents.retrieve(intent.id)).to.deep.include({ status: 'requires_payment_method', payment_method: null });
      expect(await refusal(sdk.setupIntents.confirm(intent.id))).to.include({ code: 'setup_intent_unexpected_state' });
      expect((await sdk.setupIntents.confirm(intent.id, { payment_method: 'pm_card_visa' })).status).to.equal('succeeded');
      expect((await sdk.setupIntents.list({ customer: customer.id })).data).to.have.length(1);
    });
  });

  describe('refunds', () => {
    it('go up to what was paid, to the last unit, and no further (I11)', async () => {
      const { customerId } = await customerWithCard(sdk);
      const invoice = await openInvoice(customerId, [1_733]);
      await sdk.invoices.pay(invoice.id);
      const [charge] = (await sdk.charges.list({ customer: customerId })).data;
      for (const amount of [610, 610]) await sdk.refunds.create({ charge: charge!.id, amount });
      expect(await refusal(sdk.refunds.create({ charge: charge!.id, amount: 514 }))).to.include({ param: 'amount' });
      await sdk.refunds.create({ payment_intent: charge!.payment_intent as string });
      expect(await sdk.charges.retrieve(charge!.id)).to.include({ refunded: true, amount_refunded: 1_733 });
      expect(await refusal(sdk.refunds.create({ charge: charge!.id }))).to.include({ code: 'charge_already_refunded' });
      expect((await sdk.refunds.list({ charge: charge!.id })).data.map(({ amount }) => amount)).to.deep.equal([513, 610, 610]);
    });
  });

  describe('what is past', () => {
    it('deleted customers answer as deleted and take no invoice', async () => {
      const customer = await sdk.customers.create({ email: 'gone@demo.test' });
      await sdk.customers.del(customer.id);
      expect(await sdk.customers.retrieve(customer.id)).to.deep.include({ id: customer.id, deleted: true });
      expect((await sdk.customers.list({ email: 'gone@demo.test' })).data).to.deep.equal([]);
      expect(await refusal(sdk.invoices.create({ customer: customer.id }))).to.include({ code: 'resource_missing' });
    });

    it('every event it ever told of fits Stripe’s description, and only those of the last 30 days are listed', async () => {
      let count = 0;
      for await (const event of sdk.events.list({ limit: 100 })) {
        expect(event).to.deep.include({ object: 'event', livemode: false, api_version: '2026-08-26.dahlia' });
        count++;
      }
      expect(count).to.be.greaterThan(50);
      stripe.world.setOffset(stripe.world.clock.offsetMs() + 31 * 86_400_000);
      expect((await sdk.events.list()).data).to.deep.equal([]);
    });
  });
});
