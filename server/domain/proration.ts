import { floorToStep, fraction, type Fraction } from './fraction.ts';
import type { Currency } from './money.ts';
import type { Period } from './values.ts';

/** The share of a period's seconds that lies in [from, to). */
export const shareOf = ({ startAt, endAt }: Period, from: number, to: number): Fraction => fraction(BigInt(to - from), BigInt(endAt - startAt));

export interface ProrationLines {
  readonly creditMinor: bigint;
  readonly debitMinor: bigint;
}

/**
 * A change of plan or of seats inside a period: the whole old configuration comes back and the whole new one is charged, each for what
 * remains, each floored by itself, toward minus infinity and to the step; never netted before rounding (rule N15).
 *
 * @param remaining  the share of the period that is left
 */
export function prorate(remaining: Fraction, oldMinor: bigint, newMinor: bigint, { stepMinor }: Pick<Currency, 'stepMinor'>): ProrationLines {
  const part = (amount: bigint) => floorToStep(fraction(remaining.n * amount, remaining.d), stepMinor);
  return { creditMinor: part(-oldMinor), debitMinor: part(newMinor) };
}
