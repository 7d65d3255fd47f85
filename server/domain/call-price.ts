import { exactText, fraction, type Fraction } from './fraction.ts';
import { REQUESTS_METER, type Plan } from './plan.ts';
import { rate } from './pricing.ts';

const DECIMALS = 12n;

/**
 * What one more call costs under a plan, for the answer's headers: the difference it makes to the window's usage, not rounded to the step.
 *
 * @param used  units used in the window before it; null when nobody counts them: then as if the included units were gone
 * @returns minor units as a decimal with at most 12 decimals (rule N2), rounded up where the exact value does not end
 */
export function callPrice({ meters }: Plan, used: number | null, units: number): string {
  const terms = meters.find(({ code }) => code === REQUESTS_METER)?.price;
  if (!terms || units === 0) return '0';
  const before = used === null ? terms.included : BigInt(used);
  const after = rate(terms, before + BigInt(units));
  const price = minus(after, rate(terms, before));
  // Under volume prices one more call can make all the others cheaper.
  return price.n < 0n ? '0' : decimal(price);
}

const minus = (a: Fraction, b: Fraction): Fraction => fraction(a.n * b.d - b.n * a.d, a.d * b.d);

function decimal(value: Fraction): string {
  const text = exactText(value);
  if (!text.includes('/') && text.length - text.indexOf('.') - 1 <= Number(DECIMALS)) return text;
  const scale = 10n ** DECIMALS;
  return exactText(fraction((value.n * scale + value.d - 1n) / value.d, scale));
}
