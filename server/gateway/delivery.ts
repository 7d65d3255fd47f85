import type { Gzip } from 'node:zlib';
import { passedToCaller } from '../domain/headers.ts';
import { certificateFault } from '../domain/gateway-secrets.ts';
import type { Outcome } from '../domain/metering.ts';
import { AppError } from '../kernel/errors.ts';
import type { Call } from './call.ts';
import { compressed, isEventStream } from './compression.ts';
import { outcomeOf, type DeliveryContext } from './ending.ts';
import { announcedLength } from './fields.ts';
import { corsHeaders } from './filters/cors.ts';
import { lastEvent } from './withdrawal.ts';
import { addUsageHeaders } from './usage-headers.ts';

/** An answer of known length up to this is sent in one piece with its head. */
const WHOLE_BYTES_MAX = 65_536;
/** Silence on an API declared streaming. */
const STREAM_SILENCE_MS = 300_000;
/** From the first byte asked for to the last: nothing but streams takes longer. */
export const TOTAL_MS = 600_000;

/** Nothing heard yet · the head is there and nothing has left · the head has left · done. */
const Stage = { Waiting: 0, Collecting: 1, Streaming: 2, Over: 3 } as const;

/**
 * The way back of one call: what an engine hears from the provider goes in, what the caller may see comes out. The last bytes leave
 * only after the outcome was recorded. Engines call `head`, `data`, `end` or `fail`; whatever comes after the end is ignored.
 */
export class Delivery {
  /** Set by the engine: end the exchange with the provider. */
  stop: ((cause: Error) => void) | null = null;
  /** Set by the engine: the caller has room again. */
  resume: (() => void) | null = null;
  readonly call: Call;
  readonly #context: DeliveryContext;
  #stage: 0 | 1 | 2 | 3 = Stage.Waiting;
  #status = 0;
  #headers: string[] = [];
  #pieces: Buffer[] = [];
  #collected = 0;
  /** Length the provider announced; -1 when unknown. */
  #announced = -1;
  /** Length the caller is to get: the announced one, or -1 when it is unknown until the end. */
  #expected = -1;
  #received = 0;
  #bodyless = false;
  #active = false;
  #bodySeen = 0;
  #paused = false;
  #gzip: Gzip | null = null;
  /** What was sent last. */
  #sent: Buffer | null = null;
  /** An event stream that a parameter of the gateway lets last. */
  #lasting = false;
  #timer: NodeJS.Timeout;

  constructor(call: Call, context: DeliveryContext) {
    this.call = call;
    this.#context = context;
    const served = call.served;
    this.#timer = setTimeout(tick, served?.api.definition.streaming ? STREAM_SILENCE_MS : (served?.backend.timeoutMs ?? TOTAL_MS) || TOTAL_MS, this);
    call.abort = (cause) => this.fail(cause);
    if (served?.api.definition.streaming && served.backend.timeoutMs > 0) this.#firstByteTimer(served.backend.timeoutMs);
  }

  get over(): boolean {
    return this.#stage === Stage.Over;
  }

  get begun(): boolean {
    return this.#stage !== Stage.Waiting;
  }
  #firstByteTimer(timeoutMs: number): void {
    const timer = setTimeout(() => {
      if (this.#stage === Stage.Waiting) this.fail(new AppError('upstream-timeout'));
    }, timeoutMs);
    timer.unref();
  }

