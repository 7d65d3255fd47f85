import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from './say.mjs';

/**
 * Keys of this sandbox, made once: a second start must be able to decrypt what the first one stored and keep people signed in.
 * @returns {Record<string, string>} environment variables
 */
export function sandboxSecrets(dataDir) {
  const file = join(dataDir, 'secrets.json');
  if (existsSync(file)) {
    try {
      return JSON.parse(readFileSync(file, 'utf8'));
    } catch {
      throw new Fault(`${file} is damaged. Without it the stored credentials cannot be decrypted: restore it, or remove ${dataDir} to begin anew.`);
    }
  }
  const secrets = {
    SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    SESSION_SECRET: randomBytes(32).toString('base64url'),
    STRIPE_SECRET_KEY: `sk_test_${randomBytes(24).toString('hex')}`,
    STRIPE_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('hex')}`,
  };
  writeFileSync(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return secrets;
}
