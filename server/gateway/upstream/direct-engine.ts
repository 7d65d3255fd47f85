import type { LookupFunction } from 'node:net';
import type { Delivery } from '../delivery.ts';
import type { AddressGuard } from './address-guard.ts';
import { DirectConnection, type ConnectionOwner } from './direct-connection.ts';
import { isRepeatable, type Engine, type UpstreamRequest } from './engine.ts';
import { hasResponseParser } from './response-parser.ts';
import { CONNECTIONS_MAX, KEEP_ALIVE_MS } from './undici-engine.ts';

/** One request on its way, over one connection or, when that turns out to be closed, over a second. */
export interface Exchange {
  readonly request: UpstreamRequest;
  readonly delivery: Delivery;
  /** As it is sent. */
  readonly head: string;
  stale: boolean;
  refused: number;
}

const SWEEP_MS = 1_000;
/** What no header field may hold, nor any other part of a head: control characters, and what Latin-1 cannot spell. */
const NOT_SENT = /[^\t\r\n\x20-\x7e\x80-\xff]/;

/**
 * Sockets of our own for requests that are one head (GET and HEAD without a body, over http), which are most; `rest` does all others. An answer
 * that comes whole in one read is read by us; everything else by Node's strict parser.
 */
export function makeDirectEngine({ guard, rest }: { guard: AddressGuard; rest: Engine }): Engine {
  const pools = new Map<string, OriginPool>();
  const sweep = setInterval(() => {
    for (const pool of pools.values()) pool.sweep();
  }, SWEEP_MS);
  sweep.unref();

  return {
    send(request, delivery) {
      const { method, origin, body } = request;
      if (!hasResponseParser || body !== null || (method !== 'GET' && method !== 'HEAD') || !origin.startsWith('http:')) return rest.send(request, delivery);
      const head = headOf(request);
      if (head === null) return delivery.fail(new Error('the request holds a character that cannot be sent'));
      let pool = pools.get(origin);
      if (!pool) pools.set(origin, (pool = new OriginPool(origin, guard)));
      pool.send({ request, delivery, head, stale: false, refused: 0 });
    },
    retain(origins) {
      for (const [origin, pool] of pools)
        if (!origins.has(origin)) {
          pools.delete(origin);
          pool.retire();
        }
      rest.retain(origins);
    },
    async close() {
      clearInterval(sweep);
      for (const pool of pools.values()) pool.destroy();
      pools.clear();
      await rest.close();
    },
  };
}

/** The request's head as text; null when a value would break out of its line. */
function headOf({ method, path, host, headers }: UpstreamRequest): string | null {
  let head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i] as string}: ${headers[i + 1] as string}\r\n`;
  head += '\r\n';
  let lines = 0;
  for (let at = head.indexOf('\n'); at >= 0; at = head.indexOf('\n', at + 1)) lines += 1;
  for (let at = head.indexOf('\r'); at >= 0; at = head.indexOf('\r', at + 1)) lines += 1;
  return lines === headers.length + 8 && !path.includes(' ') && !NOT_SENT.test(head) ? head : null;
}

/** The connections to one provider. */
class OriginPool implements ConnectionOwner {
  readonly #guard: AddressGuard;
  readonly #host: string;
  readonly #port: string;
  readonly #lookup: LookupFunction;
  readonly #all = new Set<DirectConnection>();
  /** The one released last is asked first, so that those not needed grow old. */
  readonly #idle: DirectConnection[] = [];
  readonly #waiting: Exchange[] = [];
  #now = 0;
  #retired = false;

  constructor(origin: string, guard: AddressGuard) {
    const { hostname, port } = new URL(origin);
    this.#guard = guard;
    this.#host = hostname;
    this.#port = port === '' ? '80' : port;
    this.#lookup = guard.lookupFor(hostname, this.#port);
  }

  send(exchange: Exchange): void {
    let idle = this.#idle.pop();
    while (idle !== undefined && !idle.usable) idle = this.#idle.pop();
    if (idle !== undefined) idle.ask(exchange);
    else if (this.#all.size < CONNECTIONS_MAX) this.#open(exchange);
    else {
      exchange.delivery.stop = () => void this.#waiting.splice(this.#waiting.indexOf(exchange), 1);
      this.#waiting.push(exchange);
    }
  }

  #open(exchange: Exchange): void {
    try {
      this.#guard.checkLiteral(this.#host, this.#port);
      const connection = new DirectConnection(this, { host: this.#host.replace(/^\[|\]$/g, ''), port: Number(this.#port), lookup: this.#lookup });
      this.#all.add(connection);
      connection.ask(exchange);
    } catch (error) {
      exchange.delivery.fail(error);
    }
  }

  released(connection: DirectConnection): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return connection.ask(next);
    if (this.#retired) return connection.destroy();
    connection.idleSince = this.#now;
    this.#idle.push(connection);
  }

  gone(connection: DirectConnection): void {
    this.#all.delete(connection);
    this.#forget(connection);
    const next = this.#all.size < CONNECTIONS_MAX ? this.#waiting.shift() : undefined;
    if (next !== undefined) this.#open(next);
  }

  again(exchange: Exchange, error: NodeJS.ErrnoException, reused: boolean): boolean {
    const { delivery, request } = exchange;
    if (delivery.over) return false;
    // A connection that answered before and now is closed was closed by the provider while it lay idle.
    const stale = reused && !exchange.stale && isRepeatable(request);
    const refused = !reused && error.code === 'ECONNREFUSED' && exchange.refused < request.retries;
    if (!stale && !refused) return false;
    if (stale) exchange.stale = true;
    else exchange.refused += 1;
    // Over a new one: the other idle connections may be as old.
    this.#open(exchange);
    return true;
  }

  sweep(): void {
    this.#now += SWEEP_MS;
    for (const connection of [...this.#idle]) if (this.#now - connection.idleSince > KEEP_ALIVE_MS) this.#forget(connection)?.destroy();
  }

  /** What runs ends in peace. */
  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  destroy(): void {
    this.#retired = true;
    this.#idle.length = 0;
    for (const connection of this.#all) connection.destroy();
  }

  #forget(connection: DirectConnection): DirectConnection | null {
    const at = this.#idle.indexOf(connection);
    if (at < 0) return null;
    this.#idle.splice(at, 1);
    return connection;
  }
}
