import { readToken, readTokenRequest, signToken, tokenRefusal, type TokenRefusal, type TokenRequest } from '../../domain/access-token.ts';
import { networkOf } from '../../domain/address.ts';
import { sameSecret } from '../../domain/credential.ts';
import { AppError } from '../../kernel/errors.ts';
import type { BodyBuffers } from '../body.ts';
import type { Call } from '../call.ts';
import { headerOnce } from '../fields.ts';
import type { Filter } from '../filter.ts';
import type { Attempts } from '../ports.ts';
import { ownHeaders } from '../reply.ts';
import type { LiveCredential, Table } from '../table.ts';
import type { TokenSettings } from '../tokens.ts';
import { groupsFor, locate } from './find-route.ts';
import { isSecure } from './guard.ts';

const BODY_BYTES_MAX = 8_192;

export interface TokenAddressDependencies {
  readonly table: () => Table;
  readonly domain: string;
  readonly buffers: BodyBuffers;
  readonly onUnknown: () => void;
  readonly realNow: () => number;
  /** Wrong secrets, by credential and caller's address, and by address alone: nobody can shut another one out. */
  readonly attempts: { readonly credential: Attempts; readonly address: Attempts };
}

/** The address at which a gateway gives out access tokens, before its APIs are looked at. Where no gateway has one it costs a look at an empty map. */
export function makeTokenAddress({ table, domain, buffers, onUnknown, realNow, attempts }: TokenAddressDependencies): Filter {
  const suffix = domain === '' ? '' : `.${domain.toLowerCase()}`;

  return (call) => {
    const compiled = table();
    if (compiled.tokenSettings.size === 0) return;
    locate(call, suffix);
    const settings = compiled.tokenSettings.get(call.label);
    if (settings === undefined || call.path !== settings.path || !groupsFor(call, compiled).has(call.label)) return;
    return give(call, settings);
  };

  async function give(call: Call, settings: TokenSettings): Promise<void> {
    if (settings.maintenance) throw new AppError('maintenance');
    const outcome = await decide(call, settings);
    if ('refusal' in outcome) answer(call, outcome.refusal.status, refusalBody(call, outcome.refusal), outcome.refusal);
    else answer(call, 200, outcome.given, null);
  }

  async function decide(call: Call, settings: TokenSettings): Promise<Decided> {
    if (call.method !== 'POST') return refused(405, '2206', 'invalid_request', 'The token address takes POST alone.');
    if (!isSecure(call)) return refused(403, '0303', 'invalid_request', 'A secret is accepted over HTTPS only.');
    if (call.contentLength < 0 || call.contentLength > BODY_BYTES_MAX)
      return refused(413, '0201', 'invalid_request', `The body must have a Content-Length of at most ${BODY_BYTES_MAX} bytes.`);
    const body = call.contentLength === 0 ? '' : (await buffers.read(call)).toString('utf8');
    const reading = readTokenRequest(headerOnce(call, 'content-type'), body);
    if ('refusal' in reading) return reading;
    const credential = await proven(call, reading.request);
    return 'error' in credential ? { refusal: credential } : tokensFor(credential, settings, reading.request);
  }

  async function proven(call: Call, { clientId, clientSecret }: TokenRequest): Promise<TokenRefusal | LiveCredential> {
    const credential = table().byAppKey.get(clientId);
    // A caller has all the addresses of an IPv6 network at hand.
    const network = networkOf(call.clientAddress);
    const keys = { credential: `${credential?.row.id ?? ''} ${network}`, address: network };
    const wait = Math.max(await attempts.address.waiting(keys.address).catch(none), await attempts.credential.waiting(keys.credential).catch(none));
    if (wait > 0) return tooMany(wait);
    // An unknown key takes as long as a known one with a wrong secret.
    const same = sameSecret(clientSecret, credential?.secret()?.export().toString('utf8') ?? '');
    const proved = same && credential?.secret() ? credential : null;
    // Of many guesses at once nobody learns more than the throttle allows: whether one was right is told only when all that came before it are
    // counted. The right ones go the same way and take no place, so that many who know the secret do not shut each other out.
    const points = proved === null ? 1 : 0;
    const counted = [attempts.address.count(keys.address, points), attempts.credential.count(keys.credential, points)];
    const after = Math.max(...(await Promise.all(counted.map((one) => one.catch(none)))));
    if (after > 0) return tooMany(after);
    if (proved !== null) {
      if (proved.row.notAfter === null || call.admittedAt < proved.row.notAfter) return proved;
      return tokenRefusal(401, '2201', 'invalid_client', 'The credential has expired.');
    }
    if (!credential) onUnknown();
    return tokenRefusal(401, '2201', 'invalid_client', 'The AppKey or the AppSecret is wrong.');
  }

  function tokensFor(credential: LiveCredential, settings: TokenSettings, request: TokenRequest): Decided {
    const key = settings.key();
    if (key === null)
      throw new AppError('gateway-fault', undefined, { cause: new Error(`no key of SECRET_KEYS opens the token key of ${settings.gatewayId}`) });
    const now = Math.floor(realNow() / 1_000);
    let throughData = request.throughData ?? '';
    if (request.grantType === 'refresh_token') {
      const given = readToken(key, settings.gatewayId, request.refreshToken);
      if (given === null || given.kind !== 'refresh' || given.keyId !== settings.keyId)
        return refused(400, '2202', 'invalid_grant', 'This is no refresh token of this gateway, or the key that signed it was replaced.');
      if (given.credentialId !== credential.row.id) return refused(401, '1003', 'invalid_grant', 'The refresh token belongs to another AppKey.');
      if (given.endsAt <= now) return refused(401, '1001', 'invalid_grant', 'The refresh token has expired.');
      throughData = request.throughData ?? given.throughData;
    }
    const common = { keyId: settings.keyId, credentialId: credential.row.id, throughData };
    const given = {
      access_token: signToken(key, settings.gatewayId, { ...common, kind: 'access', endsAt: now + settings.accessSeconds }),
      token_type: 'Bearer',
      expires_in: settings.accessSeconds,
      refresh_token: signToken(key, settings.gatewayId, { ...common, kind: 'refresh', endsAt: now + settings.refreshSeconds }),
      refresh_expires_in: settings.refreshSeconds,
    };
    return { given };
  }
}

