import { expect } from 'chai';
import type Stripe from 'stripe';
import { makeClock } from '../../../server/kernel/clock.ts';
import { customerWithCard, TEST_KEY, testStripe, type TestStripe } from '../../support/stripe.ts';

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

describe('how the Stripe simulator is asked', () => {
  let stripe: TestStripe;
  let sdk: Stripe;
  /** By which the machine's time is ahead. */
  let passedMs = 0;

  before(async () => {
    stripe = await testStripe({ clock: makeClock({ real: () => Date.now() + passedMs }) });
    sdk = stripe.sdk;
  });
  after(() => stripe.close());
  afterEach(() => stripe.disturbances.clear());

  const refusal = (request: Promise<unknown>): Promise<Refusal> =>
    request.then(
      () => Promise.reject(new Error('it was accepted')),
      (error: Refusal) => error,
    );
  const raw = (
    method: string,
    path: string,
    { body, key, auth = `Bearer ${TEST_KEY}`, headers = {} }: { body?: string; key?: string; auth?: string; headers?: Record<string, string> } = {},
  ) =>
    fetch(stripe.url + path, {
      method,
      ...(body !== undefined && { body }),
      headers: { authorization: auth, 'content-type': 'application/x-www-form-urlencoded', ...(key !== undefined && { 'idempotency-key': key }), ...headers },
    });

  async function openInvoice(customerId: string, amounts: number[] = [1_000], currency = 'usd') {
    const invoice = await sdk.invoices.create({ customer: customerId, currency, auto_advance: false });
    for (const amount of amounts) await sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount, currency });
    return sdk.invoices.finalizeInvoice(invoice.id);
  }

  describe('requests', () => {
    it('refuses unknown, missing, empty and ill-typed parameters, naming each', async () => {
      expect(await refusal(sdk.customers.create({ nonsense: 1 } as object))).to.include({
        statusCode: 400,
        code: 'parameter_unknown',
        param: 'nonsense',
        message: 'Received unknown parameter: nonsense',
      });
      expect(await refusal(sdk.customers.create({ invoice_settings: { nonsense: 1 } } as object))).to.include({
        code: 'parameter_unknown',
        param: 'invoice_settings[nonsense]',
      });
      expect(await refusal(sdk.invoiceItems.create({ amount: 1 } as Stripe.InvoiceItemCreateParams))).to.include({
        code: 'parameter_missing',
        param: 'customer',
      });
      expect(await refusal(sdk.checkout.sessions.create({}))).to.include({ code: 'parameter_missing', param: 'mode' });
      expect(await refusal(sdk.invoices.list({ status: 'late' as 'open' }))).to.include({
        statusCode: 400,
        param: 'status',
        message: 'Invalid status: must be one of draft, open, paid, uncollectible, or void',
      });
      expect(await refusal(sdk.invoices.list({ limit: 0 }))).to.include({ code: 'parameter_invalid_integer', param: 'limit' });
      expect(await refusal(sdk.invoices.list({ limit: 101 }))).to.include({ code: 'parameter_invalid_integer', param: 'limit' });
      expect(await refusal(sdk.invoices.list({ customer: '' }))).to.include({ code: 'parameter_invalid_empty', param: 'customer' });
      expect(await refusal(sdk.customers.create({ email: 'no address' }))).to.include({ code: 'email_invalid', param: 'email' });
      expect(await refusal(sdk.customers.create({ metadata: { k: 'x'.repeat(501) } }))).to.include({ param: 'metadata[k]' });
      for (const amount of ['1.5', '1e3', 'NaN', '', '9'.repeat(16)]) {
        const answer = await raw('POST', '/v1/invoiceitems', { body: `customer=cus_1&amount=${amount}` });
        expect(answer.status, amount).to.equal(400);
      }
    });

    it('takes brackets as the SDK writes them, and names like __proto__ as names', async () => {
      const { metadata } = await sdk.customers.create({ metadata: { 'a key': 'ä & = [x]', constructor: 'c' } });
      expect(metadata).to.deep.equal({ 'a key': 'ä & = [x]', constructor: 'c' });
      const answer = await raw('POST', '/v1/customers', { body: 'metadata[__proto__]=p&__proto__[admin]=1' });
      expect(answer.status).to.equal(400);
      expect(({} as { admin?: string }).admin).to.equal(undefined);
      expect((await raw('POST', '/v1/customers', { body: 'name=a&name[b]=c' })).status).to.equal(400);
      expect((await raw('POST', '/v1/customers', { body: `${'a[b]'.repeat(2)}${'[c]'.repeat(20)}=1` })).status).to.equal(400);
    });

    it('wants a test key, its own version, and no other account', async () => {
      expect((await raw('GET', '/v1/balance', { auth: '' })).status).to.equal(401);
      expect((await raw('GET', '/v1/balance', { auth: 'Bearer sk_live_0123456789' })).status).to.equal(401);
      expect((await raw('GET', '/v1/balance', { auth: `Basic ${Buffer.from(`${TEST_KEY}:`).toString('base64')}` })).status).to.equal(200);
      expect((await raw('GET', '/v1/balance', { headers: { 'stripe-version': '2020-08-27' } })).status).to.equal(400);
      expect((await raw('GET', '/v1/balance', { headers: { 'stripe-account': 'acct_1' } })).status).to.equal(403);
    });

    it('gives every answer a request id and the version; faults have Stripe’s envelope, unknown addresses too', async () => {
      const good = await raw('GET', '/v1/balance', { headers: { 'stripe-version': '2026-08-26.dahlia' } });
      expect(good.headers.get('request-id')).to.match(/^req_\w{14}$/);
      expect(good.headers.get('stripe-version')).to.equal('2026-08-26.dahlia');
      const lost = await raw('GET', '/v1/nothing');
      expect(lost.status).to.equal(404);
      expect(await lost.json()).to.have.nested.property('error.type', 'invalid_request_error');
      expect(await refusal(sdk.customers.retrieve('cus_none'))).to.include({
        statusCode: 404,
        code: 'resource_missing',
        message: "No such customer: 'cus_none'",
      });
      expect(await refusal(sdk.invoices.create({ customer: 'cus_none' }))).to.include({ statusCode: 400, code: 'resource_missing', param: 'customer' });
    });
  });

  describe('lists', () => {
    it('pages by cursors both ways, newest first, without gap or overlap', async () => {
      const ids: string[] = [];
      for (let index = 0; index < 7; index++) ids.unshift((await sdk.customers.create({ email: 'page@demo.test' })).id);
      const first = await sdk.customers.list({ email: 'page@demo.test', limit: 3 });
      expect(first).to.deep.include({ object: 'list', has_more: true, url: '/v1/customers' });
      const second = await sdk.customers.list({ email: 'page@demo.test', limit: 3, starting_after: first.data[2]!.id });
      const third = await sdk.customers.list({ email: 'page@demo.test', limit: 3, starting_after: second.data[2]!.id });
      expect([...first.data, ...second.data, ...third.data].map(({ id }) => id)).to.deep.equal(ids);
      expect(third.has_more).to.equal(false);
      const back = await sdk.customers.list({ email: 'page@demo.test', limit: 3, ending_before: third.data[0]!.id });
      expect(back.data.map(({ id }) => id)).to.deep.equal(second.data.map(({ id }) => id));
      expect(back.has_more).to.equal(true);
      expect(await refusal(sdk.customers.list({ starting_after: 'cus_none' }))).to.include({ statusCode: 400, code: 'resource_missing' });
      let count = 0;
      for await (const _ of sdk.customers.list({ email: 'page@demo.test', limit: 2 })) count++;
      expect(count).to.equal(7);
    });

    it('expands what may be expanded, and refuses the rest by name', async () => {
      const { customerId } = await customerWithCard(sdk);
      const invoice = await openInvoice(customerId);
      const open = await sdk.invoices.retrieve(invoice.id, { expand: ['customer.invoice_settings.default_payment_method', 'payments', 'confirmation_secret'] });
      expect(open).to.have.nested.property('customer.invoice_settings.default_payment_method.card.last4', '4242');
      expect(open.confirmation_secret?.client_secret).to.match(/^pi_\w+_secret_/);
      await sdk.invoices.pay(invoice.id);
      const payments = await sdk.invoicePayments.list({ invoice: invoice.id, expand: ['data.payment.payment_intent.latest_charge.balance_transaction'] });
      expect(payments.data[0]).to.have.nested.property('payment.payment_intent.latest_charge.balance_transaction.net', 941);
      expect(invoice).not.to.have.any.keys('payments', 'confirmation_secret');
      expect(await refusal(sdk.invoices.retrieve(invoice.id, { expand: ['number'] }))).to.include({
        statusCode: 400,
        message: 'This property cannot be expanded (number).',
      });
      expect((await refusal(sdk.invoices.list({ expand: ['customer'] }))).message).to.include("'data.customer'");
    });
  });

  describe('idempotency keys', () => {
    it('replay status and body, refusals of the card included, and say so', async () => {
      const first = await raw('POST', '/v1/customers', { body: 'name=Once', key: 'key.replay' });
      const again = await raw('POST', '/v1/customers', { body: 'name=Once', key: 'key.replay' });
      expect(await again.text()).to.equal(await first.text());
      expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).to.deep.equal([null, 'true']);
      expect(again.headers.get('original-request')).to.equal(first.headers.get('request-id'));
    });

    it('refuse other parameters, but not after a request that was refused before it began', async () => {
      await raw('POST', '/v1/customers', { body: 'name=One', key: 'key.other' });
      const other = await raw('POST', '/v1/customers', { body: 'name=Two', key: 'key.other' });
      expect(other.status).to.equal(400);
      expect(await other.json()).to.have.nested.property('error.type', 'idempotency_error');
      expect((await raw('POST', '/v1/customers', { body: 'nonsense=1', key: 'key.early' })).status).to.equal(400);
      expect((await raw('POST', '/v1/customers', { body: 'name=Now', key: 'key.early' })).status).to.equal(200);
    });

    it('answer 409 while the first request is under way', async () => {
      stripe.disturbances.add({ kind: 'delay', delayMs: 300, times: 1, path: '/v1/customers' });
      const slow = raw('POST', '/v1/customers', { body: 'name=Slow', key: 'key.flight' });
      await new Promise((resolve) => setTimeout(resolve, 60));
      const second = await raw('POST', '/v1/customers', { body: 'name=Slow', key: 'key.flight' });
      expect(second.status).to.equal(409);
      expect((await slow).status).to.equal(200);
      expect((await raw('POST', '/v1/customers', { body: 'name=Slow', key: 'key.flight' })).headers.get('idempotent-replayed')).to.equal('true');
    });

    const daily = async (key: string) => ((await (await raw('POST', '/v1/customers', { body: 'name=Daily', key })).json()) as { id: string }).id;

    it('are forgotten after a day', async () => {
      const first = await daily('key.daily');
      passedMs += 25 * 3600_000;
      expect(await daily('key.daily')).not.to.equal(first);
    });

    it('outlive a leap of the sandbox clock by minutes: whoever repeats a request then has not heard of it', async () => {
      const first = await daily('key.leap');
      stripe.world.setOffset(stripe.world.clock.offsetMs() + 31 * 24 * 3600_000);
      expect(await daily('key.leap')).to.equal(first);
      stripe.world.compact();
      expect(await daily('key.leap')).to.equal(first);
      passedMs += 11 * 60_000;
      expect(await daily('key.leap')).not.to.equal(first);
    });
  });
});
