import { z } from 'zod';
import type { ApiDefinition, ApiDraft, RequestParameter, TypedParameter } from '../../domain/api.ts';
import { LIMITS, METHODS, TIMEOUT_DEFAULT_MS } from '../../domain/api-definition.ts';
import { placeKey } from '../../domain/backend-constants.ts';
import { withoutUser } from '../../domain/upstream-origin.ts';
import type { ShownConstant } from '../../services/catalog/constants.ts';
import { API_FIELDS, HIDDEN_FIELDS, KEPT_VALUE, PARAMETER_FIELDS, PLACES, TYPES } from './api-fields.ts';
import { formModel, type FieldModel, type FieldSpec } from './form.ts';

/** Empty rows behind those that are filled: saving gives new ones. */
const BLANK_ROWS = 2;

const ROW = /^([ph])([0-9]{1,2})_([A-Za-z]{2,20})$/;

const line = (max: number) => z.string().trim().max(max).default('');
const flag = z
  .literal(['true', 'on', '1'])
  .optional()
  .transform((value) => value !== undefined);
const ApiForm = z.strictObject({
  rev: z.coerce.number().int().min(0).optional(),
  groupId: z.string().max(64).optional(),
  name: z.string().trim().min(1).max(LIMITS.nameMax),
  summary: line(LIMITS.summaryMax),
  description: z.string().max(LIMITS.descriptionMax).default(''),
  tags: line(400),
  method: z.enum([...METHODS, 'ANY']),
  path: z.string().trim().min(1).max(LIMITS.pathMax),
  match: z.enum(['exact', 'prefix']),
  security: z.enum(['APP', 'NONE']),
  appCode: flag,
  kind: z.enum(['http', 'mock']),
  origin: line(512),
  backendPath: line(LIMITS.pathMax),
  backendMethod: z.enum(['SAME', ...METHODS]).default('SAME'),
  timeoutMs: z
    .string()
    .trim()
    .regex(/^[0-9]{1,6}$/, 'A whole number of milliseconds')
    .default(String(TIMEOUT_DEFAULT_MS)),
  retries: z.enum(['0', '1', '2', '3']).default('0'),
  mockStatus: z
    .string()
    .trim()
    .regex(/^([2-5][0-9]{2})?$/, 'A status is a number from 200 to 599')
    .default('200'),
  mockBody: z.string().max(LIMITS.mockBodyMax).default(''),
  cors: flag,
  streaming: flag,
  upgrade: flag,
});

type Row = Record<string, string>;

/** The rows of parameters (`p0_name` …) and hidden values (`h0_name` …); those without a name are left out. */
function rowsOf(typed: Readonly<Record<string, unknown>>, kind: 'p' | 'h'): { row: Row; index: number }[] {
  const rows = new Map<number, Row>();
  for (const [key, value] of Object.entries(typed)) {
    const match = ROW.exec(key);
    if (match?.[1] !== kind || typeof value !== 'string') continue;
    const index = Number(match[2]);
    rows.set(index, { ...rows.get(index), [match[3] ?? '']: value.trim() });
  }
  return [...rows]
    .filter(([, { name = '' }]) => name !== '')
    .map(([index, row]) => ({ row, index }))
    .sort((a, b) => a.index - b.index);
}

export interface ApiFormReading {
  readonly form: z.output<typeof ApiForm>;
  readonly definition: ApiDraft;
  /** Faults of a definition → the fields of this form. */
  fieldOf(fault: string): string;
  readonly faults: Readonly<Record<string, string>>;
}

