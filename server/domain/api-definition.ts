import type { ApiDraft, Frontend, RequestParameter, TypedParameter } from './api.ts';
import { parsePath, type PathSegment } from './route.ts';
import { readOrigin } from './upstream-origin.ts';

/** Bounds of one API; those of the reference system where it names one. */
export const LIMITS = {
  nameMax: 64,
  summaryMax: 255,
  descriptionMax: 20_000,
  tagsMax: 10,
  tagMax: 128,
  pathMax: 512,
  parametersMax: 50,
  backendParametersMax: 20,
  enumMax: 100,
  valueMax: 1_000,
  timeoutMaxMs: 600_000,
  retriesMax: 3,
  mockBodyMax: 2_048,
  mockHeadersMax: 10,
} as const;

export const TIMEOUT_DEFAULT_MS = 5_000;
export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** Faults by the field of the form that holds the value; empty = none. */
export type DefinitionFaults = Readonly<Record<string, string>>;

/** Header names that the gateway or HTTP itself decides. */
const RESERVED_HEADER =
  /^(?:authorization|proxy-.*|x-auth-token|x-apig-.*|x-sdk-.*|x-stage|x-hw-.*|x-forwarded.*|x-real-ip|forwarded|via|x-request-id|usage-.*|x-usage.*|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|expect|cookie)$/i;

export const isReservedHeader = (name: string): boolean => RESERVED_HEADER.test(name);

const HEADER_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;
const QUERY_NAME = /^[A-Za-z0-9_.$[\]@:-]{1,64}$/;
/** What may stand in a header's value: printable ASCII and spaces, so that nothing can end the line. */
const HEADER_VALUE = /^[\x20-\x7e]*$/;

/**
 * One spelling for all frontends that answer the same calls: method, kind of match, path without the parameters' names.
 * Unique in its group, for drafts and for what is live.
 *
 * @throws RangeError on a path that {@link checkDefinition} refuses
 */
export function routeKey({ method, path, match }: Frontend): string {
  return `${method} ${match} ${shapeOf(parsePath(path))}`;
}

const shapeOf = (segments: readonly PathSegment[]): string =>
  `/${segments.map((segment) => ('literal' in segment ? encodeURIComponent(segment.literal) : segment.rest ? '{+}' : '{}')).join('/')}`;

/** How an operation is called in lists, weights and usage: `GET /countries/{code}`. */
export const operationOf = ({ method, path }: Frontend): string => `${method} ${path}`;

/**
 * Check a definition whole, before it is stored and again before it is published. Values that are sealed already were checked when they were typed.
 *
 * @param allow  `host:port` pairs of upstreams that may be private (UPSTREAM_ALLOW)
 */
export function checkDefinition(definition: ApiDraft, allow: ReadonlySet<string>): DefinitionFaults {
  const faults: Record<string, string> = {};
  const say = (field: string, fault: string | undefined) => {
    if (fault !== undefined) faults[field] ??= fault;
  };
  say('name', bounded(definition.name, LIMITS.nameMax, true));
  say('summary', bounded(definition.summary, LIMITS.summaryMax));
  say('description', bounded(definition.description, LIMITS.descriptionMax));
  say('tags', tagsFault(definition.tags));
  const names = checkFrontend(definition.frontend, say);
  checkParameters(definition.parameters, names, say);
  checkBackend(definition, names, allow, say);
  checkBackendParameters(definition.backendParameters, say);
  if (definition.appCode && !definition.security.startsWith('APP')) say('appCode', 'AppCodes belong to the security APP.');
  return faults;
}

type Say = (field: string, fault: string | undefined) => void;

const bounded = (text: string, max: number, needed = false): string | undefined =>
  needed && text.trim() === '' ? 'This is needed.' : text.length > max ? `At most ${max} characters fit.` : undefined;

function tagsFault(tags: readonly string[]): string | undefined {
  if (tags.length > LIMITS.tagsMax) return `At most ${LIMITS.tagsMax} tags.`;
  const long = tags.find((tag) => tag === '' || tag.length > LIMITS.tagMax);
  return long === undefined ? undefined : `A tag has 1 to ${LIMITS.tagMax} characters.`;
}

