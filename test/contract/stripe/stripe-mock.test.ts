import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Exchange } from '../../../sandbox/stripe/api.ts';
import { makePayments, STRIPE_API_VERSION } from '../../../server/stripe/payments.ts';
import { answerChallenge, CARDS, TEST_KEY, testStripe, typeCard } from '../../support/stripe.ts';
import { extract, STRIPE_MOCK } from './extract-spec.ts';

const BIN = join(import.meta.dirname, '../../../.local/bin');
const INSTALL_MS = 300_000;

/** The official stand-in: it forgets everything, but refuses whatever Stripe's description does not allow. Needs Go to be installed the first time. */
describe('requests against stripe-mock', () => {
  let mock: ChildProcess;
  let mockUrl: string;
  let recorded: Exchange[] = [];

  before(async function () {
    this.timeout(INSTALL_MS);
    const program = join(BIN, 'stripe-mock');
    if (!existsSync(program)) execFileSync('go', ['install', STRIPE_MOCK], { env: { ...process.env, GOBIN: BIN }, cwd: '/', stdio: 'inherit' });
    mock = spawn(program, ['-http-addr', '127.0.0.1:0', '-https-addr', '127.0.0.1:0', '-strict-version-check'], { stdio: ['ignore', 'pipe', 'inherit'] });
    mockUrl = await new Promise((resolve, reject) => {
      let text = '';
      mock.stdout!.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const match = /Listening for HTTP at address: (127\.0\.0\.1:\d+)/.exec(text);
        if (match) resolve(`http://${match[1]}`);
      });
      mock.once('exit', () => reject(new Error(`stripe-mock ended: ${text}`)));
    });
  });
  after(() => mock?.kill());
  beforeEach(() => (recorded = []));

  const replay = async ({ method, url, requestBody }: Exchange) => {
    const response = await fetch(mockUrl + url, {
      method,
      ...(method === 'POST' && { body: requestBody }),
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/x-www-form-urlencoded', 'stripe-version': STRIPE_API_VERSION },
    });
    return { status: response.status, text: await response.text() };
  };

  it('every request the product makes is one that Stripe’s description allows', async () => {
    const stripe = await testStripe({ observe: (exchange) => void recorded.push(exchange) });
    await everything(stripe.url, stripe.world.clock.now());
    await stripe.close();
    const seen = new Set(recorded.map(({ method, route }) => `${method} ${route}`));
    expect(seen.size).to.be.greaterThan(18);
    const refused: string[] = [];
    for (const exchange of recorded) {
      if (exchange.status >= 400) continue;
      const { status, text } = await replay(exchange);
      if (status >= 400) refused.push(`${exchange.method} ${exchange.url} ${exchange.requestBody}: ${status} ${text}`);
    }
    expect(refused).to.deep.equal([]);
  });

  it('refuses what the simulator refuses: unknown, missing and ill-chosen parameters', async () => {
    const stripe = await testStripe({ observe: (exchange) => void recorded.push(exchange) });
    const requests: readonly [string, string, string][] = [
      ['POST', '/v1/customers', 'nonsense=1'],
      ['POST', '/v1/invoices', 'customer=cus_1&collection_method=never'],
      ['POST', '/v1/invoiceitems', 'customer=cus_1&amount=1&currency=usd&price=price_1'],
      ['POST', '/v1/webhook_endpoints', 'url=http%3A%2F%2Fx.test'],
      ['POST', '/v1/checkout/sessions', 'mode=sometimes&success_url=http%3A%2F%2Fx.test'],
      ['GET', '/v1/invoices?status=late', ''],
    ];
    for (const [method, path, body] of requests) {
      await fetch(stripe.url + path, {
        method,
        ...(body !== '' && { body }),
        headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/x-www-form-urlencoded' },
      });
    }
    await stripe.close();
    for (const exchange of recorded) {
      expect(exchange.status, exchange.url + exchange.requestBody).to.equal(400);
      expect((await replay(exchange)).status, exchange.url + exchange.requestBody).to.equal(400);
    }
    expect(recorded).to.have.length(requests.length);
  });

  it('carries the description that spec-subset.json was derived from', function () {
    this.timeout(60_000);
    expect(readFileSync(new URL('spec-subset.json', import.meta.url), 'utf8') === extract(), 'run test/contract/stripe/extract-spec.ts').to.equal(true);
  });
});

/** Every verb of the port, at least once. */
async function everything(url: string, now: number): Promise<void> {
  const payments = makePayments({ secretKey: TEST_KEY, apiBase: url, retries: 0 });
  let steps = 0;
  const key = () => `contract.${++steps}`;
  const organization = { organizationId: 'org_1', email: 'buyer@demo.test', name: 'Harbor' };
  const customerId = await payments.ensureCustomer(organization);
  await payments.ensureCustomer({ ...organization, name: 'Harbor Apps' });
  const open = () =>
    payments.createSetupCheckout({
      subscriptionId: 'sub_1',
      customerId,
      successUrl: 'http://shop.test/?s={CHECKOUT_SESSION_ID}',
      cancelUrl: 'http://shop.test/',
      expiresAt: now + 23 * 3600_000,
      idempotencyKey: key(),
    });
  await payments.expireCheckout((await open()).id);
  const checkout = await open();
  const typed = await typeCard(checkout.url!, CARDS.threeDSecureOnce);
  await answerChallenge(checkout.url!, typed.location!, 'approve');
  const { paymentMethodId } = await payments.readCheckout(checkout.id);
  await payments.readPaymentMethod(paymentMethodId!);
  await payments.setDefaultPaymentMethod({ customerId, paymentMethodId: paymentMethodId! });
  const invoices: string[] = [];
  for (let n = 0; n < 3; n++) {
    const { id } = await payments.createInvoice({
      customerId,
      currency: 'usd',
      description: 'June',
      metadata: { tollgate_invoice: `inv_${n}` },
      paymentMethodId: paymentMethodId!,
      idempotencyKey: key(),
    });
    for (let line = 0; line < 12; line++) {
      await payments.addInvoiceItem({
        stripeInvoiceId: id,
        customerId,
        amountMinor: line === 0 ? -5n : 100n,
        currency: 'usd',
        description: 'calls',
        lineKey: `l${line}`,
        idempotencyKey: key(),
      });
    }
    invoices.push(id);
  }
  for (const id of invoices.slice(0, 2)) await payments.finalizeInvoice({ stripeInvoiceId: id, number: `A-${id.slice(-6)}`, idempotencyKey: key() });
  await payments.payInvoice({ stripeInvoiceId: invoices[0]!, paymentMethodId: paymentMethodId!, idempotencyKey: key() });
  await payments.readProcessingFee(invoices[0]!);
  await payments.voidInvoice({ stripeInvoiceId: invoices[1]!, idempotencyKey: key() });
  await payments.discardDraft(invoices[2]!);
  await payments.readInvoice(invoices[0]!);
  await payments.findInvoiceByMetadata({ customerId, key: 'tollgate_invoice', value: 'inv_0' });
  for await (const _ of payments.listEvents({ since: now - 60_000 })) break;
  await payments.readBalance();
  await payments.reachable();
  await payments.detachPaymentMethod(paymentMethodId!);
}
