import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import { pino } from 'pino';
import { signatureOf } from '../../../sandbox/stripe/webhooks.ts';
import { SYSTEM } from '../../../server/domain/actor.ts';
import { makeClock } from '../../../server/kernel/clock.ts';
import { AppError } from '../../../server/kernel/errors.ts';
import { makeInbox, ATTEMPTS_MAX, EVENTS_SEEN, inboxId, type Inbox } from '../../../server/services/inbox.ts';
import { openStore, type Store } from '../../../server/store/index.ts';
import { makePayments, type Payments } from '../../../server/stripe/payments.ts';
import { makeWebhookVerifier } from '../../../server/stripe/webhook.ts';
import { webhookRoutes } from '../../../server/web/routes/webhooks.ts';
import { testMongo } from '../../support/engines.ts';
import { CARDS, customerWithCard, TEST_KEY, testStripe, typeCard, type TestStripe } from '../../support/stripe.ts';

const SECRET = 'whsec_present';
const OLD_SECRET = 'whsec_rotated_out';
const MIB = 1024 * 1024;

describe('webhooks of Stripe', () => {
  let mongo: Awaited<ReturnType<typeof testMongo>>;
  let store: Store;
  let stripe: TestStripe;
  let payments: Payments;
  let inbox: Inbox;
  let server: Server;
  let url: string;
  let queued: string[] = [];
  let queueAway = false;
  /** What was done, in order: the verbs a service would have been asked for. */
  let done: string[] = [];
  let fault: Error | null = null;
  const clock = makeClock();

  const verb = (name: string) => async (id: string) => {
    if (fault) throw fault;
    done.push(`${name} ${id}`);
  };

  before(async () => {
    mongo = await testMongo();
    store = await openStore(mongo.uri);
    const app = express();
    server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/stripe`;
    stripe = await testStripe({ webhookUrl: url, webhookSecret: SECRET, clock });
    stripe.webhooks.mode.hold = true;
    payments = makePayments({ secretKey: TEST_KEY, apiBase: stripe.url, retries: 0 });
    const log = pino({ level: 'silent' });
    inbox = makeInbox({
      store,
      payments,
      clock,
      log,
      audit: { append: async () => {} },
      enqueue: async (id) => {
        if (queueAway) throw new Error('redis is away');
        queued.push(id);
      },
      handlers: {
        onCheckoutCompleted: verb('checkout-completed'),
        onCheckoutExpired: verb('checkout-expired'),
        onInvoiceFinalized: verb('finalized'),
        onInvoicePaid: verb('paid'),
        onInvoicePaymentFailed: verb('failed'),
        onInvoiceUncollectible: verb('uncollectible'),
        onInvoiceVoided: verb('voided'),
        onPaymentMethodChanged: verb('card'),
      },
    });
    app.use(webhookRoutes({ inbox, verify: makeWebhookVerifier({ secrets: [OLD_SECRET, SECRET] }), clock, log }));
  });
  after(async () => {
    await stripe?.close();
    server?.closeAllConnections();
    server?.close();
    await store?.close();
    await mongo?.drop();
  });
  beforeEach(() => {
    queued = [];
    done = [];
    fault = null;
    queueAway = false;
  });

  let serial = 0;
  const eventBody = (more: Record<string, unknown> = {}) =>
    JSON.stringify({
      id: `evt_case${++serial}`,
      object: 'event',
      api_version: '2026-08-26.dahlia',
      created: Math.floor(clock.now() / 1000),
      livemode: false,
      pending_webhooks: 1,
      request: null,
      type: 'invoice.paid',
      data: { object: { id: 'in_unknown', object: 'invoice' } },
      ...more,
    });
  const deliver = async (body: string | Buffer, signature?: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers: { 'content-type': 'application/json', ...(signature !== undefined && { 'stripe-signature': signature }), ...headers },
    });
    return { status: response.status, text: await response.text() };
  };
  const signed = (body: string, secret = SECRET, at = clock.real()) => signatureOf(body, secret, at);
  const stored = async () => (await store.inbox.received('stripe', 0, clock.real() + 1_000)).length;

  describe('case 60: a delivery that cannot be believed', () => {
    const refusals: readonly [string, (body: string) => string | undefined][] = [
      ['without a signature', () => undefined],
      ['with an empty signature', () => ''],
      ['signed with another secret', (body) => signed(body, 'whsec_wrong')],
      ['signed with an empty secret', (body) => signed(body, '')],
      ['signed for other bytes', (body) => signed(`${body} `)],
      ['301 s old', (body) => signed(body, SECRET, clock.real() - 301_000)],
      ['a day ahead', (body) => signed(body, SECRET, clock.real() + 86_400_000)],
      ['302 s ahead', (body) => signed(body, SECRET, clock.real() + 302_000)],
      ['with the v0 scheme only', (body) => signed(body).replace('v1=', 'v0=')],
      ['with two times', (body) => `t=${Math.floor(clock.real() / 1000) - 9_999},${signed(body)}`],
      ['with a time that is no number', (body) => signed(body).replace(/t=\d+/, 't=1e9')],
      ['with a signature that is too short', (body) => signed(body).slice(0, -2)],
    ];
    for (const [what, sign] of refusals) {
      it(`${what}: 400, nothing stored, no reason told`, async () => {
        const before = await stored();
        const body = eventBody();
        expect(await deliver(body, sign(body))).to.deep.equal({ status: 400, text: '{"received":false}' });
        expect(await stored()).to.equal(before);
        expect(queued).to.deep.equal([]);
      });
    }

    it('one byte changed on the way: 400, whichever byte', async () => {
      const body = eventBody();
      const signature = signed(body);
      const before = await stored();
      for (const at of [0, 20, Math.floor(body.length / 2), body.length - 1]) {
        const bytes = Buffer.from(body);
        bytes[at] = bytes[at]! ^ 1;
        expect((await deliver(bytes, signature)).status, `byte ${at}`).to.equal(400);
      }
      expect(await stored()).to.equal(before);
    });

    it('re-serialised JSON with the same meaning: 400, the bytes are what was signed', async () => {
      const body = eventBody();
      expect((await deliver(JSON.stringify(JSON.parse(body), null, 1), signed(body))).status).to.equal(400);
    });

    it('2 MB: 413; exactly 1 MiB is read, and refused for what it is', async () => {
      const large = eventBody({ padding: 'x'.repeat(2 * MIB) });
      expect((await deliver(large, signed(large))).status).to.equal(413);
      const limit = ' '.repeat(MIB);
      expect((await deliver(limit, signed(limit))).status).to.equal(400);
    });

    it('a compressed body: 400, since a small bomb could unfold', async () => {
      const body = eventBody();
      expect((await deliver(body, signed(body), { 'content-encoding': 'gzip' })).status).to.equal(400);
    });

    it('well signed, but no event: 400', async () => {
      for (const body of [
        '[]',
        'null',
        '{}',
        '{"object":"event"}',
        eventBody({ id: '$ne' }),
        eventBody({ id: { $gt: '' } }),
        eventBody({ data: null }),
        eventBody({ created: 'now' }),
      ]) {
        expect((await deliver(body, signed(body))).status, body).to.equal(400);
      }
    });

    it('accepts both secrets while one is rotated (F38), and 299 s either way', async () => {
      for (const sign of [
        (body: string) => signed(body, OLD_SECRET),
        (body: string) => signed(body),
        (body: string) => signed(body, SECRET, clock.real() - 295_000),
        (body: string) => signed(body, SECRET, clock.real() + 295_000),
      ]) {
        const body = eventBody();
        expect((await deliver(body, sign(body))).status).to.equal(200);
      }
      const body = eventBody();
      const t = Math.floor(clock.real() / 1000);
      const v1 = (secret: string) => createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
      expect((await deliver(body, `t=${t},v1=${v1('whsec_other')},v1=${v1(SECRET)}`)).status).to.equal(200);
    });
  });

  describe('case 61: the same event', () => {
    it('twenty times at once, and again the next day: 200 each time, one effect', async () => {
      const { customerId } = await customerWithCard(stripe.sdk);
      const invoice = await paidInvoice(customerId);
      const body = eventBody({ data: { object: { id: invoice, object: 'invoice' } } });
      const answers = await Promise.all(Array.from({ length: 20 }, () => deliver(body, signed(body))));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array.from({ length: 20 }, () => 200));
      expect(queued).to.have.length(1);
      await Promise.all(Array.from({ length: 5 }, () => inbox.handle(SYSTEM, queued[0]!)));
      expect((await deliver(body, signed(body))).status).to.equal(200);
      await inbox.handle(SYSTEM, queued[0]!);
      expect(queued).to.have.length(1);
      expect(new Set(done)).to.deep.equal(new Set([`paid ${invoice}`]));
      expect(await store.inbox.get(queued[0]!)).to.include({ status: 'done', open: false });
      const after = done.length;
      await inbox.handle(SYSTEM, queued[0]!);
      expect(done).to.have.length(after);
    });
  });

  describe('case 62: events out of order', () => {
    it('every order of the events of a payment ends in what the invoice is now (F2, I13)', async () => {
      const { customerId } = await customerWithCard(stripe.sdk);
      const invoice = await paidInvoice(customerId);
      const types = ['invoice.finalized', 'invoice.payment_failed', 'invoice.paid'];
      const orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ];
      for (const order of orders) {
        done = [];
        queued = [];
        for (const index of order) {
          const body = eventBody({ type: types[index], data: { object: { id: invoice, object: 'invoice', status: 'open' } } });
          expect((await deliver(body, signed(body))).status).to.equal(200);
        }
        for (const id of queued) await inbox.handle(SYSTEM, id);
        expect(done, order.join()).to.deep.equal([`paid ${invoice}`, `paid ${invoice}`, `paid ${invoice}`]);
      }
    });

    it('an expired session that was completed in another tab counts as completed, whatever the event says', async () => {
      const { customerId } = await customerWithCard(stripe.sdk);
      const session = await stripe.sdk.checkout.sessions.create({
        mode: 'setup',
        customer: customerId,
        payment_method_types: ['card'],
        success_url: 'http://shop.test/',
      });
      await typeCard(session.url!, CARDS.good);
      const body = eventBody({ type: 'checkout.session.expired', data: { object: { id: session.id, object: 'checkout.session' } } });
      await deliver(body, signed(body));
      await inbox.handle(SYSTEM, queued[0]!);
      expect(done).to.deep.equal([`checkout-completed ${session.id}`]);
    });

    it('the simulator’s own deliveries, reversed and doubled, are each taken once', async () => {
      const { customerId } = await customerWithCard(stripe.sdk);
      await stripe.webhooks.flush();
      const invoice = await paidInvoice(customerId);
      queued = [];
      Object.assign(stripe.webhooks.mode, { order: 'reversed', copies: 2 });
      await stripe.webhooks.flush();
      Object.assign(stripe.webhooks.mode, { order: 'sent', copies: 1 });
      expect(queued.length).to.be.greaterThan(5);
      expect(new Set(queued)).to.have.property('size', queued.length);
      for (const id of queued) await inbox.handle(SYSTEM, id);
      expect(new Set(done)).to.deep.equal(new Set([`paid ${invoice}`]));
    });
  });

  describe('case 63: an event that is not for us', () => {
    for (const [what, more] of [
      ['of the other mode', { livemode: true }],
      ['of another account', { account: 'acct_other' }],
    ] as const) {
      it(`${what} is acknowledged, ignored, and shown to the operator`, async () => {
        const body = eventBody(more);
        const { id } = JSON.parse(body) as { id: string };
        expect((await deliver(body, signed(body))).status).to.equal(200);
        await inbox.handle(SYSTEM, inboxId(id));
        expect(queued).to.deep.equal([]);
        expect(done).to.deep.equal([]);
        expect(await store.inbox.get(inboxId(id))).to.include({ status: 'dead', open: false });
      });
    }
  });

  it('an unknown type is stored and ignored', async () => {
    const body = eventBody({ type: 'customer.tax_id.created', data: { object: { id: 'txi_1', object: 'tax_id' } } });
    await deliver(body, signed(body));
    await inbox.handle(SYSTEM, queued[0]!);
    expect(done).to.deep.equal([]);
    expect(await store.inbox.get(queued[0]!)).to.include({ status: 'done', result: 'ignored: nothing of ours' });
  });

  it('an event stays open while Stripe is away, however often it is tried, and is done when Stripe is back', async () => {
    const { customerId } = await customerWithCard(stripe.sdk);
    const invoice = await paidInvoice(customerId);
    const body = eventBody({ data: { object: { id: invoice, object: 'invoice' } } });
    await deliver(body, signed(body));
    stripe.disturbances.add({ kind: 'status', status: 500, times: ATTEMPTS_MAX + 3 });
    for (let attempt = 0; attempt < ATTEMPTS_MAX + 3; attempt++) {
      expect(
        await inbox.handle(SYSTEM, queued[0]!).then(
          () => 'done',
          (error: AppError) => error.code,
        ),
      ).to.equal('dependency-away');
    }
    expect(await inbox.unhandled(SYSTEM, 0)).to.include(queued[0]);
    await inbox.handle(SYSTEM, queued[0]!);
    expect(done).to.deep.equal([`paid ${invoice}`]);
    expect(await inbox.unhandled(SYSTEM, 0)).not.to.include(queued[0]);
  });

  it('an event that fails by our own fault is given up after twelve tries, with the reason, and a person can revive it', async () => {
    const { customerId } = await customerWithCard(stripe.sdk);
    const invoice = await paidInvoice(customerId);
    const body = eventBody({ data: { object: { id: invoice, object: 'invoice' } } });
    await deliver(body, signed(body));
    fault = new Error('a bug of ours');
    const id = queued[0]!;
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++)
      expect(await inbox.handle(SYSTEM, id).then(() => 'done', String)).to.include('a bug of ours');
    await inbox.handle(SYSTEM, id);
    expect(await store.inbox.get(id)).to.include({ status: 'dead', open: false, attempts: ATTEMPTS_MAX, result: 'Error: a bug of ours' });
    fault = null;
    await inbox.revive(SYSTEM, id);
    await inbox.handle(SYSTEM, id);
    expect(await store.inbox.get(id)).to.include({ status: 'done' });
    expect(
      await inbox.revive(SYSTEM, id).then(
        () => 'revived',
        (error: AppError) => error.code,
      ),
    ).to.equal('conflict');
  });

  it('a queue that is away costs nothing: 200, and the sweep finds the event', async () => {
    queueAway = true;
    const body = eventBody();
    expect((await deliver(body, signed(body))).status).to.equal(200);
    const { id } = JSON.parse(body) as { id: string };
    expect(await inbox.unhandled(SYSTEM, 0)).to.include(inboxId(id));
    expect(await inbox.unhandled(SYSTEM, 60_000)).not.to.include(inboxId(id));
  });

  it('reconciling accepts what was never delivered, once, and remembers how far it read (F3)', async () => {
    await inbox.reconcile(SYSTEM);
    const { customerId } = await customerWithCard(stripe.sdk);
    const invoice = await paidInvoice(customerId);
    queued = [];
    expect(await inbox.reconcile(SYSTEM)).to.equal(4);
    for (const id of queued) await inbox.handle(SYSTEM, id);
    expect(new Set(done.filter((each) => each.startsWith('paid')))).to.deep.equal(new Set([`paid ${invoice}`]));
    expect(await inbox.reconcile(SYSTEM)).to.equal(0);
    expect(Number(await store.settings.get(EVENTS_SEEN))).to.be.closeTo(clock.now(), 60_000);
  });

  async function paidInvoice(customerId: string): Promise<string> {
    const invoice = await stripe.sdk.invoices.create({ customer: customerId, currency: 'usd' });
    await stripe.sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount: 1_000, currency: 'usd' });
    await stripe.sdk.invoices.finalizeInvoice(invoice.id);
    expect((await stripe.sdk.invoices.pay(invoice.id)).status).to.equal('paid');
    return invoice.id;
  }
});
