import { createCipheriv, createDecipheriv, createHash, hash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * What an issued value is: the public name of a key, its secret, or a code that is both; of apps, which call the gateway, and of people and service
 * accounts, whose programs call the management API. The prefix and the checksum let secret scanners recognise a leaked one without asking us; neither
 * makes it any stronger.
 */
export type CredentialValueKind = 'access-key' | 'access-secret' | 'access-token' | 'app-code' | 'app-key' | 'app-secret';

/** Prefix, and random bytes behind it. An AppCode must have 64 to 180 characters, an AppKey 8 to 200 of `[A-Za-z0-9_-]`. */
const FORMATS: Readonly<Record<CredentialValueKind, { readonly prefix: string; readonly bytes: number }>> = {
  'access-key': { prefix: 'tga_', bytes: 15 },
  'access-secret': { prefix: 'tgx_', bytes: 32 },
  'access-token': { prefix: 'tgt_', bytes: 32 },
  'app-key': { prefix: 'tgk_', bytes: 15 },
  'app-secret': { prefix: 'tgs_', bytes: 32 },
  'app-code': { prefix: 'tgc_', bytes: 45 },
};

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CHECKSUM_LENGTH = 6;

const base62 = (value: bigint, length: number): string => {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n) text = BASE62.charAt(Number(rest % 62n)) + text;
  return text;
};

/** Characters that hold `bytes` bytes: 62^n ≥ 256^bytes. */
const lengthOf = (bytes: number): number => {
  let length = 0;
  for (let room = 1n; room < 1n << BigInt(bytes * 8); room *= 62n) length += 1;
  return length;
};

const checksum = (text: string): string => base62(BigInt(crc32(text)), CHECKSUM_LENGTH);

/** How many random bytes {@link credentialValue} wants. */
export const credentialBytes = (kind: CredentialValueKind): number => FORMATS[kind].bytes;

/**
 * `tgc_<random><checksum>`: letters and digits alone after the prefix, so that a double click takes it whole.
 * @param random  exactly {@link credentialBytes} bytes
 */
export function credentialValue(kind: CredentialValueKind, random: Buffer): string {
  const { prefix, bytes } = FORMATS[kind];
  if (random.length !== bytes) throw new RangeError(`${kind} takes ${bytes} random bytes`);
  const body = prefix + base62(BigInt(`0x${random.toString('hex')}`), lengthOf(bytes));
  return body + checksum(body);
}

/** Is this a value we could have issued? Says nothing about whether it is known. */
export function looksIssued(value: string): CredentialValueKind | null {
  const kind = (Object.keys(FORMATS) as CredentialValueKind[]).find((name) => value.startsWith(FORMATS[name].prefix));
  if (!kind || value.length !== 4 + lengthOf(FORMATS[kind].bytes) + CHECKSUM_LENGTH) return null;
  return checksum(value.slice(0, -CHECKSUM_LENGTH)) === value.slice(-CHECKSUM_LENGTH) ? kind : null;
}

/** What may be shown again of a value: its prefix with four characters, and its last four. */
export const credentialHint = (value: string): string => `${value.slice(0, 8)}…${value.slice(-4)}`;

/** Hex SHA-256: how an AppCode is stored and found. Its 360 random bits need no slow hash. */
export const appCodeHash = (appCode: string): string => hash('sha256', appCode, 'hex');

/** First encrypts, all decrypt, so that a new key can be put in front while old ciphertexts live on. */
export type KeyRing = readonly { readonly id: string; readonly key: Buffer }[];

/** Bytes of the initialisation vector {@link sealSecret} wants; never twice the same under one key. */
export const SEAL_IV_BYTES = 12;

/**
 * Encrypt an AppSecret: AES-256-GCM, `keyId.iv.tag.data` in base64url.
 * @param context  what it belongs to (the AppKey): a ciphertext moved to another credential does not open
 */
export function sealSecret(ring: KeyRing, secret: string, context: string, iv: Buffer): string {
  const first = ring[0];
  if (!first) throw new RangeError('no key to encrypt with');
  const cipher = createCipheriv('aes-256-gcm', first.key, iv).setAAD(Buffer.from(context));
  const data = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return [first.id, ...[iv, cipher.getAuthTag(), data].map((part) => part.toString('base64url'))].join('.');
}

/** The secret again; null when its key is not in the ring, or the ciphertext was changed or belongs to another credential. */
export function openSecret(ring: KeyRing, sealed: string, context: string): string | null {
  const [id, iv, tag, data] = sealed.split('.');
  const entry = ring.find((candidate) => candidate.id === id);
  if (!entry || iv === undefined || tag === undefined || data === undefined) return null;
  try {
    const decipher = createDecipheriv('aes-256-gcm', entry.key, Buffer.from(iv, 'base64url'), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(context)).setAuthTag(Buffer.from(tag, 'base64url'));
    return Buffer.concat([decipher.update(Buffer.from(data, 'base64url')), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

/** The id of the key that made a ciphertext. */
export const sealedBy = (sealed: string): string => sealed.split('.', 1)[0] ?? '';

/** The same secret under the key that encrypts today; null when it is already, or no key of the ring opens it. @param iv  as {@link sealSecret} wants it */
export function resealed(ring: KeyRing, sealed: string, context: string, iv: Buffer): string | null {
  if (sealedBy(sealed) === ring[0]?.id) return null;
  const secret = openSecret(ring, sealed, context);
  return secret === null ? null : sealSecret(ring, secret, context, iv);
}

/** Equal texts or bytes, in a time that depends neither on where they differ nor on whether they are as long. */
export function sameSecret(given: string | Buffer, expected: string | Buffer): boolean {
  const [a, b] = [createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest()];
  return timingSafeEqual(a, b);
}

export type CredentialStatus = 'active' | 'expiring' | 'expired' | 'revoked';

/** From here on a page warns that a credential ends. */
const EXPIRING_MS = 7 * 86_400_000;

/** Works until the instant `notAfter`, which is the first at which it does not. */
export function credentialStatus({ revokedAt, notAfter }: { revokedAt: number | null; notAfter: number | null }, now: number): CredentialStatus {
  if (revokedAt !== null) return 'revoked';
  if (notAfter === null) return 'active';
  if (notAfter <= now) return 'expired';
  return notAfter - now <= EXPIRING_MS ? 'expiring' : 'active';
}

/** How long the old credential may still work after a rotation. */
export const ROTATION_OVERLAPS = { now: 0, '15m': 15 * 60_000, '1h': 3_600_000, '6h': 6 * 3_600_000, '24h': 24 * 3_600_000 } as const;
export type RotationOverlap = keyof typeof ROTATION_OVERLAPS;
