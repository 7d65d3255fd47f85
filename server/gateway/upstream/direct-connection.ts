import { connect, type LookupFunction, type Socket } from 'node:net';
import { AppError } from '../../kernel/errors.ts';
import type { Exchange } from './direct-engine.ts';
import { makeResponseParser, type ResponseEvents, type ResponseParser } from './response-parser.ts';
import { CONNECT_MS } from './undici-engine.ts';
import { readWholeAnswer } from './whole-answer-reader.ts';

export interface ConnectionOwner {
  /** It may be asked again. */
  released(connection: DirectConnection): void;
  gone(connection: DirectConnection): void;
  /** Nothing came back, and the exchange may be tried over another connection. @returns false when it may not */
  again(exchange: Exchange, error: NodeJS.ErrnoException, reused: boolean): boolean;
}

/** All connections read into one buffer: what is kept of it is copied before the next read. */
const READ_BYTES = 65_536;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** One kept connection to a provider, asked one thing at a time. */
export class DirectConnection implements ResponseEvents {
  /** When it was released, by its owner's sweeps. */
  idleSince = 0;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  #exchange: Exchange | null = null;
  #parser: ResponseParser | null = null;
  #asked = 0;
  #keeps = true;
  #connecting: NodeJS.Timeout | null;

  constructor(owner: ConnectionOwner, { host, port, lookup }: { host: string; port: number; lookup: LookupFunction }) {
    this.#owner = owner;
    this.#socket = connect({ host, port, lookup, noDelay: true, onread: { buffer: shared, callback: (bytes) => this.#read(bytes) } });
    this.#connecting = setTimeout(() => this.#fail(new AppError('upstream-timeout')), CONNECT_MS);
    this.#socket
      .on('connect', () => this.#connected())
      .on('end', () => this.#ended())
      .on('error', (error) => this.#broken(error))
      .on('close', () => this.#closed());
  }

  ask(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#asked += 1;
    this.#parser = null;
    const { delivery } = exchange;
    delivery.stop = () => this.#stop(exchange);
    delivery.resume = () => {
      if (this.#exchange === exchange) this.#socket.resume();
    };
    this.#socket.write(exchange.head, 'latin1');
  }

  get usable(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #stop(exchange: Exchange): void {
    if (this.#exchange !== exchange) return;
    this.#exchange = null;
    this.destroy();
  }

  #connected(): void {
    if (this.#connecting !== null) clearTimeout(this.#connecting);
    this.#connecting = null;
  }

  #read(bytes: number): boolean {
    const exchange = this.#exchange;
    // Said unasked: nobody can tell whose answer it is.
    if (exchange === null) this.destroy();
    else if (this.#parser !== null) this.#parse(bytes);
    else {
      const whole = exchange.request.method === 'GET' ? readWholeAnswer(shared.subarray(0, bytes)) : null;
      if (whole === null) {
        this.#parser = makeResponseParser(this);
        this.#parse(bytes);
      } else {
        const { delivery } = exchange;
        delivery.head(whole.status, whole.rawHeaders);
        delivery.data(whole.body);
        this.#over(exchange, true);
      }
    }
    return true;
  }

  #parse(bytes: number): void {
    const error = this.#parser?.execute(Buffer.from(shared.subarray(0, bytes))) ?? null;
    if (error !== null) this.#fail(error);
  }

  onHead(status: number, rawHeaders: string[], keeps: boolean): boolean {
    const exchange = this.#exchange;
    if (exchange === null) return true;
    this.#keeps = keeps;
    if (!exchange.delivery.head(status, rawHeaders)) this.#socket.pause();
    return exchange.request.method === 'HEAD';
  }

  onBody(chunk: Buffer): void {
    if (this.#exchange !== null && !this.#exchange.delivery.data(chunk)) this.#socket.pause();
  }

  onEnd(): void {
    if (this.#exchange !== null) this.#over(this.#exchange, this.#keeps);
  }

  onMore(): void {
    this.destroy();
  }

  /** The answer is whole. */
  #over(exchange: Exchange, keeps: boolean): void {
    // What it failed for has stopped it.
    if (this.#exchange !== exchange) return;
    const { delivery } = exchange;
    this.#exchange = null;
    delivery.stop = delivery.resume = null;
    if (!keeps) this.destroy();
    else {
      if (this.#socket.isPaused()) this.#socket.resume();
      // Whatever else came in the same read is seen before anybody else is given the connection.
      if (this.#parser === null) this.#owner.released(this);
      else process.nextTick(release, this);
    }
    delivery.end();
  }

  release(): void {
    if (this.usable) this.#owner.released(this);
  }

  #ended(): void {
    const error = this.#parser?.finish() ?? null;
    if (this.#exchange === null) return;
    if (this.#parser === null) this.#broken(new Error('the provider ended without an answer'));
    else this.#fail(error ?? new Error('the provider broke off its answer'));
  }

  #broken(error: NodeJS.ErrnoException): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    if (this.#parser === null && this.#owner.again(exchange, error, this.#asked > 1)) {
      this.#exchange = null;
      this.destroy();
    } else this.#fail(error);
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.destroy();
    if (exchange !== null && !exchange.delivery.over) exchange.delivery.fail(error);
  }

  #closed(): void {
    this.#connected();
    this.#owner.gone(this);
    if (this.#exchange !== null) this.#broken(new Error('the provider closed the connection'));
  }
}

const release = (connection: DirectConnection): void => connection.release();
