import type { Caller } from './caller.ts';
import type { PlainRequest } from './request-head.ts';
import { answerHead, BODY_BYTES_MAX, KEPT } from './whole-answer.ts';

/** The connection under a call of the lane. */
export interface LaneLine {
  readonly address: string;
  readonly destroyed: boolean;
  /** The listener is closing: the answer is the connection's last. */
  readonly draining: boolean;
  realNow(): number;
  write(piece: string | Buffer): boolean;
  writeBoth(head: string, body: Buffer): boolean;
  destroy(): void;
  /** @param last  nothing follows on this connection */
  ended(call: LaneCaller, last: boolean): void;
}

const CLOSES = 'Connection: close\r\n\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** The caller's side of a call whose request was one plain head. */
export class LaneCaller implements Caller {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly httpVersionMinor = 1;
  readonly complete = true;
  readonly node = null;
  /** All of the answer is written. */
  ended = false;
  readonly #line: LaneLine;
  #chunked = false;
  #last = false;
  #closed: (() => void) | null = null;
  #drained: (() => void) | null = null;

  constructor(line: LaneLine, { method, url, rawHeaders }: PlainRequest) {
    this.#line = line;
    this.method = method;
    this.url = url;
    this.rawHeaders = rawHeaders;
  }

  get address(): string {
    return this.#line.address;
  }

  get destroyed(): boolean {
    return this.ended || this.#line.destroyed;
  }

  answer(status: number, headers: readonly string[], body: Buffer | null, parsed: boolean): void {
    if (this.destroyed) return;
    const head = this.#head(status, headers, parsed);
    if (body === null) this.#line.write(head);
    else if (body.length <= BODY_BYTES_MAX) this.#line.write(head + body.toString('latin1'));
    else this.#line.writeBoth(head, body);
    this.#end();
  }

  begin(status: number, headers: readonly string[], first: Buffer | null): boolean {
    if (this.destroyed) return true;
    this.#chunked = this.method !== 'HEAD' && status !== 204 && status !== 304 && !headers.includes('Content-Length');
    const head = this.#head(status, headers, true);
    return first === null ? this.#line.write(head) : this.#line.writeBoth(this.#chunked ? head + sizeLine(first) : head, this.#framed(first));
  }

  write(chunk: Buffer): boolean {
    if (this.destroyed) return true;
    return this.#chunked ? this.#line.writeBoth(sizeLine(chunk), this.#framed(chunk)) : this.#line.write(chunk);
  }

  end(chunk: Buffer | null): void {
    if (this.destroyed) return;
    if (chunk !== null) this.write(chunk);
    if (this.#chunked) this.#line.write('0\r\n\r\n');
    this.#end();
  }

  drained(listener: () => void): void {
    this.#drained = listener;
  }

  destroy(): void {
    if (!this.ended) this.#line.destroy();
  }

  onClose(listener: () => void): void {
    this.#closed = listener;
  }

  /** From the connection: there is room again. */
  onDrain(): void {
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
  }

  /** From the connection: the last bytes are out, or the caller is gone. */
  close(): void {
    this.ended = true;
    const closed = this.#closed;
    this.#closed = null;
    closed?.();
  }

  #head(status: number, headers: readonly string[], parsed: boolean): string {
    if (!parsed) checkFields(headers);
    this.#last = this.#line.draining;
    return answerHead(status, headers, this.#line.realNow()) + (this.#chunked ? CHUNKED : '') + (this.#last ? CLOSES : KEPT);
  }

  #framed(chunk: Buffer): Buffer {
    return this.#chunked ? Buffer.concat([chunk, LINE_END]) : chunk;
  }

  #end(): void {
    this.ended = true;
    this.#line.ended(this, this.#last);
  }
}

const LINE_END = Buffer.from('\r\n');
const sizeLine = (chunk: Buffer): string => `${chunk.length.toString(16)}\r\n`;

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function checkFields(headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 2)
    if (!NAME.test(headers[i] as string) || !VALUE.test(headers[i + 1] as string)) throw new TypeError(`the field ${headers[i]} cannot be sent`);
}
