import { expect } from 'chai';
import { isBillableOutcome } from '../../../server/domain/billable.ts';
import { nextAttempt } from '../../../server/domain/dunning.ts';
import { fraction } from '../../../server/domain/fraction.ts';
import { explainRating, explainRounding, invoiceNumber } from '../../../server/domain/invoice-words.ts';
import { currencyOf, parseMoney, plainMoney } from '../../../server/domain/money.ts';
import { price } from '../../../server/domain/pricing.ts';

const USD = currencyOf('usd');
const explain = (document: object, quantity: bigint) => explainRating(price(USD)(document, 'price'), quantity, USD, 'requests');

describe('an invoice in words', () => {
  it('explains an amount step by step', () => {
    expect(explain({ model: 'per_unit', unit_amount_decimal: '0.5', included: 1000 }, 1300n)).to.deep.equal(['Included 1,000 calls', '300 calls at USD 0.005']);
    expect(explain({ model: 'per_unit', unit_amount_decimal: '0.5', included: 1000 }, 1n)).to.deep.equal(['Included 1 of 1,000 calls']);
    expect(explain({ model: 'per_unit', unit_amount_decimal: '1', divide_by: 3 }, 7n)).to.deep.equal(['7 calls at 1/3 minor units of USD per call']);
    expect(explain({ model: 'package', package_size: 250, package_amount: 95 }, 251n)).to.deep.equal(['2 started × 250 calls at USD 0.95']);
    const tiers = [
      { up_to: 100, unit_amount_decimal: '0' },
      { up_to: null, unit_amount_decimal: '5', flat_amount: 30 },
    ];
    expect(explain({ model: 'graduated', tiers }, 102n)).to.deep.equal(['100 calls free', '2 calls at USD 0.05 + USD 0.30']);
    expect(explain({ model: 'volume', tiers }, 102n)).to.deep.equal(['102 calls at USD 0.05 + USD 0.30']);
  });

  it('says what an amount was before it was rounded, and nothing where it was not', () => {
    expect(explainRounding(fraction(250n), 250n, USD)).to.deep.equal([]);
    expect(explainRounding(fraction(499n, 2n), 250n, USD)).to.deep.equal(['USD 2.495, rounded to USD 2.50']);
    expect(explainRounding(fraction(-499n, 2n), -250n, USD)).to.deep.equal(['USD -2.495, rounded to USD -2.50']);
    expect(explainRounding(fraction(7n, 3n), 2n, USD)).to.deep.equal(['Rounded once to USD 0.02']);
    expect(explainRounding(fraction(12_345n, 2n), 6170n, currencyOf('kwd'))).to.deep.equal(['KWD 6.1725, rounded to KWD 6.170']);
  });

  it('numbers an invoice so that two sellers never share a number at Stripe', () => {
    expect(invoiceNumber('org_01h8xyzatlas', 7)).to.equal('XYZATLAS-000007');
  });

  it('plans the tries of rule N22: days 0, 2, 7, 14 and 21, none after a hard decline or after the last', () => {
    const day = 86_400_000;
    const days = [1, 2, 3, 4].reduce<number[]>((tries, failures) => [...tries, (nextAttempt(failures, (tries.at(-1) ?? 0) * day, false) ?? 0) / day], [0]);
    expect(days).to.deep.equal([0, 2, 7, 14, 21]);
    expect([nextAttempt(5, 0, false), nextAttempt(1, 0, true)]).to.deep.equal([null, null]);
  });

  it('bills an outcome by its status, or by the rule for aborted calls, and no other word', () => {
    const rule = { billableStatuses: ['2xx', '404'], billAborted: true };
    expect(['200', '299', '404', 'aborted'].every((outcome) => isBillableOutcome(rule, outcome))).to.equal(true);
    expect(
      ['100', '304', '405', '502', 'broken', 'unknown', 'mock', 'cache', 'replay', 'refused.quota-exceeded', '', '2xx', '2000'].some((outcome) =>
        isBillableOutcome(rule, outcome),
      ),
    ).to.equal(false);
    expect(isBillableOutcome({ ...rule, billAborted: false }, 'aborted')).to.equal(false);
  });

  it('reads amounts as people type them, and refuses what is none of the currency', () => {
    expect(
      ['12.34', '1,234', 'USD 5', 'usd 0.5', ' 7 ', '3.', '.5', '1.234', '12,34', '-1', '1e3', '', '1.230'].map((text) => parseMoney(text, 'usd')),
    ).to.deep.equal([1234n, 123_400n, 500n, 50n, 700n, undefined, undefined, undefined, undefined, undefined, undefined, undefined, 123n]);
    expect([
      parseMoney('1.235', 'kwd'),
      parseMoney('1.23', 'kwd'),
      parseMoney('2470', 'isk'),
      parseMoney('2470.50', 'isk'),
      parseMoney('5.5', 'jpy'),
    ]).to.deep.equal([undefined, 1230n, 247_000n, undefined, undefined]);
    expect([plainMoney(123_456n, 'usd'), plainMoney(247_000n, 'isk')]).to.deep.equal(['1234.56', '2470']);
  });
});
