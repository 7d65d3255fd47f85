import Stripe from 'stripe';
import { startStripeSimulator, type Simulator, type SimulatorOptions } from '../../sandbox/stripe/server.ts';
import { faultsOfAnswer } from './stripe-spec.ts';

export const TEST_KEY = 'sk_test_TollgateSimulator';
export const TEST_WEBHOOK_SECRET = 'whsec_tollgate_simulator';

/** Test card numbers by what they do. */
export const CARDS = {
  good: '4242424242424242',
  declined: '4000000000000002',
  chargeFails: '4000000000000341',
  insufficientFunds: '4000000000009995',
  expired: '4000000000000069',
  threeDSecureOnce: '4000002500003155',
  threeDSecureAlways: '4000002760003184',
} as const;

export interface TestStripe extends Simulator {
  /** The official SDK, pointed at the simulator, without retries of its own. */
  sdk: Stripe;
  key: string;
}

/**
 * A simulator of this test's own on a free port. Every answer it gives is compared with Stripe's own description of it;
 * `close` throws what did not fit.
 */
export async function testStripe(options: SimulatorOptions = {}): Promise<TestStripe> {
  const faults = new Set<string>();
  const simulator = await startStripeSimulator({
    ...options,
    observe(exchange) {
      options.observe?.(exchange);
      const { method, route, url, status, body } = exchange;
      for (const fault of faultsOfAnswer(method, route ?? url, status, JSON.parse(body))) faults.add(fault);
    },
  });
  return {
    ...simulator,
    key: TEST_KEY,
    sdk: sdkFor(simulator.url),
    async close() {
      await simulator.close();
      if (faults.size > 0) throw new Error(`answers that Stripe would not give:\n${[...faults].join('\n')}`);
    },
  };
}

export const sdkFor = (url: string, options: { maxNetworkRetries?: number } = {}): Stripe => {
  const { hostname, port, protocol } = new URL(url);
  return new Stripe(TEST_KEY, {
    host: hostname,
    port: Number(port),
    protocol: protocol === 'https:' ? 'https' : 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    ...options,
  });
};

/** Type a card into a Checkout page, as a person without JavaScript would. @returns status, where it leads, and the page */
export async function typeCard(
  checkoutUrl: string,
  number: string,
  more: Record<string, string> = {},
): Promise<{ status: number; location: string | null; body: string }> {
  return submit(checkoutUrl, { number, expiry: '12 / 39', cvc: '123', name: 'Test Buyer', ...more });
}

/** Answer the bank's question. `location` is what `typeCard` gave. */
export const answerChallenge = (checkoutUrl: string, location: string, answer: 'approve' | 'fail') =>
  submit(new URL(location, checkoutUrl).toString(), { answer });

async function submit(url: string, fields: Record<string, string>): Promise<{ status: number; location: string | null; body: string }> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  return { status: response.status, location: response.headers.get('location'), body: await response.text() };
}

/** A customer with a saved card that invoices are collected from. Cards that are refused when saved cannot be used here. */
export async function customerWithCard(sdk: Stripe, number: string = CARDS.good): Promise<{ customerId: string; paymentMethodId: string }> {
  const customer = await sdk.customers.create({ email: 'buyer@demo.test', name: 'Harbor Apps' });
  const method = await sdk.paymentMethods.create({ type: 'card', card: { number, exp_month: 12, exp_year: 2039, cvc: '123' } });
  await sdk.paymentMethods.attach(method.id, { customer: customer.id });
  await sdk.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } });
  return { customerId: customer.id, paymentMethodId: method.id };
}
