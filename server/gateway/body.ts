import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AppError } from '../kernel/errors.ts';
import type { Call } from './call.ts';
import { nodeOf } from './front/caller.ts';
import { BODY_BYTES_MAX } from './table.ts';

/** The request's body on its way: whole in memory when it had to be verified first, else a stream that is counted and checked as it passes. */
export interface CallBody {
  readonly whole: Buffer | null;
  /** Bytes read from the caller so far. */
  bytes: number;
  /** Once. Null when `whole` is there. */
  readonly open: (() => Readable) | null;
}

/** A body that must be hashed before it goes on waits in memory: this much in all, beyond it such calls get 0701. */
const BUFFERED_BYTES_MAX = 256 * 1_048_576;

const tooLarge = (bytesMax: number) => new AppError('body-too-large', `At most ${bytesMax} bytes are accepted here.`);

/** Tell a caller that waits for it to send the body. */
function invite(call: Call): void {
  if (call.fields.expect !== '') nodeOf(call.caller).res.writeContinue();
}

export interface BodyBuffers {
  /** @throws AppError body-too-large, cannot-count (no room), invalid-request (the caller left) */
  read(call: Call): Promise<Buffer>;
  release(call: Call): void;
  readonly held: number;
}

export function makeBodyBuffers({ bytesMax = BUFFERED_BYTES_MAX }: { bytesMax?: number } = {}): BodyBuffers {
  let held = 0;

  return {
    get held() {
      return held;
    },
    read(call) {
      const limit = Math.min(call.served?.bodyBytesMax ?? BODY_BYTES_MAX, BODY_BYTES_MAX);
      const announced = Math.max(call.contentLength, 0);
      const oversized = () =>
        new AppError('body-too-large', `A body of more than ${limit} bytes is accepted only if its hash is signed: send X-Sdk-Content-Sha256.`);
      const full = () =>
        new AppError('cannot-count', 'Too many signed bodies are being verified. Sign X-Sdk-Content-Sha256, and the body needs no room here.', {
          retryAfterSeconds: 1,
        });
      if (announced > limit) return Promise.reject(oversized());
      if (held + announced > bytesMax) return Promise.reject(full());
      held += announced;
      let reserved = announced;
      const chunks: Buffer[] = [];
      let bytes = 0;
      return new Promise<Buffer>((resolve, reject) => {
        const { req } = nodeOf(call.caller);
        const stop = (error: Error) => {
          req.off('data', take).off('end', end).off('close', left);
          req.pause();
          held -= reserved;
          reject(error);
        };
        const take = (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > limit) return stop(oversized());
          if (bytes > reserved) {
            held += bytes - reserved;
            reserved = bytes;
            if (held > bytesMax) return stop(full());
          }
          chunks.push(chunk);
        };
        const left = () => stop(new AppError('invalid-request', 'The body was not sent whole.'));
        const end = () => {
          req.off('data', take).off('close', left);
          held -= reserved - bytes;
          const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
          call.body = { whole, bytes, open: null };
          resolve(whole);
        };
        req.on('data', take).on('end', end).on('close', left);
        invite(call);
      });
    },
    release(call) {
      if (call.body?.whole) held -= call.body.whole.length;
    },
  };
}

/**
 * The body as a stream of our own: what becomes of it never touches the caller's connection, which must still carry the answer.
 * The last piece is kept back until the whole is known to be in bounds and to match its signed hash, so that a provider never sees a
 * complete request that we refuse.
 */
export function streamBody(call: Call, bytesMax: number): CallBody {
  if (call.contentLength > bytesMax) throw tooLarge(bytesMax);
  const body: CallBody = { whole: null, bytes: 0, open: () => passing(call, body, bytesMax) };
  return body;
}

function passing(call: Call, body: CallBody, bytesMax: number): Readable {
  const { req } = nodeOf(call.caller);
  const hash = call.bodyHash === null ? null : createHash('sha256');
  let last: Buffer | null = null;
  const stream = new Readable({
    read: () => void req.resume(),
    destroy(error, done) {
      req.off('data', take).off('end', end).off('close', left);
      // What the caller still sends is read and dropped by whoever answers.
      req.pause();
      done(error);
    },
  });
  const take = (chunk: Buffer) => {
    body.bytes += chunk.length;
    if (body.bytes > bytesMax) return void stream.destroy(tooLarge(bytesMax));
    hash?.update(chunk);
    const ready = hash === null ? chunk : last;
    if (hash !== null) last = chunk;
    if (ready !== null && !stream.push(ready)) req.pause();
  };
  const end = () => {
    req.off('close', left);
    if (hash !== null && hash.digest('hex') !== call.bodyHash)
      return void stream.destroy(new AppError('authentication-failed', 'The body does not match X-Sdk-Content-Sha256.'));
    if (last !== null) stream.push(last);
    stream.push(null);
  };
  const left = () => void stream.destroy(new Error('the caller left'));
  req.on('data', take).on('end', end).on('close', left);
  req.pause();
  invite(call);
  return stream;
}
