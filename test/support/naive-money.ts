/** A second computation of prices and roundings, on purpose written another way: unit by unit, by comparing instead of dividing. */
export interface Ratio {
  n: bigint;
  d: bigint;
}

export const ratio = (n: bigint, d = 1n): Ratio => ({ n, d });
export const plus = (a: Ratio, b: Ratio): Ratio => ({ n: a.n * b.d + b.n * a.d, d: a.d * b.d });
export const times = (a: Ratio, b: bigint): Ratio => ({ n: a.n * b, d: a.d });
export const compare = (a: Ratio, b: Ratio): bigint => a.n * b.d - b.n * a.d;

/** `"0.375"` → 375/1000. */
export function decimal(text: string): Ratio {
  const [whole = '0', decimals = ''] = text.split('.');
  return ratio(BigInt(whole + decimals), 10n ** BigInt(decimals.length));
}

/** The multiple of `step` nearest to the value, a tie to the one farther from zero: found among the two neighbours. */
export function nearest(value: Ratio, step: bigint): bigint {
  let below = (value.n / (value.d * step)) * step;
  while (compare(ratio(below), value) > 0n) below -= step;
  const above = below + step;
  const [toBelow, toAbove] = [compare(value, ratio(below)), compare(ratio(above), value)];
  if (toBelow === toAbove) return value.n < 0n ? below : above;
  return toBelow < toAbove ? below : above;
}

export interface NaivePrice {
  model: string;
  unit_amount_decimal?: string;
  divide_by?: number;
  included?: number;
  package_size?: number;
  package_amount?: number;
  tiers?: { up_to: number | null; unit_amount_decimal?: string; flat_amount?: number }[];
}

/** Rules N3 and N5, one unit after the other. */
export function naiveRate(price: NaivePrice, quantity: number): Ratio {
  const units = Math.max(0, quantity - (price.included ?? 0));
  let total = ratio(0n);
  if (price.model === 'per_unit') {
    const each = decimal(price.unit_amount_decimal ?? '0');
    for (let unit = 0; unit < units; unit += 1) total = ratio(total.n + each.n, each.d);
    return ratio(total.n, total.d * BigInt(price.divide_by ?? 1));
  }
  if (price.model === 'package') {
    for (let sold = 0; sold < units; sold += price.package_size ?? 1) total = plus(total, ratio(BigInt(price.package_amount ?? 0)));
    return total;
  }
  const tiers = price.tiers ?? [];
  const tierOf = (unit: number) => tiers.findIndex(({ up_to }) => up_to === null || unit <= up_to);
  const entered = new Set<number>();
  const volume = price.model === 'volume';
  let scaled = 0n;
  for (let unit = 1; unit <= units; unit += 1) {
    const index = tierOf(volume ? units : unit);
    const { unit_amount_decimal = '0', flat_amount = 0 } = tiers[index] ?? {};
    const each = decimal(unit_amount_decimal);
    scaled += (each.n * 10n ** 12n) / each.d;
    if (!entered.has(index)) scaled += BigInt(flat_amount) * 10n ** 12n;
    entered.add(index);
  }
  return ratio(scaled, 10n ** 12n);
}
