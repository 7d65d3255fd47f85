import { expect } from 'chai';
import { answerChallenge, CARDS, customerWithCard, testStripe, typeCard, type TestStripe } from '../../support/stripe.ts';

describe('the pages of the Stripe simulator', () => {
  let stripe: TestStripe;
  before(async () => (stripe = await testStripe()));
  after(() => stripe.close());

  async function openSession() {
    const customer = await stripe.sdk.customers.create({ name: '<b>Harbor</b> & "Apps"', email: 'buyer@demo.test' });
    const session = await stripe.sdk.checkout.sessions.create({
      mode: 'setup',
      customer: customer.id,
      payment_method_types: ['card'],
      success_url: 'http://shop.test:3000/back?session={CHECKOUT_SESSION_ID}',
      cancel_url: 'http://shop.test:3000/no',
    });
    return { customer, session, url: session.url! };
  }
  const page = async (url: string) => {
    const response = await fetch(url, { redirect: 'manual' });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };

  it('say that no money moves, forbid scripts and frames, and let forms lead back to the shop only', async () => {
    const { url } = await openSession();
    const { status, headers, body } = await page(url);
    expect(status).to.equal(200);
    expect(body).to.include('Stripe simulator').and.include('no money moves');
    expect(headers.get('content-security-policy')).to.equal(
      "default-src 'none'; style-src 'self'; form-action 'self' http://shop.test:3000; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(body).not.to.match(/<script|style=|onclick/i);
    expect(body).to.include('&lt;b&gt;Harbor&lt;/b&gt; &amp; &quot;Apps&quot;').and.not.include('<b>Harbor');
    expect((await page(`${stripe.url}/style.css`)).headers.get('content-type')).to.include('text/css');
  });

  it('offer each test card as a link that fills the form in', async () => {
    const { url } = await openSession();
    for (const number of Object.values(CARDS)) {
      const link = `${new URL(url).pathname}?card=${number}`;
      expect((await page(url)).body).to.include(`href="${link}"`);
      const { body } = await page(stripe.url + link);
      expect(body.replaceAll(' ', '')).to.include(`value="${number}"`);
    }
    expect((await page(`${url}?card=%3Cscript%3E`)).body).not.to.include('<script>');
  });

  it('name each slip beside its field, and keep what was typed', async () => {
    const { url } = await openSession();
    const cases: readonly [Record<string, string>, string, string][] = [
      [{ number: '' }, 'number', 'Type a card number.'],
      [{ number: '4242' }, 'number', '12 to 19 digits'],
      [{ number: '4111111111111111' }, 'number', 'not one of the test cards'],
      [{ expiry: '13 / 39' }, 'expiry', 'month and year'],
      [{ expiry: 'soon' }, 'expiry', 'month and year'],
      [{ expiry: '01 / 20' }, 'expiry', 'in the past'],
      [{ cvc: '12' }, 'cvc', '3 or 4 digits'],
      [{ name: 'x'.repeat(101) }, 'name', '100 characters'],
    ];
    for (const [typed, field, words] of cases) {
      const answer = await typeCard(url, CARDS.good, { name: '"><img>', ...typed });
      expect(answer.status, words).to.equal(422);
      expect(answer.body).to.match(new RegExp(`<input\\s+id="${field}"[^>]*aria-invalid="true"\\s+aria-describedby="${field}-error"`));
      expect(answer.body).to.include(words).and.not.include('"><img>');
    }
    expect((await typeCard(url, CARDS.declined, { name: 'Ada' })).body).to.include('value="Ada"');
  });

  it('save a card however its number and date are written', async () => {
    for (const [number, expiry] of [
      ['4242 4242 4242 4242', '1/39'],
      ['4242-4242-4242-4242', '01 / 2039'],
      ['4242424242424242', '0139'],
    ] as const) {
      const { session, url } = await openSession();
      expect(await typeCard(url, number, { expiry })).to.include({ status: 303, location: `http://shop.test:3000/back?session=${session.id}` });
    }
  });

  for (const number of [CARDS.declined, CARDS.insufficientFunds, CARDS.expired]) {
    it(`tell of the decline of ${number}, and take another card in the same session`, async () => {
      const { session, url } = await openSession();
      const refused = await typeCard(url, number);
      expect(refused.status).to.equal(422);
      expect(refused.body).to.include('role="alert"').and.include('The card was not accepted');
      expect((await stripe.sdk.checkout.sessions.retrieve(session.id)).status).to.equal('open');
      expect((await typeCard(url, CARDS.good)).status).to.equal(303);
      expect((await stripe.sdk.checkout.sessions.retrieve(session.id)).status).to.equal('complete');
    });
  }

  it('ask for 3-D Secure in between: approved saves, failed returns to the form, and the back button changes nothing', async () => {
    for (const number of [CARDS.threeDSecureOnce, CARDS.threeDSecureAlways]) {
      const { session, url, customer } = await openSession();
      const typed = await typeCard(url, number);
      expect(typed.location).to.match(/^\/authenticate\/seti_/);
      expect((await page(stripe.url + typed.location!)).body)
        .to.include('Approve')
        .and.include(number.slice(-4));
      expect((await page(url)).headers.get('location')).to.equal(typed.location);
      const failed = await answerChallenge(url, typed.location!, 'fail');
      expect(failed.location).to.equal(new URL(url).pathname);
      expect((await page(url)).body).to.include('unable to authenticate');
      const second = await typeCard(url, number);
      const approved = await answerChallenge(url, second.location!, 'approve');
      expect(approved.location).to.equal(`http://shop.test:3000/back?session=${session.id}`);
      expect((await answerChallenge(url, second.location!, 'fail')).location).to.equal(approved.location);
      expect((await stripe.sdk.paymentMethods.list({ customer: customer.id })).data).to.have.length(1);
    }
  });

  it('of a session that has ended take nothing', async () => {
    const { session, url } = await openSession();
    await stripe.sdk.checkout.sessions.expire(session.id);
    expect((await page(url)).body)
      .to.include('This session has expired')
      .and.include('http://shop.test:3000/no');
    expect((await typeCard(url, CARDS.good)).status).to.equal(200);
    const other = await openSession();
    stripe.world.setOffset(stripe.world.clock.offsetMs() + 25 * 3600_000);
    expect((await page(other.url)).body).to.include('This session has expired');
    expect((await stripe.sdk.checkout.sessions.retrieve(other.session.id)).status).to.equal('expired');
    const told = (await stripe.sdk.events.list({ type: 'checkout.session.expired', limit: 100 })).data.map(({ data }) => (data.object as { id: string }).id);
    for (const { id } of [session, other.session]) expect(told.filter((each) => each === id)).to.have.length(1);
  });

  it('let a buyer pay an open invoice, through 3-D Secure or past a decline', async () => {
    for (const [number, ends] of [
      [CARDS.good, 'paid'],
      [CARDS.chargeFails, 'open'],
    ] as const) {
      const { customerId } = await customerWithCard(stripe.sdk, number);
      const draft = await stripe.sdk.invoices.create({ customer: customerId, currency: 'usd' });
      await stripe.sdk.invoiceItems.create({ customer: customerId, invoice: draft.id, amount: 123_456, currency: 'usd', description: '<i>calls</i>' });
      const { hosted_invoice_url: url } = await stripe.sdk.invoices.finalizeInvoice(draft.id);
      const before = await page(url!);
      expect(before.body).to.include('USD 1,234.56').and.include('&lt;i&gt;calls').and.include('Pay with the card ending in');
      const answer = await fetch(url!, { method: 'POST', redirect: 'manual' });
      expect(answer.status).to.equal(ends === 'paid' ? 303 : 402);
      expect((await stripe.sdk.invoices.retrieve(draft.id)).status).to.equal(ends);
    }
  });

  it('show what there is at the front, and 404 what there is not', async () => {
    const { body } = await page(`${stripe.url}/`);
    for (const word of ['Customers', 'Invoices', 'Charges', 'Checkout sessions', 'Events', 'checkout.session.completed', 'USD 1,234.56'])
      expect(body).to.include(word);
    for (const path of ['/checkout/cs_none', '/authenticate/seti_none', '/invoices/in_none', '/elsewhere', '/checkout/a/b'])
      expect((await page(stripe.url + path)).status, path).to.equal(404);
  });

  describe('the controls', () => {
    const control = async (method: string, path: string, body?: unknown, type = 'application/json') => {
      const response = await fetch(`${stripe.url}/_sim/${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': type } }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };

    it('move the clock forward only', async () => {
      const { offset_ms: offset } = (await control('GET', 'clock')).body as { offset_ms: number };
      expect((await control('POST', 'clock', { advance_ms: 60_000 })).body).to.include({ offset_ms: offset + 60_000 });
      expect((await control('POST', 'clock', { offset_ms: offset })).status).to.equal(400);
      expect((await control('POST', 'clock', { to: 'tomorrow' })).status).to.equal(400);
    });

    it('take JSON only, which no form of another site can send', async () => {
      expect((await control('POST', 'reset', {}, 'text/plain')).status).to.equal(415);
      expect((await control('POST', 'nothing', {})).status).to.equal(404);
      expect((await control('POST', 'payments', { decline: 'bad_mood' })).status).to.equal(400);
      expect((await control('POST', 'disturbances', { kind: 'flood' })).status).to.equal(400);
    });

    it('make the next payment fail, show the state, and start over', async () => {
      const { customerId } = await customerWithCard(stripe.sdk);
      await control('POST', 'payments', { decline: 'lost_card' });
      const draft = await stripe.sdk.invoices.create({ customer: customerId, currency: 'usd' });
      await stripe.sdk.invoiceItems.create({ customer: customerId, invoice: draft.id, amount: 900, currency: 'usd' });
      await stripe.sdk.invoices.finalizeInvoice(draft.id);
      const code = await stripe.sdk.invoices.pay(draft.id).then(
        () => 'paid',
        (error: { decline_code: string }) => error.decline_code,
      );
      expect(code).to.equal('lost_card');
      expect((await control('GET', 'snapshot')).body.invoice).to.be.an('array').that.is.not.empty;
      await control('POST', 'reset', {});
      expect((await stripe.sdk.customers.list()).data).to.deep.equal([]);
    });

    it('are not there when they are switched off', async () => {
      const locked = await testStripe({ controls: false });
      expect((await fetch(`${locked.url}/_sim/clock`)).status).to.equal(404);
      await locked.close();
    });
  });
});
