import { LOG_FIELDS_MAX, logFields, readLogFields } from './custom-log.ts';
import type { ClientCertificate } from './gateway-secrets.ts';
import { headerName } from './headers.ts';

/** Values of a gateway's parameters, under the names of the reference system. */
export interface ParameterValues {
  readonly api_uri_no_escape: boolean;
  readonly app_api_key: boolean;
  readonly app_basic: boolean;
  readonly app_jwt: boolean;
  readonly app_secret: boolean;
  /** Null = off. */
  readonly backend_client_certificate: ClientCertificate | null;
  /** ms */
  readonly backend_timeout: number;
  /** A header's name; empty = off. */
  readonly custom_auth_header: string;
  /** `header:name, query:name, cookie:name`; empty = off. */
  readonly custom_log: string;
  /** Level of compression; null = off. */
  readonly gzip: number | null;
  /** Calls a second. */
  readonly ratelimit_api_limits: number;
  /** Index into X-Forwarded-For, negative from its end; null = off. */
  readonly real_ip_from_xff: number | null;
  /** MB of 1,048,576 bytes */
  readonly request_body_size: number;
  readonly signature_replay: 'refuse' | 'allow';
  /** Whether Server-Sent Events stream on APIs that are not declared streaming. */
  readonly sse_strategy: boolean;
  readonly unsigned_payload: 'refuse' | 'allow';
}

export type ParameterName = keyof ParameterValues;
export type ParameterValue = ParameterValues[ParameterName];

/** What is stored with a gateway and travels in snapshots; absent = default. */
export type GatewayParameters = Partial<ParameterValues>;

export type ParameterKind =
  | { readonly kind: 'whole'; readonly unit: string; readonly min: number; readonly max: number }
  /** A whole number, or off. */
  | { readonly kind: 'index'; readonly unit: string; readonly min: number; readonly max: number }
  | { readonly kind: 'switch' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'certificate' }
  | { readonly kind: 'header' }
  | { readonly kind: 'log-fields' };

export interface Parameter {
  readonly value: ParameterKind;
  readonly initial: ParameterValue;
  /** What it does, in plain words. */
  readonly meaning: string;
  /** A value that may be typed, and what for. */
  readonly example: string;
  /** What a caller sees of it. */
  readonly seen: string;
}

const SWITCH: ParameterKind = { kind: 'switch' };
const REFUSAL: ParameterKind = { kind: 'choice', choices: ['refuse', 'allow'] };

