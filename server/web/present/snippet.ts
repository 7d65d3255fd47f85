import type { ApiDefinition, RequestParameter } from '../../domain/api.ts';

export interface Snippet {
  readonly label: string;
  readonly text: string;
}

/** The variable that stands for the caller's AppCode in every snippet: a secret is never printed into a page that may be shared. */
export const KEY_VARIABLE = 'TOLLGATE_APP_CODE';

export interface SnippetParts {
  readonly baseUrl: string;
  readonly stage: string | null;
  readonly definition: Pick<ApiDefinition, 'frontend' | 'parameters' | 'security' | 'appCode'>;
  /** Of the provider’s document; without one an empty object stands for it. */
  readonly body?: { readonly contentType: string; readonly body: string } | null;
}

/** A value that makes the call work, or at least shows the shape: example, default, first of the list, or the name in capitals. */
function sample({ example, default: fallback, enum: choices, name, type, minimum }: RequestParameter): string {
  const given = example ?? fallback ?? choices?.[0];
  if (given !== undefined && given !== '') return given;
  if (type === 'integer' || type === 'number') return String(minimum ?? 1);
  return type === 'boolean' ? 'true' : name.toUpperCase();
}

interface SampleCall {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
}

/**
 * The address and headers of a call as anybody could make it: path values filled in, required query and header values set. What is
 * optional stays out: examples of filters, each right by itself, often contradict each other.
 */
export function sampleCall({ baseUrl, stage, definition: { frontend, parameters }, body }: SnippetParts): SampleCall {
  const find = (name: string): string => {
    const parameter = parameters.find((candidate) => candidate.in === 'path' && candidate.name === name);
    return parameter ? sample(parameter) : name.toUpperCase();
  };
  const path = frontend.path.replace(/\{([^}+]+)(\+?)\}/g, (_all, name: string, rest: string) =>
    rest === '+' ? find(name).split('/').map(encodeURIComponent).join('/') : encodeURIComponent(find(name)),
  );
  const query = parameters
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map((parameter): [string, string] => [parameter.name, sample(parameter)]);
  const method = frontend.method === 'ANY' ? 'GET' : frontend.method;
  const sendsBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  const json = body && /[/+]json\b/.test(body.contentType) ? compact(body.body) : null;
  return {
    method,
    url: baseUrl + path + (query.length > 0 ? `?${new URLSearchParams(query).toString()}` : ''),
    headers: [
      ...(stage === null ? [] : [['X-Stage', stage] as const]),
      ...parameters.filter((parameter) => parameter.in === 'header' && parameter.required).map((parameter) => [parameter.name, sample(parameter)] as const),
      ...(sendsBody ? [['Content-Type', 'application/json'] as const] : []),
    ],
    body: sendsBody ? (json ?? '{}') : null,
  };
}

/** On one line, when it is whole JSON; a body that was cut is no sample. */
function compact(body: string): string | null {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return null;
  }
}

/** Inside single quotes a shell reads nothing; a quote itself is closed, escaped and opened again. */
const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const withKey = ({ security }: SnippetParts['definition']): boolean => security === 'APP' || security === 'APP_AUTHORIZER';

/** The call for a terminal. */
export function curl(parts: SnippetParts): string {
  const { method, url, headers, body } = sampleCall(parts);
  const lines = [
    `curl ${method === 'GET' ? '' : method === 'HEAD' ? '--head ' : `-X ${method} `}${shell(url)}`,
    ...(withKey(parts.definition) ? [`-H "X-Apig-AppCode: $${KEY_VARIABLE}"`] : []),
    ...headers.map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
    ...(body === null ? [] : [`-d ${shell(body)}`]),
  ];
  return lines.join(' \\\n  ');
}

/** The same call in the languages people ask for first. */
export function snippets(parts: SnippetParts): Snippet[] {
  const { method, url, headers, body } = sampleCall(parts);
  const keyed = withKey(parts.definition);
  const text = JSON.stringify;
  const javascriptHeaders = [
    ...(keyed ? [`    'X-Apig-AppCode': process.env.${KEY_VARIABLE},`] : []),
    ...headers.map(([name, value]) => `    ${text(name)}: ${text(value)},`),
  ];
  const pythonHeaders = [
    ...(keyed ? [`        "X-Apig-AppCode": os.environ["${KEY_VARIABLE}"],`] : []),
    ...headers.map(([name, value]) => `        ${text(name)}: ${text(value)},`),
  ];
  return [
    { label: 'curl', text: curl(parts) },
    {
      label: 'JavaScript',
      text: [
        `const response = await fetch(${text(url)}, {`,
        ...(method === 'GET' ? [] : [`  method: ${text(method)},`]),
        ...(javascriptHeaders.length > 0 ? ['  headers: {', ...javascriptHeaders, '  },'] : []),
        ...(body === null ? [] : [`  body: ${text(body)},`]),
        '});',
        'if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);',
        'console.log(await response.json());',
      ].join('\n'),
    },
    {
      label: 'Python',
      text: [
        ...(keyed ? ['import os'] : []),
        'import requests',
        '',
        `response = requests.request(`,
        `    ${text(method)},`,
        `    ${text(url)},`,
        ...(pythonHeaders.length > 0 ? ['    headers={', ...pythonHeaders, '    },'] : []),
        ...(body === null ? [] : [`    data=${text(body)},`]),
        '    timeout=30,',
        ')',
        'response.raise_for_status()',
        'print(response.json())',
      ].join('\n'),
    },
  ];
}
