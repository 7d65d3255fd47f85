/** An exact number, always in lowest terms with a positive denominator. Between a call and an invoice there is no binary floating point (rule N2). */
export interface Fraction {
  readonly n: bigint;
  readonly d: bigint;
}

export function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** @throws RangeError when the denominator is not above zero: a programmer's mistake */
export function fraction(n: bigint, d = 1n): Fraction {
  if (d <= 0n) throw new RangeError('a denominator must be above zero');
  const divisor = gcd(n, d);
  return { n: n / divisor, d: d / divisor };
}

export const negate = ({ n, d }: Fraction): Fraction => ({ n: -n, d });

/** The largest integer not above n ÷ d, also for negative n, where bigint division would go toward zero. `d` is above zero. */
export const floorDiv = (n: bigint, d: bigint): bigint => (n >= 0n ? n / d : -((-n + d - 1n) / d));

/** Half away from zero, straight to a multiple of `step` (rule N4). */
export function roundToStep({ n, d }: Fraction, step: bigint): bigint {
  const magnitude = n < 0n ? -n : n;
  const rounded = ((2n * magnitude + d * step) / (2n * d * step)) * step;
  return n < 0n ? -rounded : rounded;
}

/** Toward minus infinity, to a multiple of `step` (rule N15). */
export const floorToStep = ({ n, d }: Fraction, step: bigint): bigint => floorDiv(n, d * step) * step;

/** The nearest whole number, half up; for shares of included units and tier bounds (rule N7), which are never negative. */
export const roundHalfUp = (value: Fraction): bigint => floorDiv(2n * value.n + value.d, 2n * value.d);

/** `"n/d"` in lowest terms, also when whole (`"1/1"`): how shares of time are written. */
export const ratioText = ({ n, d }: Fraction): string => `${n}/${d}`;

/** The shortest decimal (`"-1.5"`), or the reduced fraction (`"32/7"`) when the expansion does not end. */
export function exactText({ n, d }: Fraction): string {
  let rest = d;
  let twos = 0;
  let fives = 0;
  for (; rest % 2n === 0n; rest /= 2n) twos += 1;
  for (; rest % 5n === 0n; rest /= 5n) fives += 1;
  if (rest !== 1n) return `${n}/${d}`;
  const places = Math.max(twos, fives);
  if (places === 0) return n.toString();
  const digits = (((n < 0n ? -n : n) * 10n ** BigInt(places)) / d).toString().padStart(places + 1, '0');
  return `${n < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}
