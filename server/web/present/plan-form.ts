import { CURRENCIES } from '../../domain/money.ts';
import { EMPTY_PLAN_FORM, PER_CHOICES, STATUS_CHOICES, TIER_ROWS, type PlanForm } from '../../domain/plan-form.ts';
import { earliestDay, earliestInstant, NOTICE_DAYS } from '../../domain/plan-versions.ts';
import { dateWords, readInstant } from '../../domain/time.ts';
import { formModel, type FieldModel, type FieldSpec } from './form.ts';
import { grouped } from './number.ts';

const per = PER_CHOICES.map((value) => ({ value, label: value === '1' ? 'per call' : `per ${grouped(value)} calls` }));

const NAMES = {
  name: { label: 'Short name', required: true, maxlength: 30, placeholder: 'starter', help: 'In addresses and programs; it cannot change later.' },
  title: { label: 'Title', required: true, maxlength: 40, placeholder: 'Starter' },
  summary: { label: 'For whom', maxlength: 160, help: 'One line under the price.' },
} satisfies Record<string, FieldSpec>;

const TERMS = {
  kind: {
    label: 'Kind',
    type: 'radio',
    required: true,
    options: [
      { value: 'free', label: 'Free', help: 'With a quota or a rate limit as its bound.' },
      { value: 'fee', label: 'Fee', help: 'An amount each period, with calls included, and a price for those beyond.' },
      { value: 'payg', label: 'Pay per call', help: 'Nothing in advance; each call has its price.' },
      { value: 'tiers', label: 'Tiers', help: 'Each call is charged at the price of the tier it falls in.' },
    ],
  },
  currency: { label: 'Currency', type: 'select', options: [...CURRENCIES.keys()].sort().map((code) => ({ value: code, label: code.toUpperCase() })) },
  interval: {
    label: 'Period',
    type: 'select',
    options: [
      { value: 'month', label: 'Month' },
      { value: 'year', label: 'Year' },
    ],
  },
  fee: { label: 'Fee for a period', inputmode: 'decimal', maxlength: 24, placeholder: '10.00' },
  included: { label: 'Calls included', inputmode: 'numeric', maxlength: 20, placeholder: '1,000' },
  price: {
    label: 'Price of calls',
    inputmode: 'decimal',
    maxlength: 26,
    placeholder: '5.00',
    help: 'Beyond those included. Empty with a fee: none beyond the quota.',
  },
  per: { label: 'Prices are', type: 'select', options: per },
  quota: {
    label: 'Quota of a period',
    type: 'radio',
    required: true,
    options: [
      { value: 'none', label: 'None' },
      { value: 'hard', label: 'Hard', help: 'Further calls are refused and cost nothing.' },
      { value: 'soft', label: 'Soft', help: 'Further calls pass and are charged.' },
    ],
  },
  quotaLimit: { label: 'Calls in the quota', inputmode: 'numeric', maxlength: 20, placeholder: '500' },
  rateCalls: { label: 'Rate limit: calls', inputmode: 'numeric', maxlength: 12, placeholder: '10', help: 'Empty: none of the plan’s own.' },
  rateSeconds: { label: 'in seconds', inputmode: 'numeric', maxlength: 8 },
  billable: { label: 'What is charged', type: 'select', options: STATUS_CHOICES.map(({ value, label }) => ({ value, label })) },
  billAborted: { label: 'Calls that the caller breaks off are charged, too', type: 'checkbox' },
} satisfies Record<string, FieldSpec>;

/** For whom a changed plan is (rule N6); the earliest days are midnights, UTC. */
const audience = (earliest: { readonly cheaperAt: number; readonly dearerAt: number }): Record<string, FieldSpec> => ({
  audience: {
    label: 'Who gets changed terms?',
    type: 'radio',
    required: true,
    options: [
      { value: 'new', label: 'New subscribers only', help: 'Whoever has the plan keeps the terms bought, for as long as the subscription runs.' },
      {
        value: 'all',
        label: 'New subscribers now, and running subscriptions from a day on',
        help: 'Each goes over with its first period that begins on that day or later. All are told by mail now, and can cancel before.',
      },
    ],
  },
  effectiveAt: {
    label: 'From which day (UTC)',
    type: 'date',
    help: `Only for running subscriptions. The earliest day is ${dateWords(earliest.dearerAt)} if anything gets dearer or tighter for somebody, ${NOTICE_DAYS} days ahead, and ${dateWords(earliest.cheaperAt)} otherwise.`,
  },
});

