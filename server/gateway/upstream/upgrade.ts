import { Duplex } from 'node:stream';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import httpProxy from 'http-proxy';
import { passedToCaller } from '../../domain/headers.ts';
import type { Call } from '../call.ts';
import type { Delivery } from '../delivery.ts';
import { nodeOf } from '../front/caller.ts';
import type { AddressGuard } from './address-guard.ts';
import type { UpstreamRequest } from './engine.ts';
import { closeFrame, FrameEdges } from './frames.ts';
import { StandIn, limitConnecting, makeAgents, onlyStream } from './proxy-engine.ts';

/** WebSockets, by http-proxy behind a guard. */
export interface Upgrades {
  /**
   * Ask the provider to switch. If it does, `accepted` is called: its headers join ours, its promise is awaited before the caller hears of
   * it. If it answers otherwise, that answer goes to the delivery like any other.
   */
  open(call: Call, request: UpstreamRequest, head: Buffer, delivery: Delivery, accepted: () => Acceptance): Tunnel;
  /** Forget what connects to other places, or with other certificates. @param keys  as `connectionKey` makes them */
  retain(keys: ReadonlySet<string>): void;
  close(): void;
}

export interface Acceptance {
  readonly headers: readonly string[];
  readonly written: Promise<void>;
}

export interface Tunnel {
  /** @param reason  told to the caller, unless a message is on its way to it in parts */
  end(reason: string): void;
  onEnd(listener: () => void): void;
}

/** How long a caller that was told the end may take to close its side. */
const CLOSING_MS = 1_000;
const SWITCH_FIELDS = new Set(['connection', 'upgrade', 'sec-websocket-accept', 'sec-websocket-protocol', 'sec-websocket-extensions']);

export function makeUpgrades({ guard }: { guard: AddressGuard }): Upgrades {
  const proxy = httpProxy.createProxyServer({ xfwd: false });
  onlyStream(proxy, 'wsPasses');
  const agents = makeAgents(guard);

  proxy.on('proxyReqWs', (proxyReq, req) => {
    const standIn = req as unknown as UpgradeStandIn;
    // These listeners are added before http-proxy's own, so they run first and decide what its own get to see.
    proxyReq.on('response', (proxyRes) => answered(proxyRes, standIn));
    proxyReq.on('upgrade', (proxyRes, proxySocket) => switched(proxyRes, proxySocket as Socket, standIn));
    proxyReq.on('socket', () => limitConnecting(proxyReq, () => standIn.delivery.fail(new Error('the provider could not be reached'))));
    standIn.on('aborted', () => proxyReq.destroy());
    standIn.proxyReq = proxyReq as ClientRequest;
  });
  proxy.on('error', (error, req) => {
    const { delivery } = req as unknown as UpgradeStandIn;
    if (delivery.over) (req as unknown as UpgradeStandIn).tunnel.destroy();
    else delivery.fail(error);
  });

  return {
    open(call, request, head, delivery, accepted) {
      const { socket } = nodeOf(call.caller).req;
      const tunnel = new TunnelSocket(socket);
      const standIn = new UpgradeStandIn(request, delivery, tunnel, accepted, call);
      standIn.headers.Connection = 'Upgrade';
      standIn.headers.Upgrade = 'websocket';
      delivery.stop = () => void standIn.emit('aborted');
      try {
        proxy.ws(standIn as unknown as IncomingMessage, tunnel as unknown as Socket, head, {
          target: request.origin,
          agent: agents.of(request),
          toProxy: true,
        });
      } catch (error) {
        delivery.fail(error);
      }
      return {
        end: (reason) => {
          tunnel.close(reason);
          standIn.emit('aborted');
          tunnel.destroy();
        },
        onEnd: (listener) => void socket.once('close', listener),
      };
    },
    retain: (keys) => agents.retain(keys),
    close() {
      agents.retain(new Set());
    },
  };
}

