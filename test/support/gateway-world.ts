import { createSecretKey } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { ApiDefinition } from '../../server/domain/api.ts';
import { appCodeHash, credentialBytes, credentialValue, sealSecret, type KeyRing } from '../../server/domain/credential.ts';
import type { GatewayParameters } from '../../server/domain/gateway-parameters.ts';
import type { Snapshot, SnapshotCredential } from '../../server/domain/snapshot.ts';
import { makeGateway, type GatewayDependencies } from '../../server/gateway/server.ts';
import { makeClock } from '../../server/kernel/clock.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { countingLimits, fixedSnapshots, memoryMeter, memoryReplays } from './gateway-doubles.ts';

export const KEY_RING: KeyRing = [{ id: 'k1', key: createSecretKey(Buffer.alloc(32, 7)).export() }];
export const APP_CODE = credentialValue('app-code', Buffer.alloc(credentialBytes('app-code'), 3));
export const APP_KEY = credentialValue('app-key', Buffer.alloc(credentialBytes('app-key'), 4));
export const APP_SECRET = credentialValue('app-secret', Buffer.alloc(credentialBytes('app-secret'), 5));

type Partial2 = Partial<Omit<ApiDefinition, 'backend'>> & { backend?: Partial<ApiDefinition['backend']> };

export function definition(origin: string, method: ApiDefinition['frontend']['method'], path: string, change: Partial2 = {}): ApiDefinition {
  const { backend, ...rest } = change;
  return {
    name: path,
    summary: '',
    description: '',
    tags: [],
    frontend: { method, path, match: 'exact' },
    security: 'APP',
    appCode: true,
    parameters: [],
    backendParameters: [],
    cors: false,
    streaming: false,
    upgrade: false,
    operation: null,
    ...rest,
    backend: { kind: 'http', origin, method: 'SAME', path: rest.frontend?.path ?? path, timeoutMs: 2_000, retries: 0, ...backend } as ApiDefinition['backend'],
  };
}

export const FREE_PLAN = {
  currency: 'usd',
  interval: 'month',
  base_amount: 0,
  setup_amount: 0,
  meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.5', divide_by: 1, included: 0 }, quota: { limit: 1_000, hard: true } }],
  weights: {},
  trial_days: 0,
  min_commit: 0,
  billable_statuses: ['2xx'],
  bill_aborted: false,
  overage_stop: false,
} as const;

/** A snapshot of one gateway, one group `demo`, one app with a code and a key, bound to one subscription. */
export function snapshotOf(
  definitions: readonly ApiDefinition[],
  { parameters = {}, now = Date.now() }: { parameters?: GatewayParameters; now?: number } = {},
): Snapshot {
  const ids = definitions.map((_, index) => `api_${index}`);
  const credential = (change: Partial<SnapshotCredential>): SnapshotCredential => ({
    id: 'crd_code',
    appId: 'app_1',
    organizationId: 'org_b',
    kind: 'code',
    appKey: null,
    secretCipher: null,
    hash: null,
    notAfter: null,
    ...change,
  });
  return {
    builtAt: now,
    gateways: [{ id: 'gw_1', organizationId: 'org_p', parameters }],
    groups: [{ id: 'grp_1', gatewayId: 'gw_1', label: 'demo' }],
    apis: definitions.map((each, index) => ({
      id: ids[index] as string,
      publicationId: `pub_${index}`,
      gatewayId: 'gw_1',
      groupId: 'grp_1',
      environmentId: 'env_1',
      environmentName: 'RELEASE',
      definition: each,
    })),
    credentials: [
      credential({ hash: appCodeHash(APP_CODE) }),
      credential({ id: 'crd_key', kind: 'key', appKey: APP_KEY, secretCipher: sealSecret(KEY_RING, APP_SECRET, APP_KEY, Buffer.alloc(12, 1)) }),
    ],
    grants: [{ appId: 'app_1', apiIds: ids, environmentId: 'env_1', subscriptionId: 'sub_1' }],
    subscriptions: [
      {
        id: 'sub_1',
        organizationId: 'org_b',
        productId: 'prd_1',
        gatewayId: 'gw_1',
        status: 'active',
        entitledUntil: null,
        windows: [{ key: '0.0', startAt: now - 86_400_000, endAt: now + 30 * 86_400_000, planVersionId: 'plan_1_v1' }],
      },
    ],
    planVersions: [{ id: 'plan_1_v1', planId: 'plan_1', planName: 'starter', document: FREE_PLAN }],
  };
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  body: string;
  /** The request came to its end. */
  whole: boolean;
  readonly socket: Socket;
}

