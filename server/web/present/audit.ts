import { dateWords, timeWords } from './time.ts';

/** One field of a record that changed, in words; empty where it was not there. */
export interface FieldChange {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

const DEPTH_MAX = 4;
const SHOWN_MAX = 300;
/** Names under which our records hold instants, epoch ms. */
const INSTANT = /(?:At|Until|notAfter|notBefore|expires)$/;
const DAY_MS = 86_400_000;
/** Since 2001: what is smaller is a count or an amount that happens to have such a name. */
const INSTANT_MIN = 1_000_000_000_000;

/** `planVersionId` → `Plan version id`, `limits.rate` → `Limits, rate`. */
const fieldWords = (path: string): string => {
  const words = path
    .replaceAll('.', ', ')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function valueWords(path: string, value: unknown): string {
  if (value === undefined || value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if ((typeof value === 'number' || typeof value === 'bigint') && INSTANT.test(path) && Number(value) >= INSTANT_MIN)
    return Number(value) % DAY_MS === 0 ? dateWords(Number(value)) : timeWords(Number(value));
  const text =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
      ? String(value) || 'empty'
      : Array.isArray(value) && value.every((entry) => typeof entry !== 'object')
        ? value.join(', ') || 'none'
        : JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)} …` : text;
}

/** Leaves of a value by their paths; a bare value has the empty path. */
function leaves(value: unknown, path = '', depth = 0): [string, unknown][] {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap || depth === DEPTH_MAX) return value === null && path === '' ? [] : [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`, depth + 1));
}

/** What a record of the audit log changed, field by field; what stayed as it was is left out. */
export function changesOf(before: unknown, after: unknown): FieldChange[] {
  const [old, now] = [new Map(leaves(before ?? null)), new Map(leaves(after ?? null))];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((path) => {
    const change = {
      field: path === '' ? 'Value' : fieldWords(path),
      before: old.has(path) ? valueWords(path, old.get(path)) : '',
      after: now.has(path) ? valueWords(path, now.get(path)) : '',
    };
    return change.before === change.after ? [] : [change];
  });
}
