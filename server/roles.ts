import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { startWorker } from '../jobs/worker.ts';
import { makeAttempts } from './cache/attempts.ts';
import { makeCounters } from './cache/counters.ts';
import { makeReplays } from './cache/replays.ts';
import type { Composition } from './compose.ts';
import { openJournal } from './gateway/journal.ts';
import { makeReplay } from './gateway/journal-codec.ts';
import { makeGateway } from './gateway/server.ts';
import { makeOps } from './ops.ts';
import { observeCircuit } from './payments-circuit.ts';
import { makeLimits } from './services/limits.ts';
import { makeShipping } from './services/shipping.ts';
import { makeSnapshots } from './services/snapshots.ts';
import { PrivateListenError } from './start-fault.ts';
import { makeWebhookVerifier } from './stripe/webhook.ts';
import { apiV1Routes } from './web/api-v1/router.ts';
import { makeApp } from './web/app.ts';
import { healthRoutes } from './web/routes/health.ts';
import { sandboxRoutes } from './web/routes/sandbox.ts';
import { sandboxOps } from './web/sandbox-ops.ts';
import { webhookRoutes } from './web/routes/webhooks.ts';
import { portalRoutes } from './web/routes/index.ts';

/** Ten tries of one account from one address in a quarter of an hour; a whole office behind one address gets more. */
const SIGN_IN = { account: { points: 10, seconds: 900 }, address: { points: 60, seconds: 900 } };
/** Codes of six digits are guessed by whoever has the password: counted by the account alone, from wherever they come. */
const SIGN_IN_CODE = { points: 10, seconds: 3_600 };
/** Of one account: asks for help, and links that are sent to it. Each is a mail to somebody. */
const RECOVERY = { points: 5, seconds: 86_400 };
/** Requests with a key that nobody was issued, from one address. */
const KEYS_REFUSED = { points: 60, seconds: 900 };

/** Wrong secrets at token addresses: of one credential from one address, and from one address. */
const TOKEN_REFUSED = { credential: { points: 10, seconds: 900 }, address: { points: 60, seconds: 900 } };

/** The portal: pages, forms, webhooks. */
export async function startWeb({
  config,
  log,
  lifecycle,
  clock,
  ids,
  store,
  redis,
  circuit,
  services,
}: Composition): Promise<{ port: number; opsPort: number }> {
  const attempts = {
    account: makeAttempts({ redis, name: 'account', ...SIGN_IN.account }),
    address: makeAttempts({ redis, name: 'address', ...SIGN_IN.address }),
    code: makeAttempts({ redis, name: 'code', ...SIGN_IN_CODE }),
    recovery: makeAttempts({ redis, name: 'recovery', ...RECOVERY }),
  };
  const app = makeApp({
    access: services.access,
    accounts: services.accounts,
    audit: services.audit,
    now: clock.real,
    log,
    ids,
    organizationRules: services.organizationRules,
    passkeys: services.passkeys,
    sessionsStore: store.sessions,
    sessionSecret: config.sessionSecret,
    webUrl: config.webUrl,
    trustedHops: config.trustedHops,
    checkoutOrigin: config.stripe.apiBase === '' ? 'https://checkout.stripe.com' : new URL(config.stripe.apiBase).origin,
    testPayments: config.stripe.testMode,
    sandbox: config.sandbox,
    machineRoutes: [
      healthRoutes(),
      webhookRoutes({ inbox: services.inbox, verify: makeWebhookVerifier({ secrets: config.stripe.webhookSecrets }), clock, log }),
    ],
    api: apiV1Routes({
      services,
      webUrl: config.webUrl,
      attempts: makeAttempts({ redis, name: 'key', ...KEYS_REFUSED }),
      replays: makeReplays({ redis }),
      clock,
    }),
    routes: (passport) => [
      ...portalRoutes({ addresses: { webUrl: config.webUrl, gatewayUrl: config.gatewayUrl }, services, passport, attempts }),
      ...(config.sandbox ? [sandboxRoutes(services, config.stripe.apiBase)] : []),
    ],
  });
  const server = createServer(app);
  server.headersTimeout = 15_000;
  server.requestTimeout = 60_000;
  const ops = makeOps({
    checks: { mongo: async () => (await store.ping(clock.monotonic)) < 5_000, redis: () => redis.available() || 'away' },
    ...(config.sandbox && { extra: sandboxOps(services) }),
  });
  if (config.sandbox) services.clockControl.watch();
  observeCircuit(ops.metrics, circuit);
  const opsPort = await ops.listen(config.opsPorts.web);
  lifecycle.add({ name: 'ops', stop: () => ops.close() });
  const port = await listen(server, config.webPort);
  lifecycle.add({ name: 'portal', stop: () => close(server) });
  log.info({ port, opsPort, url: config.webUrl }, 'portal listens');
  return { port, opsPort };
}

