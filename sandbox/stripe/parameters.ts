import { invalid } from './faults.ts';
import type { FormNode, FormValue } from './form.ts';
import type { Metadata } from './things.ts';

/** One parameter of an endpoint. `T` is what its handler gets. */
export interface Param<T> {
  read(value: FormValue, path: string): T;
  readonly required?: boolean;
  /** For the contract test, which compares with Stripe's own description. */
  readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'object' | 'metadata' | 'range';
  readonly oneOf?: readonly string[];
  readonly fields?: Shape;
}

export type Shape = Record<string, Param<unknown>>;

type Value<P> = P extends Param<infer T> ? T : never;
type RequiredKeys<S> = { [K in keyof S]: S[K] extends { readonly required: true } ? K : never }[keyof S];
export type Values<S extends Shape> = { [K in RequiredKeys<S>]: Value<S[K]> } & { [K in Exclude<keyof S, RequiredKeys<S>>]?: Value<S[K]> };

export const required = <T>(param: Param<T>): Param<T> & { readonly required: true } => ({ ...param, required: true });

/** Text up to 5,000 characters; '' is an attempt to unset, refused unless `clearable`. */
export function text({ max = 5_000, clearable = false }: { max?: number; clearable?: boolean } = {}): Param<string> {
  return {
    type: 'string',
    read(value, path) {
      if (typeof value !== 'string') throw invalid(`Invalid string: ${JSON.stringify(value)}`, { param: path, early: true });
      if (value === '' && !clearable) {
        throw invalid(
          `You passed an empty string for '${path}'. We assume empty values are an attempt to unset a field; however '${path}' cannot be unset. You should remove '${path}' from your request or supply a non-empty value.`,
          { code: 'parameter_invalid_empty', param: path, early: true },
        );
      }
      if (value.length > max) throw invalid(`Invalid string: ${path} must be at most ${max} characters`, { param: path, early: true });
      return value;
    },
  };
}

export function oneOf<const V extends readonly string[]>(values: V): Param<V[number]> {
  return {
    type: 'string',
    oneOf: values,
    read(value, path) {
      if (typeof value === 'string' && values.includes(value)) return value;
      const last = values.at(-1)!;
      const list = values.length === 1 ? last : `${values.slice(0, -1).join(', ')}${values.length > 2 ? ',' : ''} or ${last}`;
      throw invalid(`Invalid ${path}: must be ${values.length === 1 ? '' : 'one of '}${list}`, { param: path, early: true });
    },
  };
}

export function integer({ min = -999_999_999_999, max = 999_999_999_999 }: { min?: number; max?: number } = {}): Param<number> {
  return {
    type: 'integer',
    read(value, path) {
      if (typeof value !== 'string' || !/^-?\d{1,15}$/.test(value)) {
        throw invalid(`Invalid integer: ${typeof value === 'string' ? value : JSON.stringify(value)}`, {
          code: 'parameter_invalid_integer',
          param: path,
          early: true,
        });
      }
      const number = Number(value);
      if (number < min) throw invalid(`This value must be greater than or equal to ${min}.`, { code: 'parameter_invalid_integer', param: path, early: true });
      if (number > max) throw invalid(`This value must be less than or equal to ${max}.`, { code: 'parameter_invalid_integer', param: path, early: true });
      return number;
    },
  };
}

export const boolean = (): Param<boolean> => ({
  type: 'boolean',
  read(value, path) {
    if (value === 'true') return true;
    if (value === 'false') return false;
    throw invalid(`Invalid boolean: ${JSON.stringify(value)}`, { param: path, early: true });
  },
});

export function list<T>(item: Param<T>, { max = 100 }: { max?: number } = {}): Param<T[]> {
  return {
    type: 'array',
    read(value, path) {
      if (value === '') return [];
      const entries = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : null;
      if (!entries || entries.some(([key]) => !/^\d+$/.test(key))) throw invalid(`Invalid array: ${path}`, { param: path, early: true });
      if (entries.length > max) throw invalid(`Invalid array: ${path} may have at most ${max} entries`, { param: path, early: true });
      return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([key, each]) => item.read(each, `${path}[${key}]`));
    },
  };
}

export function fields<S extends Shape>(shape: S): Param<Values<S>> {
  return {
    type: 'object',
    fields: shape,
    read(value, path) {
      if (typeof value !== 'object' || Array.isArray(value)) throw invalid(`Invalid object`, { param: path, early: true });
      return readAll(shape, value, path);
    },
  };
}

/** Keys set, or with '' removed; '' for the whole removes all, which is null here. */
export const metadata = (): Param<Metadata | null> => ({
  type: 'metadata',
  read(value, path) {
    if (value === '') return null;
    if (typeof value !== 'object' || Array.isArray(value)) throw invalid('Invalid metadata: must be an object', { param: path, early: true });
    const entries = Object.entries(value);
    if (entries.length > 50) throw invalid('Invalid metadata: cannot have more than 50 keys', { param: path, early: true });
    for (const [key, each] of entries) {
      if (key.length > 40) throw invalid('Invalid metadata key: exceeds 40 characters', { param: `${path}[${key}]`, early: true });
      if (typeof each !== 'string') throw invalid(`Invalid metadata value: ${JSON.stringify(each)}`, { param: `${path}[${key}]`, early: true });
      if (each.length > 500) throw invalid('Invalid metadata value: exceeds 500 characters', { param: `${path}[${key}]`, early: true });
    }
    return Object.fromEntries(entries) as Metadata;
  },
});

export interface Range {
  gt?: number;
  gte?: number;
  lt?: number;
  lte?: number;
}

const bounds = fields({ gt: integer(), gte: integer(), lt: integer(), lte: integer() });

/** `created=123` or `created[gte]=123`. */
export const range = (): Param<Range> => ({
  type: 'range',
  read(value, path) {
    if (typeof value !== 'string') return bounds.read(value, path);
    const exact = integer().read(value, path);
    return { gte: exact, lte: exact };
  },
});

export const within = (value: number, { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity }: Range = {}): boolean =>
  value > gt && value >= gte && value < lt && value <= lte;

/** Every parameter of a request: unknown ones refused by name, required ones demanded. */
export function readAll<S extends Shape>(shape: S, node: FormNode, path = ''): Values<S> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    const name = path ? `${path}[${key}]` : key;
    const param = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (!param) throw invalid(`Received unknown parameter: ${name}`, { code: 'parameter_unknown', param: name, early: true });
    result[key] = param.read(value, name);
  }
  for (const [key, param] of Object.entries(shape)) {
    const name = path ? `${path}[${key}]` : key;
    if (param.required && result[key] === undefined) throw invalid(`Missing required param: ${name}.`, { code: 'parameter_missing', param: name, early: true });
  }
  return result as Values<S>;
}

/** Apply a metadata parameter to what is there. */
export function mergeMetadata(present: Metadata, change: Metadata | null | undefined): Metadata {
  if (change === undefined) return present;
  if (change === null) return {};
  return Object.fromEntries(Object.entries({ ...present, ...change }).filter(([, value]) => value !== ''));
}