/** Every parameter of a gateway. One entry, one parameter, sorted. */
export const PARAMETERS: Readonly<Record<ParameterName, Parameter>> = {
  api_uri_no_escape: {
    value: SWITCH,
    initial: false,
    meaning:
      'Take escaped slashes (%2F) in paths: they belong to one segment, do not separate two, and go to the backend escaped, as all escapes of path parameters then do.',
    example: 'on: GET /files/{name} takes GET /files/2024%2Freport.pdf, with the name 2024%2Freport.pdf',
    seen: 'Off, a path with %2F: 400 APIG.0201. Dots that climb (%2F..%2F), %5C, %00 and double escapes are refused either way.',
  },
  app_api_key: {
    value: SWITCH,
    initial: false,
    meaning: 'Accept the AppKey alone, as header or query parameter apikey. Whoever sees it can call: for APIs that need little protection.',
    example: 'on: GET /cities with the header apikey: tgk_…',
    seen: 'Off or wrong: 401 APIG.0303. The key never reaches the backend.',
  },
  app_basic: {
    value: SWITCH,
    initial: false,
    meaning: 'Accept AppKey and AppSecret as HTTP Basic, for programs that can do nothing else.',
    example: 'on: curl -u <AppKey>:<AppSecret> …',
    seen: 'Off or wrong: 401 APIG.0303. Neither key nor secret reaches the backend.',
  },
  app_jwt: {
    value: SWITCH,
    initial: false,
    meaning: 'Accept X-HW-ID: <AppKey>, Timestamp: <Unix seconds> and Authorization: hex SHA-256 of AppKey, AppSecret and Timestamp in a row.',
    example: 'on: a proof that is good for 15 minutes around its Timestamp',
    seen: 'Off, wrong or more than 15 minutes away: 401 APIG.0303.',
  },
  app_secret: {
    value: SWITCH,
    initial: false,
    meaning: 'Accept the AppKey in the header X-HW-ID with the AppSecret in X-HW-AppKey.',
    example: 'on: X-HW-ID: tgk_… and X-HW-AppKey: tgs_…',
    seen: 'Off or wrong: 401 APIG.0303. Neither key nor secret reaches the backend.',
  },
  backend_client_certificate: {
    value: { kind: 'certificate' },
    initial: null,
    meaning:
      'The client certificate shown to backends that ask who calls (mutual TLS), with its private key, and perhaps an authority of your own that signs your backends’ certificates.',
    example: 'a certificate and its key in PEM, as openssl or your own authority makes them',
    seen: 'A backend that refuses it, or asks for one where there is none: 502 APIG.0202. Why is told to you alone, under Calls.',
  },
  backend_timeout: {
    value: { kind: 'whole', unit: 'ms', min: 1, max: 600_000 },
    initial: 60_000,
    meaning: 'The longest an API of this gateway may wait for its backend, whatever its own timeout says.',
    example: '10000: no call waits longer than ten seconds for a first byte',
    seen: 'A backend that is slower: 504 APIG.0203, and nothing is billed.',
  },
  custom_auth_header: {
    value: { kind: 'header' },
    initial: '',
    meaning: 'The header that holds a signature, a Bearer code or Basic in place of Authorization, which then is the API’s own.',
    example: 'X-Gateway-Auth: where the backend wants an Authorization of its own and the API declares it',
    seen: 'Credentials in Authorization are no longer read: 401 APIG.0303. The named header never reaches the backend.',
  },
  custom_log: {
    value: { kind: 'log-fields' },
    initial: '',
    meaning:
      'Values of headers, query parameters and cookies to note beside each call, for the list of calls of this gateway: at most 2 KB a call, kept as long as the calls are.',
    example: 'header:user-agent, query:page, cookie:theme',
    seen: 'Nothing. What may hold a credential (Authorization, apikey, tokens, cookies of sessions …) cannot be named here.',
  },
  gzip: {
    value: { kind: 'index', unit: '', min: 1, max: 9 },
    initial: null,
    meaning: 'Compress answers for callers that accept gzip: text of more than 1 KB that the backend did not encode itself. The value is the level.',
    example: '6: the usual balance of size and work',
    seen: 'Content-Encoding: gzip and fewer bytes, which are the bytes recorded. Without Accept-Encoding nothing changes.',
  },
  ratelimit_api_limits: {
    value: { kind: 'whole', unit: 'calls a second', min: 1, max: 1_000_000 },
    initial: 200,
    meaning: 'How many calls a second each API answers that no plan or policy governs.',
    example: '50: an open API answers fifty calls in a second, all callers together',
    seen: 'Further calls in that second: 429 APIG.0308 with Retry-After.',
  },
  real_ip_from_xff: {
    value: { kind: 'index', unit: '', min: -100, max: 100 },
    initial: null,
    meaning:
      'Which address of X-Forwarded-For is the caller’s: 0 the first, -1 the last. Only addresses written by the proxies this installation trusts count.',
    example: '-1: the address that the nearest proxy saw',
    seen: 'The backend gets that address in X-Forwarded-For. Without a trusted proxy in front it is the connection’s.',
  },
  request_body_size: {
    value: { kind: 'whole', unit: 'MB', min: 1, max: 9_536 },
    initial: 12,
    meaning: 'The largest body of a request. Signed bodies whose hash is in no header stay bounded by 12 MB.',
    example: '100: uploads of up to a hundred megabytes',
    seen: 'A larger body: 413 APIG.0201.',
  },
  signature_replay: {
    value: REFUSAL,
    initial: 'refuse',
    meaning: 'Whether a signed POST, PUT, PATCH or DELETE may be sent again with the same signature.',
    example: 'allow: for callers that send equal requests within one second and cannot add a signed X-Sdk-Nonce',
    seen: 'While refused, the second call with a signature: 401 APIG.0303 that says to sign again.',
  },
  sse_strategy: {
    value: SWITCH,
    initial: false,
    meaning: 'Let answers of the type text/event-stream last: as long as an event comes every five minutes no timeout ends them, on any API.',
    example: 'on: a backend that thinks for a minute between two events',
    seen: 'Off, silence longer than the API’s timeout cuts the answer off, unless the API is declared streaming. Billing is the same.',
  },
  unsigned_payload: {
    value: REFUSAL,
    initial: 'allow',
    meaning: 'Whether a signed call may leave its body out of the signature (UNSIGNED-PAYLOAD). The official signers do so for every body but JSON.',
    example: 'refuse: nobody on the way can change a form or a file unnoticed',
    seen: 'While refused, a body that is not signed: 401 APIG.0303.',
  },
};

export const PARAMETER_NAMES = Object.keys(PARAMETERS) as readonly ParameterName[];

export const isParameterName = (name: string): name is ParameterName => Object.hasOwn(PARAMETERS, name);

