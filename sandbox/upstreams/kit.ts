import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parse } from 'yaml';

const BODY_BYTES_MAX = 65_536;

/** What a provider's server refuses, as problem+json (RFC 9457). */
export class UpstreamProblem extends Error {
  readonly status: number;
  readonly faults: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, detail: string, { faults = {}, headers = {} }: { faults?: Record<string, string>; headers?: Record<string, string> } = {}) {
    super(detail);
    this.status = status;
    this.faults = faults;
    this.headers = headers;
  }
}

export const notFound = (what: string): UpstreamProblem => new UpstreamProblem(404, `There is no ${what}.`);

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: QueryReader;
  /** The parsed JSON body of a POST. */
  readonly body: unknown;
}

export interface Operation {
  readonly method: 'GET' | 'POST';
  /** `/v1/countries/{code}` */
  readonly path: string;
  handle(call: Call): unknown;
}

export interface Upstream {
  readonly name: string;
  /** The OpenAPI document, parsed. */
  readonly document: Record<string, unknown>;
  readonly operations: readonly Operation[];
}

/** Reads query parameters, gathers every fault, and refuses parameters nobody asked for. */
export class QueryReader {
  readonly #search: URLSearchParams;
  readonly #read = new Set<string>();
  readonly #faults: Record<string, string> = {};

  constructor(search: URLSearchParams) {
    this.#search = search;
  }

  text(name: string, lengthMax = 80): string | undefined {
    this.#read.add(name);
    const value = this.#search.get(name);
    if (value === null || value === '') return undefined;
    if (value.length > lengthMax) this.#faults[name] = `at most ${lengthMax} characters`;
    return value;
  }

  number(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isFinite(value) || value < least || value > most) this.#faults[name] = `a number from ${least} to ${most}`;
    return value;
  }

  integer(name: string, least: number, most: number): number | undefined {
    const value = this.number(name, least, most);
    if (value !== undefined && !Number.isInteger(value)) this.#faults[name] ??= 'a whole number';
    return value;
  }

  needed<T>(name: string, value: T | undefined): T {
    if (value === undefined) this.#faults[name] = 'is needed';
    return value as T;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text !== undefined && !values.includes(text as T)) this.#faults[name] = `one of ${values.join(', ')}`;
    return text as T | undefined;
  }

  /** Call before the values are used. @throws UpstreamProblem 422 naming every parameter at fault */
  check(): void {
    for (const name of this.#search.keys()) if (!this.#read.has(name)) this.#faults[name] = 'is not a parameter of this operation';
    if (Object.keys(this.#faults).length > 0) throw new UpstreamProblem(422, 'Some parameters cannot be accepted.', { faults: this.#faults });
  }
}

/** `limit` and `offset`; the page says how many there are and where the next one begins. */
export function pageOf<T>(
  query: QueryReader,
  find: () => readonly T[],
): { items: T[]; total: number; limit: number; offset: number; next_offset: number | null } {
  const limit = query.integer('limit', 1, 100) ?? 20;
  const offset = query.integer('offset', 0, 1_000_000) ?? 0;
  query.check();
  const found = find();
  const end = offset + limit;
  return { items: found.slice(offset, end), total: found.length, limit, offset, next_offset: end < found.length ? end : null };
}

export const readDocument = (from: URL): Record<string, unknown> => parse(readFileSync(from, 'utf8')) as Record<string, unknown>;

/** Work that takes its time in real life: the answer comes no sooner than this. */
export async function takingAtLeast<T>(ms: number, work: () => T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return work();
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  404: 'Not found',
  405: 'Method not allowed',
  413: 'Body too large',
  415: 'Unsupported media type',
  422: 'Cannot be accepted',
  500: 'Server error',
  503: 'Service unavailable',
};

/** A server of one provider: JSON with ETag and 304, faults as problem+json, its document at `/openapi.json`. */
export function makeUpstream({ name, document, operations }: Upstream): Server {
  const routes = operations.map((operation) => ({ operation, segments: operation.path.split('/') }));
  const documentRoute: Operation = { method: 'GET', path: '/openapi.json', handle: () => document };
  routes.push({ operation: documentRoute, segments: ['', 'openapi.json'] });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://upstream');
    const matching = routes.flatMap(({ operation, segments }) => {
      const params = match(segments, url.pathname);
      return params ? [{ operation, params }] : [];
    });
    if (matching.length === 0) throw notFound('operation at this address');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const found = matching.find(({ operation }) => operation.method === method);
    if (!found) {
      const allow = matching.map(({ operation }) => operation.method).join(', ');
      throw new UpstreamProblem(405, `Use ${allow}.`, { headers: { allow } });
    }
    const body = found.operation.method === 'POST' ? await readJson(request) : undefined;
    const result = await found.operation.handle({ params: found.params, query: new QueryReader(url.searchParams), body });
    send(request, response, result);
  }

  const server = createServer((request, response) => {
    response.setHeader('server', `demo-${name}`);
    answer(request, response).catch((error: unknown) => sendProblem(response, error));
  });
  server.keepAliveTimeout = 65_000; // longer than a gateway keeps an idle connection, so that it is never the one to be surprised
  return server;
}

function match(segments: readonly string[], pathname: string): Record<string, string> | undefined {
  const given = pathname.split('/');
  if (given.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const value = given[index] ?? '';
    if (!segment.startsWith('{')) {
      if (segment !== value) return undefined;
      continue;
    }
    try {
      params[segment.slice(1, -1)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return params;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw new UpstreamProblem(415, 'Send application/json.');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new UpstreamProblem(413, `At most ${BODY_BYTES_MAX} bytes.`, { headers: { connection: 'close' } });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new UpstreamProblem(400, 'The body is not JSON.');
  }
}

function send(request: IncomingMessage, response: ServerResponse, result: unknown): void {
  const body = JSON.stringify(result);
  response.setHeader('cache-control', 'public, max-age=60');
  if (request.method === 'GET' || request.method === 'HEAD') {
    const etag = `"${createHash('sha1').update(body).digest('base64url')}"`;
    response.setHeader('etag', etag);
    if ((request.headers['if-none-match'] ?? '').split(/\s*,\s*/).includes(etag)) return void response.writeHead(304).end();
  }
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function sendProblem(response: ServerResponse, error: unknown): void {
  const problem = error instanceof UpstreamProblem ? error : new UpstreamProblem(500, 'The server made a mistake.');
  const errors = Object.entries(problem.faults).map(([parameter, message]) => ({ parameter, message }));
  const body = {
    type: 'about:blank',
    title: titles[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.message,
    ...(errors.length ? { errors } : {}),
  };
  if (response.headersSent) return void response.destroy();
  response.writeHead(problem.status, { 'content-type': 'application/problem+json', ...problem.headers }).end(JSON.stringify(body));
}
