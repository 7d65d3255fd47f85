import { totpCode, totpStep } from '../../server/domain/totp.ts';
import { PASSWORD } from './portal.ts';
import type { Visitor } from './browserless.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function bytesOf(text: string): Buffer {
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** An authenticator app; `away` in steps of 30 s. */
export type Authenticator = (away?: number) => string;

/** Take the key from the page, as a person would. */
export function authenticator(page: string): Authenticator {
  const key = /data-name="secret">.*?<code>([^<]*)<\/code>/s.exec(page)?.[1]?.replaceAll(' ', '');
  if (key === undefined) throw new Error('the page shows no key');
  return (away = 0) => totpCode(bytesOf(key), totpStep(Date.now()) + away);
}

export const recoveryCodes = (page: string): string[] => [...page.matchAll(/<code>([a-z2-7-]{19})<\/code>/g)].map(([, code = '']) => code);

/** Turn the second factor on, with the code of the step before, so that the present one is still to be used. */
export async function turnOn(person: Visitor): Promise<{ readonly app: Authenticator; readonly codes: string[] }> {
  await person.post('/account/two-factor', { password: PASSWORD });
  const app = authenticator((await person.get('/account/two-factor')).text);
  return { app, codes: recoveryCodes((await person.post('/account/two-factor/confirmation', { code: app(-1) })).text) };
}
