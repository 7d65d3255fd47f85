import { callIds } from '../domain/call-id.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { makeAccessTokens } from './authenticators/access-token.ts';
import { makeAppCodes } from './authenticators/app-code.ts';
import { makeAppSchemes } from './authenticators/app-schemes.ts';
import { makeSignatures } from './authenticators/signature.ts';
import { makeBodyBuffers } from './body.ts';
import type { Call, Way } from './call.ts';
import { makeConstantOpener } from './constants.ts';
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
import { makeTokenAddress } from './filters/token-address.ts';
import { validateRequest } from './filters/validate-request.ts';
import { makeListener, type Listener, type ListenerOptions } from './front/listener.ts';
import { makeRow } from './row.ts';
import { makePipeline } from './pipeline.ts';
import type { Attempts, Limits, Meter, Replays, Snapshots } from './ports.ts';
import { compileTable, type Table } from './table.ts';
import { makeAddressGuard, type AddressGuard, type Resolve } from './upstream/address-guard.ts';
import { makeClientTlsOpener } from './upstream/client-tls.ts';
import { makeDirectEngine } from './upstream/direct-engine.ts';
import type { Engine } from './upstream/engine.ts';
import { makeProxyEngine } from './upstream/proxy-engine.ts';
import { makeUndiciEngine } from './upstream/undici-engine.ts';
import { makeUpgrades } from './upstream/upgrade.ts';
import { endExpired, endRevoked, EXPIRY_LOOK_MS } from './withdrawal.ts';
import { keepCallsYoung } from './young-calls.ts';

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
  /** Wrong secrets at token addresses, by credential and address, and by address. */
  readonly tokenAttempts?: { readonly credential: Attempts; readonly address: Attempts };
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
  keepCallsYoung();
  const { config, boot, clock, log, snapshots, limits, meter, replays, timeouts = {} } = dependencies;
  const live = makeRow<Call>();
  const constants = makeConstantOpener(config.secretKeys);
  const clientTls = makeClientTlsOpener(config.secretKeys);
  const compile = (snapshot: Snapshot): Table => compileTable(snapshot, config.secretKeys, constants, clientTls);
  let compiled = compile(snapshots.current());
  const table = () => compiled;
  const buffers = makeBodyBuffers();
  const guard = makeAddressGuard({ allow: config.upstreamAllow, ...(dependencies.resolve && { resolve: dependencies.resolve }) });
  const engine = makeEngine(config.gatewayEngine, guard);
  const upgrades = makeUpgrades({ guard });
  const callId = callIds({ node: config.gatewayNode, boot });
  const ending = makeEnding({ limits, meter, clock, buffers, node: config.gatewayNode, boot, onEnd: (call) => live.remove(call) });
  const onUnknown = () => snapshots.unknownCredential();
  const authenticate = makeAuthenticate({
    accessToken: makeAccessTokens({ table, onUnknown, realNow: () => clock.real() }),
    appCode: makeAppCodes({ table, onUnknown }),
    signature: makeSignatures({ table, onUnknown, realNow: () => clock.real(), buffers }),
    schemes: makeAppSchemes({ table, onUnknown, realNow: () => clock.real() }),
  });
  const pipeline = makePipeline({
    guard: guardRequest,
    authenticate,
    filters: [
      makeTokenAddress({
        table,
        domain: config.gatewayDomain,
        buffers,
        onUnknown,
        realNow: () => clock.real(),
        attempts: dependencies.tokenAttempts ?? UNCOUNTED,
      }),
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
  const underWay = { live, tunnels: pipeline.tunnels, log };
  const expiring = setInterval(() => endExpired(underWay, clock.real()), EXPIRY_LOOK_MS);
  expiring.unref();
  snapshots.onChange((snapshot) => {
    compiled = compile(snapshot);
    engine.retain(compiled.connectionKeys);
    upgrades.retain(compiled.connectionKeys);
    endRevoked(underWay, compiled);
  });
  const listeners: Listener[] = [];
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
      return listeners.every(({ listening }) => listening);
    },
    listen(port, host, way = publicWay) {
      const handle: ListenerOptions['handle'] = (caller, fields, upgradeHead) => pipeline.handle(way, caller, fields, upgradeHead);
      const listener = makeListener({ handle, nextId: () => callId(clock.now()), realNow: () => clock.real(), timeouts });
      listeners.push(listener);
      return listener.listen(port, host);
    },
    async close(deadlineMs = 10_000) {
      const closed = Promise.all(listeners.map((listener) => listener.drain()));
      for (const tunnel of pipeline.tunnels.values()) tunnel.end('The gateway is shutting down.');
      const timer = setTimeout(() => {
        for (const call of live) call.abort?.(new AppError('cannot-count', 'The gateway is shutting down.'));
        for (const listener of listeners) listener.closeAll();
      }, deadlineMs);
      await closed;
      clearTimeout(timer);
      clearInterval(expiring);
      upgrades.close();
      await engine.close();
    },
  };
}

const uncounted: Attempts = { count: () => Promise.resolve(0), waiting: () => Promise.resolve(0) };
const UNCOUNTED = { credential: uncounted, address: uncounted };

function makeEngine(name: Config['gatewayEngine'], guard: AddressGuard): Engine {
  if (name === 'http-proxy') return makeProxyEngine({ guard });
  const undici = makeUndiciEngine({ guard });
  return name === 'undici' ? undici : makeDirectEngine({ guard, rest: undici });
}
