import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalid, StripeFault } from './faults.ts';
import { decodeForm, type FormNode } from './form.ts';
import { readAll } from './parameters.ts';
import type { Disturbances } from './disturbances.ts';
import { routeOf } from './routes.ts';
import { API_VERSION, type World } from './world.ts';

const KEY_CHARACTERS_MAX = 255;

interface Answer {
  status: number;
  body: string;
  requestId: string;
  headers?: Record<string, string>;
}

export type Api = (request: IncomingMessage, response: ServerResponse, url: URL, body: string) => Promise<void>;

/** One request and its answer, for whoever checks them against Stripe's description. */
export interface Exchange {
  method: string;
  /** With the ids in it, and with its query. */
  url: string;
  /** As in Stripe's description; null when there is no such address. */
  route: string | null;
  requestBody: string;
  status: number;
  body: string;
}

export interface ApiParts {
  world: World;
  disturbances: Disturbances;
  tick: () => void;
  observe: (exchange: Exchange) => void;
}

/** `/v1/…`, as Stripe answers it. */
export function makeApi({ world, disturbances, tick, observe }: ApiParts): Api {
  /** Idempotency keys whose first request is not answered yet. */
  const inFlight = new Set<string>();

  return async (request, response, url, body) => {
    const requestId = world.read().id('req_', 14);
    const method = request.method ?? 'GET';
    const fate = disturbances.next(method, url.pathname);
    if (fate.cut === 'before') return void response.destroy();
    const rawKey = method === 'POST' ? request.headers['idempotency-key'] : undefined;
    const key = typeof rawKey === 'string' && rawKey !== '' ? rawKey : null;
    let answer: Answer;
    let held = false;
    try {
      checkCaller(request);
      if (fate.status) throw disturbance(fate.status);
      const run = prepare(method, url, body);
      if (key !== null) {
        if (key.length > KEY_CHARACTERS_MAX) throw invalid(`Idempotency keys may have at most ${KEY_CHARACTERS_MAX} characters.`, { early: true });
        if (inFlight.has(key)) {
          throw new StripeFault(
            409,
            'idempotency_error',
            'There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through)',
            { code: 'idempotency_key_in_use', early: true },
          );
        }
        inFlight.add(key);
        held = true;
      }
      await fate.wait();
      tick();
      answer = execute(run, { key, requestId });
      if (fate.statusAfter) throw disturbance(fate.statusAfter);
    } catch (error) {
      answer = failed(error, requestId);
    } finally {
      if (held) inFlight.delete(key!);
    }
    observe({
      method,
      url: url.pathname + url.search,
      route: routeOf(method, url.pathname)?.endpoint.path ?? null,
      requestBody: body,
      status: answer.status,
      body: answer.body,
    });
    if (fate.cut === 'after') return void response.destroy();
    send(response, answer, { version: request.headers['stripe-version'], key });
  };

  interface Run {
    /** SHA-256 of method, path and parameters. */
    hash: string;
    perform(tx: Parameters<Parameters<World['transact']>[1]>[0]): Record<string, unknown>;
  }

  function prepare(method: string, url: URL, body: string): Run {
    const route = routeOf(method, url.pathname);
    if (!route) {
      throw new StripeFault(
        404,
        'invalid_request_error',
        `Unrecognized request URL (${method}: ${url.pathname}). Please see https://docs.stripe.com/ or we can help at https://support.stripe.com/.`,
        { early: true },
      );
    }
    const node: FormNode = decodeForm([url.search.slice(1), method === 'POST' ? body : ''].filter(Boolean).join('&'));
    const params = readAll(route.endpoint.params, node) as Record<string, unknown>;
    return {
      hash: createHash('sha256')
        .update(JSON.stringify([method, url.pathname, params]))
        .digest('hex'),
      perform: (tx) => route.endpoint.run(tx, params, route.named),
    };
  }

  function execute(run: Run, { key, requestId }: { key: string | null; requestId: string }): Answer {
    const before = key === null ? undefined : world.answered(key);
    if (before) {
      if (before.request !== run.hash) {
        throw new StripeFault(
          400,
          'idempotency_error',
          `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
          { early: true },
        );
      }
      return { status: before.status, body: before.body, requestId, headers: { 'Idempotent-Replayed': 'true', 'Original-Request': before.requestId } };
    }
    const mark = { id: requestId, idempotencyKey: key };
    const remember = ({ status, body }: Answer) => (key === null ? null : { id: key, request: run.hash, status, body, requestId });
    try {
      return world.transact(
        mark,
        (tx): Answer => {
          try {
            return { status: 200, body: JSON.stringify(run.perform(tx), null, 2), requestId };
          } catch (error) {
            if (error instanceof StripeFault && error.details.keep) return failed(error, requestId);
            throw error;
          }
        },
        remember,
      );
    } catch (error) {
      const answer = failed(error, requestId);
      // Once execution began, its answer is the answer to this key, a refusal too.
      if (!(error instanceof StripeFault && error.details.early)) world.transact(mark, () => answer, remember);
      return answer;
    }
  }
}

/** The key must look like a test key, the version must be the one spoken here, and no other account may be meant. */
function checkCaller(request: IncomingMessage): void {
  const header = request.headers.authorization ?? '';
  const secret = header.startsWith('Bearer ')
    ? header.slice(7).trim()
    : header.startsWith('Basic ')
      ? Buffer.from(header.slice(6), 'base64').toString('utf8').split(':')[0]!
      : '';
  if (secret === '') {
    throw new StripeFault(
      401,
      'invalid_request_error',
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
      { early: true },
    );
  }
  if (!/^(sk|rk)_test_\w+$/.test(secret))
    throw new StripeFault(
      401,
      'invalid_request_error',
      `Invalid API Key provided: ${secret.slice(0, 8)}****. This is a simulator: it takes test keys (sk_test_…) only.`,
      { early: true },
    );
  const version = request.headers['stripe-version'];
  if (version !== undefined && version !== API_VERSION)
    throw invalid(`Invalid Stripe API version: ${String(version)}. This simulator speaks ${API_VERSION} only.`, { early: true });
  if (request.headers['stripe-account'] !== undefined)
    throw new StripeFault(403, 'invalid_request_error', 'This simulator has no connected accounts.', { code: 'account_invalid', early: true });
}

function disturbance(status: number): StripeFault {
  if (status === 429)
    return new StripeFault(
      429,
      'invalid_request_error',
      'Request rate limit exceeded. Learn more about rate limits here https://docs.stripe.com/rate-limits.',
      { code: 'rate_limit', early: true },
    );
  if (status === 409)
    return new StripeFault(
      409,
      'invalid_request_error',
      'This object cannot be accessed right now because another API request or Stripe process is currently accessing it.',
      { code: 'lock_timeout', early: true },
    );
  return new StripeFault(status, 'api_error', 'An unknown error occurred', { early: true });
}

function failed(error: unknown, requestId: string): Answer {
  if (error instanceof StripeFault) return { status: error.status, body: JSON.stringify(error.body(requestId), null, 2), requestId };
  console.error(error);
  const fault = new StripeFault(500, 'api_error', `The simulator itself failed: ${error instanceof Error ? error.message : String(error)}`);
  return { status: 500, body: JSON.stringify(fault.body(requestId), null, 2), requestId };
}

function send(
  response: ServerResponse,
  { status, body, requestId, headers }: Answer,
  { version, key }: { version: string | string[] | undefined; key: string | null },
): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-cache, no-store',
    'Request-Id': requestId,
    'Stripe-Version': typeof version === 'string' ? version : API_VERSION,
    ...(key !== null && { 'Idempotency-Key': key, 'Original-Request': requestId }),
    ...headers,
  });
  response.end(body);
}
