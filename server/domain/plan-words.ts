import { fraction, type Fraction } from './fraction.ts';
import { formatMoney, groupDigits, type Currency } from './money.ts';
import { REQUESTS_METER, type Interval, type Meter, type Plan } from './plan.ts';
import type { Price, Tier } from './pricing.ts';
import { SCALE } from './values.ts';

const PERIOD_WORDS: Readonly<Record<Interval, string>> = { month: 'a month', year: 'a year' };

/** What one unit of a meter is called on a page. */
export const unitWord = (code: string, count = 2n): string => {
  const words = code === REQUESTS_METER ? 'calls' : code.replaceAll('_', ' ');
  return code === REQUESTS_METER && count === 1n ? 'call' : words;
};

/** Prices are shown for the smallest round number of units at which they are a whole amount of money. */
const ROUND_NUMBERS = [1n, 1000n, 1_000_000n, 1_000_000_000n, 1_000_000_000_000n];

/** `USD 0.05 per call`, `USD 5.00 per 1,000 calls`; a price that no round number makes whole is shown in minor units, exactly. */
export function unitPriceWords(unit: Fraction, currency: Currency, code: string): string {
  const units = ROUND_NUMBERS.find((count) => (unit.n * count) % (unit.d * currency.stepMinor) === 0n);
  if (units === undefined) return `${unit.n}/${unit.d} minor units of ${currency.code.toUpperCase()} per ${unitWord(code, 1n)}`;
  const amount = formatMoney((unit.n * units) / unit.d, currency.code);
  return units === 1n ? `${amount} per ${unitWord(code, 1n)}` : `${amount} per ${groupDigits(units)} ${unitWord(code)}`;
}

function tierWords(tiers: readonly Tier[], currency: Currency, code: string, volume: boolean): string {
  let from = 1n;
  const parts = tiers.map(({ upTo, unitScaled, flatMinor }) => {
    const range = upTo === null ? `from ${groupDigits(from)}` : `${groupDigits(from)} to ${groupDigits(upTo)}`;
    from = (upTo ?? from) + 1n;
    const unit = unitScaled === 0n && flatMinor === 0n ? 'free' : unitScaled === 0n ? '' : unitPriceWords(fraction(unitScaled, SCALE), currency, code);
    const flat = flatMinor === 0n ? '' : `${formatMoney(flatMinor, currency.code)} flat`;
    return `${range}: ${[unit, flat].filter(Boolean).join(' and ')}`;
  });
  return `${volume ? 'all at the price of the tier reached: ' : ''}${parts.join('; ')}`;
}

/** True when no quantity of this meter ever costs anything. */
export const isFree = (price: Price): boolean => {
  switch (price.model) {
    case 'per_unit':
      return price.unitScaled === 0n;
    case 'package':
      return price.amountMinor === 0n;
    default:
      return price.tiers.every(({ unitScaled, flatMinor }) => unitScaled === 0n && flatMinor === 0n);
  }
};

/** What a meter costs: `1,000 calls included, then USD 5.00 per 1,000 calls`. */
export function describeMeter({ code, price, quota }: Meter, currency: Currency): string {
  const included = price.included > 0n && !isFree(price) ? `${groupDigits(price.included)} ${unitWord(code, price.included)} included, then ` : '';
  if (isFree(price)) return quota?.hard ? `${groupDigits(quota.limit)} ${unitWord(code, quota.limit)}, free of charge` : `${unitWord(code)} free of charge`;
  switch (price.model) {
    case 'per_unit':
      return included + unitPriceWords(fraction(price.unitScaled, SCALE * price.divideBy), currency, code);
    case 'package':
      return `${included}${formatMoney(price.amountMinor, currency.code)} per started ${groupDigits(price.size)} ${unitWord(code)}`;
    default:
      return included + tierWords(price.tiers, currency, code, price.model === 'volume');
  }
}

/**
 * A plan's price in one sentence, for cards and the page before paying.
 *
 * @example "USD 10.00 a month, 1,000 calls included, then USD 5.00 per 1,000 calls"
 */
export function describePrice(plan: Plan): string {
  const base = plan.baseMinor > 0n ? [`${formatMoney(plan.baseMinor, plan.currency.code)} ${PERIOD_WORDS[plan.interval]}`] : [];
  const meters = plan.meters.map((meter) => describeMeter(meter, plan.currency));
  return [...base, ...meters].join(', ') || 'Free of charge';
}

const statusWords = (statuses: readonly string[]): string =>
  statuses.length === 0 ? 'no answer at all' : `answers of the provider with ${statuses.join(', ')}`;

/** The rules beside the price, one a line, all that a buyer must know before paying. */
export function describeTerms(plan: Plan): string[] {
  const amount = (minor: bigint) => formatMoney(minor, plan.currency.code);
  const every = PERIOD_WORDS[plan.interval];
  const lines = plan.meters.flatMap(({ code, quota }) => {
    if (!quota) return [];
    const limit = `${groupDigits(quota.limit)} ${unitWord(code, quota.limit)} ${every}`;
    return [quota.hard ? `At most ${limit}; further ones are refused and cost nothing.` : `Meant for ${limit}; further ones pass and are charged.`];
  });
  if (plan.rateLimit)
    lines.push(
      `At most ${groupDigits(BigInt(plan.rateLimit.calls))} calls in ${plan.rateLimit.seconds === 1 ? 'a second' : `${plan.rateLimit.seconds} seconds`}.`,
    );
  lines.push(`Charged: ${statusWords(plan.billableStatuses)}${plan.billAborted ? ', and calls you break off' : '; calls you break off are free'}.`);
  if (plan.setupMinor > 0n) lines.push(`${amount(plan.setupMinor)} once, at the start.`);
  if (plan.trialDays > 0) lines.push(`The first ${plan.trialDays} days are free.`);
  if (plan.minCommitMinor > 0n) lines.push(`Usage is charged with at least ${amount(plan.minCommitMinor)} ${every}.`);
  if (plan.capMinor !== null) lines.push(`Usage is charged with at most ${amount(plan.capMinor)} ${every}.`);
  if (plan.weights.size > 0) lines.push('Some operations count more or less than one call; the list of endpoints says how much.');
  if (plan.baseMinor > 0n) lines.push(`The fee is due in advance, usage after the end of each ${plan.interval}.`);
  return lines;
}
