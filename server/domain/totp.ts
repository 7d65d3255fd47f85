import { createHmac } from 'node:crypto';
import { sameSecret } from './credential.ts';

/** RFC 4648 §6, as authenticator apps read it. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP_MS = 30_000;
const DIGITS = 6;
/** RFC 6238 §5.2: one step of delay either way. */
const DRIFT_STEPS = 1;

/** Bytes of a secret: RFC 4226 §4 recommends 160 bits. */
export const TOTP_SECRET_BYTES = 20;

export function base32(bytes: Buffer): string {
  let text = '';
  let rest = 0;
  let bits = 0;
  for (const byte of bytes) {
    rest = (rest << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET.charAt((rest >> (bits - 5)) & 31);
    rest &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET.charAt((rest << (5 - bits)) & 31) : text;
}

/** The 30-second step that holds `at`, epoch ms. */
export const totpStep = (at: number): number => Math.floor(at / STEP_MS);

/** The code of one step: RFC 6238 with HMAC-SHA-1, six digits. */
export function totpCode(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = (mac[mac.length - 1] ?? 0) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** DIGITS).padStart(DIGITS, '0');
}

/**
 * The step whose code this is, around `at` and later than `after`, the last one that was accepted; null when there is none.
 * @param at  epoch ms of the real clock
 */
export function matchingStep(secret: Buffer, code: string, at: number, after: number): number | null {
  const now = totpStep(at);
  for (let step = now - DRIFT_STEPS; step <= now + DRIFT_STEPS; step += 1) {
    if (step > after && sameSecret(code, totpCode(secret, step))) return step;
  }
  return null;
}

/** What an authenticator app takes in, by a click or from a picture. */
export function totpAddress(secret: string, account: string, issuer: string): string {
  const [who, from] = [encodeURIComponent(account), encodeURIComponent(issuer)];
  return `otpauth://totp/${from}:${who}?secret=${secret}&issuer=${from}&algorithm=SHA1&digits=${DIGITS}&period=${STEP_MS / 1000}`;
}
