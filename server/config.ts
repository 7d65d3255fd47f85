import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dirname, join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { z } from 'zod';

/** Raised once with every fault in it; the entry points end with exit 78. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`Configuration: ${faults.join('; ')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);
const url = z.url({ protocol: /^https?$/, error: 'an address that begins with http:// or https://' }).transform((text) => text.replace(/\/+$/, ''));
const flag = z.enum(['0', '1']).transform((text) => text === '1');
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
);

/** An address as it is given out, and where this process opens it. */
export interface PrivateListen {
  /** `10.0.0.5:9000`: what a connection calls, the same for every process. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
}

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9.-]+)):([0-9]{1,5})$/;

/** `host:port`, or `host:port=host:port` where it is reached at another place than it is opened at: behind a balancer, in a container. */
const privateListen = list
  .default([])
  .refine((entries) => entries.every((entry) => readPrivateListen(entry) !== null), {
    error: 'each entry is host:port, or host:port=host:port (given out = opened), IPv6 in brackets',
  })
  .transform((entries) => entries.flatMap((entry) => readPrivateListen(entry) ?? []))
  .refine((entries) => new Set(entries.map(({ address }) => address)).size === entries.length, { error: 'an address stands twice' });

function readPrivateListen(entry: string): PrivateListen | null {
  const [given = '', opened = given, ...more] = entry.split('=');
  const [, v6, name, port] = HOST_PORT.exec(opened) ?? [];
  const givenPort = Number(HOST_PORT.exec(given)?.[3] ?? 0);
  if (more.length > 0 || port === undefined || Number(port) > 65_535 || givenPort < 1 || givenPort > 65_535) return null;
  return { address: given.toLowerCase(), host: v6 ?? name ?? '', port: Number(port) };
}

/** One line, one variable: what it is, its default, and (`describe`) the sentence that `.env.example` shows. Sorted by concern. */
const Environment = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development').describe('production refuses the sandbox and every stand-in'),
  SANDBOX: flag.default(true).describe('1: sandbox clock, mailbox and test upstreams are on; refused in production, where the default is 0'),
  DATA_DIR: z.string().default('.local').describe('where the gateway keeps its journal and the sandbox its engines'),
  WEB_PORT: port(3000).describe('portal; PORT is used when this is not set'),
  GATEWAY_PORT: port(8080).describe('gateway; PORT is used when this is not set'),
  WEB_OPS_PORT: port(3001).describe('health and metrics of the web role, 127.0.0.1 only'),
  GATEWAY_OPS_PORT: port(8081).describe('health and metrics of the gateway role, 127.0.0.1 only'),
  WORKER_OPS_PORT: port(3002).describe('health and metrics of the worker role, 127.0.0.1 only'),
  WEB_URL: url.default('http://localhost:3000').describe('the portal’s address as people see it'),
  GATEWAY_URL: url.default('http://127.0.0.1:8080').describe('the gateway’s address as callers see it; another host than the portal’s'),
  GATEWAY_DOMAIN: z.string().default('').describe('wildcard domain for <label>.<domain>; empty: none'),
  GATEWAY_NODE: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'lower-case letters, digits and hyphens, at most 32')
    .default('gw1')
    .describe('names the journal’s folder; unique per gateway process'),
  GATEWAY_ENGINE: z.enum(['direct', 'undici', 'http-proxy']).default('direct').describe('how ordinary calls are forwarded'),
  GATEWAY_PRIVATE_LISTEN: privateListen.describe(
    'addresses for private connections, host:port by comma, each for one connection; host:port=host:port where it is opened elsewhere than it is reached',
  ),
  GATEWAY_PRIVATE_HOPS: z.coerce.number().int().min(0).max(10).default(0).describe('as TRUSTED_HOPS, for the private addresses'),
  MONGODB_URI: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\//, 'begins with mongodb:// or mongodb+srv://')
    .default('mongodb://127.0.0.1:27017/tollgate?directConnection=true')
    .describe('MongoDB; npm start sets it to the engine it resolved'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'begins with redis:// or rediss://')
    .default('redis://127.0.0.1:6379')
    .describe('Redis; npm start sets it to the engine it resolved'),
  REDIS_PREFIX: z.string().default('tollgate:').describe('begins every key, so that deployments can share a Redis'),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\/[^/]/, 'begins with smtp:// or smtps://')
    .default('')
    .describe('mail server; empty: the sandbox’s mailbox'),
  MAIL_FROM: z.string().default('Tollgate <no-reply@tollgate.test>').describe('sender of every mail'),
  STRIPE_SECRET_KEY: z.string().default('').describe('Stripe secret key'),
  STRIPE_WEBHOOK_SECRET: list.default([]).describe('signing secrets of the webhook endpoint, comma list while one is rotated'),
  STRIPE_API_BASE: z.string().default('').describe('only for the simulator; empty: Stripe'),
  SECRET_KEYS: list.default([]).describe('keys that encrypt AppSecrets, id:base64 of 32 bytes, comma list; the first encrypts, all decrypt'),
  SESSION_SECRET: z.string().default('').describe('signs session cookies; at least 32 characters'),
  TRUSTED_HOPS: z.coerce.number().int().min(0).max(10).default(0).describe('proxies in front whose X-Forwarded-For is believed'),
  UPSTREAM_ALLOW: list.default([]).describe('host:port pairs of private upstreams that may be called all the same'),
  METER_STRICT: flag.default(true).describe('1: an answer waits until its record is on disk'),
  JOURNAL_BYTES_MAX: z.coerce.number().int().min(1_048_576).default(1_073_741_824).describe('beyond it metered calls are refused (0701)'),
  LATENESS_SECONDS: z.coerce.number().int().min(0).max(604_800).default(900).describe('how long a closed period waits for usage'),
  PLATFORM_FEE_BPS: z.coerce.number().int().min(0).max(10_000).default(2_000).describe('the platform’s share of every line, in hundredths of a percent'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').describe('how much is logged'),
});

