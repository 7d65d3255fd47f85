import { CURRENCIES, parseMoney, plainMoney, type Currency } from './money.ts';
import { parsePlanDocument, REQUESTS_METER, type Interval, type Plan, type PlanDocument } from './plan.ts';
import type { PriceDocument, TierDocument } from './pricing.ts';

/** What a plan costs, as a provider thinks of it. */
export type PlanKind = 'free' | 'fee' | 'payg' | 'tiers';

/** Rows of the form for graduated prices. */
export const TIER_ROWS = 6;

/** The plan form as it was typed: texts only, so that it can be shown again with its faults. */
export interface PlanForm {
  readonly kind: PlanKind;
  readonly currency: string;
  readonly interval: Interval;
  /** Amount a period, in major units: `10.00`. */
  readonly fee: string;
  /** Calls included in the fee. */
  readonly included: string;
  /** Price of `per` calls in major units, up to 12 decimals: `0.005`. */
  readonly price: string;
  readonly per: string;
  readonly quota: 'none' | 'hard' | 'soft';
  readonly quotaLimit: string;
  readonly rateCalls: string;
  readonly rateSeconds: string;
  readonly billable: string;
  readonly billAborted: boolean;
  readonly tiers: readonly TierRow[];
}

/** `upTo` empty = the rest. */
export interface TierRow {
  readonly upTo: string;
  readonly price: string;
}

export interface StatusChoice {
  readonly value: string;
  readonly label: string;
  readonly statuses: readonly string[];
}

/** Which answers of the provider are charged; the first is the default. */
export const STATUS_CHOICES: readonly StatusChoice[] = [
  { value: '2', label: 'Successful answers (2xx)', statuses: ['2xx'] },
  { value: '23', label: 'Successful answers and redirects (2xx, 3xx)', statuses: ['2xx', '3xx'] },
  { value: '234', label: 'All answers except provider faults (2xx, 3xx, 4xx)', statuses: ['2xx', '3xx', '4xx'] },
];

export const PER_CHOICES: readonly string[] = ['1', '100', '1000', '10000', '1000000'];

export type PlanFormReading =
  | { readonly plan: Plan; readonly document: PlanDocument; readonly faults?: undefined }
  | { readonly plan?: undefined; readonly document?: undefined; readonly faults: Readonly<Record<string, string>> };

export const EMPTY_PLAN_FORM: PlanForm = {
  kind: 'fee',
  currency: 'usd',
  interval: 'month',
  fee: '',
  included: '',
  price: '',
  per: '1000',
  quota: 'none',
  quotaLimit: '',
  rateCalls: '',
  rateSeconds: '1',
  billable: '2',
  billAborted: false,
  tiers: [],
};

/** Typed numbers may carry grouping commas. */
const digits = (text: string): string => text.trim().replaceAll(',', '');

/**
 * Make a plan document of what was typed.
 *
 * @returns plan and document, or one fault a field
 */
