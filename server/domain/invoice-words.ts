import { exactText, fraction, type Fraction } from './fraction.ts';
import { currencyOf, formatMoney, groupDigits, type Currency } from './money.ts';
import { unitPriceWords, unitWord } from './plan-words.ts';
import type { Price, Tier } from './pricing.ts';
import { SCALE } from './values.ts';

/** How an amount comes about, one step a line, for the invoice's page: included units, priced units, tiers. */
export function explainRating(price: Price, quantity: bigint, currency: Currency, code: string): string[] {
  const count = (units: bigint): string => `${groupDigits(units)} ${unitWord(code, units)}`;
  const included = quantity < price.included ? quantity : price.included;
  const units = quantity - included;
  const whole = included === price.included ? '' : `${groupDigits(included)} of `;
  const lines = price.included > 0n ? [`Included ${whole}${count(price.included)}`] : [];
  if (units === 0n) return lines;
  switch (price.model) {
    case 'per_unit':
      return [...lines, `${count(units)} at ${eachWords(fraction(price.unitScaled, SCALE * price.divideBy), currency, code)}`];
    case 'package': {
      const packages = (units + price.size - 1n) / price.size;
      return [...lines, `${groupDigits(packages)} started × ${count(price.size)} at ${formatMoney(price.amountMinor, currency.code)}`];
    }
    case 'graduated':
      return [...lines, ...graduatedWords(units, price.tiers, currency, code)];
    case 'volume': {
      const tier = price.tiers.find(({ upTo }) => upTo === null || units <= upTo);
      return tier ? [...lines, tierWords(units, tier, currency, code)] : lines;
    }
  }
}

/** `USD 0.005`: minor units of any fineness as a decimal of the main unit, exactly. Null when the decimal does not end. */
function exactMoney({ n, d }: Fraction, code: string): string | null {
  const { exponent, shownDecimals } = currencyOf(code);
  const text = exactText(fraction(n, d * 10n ** BigInt(exponent)));
  if (text.includes('/')) return null;
  const [whole = '', decimals = ''] = text.replace('-', '').split('.');
  const shown = decimals.padEnd(shownDecimals, '0');
  return `${code.toUpperCase()} ${n < 0n ? '-' : ''}${groupDigits(BigInt(whole))}${shown && `.${shown}`}`;
}

/** What one unit costs, so that quantity × price can be checked by anybody; as the plan says it where no decimal does. */
const eachWords = (unit: Fraction, currency: Currency, code: string): string => exactMoney(unit, currency.code) ?? unitPriceWords(unit, currency, code);

/** Where the amount of a line is not its exact value: what it was before it was rounded, once (rule N4). */
export function explainRounding(exact: Fraction, amountMinor: bigint, { code }: Currency): string[] {
  if (exact.n === amountMinor * exact.d) return [];
  const before = exactMoney(exact, code);
  return [`${before === null ? 'Rounded once' : `${before}, rounded`} to ${formatMoney(amountMinor, code)}`];
}

function graduatedWords(units: bigint, tiers: readonly Tier[], currency: Currency, code: string): string[] {
  let priced = 0n;
  return tiers.flatMap((tier) => {
    const ceiling = tier.upTo === null || tier.upTo > units ? units : tier.upTo;
    if (ceiling <= priced) return [];
    const words = tierWords(ceiling - priced, tier, currency, code);
    priced = ceiling;
    return [words];
  });
}

function tierWords(units: bigint, { unitScaled, flatMinor }: Tier, currency: Currency, code: string): string {
  const flat = flatMinor === 0n ? '' : ` + ${formatMoney(flatMinor, currency.code)}`;
  const amount = unitScaled === 0n && flatMinor === 0n ? 'free' : `at ${eachWords(fraction(unitScaled, SCALE), currency, code)}`;
  return `${groupDigits(units)} ${unitWord(code, units)} ${amount}${flat}`;
}

const PREFIX_CHARS = 8;
const NUMBER_DIGITS = 6;

/**
 * An invoice's number as people and Stripe see it. Stripe wants numbers unique in the whole account, so the seller's id gives a prefix.
 *
 * @param ordinal  gap-free per seller, from 1
 */
export const invoiceNumber = (sellerId: string, ordinal: number): string =>
  `${sellerId
    .replace(/[^a-z0-9]/gi, '')
    .slice(-PREFIX_CHARS)
    .toUpperCase()}-${`${ordinal}`.padStart(NUMBER_DIGITS, '0')}`;
