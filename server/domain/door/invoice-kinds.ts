import { ratioText } from '../fraction.ts';
import { capLine, chargeOf, commitmentLine, invoiceTotals, sum, taxOf, type Coupon, type Tax } from '../invoice-math.ts';
import { formatMoney, type Currency } from '../money.ts';
import { price, rateLine } from '../pricing.ts';
import { prorate, shareOf } from '../proration.ts';
import {
  boolean,
  currencyReader,
  int,
  list,
  mapOf,
  money,
  object,
  percent,
  period,
  refuse,
  second,
  signedMoney,
  smallIntBetween,
  text,
  toJsonInt,
  type Period,
  type Reader,
} from '../values.ts';
import { kind, type Answer } from './kind.ts';

const METERS_MAX = 100;

const coupon = (currency: Currency): Reader<Coupon> =>
  object((fields) => {
    if (fields.has('percent_off') === fields.has('amount_off')) refuse(fields.path, 'needs percent_off or amount_off, one of them');
    return fields.has('percent_off') ? { percentScaled: fields.take('percent_off', percent) } : { amountMinor: fields.take('amount_off', money(currency)) };
  });

const tax: Reader<Tax> = object((fields) => ({ percentScaled: fields.take('rate', percent), inclusive: fields.take('inclusive', boolean) }));

const invoice = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    const meter = object((meterFields) => ({ code: meterFields.take('code', text), price: meterFields.take('price', price(currency)) }));
    const plan = {
      currency,
      base: fields.maybe('base_amount', money(currency), null),
      meters: fields.maybe('meters', list(meter, { max: METERS_MAX }), []),
      fixed: fields.maybe('fixed_lines', list(signedMoney(currency)), []),
      coupon: fields.maybe('coupon', coupon(currency), null),
      tax: fields.maybe('tax', tax, null),
      minimum: fields.maybe('minimum_charge', money(currency), 0n),
    };
    const codes = new Set<string>();
    plan.meters.forEach(({ code }, index) => {
      if (codes.has(code)) refuse(`${fields.path}.meters[${index}].code`, 'is used by another meter');
      codes.add(code);
    });
    if (plan.base === null && plan.meters.length === 0 && plan.fixed.length === 0) refuse(fields.path, 'must give at least one line');
    return plan;
  }),
)({
  usage: ({ meters }) =>
    object((fields) =>
      fields.maybe(
        'quantities',
        (value, path) => {
          const read = mapOf(int)(value, path);
          for (const code of read.keys()) if (!meters.some((meter) => meter.code === code)) refuse(`${path}.${code}`, 'is not a meter of the plan');
          return read;
        },
        new Map<string, bigint>(),
      ),
    ),
  answer(plan, quantities) {
    const metered = plan.meters.map(({ code, price: terms }) => rateLine(terms, quantities.get(code) ?? 0n, plan.currency).amountMinor);
    const lines = [...(plan.base === null ? [] : [plan.base]), ...metered, ...plan.fixed];
    const totals = invoiceTotals(lines, plan, plan.currency);
    const { chargeMinor, carriedMinor } = chargeOf(totals.totalMinor, plan.minimum);
    return {
      lines: lines.map(toJsonInt),
      subtotal: toJsonInt(totals.subtotalMinor),
      discount: toJsonInt(totals.discountMinor),
      discount_by_line: totals.discountByLine.map(toJsonInt),
      tax_by_line: totals.taxByLine.map(toJsonInt),
      tax: toJsonInt(totals.taxMinor),
      total: toJsonInt(totals.totalMinor),
      status: chargeMinor > 0n ? 'open' : 'paid',
      charge: toJsonInt(chargeMinor),
      carried: toJsonInt(carriedMinor),
    };
  },
});

const taxInclusive = kind(object((fields) => fields.take('currency', currencyReader)))({
  usage: (currency) =>
    object((fields) =>
      fields.take(
        'lines',
        list(
          object((line) => ({
            gross: line.take('gross', signedMoney(currency)),
            rate: line.take('rate', (value, path) => ({ percentScaled: percent(value, path), given: String(value) })),
          })),
          { min: 1 },
        ),
      ),
    ),
  answer: (currency, lines) => ({
    lines: lines.map(({ gross, rate: { percentScaled, given } }) => {
      const inside = taxOf(gross, { percentScaled, inclusive: true }, currency);
      return { gross: toJsonInt(gross), rate: given, net: toJsonInt(gross - inside), tax: toJsonInt(inside) };
    }),
  }),
});

const usageLines = (currency: Currency) => object((fields) => fields.take('periods', list(list(money(currency)), { min: 1 })));

const commit = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    return { currency, commitment: fields.take('min_commit', money(currency)) };
  }),
)({
  usage: ({ currency }) => usageLines(currency),
  answer: ({ commitment }, periods) => ({
    periods: periods.map((lines) => {
      const usage = sum(lines);
      const trueUp = commitmentLine(usage, commitment);
      return { usage: toJsonInt(usage), true_up: toJsonInt(trueUp), total: toJsonInt(usage + trueUp) };
    }),
  }),
});

const cap = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    return { currency, ceiling: fields.take('cap', money(currency)) };
  }),
)({
  usage: ({ currency }) => usageLines(currency),
  answer: ({ ceiling }, periods) => ({
    periods: periods.map((lines) => {
      const usage = sum(lines);
      const discount = capLine(usage, ceiling);
      return { usage: toJsonInt(usage), cap_discount: toJsonInt(discount), total: toJsonInt(usage + discount) };
    }),
  }),
});

