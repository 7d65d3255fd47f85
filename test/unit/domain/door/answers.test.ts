import { expect } from 'chai';
import { PER_UNIT, USD, ask } from '../../../support/billing.ts';

const PERIOD = ['2030-06-01T00:00:00Z', '2030-07-01T00:00:00Z'];
const unit = (unit_amount_decimal: string, more = {}) => ({ model: 'per_unit', unit_amount_decimal, ...more });

describe('the billing door answers', () => {
  it('the page’s examples of rules N2 to N5', () => {
    const rated = (price: object, ...quantities: unknown[]) =>
      ask<{ rated: { exact: string; amount: number }[] }>('rate', { currency: 'usd', price }, { quantities }).rated.map(({ exact, amount }) => [exact, amount]);
    expect(rated(unit('0.000000000457'), '18014398509481985')).to.deep.equal([['8232580.118833267145', 8232580]]);
    expect(rated({ model: 'package', included: 320, package_size: 250, package_amount: 95 }, 570, 571)).to.deep.equal([
      ['95', 95],
      ['190', 190],
    ]);
    expect(rated(unit('0.35'), 110, 10)).to.deep.equal([
      ['38.5', 39],
      ['3.5', 4],
    ]);
  });

  it('integers as numbers up to 2^53-1 and as strings beyond, whichever way they came in', () => {
    const { rated } = ask<{ rated: { quantity: unknown; amount: unknown; invoice_total: unknown }[] }>(
      'rate',
      { currency: 'usd', price: unit('1'), base_amount: 1 },
      { quantities: ['9007199254740991', '9007199254740992', '5'] },
    );
    expect(rated.map(({ quantity, amount, invoice_total }) => [quantity, amount, invoice_total])).to.deep.equal([
      [9007199254740991, 9007199254740991, '9007199254740992'],
      ['9007199254740992', '9007199254740992', '9007199254740993'],
      [5, 5, 6],
    ]);
  });

  it('a sum above 2^63-1, exactly', () => {
    expect(ask('rate_batches', { currency: 'usd', price: unit('0.5') }, { batches: ['9223372036854775807', '9223372036854775807'] })).to.deep.equal({
      quantity: '18446744073709551614',
      exact: '9223372036854775807',
      amount: '9223372036854775807',
    });
  });

  it('an exact value as the shortest decimal, or as a reduced fraction', () => {
    const exact = (divide_by: number, quantity: number) =>
      ask<{ rated: { exact: string }[] }>('rate', { currency: 'usd', price: unit('1', { divide_by }) }, { quantities: [quantity] }).rated[0]?.exact;
    expect([exact(8, 1), exact(3, 6), exact(6, 3), exact(6, 4), exact(1_000_000, 1), exact(40, 1), exact(7, 0)]).to.deep.equal([
      '0.125',
      '2',
      '0.5',
      '2/3',
      '0.000001',
      '0.025',
      '0',
    ]);
    expect(ask<{ rated: unknown[] }>('credit', { currency: 'usd', price: unit('4', { divide_by: 7 }) }, { quantities: [8, 0] }).rated).to.deep.equal([
      { quantity: 8, exact: '-32/7', amount: -5 },
      { quantity: 0, exact: '0', amount: 0 },
    ]);
  });

  it('included units before divide_by and before the first tier', () => {
    const amount = (price: object, quantity: number) =>
      ask<{ rated: { amount: number }[] }>('rate', { currency: 'usd', price }, { quantities: [quantity] }).rated[0]?.amount;
    expect(amount(unit('10', { divide_by: 100, included: 50 }), 150)).to.equal(10);
    const tiers = [
      { up_to: 10, flat_amount: 7 },
      { up_to: null, unit_amount_decimal: '1' },
    ];
    expect(amount({ model: 'volume', included: 5, tiers }, 5)).to.equal(0);
    expect(amount({ model: 'volume', included: 5, tiers }, 15)).to.equal(7);
    expect(amount({ model: 'volume', included: 5, tiers }, 16)).to.equal(11);
    expect(amount({ model: 'graduated', included: 5, tiers }, 16)).to.equal(8);
  });

  it('a half, away from zero and straight to the step', () => {
    const amount = (currency: string, price: string, quantity: number) =>
      ask<{ rated: { amount: number }[] }>('credit', { currency, price: unit(price) }, { quantities: [quantity] }).rated[0]?.amount;
    expect([
      amount('kwd', '1', 5),
      amount('kwd', '0.999999999999', 5),
      amount('isk', '1', 50),
      amount('isk', '49.999999999999', 1),
      amount('jpy', '0.5', 1),
    ]).to.deep.equal([-10, 0, -100, 0, -1]);
  });

  it('a group of 2^63-1 attempts against a hard quota without counting to it', () => {
    const plan = { currency: 'usd', price: unit('1'), quota: 10, hard: true, billable_statuses: ['2xx', '5xx'], bill_aborted: true };
    const n = '9223372036854775807';
    expect(
      ask('quota', plan, {
        attempts: [
          { origin: 'upstream', status: 500, n },
          { origin: 'aborted', status: 500, n: 3 },
          { origin: 'upstream', status: 499, n: 100 },
          { origin: 'upstream', status: 503, n: 2 },
        ],
      }),
    ).to.deep.equal({ accepted: '9223372036854775817', refused_429: 95, billable: '9223372036854775810', amount: '9223372036854775810' });
  });

  it('a quota of nothing: hard refuses all, soft admits all', () => {
    const attempts = [
      { origin: 'upstream', status: 200, n: 3 },
      { origin: 'upstream', status: 500, n: 2 },
    ];
    expect(ask('quota', { ...USD, quota: 0, hard: true }, { attempts })).to.include({ accepted: 0, refused_429: 5, billable: 0 });
    expect(ask('quota', { ...USD, quota: 0, hard: false }, { attempts })).to.include({ accepted: 5, refused_429: 0, billable: 3 });
  });

  it('nothing as billable under an empty list, and an aborted call by its own rule alone', () => {
    const calls = [
      { origin: 'upstream', status: 200, n: 4 },
      { origin: 'aborted', status: 200, n: 2 },
      { origin: 'gateway', status: 200, n: 1 },
    ];
    expect(ask('billable', { billable_statuses: [] }, { calls })).to.deep.equal({ billable: 0, total: 7 });
    expect(ask('billable', { billable_statuses: [], bill_aborted: true }, { calls })).to.deep.equal({ billable: 2, total: 7 });
    expect(ask('billable', {}, { calls: [] })).to.deep.equal({ billable: 0, total: 0 });
  });

  it('weights by name, also for names that every object knows', () => {
    const plan = JSON.parse('{"currency":"usd","price":{"model":"per_unit","unit_amount_decimal":"1"},"weights":{"__proto__":5,"toString":0}}') as Record<
      string,
      unknown
    >;
    const call = (endpoint: string) => ({ endpoint, origin: 'upstream', status: 200, n: 1 });
    expect(ask('rate_weighted', plan, { calls: ['__proto__', 'toString', 'constructor'].map(call) })).to.deep.equal({
      billable: 3,
      units: 6,
      exact: '6',
      amount: 6,
    });
  });

  it('an invoice of a base of 0 as one line that is paid', () => {
    expect(ask('invoice', { currency: 'usd', base_amount: 0, coupon: { percent_off: '100' }, tax: { rate: '20', inclusive: true } }, {})).to.deep.equal({
      lines: [0],
      subtotal: 0,
      discount: 0,
      discount_by_line: [0],
      tax_by_line: [0],
      tax: 0,
      total: 0,
      status: 'paid',
      charge: 0,
      carried: 0,
    });
  });

  it('an invoice at its minimum as charged, one below as carried', () => {
    expect(ask('invoice', { currency: 'usd', fixed_lines: [60], minimum_charge: 60 }, {})).to.include({ status: 'open', charge: 60, carried: 0 });
    expect(ask('invoice', { currency: 'usd', fixed_lines: [59], minimum_charge: 60 }, {})).to.include({ status: 'paid', charge: 0, carried: 59 });
  });

  it('a rest of a discount that goes back over several lines', () => {
    const discountOf = (fixed_lines: number[], amount_off: number) =>
      ask<{ discount_by_line: number[] }>('invoice', { currency: 'usd', fixed_lines, coupon: { amount_off } }, {}).discount_by_line;
    expect(discountOf([1, 1, 1, 1, 1], 4)).to.deep.equal([0, 1, 1, 1, 1]);
    expect(discountOf([5, -3, 1, 0], 3)).to.deep.equal([2, 0, 1, 0]);
  });

  it('a hidden fraction of a period’s share as n/d in lowest terms', () => {
    const share = (change_at: string) => ask<{ fraction: string }>('proration', { currency: 'usd', old: 0, new: 0, period: PERIOD }, { change_at }).fraction;
    expect([share('2030-06-01T00:00:00Z'), share('2030-06-16T00:00:00.000Z'), share('2030-06-30T23:59:59Z')]).to.deep.equal(['1/1', '1/2', '1/2592000']);
  });

  it('a proration toward minus infinity, to the step of the currency', () => {
    const plan = { currency: 'isk', old: 700, new: 1500, period: ['2030-06-01T00:00:00Z', '2030-06-08T00:00:00Z'] };
    expect(ask('proration', plan, { change_at: '2030-06-07T00:00:00Z' })).to.deep.equal({ fraction: '1/7', credit: -100, debit: 200, net: 100 });
    expect(ask('proration', { ...plan, currency: 'usd', old: 730, new: 1460 }, { change_at: '2030-06-07T00:00:00Z' })).to.include({ credit: -105, debit: 208 });
  });

  it('a change in the last second with both lines floored', () => {
    expect(ask('proration', { currency: 'usd', old: 1, new: 1, period: PERIOD }, { change_at: '2030-06-30T23:59:59Z' })).to.include({
      credit: -1,
      debit: 0,
      net: -1,
    });
  });

  it('an upgrade that nets to nothing as nothing due', () => {
    expect(ask('carry', { currency: 'usd', old: 500, new: 500, period: PERIOD }, { change_at: PERIOD[0], renewals: 1 })).to.deep.equal({
      net_proration: 0,
      due_now: 0,
      renewals: [{ invoice_total: 500, amount_due: 500, balance_after: 0 }],
    });
  });

  it('times before the period, in it, and after it, however far, and clamps what is too far ahead', () => {
    const usage = {
      received_at: '2030-06-30T23:59:59.500Z',
      events: [
        { id: 'a', ts: '2030-07-01T00:04:59.500Z' },
        { id: 'b', ts: '2030-07-01T00:04:59.501Z' },
        { id: 'c', ts: '2999-01-01T00:00:00Z' },
        { id: 'd', ts: '2030-05-26T23:59:59.500Z' },
        { id: 'e', ts: '2030-05-26T23:59:59.499Z' },
        { id: 'e', ts: '2030-05-26T23:59:59.499Z' },
      ],
    };
    expect(ask('events', { period: PERIOD }, usage)).to.deep.equal({ previous: 1, this: 2, next: 1, rejected: 1, duplicates: 1 });
    expect(ask('events', { period: PERIOD }, { events: usage.events })).to.deep.equal({ previous: 2, this: 0, next: 3, rejected: 0, duplicates: 1 });
  });

  it('the same instant in its two spellings as one event', () => {
    expect(
      ask(
        'events',
        { period: PERIOD },
        {
          events: [
            { id: 'a', ts: '2030-06-01T00:00:00Z' },
            { id: 'a', ts: '2030-06-01T00:00:00.000Z' },
          ],
        },
      ),
    ).to.include({ this: 1, duplicates: 1 });
  });

  it('boundaries counted from the anchor, over leap years and centuries', () => {
    const bounds = (anchor: string, interval: string, count: number) => ask<{ boundaries: string[] }>('periods', { anchor, interval }, { count }).boundaries;
    expect(bounds('2096-02-29T23:59:59Z', 'year', 9)).to.deep.equal([
      '2096-02-29T23:59:59Z',
      '2097-02-28T23:59:59Z',
      '2098-02-28T23:59:59Z',
      '2099-02-28T23:59:59Z',
      '2100-02-28T23:59:59Z',
      '2101-02-28T23:59:59Z',
      '2102-02-28T23:59:59Z',
      '2103-02-28T23:59:59Z',
      '2104-02-29T23:59:59Z',
    ]);
    expect(bounds('2999-12-31T00:00:00Z', 'month', 3)).to.deep.equal(['2999-12-31T00:00:00Z', '3000-01-31T00:00:00Z', '3000-02-28T00:00:00Z']);
    expect(bounds('2999-02-28T00:00:00Z', 'year', 1000).at(-1)).to.equal('3998-02-28T00:00:00Z');
  });

  it('a yearly trial, its end the start of the first paid year', () => {
    const plan = { ...USD, base_amount: 5, interval: 'year', trial: ['2032-02-22T00:00:00Z', '2032-02-29T00:00:00Z'] };
    const call = { origin: 'upstream', status: 200, n: 100 };
    expect(
      ask('trial', plan, {
        events: [
          { ...call, ts: '2032-02-28T23:59:59.999Z' },
          { ...call, ts: '2033-02-27T23:59:59.999Z' },
        ],
      }),
    ).to.deep.equal({
      trial_invoice_total: 0,
      first_paid_period: ['2032-02-29T00:00:00Z', '2033-02-28T00:00:00Z'],
      first_invoice_total: 5,
      usage_quantity: 100,
      usage_amount: 28,
    });
  });

  it('a cancellation to the millisecond', () => {
    const call = { origin: 'upstream', status: 200, n: 50 };
    const usage = {
      cancel_at: '2030-06-18T15:00:00.500Z',
      calls: [
        { ...call, ts: '2030-06-18T15:00:00.499Z', finished_at: '2030-06-18T15:00:00.499Z' },
        { ...call, status: 404, ts: '2030-06-18T15:00:00.500Z' },
      ],
    };
    expect(ask('cancel', { ...USD, base_amount: 100 }, usage)).to.deep.equal({ usage_quantity: 50, final_invoice: 14, refused: 50, base_refund: 0 });
  });

  it('a version published before the period for both periods, one after it for none', () => {
    const plan = { currency: 'usd', v1: unit('1'), v2: unit('2'), period: PERIOD };
    const usage = { before: 1, after: 2, next_period: 10 };
    expect(ask('versions', { ...plan, v2_published_at: '2030-06-01T00:00:00Z' }, usage)).to.deep.equal({ this_invoice: 6, next_invoice: 20 });
    expect(ask('versions', { ...plan, v2_published_at: '2030-06-01T00:00:00.001Z' }, usage)).to.deep.equal({ this_invoice: 3, next_invoice: 20 });
    expect(ask('versions', { ...plan, v2_published_at: '2030-07-01T00:00:00.001Z' }, usage)).to.deep.equal({ this_invoice: 3, next_invoice: 10 });
  });

  it('bounds that meet as an empty tier, in volume too', () => {
    const tiers = [
      { up_to: 10, unit_amount_decimal: '1', flat_amount: 100 },
      { up_to: 11, unit_amount_decimal: '2', flat_amount: 1000 },
      { up_to: null, unit_amount_decimal: '3' },
    ];
    const plan = { currency: 'usd', from: { model: 'graduated', tiers }, to: { model: 'volume', tiers }, period: PERIOD };
    const { windows } = ask<{ windows: { up_to: unknown; amount: number }[] }>('windows', plan, { change_at: '2030-06-16T00:00:00Z', before: 6, after: 6 });
    // Half of 11 is 5.5, rounded half up to 6; the second tier holds one unit.
    expect(windows.map(({ up_to, amount }) => [up_to, amount])).to.deep.equal([
      [[5, 6, null], 5 + 100 + 2 + 1000],
      [[5, 6, null], 12 + 1000],
    ]);
    const late = ask<{ windows: { up_to: unknown; amount: number }[] }>('windows', plan, { change_at: '2030-06-30T00:00:00Z', before: 0, after: 1 });
    expect(late.windows[1])
      .to.include({ amount: 3 })
      .and.deep.include({ up_to: [0, 0, null] });
  });

  it('totals per currency by code', () => {
    const subs = ['usd', 'bhd', 'isk', 'bhd'].map((currency) => ({ currency, base_amount: 1000 }));
    expect(ask<{ totals: unknown }>('currencies', { subs }, {}).totals).to.deep.equal([
      { currency: 'bhd', total: 2000 },
      { currency: 'isk', total: 1000 },
      { currency: 'usd', total: 1000 },
    ]);
  });

  it('a walk of nothing without steps, and a platform that keeps all without a transfer', () => {
    const plan = { currency: 'usd', platform_fee_bps: 10_000, tax_rate: '0', processing: { bps: 290, fixed: 30 } };
    expect(ask<{ steps: unknown[] }>('ledger', plan, { line_net: 0, refund: 0 })).to.deep.include({ gross: 0, steps: [] });
    expect(ask<{ steps: { step: string }[] }>('ledger', plan, { line_net: 100, refund: 100 }).steps.map(({ step }) => step)).to.deep.equal([
      'invoice_finalized',
      'invoice_paid',
      'processing_fee',
      'refund',
    ]);
  });

  it('refunds of a line of nothing', () => {
    expect(ask('split', { currency: 'usd', platform_fee_bps: 2000 }, { line_net: 0, refunds: [0] })).to.deep.equal({
      fee: 0,
      provider: 0,
      refunds: [{ refund: 0, fee_reversed: 0, provider_reversed: 0 }],
    });
  });

  it('amounts as text, in every shape of currency', () => {
    const texts = (currency: string, ...amounts: unknown[]) => ask<{ texts: string[] }>('display', { currency }, { amounts }).texts;
    expect(texts('usd', 0, 5, -5, 100000, '-9223372036854775807')).to.deep.equal([
      'USD 0.00',
      'USD 0.05',
      'USD -0.05',
      'USD 1,000.00',
      'USD -92,233,720,368,547,758.07',
    ]);
    expect(texts('jpy', 4005, 999, -1000)).to.deep.equal(['JPY 4,005', 'JPY 999', 'JPY -1,000']);
    expect(texts('kwd', 10, -7240)).to.deep.equal(['KWD 0.010', 'KWD -7.240']);
    expect(texts('isk', 0, 100, -247000)).to.deep.equal(['ISK 0', 'ISK 1', 'ISK -2,470']);
  });

  it('a price per unit that is given whole', () => {
    expect(ask('late', { currency: 'usd', price: PER_UNIT }, { closed_quantity: 0, late: [] })).to.deep.equal({ closed_amount: 0, adjustments: [], total: 0 });
  });
});