export function planFromForm(form: PlanForm): PlanFormReading {
  const faults: Record<string, string> = {};
  const currency = CURRENCIES.get(form.currency);
  if (!currency) return { faults: { currency: 'Choose one of the currencies.' } };

  const whole = (field: string, text: string, min: number, max: number): number => {
    const value = /^[0-9]{1,15}$/.test(digits(text)) ? Number(digits(text)) : NaN;
    if (text.trim() === '') faults[field] ??= 'This is needed.';
    else if (!(value >= min && value <= max)) faults[field] ??= `A whole number from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}.`;
    return Number.isNaN(value) ? min : value;
  };
  const unitPrice = (field: string, text: string): string => {
    if (text.trim() === '') faults[field] ??= 'This is needed.';
    const minor = minorDecimal(digits(text), currency);
    if (minor === undefined) faults[field] ??= `A price in ${currency.code.toUpperCase()} such as 0.5, without sign.`;
    return minor ?? '0';
  };

  const feeMinor = form.kind === 'fee' ? (parseMoney(form.fee, form.currency) ?? -1n) : 0n;
  if (feeMinor < 0n)
    faults['fee'] = form.fee.trim() === '' ? 'This is needed.' : `This is no amount of ${currency.code.toUpperCase()}: it should look like 10.00.`;
  if (form.kind === 'fee' && feeMinor === 0n) faults['fee'] ??= 'A fee of nothing is the kind “free”.';

  const document = {
    currency: form.currency,
    interval: form.interval,
    base_amount: Number(feeMinor < 0n ? 0n : feeMinor) <= Number.MAX_SAFE_INTEGER ? Number(feeMinor < 0n ? 0n : feeMinor) : feeMinor.toString(),
    meters: [
      {
        code: REQUESTS_METER,
        price: priceOf(form, whole, unitPrice, faults),
        ...(form.quota !== 'none' && { quota: { limit: whole('quotaLimit', form.quotaLimit, 1, 1e12), hard: form.quota === 'hard' } }),
      },
    ],
    ...(form.rateCalls.trim() !== '' && {
      rate_limit: { calls: whole('rateCalls', form.rateCalls, 1, 1_000_000), seconds: whole('rateSeconds', form.rateSeconds, 1, 86_400) },
    }),
    billable_statuses: (STATUS_CHOICES.find(({ value }) => value === form.billable) ?? STATUS_CHOICES[0])?.statuses ?? ['2xx'],
    bill_aborted: form.billAborted,
  };
  if (form.kind === 'free' && form.quota === 'none' && form.rateCalls.trim() === '') faults['quota'] ??= 'A free plan needs a bound: a quota, or a rate limit.';
  const [meter] = document.meters;
  if (meter?.quota?.hard && Number(meter.quota.limit) < Number(meter.price.included ?? 0))
    faults['quotaLimit'] ??= 'The quota ends before the included calls do.';
  if (Object.keys(faults).length > 0) return { faults };
  const reading = parsePlanDocument(document);
  return reading.fault ? { faults: { [fieldOf(reading.fault.path)]: `This ${reading.fault.message}.` } } : reading;
}

function priceOf(
  form: PlanForm,
  whole: (field: string, text: string, min: number, max: number) => number,
  unitPrice: (field: string, text: string) => string,
  faults: Record<string, string>,
): PriceDocument {
  const included = form.included.trim() === '' ? 0 : whole('included', form.included, 0, 1e12);
  const per = PER_CHOICES.includes(form.per) ? Number(form.per) : 1;
  switch (form.kind) {
    case 'free':
      return { model: 'per_unit', unit_amount_decimal: '0' };
    case 'payg':
      return { model: 'per_unit', unit_amount_decimal: unitPrice('price', form.price), divide_by: per, included };
    case 'fee': {
      // Without a price beyond the included calls they have to end there, or the fee would buy everything.
      if (form.price.trim() === '' && form.quota !== 'hard') faults['price'] = 'Give a price for further calls, or make the quota hard.';
      return { model: 'per_unit', unit_amount_decimal: form.price.trim() === '' ? '0' : unitPrice('price', form.price), divide_by: per, included };
    }
    case 'tiers':
      return { model: 'graduated', included, tiers: tiersOf(form.tiers, per, whole, unitPrice, faults) };
  }
}

function tiersOf(
  rows: readonly TierRow[],
  per: number,
  whole: (field: string, text: string, min: number, max: number) => number,
  unitPrice: (field: string, text: string) => string,
  faults: Record<string, string>,
): TierDocument[] {
  const filled = rows.map((row, index) => ({ ...row, index })).filter(({ upTo, price }) => upTo.trim() !== '' || price.trim() !== '');
  if (filled.length === 0) faults['tierPrice0'] = 'At least one tier is needed.';
  let before = 0;
  return filled.map(({ upTo, price, index }, position) => {
    const last = position === filled.length - 1;
    if (last && upTo.trim() !== '') faults[`tierUpTo${index}`] = 'Leave this empty in the last tier: it takes the rest.';
    if (!last && upTo.trim() === '') faults[`tierUpTo${index}`] = 'Only the last tier takes the rest.';
    const bound = last || upTo.trim() === '' ? null : whole(`tierUpTo${index}`, upTo, before + 1, 1e12);
    before = bound ?? before;
    // A tier has no divisor of its own, so the price of many calls is divided here; the form offers powers of ten, so it is exact.
    const unit = dividedDecimal(unitPrice(`tierPrice${index}`, price), per);
    if (unit === undefined) faults[`tierPrice${index}`] = 'A price has at most 12 decimals of the smallest coin.';
    return { up_to: bound, unit_amount_decimal: unit ?? '0' };
  });
}

