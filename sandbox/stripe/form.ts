import { invalid } from './faults.ts';

export type FormValue = string | FormValue[] | FormNode;
export interface FormNode {
  [key: string]: FormValue;
}

const KEY = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;
const PAIRS_MAX = 2_000;
const DEPTH_MAX = 8;

/**
 * `application/x-www-form-urlencoded` with brackets, as Stripe's SDKs write it: `metadata[a]=1`, `expand[]=x`, `expand[0]=x`.
 * Lists written with indexes stay objects keyed "0", "1", …; the parameter that expects a list turns them into one.
 */
export function decodeForm(text: string): FormNode {
  const root = emptyNode();
  let pairs = 0;
  for (const [key, value] of new URLSearchParams(text)) {
    if (++pairs > PAIRS_MAX) throw invalid('Too many parameters.', { early: true });
    const match = KEY.exec(key);
    const path = match ? [match[1]!, ...[...match[2]!.matchAll(/\[([^[\]]*)\]/g)].map((segment) => segment[1]!)] : [key];
    if (path.length > DEPTH_MAX) throw invalid(`Invalid request: ${key} is nested too deeply`, { early: true });
    insert(root, path, value, key);
  }
  return root;
}

function insert(root: FormNode, path: string[], value: string, key: string): void {
  let node: FormNode = root;
  for (const [index, segment] of path.entries()) {
    const name = segment === '' ? String(Object.keys(node).length) : segment;
    const last = index === path.length - 1;
    const existing = node[name];
    if (last) {
      if (typeof existing === 'object') throw clash(key);
      node[name] = value;
      return;
    }
    if (typeof existing === 'string') throw clash(key);
    node = (existing as FormNode | undefined) ?? (node[name] = emptyNode());
  }
}

// No prototype: a parameter called `__proto__` or `constructor` is a name like any other.
const emptyNode = (): FormNode => Object.create(null) as FormNode;

const clash = (key: string) => invalid(`Invalid request: ${key} is sent both as a value and as nested parameters`, { param: key.split('[')[0]!, early: true });
