import { createHash } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Attempts } from '../../cache/attempts.ts';
import type { Replays } from '../../cache/replays.ts';
import { networkOf } from '../../domain/address.ts';
import { hmacKey } from '../../domain/hmac.ts';
import { EMPTY_SHA256, SIGNATURE_LIFE_MS, UNSIGNED_PAYLOAD, claimsSignature, dateFault, readClaim, signatureFault } from '../../domain/signature.ts';
import { isHost, readTarget } from '../../domain/target.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Access } from '../../services/access.ts';
import type { KeyActors } from '../../services/key-actors.ts';
import type { AccessKeyDoc } from '../../store/access-keys.ts';

export interface AuthenticationParts {
  readonly access: Pick<Access, 'surroundings'>;
  readonly keyActors: KeyActors;
  /** Failed ones, by address. */
  readonly attempts: Attempts;
  readonly replays: Replays;
  readonly clock: Pick<Clock, 'real'>;
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** An unknown access key is checked against this, so that it takes as long as a known one with a wrong secret. */
const NOBODY = Buffer.alloc(32).toString('base64url');

const refused = (detail: string) => new AppError('authentication-failed', detail);

/** The request as it was sent: one host, one target, which no two servers can read differently. */
export const oneReading: RequestHandler = (req, _res, next) => {
  const names = req.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const doubled = ['authorization', 'host', 'x-sdk-content-sha256', 'x-sdk-date'].find((name) => names.filter((one) => one === name).length > 1);
  if (doubled !== undefined) throw new AppError('invalid-request', `The header ${doubled} was sent more than once.`);
  const host = req.headers.host ?? '';
  if (!isHost(host)) throw new AppError('invalid-request', 'The Host header does not name a host.');
  if (!req.originalUrl.startsWith('/')) throw new AppError('invalid-request', 'The target must be a path on this host.');
  const reading = readTarget(req.originalUrl, host);
  if (reading.fault !== undefined) throw new AppError('invalid-request', reading.fault);
  next();
};

export const bodyOf = (req: Request): Buffer => (Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0));

/**
 * Who comes with a key: by a token, or by a signature over target, host and body. No cookie is read. Failures are counted by the sender's network as
 * those of signing in are; a key that has ended is no guess, and is not counted.
 */
export function authenticate({ access, keyActors, attempts, replays, clock }: AuthenticationParts): RequestHandler {
  /** @throws authentication-failed for what nobody was issued */
  async function prove(req: Request): Promise<AccessKeyDoc> {
    const authorization = req.headers.authorization ?? '';
    const bearer = /^Bearer ([!-~]{1,200})$/i.exec(authorization)?.[1];
    if (bearer !== undefined) {
      const key = await keyActors.byToken(bearer);
      if (!key) throw refused('This token is not known.');
      return key;
    }
    if (claimsSignature(authorization)) return signed(req, authorization);
    throw refused('Authorization must hold Bearer tgt_… or a signature by SDK-HMAC-SHA256.');
  }

  async function signed(req: Request, authorization: string): Promise<AccessKeyDoc> {
    const claim = readClaim(authorization);
    if ('fault' in claim) throw refused(claim.fault);
    const date = String(req.headers['x-sdk-date'] ?? '');
    const stale = dateFault(date, clock.real());
    if (stale !== null) throw refused(stale);
    const body = bodyOf(req);
    const hash = createHash('sha256').update(body).digest('hex');
    const declared = req.headers['x-sdk-content-sha256'];
    const payload = declared === undefined ? (body.length === 0 ? EMPTY_SHA256 : hash) : String(declared);
    if (payload === UNSIGNED_PAYLOAD && body.length > 0) throw refused('UNSIGNED-PAYLOAD is not accepted with a body: sign its hash.');
    if (payload !== UNSIGNED_PAYLOAD && payload.toLowerCase() !== hash) throw refused('The body does not match X-Sdk-Content-Sha256.');
    const found = await keyActors.byAccessKey(claim.appKey);
    const mark = req.originalUrl.indexOf('?');
    const fault = signatureFault(
      claim,
      {
        method: req.method,
        rawPath: mark < 0 ? req.originalUrl : req.originalUrl.slice(0, mark),
        rawQuery: mark < 0 ? '' : req.originalUrl.slice(mark + 1),
        rawHeaders: req.rawHeaders,
      },
      { date, payload, bodyEmpty: body.length === 0, secret: hmacKey(found?.secret ?? NOBODY) },
    );
    if (!found) throw refused(`There is no access key ${claim.appKey}.`);
    if (fault !== null) throw refused(fault);
    if (!SAFE.has(req.method)) await onlyOnce(claim.signature);
    return found.key;
  }

  async function onlyOnce(signature: string): Promise<void> {
    const first = await replays.first(signature, SIGNATURE_LIFE_MS).catch((cause: unknown) => {
      throw new AppError('dependency-away', 'Whether this signature was used before cannot be checked now. Nothing was changed.', {
        cause,
        retryAfterSeconds: 2,
      });
    });
    if (!first) throw refused('This signature was used before. Sign again with a later X-Sdk-Date, or add a signed X-Sdk-Nonce.');
  }

  return async (req, res, next) => {
    const address = req.ip ?? '';
    const network = networkOf(address);
    const wait = await attempts.waiting(network);
    if (wait > 0) throw new AppError('too-many-attempts', `Too many failed attempts. Try again in ${wait} seconds.`, { retryAfterSeconds: wait });
    // For every refusal from here on; taken back when somebody is known.
    res.set('WWW-Authenticate', 'Bearer realm="Tollgate"');
    if (req.headers.authorization === undefined)
      throw new AppError('authentication-missing', 'Send an access token as Authorization: Bearer tgt_…, or sign with an access key and its secret.');
    const key = await prove(req).catch(async (error: unknown) => {
      if (error instanceof AppError && error.code === 'authentication-failed') await attempts.count(network);
      throw error;
    });
    const actor = await keyActors.actorOf(key, { address, requestId: req.id });
    req.actor = actor;
    req.surroundings = (named) => access.surroundings(actor, named);
    res.removeHeader('WWW-Authenticate');
    next();
  };
}
