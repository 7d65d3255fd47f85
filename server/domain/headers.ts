import { secondsLeft, stretchOf } from './quota.ts';

/**
 * Which header fields pass the gateway, in which direction. The set for the provider is built by us, never copied whole: what is
 * hop-by-hop, named in `Connection`, reserved for us, or somebody's credential stays behind (RFC 9110 §7.6.1; security cases 5–8, 16, 21, 22).
 */
export type HeaderClass = 'pass' | 'hop' | 'framing' | 'reserved' | 'credential';

export interface HeaderName {
  readonly lower: string;
  readonly request: HeaderClass;
  readonly response: HeaderClass;
}

const HOP = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const FRAMING = new Set(['content-length', 'host']);
/** Said about the caller by proxies in front, and believed by providers: only our own word passes. */
const REQUEST_RESERVED = new Set([
  'cf-connecting-ip',
  'client-ip',
  'fastly-client-ip',
  'forwarded',
  'true-client-ip',
  'via',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-host',
  'x-original-url',
  'x-real-ip',
  'x-request-id',
  'x-rewrite-url',
  'x-stage',
]);
const REQUEST_RESERVED_PREFIXES = ['x-apig-', 'x-consumer-', 'x-forwarded-', 'x-subscription-', 'x-tollgate-', 'x-usage', 'usage-'];
const CREDENTIALS = new Set(['apikey', 'authorization', 'cookie', 'x-apig-appcode', 'x-auth-token', 'x-hw-appkey', 'x-hw-id']);
const CREDENTIAL_PREFIXES = ['x-sdk-'];
/** What a provider must not do to the gateway's host, which all providers share, and what only we say. */
const RESPONSE_RESERVED = new Set([
  'alt-svc',
  'clear-site-data',
  'expect-ct',
  'nel',
  'origin-agent-cluster',
  'public-key-pins',
  'public-key-pins-report-only',
  'ratelimit',
  'ratelimit-policy',
  'report-to',
  'reporting-endpoints',
  'server',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
  'via',
  'x-content-type-options',
  'x-error-source',
  'x-powered-by',
  'x-request-id',
  'x-usage',
]);
const RESPONSE_RESERVED_PREFIXES = ['usage-', 'x-apig-', 'x-ratelimit-', 'x-usage-'];

const NAMES_KEPT_MAX = 2_000;
const NAME_KEPT_LENGTH_MAX = 64;
const names = new Map<string, HeaderName>();

/** Lower case and class of a name as it came; the usual ones are worked out once. */
export function headerName(raw: string): HeaderName {
  return names.get(raw) ?? learn(raw);
}

function learn(raw: string): HeaderName {
  const lower = raw.toLowerCase();
  const name = { lower, request: requestClass(lower), response: responseClass(lower) };
  if (names.size < NAMES_KEPT_MAX && raw.length <= NAME_KEPT_LENGTH_MAX) names.set(raw, name);
  return name;
}

const begins = (prefixes: readonly string[], text: string) => prefixes.some((prefix) => text.startsWith(prefix));

function requestClass(lower: string): HeaderClass {
  if (HOP.has(lower)) return 'hop';
  if (FRAMING.has(lower)) return 'framing';
  if (CREDENTIALS.has(lower) || begins(CREDENTIAL_PREFIXES, lower)) return 'credential';
  // `X_Consumer_Id` is `X-Consumer-Id` to every CGI-like server.
  if (lower.includes('_')) return 'reserved';
  return REQUEST_RESERVED.has(lower) || begins(REQUEST_RESERVED_PREFIXES, lower) ? 'reserved' : 'pass';
}

function responseClass(lower: string): HeaderClass {
  if (HOP.has(lower)) return 'hop';
  if (lower === 'content-length') return 'framing';
  return RESPONSE_RESERVED.has(lower) || begins(RESPONSE_RESERVED_PREFIXES, lower) ? 'reserved' : 'pass';
}

/** Names listed in `Connection` fields, lower case: they go no further. Null when there are none besides the usual words. */
export function nominated(connection: string): ReadonlySet<string> | null {
  const listed = connection
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '' && part !== 'close' && part !== 'keep-alive');
  return listed.length > 0 ? new Set(listed) : null;
}

