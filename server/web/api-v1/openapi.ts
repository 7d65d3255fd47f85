import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../../kernel/problems.ts';
import type { Operation } from './operation.ts';
import { named, Problem } from './schemas.ts';

export const API_PATH = '/api/v1';

type Json = Readonly<Record<string, unknown>>;

/** What every operation may be refused with. */
const REFUSALS: readonly ProblemCode[] = ['authentication-failed', 'forbidden', 'invalid-form', 'not-found', 'too-many-attempts', 'dependency-away'];
const OF_BODIES: readonly ProblemCode[] = ['invalid-request', 'conflict', 'body-too-large', 'unsupported-media-type'];

const refOf = (schema: z.ZodType): Json => {
  const found = [...named].find(([, one]) => one === schema);
  if (!found) throw new Error('what is answered or taken needs a name in the document');
  return { $ref: `#/components/schemas/${found[0]}` };
};

/** The document of the management API, made of the operations themselves. */
export function openApiDocument(operations: readonly Operation[], webUrl: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const one of operations) (paths[one.path] ??= {})[one.method] = documented(one);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tollgate management API',
      version: '1',
      description:
        'For programs of an organization. Send an access token (`Authorization: Bearer tgt_…`), or sign with an access key and its secret (SDK-HMAC-SHA256, as the official Huawei Cloud SDKs do). ' +
        'A key acts with the rights its holder has now. Times are UTC, amounts are in minor units, lists go on at `next`.',
    },
    servers: [{ url: `${webUrl}${API_PATH}` }],
    security: [{ token: [] }, { signature: [] }],
    paths,
    components: {
      schemas: Object.fromEntries([...named].map(([title, schema]) => [title, jsonSchema(schema, title.startsWith('New') ? 'input' : 'output')])),
      responses: Object.fromEntries(
        [...REFUSALS, ...OF_BODIES].map((code) => [
          code,
          { description: PROBLEMS[code].title, content: { 'application/problem+json': { schema: refOf(Problem) } } },
        ]),
      ),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'tgt_…' },
        signature: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'SDK-HMAC-SHA256 Access=tga_…, SignedHeaders=…, Signature=…; with X-Sdk-Date.',
        },
      },
    },
  };
}

/** Of requests that are sent again because their answer was lost. */
const REPETITION: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'A value of your own for this one request, for example a UUID. Sent again with the same key within 24 hours, byte for byte, it is not done again: it is answered as the first time, with `Idempotent-Replayed: true`. ' +
    'Where the first answer held a secret, that is kept nowhere: the answer is 409, and `Location` names what was made, to rotate or delete it. 409 with `Retry-After` while the first one is at work; ' +
    '422 for another request under the same key. A request that was refused leaves its key free.',
  schema: { type: 'string', pattern: '^[!-~]{1,255}$', maxLength: 255 },
};

function documented({ id, method, summary, action, path, query, body, status, answer }: Operation): Json {
  const inPath = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const inQuery = Object.entries(query.shape).map(([name, schema]) => {
    const { description, default: preset, ...rest } = jsonSchema(schema as z.ZodType, 'output') as { description?: string; default?: unknown };
    return {
      name,
      in: 'query',
      required: !z.safeParse(schema as z.ZodType, undefined).success,
      ...(description !== undefined && { description }),
      schema: { ...rest, ...(preset !== undefined && { default: preset }) },
    };
  });
  const parameters = [...inPath, ...inQuery, ...(method === 'post' ? [REPETITION] : [])];
  const refusals = [...REFUSALS, ...(body ? OF_BODIES : [])];
  const byStatus = new Map<number, ProblemCode>();
  for (const code of refusals) if (!byStatus.has(PROBLEMS[code].status)) byStatus.set(PROBLEMS[code].status, code);
  return {
    operationId: id,
    summary,
    description: `Needs the action \`${action}\`.`,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: refOf(body) } } } }),
    responses: {
      [status]: { description: status === 204 ? 'Done.' : 'The answer.', ...(answer && { content: { 'application/json': { schema: refOf(answer) } } }) },
      ...Object.fromEntries([...byStatus].map(([number, code]) => [number, { $ref: `#/components/responses/${code}` }])),
    },
  };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12', reused: 'inline' }) as Record<string, unknown>;
  return rest;
}