/** @throws what `parse` throws on the plain fields */
export function readApiForm(
  typed: Readonly<Record<string, unknown>>,
  operation: string | null,
  parse: <S extends z.ZodType>(schema: S, value: unknown) => z.output<S>,
): ApiFormReading {
  const form = parse(ApiForm, Object.fromEntries(Object.entries(typed).filter(([key]) => !ROW.test(key))));
  const faults: Record<string, string> = {};
  const parameterRows = rowsOf(typed, 'p');
  const hiddenRows = rowsOf(typed, 'h');
  const definition: ApiDraft = {
    name: form.name,
    summary: form.summary,
    description: form.description,
    tags: form.tags
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean),
    frontend: { method: form.method, path: form.path, match: form.match },
    security: form.security,
    appCode: form.appCode && form.security === 'APP',
    parameters: parameterRows.map(({ row, index }) => parameterOf(row, index, faults)),
    backend:
      form.kind === 'mock'
        ? { kind: 'mock', status: Number(form.mockStatus || '200'), headers: [], body: form.mockBody }
        : {
            kind: 'http',
            origin: form.origin,
            method: form.backendMethod,
            path: form.backendPath || form.path.replace(/\{([^{}]+)\+\}$/, '{$1}'),
            timeoutMs: Number(form.timeoutMs),
            retries: Number(form.retries),
          },
    backendParameters: hiddenRows.map(({ row }) => constantOf(row)),
    cors: form.cors,
    streaming: form.streaming,
    upgrade: form.upgrade,
    operation,
  };
  return {
    form,
    definition,
    faults,
    fieldOf(fault) {
      const [list, position, field = 'name'] = fault.split('.');
      const rows = list === 'parameters' ? parameterRows : list === 'backendParameters' ? hiddenRows : undefined;
      if (!rows) return fault;
      return position === undefined ? '' : `${list === 'parameters' ? 'p' : 'h'}${rows[Number(position)]?.index ?? 0}_${field}`;
    },
  };
}

/** The field of a secret is empty when its page is opened: empty means that the stored value stays. */
function constantOf(row: Row): TypedParameter {
  const { name = '', value = '' } = row;
  const secret = row['secret'] !== undefined;
  return { name, in: row['in'] === 'query' ? 'query' : 'header', secret, ...((value !== '' || !secret) && { value }) };
}

/**
 * What was typed, without the secrets in it: they are not sent back, and the row says so.
 * @param faults  to which that is added
 */
export function withoutTypedSecrets(typed: Readonly<Record<string, unknown>>, faults: Readonly<Record<string, string>>) {
  const values: Record<string, unknown> = { ...typed, ...(typeof typed['origin'] === 'string' && { origin: withoutUser(typed['origin']) }) };
  const said: Record<string, string> = { ...faults };
  for (const { row, index } of rowsOf(typed, 'h')) {
    if (row['secret'] === undefined || !row['value']) continue;
    values[`h${index}_value`] = '';
    said[`h${index}_value`] ??= 'Type the value again: a secret is not sent back.';
  }
  return { values, faults: said };
}

function parameterOf(row: Row, index: number, faults: Record<string, string>): RequestParameter {
  const number = (field: 'minimum' | 'maximum' | 'minLength' | 'maxLength', whole: boolean) => {
    const text = row[field] ?? '';
    if (text === '') return {};
    const value = Number(text);
    if (!Number.isFinite(value) || (whole && !(Number.isSafeInteger(value) && value >= 0)))
      faults[`p${index}_${field}`] = whole ? 'A whole number.' : 'A number.';
    return { [field]: Number.isFinite(value) ? value : 0 };
  };
  const place = PLACES.find((one) => one === row['in']) ?? 'query';
  const values = (row['enum'] ?? '')
    .split(',')
    .map((value) => value.trim())
    .filter(Boolean);
  return {
    name: row['name'] ?? '',
    in: place,
    required: place === 'path' || row['required'] !== undefined,
    type: TYPES.find((one) => one === row['type']) ?? 'string',
    description: row['description'] ?? '',
    ...(values.length > 0 && { enum: values }),
    ...number('minimum', false),
    ...number('maximum', false),
    ...number('minLength', true),
    ...number('maxLength', true),
    ...(row['default'] ? { default: row['default'] } : {}),
    ...(row['example'] ? { example: row['example'] } : {}),
  };
}

