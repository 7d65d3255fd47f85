import { expect } from 'chai';
import fc from 'fast-check';
import { CURRENCIES, formatMoney, parseMoney } from '../../server/domain/money.ts';
import { ask } from '../support/billing.ts';
import { compare, decimal, naiveRate, nearest, plus, ratio, times, type NaivePrice, type Ratio } from '../support/naive-money.ts';

const UNITS_MAX = 400;
const currency = fc.constantFrom(...CURRENCIES.values());
const price = (stepMinor: bigint): fc.Arbitrary<NaivePrice> => {
  const dec = fc
    .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 0, max: 12 }))
    .map(([whole, decimals, places]) => (places === 0 ? `${whole}` : `${whole}.${`${decimals}`.padStart(12, '0').slice(-places)}`));
  const money = fc.integer({ min: 0, max: 40 }).map((steps) => steps * Number(stepMinor));
  const included = fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined });
  const amounts = fc.oneof(
    fc.record({ unit_amount_decimal: dec }),
    fc.record({ flat_amount: money }),
    fc.record({ unit_amount_decimal: dec, flat_amount: money }),
  );
  const tiers = fc
    .tuple(fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 5 }), fc.array(amounts, { minLength: 6, maxLength: 6 }))
    .map(([bounds, list]) => [...bounds.sort((a, b) => a - b), null].map((up_to, index) => ({ up_to, ...list[index] })));
  const clean = (value: NaivePrice): NaivePrice => JSON.parse(JSON.stringify(value)) as NaivePrice;
  return fc
    .oneof(
      fc.record({
        model: fc.constant('per_unit'),
        unit_amount_decimal: dec,
        divide_by: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
        included,
      }),
      fc.record({ model: fc.constant('package'), package_size: fc.integer({ min: 1, max: 50 }), package_amount: money, included }),
      fc.record({ model: fc.constantFrom('graduated', 'volume'), tiers, included }),
    )
    .map(clean);
};
const priced = currency.chain((entry) => fc.record({ currency: fc.constant(entry), price: price(entry.stepMinor) }));
const quantity = fc.integer({ min: 0, max: UNITS_MAX });

/** `"-1.5"` and `"32/7"` alike. */
function exact(text: string): Ratio {
  const negative = text.startsWith('-');
  const [n = '0', d] = text.replace('-', '').split('/');
  const value = d === undefined ? decimal(n) : ratio(BigInt(n), BigInt(d));
  return negative ? times(value, -1n) : value;
}

const rated = (plan: { currency: { code: string }; price: NaivePrice }, quantities: number[]) =>
  ask<{ rated: { exact: string; amount: number }[] }>('rate', { currency: plan.currency.code, price: plan.price }, { quantities }).rated;

