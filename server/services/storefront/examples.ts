import { isMap, type JsonMap } from '../openapi/parse.ts';
import { resolve } from '../openapi/refs.ts';

/** What an operation answers, and is sent, according to its document. */
export interface OperationExamples {
  /** Body of a request, as text; null when there is none. */
  readonly request: { readonly contentType: string; readonly body: string } | null;
  /** `written`: by the author; otherwise the body only shows the shape of the schema. */
  readonly answers: readonly {
    readonly status: string;
    readonly description: string;
    readonly contentType: string;
    readonly body: string | null;
    readonly written: boolean;
  }[];
}

const BODY_MAX = 4_000;
const ANSWERS_MAX = 12;
const DEPTH_MAX = 6;
const PROPERTIES_MAX = 30;
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

/**
 * Examples of every operation of a document (OpenAPI 3 or Swagger 2), written by its author or made from its schemas.
 *
 * @returns by `GET /countries/{code}`
 */
export function examplesOf(root: JsonMap): Map<string, OperationExamples> {
  const found = new Map<string, OperationExamples>();
  for (const [path, given] of Object.entries(mapAt(root, 'paths'))) {
    const item = resolve(root, given).value;
    if (!isMap(item)) continue;
    for (const method of METHODS) {
      const operation = item[method];
      if (isMap(operation)) found.set(`${method.toUpperCase()} ${path}`, { request: requestOf(root, operation), answers: answersOf(root, operation) });
    }
  }
  return found;
}

const mapAt = (map: JsonMap, key: string): JsonMap => (isMap(map[key]) ? map[key] : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function requestOf(root: JsonMap, operation: JsonMap): OperationExamples['request'] {
  const body = resolve(root, operation['requestBody']).value;
  if (isMap(body)) {
    const shown = media(root, mapAt(body, 'content'));
    return shown && { contentType: shown.contentType, body: shown.body };
  }
  // Swagger 2 sends the body as a parameter.
  const parameters = Array.isArray(operation['parameters']) ? operation['parameters'] : [];
  const sent = parameters.map((parameter) => resolve(root, parameter).value).find((parameter) => isMap(parameter) && parameter['in'] === 'body');
  return isMap(sent) ? { contentType: 'application/json', body: print(sample(root, sent['schema'])) } : null;
}

function answersOf(root: JsonMap, operation: JsonMap): OperationExamples['answers'] {
  return Object.entries(mapAt(operation, 'responses'))
    .slice(0, ANSWERS_MAX)
    .flatMap(([status, given]) => {
      const response = resolve(root, given).value;
      if (!isMap(response)) return [];
      const old = mapAt(response, 'examples')['application/json'];
      const swagger = old !== undefined ? json(old, true) : response['schema'] !== undefined ? json(sample(root, response['schema']), false) : null;
      const shown = isMap(response['content']) ? media(root, response['content']) : swagger;
      return [
        {
          status,
          description: text(response['description']).slice(0, 500),
          contentType: shown?.contentType ?? '',
          body: shown?.body ?? null,
          written: shown?.written ?? false,
        },
      ];
    });
}

interface Shown {
  readonly contentType: string;
  readonly body: string;
  readonly written: boolean;
}

const json = (value: unknown, written: boolean): Shown => ({ contentType: 'application/json', body: print(value), written });

/** The first JSON type, else the first of all. */
function media(root: JsonMap, content: JsonMap): Shown | null {
  const types = Object.keys(content);
  const type = types.find((name) => /[/+]json\b/.test(name)) ?? types[0];
  const given = type === undefined ? undefined : content[type];
  if (type === undefined || !isMap(given)) return null;
  const named = Object.values(mapAt(given, 'examples'))
    .map((example) => resolve(root, example).value)
    .find((example) => isMap(example) && 'value' in example);
  const written = given['example'] ?? (isMap(named) ? named['value'] : undefined);
  const value = written ?? (/[/+]json\b/.test(type) ? sample(root, given['schema']) : undefined);
  return value === undefined ? null : { contentType: type, body: print(value), written: written !== undefined };
}

const print = (value: unknown): string => {
  const written = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return written.length > BODY_MAX ? `${written.slice(0, BODY_MAX)}\n…` : written;
};

/** A value of the schema's shape: its example, default or first choice, else one made of its type. Recursion ends in null. */
function sample(root: JsonMap, given: unknown, depth = 0): unknown {
  const schema = resolve(root, given).value;
  if (!isMap(schema) || depth > DEPTH_MAX) return null;
  const examples = schema['examples'];
  for (const value of [
    schema['example'],
    Array.isArray(examples) ? examples[0] : undefined,
    schema['const'],
    schema['default'],
    Array.isArray(schema['enum']) ? schema['enum'][0] : undefined,
  ]) {
    if (value !== undefined) return value;
  }
  const all = schema['allOf'];
  if (Array.isArray(all)) {
    const parts = all
      .slice(0, PROPERTIES_MAX)
      .map((part) => sample(root, part, depth + 1))
      .filter(isMap);
    return Object.assign({}, ...parts, isMap(schema['properties']) ? properties(root, schema, depth) : {}) as unknown;
  }
  const either = schema['oneOf'] ?? schema['anyOf'];
  if (Array.isArray(either)) return sample(root, either[0], depth + 1);
  return ofType(root, schema, depth);
}

function ofType(root: JsonMap, schema: JsonMap, depth: number): unknown {
  const type = Array.isArray(schema['type']) ? schema['type'].find((name) => name !== 'null') : schema['type'];
  if (type === 'object' || isMap(schema['properties'])) return properties(root, schema, depth);
  if (type === 'array') return depth >= DEPTH_MAX ? [] : [sample(root, schema['items'], depth + 1)];
  if (type === 'integer' || type === 'number') return typeof schema['minimum'] === 'number' ? schema['minimum'] : 0;
  if (type === 'boolean') return true;
  if (type === 'string') return schema['format'] === 'date-time' ? '2026-01-31T12:00:00Z' : schema['format'] === 'date' ? '2026-01-31' : 'string';
  return null;
}

const properties = (root: JsonMap, schema: JsonMap, depth: number): JsonMap =>
  Object.fromEntries(
    Object.entries(mapAt(schema, 'properties'))
      .slice(0, PROPERTIES_MAX)
      .filter(([name]) => name !== '__proto__')
      .map(([name, property]) => [name, sample(root, property, depth + 1)]),
  );
