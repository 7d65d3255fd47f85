import type { RequestParameter } from '../../domain/api.ts';
import { escapeText } from '../../domain/signature.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import type { Filter } from '../filter.ts';

/**
 * Check the parameters the API declares; a fault names the parameter. What is missing and has a default is added for the provider.
 * Needs: `served`, `params`. Sets: `query`, `addedHeaders`. Runs before anything is counted.
 */
export const validateRequest: Filter = (call) => {
  const parameters = call.served?.api.definition.parameters;
  if (parameters === undefined || parameters.length === 0) return;
  let query: Map<string, string[]> | undefined;
  for (const parameter of parameters) {
    if (parameter.in === 'query') query ??= readQuery(call.target.query);
    const values =
      parameter.in === 'path' ? inPath(call, parameter.name) : parameter.in === 'query' ? (query?.get(parameter.name) ?? []) : inHeader(call, parameter.name);
    if (values.length === 0) absent(call, parameter);
    for (const value of values) {
      const fault = faultOf(parameter, value);
      if (fault !== null)
        throw new AppError('invalid-request', `The ${parameter.in} parameter ${parameter.name} ${fault}.`, { fields: { [parameter.name]: fault } });
    }
  }
};

function absent(call: Call, parameter: RequestParameter): void {
  if (parameter.default !== undefined) {
    if (parameter.in === 'query') call.query += `${call.query === '' ? '' : '&'}${escapeText(parameter.name)}=${escapeText(parameter.default)}`;
    else if (parameter.in === 'header') call.addedHeaders.push(parameter.name, parameter.default);
  } else if (parameter.required)
    throw new AppError('invalid-request', `The ${parameter.in} parameter ${parameter.name} is missing.`, { fields: { [parameter.name]: 'is missing' } });
}

const inPath = (call: Call, name: string): string[] => {
  const value = call.params[name];
  return value === undefined ? [] : [value];
};

function inHeader(call: Call, name: string): string[] {
  const wanted = name.toLowerCase();
  const { rawHeaders } = call.caller;
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) if ((rawHeaders[i] as string).toLowerCase() === wanted) values.push(rawHeaders[i + 1] as string);
  return values;
}

function readQuery(raw: string): Map<string, string[]> {
  const query = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(raw)) {
    const before = query.get(name);
    if (before) before.push(value);
    else query.set(name, [value]);
  }
  return query;
}

/** Null, or what is wrong with the value: the rest of a sentence that begins with the parameter's name. */
export function faultOf({ type, minimum, maximum, minLength, maxLength, enum: choices }: RequestParameter, value: string): string | null {
  if (choices && !choices.includes(value)) return `must be one of ${choices.slice(0, 20).join(', ')}`;
  if (type === 'boolean') return value === 'true' || value === 'false' ? null : 'must be true or false';
  if (type === 'string') {
    if (minLength !== undefined && value.length < minLength) return `must have at least ${minLength} characters`;
    return maxLength !== undefined && value.length > maxLength ? `must have at most ${maxLength} characters` : null;
  }
  const shape = type === 'integer' ? /^-?[0-9]{1,18}$/ : /^-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?$/;
  if (!shape.test(value)) return type === 'integer' ? 'must be a whole number' : 'must be a number';
  if (minimum !== undefined && Number(value) < minimum) return `must be at least ${minimum}`;
  return maximum !== undefined && Number(value) > maximum ? `must be at most ${maximum}` : null;
}
