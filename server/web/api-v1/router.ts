import express, { Router, type Request, type RequestHandler } from 'express';
import { AppError } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/ids.ts';
import type { Idempotency } from '../../services/idempotency.ts';
import type { Services } from '../../services/index.ts';
import { actorOf, may, open } from '../guards.ts';
import { authenticate, bodyOf, oneReading, type AuthenticationParts } from './authenticate.ts';
import { API_PATH, openApiDocument } from './openapi.ts';
import { readInput, type Operation } from './operation.ts';
import { appOperations } from './operations/apps.ts';
import { billingOperations } from './operations/billing.ts';
import { gatewayOperations } from './operations/gateways.ts';
import { keyOperations } from './operations/keys.ts';
import { organizationOperations } from './operations/organization.ts';

declare module 'express-serve-static-core' {
  interface Request {
    /** The body as it came, before it was read. */
    sent?: Buffer;
  }
}

const BODY_BYTES_MAX = 256 * 1024;
const JSON_TYPE = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i;

export const apiV1Operations = (services: Services): readonly Operation[] => [
  ...appOperations(services),
  ...billingOperations(services),
  ...gatewayOperations(services),
  ...keyOperations(services),
  ...organizationOperations(services),
];

/**
 * The management API: its own way in, beside the pages. No session and no cookie is read or set here, so that no other site can send anything in
 * somebody's name; programs come with a key.
 */
export function apiV1Routes(parts: Omit<AuthenticationParts, 'access' | 'keyActors'> & { readonly services: Services; readonly webUrl: string }): Router {
  const { services, webUrl } = parts;
  const operations = apiV1Operations(services);
  const router = Router({ caseSensitive: true, strict: true });
  let document: string | undefined;
  router.get('/openapi.json', open, (_req, res) => {
    document ??= JSON.stringify(openApiDocument(operations, webUrl));
    res.type('application/json').send(document);
  });
  router.use(oneReading);
  router.use(notPacked);
  router.use(express.raw({ type: () => true, limit: BODY_BYTES_MAX, inflate: false }));
  router.use(authenticate({ ...parts, access: services.access, keyActors: services.keyActors }));
  router.use(jsonBody);
  for (const one of operations) router[one.method](expressPath(one.path), may(one.action), answer(one, services.idempotency));
  router.use(noSuchRoute(operations));
  return router;
}

const expressPath = (path: string): string => path.replace(/\{([a-z_]+)\}/g, ':$1');

/** What is packed would be read as something else than what was signed. */
const notPacked: RequestHandler = (req, _res, next) => {
  if (req.headers['content-encoding'] !== undefined) throw new AppError('unsupported-media-type');
  next();
};

/** @throws unsupported-media-type for a body that is not JSON in UTF-8; invalid-request for one that does not parse */
const jsonBody: RequestHandler = (req, _res, next) => {
  const raw = bodyOf(req);
  req.sent = raw;
  if (raw.length === 0) {
    req.body = undefined;
    return next();
  }
  if (!JSON_TYPE.test(req.headers['content-type'] ?? '')) throw new AppError('unsupported-media-type');
  try {
    req.body = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw));
  } catch (cause) {
    throw new AppError('invalid-request', 'The body is not JSON.', { cause });
  }
  next();
};

const KEY = /^[!-~]{1,255}$/;

/** Under which key the request may be repeated; undefined: it names none, or changes nothing that a repetition would do twice. @throws invalid-request */
function idempotencyKeyOf(req: Request): string | undefined {
  const given = req.headers['idempotency-key'];
  if (req.method !== 'POST' || given === undefined) return undefined;
  const named = req.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'idempotency-key');
  if (typeof given !== 'string' || named.length > 1 || !KEY.test(given))
    throw new AppError('invalid-request', 'Idempotency-Key must be sent once, with 1 to 255 visible ASCII characters.');
  return given;
}

type Made = Readonly<Partial<Record<'credential' | 'key', { readonly id: string }>>>;

const addressOf = (path: string, part: (name: string) => string, made: string): string =>
  path.replace(/\{([a-z_]+)\}/g, (_, name: string) => encodeURIComponent(name === 'made' ? made : part(name)));

function answer({ query, body, status, place, run }: Operation, idempotency: Idempotency): RequestHandler {
  return async (req, res) => {
    const sent = sha256Hex(req.sent ?? Buffer.alloc(0));
    const given = req.body as unknown;
    if (!body && given !== undefined) throw new AppError('invalid-form', undefined, { fields: { body: 'This operation takes no body.' } });
    const key = idempotencyKeyOf(req);
    const part = (name: string) => String(req.params[name]);
    const input = { actor: actorOf(req), part, query: readInput(query, { ...req.query }), body: body ? readInput(body, given) : {} };
    const act = (requestId: string | undefined) => run({ ...input, requestId } as Parameters<Operation['run']>[0]);
    const send = (text: string) => res.status(status).type('application/json').send(text);
    if (key === undefined) {
      const result = await act(undefined);
      return void (status === 204 ? res.status(204).end() : send(JSON.stringify(result)));
    }
    const outcome = await idempotency.once(input.actor, { key, fingerprint: sha256Hex(`${req.method} ${req.originalUrl}\n${sent}`) }, async (requestId) => {
      const result = await act(requestId);
      const text = JSON.stringify(result);
      const at = place && addressOf(place.path, part, (result as Made)[place.within]?.id ?? '');
      return { answer: text, kept: at === null ? { body: text, place: null } : { body: null, place: at } };
    });
    if (!outcome.replayed) return void send(outcome.answer);
    res.set('Idempotent-Replayed', 'true');
    const { kept } = outcome;
    if (kept.place === null) return void send(kept.body);
    res.set('Location', `${API_PATH}${kept.place}`);
    throw new AppError(
      'conflict',
      `The first request with this Idempotency-Key was done: it made ${API_PATH}${kept.place}. The secret stood in that answer alone and is kept nowhere. If the answer was lost, rotate or delete what it made.`,
    );
  };
}

/** An address that has other methods says which. */
function noSuchRoute(operations: readonly Operation[]): RequestHandler {
  const shapes = operations.map(({ method, path }) => ({ method: method.toUpperCase(), shape: new RegExp(`^${path.replace(/\{[a-z_]+\}/g, '[^/]+')}$`) }));
  return (req: Request, res) => {
    const methods = shapes.filter(({ shape }) => shape.test(req.path)).map(({ method }) => method);
    if (methods.length === 0) throw new AppError('not-found');
    res.set('Allow', [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].sort().join(', '));
    throw new AppError('method-not-allowed');
  };
}
