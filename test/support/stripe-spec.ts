import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';

export type Node = { [key: string]: unknown };

export interface Operation {
  required: string[];
  parameters: Record<string, Node>;
  response: Node;
}

interface Subset {
  version: string;
  paths: Record<string, Record<string, Operation>>;
  schemas: Record<string, Node | true>;
}

/** Stripe's own description of the addresses and objects in use; derived by test/contract/stripe/extract-spec.ts. */
export const SPEC = JSON.parse(readFileSync(new URL('../contract/stripe/spec-subset.json', import.meta.url), 'utf8')) as Subset;

let ajv: Ajv | undefined;
const compiled = new Map<string, ValidateFunction>();

/** OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, references point at the registered schemas, and a field nobody described is a fault. */
function toJsonSchema(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toJsonSchema);
  if (node === null || typeof node !== 'object') return node;
  const { nullable, $ref, ...rest } = node as Node;
  if (typeof $ref === 'string') {
    const reference = { $ref: `stripe:${$ref.split('/').at(-1)}` };
    return nullable ? { anyOf: [reference, { type: 'null' }] } : reference;
  }
  const schema = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      key,
      key === 'properties' ? Object.fromEntries(Object.entries(value as Node).map(([name, each]) => [name, toJsonSchema(each)])) : toJsonSchema(value),
    ]),
  );
  const closed = 'properties' in schema && !('additionalProperties' in schema) ? { ...schema, additionalProperties: false } : schema;
  return nullable ? { anyOf: [closed, { type: 'null' }] } : closed;
}

function validatorOf(key: string, schema: () => unknown): ValidateFunction {
  const known = compiled.get(key);
  if (known) return known;
  if (!ajv) {
    ajv = new Ajv({ strict: false, allErrors: true, logger: false });
    for (const [name, each] of Object.entries(SPEC.schemas)) ajv.addSchema(toJsonSchema(each === true ? {} : each) as object, `stripe:${name}`);
  }
  const validate = ajv.compile(toJsonSchema(schema()) as object);
  compiled.set(key, validate);
  return validate;
}

/** Faults of an answer against Stripe's description; none means it could have come from Stripe. */
export function faultsOfAnswer(method: string, path: string, status: number, body: unknown): string[] {
  const operation = SPEC.paths[path]?.[method];
  if (!operation && status < 400) return [`Stripe has no ${method} ${path}`];
  const validate =
    status < 400 ? validatorOf(`${method} ${path}`, () => operation!.response) : validatorOf('error', () => ({ $ref: '#/components/schemas/error' }));
  const where = `${method} ${path} ${status}`;
  return [...faultsBy(validate, body, where), ...eventsIn(body).flatMap((event) => faultsOfSubject(event, where))];
}

interface EventBody {
  type: string;
  data: { object: { object: string } };
}

/** What an event is about is an object of the API too, though its description leaves it open. */
function faultsOfSubject({ type, data: { object } }: EventBody, where: string): string[] {
  return faultsBy(
    validatorOf(object.object, () => ({ $ref: `#/components/schemas/${object.object}` })),
    object,
    `${where} ${type}`,
  );
}

function eventsIn(body: unknown): EventBody[] {
  const { object, data } = body as { object?: string; data?: unknown };
  if (object === 'event') return [body as EventBody];
  return object === 'list' ? (data as { object?: string }[]).filter((each) => each.object === 'event').map((each) => each as unknown as EventBody) : [];
}

const faultsBy = (validate: ValidateFunction, value: unknown, where: string): string[] =>
  validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message, params }) => `${where}: ${instancePath || '/'} ${message} ${JSON.stringify(params)}`);