/** The metering proxy, on a listener and host of its own. */
export async function startGateway({
  config,
  log,
  lifecycle,
  clock,
  ids,
  store,
  redis,
  signals,
  roster,
  services,
}: Composition): Promise<{ port: number; opsPort: number }> {
  const { changes, metering } = services;
  const node = config.gatewayNode;
  const folder = join(config.dataDir, 'gateway', node);
  const journal = openJournal({ dataDir: config.dataDir, node, clock, log, strict: config.meterStrict, bytesMax: config.journalBytesMax });
  const counters = makeCounters({
    url: config.redisUrl,
    prefix: config.redisPrefix,
    onAway: (error) => log.warn({ err: error.message }, 'the shared counts are away'),
  });
  const limits = makeLimits({
    counters,
    clock,
    ids,
    log,
    node,
    boot: journal.boot,
    liveNodes: () => metering.liveNodes(),
    storedCount: ({ subscriptionId, window, meter }) => metering.storedPlaces(subscriptionId, window, meter),
  });
  const shipping = makeShipping({ store, journal, limits, clock, log, makeReplay: (boot) => makeReplay({ node, boot, receivedAt: () => clock.now() }) });
  const snapshots = makeSnapshots({ store, changes, signals, roster, clock, log, node, folder, checkVersion: () => store.checkVersion() });
  limits.start();
  shipping.start();
  lifecycle.add({
    name: 'metering',
    async stop() {
      // The journal seals its last calls, they are stored and counted, and only then are the leases handed back.
      await journal.stop();
      await shipping.stop();
      await limits.stop();
      await counters.close();
      await journal.close();
    },
  });
  const unsubscribe = signals.subscribe('seal-journals', () => void shipping.shipNow());
  lifecycle.add({ name: 'signal to seal', stop: unsubscribe });
  await snapshots.start();
  lifecycle.add({ name: 'snapshots', stop: () => snapshots.stop() });

  const tokenAttempts = {
    credential: makeAttempts({ redis, name: 'token-credential', ...TOKEN_REFUSED.credential }),
    address: makeAttempts({ redis, name: 'token-address', ...TOKEN_REFUSED.address }),
  };
  const gateway = makeGateway({ config, boot: journal.boot, clock, log, snapshots, limits, meter: journal, replays: makeReplays({ redis }), tokenAttempts });
  const ops = makeOps({
    checks: {
      snapshot: () => snapshots.ready(),
      journal: () => journal.ready() || 'cannot record calls',
      redis: () => redis.available() || 'away',
      listeners: () => gateway.listening || 'one of them takes no calls',
    },
  });
  const opsPort = await ops.listen(config.opsPorts.gateway);
  lifecycle.add({ name: 'ops', stop: () => ops.close() });
  lifecycle.add({ name: 'gateway', stop: () => gateway.close() });
  const privatePorts: Record<string, number> = {};
  for (const { address, host, port: opened } of config.gatewayPrivateListen)
    privatePorts[address] = await gateway.listen(opened, host, { address, trustedHops: config.gatewayPrivateHops }).catch((error: unknown) => {
      throw new PrivateListenError(address, error);
    });
  const port = await gateway.listen(config.gatewayPort);
  log.info({ port, opsPort, url: config.gatewayUrl, node, privatePorts }, 'gateway listens');
  return { port, opsPort };
}

/** Background work. */
export async function startJobs({
  config,
  log,
  lifecycle,
  clock,
  store,
  redis,
  queue,
  payments,
  circuit,
  services,
}: Composition): Promise<{ opsPort: number }> {
  const { auditRetention, catalog, inbox, invoicing, keyWarnings, planAnnouncements, resealing, subscriptions, usageTotals } = services;
  const worker = startWorker(
    { url: config.redisUrl, prefix: config.redisPrefix },
    { auditRetention, catalog, inbox, invoicing, keyWarnings, planAnnouncements, resealing, subscriptions, usageTotals, queue, clock, log },
  );
  lifecycle.add({ name: 'worker', stop: () => worker.stop() });
  if (config.sandbox) services.clockControl.watch();
  const ops = makeOps({
    checks: {
      mongo: async () => (await store.ping(clock.monotonic)) < 5_000,
      redis: () => redis.available() || 'away',
      stripe: async () => (await payments.reachable()) || 'does not answer',
    },
  });
  observeCircuit(ops.metrics, circuit);
  const opsPort = await ops.listen(config.opsPorts.worker);
  lifecycle.add({ name: 'ops', stop: () => ops.close() });
  log.info({ opsPort }, 'worker runs');
  return { opsPort };
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });

/** Requests in flight are answered; idle keep-alive connections would hold the server open for no one. */
const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