/** What the form shows of a stored definition. */
export function valuesOf({ frontend, backend, ...rest }: ApiDefinition, constants: readonly ShownConstant[]): Record<string, unknown> {
  const values: Record<string, unknown> = {
    name: rest.name,
    summary: rest.summary,
    description: rest.description,
    tags: rest.tags.join(', '),
    ...frontend,
    security: rest.security === 'NONE' ? 'NONE' : 'APP',
    appCode: rest.appCode,
    cors: rest.cors,
    streaming: rest.streaming,
    upgrade: rest.upgrade,
    kind: backend.kind,
    ...(backend.kind === 'http'
      ? {
          origin: backend.origin,
          backendPath: backend.path === frontend.path ? '' : backend.path,
          backendMethod: backend.method,
          timeoutMs: backend.timeoutMs,
          retries: String(backend.retries),
        }
      : { mockStatus: backend.status, mockBody: backend.body }),
  };
  rest.parameters.forEach((parameter, index) => {
    for (const [field, value] of Object.entries(parameter)) values[`p${index}_${field}`] = Array.isArray(value) ? value.join(', ') : value;
  });
  constants.forEach((parameter, index) => {
    for (const [field, value] of Object.entries(parameter)) values[`h${index}_${field}`] = value;
  });
  return values;
}

export const NEW_API_VALUES: Record<string, unknown> = {
  method: 'GET',
  match: 'exact',
  security: 'APP',
  appCode: true,
  kind: 'http',
  backendMethod: 'SAME',
  timeoutMs: TIMEOUT_DEFAULT_MS,
  retries: '0',
  mockStatus: 200,
};

/**
 * The form with as many rows as are filled, and two more.
 * @param stored  the constants there are: of a secret one the field asks for a new value
 */
export function apiFormModel(given: Readonly<Record<string, unknown>>, faults: Readonly<Record<string, string>> = {}, stored: readonly ShownConstant[] = []) {
  const values: Record<string, unknown> = { ...given };
  const lists = { p: rowsOfValues(values, 'p'), h: rowsOfValues(values, 'h') };
  const specs: Record<string, FieldSpec> = { ...API_FIELDS };
  for (const [kind, fields] of [
    ['p', PARAMETER_FIELDS],
    ['h', HIDDEN_FIELDS],
  ] as const) {
    for (const index of lists[kind].all) for (const [field, spec] of Object.entries(fields)) specs[`${kind}${index}_${field}`] = spec;
  }
  const kept = new Set(stored.filter(({ secret }) => secret).map(placeKey));
  for (const index of lists.h.all) {
    const place = values[`h${index}_in`] === 'query' ? 'query' : 'header';
    if (kept.has(placeKey({ name: `${values[`h${index}_name`] ?? ''}`, in: place }))) specs[`h${index}_value`] = KEPT_VALUE;
    // What is hidden from callers is most often a key.
    if (!lists.h.filled.includes(index)) values[`h${index}_secret`] = true;
  }
  const form = formModel(specs, values, faults) as Record<string, unknown> & { faults: unknown };
  const rows = (kind: 'p' | 'h', fields: Record<string, FieldSpec>) =>
    lists[kind].all.map((index) => {
      const row = Object.fromEntries(Object.keys(fields).map((field) => [field, form[`${kind}${index}_${field}`] as FieldModel]));
      const filled = lists[kind].filled.includes(index);
      return {
        ...row,
        filled,
        open: Object.values(row).some(({ error }) => error !== null),
        title: filled ? `${row['name']?.value ?? ''}` : '',
        place: row['in']?.value || 'query',
      };
    });
  return { ...form, parameters: rows('p', PARAMETER_FIELDS), hidden: rows('h', HIDDEN_FIELDS) };
}

function rowsOfValues(values: Readonly<Record<string, unknown>>, kind: 'p' | 'h'): { filled: number[]; all: number[] } {
  const filled = [
    ...new Set(
      Object.entries(values).flatMap(([key, value]) => {
        const match = ROW.exec(key);
        return match?.[1] === kind && match[3] === 'name' && value !== '' ? [Number(match[2])] : [];
      }),
    ),
  ].sort((a, b) => a - b);
  const next = (filled.at(-1) ?? -1) + 1;
  return { filled, all: [...filled, ...Array.from({ length: BLANK_ROWS }, (_, i) => next + i)] };
}
