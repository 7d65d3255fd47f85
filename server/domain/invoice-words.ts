import { fraction } from './fraction.ts';
import { formatMoney, groupDigits, type Currency } from './money.ts';
import { unitPriceWords, unitWord } from './plan-words.ts';
import type { Price, Tier } from './pricing.ts';
import { SCALE } from './values.ts';

/** How an amount comes about, one step a line, for the invoice's page: included units, priced units, tiers. */
export function explainRating(price: Price, quantity: bigint, currency: Currency, code: string): string[] {
  const count = (units: bigint): string => `${groupDigits(units)} ${unitWord(code, units)}`;
  const included = quantity < price.included ? quantity : price.included;
  const units = quantity - included;
  const lines = price.included > 0n ? [`${count(included)} of ${groupDigits(price.included)} included`] : [];
  if (units === 0n) return lines;
  switch (price.model) {
    case 'per_unit':
      return [...lines, `${count(units)} at ${unitPriceWords(fraction(price.unitScaled, SCALE * price.divideBy), currency, code)}`];
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
  const amount = unitScaled === 0n && flatMinor === 0n ? 'free' : `at ${unitPriceWords(fraction(unitScaled, SCALE), currency, code)}`;
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
