import { randomInt } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeClock, type Clock } from '../../server/kernel/clock.ts';
import { makeIds } from '../../server/kernel/ids.ts';
import { makeApi, type Exchange } from './api.ts';
import { control } from './control.ts';
import { makeDisturbances, type Disturbances } from './disturbances.ts';
import { StripeFault } from './faults.ts';
import { expireSession } from './resources/checkout-sessions.ts';
import { newEndpoint } from './resources/events.ts';
import { advanceDrafts } from './resources/invoices.ts';
import { site } from './site.ts';
import { makeWebhooks, type Webhooks } from './webhooks.ts';
import { openWorld, type World } from './world.ts';

const BODY_BYTES_MAX = 1024 * 1024;
const PUMP_EVERY_MS = 250;
const ENVIRONMENT_ENDPOINT = 'we_env';

export interface SimulatorOptions {
  /** 0: any free one. */
  port?: number;
  host?: string;
  /** State under `<dataDir>/stripe`; absent: kept in memory only. */
  dataDir?: string;
  webhookUrl?: string;
  webhookSecret?: string;
  clock?: Clock;
  /** False leaves `/_sim/…` out. */
  controls?: boolean;
  /** Sees every request of the API and its answer. */
  observe?: (exchange: Exchange) => void;
}

export interface Simulator {
  url: string;
  port: number;
  /** For tests in the same process. */
  world: World;
  webhooks: Webhooks;
  disturbances: Disturbances;
  /** Run what is due: sessions that end, drafts that advance. */
  tick(): void;
  close(): Promise<void>;
}

/** Stripe's API, its hosted pages and its webhooks, on one port. */
export async function startStripeSimulator({
  port = 0,
  host = '127.0.0.1',
  dataDir,
  webhookUrl,
  webhookSecret,
  clock = makeClock(),
  controls = true,
  observe = () => {},
}: SimulatorOptions = {}): Promise<Simulator> {
  const world = openWorld({ folder: dataDir === undefined ? undefined : join(dataDir, 'stripe'), clock, secret: makeIds().secret });
  const webhooks = makeWebhooks(world, () => randomInt(1_000_000));
  const disturbances = makeDisturbances();
  const tick = makeTick(world);
  const api = makeApi({ world, disturbances, tick, observe });

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (error instanceof BodyTooLarge) {
        response.writeHead(413, { Connection: 'close' }).end();
        return;
      }
      if (!(error instanceof StripeFault)) console.error(error);
      if (!response.headersSent) response.writeHead(500).end();
      else response.destroy();
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', world.baseUrl);
    const body = await readBody(request);
    if (url.pathname.startsWith('/v1/') || url.pathname.startsWith('/v2/')) return api(request, response, url, body);
    if (url.pathname.startsWith('/_sim/') && controls) return control({ world, disturbances, webhooks, tick }, request, response, url.pathname, body);
    tick();
    await site({ world, webhooks }, request, response, url, body);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  world.baseUrl = `http://${host}:${bound}`;
  if (webhookUrl !== undefined && webhookSecret !== undefined) {
    world.transact({ id: null, idempotencyKey: null }, (tx) =>
      tx.put('webhook_endpoint', newEndpoint(tx, { id: ENVIRONMENT_ENDPOINT, url: webhookUrl, secret: webhookSecret, events: ['*'] })),
    );
  }
  world.onDeliveries(() => setImmediate(webhooks.pump));
  const timer = setInterval(() => {
    tick();
    webhooks.pump();
  }, PUMP_EVERY_MS);
  timer.unref();

  return {
    url: world.baseUrl,
    port: bound,
    world,
    webhooks,
    disturbances,
    tick,
    async close() {
      clearInterval(timer);
      await webhooks.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      world.close();
    },
  };
}

/** At most once a simulated second: looking through everything costs. */
function makeTick(world: World): () => void {
  let last = -1;
  return () => {
    const second = Math.floor(world.clock.now() / 1000);
    if (second === last) return;
    last = second;
    world.transact({ id: null, idempotencyKey: null }, (tx) => {
      for (const { id, status, expires_at: at } of tx.all('checkout.session')) {
        if (status === 'open' && at <= tx.now) expireSession(tx, tx.get('checkout.session', id));
      }
      advanceDrafts(tx);
    });
  };
}

class BodyTooLarge extends Error {}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
