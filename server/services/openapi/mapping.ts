import type { ApiDefinition, HttpMethod } from '../../domain/api.ts';
import { checkDefinition, LIMITS, routeKey, TIMEOUT_DEFAULT_MS } from '../../domain/api-definition.ts';
import { parsePath } from '../../domain/route.ts';
import { mapParameters } from './mapping-parameters.ts';
import { isMap, type JsonMap } from './parse.ts';
import { OPERATIONS_MAX, type DocumentReading, type ReadOperation } from './reading.ts';
import { resolve } from './refs.ts';
import { serverOf, serverOfSwagger, type Server } from './servers.ts';

const METHODS: Readonly<Record<string, HttpMethod>> = {
  delete: 'DELETE',
  get: 'GET',
  head: 'HEAD',
  options: 'OPTIONS',
  patch: 'PATCH',
  post: 'POST',
  put: 'PUT',
};
/** Keys of a path item that are no operations. */
const NO_METHOD: ReadonlySet<string> = new Set(['$ref', 'description', 'parameters', 'servers', 'summary']);

export type MapResult = { readonly reading: DocumentReading; readonly refusal?: undefined } | { readonly refusal: string };

/** A plain document → definitions and the report, operation by operation. Bounded by what {@link parseDocument} let through. */
export function mapDocument(root: JsonMap, parseNotes: readonly string[]): MapResult {
  const format = formatOf(root);
  if (format === undefined) return { refusal: 'The document says neither “openapi: 3.0” or “3.1” nor “swagger: 2.0”.' };
  if (format.startsWith('OpenAPI') && !/^OpenAPI 3\.[01](\.|$)/.test(format))
    return { refusal: `${format} is not read here: OpenAPI 3.0, 3.1 and Swagger 2.0 are.` };
  const notes = [...parseNotes];
  const info = isMap(root['info']) ? root['info'] : {};
  if (!isMap(root['paths']))
    notes.push(
      isMap(root['webhooks'])
        ? 'The document describes webhooks only: calls that the provider makes. There is nothing to serve.'
        : 'The document has no paths.',
    );
  const server = format.startsWith('Swagger') ? serverOfSwagger(root) : (serverOf(root['servers'], notes) ?? { origin: '', basePath: '' });
  const operations: ReadOperation[] = [];
  const routes = new Map<string, string>();
  for (const [path, given] of Object.entries(isMap(root['paths']) ? root['paths'] : {})) {
    if (path.startsWith('x-')) continue;
    for (const operation of mapPath(root, path, given, server)) {
      if (operations.length >= OPERATIONS_MAX)
        return { refusal: `The document has more than ${OPERATIONS_MAX.toLocaleString('en')} operations. Split it into several groups.` };
      operations.push(withoutTwin(operation, routes));
    }
  }
  if (isMap(root['paths']) && isMap(root['webhooks']) && Object.keys(root['webhooks']).length > 0)
    notes.push('Webhooks are calls that the provider makes; they were left out.');
  notes.push(...securityNotes(root));
  return {
    reading: {
      format,
      title: text(info['title'], 200),
      description: text(info['description'], LIMITS.descriptionMax),
      operations,
      notes,
      faults: [],
      moreFaults: 0,
    },
  };
}

function formatOf(root: JsonMap): string | undefined {
  const { openapi, swagger } = root;
  // Unquoted YAML gives a number.
  if (typeof openapi === 'string' || typeof openapi === 'number') return `OpenAPI ${String(openapi).slice(0, 10)}`;
  if (swagger === '2.0' || swagger === 2) return 'Swagger 2.0';
  return undefined;
}

const text = (value: unknown, max: number): string => (typeof value === 'string' ? value.slice(0, max) : '');

const refused = (operation: string, reason: string): ReadOperation => ({ operation, definition: null, notes: [], reason });

function mapPath(root: JsonMap, path: string, given: unknown, server: Server): ReadOperation[] {
  const { value: item, problem } = resolve(root, given);
  const shown = path.slice(0, LIMITS.pathMax);
  if (problem !== undefined) return [refused(`* ${shown}`, problem)];
  if (!isMap(item)) return [refused(`* ${shown}`, 'It is not described by an object.')];
  return Object.entries(item)
    .filter(([key]) => !NO_METHOD.has(key) && !key.startsWith('x-'))
    .map(([key, description]) => {
      const method = METHODS[key.toLowerCase()];
      const operation = `${(method ?? key.toUpperCase()).slice(0, 20)} ${shown}`;
      if (!method) return refused(operation, `The method ${key.slice(0, 20)} is not served.`);
      if (!isMap(description)) return refused(operation, 'It is not described by an object.');
      return mapOperation(root, { operation, method, path, item, description, server });
    });
}

interface Place {
  readonly operation: string;
  readonly method: HttpMethod;
  readonly path: string;
  readonly item: JsonMap;
  readonly description: JsonMap;
  readonly server: Server;
}