/** All values, with the defaults for what is not stored. */
export function parameterValues(stored: GatewayParameters): ParameterValues {
  return Object.fromEntries(PARAMETER_NAMES.map((name) => [name, stored[name] ?? PARAMETERS[name].initial])) as unknown as ParameterValues;
}

/** A value as a form shows and takes it. */
export function parameterText(value: ParameterValue): string {
  if (typeof value === 'object') return value === null ? '' : value.id;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value);
}

/** A value in words; never empty. */
export const parameterWords = (name: ParameterName, value: ParameterValue): string => {
  const { value: form } = PARAMETERS[name];
  const text = parameterText(value);
  if (text === '') return 'off';
  if (typeof value === 'object' && value !== null) return `${value.subject}, SHA-256 ${value.fingerprint.slice(0, 23)}…`;
  return (form.kind === 'whole' || form.kind === 'index') && form.unit !== '' ? `${text} ${form.unit}` : text;
};

/** What may be typed, in words. */
export function parameterRange({ value }: Parameter): string {
  switch (value.kind) {
    case 'whole':
      return `${value.min} to ${value.max}${value.unit === '' ? '' : ` ${value.unit}`}`;
    case 'index':
      return `${value.min} to ${value.max}, or empty for off`;
    case 'switch':
      return 'on or off';
    case 'choice':
      return value.choices.join(' or ');
    case 'certificate':
      return 'PEM: a certificate that has not expired, its private key without a passphrase, and perhaps an authority';
    case 'header':
      return 'the name of a header that begins with X-, or empty for off';
    case 'log-fields':
      return `up to ${LOG_FIELDS_MAX} of header:name, query:name or cookie:name, or empty for off`;
  }
}

const WHOLE = /^-?(?:0|[1-9][0-9]{0,9})$/;
const HEADER_NAME = /^X-[A-Za-z0-9-]{1,62}$/i;

/** Read what was typed for a parameter. The fault is a sentence for beside the field. */
export function readParameter(name: ParameterName, typed: string): { readonly value: ParameterValue } | { readonly fault: string } {
  const { value: form } = PARAMETERS[name];
  const text = typed.trim();
  switch (form.kind) {
    case 'whole':
    case 'index': {
      if (form.kind === 'index' && text === '') return { value: null };
      if (text === '') return { fault: 'This is needed.' };
      const value = Number(text);
      return WHOLE.test(text) && value >= form.min && value <= form.max ? { value } : { fault: `A whole number from ${form.min} to ${form.max}.` };
    }
    case 'switch':
      return text === 'on' || text === 'off' ? { value: text === 'on' } : { fault: 'Choose on or off.' };
    case 'choice':
      return form.choices.includes(text) ? { value: text as ParameterValue } : { fault: 'Choose one of the offered values.' };
    case 'certificate':
      return text === '' ? { value: null } : { fault: 'Paste the certificate and its key into their own form.' };
    case 'header':
      return readHeaderName(text);
    case 'log-fields':
      return readLogFields(typed);
  }
}

/** A header that passes to backends today, or that only ever holds a credential: no name that framing or routing reads. */
function readHeaderName(text: string): { readonly value: string } | { readonly fault: string } {
  if (text === '') return { value: '' };
  if (!HEADER_NAME.test(text)) return { fault: 'A header’s name that begins with X-: letters, digits and hyphens, at most 64 characters.' };
  const { lower, request } = headerName(text);
  return request === 'pass' || lower === 'x-auth-token' ? { value: text } : { fault: 'The gateway reads this header for something else.' };
}

/** Why two parameters cannot have these values at once; null when they can. */
export function parameterClash({ custom_auth_header, custom_log }: ParameterValues): string | null {
  const clashes =
    custom_auth_header !== '' && logFields(custom_log).some(({ in: place, name }) => place === 'header' && name === custom_auth_header.toLowerCase());
  return clashes ? `${custom_auth_header} holds credentials by custom_auth_header, and custom_log would log it.` : null;
}

/** Ids of the secrets that values name. */
export const usedSecrets = ({ backend_client_certificate: certificate }: GatewayParameters): ReadonlySet<string> =>
  new Set(certificate ? [certificate.id] : []);

/** Put a value into what is stored; a default is not stored. Names this catalogue does not know stay. */
export function withParameter(stored: GatewayParameters, name: ParameterName, value: ParameterValue): GatewayParameters {
  const { [name]: _before, ...rest } = stored;
  return sameValue(value, PARAMETERS[name].initial) ? rest : { ...rest, [name]: value };
}

export const sameValue = (a: ParameterValue, b: ParameterValue): boolean => JSON.stringify(a) === JSON.stringify(b);
