import { looksLikeCredential } from './backend-constants.ts';
import { headerName } from './headers.ts';

/** A value of the caller's request that a gateway's parameter has written beside the call. */
export interface LogField {
  readonly in: 'header' | 'query' | 'cookie';
  /** Of headers in lower case. */
  readonly name: string;
}

export const LOG_FIELDS_MAX = 10;
/** Bytes of all values of a call, in UTF-8. */
export const LOG_BYTES_MAX = 2_048;
const NAME_MAX = 64;

const FIELD = /^(header|query|cookie):\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)$/i;
/** Names that hold what somebody could call or sign in with. Too many are refused rather than one too few: what is logged cannot be taken back. */
const SECRET_NAME =
  /auth(?!ors?$)|passw|pwd|secret|token|api[-_]?key|app[-_]?(key|code)|access[-_]?key|credential|signature|sess|jwt|csrf|xsrf|^sid$|[-_.]sid$|^__(host|secure)-|^code$|cookie/i;

/** Could a value under this name let its reader act as the caller? */
export function isSecretField({ in: place, name }: LogField): boolean {
  return SECRET_NAME.test(name) || looksLikeCredential(name) || (place === 'header' && headerName(name).request === 'credential');
}

/** `header:user-agent, query:page`, as it is stored and shown. */
const text = (fields: readonly LogField[]): string => fields.map((field) => `${field.in}:${field.name}`).join(', ');

/** @param typed  fields between commas or on lines of their own; empty: none */
export function readLogFields(typed: string): { readonly value: string } | { readonly fault: string } {
  const parts = typed
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length > LOG_FIELDS_MAX) return { fault: `At most ${LOG_FIELDS_MAX} fields.` };
  const fields: LogField[] = [];
  for (const part of parts) {
    const [, place = '', name = ''] = FIELD.exec(part) ?? [];
    if (name === '' || name.length > NAME_MAX)
      return { fault: `“${part.slice(0, 80)}” is not header:name, query:name or cookie:name, with a name of at most ${NAME_MAX} characters.` };
    const kind = place.toLowerCase() as LogField['in'];
    const field: LogField = { in: kind, name: kind === 'header' ? name.toLowerCase() : name };
    if (isSecretField(field)) return { fault: `${field.in}:${field.name} may hold a credential, so it is never logged.` };
    if (fields.some((one) => one.in === field.in && one.name === field.name)) return { fault: `${field.in}:${field.name} is named twice.` };
    fields.push(field);
  }
  return { value: text(fields) };
}

/** The fields of a stored value. What today's rules would refuse is left out, whatever the rules were when it was stored. */
export function logFields(value: string): LogField[] {
  return value
    .split(', ')
    .flatMap((part): LogField[] => {
      const [, place = '', name = ''] = FIELD.exec(part) ?? [];
      return name === '' ? [] : [{ in: place as LogField['in'], name }];
    })
    .filter((field) => !isSecretField(field))
    .slice(0, LOG_FIELDS_MAX);
}

/** Control characters, and those that turn the direction of text around: written as `\u000a`, so that no value can look like more than one. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** Values that we issue ourselves, wherever somebody put one. */
const ISSUED = /tg[a-z]{1,2}[_.][0-9A-Za-z][0-9A-Za-z._-]{15,}/g;
const CUT = '…';

/**
 * Values as they are kept, by `header:name`: visible characters, no credential of ours, {@link LOG_BYTES_MAX} bytes together; what is longer is cut and ends in `…`.
 * @param valueOf  null: the call has no such value
 */
export function loggedValues(fields: readonly LogField[], valueOf: (field: LogField) => string | null): Record<string, string> | null {
  const values: Record<string, string> = {};
  let room = LOG_BYTES_MAX;
  let any = false;
  for (const field of fields) {
    const raw = valueOf(field);
    if (raw === null) continue;
    const safe = raw
      .slice(0, LOG_BYTES_MAX)
      .replace(ISSUED, '[credential]')
      .replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const kept = cut(safe, room, raw.length > LOG_BYTES_MAX);
    room -= Buffer.byteLength(kept);
    values[`${field.in}:${field.name}`] = kept;
    any = true;
  }
  return any ? values : null;
}

function cut(value: string, bytesMax: number, longer: boolean): string {
  if (!longer && Buffer.byteLength(value) <= bytesMax) return value;
  const room = bytesMax - Buffer.byteLength(CUT);
  if (room < 0) return '';
  let bytes = 0;
  let kept = '';
  for (const character of value) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    kept += character;
  }
  return kept + CUT;
}