/** An upstream that records what reaches it; `answer` decides, by default an echo as JSON. */
export async function recordingUpstream(answer?: (req: IncomingMessage, res: ServerResponse, seen: Seen) => void) {
  const seen: Seen[] = [];
  const listener: RequestListener = (req, res) => {
    const entry: Seen = {
      method: req.method ?? '',
      url: req.url ?? '',
      rawHeaders: req.rawHeaders,
      headers: req.headers,
      body: '',
      whole: false,
      socket: req.socket,
    };
    seen.push(entry);
    req.on('error', () => undefined);
    req.on('data', (chunk: Buffer) => (entry.body += chunk.toString('latin1')));
    req.on('end', () => {
      entry.whole = true;
      if (answer) return answer(req, res, entry);
      const body = JSON.stringify({ method: entry.method, url: entry.url, body: entry.body });
      res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body);
    });
  };
  const server = createServer({ requireHostHeader: false }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    seen,
    server,
    port,
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface WorldOptions {
  /** In place of the counting double. */
  readonly limits?: GatewayDependencies['limits'];
  readonly apis: (origin: string) => ApiDefinition[];
  readonly engine?: 'direct' | 'undici' | 'http-proxy';
  readonly answer?: Parameters<typeof recordingUpstream>[0];
  readonly parameters?: GatewayParameters;
  readonly quota?: number;
  readonly delayed?: boolean;
  readonly hold?: Parameters<typeof memoryMeter>[0] extends infer O ? (O extends { hold?: infer H } ? H : never) : never;
  readonly timeouts?: GatewayDependencies['timeouts'];
  readonly config?: Partial<GatewayDependencies['config']>;
  readonly resolve?: GatewayDependencies['resolve'];
  readonly clock?: GatewayDependencies['clock'];
  /** In place of silence. */
  readonly log?: GatewayDependencies['log'];
}

/** Gateway, recording upstream and doubles, listening on ports of their own. */
export async function gatewayWorld(options: WorldOptions) {
  const upstream = await recordingUpstream(options.answer);
  const first = snapshotOf(options.apis(upstream.origin), { parameters: options.parameters ?? {} });
  const held = fixedSnapshots(first);
  const counting = countingLimits({ ...(options.quota !== undefined && { quota: options.quota }), delayed: options.delayed ?? false });
  const metering = memoryMeter(options.hold ? { hold: options.hold } : {});
  const replays = memoryReplays();
  const gateway = makeGateway({
    config: {
      gatewayDomain: 'gw.test',
      gatewayEngine: options.engine ?? 'direct',
      gatewayNode: 'gw1',
      secretKeys: KEY_RING,
      trustedHops: 0,
      upstreamAllow: new Set([`127.0.0.1:${upstream.port}`]),
      webUrl: 'http://portal.test',
      ...options.config,
    },
    boot: 1,
    clock: options.clock ?? makeClock(),
    log: options.log ?? makeLog('silent', 'test'),
    snapshots: held.snapshots,
    limits: options.limits ?? counting.limits,
    meter: metering.meter,
    replays,
    ...(options.resolve && { resolve: options.resolve }),
    ...(options.timeouts && { timeouts: options.timeouts }),
  });
  const port = await gateway.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${port}`;
  return {
    gateway,
    upstream,
    port,
    url,
    first,
    replays,
    snapshots: held,
    ...counting,
    ...metering,
    call: (path: string, init: RequestInit = {}) =>
      fetch(`${url}${path}`, { ...init, headers: { 'X-Apig-AppCode': APP_CODE, ...(init.headers as Record<string, string>) } }),
    raw: (text: string, options2?: Parameters<typeof rawExchange>[2]) => rawExchange(port, text, options2),
    async close() {
      await gateway.close(200);
      await upstream.close();
    },
  };
}

export type World = Awaited<ReturnType<typeof gatewayWorld>>;

/** Bytes out, bytes in, until the other side closes or nothing came for `quietMs`. */
export async function rawExchange(
  port: number,
  text: string | Buffer,
  { quietMs = 80, waitMs = 5_000, host = '127.0.0.1' }: { quietMs?: number; waitMs?: number; host?: string } = {},
): Promise<string> {
  const socket = connect(port, host);
  let received = '';
  await new Promise<void>((resolve) => {
    let quiet: NodeJS.Timeout | undefined;
    const done = () => {
      clearTimeout(quiet);
      clearTimeout(late);
      socket.destroy();
      resolve();
    };
    const late = setTimeout(done, waitMs);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      clearTimeout(quiet);
      quiet = setTimeout(done, quietMs);
    });
    socket.on('close', done);
    socket.on('error', done);
    socket.write(text, 'latin1');
  });
  return received;
}

/** Wait until `condition` holds; a condition that never does is an error, and leaves nothing behind that would keep the process. */
export async function until(condition: () => boolean, waitMs = 15_000): Promise<void> {
  const end = performance.now() + waitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never became true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
