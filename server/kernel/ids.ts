import { createHash, randomBytes, randomUUID } from 'node:crypto';

export type IdPrefix =
  | 'api'
  | 'app'
  | 'call'
  | 'con'
  | 'crd'
  | 'env'
  | 'evt'
  | 'gnt'
  | 'grp'
  | 'gw'
  | 'inv'
  | 'key'
  | 'mem'
  | 'org'
  | 'plan'
  | 'pol'
  | 'prd'
  | 'pub'
  | 'req'
  | 'sec'
  | 'sub'
  | 'sva'
  | 'tok'
  | 'ugr'
  | 'usr';

/** Crockford's alphabet in lower case: sorts by time, survives double clicks and being read aloud. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export interface Ids {
  /** `prefix_` and 26 characters: 48 bits of time, 80 random bits. */
  next(prefix: IdPrefix): string;
  uuid(): string;
  /** Random, for secrets. */
  bytes(length: number): Buffer;
  /** `bytes` random bytes in base64url, for secrets. */
  secret(bytes: number): string;
}

export function makeIds({ real = Date.now, random = randomBytes }: { real?: () => number; random?: (n: number) => Buffer } = {}): Ids {
  return {
    next: (prefix) => `${prefix}_${encode(BigInt(real()), 10)}${encode(BigInt(`0x${random(10).toString('hex')}`), 16)}`,
    uuid: () => randomUUID(),
    bytes: (length) => random(length),
    secret: (bytes) => random(bytes).toString('base64url'),
  };
}

function encode(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest >>= 5n) text = ALPHABET.charAt(Number(rest & 31n)) + text;
  return text;
}

/** Hex SHA-256, the key under which single-use and high-entropy secrets are stored. */
export const sha256Hex = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

/** A fresh value for a content policy, 128 bits. */
export const randomNonce = (): string => randomBytes(16).toString('base64');