const minimum = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    return { currency, least: fields.take('minimum_charge', money(currency)) };
  }),
)({
  usage: ({ currency }) => object((fields) => fields.take('invoice_totals', list(signedMoney(currency), { min: 1 }))),
  answer({ least }, totals) {
    let carried = 0n;
    return {
      invoices: totals.map((total) => {
        const { chargeMinor, carriedMinor } = chargeOf(total + carried, least);
        carried = carriedMinor;
        return { total: toJsonInt(total), charged: toJsonInt(chargeMinor), carried_after: toJsonInt(carried) };
      }),
    };
  },
});

const changePlan = object((fields) => {
  const currency = fields.take('currency', currencyReader);
  const amount = money(currency);
  return { currency, oldMinor: fields.take('old', amount), newMinor: fields.take('new', amount), period: fields.take('period', period) };
});

/** The change lies at or after the start and before the end of the period. */
const changeWithin =
  ({ startAt, endAt }: Period): Reader<number> =>
  (value, path) => {
    const at = second(value, path);
    return startAt <= at && at < endAt ? at : refuse(path, 'must lie in the period, before its end');
  };

const proration = kind(changePlan)({
  usage: (plan) => object((fields) => fields.take('change_at', changeWithin(plan.period))),
  answer({ currency, oldMinor, newMinor, period: running }, changeAt) {
    const remaining = shareOf(running, changeAt, running.endAt);
    const { creditMinor, debitMinor } = prorate(remaining, oldMinor, newMinor, currency);
    return { fraction: ratioText(remaining), credit: toJsonInt(creditMinor), debit: toJsonInt(debitMinor), net: toJsonInt(creditMinor + debitMinor) };
  },
});

const RENEWALS_MAX = 1000;

const carry = kind(changePlan)({
  usage: (plan) =>
    object((fields) => ({
      changeAt: fields.take('change_at', changeWithin(plan.period)),
      renewals: fields.take('renewals', smallIntBetween(0, RENEWALS_MAX)),
    })),
  answer({ currency, oldMinor, newMinor, period: running }, { changeAt, renewals }) {
    const { creditMinor, debitMinor } = prorate(shareOf(running, changeAt, running.endAt), oldMinor, newMinor, currency);
    const net = creditMinor + debitMinor;
    const first = chargeOf(net, 0n);
    let balance = first.carriedMinor;
    return {
      net_proration: toJsonInt(net),
      due_now: toJsonInt(first.chargeMinor),
      renewals: Array.from({ length: renewals }, () => {
        const { chargeMinor, carriedMinor } = chargeOf(newMinor + balance, 0n);
        balance = carriedMinor;
        return { invoice_total: toJsonInt(newMinor), amount_due: toJsonInt(chargeMinor), balance_after: toJsonInt(balance) };
      }),
    };
  },
});

const seats = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    return { currency, unitMinor: fields.take('unit_amount', money(currency)), period: fields.take('period', period) };
  }),
)({
  usage: (plan) =>
    object((fields) => {
      const change = object((entry) => ({ at: entry.take('at', changeWithin(plan.period)), from: entry.take('from', int), to: entry.take('to', int) }));
      const changes = fields.take('changes', list(change));
      changes.forEach(({ at, from }, index) => {
        const before = changes[index - 1];
        if (before && at < before.at) refuse(`${fields.path}.changes[${index}].at`, 'must not lie before the change before it');
        if (before && from !== before.to) refuse(`${fields.path}.changes[${index}].from`, 'must be what the change before it left');
      });
      return changes;
    }),
  answer({ currency, unitMinor, period: running }, changes) {
    const lines = changes.map(({ at, from, to }) => prorate(shareOf(running, at, running.endAt), from * unitMinor, to * unitMinor, currency));
    return {
      lines: lines.map(({ creditMinor, debitMinor }) => ({ credit: toJsonInt(creditMinor), debit: toJsonInt(debitMinor) })),
      net: toJsonInt(sum(lines.map(({ creditMinor, debitMinor }) => creditMinor + debitMinor))),
    };
  },
});

const currencies = kind(
  object((fields) =>
    fields.take(
      'subs',
      list(
        object((sub) => {
          const currency = sub.take('currency', currencyReader);
          return { code: currency.code, baseMinor: sub.take('base_amount', money(currency)) };
        }),
        { min: 1 },
      ),
    ),
  ),
)({
  usage: () => object(() => null),
  answer(subs) {
    const totals = new Map<string, bigint>();
    for (const { code, baseMinor } of subs) totals.set(code, (totals.get(code) ?? 0n) + baseMinor);
    const sorted = [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      invoices: subs.map(({ code, baseMinor }) => ({ currency: code, total: toJsonInt(baseMinor) })),
      totals: sorted.map(([currency, total]) => ({ currency, total: toJsonInt(total) })),
    };
  },
});

const display = kind(object((fields) => fields.take('currency', currencyReader)))({
  usage: (currency) => object((fields) => fields.take('amounts', list(signedMoney(currency), { min: 1 }))),
  answer: ({ code }, amounts) => ({ texts: amounts.map((amount) => formatMoney(amount, code)) }),
});

/** The kinds that add up, discount, tax, prorate or show amounts. */
export const INVOICE_KINDS: readonly (readonly [string, Answer])[] = [
  ['cap', cap],
  ['carry', carry],
  ['commit', commit],
  ['currencies', currencies],
  ['display', display],
  ['invoice', invoice],
  ['minimum', minimum],
  ['proration', proration],
  ['seats', seats],
  ['tax_inclusive', taxInclusive],
];
