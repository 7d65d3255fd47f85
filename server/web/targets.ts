import { isReading, kindOf, PATHS, type Action } from '../domain/actions.ts';
import { ANYTHING, ORGANIZATION, type Target } from '../domain/rights.ts';

/** What an address names: the ids in it, by kind. An API stands below its gateway there, so its group has to be looked up. */
export interface NamedThings {
  readonly gateway?: string;
  readonly group?: string;
  readonly api?: string;
  readonly product?: string;
  readonly subscription?: string;
}

const SHAPES: readonly { readonly shape: RegExp; readonly kinds: readonly (keyof NamedThings)[] }[] = [
  { shape: /^\/gateways\/((?!new$|new\/)[^/]+)\/apis\/((?!new$|publication$|offline$)[^/]+)/, kinds: ['gateway', 'api'] },
  { shape: /^\/gateways\/((?!new$|new\/)[^/]+)\/groups\/([^/]+)/, kinds: ['gateway', 'group'] },
  { shape: /^\/gateways\/((?!new$|new\/)[^/]+)/, kinds: ['gateway'] },
  { shape: /^\/products\/((?!new$|new\/)[^/]+)/, kinds: ['product'] },
  { shape: /^\/subscriptions\/((?!new$|new\/)[^/]+)/, kinds: ['subscription'] },
];

export function namedIn(path: string): NamedThings {
  for (const { shape, kinds } of SHAPES) {
    const found = shape.exec(path);
    if (found) return Object.fromEntries(kinds.map((kind, i) => [kind, decoded(found[i + 1] ?? '')]));
  }
  return {};
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a broken escape names nothing; the service will say so
  }
}

/**
 * What an action at an address is decided about. Where the address names the thing itself, that; where it names what holds it, reading is about the list in it,
 * and everything else about the place where something new comes or where several things change, of which each is decided by itself.
 */
export function targetOf(action: Action, named: NamedThings): Target {
  const path = PATHS[kindOf(action)];
  const root = path[0];
  if (root === undefined) return ORGANIZATION;
  const steps: string[] = [];
  for (const kind of path) {
    const id = named[kind as keyof NamedThings];
    if (id === undefined) break;
    steps.push(`${kind}:${id}`);
  }
  const held = steps.join('/');
  if (steps.length === path.length) return held;
  if (isReading(action) || !CREATES.test(action)) return held === '' ? ANYTHING : `${held}/*`;
  return held === '' ? `${root}:` : held;
}

/** What brings something new is decided by the place it comes into. */
const CREATES = /:(create|import)$/;
