import { fraction, roundHalfUp, roundToStep, type Fraction } from './fraction.ts';
import type { Currency } from './money.ts';
import { SCALE, fieldsOf, int, intBetween, list, money, object, oneOf, refuse, scaledDecimal, type JsonInt, type Reader } from './values.ts';

/** Prices are integers scaled by 10¹² (rule N2), flat amounts minor units. */
export interface Tier {
  /** Inclusive, in whole units after the included ones; null in the last tier and only there. */
  readonly upTo: bigint | null;
  readonly unitScaled: bigint;
  readonly flatMinor: bigint;
}
export interface PerUnitPrice {
  readonly model: 'per_unit';
  readonly unitScaled: bigint;
  readonly divideBy: bigint;
  readonly included: bigint;
}
export interface PackagePrice {
  readonly model: 'package';
  readonly size: bigint;
  readonly amountMinor: bigint;
  readonly included: bigint;
}
export interface TieredPrice {
  readonly model: 'graduated' | 'volume';
  readonly tiers: readonly Tier[];
  readonly included: bigint;
}
/** A price as it is calculated with (rules N3, N5). */
export type Price = PerUnitPrice | PackagePrice | TieredPrice;

/** A price as JSON carries it, in a plan document and through the billing command. */
export type PriceDocument =
  | { readonly model: 'per_unit'; readonly unit_amount_decimal: string; readonly divide_by?: JsonInt; readonly included?: JsonInt }
  | { readonly model: 'package'; readonly package_size: JsonInt; readonly package_amount: JsonInt; readonly included?: JsonInt }
  | { readonly model: 'graduated' | 'volume'; readonly tiers: readonly TierDocument[]; readonly included?: JsonInt };
export interface TierDocument {
  readonly up_to: JsonInt | null;
  readonly unit_amount_decimal?: string;
  readonly flat_amount?: JsonInt;
}

const TIERS_MAX = 100;
const atLeastOne = intBetween(1n);

const tier = (currency: Currency): Reader<Tier> =>
  object((fields) => {
    const upTo = fields.take('up_to', (value, path) => (value === null ? null : atLeastOne(value, path)));
    if (!fields.has('unit_amount_decimal') && !fields.has('flat_amount')) refuse(fields.path, 'needs unit_amount_decimal, flat_amount or both');
    return { upTo, unitScaled: fields.maybe('unit_amount_decimal', scaledDecimal, 0n), flatMinor: fields.maybe('flat_amount', money(currency), 0n) };
  });

const tiers =
  (currency: Currency): Reader<Tier[]> =>
  (value, path) => {
    const read = list(tier(currency), { min: 1, max: TIERS_MAX })(value, path);
    let predecessor = 0n;
    read.forEach(({ upTo }, index) => {
      const bound = `${path}[${index}].up_to`;
      const last = index === read.length - 1;
      if (last !== (upTo === null)) refuse(bound, 'must be null in the last tier and only there');
      if (upTo !== null && upTo <= predecessor) refuse(bound, 'must be above the bound before it');
      predecessor = upTo ?? predecessor;
    });
    return read;
  };

/** Reads a price; amounts must lie on the currency's step. */
export const price =
  (currency: Currency): Reader<Price> =>
  (value, path) => {
    const fields = fieldsOf(value, path);
    const model = fields.take('model', oneOf('per_unit', 'package', 'graduated', 'volume'));
    const included = fields.maybe('included', int, 0n);
    const read = (): Price => {
      switch (model) {
        case 'per_unit':
          return { model, included, unitScaled: fields.take('unit_amount_decimal', scaledDecimal), divideBy: fields.maybe('divide_by', atLeastOne, 1n) };
        case 'package':
          return { model, included, size: fields.take('package_size', atLeastOne), amountMinor: fields.take('package_amount', money(currency)) };
        default:
          return { model, included, tiers: fields.take('tiers', tiers(currency)) };
      }
    };
    const result = read();
    fields.end();
    return result;
  };

/**
 * What a quantity costs, exactly, in minor units (rules N3, N5). Rounding happens once, per invoice line.
 *
 * @param quantity  whole units, at least 0
 * @throws RangeError on a negative quantity: a programmer's mistake, never a caller's
 */
export function rate(terms: Price, quantity: bigint): Fraction {
  if (quantity < 0n) throw new RangeError('a quantity must not be negative');
  const units = quantity > terms.included ? quantity - terms.included : 0n;
  switch (terms.model) {
    case 'per_unit':
      return fraction(units * terms.unitScaled, SCALE * terms.divideBy);
    case 'package':
      return fraction(((units + terms.size - 1n) / terms.size) * terms.amountMinor);
    case 'graduated':
      return fraction(graduatedScaled(units, terms.tiers), SCALE);
    case 'volume':
      return fraction(volumeScaled(units, terms.tiers), SCALE);
  }
}

/** Each unit pays the price of the tier it falls in; a tier's flat amount is due as soon as it holds one unit. */
function graduatedScaled(units: bigint, ascending: readonly Tier[]): bigint {
  let totalScaled = 0n;
  let priced = 0n;
  for (const { upTo, unitScaled, flatMinor } of ascending) {
    const ceiling = upTo === null || upTo > units ? units : upTo;
    // After a change of plan a bound may be zero or meet its predecessor: an empty tier, without its flat amount (rule N7).
    if (ceiling <= priced) continue;
    totalScaled += (ceiling - priced) * unitScaled + flatMinor * SCALE;
    priced = ceiling;
  }
  return totalScaled;
}

/** All units pay the price of the tier that the quantity reaches; on a bound that is the lower one. */
function volumeScaled(units: bigint, ascending: readonly Tier[]): bigint {
  const reached = ascending.find(({ upTo }) => upTo === null || units <= upTo);
  return units === 0n || !reached ? 0n : units * reached.unitScaled + reached.flatMinor * SCALE;
}

/** One invoice line: the exact value, and the amount rounded once, straight to the currency's step (rule N4). */
export interface RatedLine {
  readonly quantity: bigint;
  readonly exact: Fraction;
  readonly amountMinor: bigint;
}

export function rateLine(terms: Price, quantity: bigint, { stepMinor }: Pick<Currency, 'stepMinor'>): RatedLine {
  const exact = rate(terms, quantity);
  return { quantity, exact, amountMinor: roundToStep(exact, stepMinor) };
}

/**
 * A price for one window of a period that a change of plan has split: included units and tier bounds shrink to the window's share,
 * half up; unit prices, flat amounts and package sizes stay (rule N7).
 */
export function priceForShare(terms: Price, share: Fraction): Price {
  const cut = (units: bigint): bigint => roundHalfUp(fraction(units * share.n, share.d));
  const included = cut(terms.included);
  if (terms.model !== 'graduated' && terms.model !== 'volume') return { ...terms, included };
  return { ...terms, included, tiers: terms.tiers.map((entry) => ({ ...entry, upTo: entry.upTo === null ? null : cut(entry.upTo) })) };
}

/** Included units and tier bounds of a price, for display. */
export const boundsOf = (terms: Price): (bigint | null)[] => ('tiers' in terms ? terms.tiers.map(({ upTo }) => upTo) : []);
