import { z } from 'zod';
import type { Action } from '../../domain/actions.ts';
import type { Actor } from '../../domain/actor.ts';
import { readInstant } from '../../domain/time.ts';
import { isoUtc } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';

/** One operation of the management API: what routes, checks and documents it are made of it alone. */
export interface Operation {
  readonly method: 'delete' | 'get' | 'patch' | 'post' | 'put';
  /** `/apps/{id}`, below `/api/v1`. */
  readonly path: string;
  /** What it asks for; decided by the same guard as the pages. */
  readonly action: Action;
  /** Unique; the name of the operation in the document. */
  readonly id: string;
  readonly summary: string;
  readonly query: z.ZodObject;
  readonly body: z.ZodObject | null;
  /** Of success. */
  readonly status: 200 | 201 | 204;
  /** Null: no body (204). */
  readonly answer: z.ZodType | null;
  /**
   * Where an answer shows a secret: the address, below `/api/v1`, of what was made, with its id as `{made}`. A request that is repeated under its
   * `Idempotency-Key` is told this alone, and the secret is kept nowhere.
   */
  readonly place: { readonly path: string; readonly within: 'credential' | 'key' } | null;
  readonly run: (input: Input<never, never>) => Promise<unknown>;
}

export interface Input<Q, B> {
  readonly actor: Actor;
  /** A part of the address by its name. */
  readonly part: (name: string) => string;
  readonly query: Q;
  readonly body: B;
  /** Names what is made; set by the `Idempotency-Key`, so that a second run after a crash makes nothing more. */
  readonly requestId: string | undefined;
}

const NOTHING = z.strictObject({});

/** Checks that the parts fit each other; what stands nowhere is empty. */
export function operation<Q extends z.ZodObject = typeof NOTHING, B extends z.ZodObject = typeof NOTHING>(
  given: Pick<Operation, 'action' | 'id' | 'method' | 'path' | 'summary'> & {
    readonly query?: Q;
    readonly body?: B;
    readonly status?: 200 | 201 | 204;
    readonly answer?: z.ZodType;
    readonly place?: Operation['place'];
    readonly run: (input: Input<z.output<Q>, z.output<B>>) => Promise<unknown>;
  },
): Operation {
  const { query, body, answer = null, place = null, status = answer === null ? 204 : 200, run, ...rest } = given;
  return { ...rest, query: query ?? NOTHING, body: body ?? null, answer, place, status, run: run as Operation['run'] };
}

/**
 * What was sent, typed. Unknown fields and wrong types are refused, each by its name.
 * @throws invalid-form with one sentence per field
 */
export function readInput<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  const fields: Record<string, string> = {};
  // The reader passes over this one name, which is no field of ours either.
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) fields['body'] = 'There is no field __proto__.';
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const names = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key].join('.')) : [issue.path.map(String).join('.')];
      for (const name of names) fields[name === '' ? 'body' : name] ??= issue.code === 'unrecognized_keys' ? UNKNOWN : sentence(issue);
    }
  }
  if (parsed.success && Object.keys(fields).length === 0) return parsed.data;
  throw new AppError('invalid-form', 'Some fields cannot be accepted; each is named with its reason.', { fields });
}

const UNKNOWN = 'There is no such field.';

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'This is needed.';
  if (issue.code === 'invalid_value') return `This must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}.`;
  return issue.message.endsWith('.') ? issue.message : `${issue.message}.`;
}

/** Integers beyond what JSON readers hold exactly are strings. */
export const jsonInteger = (value: bigint | number | string): number | string => {
  const exact = BigInt(value);
  return exact >= BigInt(Number.MIN_SAFE_INTEGER) && exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : exact.toString();
};

export const jsonTime = (at: number): string => isoUtc(at);
export const jsonTimeOrNull = (at: number | null): string | null => (at === null ? null : isoUtc(at));

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;

/** What every list can be asked for. */
export const PAGE = {
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,2}$/, 'This must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(LIMIT_MAX))
    .default(LIMIT_DEFAULT)
    .describe(`At most so many items; ${LIMIT_DEFAULT} if it is left out.`),
  next: z.string().max(200).optional().describe('Where the page before ended: its “next”, as it was given.'),
};
export const PageQuery = z.strictObject(PAGE);

/** Where an item stands in its list: a number first, its id among equals. */
export type Position = readonly [number, string];

/**
 * A part of a list, the greatest position first. The place where it goes on names a position, not a count: what comes or goes meanwhile neither
 * doubles an item nor leaves one out.
 *
 * @throws invalid-form when `next` is not what this list gave
 */
export function paged<T, J>(
  name: string,
  items: readonly T[],
  { limit, next }: { readonly limit: number; readonly next?: string | undefined },
  positionOf: (item: T) => Position,
  toJson: (item: T) => J,
): { items: J[]; next: string | null } {
  const after = next === undefined ? null : readCursor(name, next);
  const sorted = items.map((item) => ({ item, position: positionOf(item) })).sort((a, b) => compare(b.position, a.position));
  const rest = after === null ? sorted : sorted.filter(({ position }) => compare(position, after) < 0);
  const shown = rest.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(({ item }) => toJson(item)), next: last && rest.length > limit ? cursor(name, last.position) : null };
}

const compare = ([a, idA]: Position, [b, idB]: Position): number => a - b || (idA < idB ? -1 : idA > idB ? 1 : 0);

export const cursor = (name: string, [number, id]: Position): string => Buffer.from(JSON.stringify([name, number, id])).toString('base64url');

export function readCursor(name: string, text: string): Position {
  try {
    const [of, number, id] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (of === name && typeof number === 'number' && Number.isFinite(number) && typeof id === 'string') return [number, id];
  } catch {
    // Not ours: refused below like every other text.
  }
  throw new AppError('invalid-form', undefined, { fields: { next: 'This is not what this list gave as “next”.' } });
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * [from, to) of a question, epoch ms; the last days up to the end of the running hour if it names none.
 * @throws invalid-form naming the time at fault
 */
export function spanOf(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  now: number,
  days: number,
  daysMax = Number.POSITIVE_INFINITY,
): { readonly from: number; readonly to: number } {
  const wrong = (name: string, words: string) => new AppError('invalid-form', undefined, { fields: { [name]: words } });
  const read = (name: string, text: string): number => {
    const at = readInstant(text);
    if (at === undefined) throw wrong(name, 'There is no such time.');
    return at;
  };
  const end = to === undefined ? Math.ceil((now + 1) / HOUR_MS) * HOUR_MS : read('to', to);
  const start = from === undefined ? end - days * DAY_MS : read('from', from);
  if (start >= end) throw wrong('from', 'This must be before “to”.');
  if (end - start > daysMax * DAY_MS) throw wrong('from', `At most ${daysMax} days can be asked for at once.`);
  return { from: start, to: end };
}
