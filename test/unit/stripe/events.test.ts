import { expect } from 'chai';
import type Stripe from 'stripe';
import { HANDLED_EVENT_TYPES, meaningOf, toInboundEvent } from '../../../server/stripe/events.ts';
import { isStripeHost, isTestMode } from '../../../server/stripe/keys.ts';
import { safeNumber } from '../../../server/stripe/mapping.ts';

describe('events of Stripe', () => {
  it('mean an object to read again, or nothing', () => {
    expect(HANDLED_EVENT_TYPES.map(meaningOf)).not.to.include(null);
    for (const type of ['customer.created', 'invoice.created', 'toString', '__proto__', '']) expect(meaningOf(type), type).to.equal(null);
  });

  it('are kept by what identifies them, whatever shape their object has', () => {
    const event = { id: 'evt_1', object: 'event', type: 'x.y', created: 1_800_000_000, livemode: false, data: { object: { object: 'balance' } } };
    expect(toInboundEvent(event as unknown as Stripe.Event)).to.deep.equal({
      id: 'evt_1',
      type: 'x.y',
      objectId: null,
      createdAt: 1_800_000_000_000,
      livemode: false,
      account: null,
    });
  });
});

describe('keys and hosts', () => {
  it('count as a test unless they are surely live', () => {
    for (const key of ['sk_live_abc', 'rk_live_abc']) expect(isTestMode(key), key).to.equal(false);
    for (const key of ['', 'sk_test_abc', 'rk_test_abc', 'live', 'xsk_live_abc', 'pk_live_abc']) expect(isTestMode(key), key).to.equal(true);
  });

  it('are Stripe’s only at Stripe', () => {
    for (const base of [undefined, 'https://api.stripe.com', 'https://api.stripe.com/']) expect(isStripeHost(base)).to.equal(true);
    for (const base of [
      'http://api.stripe.com',
      'https://api.stripe.com.evil.test',
      'https://api.stripe.com:444',
      'https://evil.test/api.stripe.com',
      'http://127.0.0.1:3100',
      'nonsense',
      '',
    ]) {
      expect(isStripeHost(base), base).to.equal(false);
    }
  });

  it('carry amounts as JSON numbers only where none is lost (F37)', () => {
    expect(safeNumber(2n ** 53n - 1n)).to.equal(Number.MAX_SAFE_INTEGER);
    expect(safeNumber(-5n)).to.equal(-5);
    for (const amount of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n]) expect(() => safeNumber(amount)).to.throw(RangeError);
  });
});