export type ConfigVariables = z.output<typeof Environment>;

export interface Config {
  readonly production: boolean;
  readonly sandbox: boolean;
  readonly root: string;
  readonly dataDir: string;
  readonly webPort: number;
  readonly gatewayPort: number;
  readonly opsPorts: { readonly web: number; readonly gateway: number; readonly worker: number };
  readonly webUrl: string;
  readonly gatewayUrl: string;
  readonly gatewayDomain: string;
  readonly gatewayNode: string;
  readonly gatewayEngine: 'direct' | 'undici' | 'http-proxy';
  readonly gatewayPrivateListen: readonly PrivateListen[];
  readonly gatewayPrivateHops: number;
  readonly mongodbUri: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly smtpUrl: string;
  readonly mailFrom: string;
  readonly stripe: { readonly secretKey: string; readonly webhookSecrets: readonly string[]; readonly apiBase: string; readonly testMode: boolean };
  /** First encrypts, all decrypt. */
  readonly secretKeys: readonly { readonly id: string; readonly key: Buffer }[];
  readonly sessionSecret: string;
  readonly trustedHops: number;
  /** `host:port` */
  readonly upstreamAllow: ReadonlySet<string>;
  readonly meterStrict: boolean;
  readonly journalBytesMax: number;
  readonly latenessSeconds: number;
  readonly platformFeeBps: bigint;
  readonly logLevel: string;
  readonly version: string;
}

