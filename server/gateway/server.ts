import { ServerResponse, createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { callIds } from '../domain/call-id.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { PROBLEMS, type ProblemCode } from '../kernel/problems.ts';
import { makeAppCodes } from './authenticators/app-code.ts';
import { makeAppSchemes } from './authenticators/app-schemes.ts';
import { makeSignatures } from './authenticators/signature.ts';
import { makeBodyBuffers } from './body.ts';
import type { Call, Way } from './call.ts';
import { TOTAL_MS } from './delivery.ts';
import { makeEnding } from './ending.ts';
import { admitUpgrade } from './filters/admit-upgrade.ts';
import { makeAuthenticate } from './filters/authenticate.ts';
import { authorize } from './filters/authorize.ts';
import { preflight } from './filters/cors.ts';
import { makeFindRoute } from './filters/find-route.ts';
import { guardRequest } from './filters/guard.ts';
import { refuseMaintenance } from './filters/refuse-maintenance.ts';
import { makeRefuseReplay } from './filters/refuse-replay.ts';
import { makeTakeLimits } from './filters/take-limits.ts';
import { validateRequest } from './filters/validate-request.ts';
import { makeLiveCalls, type LiveCalls } from './live-calls.ts';
import { makePipeline } from './pipeline.ts';
import type { Limits, Meter, Replays, Snapshots } from './ports.ts';
import { compileTable, type Table } from './table.ts';
import { makeAddressGuard, type Resolve } from './upstream/address-guard.ts';
import { makeProxyEngine } from './upstream/proxy-engine.ts';
import { makeUndiciEngine } from './upstream/undici-engine.ts';
import { makeUpgrades, type Tunnel } from './upstream/upgrade.ts';
import { KEEP_ALIVE_MS } from './whole-answer.ts';

/** Listener bounds. Node's own header limit is above ours, so that our answer can tell what was too large. */
const HEADER_BYTES_PARSED_MAX = 81_920;
const HEADERS_MS = 10_000;
const REQUEST_MS = 300_000;
const CHECK_EVERY_MS = 1_000;
const CONNECTIONS_MAX = 20_000;
const IDLE_LOOK_MS = 50;

export interface GatewayDependencies {
  readonly config: Pick<Config, 'gatewayDomain' | 'gatewayEngine' | 'gatewayNode' | 'secretKeys' | 'trustedHops' | 'upstreamAllow' | 'webUrl'>;
  /** Number of this boot of the node, from the journal. */
  readonly boot: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly limits: Limits;
  readonly meter: Meter;
  readonly replays: Replays;
  /** For tests. */
  readonly resolve?: Resolve;
  readonly timeouts?: { readonly headersMs?: number; readonly requestMs?: number; readonly totalMs?: number };
}

export interface Gateway {
  /**
   * Open a listener; any number of them may be open.
   * @param way  what is true of all calls that arrive there; default: the public listener
   * @returns the port, also when 0 was asked for
   */
  listen(port: number, host?: string, way?: Way): Promise<number>;
  /** Every listener that was opened takes calls. */
  readonly listening: boolean;
  /** Take no more calls, let those in flight end, cut off what is left after `deadlineMs`. */
  close(deadlineMs?: number): Promise<void>;
  /** Calls in flight. */
  readonly inFlight: number;
  /** Oldest admission among the calls in flight, epoch ms; null when there is none. For the watermark. */
  oldestInFlight(): number | null;
}

export function makeGateway(dependencies: GatewayDependencies): Gateway {
  const { config, boot, clock, log, snapshots, limits, meter, replays, timeouts = {} } = dependencies;
  const live = makeLiveCalls();
  let compiled: Table = compileTable(snapshots.current(), config.secretKeys);
  const table = () => compiled;
  const buffers = makeBodyBuffers();
  const guard = makeAddressGuard({ allow: config.upstreamAllow, ...(dependencies.resolve && { resolve: dependencies.resolve }) });
  const engine = config.gatewayEngine === 'undici' ? makeUndiciEngine({ guard }) : makeProxyEngine({ guard });
  const upgrades = makeUpgrades({ guard });
  const callId = callIds({ node: config.gatewayNode, boot });
  const ending = makeEnding({ limits, meter, clock, buffers, node: config.gatewayNode, boot, onEnd: (call) => live.remove(call) });
  const onUnknown = () => snapshots.unknownCredential();
  const authenticate = makeAuthenticate({
    appCode: makeAppCodes({ table, onUnknown }),
    signature: makeSignatures({ table, onUnknown, realNow: () => clock.real(), buffers }),
    schemes: makeAppSchemes({ table, onUnknown, realNow: () => clock.real() }),
  });
  const pipeline = makePipeline({
    guard: guardRequest,
    authenticate,
    filters: [
      makeFindRoute({ table, domain: config.gatewayDomain }),
      admitUpgrade,
      preflight,
      refuseMaintenance,
      authenticate,
      authorize,
      validateRequest,
      makeRefuseReplay({ replays }),
      makeTakeLimits({ limits, meter }),
    ],
    engine,
    upgrades,
    ending,
    limits,
    clock,
    log,
    callId,
    problemUrl: `${config.webUrl}/problems/`,
    totalMs: timeouts.totalMs ?? TOTAL_MS,
    onStart: (call) => live.add(call),
  });
  snapshots.onChange((snapshot) => {
    compiled = compileTable(snapshot, config.secretKeys);
    engine.retain(new Set(snapshot.apis.flatMap(({ definition: { backend } }) => (backend.kind === 'http' ? [new URL(backend.origin).origin] : []))));
    endRevoked(live, pipeline.tunnels, compiled);
  });
  const servers: Server[] = [];
  const publicWay: Way = { address: null, trustedHops: config.trustedHops };

  return {
    get inFlight() {
      return live.size;
    },
    oldestInFlight() {
      let oldest: number | null = null;
      for (const { admittedAt } of live) if (oldest === null || admittedAt < oldest) oldest = admittedAt;
      return oldest;
    },
    get listening() {
      return servers.every(({ listening }) => listening);
    },
    listen: (port, host, way = publicWay) =>
      new Promise((resolve, reject) => {
        const server = makeServer(
          (req, res, head) => pipeline.handle(way, req, res, head),
          () => callId(clock.now()),
          timeouts,
        );
        servers.push(server);
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    async close(deadlineMs = 10_000) {
      const closed = Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
      // A kept connection whose call has just ended is idle, and would hold the listener open for no one.
      const idle = setInterval(() => servers.forEach((server) => server.closeIdleConnections()), IDLE_LOOK_MS);
      for (const tunnel of pipeline.tunnels.values()) tunnel.end();
      const timer = setTimeout(() => {
        for (const call of live) call.abort?.(new AppError('cannot-count', 'The gateway is shutting down.'));
        for (const server of servers) server.closeAllConnections();
      }, deadlineMs);
      await closed;
      clearTimeout(timer);
      clearInterval(idle);
      upgrades.close();
      await engine.close();
    },
  };
}

/** A revocation ends what it hits also in mid-answer: a stream must not outlive its credential, nor the way it came by. */
function endRevoked(live: LiveCalls, tunnels: ReadonlyMap<Call, Tunnel>, { byCredentialId, connections, privateOnly }: Table): void {
  const isGranted = ({ credential, served }: Call): boolean => {
    if (credential === null || served === null) return true;
    const { id, environmentId } = served.api;
    const grants = byCredentialId.get(credential.row.id)?.app.grants.keys() ?? [];
    for (const { api } of grants) if (api.id === id && api.environmentId === environmentId) return true;
    return false;
  };
  const isReached = ({ served, via, way: { address } }: Call): boolean =>
    served === null || (address === null ? !privateOnly.has(served.api.gatewayId) : connections.get(address)?.id === via);
  const endOf = (call: Call): AppError | null => {
    if (!isGranted(call)) return new AppError('authentication-failed', 'The credential or its grant was revoked.');
    return isReached(call) ? null : new AppError('api-not-found', 'This way to the API was closed.');
  };
  for (const call of live) {
    const end = call.abort === null ? null : endOf(call);
    if (end !== null) call.abort?.(end);
  }
  for (const [call, tunnel] of tunnels) if (endOf(call) !== null) tunnel.end();
}

function makeServer(
  handle: (req: IncomingMessage, res: ServerResponse, upgradeHead?: Buffer) => void,
  nextId: () => string,
  { headersMs = HEADERS_MS, requestMs = REQUEST_MS }: { headersMs?: number; requestMs?: number },
): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_PARSED_MAX,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requireHostHeader: false,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      noDelay: true,
      insecureHTTPParser: false,
    },
    (req, res) => handle(req, res),
  );
  server.maxConnections = CONNECTIONS_MAX;
  // Node would answer these by itself; the pipeline decides instead.
  server.on('checkContinue', (req, res) => handle(req, res));
  server.on('checkExpectation', (req, res) => handle(req, res));
  server.on('upgrade', (req, socket, head) => {
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket as Socket);
    res.on('finish', () => socket.end());
    socket.on('error', () => socket.destroy());
    handle(req, res, head);
  });
  server.on('connect', (_req, socket) => answerRaw(socket as Socket, 'method-not-allowed', nextId()));
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => answerRaw(socket as Socket, parseFault(error), nextId()));
  return server;
}

function parseFault({ code, rawPacket }: { code?: string; rawPacket?: Buffer }): ProblemCode | null {
  if (code === 'ECONNRESET' || code === 'EPIPE') return null;
  if (code === 'HPE_HEADER_OVERFLOW') return rawPacket && !rawPacket.includes('\n') ? 'uri-too-long' : 'headers-too-large';
  return 'invalid-request';
}

/** For what never became a call: answered, unless another answer is on its way, and the connection ends. */
function answerRaw(socket: Socket & { _httpMessage?: { headersSent: boolean } | null }, code: ProblemCode | null, requestId: string): void {
  if (code === null || !socket.writable || socket._httpMessage?.headersSent) return void socket.destroy();
  const { status, apig, help, title } = PROBLEMS[code];
  const body = JSON.stringify({ error_code: apig, error_msg: help, request_id: requestId });
  socket.once('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nX-Request-Id: ${requestId}\r\n` +
      `X-Error-Source: gateway\r\nConnection: close\r\n\r\n${body}`,
  );
}
