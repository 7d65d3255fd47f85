import { isoUtc } from '../../kernel/clock.ts';
import { billableCount, isBillable, takeBillingRule, takeCallGroup, takeForwardedGroup } from '../billable.ts';
import { countedAt } from '../events.ts';
import { sum } from '../invoice-math.ts';
import { boundaries, boundary, within } from '../period.ts';
import { rateLine } from '../pricing.ts';
import { instant, int, list, money, object, oneOf, period, refuse, second, smallIntBetween, text, toJsonInt, type Reader } from '../values.ts';
import { kind, takePriced, type Answer } from './kind.ts';

const interval = oneOf('month', 'year');
const BOUNDARIES_MAX = 1000;
const EVENTS_MAX = 10_000;
const MONTHS = 12;

const periods = kind(object((fields) => ({ anchorAt: fields.take('anchor', second), every: fields.take('interval', interval) })))({
  usage: () => object((fields) => fields.take('count', smallIntBetween(1, BOUNDARIES_MAX))),
  answer: ({ anchorAt, every }, count) => ({ boundaries: boundaries(anchorAt, every, count).map(isoUtc) }),
});

interface UsageEvent {
  readonly id: string;
  readonly at: number;
}

/** Deliveries → the first of each id; the same id with another time is refused at that time (rule N13). */
const deliveries: Reader<{ first: UsageEvent[]; duplicates: number }> = (value, path) => {
  const delivered = list(
    object((fields) => ({ id: fields.take('id', text), at: fields.take('ts', instant) })),
    { max: EVENTS_MAX },
  )(value, path);
  const known = new Map<string, number>();
  delivered.forEach(({ id, at }, index) => {
    if ((known.get(id) ?? at) !== at) refuse(`${path}[${index}].ts`, 'is not the time that this id had before');
    known.set(id, at);
  });
  return { first: [...known].map(([id, at]) => ({ id, at })), duplicates: delivered.length - known.size };
};

const events = kind(
  object((fields) => {
    const running = fields.take('period', period);
    // With one of the two, the other is missing.
    const isPriced = [fields.has('currency'), fields.has('price')].includes(true);
    return { period: running, priced: isPriced ? takePriced(fields) : null };
  }),
)({
  usage: () => object((fields) => ({ ...fields.take('events', deliveries), receivedAt: fields.maybe('received_at', instant, null) })),
  answer({ period: running, priced }, { first, duplicates, receivedAt }) {
    const times = first.map(({ at }) => (receivedAt === null ? at : countedAt(at, receivedAt)));
    const kept = times.filter((at) => at !== undefined);
    const inside = kept.filter((at) => within(running, at)).length;
    const previous = kept.filter((at) => at < running.startAt).length;
    const counts = { previous, this: inside, next: kept.length - previous - inside, rejected: times.length - kept.length, duplicates };
    if (!priced) return counts;
    return { ...counts, quantity: inside, amount: toJsonInt(rateLine(priced.price, BigInt(inside), priced.currency).amountMinor) };
  },
});

const trial = kind(
  object((fields) => {
    const priced = takePriced(fields);
    const baseMinor = fields.take('base_amount', money(priced.currency));
    const every = fields.take('interval', interval);
    const free = fields.take('trial', period);
    return { ...priced, baseMinor, free, paid: { startAt: free.endAt, endAt: boundary(free.endAt, every, 1) }, ...takeBillingRule(fields) };
  }),
)({
  usage: ({ free, paid }) => {
    const event = object((fields) => {
      const group = takeCallGroup(fields);
      const at = fields.take('ts', (value, path) => {
        const time = instant(value, path);
        return within(free, time) || within(paid, time) ? time : refuse(path, 'must lie in the trial or in the first paid period');
      });
      return { ...group, at };
    });
    return object((fields) => fields.take('events', list(event)));
  },
  answer(plan, calls) {
    const usage = billableCount(
      plan,
      calls.filter(({ at }) => within(plan.paid, at)),
    );
    return {
      trial_invoice_total: 0,
      first_paid_period: [isoUtc(plan.paid.startAt), isoUtc(plan.paid.endAt)],
      first_invoice_total: toJsonInt(plan.baseMinor),
      usage_quantity: toJsonInt(usage),
      usage_amount: toJsonInt(rateLine(plan.price, usage, plan.currency).amountMinor),
    };
  },
});

const cancel = kind(
  object((fields) => {
    const priced = takePriced(fields);
    return { ...priced, baseMinor: fields.take('base_amount', money(priced.currency)), ...takeBillingRule(fields) };
  }),
)({
  usage: () => {
    const call = object((fields) => {
      const group = takeForwardedGroup(fields);
      const at = fields.take('ts', instant);
      fields.maybe('finished_at', (value, path) => (instant(value, path) < at ? refuse(path, 'must not lie before ts') : null), null);
      return { ...group, at };
    });
    return object((fields) => ({ cancelAt: fields.take('cancel_at', instant), calls: fields.take('calls', list(call)) }));
  },
  answer(plan, { cancelAt, calls }) {
    const admitted = calls.filter(({ at }) => at < cancelAt);
    const usage = sum(admitted.filter((call) => isBillable(plan, call)).map(({ count }) => count));
    return {
      usage_quantity: toJsonInt(usage),
      final_invoice: toJsonInt(rateLine(plan.price, usage, plan.currency).amountMinor),
      refused: toJsonInt(sum(calls.filter(({ at }) => at >= cancelAt).map(({ count }) => count))),
      base_refund: 0,
    };
  },
});

const year = kind(
  object((fields) => {
    const priced = takePriced(fields);
    return { ...priced, baseMinor: fields.take('base_amount_yearly', money(priced.currency)), anchorAt: fields.take('anchor', second) };
  }),
)({
  usage: () => object((fields) => fields.take('monthly', list(int, { min: MONTHS, max: MONTHS }))),
  answer({ currency, price: terms, baseMinor, anchorAt }, monthly) {
    const byMonth = monthly.map((units) => rateLine(terms, units, currency).amountMinor);
    const usage = sum(byMonth);
    return {
      usage_by_month: byMonth.map(toJsonInt),
      usage_total: toJsonInt(usage),
      year_total: toJsonInt(baseMinor + usage),
      boundaries: boundaries(anchorAt, 'month', MONTHS + 1).map(isoUtc),
    };
  },
});

/** The kinds in which an instant decides. */
export const TIME_KINDS: readonly (readonly [string, Answer])[] = [
  ['cancel', cancel],
  ['events', events],
  ['periods', periods],
  ['trial', trial],
  ['year', year],
];