const TIER: readonly (readonly [string, FieldSpec])[] = Array.from({ length: TIER_ROWS }, (_, i) => [
  [`tierUpTo${i}`, { label: `Tier ${i + 1}: up to call`, inputmode: 'numeric', maxlength: 20, ...(i === 0 && { placeholder: '10,000' }) }] as const,
  [`tierPrice${i}`, { label: `Tier ${i + 1}: price`, inputmode: 'decimal', maxlength: 26 }] as const,
]).flat();

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const oneOf = <T extends string>(value: unknown, choices: readonly T[], otherwise: T): T => choices.find((choice) => choice === value) ?? otherwise;

/** What was typed, as the domain reads it; everything it does not know becomes its default. */
export function planFormOf(typed: Readonly<Record<string, unknown>>): PlanForm {
  return {
    kind: oneOf(typed['kind'], ['free', 'fee', 'payg', 'tiers'], 'fee'),
    currency: text(typed['currency']) || EMPTY_PLAN_FORM.currency,
    interval: oneOf(typed['interval'], ['month', 'year'], 'month'),
    fee: text(typed['fee']),
    included: text(typed['included']),
    price: text(typed['price']),
    per: text(typed['per']) || '1',
    quota: oneOf(typed['quota'], ['none', 'hard', 'soft'], 'none'),
    quotaLimit: text(typed['quotaLimit']),
    rateCalls: text(typed['rateCalls']),
    rateSeconds: text(typed['rateSeconds']) || '1',
    billable: text(typed['billable']) || '2',
    billAborted: typed['billAborted'] === true || text(typed['billAborted']) !== '',
    tiers: Array.from({ length: TIER_ROWS }, (_, i) => ({ upTo: text(typed[`tierUpTo${i}`]), price: text(typed[`tierPrice${i}`]) })),
  };
}

export const planValues = ({ tiers, ...form }: PlanForm): Record<string, unknown> => ({
  ...form,
  ...Object.fromEntries(
    tiers.flatMap(({ upTo, price }, i) => [
      [`tierUpTo${i}`, upTo],
      [`tierPrice${i}`, price],
    ]),
  ),
});

/** The first days from which changed terms may hold for running subscriptions. */
export const earliestDays = (now: number) => ({ cheaperAt: earliestDay(earliestInstant(false, now)), dearerAt: earliestDay(earliestInstant(true, now)) });

/** What the fields for whom it is hold at first: nobody but new subscribers, and a day that is early enough for any change. */
export const audienceValues = (now: number): Record<string, unknown> => ({ audience: 'new', effectiveAt: isoDay(earliestDays(now).dearerAt) });
const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10);

/**
 * From when changed terms hold for running subscriptions, as it was typed; null = for new subscribers only.
 * @returns a fault instead, when no day can be read
 */
export function effectiveFrom(
  typed: Readonly<Record<string, unknown>>,
): { readonly at: number | null; readonly fault?: undefined } | { readonly fault: string } {
  if (text(typed['audience']) !== 'all') return { at: null };
  const day = text(typed['effectiveAt']).trim();
  const at = readInstant(`${day}T00:00:00Z`);
  return at === undefined ? { fault: day === '' ? 'Choose the day.' : 'This is no day: it should look like 2027-01-31.' } : { at };
}

/**
 * @param fixed  the plan exists: its short name is no field any more
 * @param earliest  days from which running subscriptions may have other terms; absent where nobody has the plan
 */
export function planFormModel(
  values: Readonly<Record<string, unknown>>,
  faults: Readonly<Record<string, string>> = {},
  fixed = false,
  earliest?: ReturnType<typeof earliestDays>,
) {
  const { name, ...words } = NAMES;
  const specs: Record<string, FieldSpec> = {
    ...(fixed ? words : { name, ...words }),
    ...TERMS,
    ...Object.fromEntries(TIER),
    ...(earliest && audience(earliest)),
  };
  const form = formModel(specs, values, faults);
  const tiers = Array.from({ length: TIER_ROWS }, (_, i) => ({
    n: i + 1,
    upTo: form[`tierUpTo${i}`] as FieldModel,
    price: form[`tierPrice${i}`] as FieldModel,
  }));
  return { ...form, tiers };
}