/** @returns the names of the path's parameters, or null when the path cannot be read */
function checkFrontend({ path, match }: Frontend, say: Say): ReadonlySet<string> | null {
  if (path.length > LIMITS.pathMax) return (say('path', `At most ${LIMITS.pathMax} characters fit.`), null);
  try {
    const segments = parsePath(path);
    if (match === 'prefix' && segments.some((segment) => 'rest' in segment && segment.rest)) {
      say('path', 'A prefix takes what follows anyway: leave the {name+} out, or choose an exact match.');
    }
    return new Set(segments.flatMap((segment) => ('param' in segment ? [segment.param] : [])));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return (say('path', `The path ${error.message}.`), null);
  }
}

function checkParameters(parameters: readonly RequestParameter[], pathNames: ReadonlySet<string> | null, say: Say): void {
  if (parameters.length > LIMITS.parametersMax) say('parameters', `At most ${LIMITS.parametersMax} parameters.`);
  const seen = new Set<string>();
  parameters.forEach((parameter, index) => {
    const field = `parameters.${index}`;
    const key = `${parameter.in}:${parameter.in === 'header' ? parameter.name.toLowerCase() : parameter.name}`;
    if (seen.has(key)) say(`${field}.name`, `${parameter.name} is named twice.`);
    seen.add(key);
    say(`${field}.name`, parameterNameFault(parameter, pathNames));
    for (const [name, fault] of Object.entries(parameterFaults(parameter))) say(`${field}.${name}`, fault);
  });
}

function parameterNameFault({ name, in: place }: RequestParameter, pathNames: ReadonlySet<string> | null): string | undefined {
  switch (place) {
    case 'path':
      return pathNames === null || pathNames.has(name) ? undefined : `The path has no {${name}}.`;
    case 'header':
      if (!HEADER_NAME.test(name)) return 'A header name has letters, digits and hyphens, at most 64.';
      return isReservedHeader(name) ? `The header ${name} is decided by the gateway.` : undefined;
    case 'query':
      return QUERY_NAME.test(name) ? undefined : 'A query name has 1 to 64 letters, digits and _ . $ [ ] @ : -';
  }
}

const isInteger = (text: string): boolean => /^-?(?:0|[1-9][0-9]{0,14})$/.test(text);
const isNumber = (text: string): boolean => /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?$/.test(text);

/** Is this text a value of the type, in its plain spelling? What passes here passes the gateway's check of callers' parameters. */
export function isOfType(text: string, type: RequestParameter['type']): boolean {
  switch (type) {
    case 'string':
      return true;
    case 'boolean':
      return text === 'true' || text === 'false';
    case 'integer':
      return isInteger(text);
    case 'number':
      return isNumber(text);
  }
}

function parameterFaults(parameter: RequestParameter): Record<string, string> {
  const { type, minimum, maximum, minLength, maxLength } = parameter;
  const faults: Record<string, string> = {};
  if (parameter.description.length > LIMITS.valueMax) faults['description'] = `At most ${LIMITS.valueMax} characters fit.`;
  const values = parameter.enum ?? [];
  if (values.length > LIMITS.enumMax) faults['enum'] = `At most ${LIMITS.enumMax} values.`;
  const wrong = values.find((value) => !isOfType(value, type));
  if (wrong !== undefined) faults['enum'] = `${wrong.slice(0, 40)} is not of type ${type}.`;
  if (values.some((value) => value.length > LIMITS.valueMax)) faults['enum'] = `A value has at most ${LIMITS.valueMax} characters.`;
  if (minimum !== undefined && maximum !== undefined && minimum > maximum) faults['minimum'] = 'The least value is above the greatest.';
  if (minLength !== undefined && maxLength !== undefined && minLength > maxLength) faults['minLength'] = 'The least length is above the greatest.';
  if ((minimum !== undefined || maximum !== undefined) && type !== 'integer' && type !== 'number')
    faults['minimum'] = 'Only numbers have a least and a greatest value.';
  if ((minLength !== undefined || maxLength !== undefined) && type !== 'string') faults['minLength'] = 'Only texts have a length.';
  const standard = parameter.default;
  if (standard !== undefined && (!isOfType(standard, type) || standard.length > LIMITS.valueMax)) faults['default'] = `The default is not of type ${type}.`;
  if (standard !== undefined && values.length > 0 && !values.includes(standard)) faults['default'] = 'The default is not among the allowed values.';
  return faults;
}

