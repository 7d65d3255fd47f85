import { createConnection } from 'node:net';
import { makeRedis } from '../cache/redis.ts';
import type { Config } from '../config.ts';
import type { KeyRing } from '../domain/credential.ts';
import { countSealed } from '../services/resealing.ts';
import { makePayments } from '../stripe/payments.ts';
import { openStoreLater } from '../store/index.ts';

export type Severity = 'ok' | 'warning' | 'fault';
export interface Finding {
  readonly name: string;
  readonly severity: Severity;
  readonly text: string;
}

const WAIT_MS = 3_000;
/** Signed calls are refused beyond ±15 minutes; a clock that is off by this much deserves a word long before. */
const CLOCK_OFF_MS = 5_000;
const REDIS_LEAST = [6, 2] as const;

export const finding = (name: string, severity: Severity, text: string): Finding => ({ name, severity, text });

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

/** A check that cannot be made is a fault that says why. */
async function attempt(name: string, check: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    return [finding(name, 'fault', message(error))];
  }
}

/** An address without what signs in to it. */
const withoutPassword = (uri: string): string => uri.replace(/\/\/[^@/]*@/, '//');

export const checkMongo = ({ mongodbUri, secretKeys }: Pick<Config, 'mongodbUri' | 'secretKeys'>, now: () => number): Promise<readonly Finding[]> =>
  attempt('MongoDB', async () => {
    const store = await openStoreLater(mongodbUri);
    try {
      await store.connection.asPromise();
      const admin = store.connection.db?.admin();
      if (!admin) return [finding('MongoDB', 'fault', 'no connection')];
      const pingMs = await store.ping(() => performance.now());
      const { version } = (await admin.serverInfo()) as { version: string };
      const found = [finding('MongoDB', 'ok', `${withoutPassword(mongodbUri)} answers in ${pingMs.toFixed(1)} ms, version ${version}`)];
      found.push(versionFinding(await store.version()));
      const missing = await missingIndexes(store);
      found.push(
        missing.length === 0
          ? finding('Indexes', 'ok', 'all there')
          : finding('Indexes', 'warning', `not there yet: ${missing.join(', ')}. They are made when the portal or the worker starts`),
      );
      found.push(secretsFinding(await countSealed(store), secretKeys));
      const hello = (await admin.command({ hello: 1 })) as { localTime?: Date };
      if (hello.localTime) found.push(clockFinding(hello.localTime.getTime() - now()));
      return found;
    } finally {
      await store.close();
    }
  });

function versionFinding({ version, known }: { version: number | null; known: number }): Finding {
  const name = 'Database';
  if (version === null) return finding(name, 'warning', `without a version; the portal or the worker brings it to ${known} when it starts`);
  if (version > known) return finding(name, 'fault', `at version ${version}, but this program knows ${known}: a later version of it has been here`);
  if (version < known) return finding(name, 'warning', `at version ${version} of ${known}; the portal or the worker brings it further when it starts`);
  return finding(name, 'ok', `at version ${version}, as this program needs it`);
}

/** What keys of SECRET_KEYS are still needed for: one may leave the list when nothing is under it. */
function secretsFinding(byKey: Awaited<ReturnType<typeof countSealed>>, [first, ...older]: KeyRing): Finding {
  const name = 'Secrets';
  const kept = [...byKey].filter(([keyId]) => keyId !== first?.id);
  const list = (some: typeof kept): string =>
    some
      .map(([keyId, kinds]) => `${keyId === '' ? 'in clear' : `under ${keyId}`} ${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')}`)
      .join('; ');
  const isKnown = ([keyId]: (typeof kept)[number]): boolean => keyId === '' || older.some(({ id }) => id === keyId);
  const lost = kept.filter((one) => !isKnown(one));
  if (lost.length > 0) return finding(name, 'fault', `no key of SECRET_KEYS opens what is ${list(lost)}: put the key back`);
  if (kept.length > 0) return finding(name, 'warning', `${list(kept)}; a worker seals them anew when it starts, and once a day`);
  return finding(name, 'ok', `all under ${first?.id ?? 'none'}${older.length > 0 ? `; nothing needs ${older.map(({ id }) => id).join(', ')} any more` : ''}`);
}

function clockFinding(offsetMs: number): Finding {
  const text = `${Math.abs(offsetMs / 1_000).toFixed(1)} s ${offsetMs < 0 ? 'ahead of' : 'behind'} the database’s`;
  return Math.abs(offsetMs) > CLOCK_OFF_MS ? finding('Clock', 'warning', `${text}: signatures and periods depend on it`) : finding('Clock', 'ok', text);
}

