import { hash } from 'node:crypto';

/** A secret made ready for HMAC: the two blocks that go before the message and before its digest. */
export interface HmacKey {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const TEXT_BYTES_MAX = 1_024;

/** Two hashes of one call follow each other without a pause in between, so that all share these. */
const first = Buffer.alloc(BLOCK_BYTES + TEXT_BYTES_MAX);
const second = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

/** @param secret  bytes; a text stands for its UTF-8 */
export function hmacKey(secret: Buffer | string): HmacKey {
  const bytes = Buffer.from(secret);
  const inner = Buffer.alloc(BLOCK_BYTES);
  (bytes.length > BLOCK_BYTES ? hash('sha256', bytes, 'buffer') : bytes).copy(inner);
  const outer = Buffer.from(inner);
  for (let i = 0; i < BLOCK_BYTES; i++) {
    inner[i] = (inner[i] as number) ^ 0x36;
    outer[i] = (outer[i] as number) ^ 0x5c;
  }
  return { inner, outer };
}

/**
 * HMAC-SHA-256 of a short text, in lower-case hex. Two one-shot hashes, as RFC 2104 defines it: each object of `createHmac` holds native memory
 * that the collector has to finalize, which cost a signed call more than its arithmetic (`docs/decisions/0009`). A test compares the two.
 *
 * @param text  at most 1,024 characters, each one byte (Latin-1)
 * @throws RangeError when it is longer
 */
export function hmacHex({ inner, outer }: HmacKey, text: string): string {
  if (text.length > TEXT_BYTES_MAX) throw new RangeError('the text is too long for a one-shot HMAC');
  first.set(inner);
  const bytes = first.write(text, BLOCK_BYTES, 'latin1');
  second.set(outer);
  second.write(hash('sha256', first.subarray(0, BLOCK_BYTES + bytes), 'hex'), BLOCK_BYTES, 'hex');
  return hash('sha256', second, 'hex');
}
