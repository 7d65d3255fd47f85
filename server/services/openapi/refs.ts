import { isMap, type JsonMap } from './parse.ts';

const CHAIN_MAX = 20;

export type Resolved = { readonly value: unknown; readonly problem?: undefined } | { readonly value?: undefined; readonly problem: string };

/**
 * Follow `$ref` inside the document. Nothing outside is ever fetched or opened, whatever it names.
 *
 * @returns the value, or the problem in words
 */
export function resolve(root: JsonMap, given: unknown): Resolved {
  let value = given;
  for (let steps = 0; steps < CHAIN_MAX; steps++) {
    if (!isMap(value) || typeof value['$ref'] !== 'string') return { value };
    const target = value['$ref'];
    if (!target.startsWith('#')) return { problem: `It refers to ${shown(target)}, which is outside of the document.` };
    const found = at(root, target);
    if (found === undefined) return { problem: `It refers to ${shown(target)}, which does not exist.` };
    value = found;
  }
  return { problem: 'It refers to itself.' };
}

const shown = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text);

function at(root: JsonMap, pointer: string): unknown {
  let value: unknown = root;
  for (const part of pointer.replace(/^#\/?/, '').split('/')) {
    if (part === '' && pointer.length <= 2) return root;
    const key = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as JsonMap)[key];
  }
  return value;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
