import { hash, timingSafeEqual } from 'node:crypto';
import { headerName } from './headers.ts';
import { hmacHex, type HmacKey } from './hmac.ts';

/**
 * SDK-HMAC-SHA256, as the reference system's official signers make it. The signature covers method, path, query, named headers and
 * the body's hash, all as sent; what the signers write differently from each other is accepted in each of their spellings.
 */
export const ALGORITHM = 'SDK-HMAC-SHA256';
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** A signature's date may be this far from the real time, either way. */
export const SKEW_MS = 15 * 60_000;

/** How long a used signature must be remembered: it is acceptable from 15 minutes before its date until 15 minutes after. */
export const SIGNATURE_LIFE_MS = 2 * SKEW_MS + 60_000;

const OTHER_ALGORITHMS = /^((?:SDK|V11)-[A-Z0-9-]+)(?:\s|$)/;
const SIGNED_HEADERS_MAX = 100;

export interface SignatureClaim {
  readonly appKey: string;
  /** Lower case, as listed. */
  readonly signedHeaders: readonly string[];
  /** 64 hexadecimal digits, lower case. */
  readonly signature: string;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query as sent, without and behind the `?`. */
  readonly rawPath: string;
  readonly rawQuery: string;
  /** Names and values in turn; values are bytes read as Latin-1, as Node gives them. */
  readonly rawHeaders: readonly string[];
}

type Fault = { readonly fault: string };

/** Does this `Authorization` claim a signature, ours or a relative of it? */
export const claimsSignature = (authorization: string): boolean => OTHER_ALGORITHMS.test(authorization);

/** As nearly all signers write it. */
const USUAL_CLAIM = /^SDK-HMAC-SHA256 Access=([A-Za-z0-9_-]{8,200}), SignedHeaders=([a-z0-9-]+(?:;[a-z0-9-]+)*), Signature=([0-9a-f]{64})$/;

/** Read `SDK-HMAC-SHA256 Access=…, SignedHeaders=a;b, Signature=…`. */
export function readClaim(authorization: string): SignatureClaim | Fault {
  const usual = USUAL_CLAIM.exec(authorization);
  if (usual === null) return readUnusualClaim(authorization);
  const signedHeaders = (usual[2] as string).split(';');
  return signedHeaders.length > SIGNED_HEADERS_MAX ? NO_SIGNED_HEADERS : { appKey: usual[1] as string, signedHeaders, signature: usual[3] as string };
}

const NO_SIGNED_HEADERS: Fault = { fault: 'Authorization must hold SignedHeaders=<names joined by ;>.' };

function readUnusualClaim(authorization: string): SignatureClaim | Fault {
  const algorithm = OTHER_ALGORITHMS.exec(authorization)?.[1] ?? '';
  if (algorithm !== ALGORITHM) return { fault: `The algorithm ${algorithm.slice(0, 40)} is not supported; sign with ${ALGORITHM}.` };
  const fields = new Map<string, string>();
  for (const part of authorization.slice(ALGORITHM.length).split(',')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).trim();
    if (equals < 0 || fields.has(name)) return { fault: 'Authorization must hold Access, SignedHeaders and Signature, once each.' };
    fields.set(name, part.slice(equals + 1).trim());
  }
  const appKey = fields.get('Access') ?? '';
  const signedHeaders = (fields.get('SignedHeaders') ?? '')
    .toLowerCase()
    .split(';')
    .filter((name) => name !== '');
  const signature = fields.get('Signature') ?? '';
  if (!/^[A-Za-z0-9_-]{8,200}$/.test(appKey)) return { fault: 'Authorization must hold Access=<AppKey>.' };
  if (signedHeaders.length === 0 || signedHeaders.length > SIGNED_HEADERS_MAX) return NO_SIGNED_HEADERS;
  if (!/^[0-9a-f]{64}$/i.test(signature)) return { fault: 'Signature must be 64 hexadecimal digits.' };
  return { appKey, signedHeaders, signature: signature.toLowerCase() };
}

/**
 * The instant an `X-Sdk-Date` (`20060102T150405Z`) names, epoch ms; NaN when it names none.
 */
export function readSdkDate(text: string): number {
  if (text === dateText) return dateAt;
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!parts) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  dateAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  dateText = text;
  return dateAt;
}

/** Neighbouring calls mostly name the same second. */
let [dateText, dateAt] = ['', Number.NaN];

const sdkDate = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

/** Null when the date is near enough to `realNow`; otherwise why not, with both times. */
export function dateFault(date: string, realNow: number): string | null {
  const at = readSdkDate(date);
  if (Number.isNaN(at)) return 'X-Sdk-Date must be a time such as 20260102T150405Z.';
  return Math.abs(realNow - at) > SKEW_MS ? `signature expired, signature time:${date}, server time:${sdkDate(realNow)}` : null;
}

/**
 * Does the signature fit the request?
 *
 * @param payload  the body's hash as it stands in the canonical request: the value of `X-Sdk-Content-Sha256`, or the hex SHA-256 of the body
 * @param bodyEmpty  with an empty body, `UNSIGNED-PAYLOAD` may stand beside the empty hash (the Python signer writes both)
 * @returns null, or the mismatch with our canonical request (`|` for newline, credentials left out)
 */
