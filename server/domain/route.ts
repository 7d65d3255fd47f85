import type { Frontend, HttpMethod } from './api.ts';

/**
 * Compiled routes of one group in one environment. Exact beats prefix, the longest prefix wins, a literal segment beats `{param}`
 * beats `{param+}`; whole segments, case-sensitive, `/a` ≠ `/a/`.
 */
export interface Router<T> {
  readonly root: Node<T>;
  /** Exact paths without parameters, for a look-up in one step: `/` joined segments. */
  readonly literal: ReadonlyMap<string, Methods<T>>;
}

type Methods<T> = Map<HttpMethod | 'ANY', Entry<T>>;

interface Entry<T> {
  readonly value: T;
  /** Names of the parameters, in the order of their segments. */
  readonly names: readonly string[];
  /** Which segments these are. */
  readonly places: readonly number[];
}

interface Node<T> {
  literals: Map<string, Node<T>>;
  param: Node<T> | null;
  exact: Methods<T> | null;
  /** `{name+}` beginning at this node's children. */
  rest: Methods<T> | null;
  /** A prefix that ends here. */
  prefix: Methods<T> | null;
  /** A prefix written with a final `/`: it takes what lies below, and not the place itself. */
  below: Methods<T> | null;
}

export interface Match<T> {
  readonly value: T;
  readonly params: Readonly<Record<string, string>>;
  /** Segments that the parameters stand for, in their order; that of `{name+}` and all behind it. */
  readonly places: readonly number[];
  /** How many segments the frontend's path took; what is left over of a prefix match is appended to the backend's path. */
  readonly taken: number;
}

const node = <T>(): Node<T> => ({ literals: new Map(), param: null, exact: null, rest: null, prefix: null, below: null });
const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

const PARAM = /^\{([A-Za-z][A-Za-z0-9_-]{0,63})(\+?)\}$/;

export type PathSegment = { readonly literal: string } | { readonly param: string; readonly rest: boolean };

/**
 * Read a frontend's path. Escapes in it are read as a caller's would be.
 * @throws RangeError in words for the provider's form
 */
