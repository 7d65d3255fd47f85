import { twoDigits } from '../../domain/time.ts';
import { zoneOffsetMs } from '../../domain/zone.ts';
import { serviceTitle, verbWords } from './permissions.ts';
import { dateWords, timeWords } from './time.ts';

/** One field of a record that changed, in words; empty where it was not there. */
export interface FieldChange {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

const DEPTH_MAX = 6;
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

/** Leaves of a value by their paths; a bare value has the empty path. A list of plain values is one leaf, a list of things has numbers in its paths. */
function leaves(given: unknown, path = '', depth = 0): [string, unknown][] {
  const value = unfolded(given);
  const isMap = typeof value === 'object' && value !== null && !(Array.isArray(value) && value.every((entry) => typeof entry !== 'object' || entry === null));
  if (!isMap || depth === DEPTH_MAX) return value === null && path === '' ? [] : [[path, value]];
  const named: [string, unknown][] = Array.isArray(value) ? value.map((entry, i) => [String(i + 1), entry]) : Object.entries(value);
  return named.flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`, depth + 1));
}

/** A document that was kept as its text, such as a policy's. */
function unfolded(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
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

const OWN_WORDS: Readonly<Record<string, string>> = {
  'accounts:choose-organization': 'Acts for this organization',
  'accounts:link-sign-on': 'Single sign-on was linked',
  'accounts:refuse-passkey': 'A passkey was refused',
  'accounts:request-reset': 'Asked for a link to reset the password',
  'accounts:reset-password': 'Reset the password',
  'accounts:sign-in': 'Sign in',
  'accounts:sign-out': 'Sign out',
  'accounts:sign-up': 'Sign up',
  'accounts:verify': 'Confirmed the e-mail address',
  'market:audit:expire': 'Audit log: what was kept long enough is removed',
};

/** What somebody did, in words: `Gateways: change`. */
export function actionWords(action: string): string {
  const title = serviceTitle(action);
  return OWN_WORDS[action] ?? (title === null ? action : `${title}: ${verbWords(action)}`);
}

/** `30 Jun 2029, 23:59:07` by the clocks of a zone. */
export function zonedWords(at: number, zone: string): string {
  const local = new Date(at + zoneOffsetMs(at, zone));
  return `${dateWords(local.getTime())}, ${twoDigits(local.getUTCHours())}:${twoDigits(local.getUTCMinutes())}:${twoDigits(local.getUTCSeconds())}`;
}
