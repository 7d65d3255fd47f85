import { roundToStep } from './fraction.ts';
import type { Currency } from './money.ts';
import { rate, type Price } from './pricing.ts';

type Step = Pick<Currency, 'stepMinor'>;

/** Units = weight × billable calls; an operation without a weight weighs 1 (rule N14). */
export const weightOf = (weights: ReadonlyMap<string, bigint>, operation: string): bigint => weights.get(operation) ?? 1n;

/**
 * Lines for usage that came after its period was closed (rule N9): each is rated(all so far) − what was billed so far.
 *
 * @param closed  the quantity the closed period was billed for
 * @param late  what came later, in order; corrections are negative. The running sum must not fall below 0.
 */
export function adjustments(terms: Price, closed: bigint, late: readonly bigint[], { stepMinor }: Step): { closedMinor: bigint; lines: bigint[] } {
  let cumulative = closed;
  const closedMinor = roundToStep(rate(terms, closed), stepMinor);
  let billed = closedMinor;
  const lines = late.map((units) => {
    cumulative += units;
    const due = roundToStep(rate(terms, cumulative), stepMinor);
    const line = due - billed;
    billed = due;
    return line;
  });
  return { closedMinor, lines };
}

/** Rule N6: a period keeps, as a whole, the newest version published at or before its start. @param versions ascending by `from` */
export const versionFor = <V extends { readonly from: number }>(versions: readonly V[], periodStart: number): V | undefined =>
  versions.filter(({ from }) => from <= periodStart).at(-1);
