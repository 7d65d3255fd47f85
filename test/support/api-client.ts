import { createHash, createHmac } from 'node:crypto';
import type { Actor } from '../../server/domain/actor.ts';
import type { IssuedKey } from '../../server/services/access-keys.ts';
import type { Services } from '../../server/services/index.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed; undefined when the body is none. */
  readonly json: Record<string, unknown>;
}

/** A program: sends what it is told with one way of proving who it is. */
export interface ApiClient {
  /** @param body  a text or bytes as they are, anything else as JSON */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
}

const answerOf = async (response: Response): Promise<ApiAnswer> => {
  const text = await response.text();
  const json = (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, text, json };
};

/** @param prove  headers that say who it is */
export const apiClient = (origin: string, prove: (method: string, path: string, body: string) => Record<string, string>): ApiClient => ({
  async send(method, path, body, headers = {}) {
    const raw = typeof body === 'string' || body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const text = raw === undefined ? '' : raw.toString();
    const sent = { ...prove(method, `/api/v1${path}`, text), ...(body !== undefined && { 'content-type': 'application/json' }), ...headers };
    return answerOf(await fetch(`${origin}/api/v1${path}`, { method, headers: sent, redirect: 'manual', ...(raw !== undefined && { body: raw }) }));
  },
});

export const bearerClient = (origin: string, token: string): ApiClient => apiClient(origin, () => ({ authorization: `Bearer ${token}` }));

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');
export const sdkDate = (at = Date.now()): string => `${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

/** Signed by hand, for what the official signers never do. Paths without escapes, queries already sorted. */
export function signedHeaders(
  { accessKey, secretKey }: { readonly accessKey: string; readonly secretKey: string },
  method: string,
  path: string,
  body: string,
  { date = sdkDate(), payload = sha256(body), extra = {} }: { date?: string; payload?: string; extra?: Record<string, string> } = {},
): Record<string, string> {
  const [uri = '', query = ''] = path.split('?');
  const headers: Record<string, string> = { 'x-sdk-date': date, ...extra };
  const names = Object.keys(headers).sort();
  const canonical = `${method}\n${uri}/\n${query}\n${names.map((name) => `${name}:${headers[name]}\n`).join('')}\n${names.join(';')}\n${payload}`;
  const signature = createHmac('sha256', secretKey)
    .update(`SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`)
    .digest('hex');
  return { ...headers, authorization: `SDK-HMAC-SHA256 Access=${accessKey}, SignedHeaders=${names.join(';')}, Signature=${signature}` };
}

let nonces = 0;
/** Signs each request anew, with a nonce, so that equal requests within a second differ. */
export const signingClient = (origin: string, key: { readonly accessKey: string; readonly secretKey: string }): ApiClient =>
  apiClient(origin, (method, path, body) => signedHeaders(key, method, path, body, { extra: { 'x-sdk-nonce': String((nonces += 1)) } }));

type Keys = Pick<Services, 'accessKeys'>;
export const TOKEN_FIELDS = { kind: 'token', name: 'test', lifeDays: 30 } as const;

/** The secret of a new token of the actor's own, with its id. */
export async function tokenOf({ accessKeys }: Keys, actor: Actor): Promise<{ readonly token: string; readonly id: string }> {
  return asToken(await accessKeys.createOwn(actor, TOKEN_FIELDS));
}
export function asToken(issued: IssuedKey): { readonly token: string; readonly id: string } {
  if (issued.kind !== 'token') throw new Error('a token was asked for');
  return { token: issued.token, id: issued.key.id };
}
export async function signatureOf(
  { accessKeys }: Keys,
  actor: Actor,
): Promise<{ readonly accessKey: string; readonly secretKey: string; readonly id: string }> {
  const issued = await accessKeys.createOwn(actor, { ...TOKEN_FIELDS, kind: 'signature' });
  if (issued.kind !== 'signature') throw new Error('a signature was asked for');
  return { accessKey: issued.accessKey, secretKey: issued.secretKey, id: issued.key.id };
}
