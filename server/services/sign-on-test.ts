import { readIssuer } from '../domain/sign-on.ts';
import { AppError } from '../kernel/errors.ts';
import type { ConnectionDoc } from '../store/sign-on.ts';
import type { GuardedFetch } from './guarded-fetch.ts';

export interface TestStep {
  readonly title: string;
  readonly outcome: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly text: string;
}

class Stop extends Error {}

type Json = Readonly<Record<string, unknown>>;
const TITLES = ['Address', 'Discovery', 'Issuer', 'Ways of signing in', 'Endpoints', 'Keys'] as const;

/** Go the way of a sign-in as far as it leads without a person, and tell each step. Never throws for what the other side does. */
export async function testConnection(call: GuardedFetch, { issuer }: Pick<ConnectionDoc, 'issuer'>, allow: ReadonlySet<string>): Promise<readonly TestStep[]> {
  const steps: TestStep[] = [];
  const title = () => TITLES[steps.length] ?? '';
  const pass = (text: string, outcome: 'ok' | 'warning' = 'ok') => void steps.push({ title: title(), outcome, text });
  function stop(text: string): never {
    steps.push({ title: title(), outcome: 'failed', text });
    throw new Stop();
  }
  async function json(address: string): Promise<Json> {
    const answer = await call(address, { headers: { accept: 'application/json' } }).catch((error: unknown) =>
      stop(error instanceof AppError ? error.detail : String(error)),
    );
    if (answer.status !== 200) stop(`${address} answers with status ${answer.status}.`);
    try {
      const read: unknown = JSON.parse(await answer.text());
      if (typeof read === 'object' && read !== null) return read as Json;
    } catch {
      // told below
    }
    return stop(`${address} does not answer with JSON.`);
  }
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []);
  try {
    const reading = readIssuer(issuer, allow);
    if (reading.fault !== undefined) stop(reading.fault);
    pass(`${issuer} may be called.`);
    const metadata = await json(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    pass('The issuer describes itself.');
    if (metadata['issuer'] !== issuer) stop(`It calls itself ${String(metadata['issuer']).slice(0, 200)}: enter exactly that as the issuer.`);
    pass(`It calls itself ${issuer}, as entered.`);
    if (!texts(metadata['response_types_supported']).includes('code')) stop('It offers no authorization code.');
    const pkce = texts(metadata['code_challenge_methods_supported']).includes('S256');
    pass(
      pkce ? 'Authorization code, with PKCE.' : 'Authorization code; it does not say that it checks PKCE, which we send all the same.',
      pkce ? 'ok' : 'warning',
    );
    for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
      const address = metadata[name];
      if (typeof address !== 'string') stop(`It names no ${name}.`);
      const origin = URL.canParse(address) ? readIssuer(new URL(address).origin, allow) : { fault: 'This is no web address.' };
      if (origin.fault !== undefined) stop(`${name}: ${origin.fault}`);
    }
    pass('Where people sign in, where we ask who they are, and its keys: all can be called.');
    const { keys } = await json(String(metadata['jwks_uri']));
    const signing = (Array.isArray(keys) ? keys : []).filter(
      (key: Json | null) => key?.['use'] !== 'enc' && (key?.['kty'] === 'RSA' || key?.['kty'] === 'EC' || key?.['kty'] === 'OKP'),
    );
    if (signing.length === 0) stop('It publishes no key that could verify what it says.');
    pass(`${signing.length} ${signing.length === 1 ? 'key' : 'keys'} for signatures.`);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
  return [...steps, ...TITLES.slice(steps.length).map((left): TestStep => ({ title: left, outcome: 'skipped', text: 'Not tried.' }))];
}