class UpgradeStandIn extends StandIn {
  readonly tunnel: TunnelSocket;
  readonly accepted: () => Acceptance;
  readonly call: Call;
  constructor(request: UpstreamRequest, delivery: Delivery, tunnel: TunnelSocket, accepted: () => Acceptance, call: Call) {
    super(request, delivery);
    this.tunnel = tunnel;
    this.accepted = accepted;
    this.call = call;
  }
}

/** Not switched: an ordinary answer. `upgrade` keeps http-proxy from writing the provider's raw head to the caller. */
function answered(proxyRes: IncomingMessage & { upgrade?: boolean }, { delivery }: UpgradeStandIn): void {
  proxyRes.upgrade = true;
  delivery.resume = () => void proxyRes.resume();
  proxyRes.on('data', (chunk: Buffer) => {
    if (!delivery.data(chunk)) proxyRes.pause();
  });
  proxyRes.on('end', () => (proxyRes.complete ? delivery.end() : delivery.fail(new Error('the provider broke off its answer'))));
  proxyRes.on('error', (error) => delivery.fail(error));
  delivery.head(proxyRes.statusCode ?? 0, proxyRes.rawHeaders);
}

/** Switched: the caller gets a head of our making, once the outcome is recorded, and then bytes both ways. */
function switched(proxyRes: IncomingMessage, proxySocket: Socket, standIn: UpgradeStandIn): void {
  const { tunnel, delivery, call, accepted } = standIn;
  const upgrade = proxyRes.headers.upgrade?.toLowerCase();
  if (delivery.over || proxyRes.statusCode !== 101 || upgrade !== 'websocket') {
    proxySocket.destroy();
    tunnel.destroy();
    if (!delivery.over) delivery.fail(new Error('the provider switched to another protocol'));
    return;
  }
  const { headers: own, written } = accepted();
  const kept: Record<string, string> = { 'X-Request-Id': call.id };
  for (let i = 0; i < own.length; i += 2) kept[own[i] as string] = own[i + 1] as string;
  const passed = passedToCaller(proxyRes.rawHeaders);
  for (let i = 0; i < passed.length; i += 2) if (!SWITCH_FIELDS.has((passed[i] as string).toLowerCase())) kept[passed[i] as string] = passed[i + 1] as string;
  for (const name of SWITCH_FIELDS) {
    const value = proxyRes.headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  proxyRes.headers = kept;
  proxySocket.on('close', () => tunnel.destroy());
  tunnel.on('close', () => proxySocket.destroy());
  written.then(
    () => tunnel.release(),
    () => tunnel.destroy(),
  );
}

/** The caller's socket as http-proxy gets it: nothing is written to the real one before `release`. */
class TunnelSocket extends Duplex {
  readonly #socket: Socket;
  readonly #edges = new FrameEdges();
  #released = false;
  #begun = false;
  /** The caller was told why this ends: its socket closes by itself. */
  #closing = false;
  #held: (() => void)[] = [];

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('close', () => this.destroy());
    this.on('error', () => undefined);
  }

  release(): void {
    if (this.#released || this.destroyed) return;
    this.#released = true;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    for (const write of this.#held) write();
    this.#held = [];
  }

  override _read(): void {
    if (this.#released) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const write = () => {
      if (this.#socket.destroyed) return done(new Error('the caller left'));
      // The first piece is the head, whole; frames follow.
      if (this.#begun) this.#edges.see(chunk);
      this.#begun = true;
      this.#socket.write(chunk, (error) => done(error ?? null));
    };
    if (this.#released) write();
    else this.#held.push(write);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#released) this.#socket.end();
    done();
  }

  /** End, with a last frame that says why where one can stand. Nothing that comes from either side later is passed on. */
  close(reason: string): void {
    const socket = this.#socket;
    if (!this.#released || !this.#edges.between) return void socket.destroy();
    this.#closing = true;
    socket.removeAllListeners('data').resume();
    socket.end(closeFrame(reason));
    const timer = setTimeout(() => socket.destroy(), CLOSING_MS);
    socket.once('close', () => clearTimeout(timer));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#released && !this.#closing) this.#socket.destroy();
    // What was held back is dropped with the rest.
    this.#held = [];
    done(error);
  }

  // What http-proxy sets on sockets.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
}