/** The checkout's root, from source and from `dist/` alike: the folder that holds package.json and views. */
export function projectRoot(from = dirname(fileURLToPath(import.meta.url))): string {
  let folder = from;
  while (!existsSync(join(folder, 'views')) || !existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json with views beside it above ${from}`);
    folder = parent;
  }
  return folder;
}

/**
 * Read the environment once, typed and frozen.
 * @throws ConfigError naming every fault at once
 */
export function loadConfig(environment: Record<string, string | undefined> = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const shared = given.PORT;
  if (shared !== undefined) {
    given.WEB_PORT ??= shared;
    given.GATEWAY_PORT ??= shared;
  }
  if (given.NODE_ENV === 'production') given.SANDBOX ??= '0';
  const { env, faults } = readVariables(given);
  const secretKeys = env.SECRET_KEYS.map((pair) => {
    const [id = '', text = ''] = pair.split(/:(.*)/s);
    return { id, key: Buffer.from(text, 'base64') };
  });
  if (secretKeys.some(({ id, key }) => !/^[a-z0-9-]{1,16}$/.test(id) || key.length !== 32)) faults.push('SECRET_KEYS: each entry is id:base64 of 32 bytes');
  if (faults.length > 0) throw new ConfigError(faults);

  const root = projectRoot();
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return Object.freeze<Config>({
    production: env.NODE_ENV === 'production',
    sandbox: env.SANDBOX,
    root,
    dataDir: resolve(root, env.DATA_DIR),
    webPort: env.WEB_PORT,
    gatewayPort: env.GATEWAY_PORT,
    opsPorts: { web: env.WEB_OPS_PORT, gateway: env.GATEWAY_OPS_PORT, worker: env.WORKER_OPS_PORT },
    webUrl: env.WEB_URL,
    gatewayUrl: env.GATEWAY_URL,
    gatewayDomain: env.GATEWAY_DOMAIN,
    gatewayNode: env.GATEWAY_NODE,
    gatewayEngine: env.GATEWAY_ENGINE,
    gatewayPrivateListen: env.GATEWAY_PRIVATE_LISTEN,
    gatewayPrivateHops: env.GATEWAY_PRIVATE_HOPS,
    mongodbUri: env.MONGODB_URI,
    redisUrl: env.REDIS_URL,
    redisPrefix: env.REDIS_PREFIX,
    smtpUrl: env.SMTP_URL,
    mailFrom: env.MAIL_FROM,
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
      apiBase: env.STRIPE_API_BASE,
      testMode: !/^(sk|rk)_live_/.test(env.STRIPE_SECRET_KEY),
    },
    secretKeys,
    sessionSecret: env.SESSION_SECRET,
    trustedHops: env.TRUSTED_HOPS,
    upstreamAllow: new Set(env.UPSTREAM_ALLOW),
    meterStrict: env.METER_STRICT,
    journalBytesMax: env.JOURNAL_BYTES_MAX,
    latenessSeconds: env.LATENESS_SECONDS,
    platformFeeBps: BigInt(env.PLATFORM_FEE_BPS),
    logLevel: env.LOG_LEVEL,
    version: manifest.version,
  });
}

/** A variable that is refused counts as not set for what is checked beyond it, so that one answer names every fault. */
function readVariables(given: Record<string, string | undefined>): { env: ConfigVariables; faults: string[] } {
  const parsed = Environment.safeParse(given);
  if (parsed.success) return { env: parsed.data, faults: crossFaults(parsed.data) };
  const refused = new Map(parsed.error.issues.map(({ path, message }) => [String(path[0]), message]));
  const env = Environment.parse(Object.fromEntries(Object.entries(given).filter(([name]) => !refused.has(name))));
  const beyond = crossFaults(env).filter((fault) => !refused.has(fault.split(':')[0] ?? ''));
  return { env, faults: [...[...refused].map(([name, message]) => `${name}: ${message}`), ...beyond] };
}

/** Faults between variables: what is needed everywhere, and what production forbids. */
function crossFaults(env: ConfigVariables): string[] {
  const faults: string[] = [];
  if (env.SESSION_SECRET.length < 32) faults.push('SESSION_SECRET: at least 32 characters are needed');
  if (env.SECRET_KEYS.length === 0) faults.push('SECRET_KEYS: at least one key is needed');
  if (env.STRIPE_SECRET_KEY === '') faults.push('STRIPE_SECRET_KEY: needed (npm start sets one for the simulator)');
  else if (!/^(sk|rk)_/.test(env.STRIPE_SECRET_KEY)) faults.push('STRIPE_SECRET_KEY: a secret key is needed; it begins with sk_ or rk_');
  if (env.STRIPE_WEBHOOK_SECRET.length === 0) faults.push('STRIPE_WEBHOOK_SECRET: needed, or no payment event can be believed');
  if (env.STRIPE_API_BASE !== '' && !/^http:\/\/(127\.0\.0\.1|localhost):\d+\/?$/.test(env.STRIPE_API_BASE)) {
    faults.push('STRIPE_API_BASE: only a simulator on this machine can stand in for Stripe');
  }
  if (env.STRIPE_API_BASE !== '' && /^(sk|rk)_live_/.test(env.STRIPE_SECRET_KEY)) faults.push('STRIPE_API_BASE: a live key never goes to a simulator');
  if (env.NODE_ENV !== 'production') return faults;
  if (env.SANDBOX) faults.push('SANDBOX: refused in production');
  if (env.STRIPE_API_BASE !== '') faults.push('STRIPE_API_BASE: refused in production');
  if (env.SMTP_URL === '') faults.push('SMTP_URL: needed in production');
  if (!env.WEB_URL.startsWith('https://')) faults.push('WEB_URL: https is needed in production');
  if (new URL(env.WEB_URL).hostname === new URL(env.GATEWAY_URL).hostname)
    faults.push('GATEWAY_URL: needs another host name than WEB_URL, or cookies would be shared');
  return faults;
}

/** `.env.example`, made from the schema above so that the two cannot drift apart. */
export function envExample(): string {
  const lines = Object.entries(Environment.shape).map(([name, field]) => {
    const { success, data } = field.safeParse(undefined);
    const fallback: unknown = success ? data : '';
    const text = typeof fallback === 'boolean' ? (fallback ? '1' : '0') : Array.isArray(fallback) ? fallback.join(',') : String(fallback);
    return `# ${field.description ?? ''}\n# ${name}=${text}\n`;
  });
  return `# Everything the product reads from its environment, with the defaults. Made from server/config.ts.\n\n${lines.join('\n')}`;
}