export function signatureFault(
  claim: SignatureClaim,
  request: SignedRequest,
  { date, payload, bodyEmpty, secret }: { date: string; payload: string; bodyEmpty: boolean; secret: HmacKey },
): string | null {
  const headers = canonicalHeaders(claim.signedHeaders, request.rawHeaders, false);
  if (typeof headers !== 'string') return headers.fault;
  const query = canonicalQuery(request.rawQuery);
  const tail = `\n${query}\n${headers}\n${claim.signedHeaders.join(';')}\n`;
  const payloads = bodyEmpty && payload === UNSIGNED_PAYLOAD ? [payload, EMPTY_SHA256] : [payload];
  let uris: readonly string[] = [canonicalUri(request.rawPath)];
  for (let round = 0; round < 2; round++) {
    for (const uri of uris) for (const body of payloads) if (fits(claim.signature, date, `${request.method}\n${uri}${tail}${body}`, secret)) return null;
    // Only when the plain spelling does not fit: those of the Node signer.
    uris = nodeUris(request.rawPath).filter((uri) => uri !== uris[0]);
  }
  const shown = canonicalHeaders(claim.signedHeaders, request.rawHeaders, true);
  const canonical = `${request.method}\n${canonicalUri(request.rawPath)}\n${query}\n${typeof shown === 'string' ? shown : ''}\n${claim.signedHeaders.join(';')}\n${payload}`;
  return `verify signature failed, canonical request:${canonical.replaceAll('\n', '|')}`;
}

function fits(signature: string, date: string, canonicalRequest: string, secret: HmacKey): boolean {
  // Everything but header values is ASCII, and those are bytes read as Latin-1: so the hash is over the bytes as sent.
  const digest = hash('sha256', NOT_ASCII.test(canonicalRequest) ? Buffer.from(canonicalRequest, 'latin1') : canonicalRequest, 'hex');
  expected.write(hmacHex(secret, `${ALGORITHM}\n${date}\n${digest}`), 'latin1');
  claimed.write(signature, 'latin1');
  return timingSafeEqual(expected, claimed);
}

const NOT_ASCII = /[^\0-\x7f]/;
/** Filled anew for each comparison, which nothing interrupts. */
const [expected, claimed] = [Buffer.alloc(64), Buffer.alloc(64)];

/** RFC 3986: everything but unreserved characters as `%XX`. */
export const escapeText = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const perSegment = (path: string, spell: (segment: string) => string): string => {
  const uri = path.split('/').map(spell).join('/');
  return uri.endsWith('/') ? uri : `${uri}/`;
};

const UNRESERVED_PATH = /^[A-Za-z0-9\-._~/]*$/;

/** Each segment percent-encoded once, always ending in `/`. */
export const canonicalUri = (rawPath: string): string =>
  UNRESERVED_PATH.test(rawPath) ? (rawPath.endsWith('/') ? rawPath : `${rawPath}/`) : perSegment(rawPath, (segment) => escapeText(decoded(segment)));

/** The Node signer encodes an encoded path once more, or the decoded path after the URL parser escaped some characters in it. */
const PARSER_ESCAPED = /[ "'<>\\^`{|}]/g;
const nodeUris = (rawPath: string): string[] => [
  perSegment(rawPath, escapeText),
  perSegment(rawPath, (segment) =>
    escapeText(decoded(segment).replace(PARSER_ESCAPED, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)),
  ),
];

/** Keys and the values of one key sorted before they are encoded; `k=` when a value is empty or missing; `+` is a space. */
export function canonicalQuery(rawQuery: string): string {
  if (rawQuery === '') return '';
  const pairs: [string, string][] = [];
  for (const part of rawQuery.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const text = (raw: string) => decoded(raw.replaceAll('+', ' '));
    pairs.push(equals < 0 ? [text(part), ''] : [text(part.slice(0, equals)), text(part.slice(equals + 1))]);
  }
  pairs.sort(([keyA, valueA], [keyB, valueB]) => compare(keyA, keyB) || compare(valueA, valueB));
  return pairs.map(([key, value]) => `${escapeText(key)}=${escapeText(value)}`).join('&');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function canonicalHeaders(signedHeaders: readonly string[], rawHeaders: readonly string[], masked: boolean): string | Fault {
  const names = inOrder(signedHeaders);
  const values = names.map((): string | null => null);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const at = names.indexOf(headerName(rawHeaders[i] as string).lower);
    if (at < 0) continue;
    const value = (rawHeaders[i + 1] as string).trim();
    const before = values[at] ?? null;
    values[at] = before === null ? value : `${before},${value}`;
  }
  let text = '';
  for (const [i, name] of names.entries()) {
    // Listed twice, found once.
    if (name === names[i - 1]) values[i] = values[i - 1] ?? null;
    const value = values[i] ?? null;
    if (value === null) return { fault: `The header ${name} is listed in SignedHeaders, but was not sent.` };
    text += `${name}:${masked && headerName(name).request === 'credential' && !name.startsWith('x-sdk-') ? '[hidden]' : value}\n`;
  }
  return text;
}

/** Most signers list them sorted. */
function inOrder(names: readonly string[]): readonly string[] {
  for (let i = 1; i < names.length; i++) if (compare(names[i - 1] as string, names[i] as string) > 0) return [...names].sort(compare);
  return names;
}