async function missingIndexes(store: Awaited<ReturnType<typeof openStoreLater>>): Promise<string[]> {
  const missing: string[] = [];
  for (const model of Object.values(store.connection.models)) {
    const { toCreate } = await model.diffIndexes();
    for (const index of toCreate) missing.push(`${model.modelName} ${JSON.stringify(index)}`);
  }
  return missing;
}

export const checkRedis = ({ redisUrl }: Pick<Config, 'redisUrl'>): Promise<readonly Finding[]> =>
  attempt('Redis', async () => {
    const redis = makeRedis({ url: redisUrl, prefix: '' });
    try {
      if (!(await redis.ready(WAIT_MS))) return [finding('Redis', 'fault', `${withoutPassword(redisUrl)} does not answer`)];
      const info = await redis.ask((client) => client.info());
      const [, major = '0', minor = '0'] = /redis_version:(\d+)\.(\d+)/.exec(info) ?? [];
      const version = `${major}.${minor}`;
      const old = Number(major) < REDIS_LEAST[0] || (Number(major) === REDIS_LEAST[0] && Number(minor) < REDIS_LEAST[1]);
      const found = [
        old
          ? finding('Redis', 'fault', `version ${version}; ${REDIS_LEAST.join('.')} is the least`)
          : finding('Redis', 'ok', `${withoutPassword(redisUrl)} answers, version ${version}`),
      ];
      const appends = /aof_enabled:1/.test(info);
      found.push(
        appends
          ? finding('Redis on disk', 'ok', 'appendonly is on')
          : finding('Redis on disk', 'warning', 'appendonly is off: after a crash, counters are rebuilt from the records'),
      );
      return found;
    } finally {
      await redis.close();
    }
  });

export const checkStripe = ({ stripe, webUrl }: Pick<Config, 'stripe' | 'webUrl'>): Promise<readonly Finding[]> =>
  attempt('Stripe', async () => {
    const where = stripe.apiBase === '' ? 'Stripe' : `the simulator at ${stripe.apiBase}`;
    const payments = makePayments({ secretKey: stripe.secretKey, ...(stripe.apiBase === '' ? {} : { apiBase: stripe.apiBase }) });
    const mode = stripe.testMode ? 'test payments, no money moves' : 'LIVE payments';
    const reached = await payments.reachable();
    return [
      reached ? finding('Stripe', 'ok', `${where} answers; ${mode}`) : finding('Stripe', 'fault', `${where} does not answer`),
      finding('Stripe webhooks', 'ok', `${stripe.webhookSecrets.length} signing secret(s); deliveries go to ${webUrl}/webhooks/stripe`),
    ];
  });

export async function checkMail({ smtpUrl, sandbox }: Pick<Config, 'smtpUrl' | 'sandbox'>): Promise<readonly Finding[]> {
  if (smtpUrl === '')
    return [sandbox ? finding('Mail', 'ok', 'kept in the sandbox’s mailbox') : finding('Mail', 'fault', 'SMTP_URL is not set: nobody can verify an address')];
  const { hostname, port, protocol } = new URL(smtpUrl);
  const answered = await listens(hostname, Number(port) || (protocol === 'smtps:' ? 465 : 25));
  return [answered ? finding('Mail', 'ok', `${hostname} accepts connections`) : finding('Mail', 'fault', `${hostname} does not accept connections`)];
}

/** Which roles are up, by their health ports. */
export async function checkRoles({ opsPorts }: Pick<Config, 'opsPorts'>): Promise<readonly Finding[]> {
  return Promise.all(
    Object.entries(opsPorts).map(async ([role, port]) => {
      const name = `Role ${role}`;
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(WAIT_MS) });
        const { ready, checks } = (await answer.json()) as { ready: boolean; checks: Record<string, boolean | string> };
        const failing = Object.entries(checks)
          .filter(([, check]) => check !== true)
          .map(([check, reason]) => `${check}: ${String(reason)}`);
        return ready ? finding(name, 'ok', `ready (port ${port})`) : finding(name, 'fault', `not ready: ${failing.join(', ')}`);
      } catch {
        const taken = await listens('127.0.0.1', port);
        return finding(name, 'warning', taken ? `port ${port} is taken by another program` : `does not run on this machine (port ${port})`);
      }
    }),
  );
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: WAIT_MS });
    const end = (answer: boolean) => {
      resolve(answer);
      socket.destroy();
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
