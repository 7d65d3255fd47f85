import { expect } from 'chai';
import type { AppError } from '../../../server/kernel/errors.ts';
import { behindCircuit, makeCircuit, type CircuitBreaker } from '../../../server/stripe/circuit.ts';
import { makePayments, type Payments } from '../../../server/stripe/payments.ts';
import { CARDS, TEST_KEY, testStripe, typeCard, type TestStripe } from '../../support/stripe.ts';

describe('the circuit around Stripe', () => {
  let stripe: TestStripe;
  let requests = 0;
  let now = 1_000_000;
  let circuit: CircuitBreaker;
  let payments: Payments;
  /** Waits for no answer longer than a tenth of a second. */
  let hasty: Payments;
  let changes: string[];

  before(async () => {
    stripe = await testStripe({ observe: () => void (requests += 1) });
  });
  after(() => stripe.close());
  beforeEach(() => {
    changes = [];
    circuit = makeCircuit({ clock: { real: () => now }, jitter: () => 0.5, onChange: ({ state }) => void changes.push(state) });
    payments = behindCircuit(makePayments({ secretKey: TEST_KEY, apiBase: stripe.url, retries: 0 }), circuit);
    hasty = behindCircuit(makePayments({ secretKey: TEST_KEY, apiBase: stripe.url, retries: 0, timeoutMs: 100 }), circuit);
  });
  afterEach(() => stripe.disturbances.clear());

  const refusal = (run: Promise<unknown>): Promise<AppError> =>
    run.then(
      () => {
        throw new Error('not refused');
      },
      (error: unknown) => error as AppError,
    );

  for (const [what, disturbance] of [
    ['429', { kind: 'status', status: 429 }],
    ['500', { kind: 'status', status: 500 }],
    ['503', { kind: 'status', status: 503 }],
    ['cut connections', { kind: 'drop-request' }],
    ['answers that are lost', { kind: 'drop-response' }],
    ['time-outs', { kind: 'delay', delayMs: 400 }],
  ] as const) {
    it(`opens after repeated ${what}; then nothing is sent, and the refusal says that nothing was charged`, async () => {
      // Enough for the second connection that the SDK tries by itself when the first is cut.
      stripe.disturbances.add({ ...disturbance, times: 8 });
      const asked = disturbance.kind === 'delay' ? hasty : payments;
      for (let n = 0; n < 4; n += 1) expect((await refusal(asked.readBalance())).code).to.equal('dependency-away');
      expect(circuit.present()).to.include({ state: 'open', since: now });
      const before = requests;
      const error = await refusal(payments.readBalance());
      expect(error).to.include({ code: 'payments-paused', status: 503, detail: 'Payments are unavailable for a moment. Nothing was charged.' });
      expect(error.retryAfterSeconds).to.be.within(1, 5);
      expect((await refusal(payments.listEvents({ since: 0 })[Symbol.asyncIterator]().next())).code).to.equal('payments-paused');
      expect(requests).to.equal(before);
    });
  }

  it('lets one request through after the wait, reopens for longer when that fails, and closes when it is answered', async () => {
    stripe.disturbances.add({ kind: 'status', status: 500, times: 5 });
    for (let n = 0; n < 4; n += 1) await refusal(payments.readBalance());
    const since = now;
    now = circuit.present().retryAt;
    const [first, second] = await Promise.all([refusal(payments.readBalance()), refusal(payments.readBalance())]);
    expect([first.code, second.code].sort(), 'one of two is the probe').to.deep.equal(['dependency-away', 'payments-paused']);
    expect(circuit.present()).to.include({ state: 'open', since, openings: 2 });
    expect(circuit.present().retryAt - now, 'three quarters of ten seconds').to.equal(7_500);
    now = circuit.present().retryAt;
    expect(await payments.readBalance()).to.have.property('availableMinor');
    expect(circuit.present()).to.include({ state: 'closed', since: now });
    expect(changes).to.deep.equal(['open', 'closed']);
    expect(circuit.openings()).to.equal(1);
  });

  it('takes no answer of Stripe’s for a fault: declined cards, objects that are not there, conflicts, wrong requests, a wrong key', async () => {
    const customerId = await payments.ensureCustomer({ organizationId: 'org_circuit', email: 'c@demo.test', name: 'C' });
    const checkout = await payments.createSetupCheckout({
      subscriptionId: 'sub_1',
      customerId,
      successUrl: 'http://shop.test/back',
      cancelUrl: 'http://shop.test/no',
      expiresAt: stripe.world.clock.now() + 23 * 3600_000,
      idempotencyKey: 'circuit.checkout',
    });
    await typeCard(checkout.url!, CARDS.chargeFails);
    const { paymentMethodId } = await payments.readCheckout(checkout.id);
    const draft = await payments.createInvoice({ customerId, currency: 'usd', metadata: {}, idempotencyKey: 'circuit.create' });
    await payments.addInvoiceItem({
      stripeInvoiceId: draft.id,
      customerId,
      amountMinor: 900n,
      currency: 'usd',
      description: 'line',
      lineKey: 'k',
      idempotencyKey: 'circuit.item',
    });
    const stripeInvoiceId = draft.id;
    await payments.finalizeInvoice({ stripeInvoiceId, number: 'C-1', idempotencyKey: 'circuit.finalize' });
    for (let n = 0; n < 6; n += 1) {
      const outcome = await payments.payInvoice({ stripeInvoiceId, paymentMethodId: paymentMethodId!, idempotencyKey: `circuit.pay.${n}` });
      expect(outcome.kind).to.equal('declined');
      expect((await refusal(payments.readInvoice('in_nowhere'))).code).to.equal('not-found');
      expect((await refusal(payments.discardDraft(stripeInvoiceId))).code).to.equal('conflict');
      stripe.disturbances.add({ kind: 'status', status: 409, times: 1 });
      expect((await refusal(payments.readBalance())).code).to.equal('dependency-away');
    }
    const wrong = behindCircuit(makePayments({ secretKey: 'sk_wrong', apiBase: stripe.url, retries: 0 }), circuit);
    for (let n = 0; n < 6; n += 1) await refusal(wrong.readBalance());
    expect(circuit.present().state).to.equal('closed');
  });

  it('answers readiness with the truth, whatever it thinks', async () => {
    stripe.disturbances.add({ kind: 'status', status: 500, times: 4 });
    for (let n = 0; n < 4; n += 1) await refusal(payments.readBalance());
    expect(await payments.reachable()).to.equal(true);
    expect(circuit.present().state).to.equal('open');
  });
});
