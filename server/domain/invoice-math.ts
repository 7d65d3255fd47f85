import { floorToStep, fraction, roundToStep } from './fraction.ts';
import type { Currency } from './money.ts';
import { SCALE } from './values.ts';

type Step = Pick<Currency, 'stepMinor'>;

export const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

export type Coupon = { readonly percentScaled: bigint } | { readonly amountMinor: bigint };

/**
 * What a coupon takes off, line by line (rule N10): rounded once on the sum of the lines above zero, a fixed one cut to that sum;
 * each line takes the floor of its share, the last the rest, and what would exceed a line goes to the one before it.
 *
 * @returns one amount per line, at least 0; their sum is the discount
 */
export function discountByLine(lines: readonly bigint[], coupon: Coupon | null, { stepMinor }: Step): bigint[] {
  const shares = lines.map(() => 0n);
  const discountable = sum(lines.filter((line) => line > 0n));
  if (!coupon || discountable === 0n) return shares;
  const discount =
    'amountMinor' in coupon ? least(coupon.amountMinor, discountable) : roundToStep(fraction(discountable * coupon.percentScaled, 100n * SCALE), stepMinor);
  lines.forEach((line, index) => {
    if (line > 0n) shares[index] = floorToStep(fraction(discount * line, discountable), stepMinor);
  });
  let rest = discount - sum(shares);
  for (let index = lines.length - 1; rest > 0n; index -= 1) {
    const line = lines[index] ?? 0n;
    if (line <= 0n) continue;
    const taken = shares[index] ?? 0n;
    const more = least(rest, line - taken);
    shares[index] = taken + more;
    rest -= more;
  }
  return shares;
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

export interface Tax {
  /** 0 to 100, scaled by 10¹². */
  readonly percentScaled: bigint;
  readonly inclusive: boolean;
}

/** The tax of one line: on top of a net amount, or inside a gross one (rule N11). Rounded by itself, half away from zero. */
export function taxOf(amountMinor: bigint, { percentScaled, inclusive }: Tax, { stepMinor }: Step): bigint {
  const base = 100n * SCALE;
  return roundToStep(fraction(amountMinor * percentScaled, inclusive ? base + percentScaled : base), stepMinor);
}

export interface InvoiceTotals {
  readonly subtotalMinor: bigint;
  readonly discountMinor: bigint;
  readonly discountByLine: readonly bigint[];
  readonly taxByLine: readonly bigint[];
  readonly taxMinor: bigint;
  readonly totalMinor: bigint;
}

/** Lines → coupon → tax, in this order (rule N20). */
export function invoiceTotals(
  lines: readonly bigint[],
  { coupon = null, tax = null }: { coupon?: Coupon | null; tax?: Tax | null },
  step: Step,
): InvoiceTotals {
  const shares = discountByLine(lines, coupon, step);
  const taxByLine = lines.map((line, index) => (tax ? taxOf(line - (shares[index] ?? 0n), tax, step) : 0n));
  const [subtotalMinor, discountMinor, taxMinor] = [sum(lines), sum(shares), sum(taxByLine)];
  return {
    subtotalMinor,
    discountMinor,
    discountByLine: shares,
    taxByLine,
    taxMinor,
    totalMinor: subtotalMinor - discountMinor + (tax?.inclusive ? 0n : taxMinor),
  };
}

export interface Charge {
  readonly chargeMinor: bigint;
  /** Positive: a debt too small to charge. Negative: a credit. */
  readonly carriedMinor: bigint;
}

/** Rule N16: at least the minimum is charged whole; less, or a credit, is carried to the next invoice, whole. */
export function chargeOf(dueMinor: bigint, minimumMinor: bigint): Charge {
  const charged = dueMinor > 0n && dueMinor >= minimumMinor;
  return { chargeMinor: charged ? dueMinor : 0n, carriedMinor: charged ? 0n : dueMinor };
}

/** The line that a minimum commitment adds after a period's usage lines (rule N12); at least 0. */
export const commitmentLine = (usageMinor: bigint, commitmentMinor: bigint): bigint => (usageMinor < commitmentMinor ? commitmentMinor - usageMinor : 0n);

/** The line that a spend cap adds after a period's usage lines (rule N12); at most 0. */
export const capLine = (usageMinor: bigint, capMinor: bigint): bigint => (usageMinor > capMinor ? capMinor - usageMinor : 0n);