describe('laws of money', () => {
  it('I5: an amount equals a second computation in fractions, and lies within half a step of the exact value', () => {
    fc.assert(
      fc.property(priced, quantity, (plan, units) => {
        const [line] = rated(plan, [units]);
        const value = naiveRate(plan.price, units);
        expect(compare(exact(line?.exact ?? ''), value)).to.equal(0n);
        expect(BigInt(line?.amount ?? -1)).to.equal(nearest(value, plan.currency.stepMinor));
      }),
      { numRuns: 400 },
    );
  });

  it('I4: per-unit, package and graduated prices never fall when the quantity rises', () => {
    fc.assert(
      fc.property(
        priced.filter((plan) => plan.price.model !== 'volume'),
        quantity,
        quantity,
        (plan, a, b) => {
          const [low, high] = rated(plan, [Math.min(a, b), Math.max(a, b)]);
          expect(compare(exact(low?.exact ?? ''), exact(high?.exact ?? '')) <= 0n).to.equal(true);
        },
      ),
    );
  });

  it('I2: any order and split of batches rates alike', () => {
    fc.assert(
      fc.property(priced, fc.array(quantity, { maxLength: 8 }), (plan, batches) => {
        const of = (list: number[]) => ask('rate_batches', { currency: plan.currency.code, price: plan.price }, { batches: list });
        const total = batches.reduce((sum, units) => sum + units, 0);
        expect(of([...batches].reverse())).to.deep.equal(of(batches));
        expect(of([total])).to.deep.equal(of(batches));
      }),
    );
  });

  it('I16: billed for a period + its adjustments = the rounded rating of all its usage', () => {
    fc.assert(
      fc.property(priced, quantity, fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 8 }), (plan, closed, wanted) => {
        let all = closed;
        const late = wanted.filter((units) => all + units >= 0 && ((all += units), true));
        const { closed_amount, adjustments, total } = ask<{ closed_amount: number; adjustments: number[]; total: number }>(
          'late',
          { currency: plan.currency.code, price: plan.price },
          { closed_quantity: closed, late },
        );
        expect(BigInt(total)).to.equal(nearest(naiveRate(plan.price, all), plan.currency.stepMinor));
        expect(adjustments.reduce((sum, line) => sum + line, closed_amount)).to.equal(total);
      }),
      { numRuns: 200 },
    );
  });

  it('I6: subtotal = Σ lines, total = subtotal − discount + tax, Σ shares = discount; no share exceeds its line; every amount is on the step', () => {
    const steps = fc.integer({ min: -40, max: 400 });
    const percent = fc.integer({ min: 0, max: 1000 }).map((tenths) => `${Math.floor(tenths / 10)}.${tenths % 10}`);
    const invoice = currency.chain((entry) => {
      const money = steps.map((count) => count * Number(entry.stepMinor));
      return fc.record({
        currency: fc.constant(entry),
        lines: fc.array(money, { minLength: 1, maxLength: 8 }),
        coupon: fc.oneof(
          fc.constant(null),
          fc.record({ percent_off: percent }),
          fc.record({ amount_off: fc.nat(800).map((count) => count * Number(entry.stepMinor)) }),
        ),
        rate: percent,
        inclusive: fc.boolean(),
        minimum: fc.nat(60).map((count) => count * Number(entry.stepMinor)),
      });
    });
    fc.assert(
      fc.property(invoice, ({ currency: { code, stepMinor }, lines, coupon, rate, inclusive, minimum }) => {
        const step = Number(stepMinor);
        const plan = { currency: code, fixed_lines: lines, tax: { rate, inclusive }, minimum_charge: minimum, ...(coupon && { coupon }) };
        const got = ask<
          Record<'subtotal' | 'discount' | 'tax' | 'total' | 'charge' | 'carried', number> &
            Record<'lines' | 'discount_by_line' | 'tax_by_line', number[]> & { status: string }
        >('invoice', plan, {});
        const sum = (list: number[]) => list.reduce((total, amount) => total + amount, 0);
        expect(got.lines).to.deep.equal(lines);
        expect(got.subtotal).to.equal(sum(lines));
        expect(sum(got.discount_by_line)).to.equal(got.discount);
        expect(sum(got.tax_by_line)).to.equal(got.tax);
        expect(got.total).to.equal(got.subtotal - got.discount + (inclusive ? 0 : got.tax));
        expect(got.charge + got.carried).to.equal(got.total);
        expect(got.charge > 0 ? got.charge >= minimum : got.total <= 0 || got.total < minimum).to.equal(true);
        expect(got.status).to.equal(got.charge > 0 ? 'open' : 'paid');
        lines.forEach((line, index) => {
          const share = got.discount_by_line[index] ?? -1;
          expect(share >= 0 && share <= Math.max(0, line)).to.equal(true);
          const net = BigInt(line - share);
          const part = decimal(rate);
          const tax = inclusive ? ratio(net * part.n, 100n * part.d + part.n) : ratio(net * part.n, 100n * part.d);
          expect(BigInt(got.tax_by_line[index] ?? -1)).to.equal(nearest(tax, stepMinor));
        });
        for (const amount of [...got.discount_by_line, ...got.tax_by_line, got.total]) expect(amount % step === 0).to.equal(true);
      }),
      { numRuns: 300 },
    );
  });

  it('I10, I12: fee + provider + tax = gross at every point, receivable is what is not paid, and a full refund leaves only what the card processor kept', () => {
    const terms = currency.chain(({ code, stepMinor }) =>
      fc.record({
        code: fc.constant(code),
        step: fc.constant(stepMinor),
        net: fc.nat(100_000),
        refund: fc.nat(1000),
        bps: fc.nat(10_000),
        tax: fc.nat(300).map((tenths) => `${Math.floor(tenths / 10)}.${tenths % 10}`),
      }),
    );
    type Walk = { gross: number; steps: { entries: Record<string, number>; balances: Record<string, number> }[]; final: Record<string, number> };
    fc.assert(
      fc.property(terms, ({ code, step, net, refund, bps, tax }) => {
        const lineNet = net * Number(step);
        const plan = { currency: code, platform_fee_bps: bps, tax_rate: tax, processing: { bps: 290, fixed: 0 } };
        const { gross } = ask<Walk>('ledger', plan, { line_net: lineNet, refund: 0 });
        const part = Math.floor((gross / Number(step)) * (refund / 1000)) * Number(step);
        for (const back of [0, part, gross]) {
          const walk = ask<Walk>('ledger', plan, { line_net: lineNet, refund: back });
          for (const { entries, balances } of walk.steps) {
            expect(Object.values(entries).reduce((sum, amount) => sum + amount, 0)).to.equal(0);
            expect(Object.values(balances).reduce((sum, amount) => sum + amount, 0)).to.equal(0);
          }
          expect(walk.final['receivable']).to.equal(0);
          if (back === gross) expect([walk.final['platform_revenue'], walk.final['tax_payable'], walk.final['provider_payable']]).to.deep.equal([0, 0, 0]);
        }
      }),
    );
  });

  it('I12: partial refunds to the last unit reverse the whole fee and the whole share', () => {
    const refunds = currency.chain(({ code, stepMinor }) =>
      fc.record({
        code: fc.constant(code),
        bps: fc.nat(10_000),
        parts: fc.array(
          fc.nat(500).map((n) => n * Number(stepMinor)),
          { minLength: 1, maxLength: 9 },
        ),
      }),
    );
    type Split = { fee: number; provider: number; refunds: { fee_reversed: number; provider_reversed: number }[] };
    fc.assert(
      fc.property(refunds, ({ code, bps, parts }) => {
        const net = parts.reduce((sum, part) => sum + part, 0);
        const { fee, provider, refunds: reversed } = ask<Split>('split', { currency: code, platform_fee_bps: bps }, { line_net: net, refunds: parts });
        expect(fee + provider).to.equal(net);
        expect(reversed.reduce((sum, line) => sum + line.fee_reversed, 0)).to.equal(fee);
        expect(reversed.reduce((sum, line) => sum + line.provider_reversed, 0)).to.equal(provider);
      }),
    );
  });

  it('I26: changing A → B → A at one instant nets 0 ± 1 step per pair of lines', () => {
    const changes = currency.chain((entry) =>
      fc.record({ entry: fc.constant(entry), a: fc.nat(9000), b: fc.nat(9000), second: fc.integer({ min: 0, max: 2_591_999 }) }),
    );
    fc.assert(
      fc.property(changes, ({ entry: { code, stepMinor }, a, b, second }) => {
        const [from, to] = [a * Number(stepMinor), b * Number(stepMinor)];
        const change_at = new Date(Date.UTC(2030, 5, 1) + second * 1000).toISOString();
        const net = (old: number, next: number) =>
          ask<{ net: number }>('proration', { currency: code, old, new: next, period: ['2030-06-01T00:00:00Z', '2030-07-01T00:00:00Z'] }, { change_at }).net;
        expect(Math.abs(net(from, to) + net(to, from)) <= 2 * Number(stepMinor)).to.equal(true);
      }),
    );
  });

  it('what a person types for an amount is what the page showed', () => {
    fc.assert(
      fc.property(currency, fc.bigInt(0n, 10n ** 15n), ({ code, stepMinor }, steps) => {
        const minor = steps * stepMinor;
        expect(parseMoney(formatMoney(minor, code), code)).to.equal(minor);
      }),
    );
  });

  it('rating is additive where nothing is rounded: exact values of two lines add up under a unit price', () => {
    fc.assert(
      fc.property(
        priced.filter(({ price: terms }) => terms.model === 'per_unit' && !terms.included),
        quantity,
        quantity,
        (plan, a, b) => {
          const [first, second, both] = rated(plan, [a, b, a + b]);
          expect(compare(plus(exact(first?.exact ?? ''), exact(second?.exact ?? '')), exact(both?.exact ?? ''))).to.equal(0n);
        },
      ),
    );
  });
});
