import { createHash } from 'node:crypto';
import { takeBillingRule, type BillingRule } from './billable.ts';
import type { Currency } from './money.ts';
import { price, type Price, type PriceDocument } from './pricing.ts';
import {
  ValueFault,
  boolean,
  currencyReader,
  fieldsOf,
  intBetween,
  list,
  mapOf,
  money,
  object,
  oneOf,
  refuse,
  smallIntBetween,
  text,
  type Fields,
  type JsonInt,
  type Reader,
} from './values.ts';

/** The meter every call counts on: one unit, times the weight of its operation. */
export const REQUESTS_METER = 'requests';

export type Interval = 'month' | 'year';

export interface QuotaDocument {
  /** Units (weight × calls) in a period, counted at admission (rule N14). */
  readonly limit: JsonInt;
  /** Hard: the call beyond it is refused. Soft: it passes. */
  readonly hard: boolean;
}

export interface MeterDocument {
  readonly code: string;
  readonly price: PriceDocument;
  readonly quota?: QuotaDocument;
  /** Units one call may cost at most; held before the call. */
  readonly max_per_call?: JsonInt;
}

/**
 * A plan as it is stored, hashed and shown to programs: snake_case, integers as the billing command writes them. Normalised: every field with
 * a default stands here with its value; those without one (`cap`, `rate_limit`, a meter's `quota`) are left out, never null.
 */
export interface PlanDocument {
  readonly currency: string;
  readonly interval: Interval;
  /** Minor units, due in advance. */
  readonly base_amount: JsonInt;
  readonly setup_amount: JsonInt;
  readonly meters: readonly MeterDocument[];
  /** Units of one call, by operation (`GET /countries/{code}`); 1 where none is given. */
  readonly weights: Readonly<Record<string, JsonInt>>;
  readonly rate_limit?: { readonly calls: number; readonly seconds: number };
  readonly trial_days: number;
  readonly min_commit: JsonInt;
  readonly cap?: JsonInt;
  readonly billable_statuses: readonly string[];
  readonly bill_aborted: boolean;
  /** With packs: refuse instead of charging overage once they are used up (rule N18). */
  readonly overage_stop: boolean;
}

/** The same plan as it is calculated with. */
export interface Plan extends BillingRule {
  readonly currency: Currency;
  readonly interval: Interval;
  readonly baseMinor: bigint;
  readonly setupMinor: bigint;
  readonly meters: readonly Meter[];
  readonly weights: ReadonlyMap<string, bigint>;
  readonly rateLimit: { readonly calls: number; readonly seconds: number } | null;
  readonly trialDays: number;
  readonly minCommitMinor: bigint;
  readonly capMinor: bigint | null;
  readonly overageStop: boolean;
}

export interface Meter {
  readonly code: string;
  readonly price: Price;
  readonly quota: { readonly limit: bigint; readonly hard: boolean } | null;
  readonly maxPerCall: bigint | null;
}