export function parsePath(path: string): PathSegment[] {
  if (!path.startsWith('/')) throw new RangeError('must begin with /');
  const parts = path.slice(1).split('/');
  const seen = new Set<string>();
  return parts.map((part, index) => {
    const param = PARAM.exec(part);
    if (!param) {
      if (/[{}?#;\\\s]/.test(part)) throw new RangeError(`has a segment that is neither plain nor one whole {name}: ${part}`);
      if (part === '.' || part === '..' || (part === '' && index < parts.length - 1)) throw new RangeError('has an empty, . or .. segment');
      return { literal: literalText(part) };
    }
    const [, name = '', plus] = param;
    if (seen.has(name)) throw new RangeError(`names {${name}} twice`);
    seen.add(name);
    if (plus === '+' && index < parts.length - 1) throw new RangeError(`{${name}+} must be the last segment`);
    return { param: name, rest: plus === '+' };
  });
}

function literalText(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RangeError(`has a broken escape: ${part}`);
  }
}

/**
 * Compile routes. Of two that are equal in path, match and method the first stays; the catalogue refuses the second when it is published.
 */
export function compileRoutes<T>(routes: readonly { readonly frontend: Frontend; readonly value: T }[]): Router<T> {
  const root = node<T>();
  const literal = new Map<string, Methods<T>>();
  for (const { frontend, value } of routes) {
    const segments = parsePath(frontend.path);
    const places = segments.flatMap((segment, index) => ('param' in segment ? [index] : []));
    const entry: Entry<T> = { value, names: segments.flatMap((segment) => ('param' in segment ? [segment.param] : [])), places };
    let at = root;
    let rest = false;
    const below = frontend.match === 'prefix' && endsInSlash(segments);
    for (const segment of below ? segments.slice(0, -1) : segments) {
      if ('literal' in segment) {
        const text = asSent(segment.literal);
        let next = at.literals.get(text);
        if (!next) at.literals.set(text, (next = node()));
        at = next;
      } else if (segment.rest) rest = true;
      else at = at.param ??= node();
    }
    const place = below ? 'below' : frontend.match === 'prefix' ? 'prefix' : rest ? 'rest' : 'exact';
    const methods = (at[place] ??= new Map<HttpMethod | 'ANY', Entry<T>>());
    if (!methods.has(frontend.method)) methods.set(frontend.method, entry);
    if (frontend.match === 'exact' && entry.names.length === 0)
      literal.set(segments.map((segment) => ('literal' in segment ? asSent(segment.literal) : '')).join('/'), methods);
  }
  return { root, literal };
}

/** A slash within a segment stands as a target's segments have it, or `/a%2Fb` would be found under `/a/b`. */
const asSent = (literal: string): string => (literal.includes('/') ? literal.replaceAll('/', '%2F') : literal);

const endsInSlash = (segments: readonly PathSegment[]): boolean => {
  const last = segments[segments.length - 1];
  return last !== undefined && 'literal' in last && last.literal === '';
};

const pick = <T>(methods: Methods<T> | null | undefined, method: string): Entry<T> | undefined => methods?.get(method as HttpMethod) ?? methods?.get('ANY');

/** Find the route; null when there is none for this path and method. */
export function matchRoute<T>(router: Router<T>, method: string, segments: readonly string[]): Match<T> | null {
  if (router.literal.size > 0) {
    const found = pick(router.literal.get(segments.length === 1 ? (segments[0] as string) : segments.join('/')), method);
    if (found) return { value: found.value, params: NO_PARAMS, places: found.places, taken: segments.length };
  }
  const values: string[] = [];
  return exactMatch(router.root, method, segments, 0, values) ?? prefixMatch(router.root, method, segments, 0, []);
}

function exactMatch<T>(at: Node<T>, method: string, segments: readonly string[], depth: number, values: string[]): Match<T> | null {
  if (depth === segments.length) return found(pick(at.exact, method), values, depth);
  const segment = segments[depth] as string;
  const next = at.literals.get(segment);
  const literal = next ? exactMatch(next, method, segments, depth + 1, values) : null;
  if (literal) return literal;
  if (at.param && segment !== '') {
    values.push(segment);
    const match = exactMatch(at.param, method, segments, depth + 1, values);
    if (match) return match;
    values.pop();
  }
  // `{name+}` takes one segment or more, and no empty one alone.
  const rest = segment === '' ? undefined : pick(at.rest, method);
  return rest ? found(rest, [...values, segments.slice(depth).join('/')], segments.length) : null;
}

function prefixMatch<T>(at: Node<T>, method: string, segments: readonly string[], depth: number, values: readonly string[]): Match<T> | null {
  const segment = segments[depth];
  if (segment === undefined) return found(pick(at.prefix, method), values, depth);
  const next = at.literals.get(segment);
  const literal = next ? prefixMatch(next, method, segments, depth + 1, values) : null;
  const param = at.param && segment !== '' ? prefixMatch(at.param, method, segments, depth + 1, [...values, segment]) : null;
  const deeper = param && (!literal || param.taken > literal.taken) ? param : literal;
  return deeper ?? found(pick(at.below, method) ?? pick(at.prefix, method), values, depth);
}

function found<T>(entry: Entry<T> | undefined, values: readonly string[], taken: number): Match<T> | null {
  if (!entry) return null;
  if (entry.names.length === 0) return { value: entry.value, params: NO_PARAMS, places: entry.places, taken };
  const params: Record<string, string> = {};
  for (let i = 0; i < entry.names.length; i++) params[entry.names[i] as string] = values[i] as string;
  return { value: entry.value, params, places: entry.places, taken };
}

/**
 * The parameters of a match as the path spells them, for whoever must pass them on unread.
 * @param path  that was matched, canonical
 */
export function writtenParams<T>(path: string, { params, places }: Match<T>): Record<string, string> {
  const written = path.slice(1).split('/');
  const names = Object.keys(params);
  return Object.fromEntries(
    names.map((name, i) => {
      const from = places[i] as number;
      const length = i === names.length - 1 ? (params[name] as string).split('/').length : 1;
      return [name, written.slice(from, from + length).join('/')];
    }),
  );
}
