import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose, type Composition } from '../../server/compose.ts';
import { loadConfig } from '../../server/config.ts';
import type { Actor } from '../../server/domain/actor.ts';
import type { PlanForm } from '../../server/domain/plan-form.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { definition, planDocument, productFields } from './catalog-world.ts';
import { recordingUpstream } from './gateway-world.ts';
import { testEnvironment } from './portal.ts';
import { startRole, type RoleProcess } from './role-process.ts';
import { CARDS, typeCard } from './stripe.ts';

export interface GatewayProcess {
  readonly node: string;
  readonly url: string;
  readonly running: boolean;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

export interface Answer {
  /** 0: no answer came. */
  readonly status: number;
  /** The body arrived whole. */
  readonly whole: boolean;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Gateways as processes of their own over one store and one Redis, a recording upstream behind them, and one subscriber with a code. */
export interface Fleet {
  readonly composition: Composition;
  readonly upstream: Awaited<ReturnType<typeof recordingUpstream>>;
  /** Of every process of the fleet. */
  readonly env: Readonly<Record<string, string>> & { readonly MONGODB_URI: string };
  readonly subscriptionId: string;
  readonly planId: string;
  readonly appCode: string;
  readonly provider: Actor;
  readonly buyer: Actor;
  /** Between gateways and the store: cut it, and the store is away for them alone. */
  readonly storeWire: { cut(): void; mend(): void };
  start(node: string, more?: Record<string, string>): Promise<GatewayProcess>;
  call(gateway: GatewayProcess, path: string): Promise<Answer>;
  /** Delete everything the fleet keeps in Redis. */
  flushRedis(): Promise<void>;
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly plan: Partial<PlanForm>;
  readonly answer?: Parameters<typeof recordingUpstream>[0];
  /** More of the environment of every process: Stripe's stand-in, when the plan costs something. */
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startFleet({ plan, answer, environment = {} }: FleetOptions): Promise<Fleet> {
  const upstream = await recordingUpstream(answer);
  const { env, drop } = await testEnvironment({ UPSTREAM_ALLOW: `127.0.0.1:${upstream.port}`, ...environment });
  const dataDir = await mkdtemp(join(tmpdir(), 'fleet-'));
  const composition = await compose(loadConfig({ ...env, DATA_DIR: dataDir }), 'web', { log: makeLog('silent', 'web') });
  const wire = await storeWire(new URL(env.MONGODB_URI));
  const processes: RoleProcess[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 2_500 });
  const { provider, buyer, subscriptionId, planId, appCode } = await sell(composition, upstream.origin, plan);

  return {
    composition,
    upstream,
    subscriptionId,
    planId,
    appCode,
    provider,
    buyer,
    storeWire: wire,
    env: { ...env, DATA_DIR: dataDir },
    async start(node, more = {}) {
      const started = await startRole('gateway', { ...env, MONGODB_URI: wire.uri, DATA_DIR: dataDir, GATEWAY_NODE: node, ...more });
      processes.push(started);
      return {
        node,
        url: `http://127.0.0.1:${started.port}`,
        get running() {
          return started.running;
        },
        kill: (signal) => started.kill(signal),
      };
    },
    call: (gateway, path) =>
      new Promise((resolve) => {
        let body = '';
        const lost = () => resolve({ status: 0, whole: false, headers: {}, body });
        const call = request(`${gateway.url}/cities${path}`, { agent, headers: { 'X-Apig-AppCode': appCode } }, (res) => {
          res.on('data', (chunk: Buffer) => (body += chunk.toString()));
          res.on('error', lost);
          res.on('close', () => resolve({ status: res.statusCode ?? 0, whole: res.complete, headers: res.headers, body }));
        });
        call.on('error', lost);
        call.end();
      }),
    async flushRedis() {
      const { client } = composition.redis;
      for await (const keys of client.scanIterator({ MATCH: `${env.REDIS_PREFIX}*`, COUNT: 1_000 })) if (keys.length > 0) await client.del(keys);
    },
    async stop() {
      agent.destroy();
      await Promise.all(processes.filter(({ running }) => running).map((started) => started.kill()));
      await wire.close();
      await upstream.close();
      await composition.lifecycle.stop();
      await drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A provider offers one API under one plan, an operator lists it, a buyer subscribes and has a code. */
async function sell({ services, store, ids }: Composition, origin: string, plan: Partial<PlanForm>) {
  const member = async (name: string): Promise<Actor> => {
    const made = await services.accounts.register({ email: `${name}@example.test`, password: 'a quiet river at night', name, organization: `${name} & Co` });
    if (!made) throw new Error(`${name} is taken`);
    return {
      kind: 'user',
      userId: made.user._id,
      organizationId: made.organization._id,
      policies: ['Administrator'],
      address: '127.0.0.1',
      requestId: 'req_test',
    };
  };
  const [provider, buyer] = [await member('atlas'), await member('harbor')];
  const { catalog } = services;
  await catalog.sellers.save(provider, {
    displayName: 'Atlas Data',
    slug: 'atlas-data',
    website: 'https://atlas.example.com',
    supportEmail: 'help@atlas.example.com',
    about: '',
  });
  const gateway = await catalog.gateways.create(provider, { name: 'Main', description: '' });
  const group = await catalog.groups.create(provider, gateway._id, { name: 'Cities', description: '', label: 'cities' });
  const backend = { kind: 'http', origin, method: 'SAME', path: '/cities', timeoutMs: 10_000, retries: 0 } as const;
  const api = await catalog.apis.create(provider, gateway._id, group._id, definition('/cities', { backend }));
  await catalog.publishing.publish(provider, gateway._id, [api._id], 'first');
  const product = await catalog.products.create(provider, group._id, [api._id], productFields({ slug: 'cities', name: 'Cities' }));
  const { _id: planId } = await catalog.plans.create(provider, product._id, { name: 'free', title: 'Free', summary: '' }, planDocument(plan));
  await catalog.products.submit(provider, product._id);
  const submitted = await catalog.products.get(provider, product._id);
  await catalog.reviews.approve({ ...provider, organizationId: 'org_platform', policies: ['Operator'] }, product._id, submitted.rev);
  const app = await services.apps.create(buyer, { name: 'Demo', description: '' });
  const { subscriptionId, checkoutUrl } = await services.subscriptions.begin(buyer, { planId, appId: app._id, requestId: ids.uuid() });
  if (checkoutUrl !== null) {
    await typeCard(checkoutUrl, CARDS.good);
    await services.subscriptions.refresh(buyer, subscriptionId);
  }
  for (let tries = 0; (await store.subscriptions.get(subscriptionId))?.status !== 'active'; tries += 1) {
    if (tries > 100) throw new Error('the subscription was not activated');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const issued = await services.credentials.issue(buyer, { appId: app._id, kind: 'code', name: 'test', notAfter: null });
  if (issued.kind !== 'code') throw new Error('a key came instead of a code');
  return { provider, buyer, subscriptionId, planId, appCode: issued.appCode };
}

async function storeWire(target: URL) {
  let open = true;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (!open) return void client.destroy();
    const inner = createConnection({ host: target.hostname, port: Number(target.port) });
    for (const socket of [client, inner]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        inner.destroy();
      });
    }
    client.pipe(inner);
    inner.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const uri = new URL(target);
  uri.port = String((server.address() as AddressInfo).port);
  return {
    uri: uri.toString(),
    cut() {
      open = false;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => void (open = true),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