export interface PlanFault {
  /** The value at fault, such as `meters[0].price.tiers[1].up_to`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

export type PlanReading = { readonly plan: Plan; readonly document: PlanDocument; readonly fault?: undefined } | { readonly fault: PlanFault };

const METERS_MAX = 100;
const WEIGHTS_MAX = 3000;
const WEIGHT_MAX = 1_000_000n;
const RATE_CALLS_MAX = 1_000_000;
const RATE_SECONDS_MAX = 86_400;
const TRIAL_DAYS_MAX = 365;

const meterCode: Reader<string> = (value, path) =>
  typeof value === 'string' && /^[a-z][a-z0-9_]{0,39}$/.test(value) ? value : refuse(path, 'must be a lower-case word such as requests or bytes_out');

const quota = object((fields) => ({ limit: fields.take('limit', intBetween(0n)), hard: fields.take('hard', boolean) }));

const meter = (currency: Currency): Reader<Meter> =>
  object((fields) => {
    const code = fields.take('code', meterCode);
    const result: Meter = {
      code,
      price: fields.take('price', price(currency)),
      quota: fields.maybe('quota', quota, null),
      maxPerCall: fields.maybe('max_per_call', intBetween(1n), null),
    };
    if (result.quota?.hard && code !== REQUESTS_METER && result.maxPerCall === null) refuse(`${fields.path}.max_per_call`, 'is needed under a hard quota');
    return result;
  });

const weights: Reader<Map<string, bigint>> = (value, path) => {
  const read = mapOf(intBetween(0n, WEIGHT_MAX))(value, path);
  for (const operation of read.keys()) text(operation, `${path}.${operation}`);
  return read.size > WEIGHTS_MAX ? refuse(path, `must hold at most ${WEIGHTS_MAX} operations`) : read;
};

const rateLimit = object((fields) => ({
  calls: fields.take('calls', smallIntBetween(1, RATE_CALLS_MAX)),
  seconds: fields.take('seconds', smallIntBetween(1, RATE_SECONDS_MAX)),
}));

function takePlan(fields: Fields): Plan {
  const currency = fields.take('currency', currencyReader);
  const amount = money(currency);
  const plan: Plan = {
    currency,
    interval: fields.take('interval', oneOf('month', 'year')),
    baseMinor: fields.maybe('base_amount', amount, 0n),
    setupMinor: fields.maybe('setup_amount', amount, 0n),
    meters: fields.maybe('meters', list(meter(currency), { max: METERS_MAX }), []),
    weights: fields.maybe('weights', weights, new Map()),
    rateLimit: fields.maybe('rate_limit', rateLimit, null),
    trialDays: fields.maybe('trial_days', smallIntBetween(0, TRIAL_DAYS_MAX), 0),
    minCommitMinor: fields.maybe('min_commit', amount, 0n),
    capMinor: fields.maybe('cap', amount, null),
    ...takeBillingRule(fields),
    overageStop: fields.maybe('overage_stop', boolean, false),
  };
  const twice = plan.meters.findIndex(({ code }, index) => plan.meters.findIndex((other) => other.code === code) !== index);
  if (twice >= 0) refuse(`meters[${twice}].code`, 'is used by another meter');
  if (plan.capMinor !== null && plan.capMinor < plan.minCommitMinor) refuse('cap', 'must not be below the minimum commitment');
  return plan;
}

/**
 * Read a plan document: what the plan form makes, what a program sends, what the store holds.
 *
 * @returns the plan to calculate with and its normalised document, or the first fault by its path
 */
export function parsePlanDocument(json: unknown): PlanReading {
  try {
    const fields = fieldsOf(json, '');
    const plan = takePlan(fields);
    fields.end();
    return { plan, document: normalised(json as PlanDocument, plan) };
  } catch (error) {
    if (error instanceof ValueFault) return { fault: { path: error.path, message: error.message } };
    throw error;
  }
}

/** Read a document that was checked before it was stored. @throws RangeError naming the fault when it was not */
export function planOf(document: PlanDocument): Plan {
  const reading = parsePlanDocument(document);
  if (reading.fault) throw new RangeError(`stored plan: ${reading.fault.path} ${reading.fault.message}`);
  return reading.plan;
}

/** Integers keep the spelling they came in with unless both spellings are possible; then the number is taken, so that equal plans hash alike. */
const asInt = (value: JsonInt | undefined): JsonInt => {
  const integer = BigInt(value ?? 0);
  return integer <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(integer) : integer.toString();
};

function normalised(given: PlanDocument, plan: Plan): PlanDocument {
  return {
    currency: plan.currency.code,
    interval: plan.interval,
    base_amount: asInt(given.base_amount),
    setup_amount: asInt(given.setup_amount),
    meters: (given.meters ?? []).map(({ code, price: terms, quota: limits, max_per_call }) => ({
      code,
      price: normalisedPrice(terms),
      ...(limits && { quota: { limit: asInt(limits.limit), hard: limits.hard } }),
      ...(max_per_call !== undefined && { max_per_call: asInt(max_per_call) }),
    })),
    weights: Object.fromEntries([...plan.weights].map(([operation, weight]) => [operation, asInt(weight.toString())])),
    ...(plan.rateLimit && { rate_limit: { ...plan.rateLimit } }),
    trial_days: plan.trialDays,
    min_commit: asInt(given.min_commit),
    ...(given.cap !== undefined && { cap: asInt(given.cap) }),
    billable_statuses: [...plan.billableStatuses],
    bill_aborted: plan.billAborted,
    overage_stop: plan.overageStop,
  };
}

function normalisedPrice(terms: PriceDocument): PriceDocument {
  const included = { included: asInt(terms.included) };
  switch (terms.model) {
    case 'per_unit':
      return { model: terms.model, unit_amount_decimal: terms.unit_amount_decimal, divide_by: asInt(terms.divide_by ?? 1), ...included };
    case 'package':
      return { model: terms.model, package_size: asInt(terms.package_size), package_amount: asInt(terms.package_amount), ...included };
    default:
      return {
        model: terms.model,
        tiers: terms.tiers.map(({ up_to, unit_amount_decimal, flat_amount }) => ({
          up_to: up_to === null ? null : asInt(up_to),
          ...(unit_amount_decimal !== undefined && { unit_amount_decimal }),
          ...(flat_amount !== undefined && { flat_amount: asInt(flat_amount) }),
        })),
        ...included,
      };
  }
}

/** JSON with sorted keys and without spaces: equal values give equal bytes, whatever order a store returns the keys in. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
}

/** Hex SHA-256 of the canonical JSON: what a published version is recognised by. */
export const planHash = (document: PlanDocument): string => createHash('sha256').update(canonicalJson(document)).digest('hex');
