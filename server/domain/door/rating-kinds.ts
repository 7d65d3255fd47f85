import { billableCount, billingRule, callGroup, forwardedGroup, isBillable, takeBillingRule, takeCallGroup } from '../billable.ts';
import { exactText, negate, ratioText, roundToStep } from '../fraction.ts';
import { sum } from '../invoice-math.ts';
import { boundsOf, price, priceForShare, rate, rateLine, type RatedLine } from '../pricing.ts';
import { shareOf } from '../proration.ts';
import { admit } from '../quota-door.ts';
import { adjustments, versionFor, weightOf } from '../rating.ts';
import {
  boolean,
  currencyReader,
  instant,
  int,
  list,
  mapOf,
  money,
  object,
  period,
  refuse,
  second,
  signedInt,
  text,
  toJsonInt,
  type Fields,
} from '../values.ts';
import { kind, ratedJson, takePriced, type Answer, type Json, type PricedPlan } from './kind.ts';

interface BasedPlan extends PricedPlan {
  readonly baseMinor: bigint;
}

const takeBased = (fields: Fields): BasedPlan => {
  const priced = takePriced(fields);
  return { ...priced, baseMinor: fields.maybe('base_amount', money(priced.currency), 0n) };
};

const priced = object(takePriced);
const based = object(takeBased);

const rated = ({ currency, price: terms, baseMinor }: BasedPlan, quantity: bigint): Json => {
  const line = rateLine(terms, quantity, currency);
  return { ...ratedJson(line), invoice_total: toJsonInt(line.amountMinor + baseMinor) };
};

const quantities = (min: number) => object((fields) => fields.take('quantities', list(int, { min })));

const rateKind = kind(based)({ usage: () => quantities(1), answer: (plan, usage) => ({ rated: usage.map((quantity) => rated(plan, quantity)) }) });

const rateMany = kind(object((fields) => fields.take('plans', list(based, { min: 1 }))))({
  usage: (plans) => (value, path) => {
    const read = quantities(0)(value, path);
    return read.length === plans.length ? read : refuse(`${path}.quantities`, 'must hold one quantity per plan');
  },
  answer: (plans, usage) => ({ rated: plans.map((plan, index) => rated(plan, usage[index] ?? 0n)) }),
});

const credit = kind(priced)({
  usage: () => quantities(1),
  answer: ({ currency, price: terms }, usage) => ({
    rated: usage.map((quantity) => {
      const exact = negate(rate(terms, quantity));
      return ratedJson({ quantity, exact, amountMinor: roundToStep(exact, currency.stepMinor) });
    }),
  }),
});

const rateBatches = kind(priced)({
  usage: () => object((fields) => fields.take('batches', list(int))),
  answer: ({ currency, price: terms }, batches) => ({ ...ratedJson(rateLine(terms, sum(batches), currency)) }),
});

const rateWeighted = kind(object((fields) => ({ ...takePriced(fields), weights: fields.take('weights', mapOf(int)), ...takeBillingRule(fields) })))({
  usage: () => object((fields) => fields.take('calls', list(object((call) => ({ ...takeCallGroup(call), endpoint: call.take('endpoint', text) }))))),
  answer(plan, calls) {
    const charged = calls.filter((call) => isBillable(plan, call));
    const units = sum(charged.map(({ endpoint, count }) => weightOf(plan.weights, endpoint) * count));
    const { exact, amountMinor } = rateLine(plan.price, units, plan.currency);
    return { billable: toJsonInt(sum(charged.map(({ count }) => count))), units: toJsonInt(units), exact: exactText(exact), amount: toJsonInt(amountMinor) };
  },
});

const billable = kind(billingRule)({
  usage: () => object((fields) => fields.take('calls', list(callGroup))),
  answer: (rule, calls) => ({ billable: toJsonInt(billableCount(rule, calls)), total: toJsonInt(sum(calls.map(({ count }) => count))) }),
});

