import type { RequestParameter } from '../../domain/api.ts';
import { isOfType, isReservedHeader, LIMITS } from '../../domain/api-definition.ts';
import { isMap, type JsonMap } from './parse.ts';
import { resolve } from './refs.ts';

/** Headers that OpenAPI itself says to ignore here: they are described elsewhere. */
const IGNORED_HEADERS: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization']);

export interface MappedParameters {
  readonly parameters: readonly RequestParameter[];
  readonly notes: readonly string[];
}

type Found = { readonly name: string; readonly place: string; readonly map: JsonMap };

/**
 * The parameters of an operation. Those of the path item hold for all its operations; an operation's own win.
 *
 * @param pathNames  what stands in braces in the path
 */
export function mapParameters(root: JsonMap, shared: unknown, own: unknown, pathNames: readonly string[]): MappedParameters {
  const notes: string[] = [];
  const found = new Map<string, Found>();
  for (const list of [shared, own]) {
    if (list !== undefined && !Array.isArray(list)) notes.push('Its parameters are not a list and were left out.');
    const seen = new Set<string>();
    for (const entry of Array.isArray(list) ? list : []) {
      const { value, problem } = resolve(root, entry);
      if (problem !== undefined) notes.push(`A parameter was left out. ${problem}`);
      if (!isMap(value)) continue;
      const name = typeof value['name'] === 'string' ? value['name'] : '';
      const place = typeof value['in'] === 'string' ? value['in'] : '';
      const key = `${place}:${place === 'header' ? name.toLowerCase() : name}`;
      if (seen.has(key)) notes.push(`${named(place, name)} is described twice; the last one counts.`);
      seen.add(key);
      found.set(key, { name, place, map: value });
    }
  }
  const parameters: RequestParameter[] = [];
  for (const one of found.values()) {
    const mapped = mapOne(root, one, pathNames, notes);
    if (mapped && parameters.length >= LIMITS.parametersMax) notes.push(`${named(one.place, one.name)} is not checked: at most ${LIMITS.parametersMax} are.`);
    else if (mapped) parameters.push(mapped);
  }
  for (const name of pathNames) {
    if (parameters.some((parameter) => parameter.in === 'path' && parameter.name === name)) continue;
    notes.push(`{${name}} was not described; it is taken as a text.`);
    parameters.push({ name, in: 'path', required: true, type: 'string', description: '' });
  }
  return { parameters, notes };
}

const named = (place: string, name: string): string => `The ${place || 'nameless'} parameter ${name.slice(0, 64) || '(no name)'}`;

function mapOne(root: JsonMap, { name, place, map }: Found, pathNames: readonly string[], notes: string[]): RequestParameter | undefined {
  const who = named(place, name);
  switch (place) {
    case 'path':
      if (!pathNames.includes(name)) return (notes.push(`${who} was left out: the path has no {${name.slice(0, 64)}}.`), undefined);
      break;
    case 'query':
      if (!/^[A-Za-z0-9_.$[\]@:-]{1,64}$/.test(name))
        return (notes.push(`${who} is passed on unchecked: its name has characters that are not read here.`), undefined);
      break;
    case 'header':
      if (IGNORED_HEADERS.has(name.toLowerCase())) return undefined;
      if (isReservedHeader(name)) return (notes.push(`${who} was left out: the gateway decides this header.`), undefined);
      if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(name))
        return (notes.push(`${who} is passed on unchecked: its name has characters that are not read here.`), undefined);
      break;
    case 'body':
    case 'formData':
      // The body of Swagger 2.0: passed on as it comes.
      return undefined;
    case 'cookie':
      return (notes.push(`${who} was left out: cookies are not passed on.`), undefined);
    default:
      return (notes.push(`${who} was left out: “${place.slice(0, 40)}” is no place of a parameter.`), undefined);
  }
  const schema = schemaOf(root, map, who, notes);
  const scalar = schema && scalarType(schema);
  if (!schema || !scalar) {
    if (place === 'path') return { name, in: 'path', required: true, type: 'string', description: textOf(map['description']) };
    notes.push(`${who} is passed on unchecked: only single texts, numbers and booleans are checked.`);
    return undefined;
  }
  return { name, in: place, required: place === 'path' || map['required'] === true, ...scalarRules(scalar, schema, map, who, notes) };
}

/** Swagger 2.0 keeps the schema's words in the parameter itself. */
function schemaOf(root: JsonMap, map: JsonMap, who: string, notes: string[]): JsonMap | undefined {
  if (map['schema'] === undefined) return 'content' in map ? undefined : map;
  const { value, problem } = resolve(root, map['schema']);
  if (problem !== undefined) notes.push(`${who}: ${problem}`);
  return isMap(value) ? value : undefined;
}