function checkBackend({ backend, frontend }: ApiDraft, pathNames: ReadonlySet<string> | null, allow: ReadonlySet<string>, say: Say): void {
  if (backend.kind === 'mock') {
    if (!Number.isInteger(backend.status) || backend.status < 200 || backend.status > 599) say('mockStatus', 'A status is a number from 200 to 599.');
    say('mockBody', bounded(backend.body, LIMITS.mockBodyMax));
    if (backend.headers.length > LIMITS.mockHeadersMax) say('mockHeaders', `At most ${LIMITS.mockHeadersMax} headers.`);
    const bad = backend.headers.find(([name, value]) => !HEADER_NAME.test(name) || isReservedHeader(name) || !HEADER_VALUE.test(value));
    if (bad) say('mockHeaders', `The header ${bad[0].slice(0, 40)} cannot be sent.`);
    return;
  }
  say('origin', backend.origin === '' ? 'This is needed.' : readOrigin(backend.origin, allow).fault);
  if (!backend.path.startsWith('/')) say('backendPath', 'The path must begin with /.');
  say('backendPath', bounded(backend.path, LIMITS.pathMax));
  if (/[?#\\\s]/.test(backend.path)) say('backendPath', 'The path must not hold ? # \\ or spaces.');
  if (/\/\.{1,2}(\/|$)/.test(backend.path)) say('backendPath', 'The path must not hold . or .. segments.');
  const unknown = namesIn(backend.path).find((name) => pathNames !== null && !pathNames.has(name));
  if (unknown !== undefined) say('backendPath', `The path of the frontend ${frontend.path} has no {${unknown}}.`);
  if (/[{}]/.test(backend.path.replace(BACKEND_NAME, ''))) say('backendPath', 'A parameter is written {name}.');
  if (!Number.isInteger(backend.timeoutMs) || backend.timeoutMs < 1 || backend.timeoutMs > LIMITS.timeoutMaxMs)
    say('timeoutMs', `From 1 to ${LIMITS.timeoutMaxMs} ms.`);
  if (!Number.isInteger(backend.retries) || backend.retries < 0 || backend.retries > LIMITS.retriesMax) say('retries', `From 0 to ${LIMITS.retriesMax}.`);
}

const BACKEND_NAME = /\{([A-Za-z][A-Za-z0-9_-]{0,63})\}/g;
const namesIn = (path: string): string[] => [...path.matchAll(BACKEND_NAME)].map((match) => match[1] ?? '');

function checkBackendParameters(parameters: readonly TypedParameter[], say: Say): void {
  if (parameters.length > LIMITS.backendParametersMax) say('backendParameters', `At most ${LIMITS.backendParametersMax} hidden values.`);
  const seen = new Set<string>();
  parameters.forEach(({ name, in: place, value = '' }, index) => {
    const field = `backendParameters.${index}`;
    const key = `${place}:${name.toLowerCase()}`;
    if (seen.has(key)) say(`${field}.name`, `${name} is named twice.`);
    seen.add(key);
    // The backend's own key may well travel as Authorization: callers' values of it never do.
    const hiddenHeader = HEADER_NAME.test(name) && (!isReservedHeader(name) || /^authorization$/i.test(name));
    if (place === 'header' ? !hiddenHeader : !QUERY_NAME.test(name))
      say(`${field}.name`, `${name.slice(0, 40) || 'This name'} cannot be sent as a ${place} name.`);
    if (value.length > LIMITS.valueMax) say(`${field}.value`, `At most ${LIMITS.valueMax} characters fit.`);
    if (place === 'header' && !HEADER_VALUE.test(value)) say(`${field}.value`, 'A header’s value has printable ASCII characters only.');
  });
}
