/**
 * Derive `spec-subset.json` from the description of Stripe's API that the Go module stripe-mock carries:
 * `node --import tsx test/contract/stripe/extract-spec.ts [--check]`. With `--check` nothing is written, and a difference is exit 1.
 * Kept are the addresses the simulator has, the parameters it takes, and the schemas of what it answers; descriptions go.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENDPOINTS } from '../../../sandbox/stripe/routes.ts';

export const STRIPE_MOCK = 'github.com/stripe/stripe-mock@v0.203.0';
const SUBSET = new URL('spec-subset.json', import.meta.url);

type Node = { [key: string]: Json };
type Json = null | boolean | number | string | Json[] | Node;

/** Objects that stand in another one's place when expanded; the simulator knows no others. */
const EXPANDED = ['balance_transaction', 'charge', 'customer', 'deleted_customer', 'invoice', 'payment_intent', 'payment_method', 'refund', 'setup_intent'];
const DROPPED_KEYS = new Set([
  'description',
  'x-expandableFields',
  'x-resourceId',
  'x-stripeBypassValidation',
  'title',
  'x-stripeMostCommon',
  'x-stripeOperations',
  'format',
]);

export function moduleFolder(): string {
  return (JSON.parse(execFileSync('go', ['mod', 'download', '-json', STRIPE_MOCK], { encoding: 'utf8', cwd: '/' })) as { Dir: string }).Dir;
}

export function extract(): string {
  const folder = moduleFolder();
  const spec = JSON.parse(readFileSync(join(folder, 'embedded/openapi/spec3.json'), 'utf8')) as {
    info: { version: string };
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Node> };
  };
  const methods = new Set((spec.components.schemas.payment_method!.properties as { type: { enum: string[] } }).type.enum);
  const schemas: Record<string, Json> = {};
  const paths: Record<string, Record<string, Json>> = {};

  const take = (name: string): void => {
    if (name in schemas) return;
    schemas[name] = true;
    schemas[name] = strip(spec.components.schemas[name]!);
  };

  function strip(json: Json): Json {
    if (Array.isArray(json)) return json.map(strip);
    if (json === null || typeof json !== 'object') return json;
    if (typeof json.$ref === 'string') {
      take(json.$ref.split('/').at(-1)!);
      return json;
    }
    if (json['x-expansionResources']) {
      const refs = (json.anyOf as Node[]).filter(({ $ref }) => $ref !== undefined && EXPANDED.includes(String($ref).split('/').at(-1)!));
      return { anyOf: [{ type: 'string' }, ...refs.map(strip)], ...(json.nullable === true && { nullable: true }) };
    }
    const kept = Object.entries(json).filter(
      ([key, value]) => !DROPPED_KEYS.has(key) || (key === 'description' && typeof value !== 'string') || (key === 'title' && typeof value !== 'string'),
    );
    const node = Object.fromEntries(kept.map(([key, value]): [string, Json] => [key, key === 'properties' ? properties(value as Node) : strip(value)]));
    return node;
  }

  /** Kinds of payment other than cards are not simulated: their fields are left out where there is one for each. */
  function properties(node: Node): Json {
    const kinds = Object.keys(node).filter((name) => methods.has(name));
    const names = Object.keys(node).filter((name) => kinds.length < 8 || name === 'card' || !methods.has(name));
    return Object.fromEntries(names.map((name) => [name, strip(node[name]!)]));
  }

  for (const { method, path, params } of ENDPOINTS) {
    const operation = spec.paths[path]?.[method.toLowerCase()];
    if (!operation) throw new Error(`Stripe has no ${method} ${path}`);
    const body = operation.requestBody?.content['application/x-www-form-urlencoded']?.schema;
    const offered =
      method === 'POST'
        ? (body?.properties ?? {})
        : Object.fromEntries((operation.parameters ?? []).filter((each) => each.in === 'query').map((each) => [each.name, each.schema]));
    (paths[path] ??= {})[method] = {
      required: (method === 'POST' ? (body?.required ?? []) : []) as Json,
      parameters: sorted(
        Object.fromEntries(
          Object.keys(params)
            .filter((name) => name in offered)
            .map((name) => [name, request(offered[name]!)]),
        ),
      ),
      response: strip(operation.responses['200']!.content['application/json'].schema),
    };
  }
  take('error');
  take('event');
  return `${JSON.stringify({
    source: STRIPE_MOCK,
    version: spec.info.version,
    license: readFileSync(join(folder, 'LICENSE'), 'utf8'),
    paths: sorted(paths),
    schemas: sorted(schemas),
  })}\n`;
}

interface Operation {
  parameters?: { name: string; in: string; schema: Node }[];
  requestBody?: { content: Record<string, { schema: { properties?: Record<string, Node>; required?: string[] } }> };
  responses: Record<string, { content: Record<string, { schema: Node }> } & { content: { 'application/json': { schema: Node } } }>;
}

/** A request's parameter, without words; enumerations of Stripe's many kinds of payment and events shortened to what can be asked for here. */
function request(json: Json): Json {
  if (Array.isArray(json)) return json.map(request);
  if (json === null || typeof json !== 'object') return json;
  return Object.fromEntries(
    Object.entries(json)
      .filter(([key, value]) => !DROPPED_KEYS.has(key) || typeof value !== 'string')
      .map(([key, value]): [string, Json] => [key, request(value)]),
  );
}

const sorted = <T>(record: Record<string, T>): Record<string, T> => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

if (process.argv[1]?.endsWith('extract-spec.ts')) {
  const text = extract();
  if (process.argv.includes('--check')) {
    const same = existsSync(SUBSET) && readFileSync(SUBSET, 'utf8') === text;
    console.log(same ? 'spec-subset.json is what the module gives' : 'spec-subset.json differs: run extract-spec.ts');
    process.exitCode = same ? 0 : 1;
  } else {
    writeFileSync(SUBSET, text);
    console.log(`${text.length} bytes`);
  }
}
