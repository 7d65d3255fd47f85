import type { Socket } from 'node:net';
import type { Fields } from '../call.ts';
import type { Caller } from './caller.ts';
import { LaneCaller, type LaneLine } from './lane-caller.ts';
import { readInPlace } from './read-in-place.ts';
import { readPlainRequest } from './request-head.ts';
import { KEEP_ALIVE_MS } from './whole-answer.ts';

/**
 * The fast lane: connections whose requests are one plain head at a time are served without Node's HTTP. At the first thing that is not
 * plain (a body, a part of a head, two requests at once, any oddity) the connection goes to Node's server for good, with the bytes as they
 * came: there is one judge of everything that can be read in two ways.
 */
export interface Lane {
  take(socket: Socket): void;
  /** Connections without a call are closed now, the others with their answer. */
  drain(): void;
  closeAll(): void;
}

export interface LaneDependencies {
  readonly handle: (caller: Caller, fields: Fields, upgradeHead: null) => void;
  /** Node's own reading of a connection. */
  readonly handOver: (socket: Socket) => void;
  /** A connection on which no request ever began. */
  readonly late: (socket: Socket) => void;
  readonly headersMs: number;
  readonly realNow: () => number;
}

/** What a caller sends ahead while its call is in flight is kept up to this, then not read. */
const AHEAD_BYTES_MAX = 65_536;
const SWEEP_MS = 1_000;
/** An answer that its caller does not take ends the connection. */
const UNREAD_MS = 300_000;

export function makeLane(dependencies: LaneDependencies): Lane {
  const lines = new Set<Line>();
  const context: Context = { ...dependencies, lines, now: 0, draining: false };
  // One look a second at all of them, where Node has a timer for each.
  const sweep = setInterval(() => {
    context.now += SWEEP_MS;
    for (const line of lines) line.sweep();
  }, SWEEP_MS);
  sweep.unref();

  return {
    take(socket) {
      lines.add(new Line(socket, context));
    },
    drain() {
      context.draining = true;
      for (const line of lines) line.drain();
    },
    closeAll() {
      clearInterval(sweep);
      for (const line of lines) line.destroy();
    },
  };
}

interface Context extends LaneDependencies {
  readonly lines: Set<Line>;
  /** Milliseconds by the sweeps. */
  now: number;
  draining: boolean;
}

/** One connection on the lane. */
class Line implements LaneLine {
  readonly address: string;
  readonly #socket: Socket;
  readonly #context: Context;
  #call: LaneCaller | null = null;
  #asked = false;
  #left = false;
  #since: number;
  #ahead: Buffer[] = [];
  #aheadBytes = 0;

  constructor(socket: Socket, context: Context) {
    this.#context = context;
    this.#since = context.now;
    this.address = socket.remoteAddress ?? '';
    this.#socket = readInPlace(socket, (bytes) => this.#onRead(bytes));
    this.#socket.on('end', this.#onEnd).on('close', this.#onClose).on('error', ignore).on('drain', this.#onDrain);
  }

  /** @param bytes  valid until it returns. @returns false to stop reading */
  #onRead(bytes: Buffer): boolean {
    // Node's reading was asked to stop, as for another protocol: the rest of the connection is a plain stream.
    if (this.#left) return this.#socket.push(Buffer.from(bytes));
    if (this.#call === null) {
      this.#look(bytes);
      return true;
    }
    this.#ahead.push(Buffer.from(bytes));
    this.#aheadBytes += bytes.length;
    if (this.#aheadBytes > AHEAD_BYTES_MAX) this.#socket.pause();
    return true;
  }

  #look(chunk: Buffer): void {
    const request = readPlainRequest(chunk);
    if (request === null) return this.#leaveLane(chunk);
    this.#asked = true;
    const caller = (this.#call = new LaneCaller(this, request));
    this.#context.handle(caller, request.fields, null);
  }

  #leaveLane(chunk: Buffer): void {
    const bytes = Buffer.from(chunk);
    this.#letGo();
    this.#context.handOver(this.#socket);
    this.#socket.emit('data', bytes);
  }

  #letGo(): void {
    this.#left = true;
    this.#context.lines.delete(this);
    this.#socket.off('end', this.#onEnd).off('close', this.#onClose).off('error', ignore).off('drain', this.#onDrain);
  }

  readonly #onDrain = (): void => this.#call?.onDrain();

  /** Node takes a caller that closes its side for one that left, and so do we. */
  readonly #onEnd = (): void => {
    if (this.#call === null) this.#socket.end();
    else this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#context.lines.delete(this);
    const call = this.#call;
    this.#call = null;
    call?.close();
  };

  sweep(): void {
    const { now, headersMs, late } = this.#context;
    const silentMs = now - this.#since;
    if (this.#call !== null) {
      if (this.#call.ended && silentMs > UNREAD_MS) this.destroy();
    } else if (!this.#asked && silentMs > headersMs) {
      this.#letGo();
      late(this.#socket);
    } else if (silentMs > KEEP_ALIVE_MS) this.destroy();
  }

  drain(): void {
    if (this.#call === null) this.destroy();
  }

  // What a call writes to; nothing is written for one that is not the running one.

  get draining(): boolean {
    return this.#context.draining;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  realNow(): number {
    return this.#context.realNow();
  }

  write(piece: string | Buffer): boolean {
    return typeof piece === 'string' ? this.#socket.write(piece, 'latin1') : this.#socket.write(piece);
  }

  writeBoth(head: string, body: Buffer): boolean {
    const socket = this.#socket;
    socket.cork();
    socket.write(head, 'latin1');
    const room = socket.write(body);
    socket.uncork();
    return room;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The last piece was written: the call is over when it is with the kernel. */
  ended(call: LaneCaller, last: boolean): void {
    this.#since = this.#context.now;
    const socket = this.#socket;
    if (last) socket.destroySoon();
    else if (socket.writableLength === 0) this.#over(call);
    else socket.write('', () => this.#over(call));
  }

  #over(call: LaneCaller): void {
    if (this.#call !== call) return;
    this.#since = this.#context.now;
    this.#call = null;
    call.close();
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (this.#aheadBytes > 0) {
      const ahead = this.#ahead.length === 1 ? (this.#ahead[0] as Buffer) : Buffer.concat(this.#ahead);
      this.#ahead = [];
      this.#aheadBytes = 0;
      if (socket.isPaused()) socket.resume();
      this.#look(ahead);
    } else if (this.#context.draining) this.destroy();
  }
}

const ignore = (): void => undefined;
