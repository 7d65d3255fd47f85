import { buildConnector, Pool, type Dispatcher } from 'undici';
import { AppError } from '../../kernel/errors.ts';
import type { Delivery } from '../delivery.ts';
import type { AddressGuard } from './address-guard.ts';
import { connectionKey, type ClientTls } from './client-tls.ts';
import { isRepeatable, type Engine, type UpstreamRequest } from './engine.ts';

export const CONNECT_MS = 3_000;
/** Connections to one provider; more calls than that wait for one. */
export const CONNECTIONS_MAX = 256;
export const UPSTREAM_HEADER_BYTES_MAX = 32_768;
/** Shorter than what servers usually grant, so that a kept connection is seldom closed under a request. */
export const KEEP_ALIVE_MS = 4_000;

/** undici's own dispatch, without its streams: head and pieces go straight to the delivery. */
export function makeUndiciEngine({ guard }: { guard: AddressGuard }): Engine {
  const pools = new Map<string, Pool>();

  function poolFor({ origin, tls }: UpstreamRequest): Pool {
    const key = connectionKey(origin, tls);
    let pool = pools.get(key);
    if (!pool) pools.set(key, (pool = makePool(origin, guard, tls)));
    return pool;
  }

  return {
    send(request, delivery) {
      new Exchange(poolFor(request), request, delivery).start();
    },
    retain(keys) {
      for (const [key, pool] of pools)
        if (!keys.has(key)) {
          pools.delete(key);
          void pool.close();
        }
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

function makePool(origin: string, guard: AddressGuard, tls: ClientTls | null): Pool {
  const { hostname, port, protocol } = new URL(origin);
  const realPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  const connect = buildConnector({ timeout: CONNECT_MS, lookup: guard.lookupFor(hostname, realPort), ...(tls && { secureContext: tls.context() }) });
  return new Pool(origin, {
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: 60_000,
    maxHeaderSize: UPSTREAM_HEADER_BYTES_MAX,
    // The delivery has one timer for the first byte, silence and the whole.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(options, done) {
      try {
        guard.checkLiteral(hostname, realPort);
      } catch (error) {
        return void done(error as Error, null);
      }
      connect(options, done);
    },
  });
}

/** One exchange with a provider, in undici's handler protocol. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #pool: Pool;
  readonly #request: UpstreamRequest;
  readonly #delivery: Delivery;
  #abort: ((cause?: Error) => void) | null = null;
  #stale = 0;
  #refused = 0;

  constructor(pool: Pool, request: UpstreamRequest, delivery: Delivery) {
    this.#pool = pool;
    this.#request = request;
    this.#delivery = delivery;
    delivery.stop = (cause) => this.#abort?.(cause);
  }

  start(): void {
    const { path, method, headers, body } = this.#request;
    const options = { path, method: method as Dispatcher.HttpMethod, headers, body: body === null ? null : (body.whole ?? body.open?.() ?? null) };
    this.#pool.dispatch(options, this);
  }

  onConnect(abort: (cause?: Error) => void): void {
    if (this.#delivery.over) return abort(new Error('over'));
    this.#abort = abort;
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    const headers: string[] = new Array<string>(raw.length);
    for (let i = 0; i < raw.length; i++) headers[i] = (raw[i] as Buffer).toString('latin1');
    this.#delivery.resume = resume;
    return this.#delivery.head(status, headers);
  }

  onData(chunk: Buffer): boolean {
    return this.#delivery.data(chunk);
  }

  onComplete(): void {
    this.#abort = null;
    this.#delivery.end();
  }

  onUpgrade(_status: number, _headers: Buffer[] | string[] | null, socket: { destroy(): void }): void {
    socket.destroy();
    this.#delivery.fail(new Error('the provider switched protocols unasked'));
  }

  onError(error: Error): void {
    this.#abort = null;
    const delivery = this.#delivery;
    if (delivery.over) return;
    if (!delivery.begun && this.#mayTryAgain(error)) return this.start();
    delivery.fail(upstreamFault(error));
  }

  #mayTryAgain(error: Error & { code?: string; socket?: { bytesRead?: number } | null }): boolean {
    // A connection that answered before and now is closed was closed by the provider while it lay idle.
    if (isStale(error) && this.#stale === 0 && isRepeatable(this.#request)) {
      this.#stale += 1;
      return true;
    }
    const refused = error.code === 'ECONNREFUSED' && this.#request.body === null && this.#refused < this.#request.retries;
    if (refused) this.#refused += 1;
    return refused;
  }
}

const isStale = ({ code, socket }: { code?: string; socket?: { bytesRead?: number } | null }): boolean =>
  (code === 'UND_ERR_SOCKET' && (socket?.bytesRead ?? 0) > 0) || code === 'ECONNRESET' || code === 'EPIPE';

/** A connection that does not come about in time is a time-out; a fault of the caller's body keeps its own code. */
export const upstreamFault = (error: Error & { code?: string }): Error =>
  error instanceof AppError || error.code !== 'UND_ERR_CONNECT_TIMEOUT' ? error : new AppError('upstream-timeout', undefined, { cause: error });
