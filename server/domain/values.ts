import { CURRENCIES, INT64_MAX, type Currency } from './money.ts';
import { readInstant } from './time.ts';

/** A value that the billing shapes refuse. `path` names it, such as `plan.price.tiers[1].up_to`. Only the reader's caller catches it. */
export class ValueFault extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = 'ValueFault';
    this.path = path;
  }
}

/** Reads one JSON value at a path, or throws a {@link ValueFault}. */
export type Reader<T> = (value: unknown, path: string) => T;

/** How JSON carries an integer: a number while it is exact in every JSON reader, a string beyond. */
export type JsonInt = number | string;

export const LIST_MAX = 1000;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

export const toJsonInt = (value: bigint): JsonInt => (value >= -SAFE_MAX && value <= SAFE_MAX ? Number(value) : value.toString());

export function refuse(path: string, message: string): never {
  throw new ValueFault(path, message);
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const at = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

export function readMap(value: unknown, path: string): Record<string, unknown> {
  return isMap(value) ? value : refuse(path, 'must be an object');
}

/** The fields of an object, taken one by one; `end()` refuses those nobody asked for. */
export interface Fields {
  readonly path: string;
  has(key: string): boolean;
  take<T>(key: string, read: Reader<T>): T;
  /** Left out gives the default; null is not the same as left out, and reaches the reader. */
  maybe<T, D>(key: string, read: Reader<T>, otherwise: D): T | D;
  end(): void;
}

/** @param prefix  the path of the object itself; its fields are appended with a dot */
export function fieldsOf(value: unknown, prefix: string): Fields {
  const map = readMap(value, prefix);
  const known = new Set<string>();
  const has = (key: string) => {
    known.add(key);
    return Object.hasOwn(map, key);
  };
  return {
    path: prefix,
    has,
    take: (key, read) => (has(key) ? read(map[key], at(prefix, key)) : refuse(at(prefix, key), 'is missing')),
    maybe: (key, read, otherwise) => (has(key) ? read(map[key], at(prefix, key)) : otherwise),
    end() {
      const unknown = Object.keys(map).find((key) => !known.has(key));
      if (unknown !== undefined) refuse(at(prefix, unknown), 'is not known here');
    },
  };
}

/** Reads an object whole: unknown fields are refused, after the known ones were read. */
export function object<T>(read: (fields: Fields) => T): Reader<T> {
  return (value, path) => {
    const fields = fieldsOf(value, path);
    const result = read(fields);
    fields.end();
    return result;
  };
}

export function list<T>(read: Reader<T>, { min = 0, max = LIST_MAX }: { min?: number; max?: number } = {}): Reader<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) return refuse(path, 'must be a list');
    if (value.length < min || value.length > max) return refuse(path, `must hold ${min} to ${max} entries`);
    return value.map((entry, index) => read(entry, `${path}[${index}]`));
  };
}

/** A map with free keys. The result is a Map, so that a key such as `__proto__` is only a key. */
export function mapOf<T>(read: Reader<T>): Reader<Map<string, T>> {
  return (value, path) => new Map(Object.entries(readMap(value, path)).map(([key, entry]) => [key, read(entry, at(path, key))]));
}

function readInteger(value: unknown, path: string, signed: boolean): bigint {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) return refuse(path, 'must be an integer; beyond 2^53-1 send a string');
    if (value < 0 && !signed) return refuse(path, 'must not be negative');
    return BigInt(value);
  }
  if (typeof value !== 'string') return refuse(path, 'must be an integer');
  const pattern = signed ? /^(?:0|-?[1-9][0-9]*)$/ : /^(?:0|[1-9][0-9]*)$/;
  // The length is bounded first: converting a number of a million digits would take minutes.
  if (value.length > 20 || !pattern.test(value)) return refuse(path, 'must be an integer from 0 to 2^63-1, without leading zeros');
  const integer = BigInt(value);
  return integer > INT64_MAX || integer < -INT64_MAX ? refuse(path, 'must not be beyond 2^63-1') : integer;
}