function mapOperation(root: JsonMap, { operation, method, path: given, item, description, server: common }: Place): ReadOperation {
  const notes: string[] = [];
  const { path, names, fault } = readPath(given, notes);
  if (fault !== undefined) return refused(operation, fault);
  const server = serverOf(description['servers'], notes) ?? serverOf(item['servers'], notes) ?? common;
  const { parameters, notes: parameterNotes } = mapParameters(root, item['parameters'], description['parameters'], names);
  notes.push(...parameterNotes);
  if (isMap(description['callbacks']) && Object.keys(description['callbacks']).length > 0)
    notes.push('Its callbacks were left out: they are calls that the provider makes.');
  const streaming = answersStream(root, description);
  if (streaming) notes.push('It answers a stream of events: it is served as streaming.');
  const names64 = [description['operationId'], description['summary'], operation].map((value) => text(value, LIMITS.nameMax).trim()).find(Boolean) ?? operation;
  const definition: ApiDefinition = {
    name: names64,
    summary: shortened(description['summary'] ?? item['summary'], LIMITS.summaryMax, 'summary', notes),
    description: shortened(description['description'] ?? item['description'], LIMITS.descriptionMax, 'description', notes),
    tags: tagsOf(description['tags']),
    frontend: { method, path, match: 'exact' },
    security: 'APP',
    appCode: true,
    parameters,
    backend: {
      kind: 'http',
      origin: server.origin,
      method: 'SAME',
      path: `${server.basePath}${path}`.slice(0, LIMITS.pathMax),
      timeoutMs: TIMEOUT_DEFAULT_MS,
      retries: 0,
    },
    backendParameters: [],
    cors: false,
    streaming,
    upgrade: false,
    operation,
  };
  // The address is decided by the form; everything else must hold already.
  const { origin: _origin, ...faults } = checkDefinition(definition, ANY_UPSTREAM);
  const [first] = Object.values(faults);
  return first === undefined ? { operation, definition, notes, reason: '' } : refused(operation, first);
}

const ANY_UPSTREAM: ReadonlySet<string> = new Set();

type PathReading =
  | { readonly path: string; readonly names: readonly string[]; readonly fault?: undefined }
  | { readonly path: ''; readonly names: readonly []; readonly fault: string };

/** Names that routes cannot hold are rewritten; the backend's path gets the same ones, so the calls stay the same. */
function readPath(given: string, notes: string[]): PathReading {
  const no = (fault: string): PathReading => ({ path: '', names: [], fault });
  if (given.length > LIMITS.pathMax) return no(`Its path has more than ${LIMITS.pathMax} characters.`);
  if (/[?#]/.test(given)) return no('Its path holds ? or #: what differs only by its query is one operation.');
  let odd = 0;
  const path = given
    .split('/')
    .map((segment) => {
      const name = /^\{([^{}]+)\}$/.exec(segment)?.[1];
      if (name === undefined || /^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) return segment;
      return `{${`p${(odd += 1)}_${name.replace(/[^A-Za-z0-9_-]/g, '')}`.slice(0, 64)}}`;
    })
    .join('/');
  if (/\/[^/]*[^/{][{]|[}][^/}]/.test(path)) return no('A segment of its path mixes text and {name}: routes take whole segments only.');
  try {
    const names = parsePath(path).flatMap((segment) => ('param' in segment ? [segment.param] : []));
    if (odd > 0) notes.push(`The path is written ${path}: names in braces have letters, digits, _ and - only.`);
    return { path, names };
  } catch (error) {
    if (error instanceof RangeError) return no(`Its path ${error.message}.`);
    throw error;
  }
}

function shortened(value: unknown, max: number, what: string, notes: string[]): string {
  if (typeof value !== 'string') return '';
  if (value.length > max) notes.push(`Its ${what} was cut to ${max.toLocaleString('en')} characters.`);
  return value.slice(0, max);
}

const tagsOf = (tags: unknown): string[] =>
  (Array.isArray(tags) ? tags : [])
    .filter((tag): tag is string => typeof tag === 'string' && tag !== '' && tag.length <= LIMITS.tagMax)
    .slice(0, LIMITS.tagsMax);

function answersStream(root: JsonMap, { responses, produces }: JsonMap): boolean {
  if (Array.isArray(produces) && produces.includes('text/event-stream')) return true;
  return Object.values(isMap(responses) ? responses : {}).some((response) => {
    const { value } = resolve(root, response);
    return isMap(value) && isMap(value['content']) && Object.hasOwn(value['content'], 'text/event-stream');
  });
}

/** Two operations that would answer the same calls: the first stays. */
function withoutTwin(read: ReadOperation, routes: Map<string, string>): ReadOperation {
  if (!read.definition) return read;
  const key = routeKey(read.definition.frontend);
  const twin = routes.get(key);
  if (twin !== undefined) return refused(read.operation, `It answers the same calls as ${twin}, which stands before it.`);
  routes.set(key, read.operation);
  return read;
}

function securityNotes(root: JsonMap): string[] {
  const components = isMap(root['components']) ? root['components'] : {};
  const schemes = isMap(root['securityDefinitions']) ? root['securityDefinitions'] : isMap(components['securitySchemes']) ? components['securitySchemes'] : {};
  const kinds = Object.values(schemes).flatMap((scheme) => {
    const { value } = resolve(root, scheme);
    if (!isMap(value)) return [];
    if (value['type'] === 'apiKey') return [`a key in the ${text(value['in'], 20)} ${text(value['name'], 64)}`];
    if (value['type'] === 'http' || value['type'] === 'basic') return [`HTTP ${text(value['scheme'], 20) || 'basic'}`];
    return [text(value['type'], 20)];
  });
  if (kinds.length === 0) return [];
  return [
    `The upstream asks for ${[...new Set(kinds)].slice(0, 8).join(', ')}. Callers show their app to the gateway instead; what the upstream itself needs is set as a hidden backend header.`,
  ];
}
