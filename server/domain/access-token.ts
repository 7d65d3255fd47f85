import { createHmac } from 'node:crypto';
import { sameSecret } from './credential.ts';

/** What a token of a gateway's token address says. Whoever holds it can read it; only the gateway can make it. */
export interface AccessToken {
  readonly kind: 'access' | 'refresh';
  /** Of the gateway's key that signed it: with another key it ends. */
  readonly keyId: string;
  readonly credentialId: string;
  /** Epoch seconds. */
  readonly endsAt: number;
  /** Told to the backend with each call; may be empty. */
  readonly throughData: string;
}

/** Tells a token from an AppCode, which has no dot. */
export const TOKEN_PREFIX = 'tgat.';
export const THROUGH_DATA_MAX = 300;
const TOKEN_CHARACTERS_MAX = 1_024;
const DATA = /^[\x20-\x7e]*$/;

/** Visible ASCII, since it travels in a header. */
export const isThroughData = (text: string): boolean => text.length <= THROUGH_DATA_MAX && DATA.test(text) && text === text.trim();

/** Bound to one gateway: the same key under another gateway's id signs otherwise. */
const macOf = (key: Buffer, gatewayId: string, body: string): Buffer => createHmac('sha256', key).update(`${gatewayId}\n${body}`).digest();

/** `tgat.<what it says>.<HMAC-SHA-256>`, both in base64url. */
export function signToken(key: Buffer, gatewayId: string, { kind, keyId, credentialId, endsAt, throughData }: AccessToken): string {
  const body = Buffer.from(JSON.stringify([kind === 'access' ? 'a' : 'r', keyId, credentialId, endsAt, throughData])).toString('base64url');
  return `${TOKEN_PREFIX}${body}.${macOf(key, gatewayId, body).toString('base64url')}`;
}

/** Null: not one of ours, or changed. Whether it still counts is for whoever reads it: its end, its key, its credential. */
export function readToken(key: Buffer, gatewayId: string, token: string): AccessToken | null {
  if (!token.startsWith(TOKEN_PREFIX) || token.length > TOKEN_CHARACTERS_MAX) return null;
  const [, body, mac, more] = token.split('.');
  if (body === undefined || mac === undefined || more !== undefined) return null;
  const given = Buffer.from(mac, 'base64url');
  const expected = macOf(key, gatewayId, body);
  if (given.toString('base64url') !== mac || !sameSecret(given, expected)) return null;
  const [kind, keyId, credentialId, endsAt, throughData] = JSON.parse(Buffer.from(body, 'base64url').toString()) as [string, string, string, number, string];
  return { kind: kind === 'a' ? 'access' : 'refresh', keyId, credentialId, endsAt, throughData };
}

/** What is asked at the token address. */
export interface TokenRequest {
  readonly grantType: 'client_credentials' | 'refresh_token';
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  /** Null: not sent. */
  readonly throughData: string | null;
}

/** A refusal of the token address: the reference system's code, OAuth's word, and words. */
export interface TokenRefusal {
  readonly status: 400 | 401 | 403 | 405 | 413 | 415 | 429 | 503;
  readonly code: string;
  readonly error: string;
  readonly text: string;
  readonly retryAfterSeconds?: number;
}

export const tokenRefusal = (status: TokenRefusal['status'], code: string, error: string, text: string): TokenRefusal => ({
  status,
  code: `APIG.${code}`,
  error,
  text,
});
const missing = (code: string, name: string): TokenRefusal => tokenRefusal(400, code, 'invalid_request', `${name} is missing.`);

/** Read a body, as a form or as JSON. */
export function readTokenRequest(contentType: string, body: string): { readonly request: TokenRequest } | { readonly refusal: TokenRefusal } {
  const fields = fieldsOf(contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '', body);
  if ('refusal' in fields) return fields;
  const { values } = fields;
  const grantType = values.get('grant_type') ?? '';
  const [clientId, clientSecret, refreshToken] = ['client_id', 'client_secret', 'refresh_token'].map((name) => values.get(name) ?? '') as [
    string,
    string,
    string,
  ];
  const throughData = values.get('through_data') ?? null;
  if (grantType === '') return { refusal: missing('2210', 'grant_type') };
  if (grantType !== 'client_credentials' && grantType !== 'refresh_token')
    return { refusal: tokenRefusal(400, '2209', 'unsupported_grant_type', 'grant_type must be client_credentials or refresh_token.') };
  if (clientId === '') return { refusal: missing('2211', 'client_id, the AppKey,') };
  if (clientSecret === '') return { refusal: missing('2212', 'client_secret, the AppSecret,') };
  if (grantType === 'refresh_token' && refreshToken === '') return { refusal: missing('2213', 'refresh_token') };
  if (throughData !== null && !isThroughData(throughData))
    return { refusal: tokenRefusal(400, '2208', 'invalid_request', `through_data may have ${THROUGH_DATA_MAX} visible ASCII characters.`) };
  return { request: { grantType, clientId, clientSecret, refreshToken, throughData } };
}

const NAMES: ReadonlySet<string> = new Set(['grant_type', 'client_id', 'client_secret', 'refresh_token', 'through_data']);
const malformed = (text: string): { readonly refusal: TokenRefusal } => ({ refusal: tokenRefusal(400, '2205', 'invalid_request', text) });

/** Values by name, each once; names that mean nothing here (`scope`) are left out. */
function fieldsOf(contentType: string, body: string): { readonly values: ReadonlyMap<string, string> } | { readonly refusal: TokenRefusal } {
  const values = new Map<string, string>();
  if (contentType === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new URLSearchParams(body)) {
      if (!NAMES.has(name)) continue;
      if (values.has(name)) return malformed(`${name} must be sent once.`);
      values.set(name, value);
    }
    return { values };
  }
  if (contentType !== 'application/json')
    return { refusal: tokenRefusal(415, '2204', 'invalid_request', 'Send application/x-www-form-urlencoded or application/json.') };
  try {
    const parsed = JSON.parse(body) as unknown;
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return malformed('The body must be one JSON object.');
    for (const [name, value] of Object.entries(parsed)) {
      if (!NAMES.has(name)) continue;
      if (typeof value !== 'string') return malformed(`${name} must be a text.`);
      values.set(name, value);
    }
    return { values };
  } catch {
    return malformed('The body is not JSON.');
  }
}
