import { LOG_FIELDS_MAX, logFields } from './custom-log.ts';
import type { ClientCertificate } from './gateway-secrets.ts';

/** Values of a gateway's parameters, under the names of the reference system. */
export interface ParameterValues {
  readonly api_uri_no_escape: boolean;
  readonly app_api_key: boolean;
  readonly app_basic: boolean;
  readonly app_jwt: boolean;
  readonly app_secret: boolean;
  readonly app_token: boolean;
  /** s */
  readonly app_token_expire_time: number;
  /** Id of the key; empty = none was made yet. */
  readonly app_token_key: string;
  /** Behind a group's address. */
  readonly app_token_uri: string;
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
  /** s */
  readonly refresh_token_expire_time: number;
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
  /** Made by us, never shown. */
  | { readonly kind: 'key' }
  | { readonly kind: 'log-fields' }
  | { readonly kind: 'path' };

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
  app_token: {
    value: SWITCH,
    initial: false,
    meaning:
      'Give out access tokens for AppKey and AppSecret, as OAuth 2.0 does with client credentials, and accept them in place of these: the secret then travels once an hour, not with each call.',
    example: 'on: POST <group’s address>/v1/apigw/oauth2/token with client_id, client_secret and grant_type=client_credentials',
    seen: 'Calls bring Authorization: Bearer tgat.…; off, expired, or with a credential that has ended: 401 APIG.0303.',
  },
  app_token_expire_time: {
    value: { kind: 'whole', unit: 's', min: 1, max: 72_000 },
    initial: 3_600,
    meaning: 'How long an access token lasts from the moment it is given out.',
    example: '600: ten minutes',
    seen: 'expires_in in the answer of the token address. Tokens given out before keep their end.',
  },
  app_token_key: {
    value: { kind: 'key' },
    initial: '',
    meaning:
      'The key that signs this gateway’s tokens. It is made when app_token is switched on, encrypted, and never shown. A new one ends all tokens at once.',
    example: 'a new key, after tokens were seen by somebody they were not for',
    seen: 'With a new key: 401 APIG.0303 for every token given out before; callers fetch another one.',
  },
  app_token_uri: {
    value: { kind: 'path' },
    initial: '/v1/apigw/oauth2/token',
    meaning: 'Where tokens are given out, behind the address of each group of this gateway. It goes before an API with the same path.',
    example: '/oauth/token',
    seen: 'Tokens at this address, and at no other.',
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
  refresh_token_expire_time: {
    value: { kind: 'whole', unit: 's', min: 1, max: 72_000 },
    initial: 7_200,
    meaning: 'How long a refresh token lasts from the moment it is given out.',
    example: '72000: twenty hours',
    seen: 'refresh_expires_in in the answer of the token address. Tokens given out before keep their end.',
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
  if (form.kind === 'key') return text === '' ? 'none yet' : `key …${text.slice(-6)}`;
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
    case 'key':
      return 'made here, 256 random bits';
    case 'path':
      return 'one to eight segments of letters, digits and -._~';
    case 'log-fields':
      return `up to ${LOG_FIELDS_MAX} of header:name, query:name or cookie:name, or empty for off`;
  }
}

/** Why two parameters cannot have these values at once; null when they can. */
export function parameterClash({ custom_auth_header, custom_log }: ParameterValues): string | null {
  const clashes =
    custom_auth_header !== '' && logFields(custom_log).some(({ in: place, name }) => place === 'header' && name === custom_auth_header.toLowerCase());
  return clashes ? `${custom_auth_header} holds credentials by custom_auth_header, and custom_log would log it.` : null;
}

/** Ids of the secrets that values name. */
export const usedSecrets = ({ app_token_key: key, backend_client_certificate: certificate }: GatewayParameters): ReadonlySet<string> =>
  new Set([...(certificate ? [certificate.id] : []), ...(key ? [key] : [])]);

/** Put a value into what is stored; a default is not stored. Names this catalogue does not know stay. */
export function withParameter(stored: GatewayParameters, name: ParameterName, value: ParameterValue): GatewayParameters {
  const { [name]: _before, ...rest } = stored;
  return sameValue(value, PARAMETERS[name].initial) ? rest : { ...rest, [name]: value };
}

export const sameValue = (a: ParameterValue, b: ParameterValue): boolean => JSON.stringify(a) === JSON.stringify(b);
