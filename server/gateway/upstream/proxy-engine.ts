import { EventEmitter } from 'node:events';
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Readable } from 'node:stream';
import httpProxy from 'http-proxy';
import type { Delivery } from '../delivery.ts';
import { AppError } from '../../kernel/errors.ts';
import type { AddressGuard } from './address-guard.ts';
import { connectionKey } from './client-tls.ts';
import { isRepeatable, type Engine, type UpstreamRequest } from './engine.ts';
import { CONNECTIONS_MAX, CONNECT_MS, KEEP_ALIVE_MS } from './undici-engine.ts';

/**
 * What http-proxy is given in place of the caller's request. It never sees the real one: it copies every header of what it gets,
 * listens on it, resolves its path, and ends the process or hangs on what a hostile caller or provider can put there.
 */
export class StandIn extends EventEmitter {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string | string[]>;
  readonly httpVersion = '1.1';
  readonly socket = { destroyed: false };
  readonly connection = this.socket;
  readonly request: UpstreamRequest;
  readonly delivery: Delivery;
  proxyReq: ClientRequest | null = null;
  tries = 0;
  refused = 0;

  constructor(request: UpstreamRequest, delivery: Delivery) {
    super();
    this.request = request;
    this.delivery = delivery;
    this.method = request.method;
    this.url = request.path;
    this.headers = headerObject(request);
    this.on('error', () => undefined);
  }
}

/** One key a name, repeats as a list; the framing is stated, since http-proxy and Node would guess it from the method. */
export function headerObject({ headers, host, contentLength, body }: UpstreamRequest): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  const spelling = new Map<string, string>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const lower = (headers[i] as string).toLowerCase();
    const name = spelling.get(lower) ?? (headers[i] as string);
    spelling.set(lower, name);
    const value = headers[i + 1] as string;
    const before = object[name];
    object[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  object.Host = host;
  if (body !== null && contentLength < 0) object['Transfer-Encoding'] = 'chunked';
  return object;
}

/** http-proxy 1.18.1 behind a guard: for upgrades, and by configuration for everything. */
export function makeProxyEngine({ guard }: { guard: AddressGuard }): Engine {
  const proxy = httpProxy.createProxyServer({ selfHandleResponse: true, xfwd: false, ignorePath: false });
  onlyStream(proxy, 'webPasses');
  const agents = makeAgents(guard);

  proxy.on('proxyReq', (proxyReq, req) => {
    const standIn = req as unknown as StandIn;
    watch(proxyReq, standIn);
  });
  proxy.on('proxyRes', (proxyRes, req) => receive(proxyRes, req as unknown as StandIn));
  proxy.on('error', (error, req) => failed(error, req as unknown as StandIn));
  proxy.on('econnreset', (error, req) => failed(error, req as unknown as StandIn));

  function attempt(standIn: StandIn): void {
    const { request, delivery } = standIn;
    try {
      const agent = agents.of(request);
      const { body } = request;
      const buffer = body === null ? Readable.from([]) : body.whole === null ? (body.open?.() ?? Readable.from([])) : Readable.from([body.whole]);
      // A fault of the body ends the exchange; it is told as what it is.
      buffer.on('error', (error) => {
        if (!delivery.over) delivery.fail(error);
        standIn.emit('aborted');
      });
      proxy.web(standIn as unknown as IncomingMessage, STAND_IN_RESPONSE, { target: request.origin, agent, buffer, toProxy: true });
    } catch (error) {
      delivery.fail(error);
    }
  }

  function failed(error: Error & { code?: string }, standIn: StandIn): void {
    const { delivery, request, proxyReq } = standIn;
    if (delivery.over) return;
    const stale = proxyReq?.reusedSocket === true && (error.code === 'ECONNRESET' || error.code === 'EPIPE') && standIn.tries === 0 && isRepeatable(request);
    const refused = error.code === 'ECONNREFUSED' && request.body === null && standIn.refused < request.retries;
    if (delivery.begun || !(stale || refused)) return delivery.fail(error);
    if (stale) standIn.tries += 1;
    else standIn.refused += 1;
    attempt(standIn);
  }

  return {
    send(request, delivery) {
      const standIn = new StandIn(request, delivery);
      delivery.stop = () => void standIn.emit('aborted');
      attempt(standIn);
    },
    retain: (keys) => agents.retain(keys),
    close() {
      agents.retain(new Set());
      proxy.close();
      return Promise.resolve();
    },
  };
}