type Decided = { readonly refusal: TokenRefusal } | { readonly given: Readonly<Record<string, string | number>> };
const refused = (...given: Parameters<typeof tokenRefusal>): Decided => ({ refusal: tokenRefusal(...given) });
const none = (): number => 0;
const tooMany = (seconds: number): TokenRefusal => ({
  ...tokenRefusal(429, '0308', 'slow_down', 'Too many wrong secrets came from this address. Wait a little.'),
  retryAfterSeconds: seconds,
});

const refusalBody = (call: Call, { code, error, text }: TokenRefusal): Record<string, string> => ({
  error,
  error_description: text,
  error_code: code,
  error_msg: text,
  request_id: call.id,
});

function answer(call: Call, status: number, value: unknown, refusal: TokenRefusal | null): void {
  call.answered = true;
  const body = Buffer.from(JSON.stringify(value));
  const headers = ownHeaders(call, 'application/json', body.length);
  headers.push('Pragma', 'no-cache');
  if (refusal !== null) headers.push('X-Error-Source', 'gateway');
  if (status === 405) headers.push('Allow', 'POST');
  if (status === 401) headers.push('WWW-Authenticate', 'SDK-HMAC-SHA256, Bearer');
  if (refusal?.retryAfterSeconds !== undefined) headers.push('Retry-After', String(refusal.retryAfterSeconds));
  if (!call.caller.destroyed) call.caller.answer(status, headers, call.method === 'HEAD' ? null : body, true);
}
