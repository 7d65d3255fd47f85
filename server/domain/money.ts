/** A currency's arithmetic: how many decimals it shows, of which number every amount is a multiple, the least that is charged. */
export interface Currency {
  /** Lower case, as everywhere inside. */
  readonly code: string;
  /** Decimals of the minor unit: 1234 with exponent 2 is 12.34. */
  readonly exponent: number;
  /** Every amount is a multiple of it; every rounding goes straight to it (rule N4). */
  readonly stepMinor: bigint;
  /** Decimals shown to people; differs from `exponent` for isk alone, whose two decimals are always 00. */
  readonly shownDecimals: number;
  /** Below it nothing is charged (rule N16). Stripe's published minimum where the account settles in the same currency. */
  readonly minimumChargeMinor: bigint;
}

const codes = (list: string): string[] => list.split(' ');

const MINIMUM_CHARGES: ReadonlyMap<string, bigint> = new Map(
  (
    [
      [30n, 'gbp'],
      [50n, 'aud brl cad chf eur inr jpy nzd sgd usd'],
      [200n, 'aed myr pln ron'],
      [250n, 'dkk'],
      [300n, 'nok sek'],
      [400n, 'hkd'],
      [1000n, 'mxn thb'],
      [1500n, 'czk'],
      [17500n, 'huf'],
    ] as const
  ).flatMap(([minimum, list]) => codes(list).map((code) => [code, minimum] as const)),
);

const group = (list: string, exponent: number, stepMinor: bigint, shownDecimals = exponent): Currency[] =>
  codes(list).map((code) => ({ code, exponent, stepMinor, shownDecimals, minimumChargeMinor: MINIMUM_CHARGES.get(code) ?? 0n }));

/** Rule N1: the currencies there are. Any other code is refused. */
export const CURRENCIES: ReadonlyMap<string, Currency> = new Map(
  [
    ...group('bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf', 0, 1n),
    ...group('aed aud brl cad chf cny czk dkk eur gbp hkd huf idr ils inr mxn myr nok nzd php pln ron sar sek sgd thb try twd usd zar', 2, 1n),
    ...group('isk', 2, 100n, 0),
    ...group('bhd jod kwd omr tnd', 3, 10n),
  ].map((currency) => [currency.code, currency]),
);

/** @throws RangeError for a code that is not in the table: codes are checked where they enter */
export function currencyOf(code: string): Currency {
  const currency = CURRENCIES.get(code);
  if (!currency) throw new RangeError(`unknown currency ${code}`);
  return currency;
}

/** `1234567` → `1,234,567`, in any locale. */
export function groupDigits(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString();
  let text = '';
  for (let end = digits.length; end > 0; end -= 3) text = digits.slice(Math.max(0, end - 3), end) + (text && `,${text}`);
  return value < 0n ? `-${text}` : text;
}

/**
 * An amount as people read it (rule N1): code in capitals, a space, grouped digits, as many decimals as the currency shows.
 *
 * @param minor  minor units, a multiple of the currency's step
 * @example formatMoney(7240n, 'kwd') // "KWD 7.240"
 */
export function formatMoney(minor: bigint, code: string): string {
  const { exponent, shownDecimals } = currencyOf(code);
  const magnitude = minor < 0n ? -minor : minor;
  const unit = 10n ** BigInt(exponent);
  const decimals = exponent === 0 ? '' : (magnitude % unit).toString().padStart(exponent, '0').slice(0, shownDecimals);
  return `${code.toUpperCase()} ${minor < 0n ? '-' : ''}${groupDigits(magnitude / unit)}${decimals && `.${decimals}`}`;
}

/** The number alone, as a form field shows and takes it: `"12.34"`. */
export function plainMoney(minor: bigint, code: string): string {
  return formatMoney(minor, code)
    .slice(code.length + 1)
    .replaceAll(',', '');
}

/** 2⁶³−1: the largest amount and quantity the store holds. */
export const INT64_MAX = 9_223_372_036_854_775_807n;

/**
 * Read what a person typed into an amount field, such as `12.34`, `1,234` or `USD 5`.
 *
 * @returns minor units, or undefined when it is no amount of this currency: too many decimals, off the currency's step, negative, above int64
 */
export function parseMoney(text: string, code: string): bigint | undefined {
  const { exponent, stepMinor } = currencyOf(code);
  const bare = text.trim().toLowerCase();
  const match = /^((?:\d{1,3}(?:,\d{3})+)|\d{1,19})(?:\.(\d{1,12}))?$/.exec(bare.startsWith(code) ? bare.slice(code.length).trim() : bare);
  if (!match) return undefined;
  const decimals = match[2] ?? '';
  if (/[^0]/.test(decimals.slice(exponent))) return undefined;
  const minor = BigInt(`${match[1]?.replaceAll(',', '') ?? ''}${decimals.slice(0, exponent).padEnd(exponent, '0')}`);
  return minor <= INT64_MAX && minor % stepMinor === 0n ? minor : undefined;
}