function scalarType(schema: JsonMap): RequestParameter['type'] | undefined {
  const given = schema['type'];
  // OpenAPI 3.1 writes what may be null as ["string", "null"].
  const types = (Array.isArray(given) ? given : [given]).filter((type) => type !== 'null');
  if (['oneOf', 'anyOf', 'allOf', 'properties', 'items'].some((word) => word in schema)) return undefined;
  if (types.length !== 1) return undefined;
  const [type] = types;
  if (type === undefined) return 'string';
  return type === 'string' || type === 'number' || type === 'integer' || type === 'boolean' ? type : undefined;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, LIMITS.valueMax) : '');
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
const lengthOf = (value: unknown): number | undefined => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined);
const scalarText = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;

function scalarRules(
  type: RequestParameter['type'],
  schema: JsonMap,
  map: JsonMap,
  who: string,
  notes: string[],
): Omit<RequestParameter, 'name' | 'in' | 'required'> {
  const allowed = enumOf(type, schema, who, notes);
  const standard = scalarText(schema['default']);
  const fits =
    standard !== undefined && isOfType(standard, type) && standard.length <= LIMITS.valueMax && (allowed === undefined || allowed.includes(standard));
  if (standard !== undefined && !fits) notes.push(`${who} loses its default, which is not one of its values.`);
  if (typeof schema['pattern'] === 'string') notes.push(`${who}: its pattern is not checked.`);
  const example = scalarText(map['example'] ?? schema['example'] ?? (Array.isArray(schema['examples']) ? schema['examples'][0] : undefined));
  return {
    type,
    description: textOf(map['description'] ?? schema['description']),
    ...(allowed !== undefined && { enum: allowed }),
    ...(type === 'integer' || type === 'number' ? range(type, schema, who, notes) : {}),
    ...(type === 'string' ? lengths(schema, who, notes) : {}),
    ...(fits && { default: standard }),
    ...(example !== undefined && example.length <= LIMITS.valueMax && { example }),
  };
}

function enumOf(type: RequestParameter['type'], schema: JsonMap, who: string, notes: string[]): string[] | undefined {
  if (!Array.isArray(schema['enum']) || schema['enum'].length === 0) return undefined;
  const values = [...new Set(schema['enum'].map(scalarText))].filter(
    (value): value is string => value !== undefined && isOfType(value, type) && value.length <= LIMITS.valueMax,
  );
  if (values.length === 0 || values.length > LIMITS.enumMax) {
    notes.push(`${who}: its list of values is not checked${values.length === 0 ? '' : `, for it has more than ${LIMITS.enumMax}`}.`);
    return undefined;
  }
  return values;
}

/** `exclusiveMinimum` is a flag in 3.0 and a number in 3.1. */
function range(type: 'integer' | 'number', schema: JsonMap, who: string, notes: string[]): Pick<RequestParameter, 'minimum' | 'maximum'> {
  const bound = (inclusive: string, exclusive: string, step: 1 | -1): number | undefined => {
    const edge = numberOf(schema[exclusive]) ?? numberOf(schema[inclusive]);
    const open = typeof schema[exclusive] === 'number' || schema[exclusive] === true;
    if (edge === undefined || !open) return edge;
    if (type === 'integer') return Number.isInteger(edge) ? edge + step : step === 1 ? Math.ceil(edge) : Math.floor(edge);
    notes.push(`${who}: the bound ${edge} itself is let through.`);
    return edge;
  };
  const minimum = bound('minimum', 'exclusiveMinimum', 1);
  const maximum = bound('maximum', 'exclusiveMaximum', -1);
  if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
    notes.push(`${who}: its bounds contradict each other and are not checked.`);
    return {};
  }
  return { ...(minimum !== undefined && { minimum }), ...(maximum !== undefined && { maximum }) };
}

function lengths(schema: JsonMap, who: string, notes: string[]): Pick<RequestParameter, 'minLength' | 'maxLength'> {
  const minLength = lengthOf(schema['minLength']);
  const maxLength = lengthOf(schema['maxLength']);
  if (minLength !== undefined && maxLength !== undefined && minLength > maxLength) {
    notes.push(`${who}: its lengths contradict each other and are not checked.`);
    return {};
  }
  return { ...(minLength !== undefined && { minLength }), ...(maxLength !== undefined && { maxLength }) };
}
