import { createServer, type Server } from 'node:http';
import { startWorker } from '../jobs/worker.ts';
import { makeAttempts } from './cache/attempts.ts';
import type { Composition } from './compose.ts';
import { makeOps } from './ops.ts';
import { makeSessionStore } from './store/sessions.ts';
import { makeWebhookVerifier } from './stripe/webhook.ts';
import { makeApp } from './web/app.ts';
import { sandboxRoutes } from './web/routes/sandbox.ts';
import { sandboxOps } from './web/sandbox-ops.ts';
import { webhookRoutes } from './web/routes/webhooks.ts';
import { portalRoutes } from './web/routes/index.ts';

/** Ten tries of one account from one address in a quarter of an hour; a whole office behind one address gets more. */
const SIGN_IN = { account: { points: 10, seconds: 900 }, address: { points: 60, seconds: 900 } };

/** The portal: pages, forms, webhooks. */
export async function startWeb({ config, log, lifecycle, clock, ids, store, redis, services }: Composition): Promise<{ port: number; opsPort: number }> {
  const attempts = {
    account: makeAttempts({ redis, name: 'account', ...SIGN_IN.account }),
    address: makeAttempts({ redis, name: 'address', ...SIGN_IN.address }),
  };
  const app = makeApp({
    accounts: services.accounts,
    log,
    ids,
    sessionStore: makeSessionStore(store.connection),
    sessionSecret: config.sessionSecret,
    webUrl: config.webUrl,
    trustedHops: config.trustedHops,
    checkoutOrigin: config.stripe.apiBase === '' ? 'https://checkout.stripe.com' : new URL(config.stripe.apiBase).origin,
    testPayments: config.stripe.testMode,
    sandbox: config.sandbox,
    machineRoutes: [webhookRoutes({ inbox: services.inbox, verify: makeWebhookVerifier({ secrets: config.stripe.webhookSecrets }), clock, log })],
    routes: (passport) => [
      ...portalRoutes({ addresses: { webUrl: config.webUrl, gatewayUrl: config.gatewayUrl }, services, passport, attempts }),
      ...(config.sandbox ? [sandboxRoutes(services, config.stripe.apiBase)] : []),
    ],
  });
  const server = createServer(app);
  server.headersTimeout = 15_000;
  server.requestTimeout = 60_000;
  const ops = makeOps({
    checks: {
      mongo: async () => (await store.ping(clock.monotonic)) < 5_000,
      redis: () => redis.available() || 'away',
    },
    ...(config.sandbox && { extra: sandboxOps(services) }),
  });
  const opsPort = await ops.listen(config.opsPorts.web);
  lifecycle.add({ name: 'ops', stop: () => ops.close() });
  const port = await listen(server, config.webPort);
  lifecycle.add({ name: 'portal', stop: () => close(server) });
  log.info({ port, opsPort, url: config.webUrl }, 'portal listens');
  return { port, opsPort };
}

/** Background work. */
export async function startJobs({ config, log, lifecycle, clock, store, redis, queue, payments, services }: Composition): Promise<{ opsPort: number }> {
  const { inbox, invoicing, subscriptions } = services;
  const worker = startWorker({ url: config.redisUrl, prefix: config.redisPrefix }, { inbox, invoicing, subscriptions, queue, clock, log });
  lifecycle.add({ name: 'worker', stop: () => worker.stop() });
  const ops = makeOps({
    checks: {
      mongo: async () => (await store.ping(clock.monotonic)) < 5_000,
      redis: () => redis.available() || 'away',
      stripe: async () => (await payments.reachable()) || 'does not answer',
    },
  });
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
