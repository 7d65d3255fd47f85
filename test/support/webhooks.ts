import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import { pino } from 'pino';
import { signatureOf } from '../../sandbox/stripe/webhooks.ts';
import { makeClock, type Clock } from '../../server/kernel/clock.ts';
import { makeInbox, type Inbox } from '../../server/services/inbox.ts';
import { openStore, type Store } from '../../server/store/index.ts';
import { makePayments } from '../../server/stripe/payments.ts';
import { makeWebhookVerifier } from '../../server/stripe/webhook.ts';
import { webhookRoutes } from '../../server/web/routes/webhooks.ts';
import { testMongo } from './engines.ts';
import { TEST_KEY, testStripe, type TestStripe } from './stripe.ts';

export const SECRET = 'whsec_present';
export const ROTATED_SECRET = 'whsec_rotated_out';

/** The webhook's address over real HTTP, on a store of its own, with a simulator that delivers when told to. */
export interface WebhookGround {
  store: Store;
  stripe: TestStripe;
  inbox: Inbox;
  clock: Clock;
  /** Ids put on the queue. */
  queued: string[];
  queueAway: boolean;
  /** What was done, in order: the verbs a service would have been asked for. */
  done: string[];
  /** Thrown by every verb while set. */
  fault: Error | null;
  /** A well-formed event, its fields replaced by `more`. */
  eventBody(more?: Record<string, unknown>): string;
  signed(body: string, secret?: string, at?: number): string;
  deliver(body: string | Buffer, signature?: string, headers?: Record<string, string>): Promise<{ status: number; text: string }>;
  /** Number of events stored. */
  stored(): Promise<number>;
  paidInvoice(customerId: string): Promise<string>;
  forget(): void;
  close(): Promise<void>;
}

export async function webhookGround(): Promise<WebhookGround> {
  const mongo = await testMongo();
  const store = await openStore(mongo.uri);
  const app = express();
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/stripe`;
  const clock = makeClock();
  const stripe = await testStripe({ webhookUrl: url, webhookSecret: SECRET, clock });
  stripe.webhooks.mode.hold = true;
  const log = pino({ level: 'silent' });
  const verb = (name: string) => async (id: string) => {
    if (ground.fault) throw ground.fault;
    ground.done.push(`${name} ${id}`);
  };
  const inbox = makeInbox({
    store,
    clock,
    log,
    payments: makePayments({ secretKey: TEST_KEY, apiBase: stripe.url, retries: 0 }),
    audit: { append: async () => {} },
    enqueue: async (id) => {
      if (ground.queueAway) throw new Error('redis is away');
      ground.queued.push(id);
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
  app.use(webhookRoutes({ inbox, verify: makeWebhookVerifier({ secrets: [ROTATED_SECRET, SECRET] }), clock, log }));
  let serial = 0;

  const ground: WebhookGround = {
    store,
    stripe,
    inbox,
    clock,
    queued: [],
    queueAway: false,
    done: [],
    fault: null,
    eventBody: (more = {}) =>
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
      }),
    signed: (body, secret = SECRET, at = clock.real()) => signatureOf(body, secret, at),
    async deliver(body, signature, headers = {}) {
      const response = await fetch(url, {
        method: 'POST',
        body: new Uint8Array(Buffer.from(body)),
        headers: { 'content-type': 'application/json', ...(signature !== undefined && { 'stripe-signature': signature }), ...headers },
      });
      return { status: response.status, text: await response.text() };
    },
    stored: async () => (await store.inbox.received('stripe', 0, clock.real() + 1_000)).length,
    async paidInvoice(customerId) {
      const { sdk } = stripe;
      const invoice = await sdk.invoices.create({ customer: customerId, currency: 'usd' });
      await sdk.invoiceItems.create({ customer: customerId, invoice: invoice.id, amount: 1_000, currency: 'usd' });
      await sdk.invoices.finalizeInvoice(invoice.id);
      expect((await sdk.invoices.pay(invoice.id)).status).to.equal('paid');
      return invoice.id;
    },
    forget: () => void Object.assign(ground, { queued: [], queueAway: false, done: [], fault: null }),
    async close() {
      await stripe.close();
      server.closeAllConnections();
      server.close();
      await store.close();
      await mongo.drop();
    },
  };
  return ground;
}
