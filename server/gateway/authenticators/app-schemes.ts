import { createHash } from 'node:crypto';
import { sameSecret } from '../../domain/credential.ts';
import type { ParameterName } from '../../domain/gateway-parameters.ts';
import { SKEW_MS } from '../../domain/signature.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import { headerOnce } from '../fields.ts';
import { isSecure } from '../filters/guard.ts';
import type { LiveCredential, Served, Table } from '../table.ts';

const refused = (detail: string) => new AppError('authentication-failed', detail);
const WRONG = 'The AppKey or what proves it is wrong.';
/** An unknown key is checked against this, so that it takes as long as a known one with a wrong secret. */
const NOBODY = Buffer.alloc(32);
const BASIC = /^Basic +([A-Za-z0-9+/]{1,1024}={0,2})$/i;
const DIGEST = /^[0-9a-f]{64}$/i;
const UNIX_SECONDS = /^[1-9][0-9]{0,10}$/;
const API_KEY = 'apikey';

type Scheme = Extract<ParameterName, 'app_api_key' | 'app_basic' | 'app_jwt' | 'app_secret'>;
type Proof = readonly [Scheme, (call: Call, table: Table) => LiveCredential | undefined];

export interface AppSchemesDependencies {
  readonly table: () => Table;
  readonly onUnknown: () => void;
  /** Epoch ms of the machine: a proof is fresh by real time, whatever the sandbox clock says. */
  readonly realNow: () => number;
}

/**
 * The schemes that a gateway's parameters switch on, for a call that brought neither a signature nor an AppCode. Null: it brought none
 * of these either. All travel in clear or can be used again, so they are accepted where AppCodes are.
 */
export function makeAppSchemes({ table, onUnknown, realNow }: AppSchemesDependencies): (call: Call, served: Served) => LiveCredential | null {
  return (call, served) => {
    const proofs = proofsOf(call, served, realNow());
    const [first, second] = proofs;
    if (!first) return null;
    if (second) throw new AppError('invalid-request', 'Send one proof of who calls, not several.');
    const [scheme, verify] = first;
    if (!served.parameters[scheme]) throw refused(`This gateway does not accept this kind of credential: its parameter ${scheme} is off.`);
    if (!isSecure(call)) throw refused('This kind of credential is accepted over HTTPS only.');
    const credential = verify(call, table());
    if (!credential) {
      onUnknown();
      throw refused(WRONG);
    }
    if (credential.row.notAfter !== null && call.admittedAt >= credential.row.notAfter) throw refused('The credential has expired.');
    return credential;
  };
}

/** Which schemes the call uses, whether or not they are on. */
function proofsOf(call: Call, served: Served, realNow: number): Proof[] {
  const { authorization, apiKey } = call.fields;
  const proofs: Proof[] = [];
  const basic = BASIC.exec(authorization)?.[1];
  if (basic !== undefined) proofs.push(['app_basic', (_call, table) => byBasic(table, basic)]);
  if (DIGEST.test(authorization)) proofs.push(['app_jwt', (one, table) => byDigest(one, table, realNow)]);
  const secret = headerOnce(call, 'x-hw-appkey');
  if (secret !== '') proofs.push(['app_secret', (one, table) => bySecret(table, headerOnce(one, 'x-hw-id'), Buffer.from(secret, 'latin1'))]);
  const inQuery = served.parameters.app_api_key ? takeApiKey(call) : null;
  if (apiKey !== '' && inQuery !== null && inQuery !== apiKey) throw new AppError('invalid-request', 'The header and the query parameter apikey differ.');
  const key = apiKey !== '' ? apiKey : inQuery;
  if (key !== null) proofs.push(['app_api_key', (_call, table) => table.byAppKey.get(key)]);
  return proofs;
}

function byBasic(table: Table, encoded: string): LiveCredential | undefined {
  const text = Buffer.from(encoded, 'base64').toString('latin1');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : bySecret(table, text.slice(0, colon), Buffer.from(text.slice(colon + 1), 'latin1'));
}

function bySecret(table: Table, appKey: string, secret: Buffer): LiveCredential | undefined {
  const credential = table.byAppKey.get(appKey);
  const same = sameSecret(secret, secretOf(credential));
  return same && credential?.secret() ? credential : undefined;
}

/** The digest names no key, so X-HW-ID does. */
function byDigest(call: Call, table: Table, realNow: number): LiveCredential | undefined {
  const timestamp = headerOnce(call, 'timestamp');
  if (!UNIX_SECONDS.test(timestamp)) throw refused('The header Timestamp must be the time in Unix seconds.');
  if (Math.abs(realNow - Number(timestamp) * 1_000) > SKEW_MS)
    throw refused(`proof expired, timestamp:${timestamp}, server time:${Math.floor(realNow / 1_000)}`);
  const appKey = headerOnce(call, 'x-hw-id');
  if (appKey === '') throw refused('The header X-HW-ID must hold the AppKey.');
  const credential = table.byAppKey.get(appKey);
  const expected = createHash('sha256').update(appKey, 'latin1').update(secretOf(credential)).update(timestamp).digest();
  const same = sameSecret(Buffer.from(call.fields.authorization, 'hex'), expected);
  return same && credential?.secret() ? credential : undefined;
}

const secretOf = (credential: LiveCredential | undefined): Buffer => credential?.secret()?.export() ?? NOBODY;

/** The query parameter `apikey`, taken out of what goes on to the provider. Null when there is none. Sets: `query`. */
export function takeApiKey(call: Call): string | null {
  if (call.query === '') return null;
  const found: string[] = [];
  const rest: string[] = [];
  for (const pair of call.query.split('&')) {
    const [entry] = new URLSearchParams(pair);
    if (entry?.[0] === API_KEY) found.push(entry[1]);
    else rest.push(pair);
  }
  if (found.length > 1) throw new AppError('invalid-request', 'The query parameter apikey must be sent once.');
  if (found.length > 0) call.query = rest.join('&');
  return found[0] ?? null;
}