  /** @returns false to pause */
  head(status: number, rawHeaders: readonly string[]): boolean {
    if (this.#stage !== Stage.Waiting) return true;
    // Interim answers are between us and the provider, except a switch of protocols that nobody asked for.
    if (status !== 101 && status >= 100 && status < 200) return true;
    if (status < 200 || status > 599) {
      this.fail(new Error(`the provider answered with status ${status}`));
      return true;
    }
    const { call } = this;
    const { served } = call;
    call.upstreamMs = Math.round(this.#context.clock.monotonic() - call.upstreamStartedAt);
    this.#status = status;
    this.#headers = passedToCaller(rawHeaders);
    this.#bodyless = call.method === 'HEAD' || status === 204 || status === 304;
    this.#announced = this.#expected = announcedLength(rawHeaders);
    this.#stage = Stage.Collecting;
    this.#active = true;
    if (served?.parameters.sse_strategy && isEventStream(this.#headers)) this.#letLast();
    if (served !== null && served.parameters.gzip !== null && !this.#bodyless && !served.api.definition.streaming) this.#compress();
    if (this.#bodyless || (this.#expected >= 0 && this.#expected <= WHOLE_BYTES_MAX)) return true;
    // What is there in the same read goes out with the head; a stream's head does not wait for its first event.
    process.nextTick(flush, this);
    return true;
  }

  /** @returns false to pause until `resume` is called */
  data(chunk: Buffer): boolean {
    if (this.#stage === Stage.Over || chunk.length === 0) return true;
    this.#active = true;
    this.#received += chunk.length;
    if (this.#bodyless) return true;
    return this.#gzip === null ? this.#out(chunk) : this.#gzip.write(chunk);
  }

  /** A piece for the caller. @returns false to pause */
  #out(chunk: Buffer): boolean {
    if (this.#stage === Stage.Collecting || this.#received === this.#expected) {
      this.#pieces.push(chunk);
      this.#collected += chunk.length;
      if (this.#stage === Stage.Collecting && this.#collected > WHOLE_BYTES_MAX) this.flush();
      return !this.#paused;
    }
    this.#write(chunk);
    return !this.#paused;
  }

  end(): void {
    if (this.#stage === Stage.Over) return;
    if (this.#stage === Stage.Waiting) return this.fail(new Error('the provider ended without an answer'));
    if (!this.#bodyless && this.#announced >= 0 && this.#received !== this.#announced) return this.fail(new Error('the provider broke off its answer'));
    // Its own end comes back here, without it.
    if (this.#gzip !== null) return void this.#gzip.end();
    this.#finish();
  }

  #finish(): void {
    const { call } = this;
    const streaming = this.#stage === Stage.Streaming;
    const outcome: Outcome = call.served?.backend.mock ? 'mock' : `${this.#status}`;
    this.#over();
    const body = joined(this.#pieces);
    if (!streaming) {
      if (!this.#bodyless) this.#headers.push('Content-Length', String(this.#collected));
      else if (call.method === 'HEAD' && this.#expected >= 0) this.#headers.push('Content-Length', String(this.#expected));
      this.#addOwnHeaders();
    }
    call.bytesOut += body?.length ?? 0;
    const written = this.#context.ending.finish(call, outcome, this.#status);
    if (written === null) this.#last(streaming, body);
    else
      written.then(
        () => this.#last(streaming, body),
        () => call.caller.destroy(),
      );
  }

  /** @param cause  an AppError is answered as it is, anything else as the provider's failure */
  fail(cause: unknown): void {
    if (this.#stage === Stage.Over) return;
    const streaming = this.#stage === Stage.Streaming;
    const silent = this.#stage === Stage.Waiting;
    const { call } = this;
    this.#over();
    this.stop?.(cause instanceof Error ? cause : new Error('ended'));
    const error = cause instanceof AppError ? cause : new AppError('upstream-unavailable', undefined, { cause });
    if (silent && error.code === 'upstream-unavailable' && call.served !== null) call.cause = certificateFault(error.cause, call.served.tls !== null) ?? '';
    if (!streaming) return this.#context.refuse(call, error);
    call.answered = true;
    const written = this.#context.ending.finish(call, outcomeOf(error.code), this.#status);
    // The caller must notice: the connection ends without the rest of the answer.
    if (written === null) call.caller.destroy();
    else void written.catch(() => undefined).then(() => call.caller.destroy());
  }

  /** The caller left. On a streaming API what was delivered counts; elsewhere the call is aborted (rule N14). */
  leave(cause = 'the caller left'): Promise<void> {
    if (this.#stage === Stage.Over) return Promise.resolve();
    const { call } = this;
    const status = this.#status;
    const delivered = call.served?.api.definition.streaming === true && status !== 0;
    this.#over();
    this.stop?.(new Error(cause));
    return (this.#context.ending.finish(call, delivered ? `${status}` : 'aborted', status) ?? Promise.resolve()).catch(() => undefined);
  }

  /** What let the caller in has ended: it counts as leaving (rule N14). Whoever reads events is told why; others see that the answer is not whole. */
  withdraw(error: AppError): void {
    if (this.#stage !== Stage.Streaming) return this.fail(error);
    const { call } = this;
    const last = this.#expected < 0 ? lastEvent(call, error, this.#headers, this.#sent) : null;
    call.cause = error.detail;
    void this.leave(error.detail).then(() => {
      if (last !== null && !call.caller.destroyed) call.caller.write(last);
      setImmediate(() => call.caller.destroy());
    });
  }

  /** The provider switched protocols, as was asked: from here on the bytes are not ours to deliver. */
  release(): void {
    this.#over();
  }

  flush(): void {
    if (this.#stage !== Stage.Collecting) return;
    this.#stage = Stage.Streaming;
    const { call } = this;
    if (this.#expected >= 0) this.#headers.push('Content-Length', String(this.#expected));
    this.#addOwnHeaders();
    call.answered = true;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#collected = 0;
    const first = joined(pieces);
    this.#sent = first;
    call.bytesOut += first?.length ?? 0;
    if (!call.caller.begin(this.#status, this.#headers, first)) this.#holdBack();
  }

  #letLast(): void {
    this.#lasting = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(tick, STREAM_SILENCE_MS, this);
  }

  #compress(): void {
    const gzip = compressed(this.call, this.#status, this.#headers, this.#announced);
    if (gzip === null) return;
    this.#gzip = gzip;
    this.#expected = -1;
    gzip.on('data', (chunk: Buffer) => {
      if (this.#stage !== Stage.Over && !this.#out(chunk)) gzip.pause();
    });
    gzip.on('end', () => {
      if (this.#stage !== Stage.Over) this.#finish();
    });
    gzip.on('error', (error) => this.fail(error));
    gzip.on('drain', () => this.#stage !== Stage.Over && this.resume?.());
  }

  #write(chunk: Buffer): void {
    const { call } = this;
    call.bytesOut += chunk.length;
    this.#sent = chunk;
    if (!call.caller.write(chunk)) this.#holdBack();
  }

  #holdBack(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.call.caller.drained(() => {
      this.#paused = false;
      if (this.#gzip === null) this.resume?.();
      else this.#gzip.resume();
    });
  }

  #last(streaming: boolean, body: Buffer | null): void {
    const { caller, served } = this.call;
    this.call.answered = true;
    if (caller.destroyed) return;
    if (streaming) caller.end(body);
    // A mock's fields came from no parser.
    else caller.answer(this.#status, this.#headers, body, served === null || served.backend.mock === null);
  }

  #addOwnHeaders(): void {
    const { call } = this;
    const headers = this.#headers;
    const cors = call.served?.api.definition.cors ? corsHeaders(headers) : null;
    headers.push('X-Request-Id', call.id, 'X-Content-Type-Options', 'nosniff');
    addUsageHeaders(call, headers, this.#context.ending);
    if (cors !== null) headers.push(...cors);
    if (call.fields.mode === 'debug')
      headers.push('X-Apig-Latency', String(Math.round(this.#context.clock.monotonic() - call.startedAt)), 'X-Apig-Upstream-Latency', String(call.upstreamMs));
  }

  #over(): void {
    this.#stage = Stage.Over;
    this.call.abort = null;
    clearTimeout(this.#timer);
    if (this.#gzip !== null && !this.#gzip.readableEnded) this.#gzip.destroy();
  }

  /** Time-out of the first byte, between two bytes, and of the whole. */
  tick(): void {
    if (this.#stage === Stage.Over) return;
    const { call } = this;
    const streaming = this.#lasting || call.served?.api.definition.streaming === true;
    const sent = call.body?.bytes ?? 0;
    const uploading = sent !== this.#bodySeen && !call.caller.complete;
    const late = !streaming && this.#context.clock.monotonic() - call.upstreamStartedAt > this.#context.totalMs;
    if (late || !(this.#active || uploading || this.#paused)) return this.fail(new AppError('upstream-timeout'));
    this.#active = false;
    this.#bodySeen = sent;
    this.#timer.refresh();
  }
}

const joined = (pieces: readonly Buffer[]): Buffer | null => (pieces.length > 1 ? Buffer.concat(pieces) : (pieces[0] ?? null));
const flush = (delivery: Delivery): void => delivery.flush();
const tick = (delivery: Delivery): void => delivery.tick();