/** 0 … 2⁶³−1, as a JSON integer up to 2⁵³−1 or as a string. */
export const int: Reader<bigint> = (value, path) => readInteger(value, path, false);
export const signedInt: Reader<bigint> = (value, path) => readInteger(value, path, true);

export const intBetween =
  (min: bigint, max: bigint = INT64_MAX): Reader<bigint> =>
  (value, path) => {
    const integer = int(value, path);
    return integer < min || integer > max ? refuse(path, max === INT64_MAX ? `must be at least ${min}` : `must be from ${min} to ${max}`) : integer;
  };

export const smallIntBetween = (min: number, max: number): Reader<number> => {
  const read = intBetween(BigInt(min), BigInt(max));
  return (value, path) => Number(read(value, path));
};

export const currencyReader: Reader<Currency> = (value, path) =>
  (typeof value === 'string' ? CURRENCIES.get(value) : undefined) ?? refuse(path, 'must be a lower-case code of a known currency');

const onStep = (amount: bigint, path: string, { stepMinor, code }: Currency): bigint =>
  amount % stepMinor === 0n ? amount : refuse(path, `must be a multiple of ${stepMinor} in ${code}`);

/** Minor units, at least 0, on the currency's step (rule N1). */
export const money =
  (currency: Currency): Reader<bigint> =>
  (value, path) =>
    onStep(int(value, path), path, currency);
export const signedMoney =
  (currency: Currency): Reader<bigint> =>
  (value, path) =>
    onStep(signedInt(value, path), path, currency);

/** Digits after the point that a price may have; inside, prices are integers scaled by 10¹² (rule N2). */
const PRICE_DECIMALS = 12;
export const SCALE = 10n ** BigInt(PRICE_DECIMALS);

/** A decimal string → an integer scaled by 10¹². */
export const scaledDecimal: Reader<bigint> = (value, path) => {
  const match = typeof value === 'string' ? /^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,12}))?$/.exec(value) : null;
  if (!match) return refuse(path, 'must be a decimal string with at most 12 digits before and 12 after the point');
  return BigInt(`${match[1] ?? ''}${(match[2] ?? '').padEnd(PRICE_DECIMALS, '0')}`);
};

/** 0 to 100, scaled by 10¹². */
export const percent: Reader<bigint> = (value, path) => {
  const scaled = scaledDecimal(value, path);
  return scaled > 100n * SCALE ? refuse(path, 'must be from 0 to 100') : scaled;
};

export const basisPoints = intBetween(0n, 10_000n);

export const boolean: Reader<boolean> = (value, path) => (typeof value === 'boolean' ? value : refuse(path, 'must be true or false'));

const TEXT_MAX = 200;
export const text: Reader<string> = (value, path) => {
  if (typeof value !== 'string' || value === '') return refuse(path, `must be a text of 1 to ${TEXT_MAX} characters`);
  // Characters, not UTF-16 units; the cheap bound comes first.
  return value.length > 2 * TEXT_MAX || [...value].length > TEXT_MAX ? refuse(path, `must have at most ${TEXT_MAX} characters`) : value;
};

export const oneOf =
  <const T extends string>(...allowed: readonly T[]): Reader<T> =>
  (value, path) =>
    allowed.find((entry) => entry === value) ?? refuse(path, `must be one of ${allowed.join(', ')}`);

/** Epoch milliseconds. */
export const instant: Reader<number> = (value, path) =>
  (typeof value === 'string' ? readInstant(value) : undefined) ?? refuse(path, 'must be a time such as 2029-06-30T23:59:59Z');

/** Epoch milliseconds of a whole second. */
export const second: Reader<number> = (value, path) => {
  const epochMs = instant(value, path);
  return epochMs % 1000 === 0 ? epochMs : refuse(path, 'must be a whole second');
};

/** [start, end), whole seconds. */
export interface Period {
  readonly startAt: number;
  readonly endAt: number;
}

export const period: Reader<Period> = (value, path) => {
  const [startAt, endAt] = list(second, { min: 2, max: 2 })(value, path) as [number, number];
  return startAt < endAt ? { startAt, endAt } : refuse(path, 'must start before it ends');
};