/** The fault of a document, told beside the field it was made from. */
function fieldOf(path: string): string {
  if (path.includes('tiers')) return `tierUpTo${/tiers\[(\d+)\]/.exec(path)?.[1] ?? '0'}`;
  if (path.includes('quota')) return 'quotaLimit';
  if (path.includes('included')) return 'included';
  if (path.includes('price')) return 'price';
  if (path.includes('rate_limit')) return 'rateCalls';
  return path === 'base_amount' ? 'fee' : path;
}

/** `0.005` of a currency with two decimals → `0.5`: the same price in minor units, as a decimal string. */
function minorDecimal(text: string, { exponent }: Currency): string | undefined {
  const match = /^([0-9]{1,10})(?:\.([0-9]{1,12}))?$/.exec(text);
  if (!match) return undefined;
  const decimals = (match[2] ?? '').padEnd(exponent, '0');
  return tidyDecimal(`${match[1] ?? ''}${decimals.slice(0, exponent)}.${decimals.slice(exponent)}`);
}

/** Divide by a power of ten, exactly; undefined when more than 12 decimals would be needed. */
function dividedDecimal(text: string, by: number): string | undefined {
  const shift = Math.round(Math.log10(by));
  const [whole = '0', decimals = ''] = text.split('.');
  const padded = whole.padStart(shift + 1, '0');
  const result = tidyDecimal(`${padded.slice(0, padded.length - shift)}.${padded.slice(padded.length - shift)}${decimals}`);
  return (result.split('.')[1] ?? '').length > 12 ? undefined : result;
}

const tidyDecimal = (text: string): string => {
  const [whole = '', decimals = ''] = text.split('.');
  const fraction = decimals.replace(/0+$/, '');
  const integer = whole.replace(/^0+(?=.)/, '') || '0';
  return fraction === '' ? integer : `${integer}.${fraction}`;
};

/** The other way: what the form shows for a stored plan; undefined for a document that the form cannot express. */
export function formOfPlan(document: PlanDocument): PlanForm | undefined {
  const meter = document.meters[0];
  const currency = CURRENCIES.get(document.currency);
  if (!currency || document.meters.length !== 1 || meter?.code !== REQUESTS_METER) return undefined;
  const terms = meter.price;
  if (terms.model === 'package' || terms.model === 'volume') return undefined;
  if (document.setup_amount !== 0 || document.trial_days !== 0 || document.min_commit !== 0 || document.cap !== undefined) return undefined;
  if (Object.keys(document.weights).length > 0 || document.overage_stop) return undefined;
  if ('tiers' in terms && terms.tiers.some(({ flat_amount }) => flat_amount !== undefined)) return undefined;
  // A price may have more decimals than the form shows: then the form is not for it.
  const inMinor = 'tiers' in terms ? terms.tiers.map(({ unit_amount_decimal }) => unit_amount_decimal ?? '0') : [terms.unit_amount_decimal];
  if (inMinor.some((price) => dividedDecimal(price, 10 ** currency.exponent) === undefined)) return undefined;
  const majorOf = (minor: string) => dividedDecimal(minor, 10 ** currency.exponent) ?? '';
  const fee = BigInt(document.base_amount);
  const flat = terms.model === 'per_unit';
  const free = flat && Number(terms.unit_amount_decimal) === 0 && fee === 0n;
  const price = flat && Number(terms.unit_amount_decimal) !== 0 ? majorOf(terms.unit_amount_decimal) : '';
  return {
    kind: flat ? (free ? 'free' : fee > 0n ? 'fee' : 'payg') : 'tiers',
    currency: document.currency,
    interval: document.interval,
    fee: fee > 0n ? plainMoney(fee, document.currency) : '',
    included: String(terms.included ?? '0') === '0' ? '' : String(terms.included),
    price,
    per: flat ? String(terms.divide_by ?? 1) : '1',
    quota: meter.quota ? (meter.quota.hard ? 'hard' : 'soft') : 'none',
    quotaLimit: meter.quota ? String(meter.quota.limit) : '',
    rateCalls: document.rate_limit ? String(document.rate_limit.calls) : '',
    rateSeconds: document.rate_limit ? String(document.rate_limit.seconds) : '1',
    billable: STATUS_CHOICES.find(({ statuses }) => statuses.join() === document.billable_statuses.join())?.value ?? '2',
    billAborted: document.bill_aborted,
    tiers: flat
      ? []
      : terms.tiers.map(({ up_to, unit_amount_decimal }) => ({ upTo: up_to === null ? '' : String(up_to), price: majorOf(unit_amount_decimal ?? '0') })),
  };
}