const quota = kind(
  object((fields) => ({ ...takePriced(fields), limit: fields.take('quota', int), hard: fields.take('hard', boolean), ...takeBillingRule(fields) })),
)({
  usage: () => object((fields) => fields.take('attempts', list(forwardedGroup))),
  answer(plan, attempts) {
    const { accepted, refused, billable: charged } = admit(attempts, plan, plan);
    return {
      accepted: toJsonInt(accepted),
      refused_429: toJsonInt(refused),
      billable: toJsonInt(charged),
      amount: toJsonInt(rateLine(plan.price, charged, plan.currency).amountMinor),
    };
  },
});

const late = kind(priced)({
  usage: () =>
    object((fields) => {
      const closed = fields.take('closed_quantity', int);
      const corrections = fields.take('late', list(signedInt));
      let cumulative = closed;
      corrections.forEach((units, index) => {
        cumulative += units;
        if (cumulative < 0n) refuse(`${fields.path}.late[${index}]`, 'takes the quantity below 0');
      });
      return { closed, corrections };
    }),
  answer({ currency, price: terms }, { closed, corrections }) {
    const { closedMinor, lines } = adjustments(terms, closed, corrections, currency);
    return { closed_amount: toJsonInt(closedMinor), adjustments: lines.map(toJsonInt), total: toJsonInt(closedMinor + sum(lines)) };
  },
});

const versions = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    return {
      currency,
      v1: fields.take('v1', price(currency)),
      v2: fields.take('v2', price(currency)),
      publishedAt: fields.take('v2_published_at', instant),
      period: fields.take('period', period),
    };
  }),
)({
  usage: () => object((fields) => ({ before: fields.take('before', int), after: fields.take('after', int), next: fields.take('next_period', int) })),
  answer({ currency, v1, v2, publishedAt, period: running }, { before, after, next }) {
    const published = [
      { from: -Infinity, terms: v1 },
      { from: publishedAt, terms: v2 },
    ];
    const invoiced = (start: number, units: bigint) => toJsonInt(rateLine(versionFor(published, start)?.terms ?? v1, units, currency).amountMinor);
    return { this_invoice: invoiced(running.startAt, before + after), next_invoice: invoiced(running.endAt, next) };
  },
});

const windows = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    return { currency, from: fields.take('from', price(currency)), to: fields.take('to', price(currency)), period: fields.take('period', period) };
  }),
)({
  usage: (plan) =>
    object((fields) => ({
      changeAt: fields.take('change_at', (value, path) => {
        const at = second(value, path);
        return plan.period.startAt < at && at < plan.period.endAt ? at : refuse(path, 'must lie inside the period, after its start');
      }),
      before: fields.take('before', int),
      after: fields.take('after', int),
    })),
  answer({ currency, from, to, period: running }, { changeAt, before, after }) {
    const parts = [
      { terms: from, share: shareOf(running, running.startAt, changeAt), units: before },
      { terms: to, share: shareOf(running, changeAt, running.endAt), units: after },
    ].map(({ terms, share, units }) => {
      const cut = priceForShare(terms, share);
      return { share, cut, line: rateLine(cut, units, currency) };
    });
    return {
      windows: parts.map(({ share, cut, line }) => ({
        share: ratioText(share),
        included: toJsonInt(cut.included),
        up_to: boundsOf(cut).map((bound) => (bound === null ? null : toJsonInt(bound))),
        ...ratedJson(line),
      })),
      total: toJsonInt(total(parts.map(({ line }) => line))),
    };
  },
});

const total = (lines: readonly RatedLine[]): bigint => sum(lines.map(({ amountMinor }) => amountMinor));

/** The kinds that rate a quantity. */
export const RATING_KINDS: readonly (readonly [string, Answer])[] = [
  ['billable', billable],
  ['credit', credit],
  ['late', late],
  ['quota', quota],
  ['rate', rateKind],
  ['rate_batches', rateBatches],
  ['rate_many', rateMany],
  ['rate_weighted', rateWeighted],
  ['versions', versions],
  ['windows', windows],
];