/**
 * The caller's fields that the provider may see, as a flat list of names and values.
 *
 * @param connection  names listed in the caller's `Connection`
 * @param declared  credential headers (lower case) that the API declares as its own parameters and that were not used to call us
 */
export function passedToUpstream(rawHeaders: readonly string[], connection: ReadonlySet<string> | null, declared: ReadonlySet<string> | null): string[] {
  const passed: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] as string;
    const name = headerName(raw);
    if (name.request !== 'pass' && !(name.request === 'credential' && declared?.has(name.lower))) continue;
    if (connection?.has(name.lower)) continue;
    passed.push(raw, rawHeaders[i + 1] as string);
  }
  return passed;
}

/** The provider's fields that the caller may see; `content-length` is left to whoever writes the body. */
export function passedToCaller(rawHeaders: readonly string[]): string[] {
  let connection: ReadonlySet<string> | null = null;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (headerName(rawHeaders[i] as string).lower === 'connection') connection = nominated(rawHeaders[i + 1] as string) ?? connection;
  const passed: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] as string;
    const name = headerName(raw);
    if (name.response === 'pass' && !connection?.has(name.lower)) passed.push(raw, rawHeaders[i + 1] as string);
  }
  return passed;
}

/** What the limits say after a call was taken: numbers for the answer's headers. */
export interface LimitFigures {
  /** In units, with the window's length; `resetAt` epoch ms. */
  readonly quota: {
    readonly limit: number;
    readonly remaining: number;
    readonly resetAt: number;
    readonly hard: boolean;
    readonly windowSeconds: number;
  } | null;
  readonly rate: { readonly calls: number; readonly seconds: number; readonly remaining: number } | null;
}

/**
 * `RateLimit-Policy` and `RateLimit` (IETF draft 11), the older `X-RateLimit-*` for the policy nearest its end, and `Usage-Remaining`.
 * Remaining is never above the truth.
 *
 * @param now  epoch ms of the clock that resets the quota
 */
export function limitHeaders({ quota, rate }: LimitFigures, now: number): string[] {
  const headers: string[] = [];
  if (quota === null && rate === null) return headers;
  const resetSeconds = quota === null ? 0 : Math.max(0, Math.ceil((quota.resetAt - now) / 1_000));
  const planPolicy = quota && `"plan";q=${quota.limit};w=${quota.windowSeconds}`;
  const ratePolicy = rate && `"rate";q=${rate.calls};w=${rate.seconds}`;
  const planLeft = quota && `"plan";r=${quota.remaining};t=${resetSeconds}`;
  const rateReset = rate === null ? 0 : secondsLeft(now, (stretchOf(now, rate.seconds) + 1) * rate.seconds * 1_000);
  const rateLeft = rate && `"rate";r=${rate.remaining};t=${rateReset}`;
  headers.push('RateLimit-Policy', both(planPolicy, ratePolicy), 'RateLimit', both(planLeft, rateLeft));
  // Nearest its end: the smaller share of its limit left.
  if (rate !== null && (quota === null || rate.remaining * quota.limit < quota.remaining * rate.calls))
    headers.push('X-RateLimit-Limit', String(rate.calls), 'X-RateLimit-Remaining', String(rate.remaining), 'X-RateLimit-Reset', String(rateReset));
  else if (quota !== null)
    headers.push('X-RateLimit-Limit', String(quota.limit), 'X-RateLimit-Remaining', String(quota.remaining), 'X-RateLimit-Reset', String(resetSeconds));
  if (quota !== null) headers.push('Usage-Remaining', `requests=${quota.remaining}`);
  return headers;
}

const both = (first: string | null, second: string | null): string => (first === null ? (second ?? '') : second === null ? first : `${first}, ${second}`);

/** `0.35;currency=usd;units=1`: minor units as a decimal (rule N2), the price if the call ends well. */
export const usageCost = (amount: string, currency: string, units: number): string => `${amount};currency=${currency};units=${units}`;