/** Of its passes only the one that forwards: the others set Content-Length on bodies they do not know and believe forwarding headers. */
export function onlyStream(proxy: httpProxy, passes: 'webPasses' | 'wsPasses'): void {
  const holder = proxy as unknown as Record<string, { name: string }[]>;
  holder[passes] = (holder[passes] ?? []).filter(({ name }) => name === 'stream');
}

/** http-proxy looks at these two and touches nothing else while we handle the response ourselves. */
const STAND_IN_RESPONSE = { headersSent: true, finished: false } as unknown as ServerResponse;

function watch(proxyReq: ClientRequest, standIn: StandIn): void {
  const { delivery } = standIn;
  standIn.proxyReq = proxyReq;
  if (delivery.over) return void proxyReq.destroy();
  limitConnecting(proxyReq, () => delivery.fail(new AppError('upstream-timeout')));
  proxyReq.on('upgrade', (_res, socket) => {
    socket.destroy();
    delivery.fail(new Error('the provider switched protocols unasked'));
  });
  proxyReq.on('close', () => {
    if (!delivery.begun && standIn.proxyReq === proxyReq)
      setImmediate(() => !delivery.begun && standIn.proxyReq === proxyReq && delivery.fail(new Error('the provider ended without an answer')));
  });
}

export function limitConnecting(proxyReq: ClientRequest, onLate: () => void): void {
  const { socket } = proxyReq;
  if (!socket?.connecting) return;
  const timer = setTimeout(() => {
    onLate();
    proxyReq.destroy();
  }, CONNECT_MS);
  const settled = () => clearTimeout(timer);
  socket.once('connect', settled).once('close', settled);
}

function receive(proxyRes: IncomingMessage, { delivery }: StandIn): void {
  if (delivery.over) return void proxyRes.destroy();
  delivery.resume = () => void proxyRes.resume();
  proxyRes.on('data', (chunk: Buffer) => {
    if (!delivery.data(chunk)) proxyRes.pause();
  });
  proxyRes.on('end', () => (proxyRes.complete ? delivery.end() : delivery.fail(new Error('the provider broke off its answer'))));
  const broken = () => {
    if (!delivery.over) delivery.fail(new Error('the provider broke off its answer'));
  };
  proxyRes.on('error', broken);
  proxyRes.on('close', () => proxyRes.complete || broken());
  delivery.head(proxyRes.statusCode ?? 0, proxyRes.rawHeaders);
}

/** One keep-alive agent an origin and certificate, each connecting through the guard. */
export function makeAgents(guard: AddressGuard) {
  const agents = new Map<string, HttpAgent>();

  return {
    /** @throws PrivateAddressError */
    of({ origin, tls }: Pick<UpstreamRequest, 'origin' | 'tls'>): HttpAgent {
      const { hostname, port, protocol } = new URL(origin);
      const realPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
      guard.checkLiteral(hostname, realPort);
      const key = connectionKey(origin, tls);
      let agent = agents.get(key);
      if (!agent) {
        const options = {
          keepAlive: true,
          keepAliveMsecs: 1_000,
          maxSockets: CONNECTIONS_MAX,
          maxFreeSockets: CONNECTIONS_MAX,
          timeout: KEEP_ALIVE_MS,
          scheduling: 'lifo' as const,
          lookup: guard.lookupFor(hostname, realPort),
          ...(tls && { secureContext: tls.context() }),
        };
        agents.set(key, (agent = protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options)));
      }
      return agent;
    },
    retain(keys: ReadonlySet<string>): void {
      for (const [key, agent] of agents)
        if (!keys.has(key)) {
          agents.delete(key);
          agent.destroy();
        }
    },
  };
}
