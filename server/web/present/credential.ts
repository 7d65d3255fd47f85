import { ROTATION_OVERLAPS, type RotationOverlap } from '../../domain/credential.ts';
import type { CredentialView, Issued } from '../../services/credentials.ts';
import type { Listing } from '../../services/storefront/listing.ts';
import { curl, KEY_VARIABLE, sampleCall } from './snippet.ts';
import type { Option } from './form.ts';

export const OVERLAP_OPTIONS: readonly Option[] = (Object.keys(ROTATION_OVERLAPS) as RotationOverlap[]).map((value) => ({
  value,
  label: { now: 'at once', '15m': 'in 15 minutes', '1h': 'in 1 hour', '6h': 'in 6 hours', '24h': 'in 24 hours' }[value],
}));

export const KIND_WORDS: Readonly<Record<'code' | 'key', string>> = { code: 'AppCode', key: 'AppKey and AppSecret' };

/** A credential in the list of its app. */
export const credentialModel = (view: CredentialView) => ({
  id: view.id,
  appId: view.appId,
  kindWords: KIND_WORDS[view.kind],
  isCode: view.kind === 'code',
  name: view.name || 'Without a name',
  hint: view.hint,
  appKey: view.appKey,
  state: view.status,
  createdAt: view.createdAt,
  lastUsedAt: view.lastUsedAt,
  notAfter: view.notAfter,
  revokedAt: view.revokedAt,
  replaced: view.replaced,
  works: view.status === 'active' || view.status === 'expiring',
  rotatable: (view.status === 'active' || view.status === 'expiring') && !view.replaced,
});

/** A real call of a subscribed API. */
export interface CallExample {
  readonly apiName: string;
  readonly listing: Pick<Listing, 'baseUrl' | 'stage'>;
  readonly definition: Listing['operations'][number]['definition'];
}

/** The operation that is easiest to call: a GET without path values, else any GET, else whatever there is. */
export function exampleOf(listing: Listing): CallExample | null {
  const gets = listing.operations.filter(({ definition }) => definition.frontend.method === 'GET');
  const [operation] = [...gets.filter(({ definition }) => !definition.frontend.path.includes('{')), ...gets, ...listing.operations];
  return operation ? { apiName: listing.name, listing, definition: operation.definition } : null;
}

/** With the variable in place of the secret: may stand on any page. */
export const exampleCurl = ({ listing, definition }: CallExample): string => curl({ ...listing, definition });

/** Single quotes keep every character of a secret from the shell; none of ours contains one. */
const quoted = (secret: string): string => `'${secret}'`;

/** What the page shows once: the values, lines for a `.env`, and a call that works as it stands. */
export function issuedModel(issued: Issued, example: CallExample | null) {
  if (issued.kind === 'code') {
    return {
      kindWords: KIND_WORDS.code,
      values: [{ label: 'AppCode', text: issued.appCode }],
      env: `${KEY_VARIABLE}=${issued.appCode}`,
      call: example && exampleCurl(example).replace(`"X-Apig-AppCode: $${KEY_VARIABLE}"`, quoted(`X-Apig-AppCode: ${issued.appCode}`)),
      apiName: example?.apiName ?? null,
    };
  }
  return {
    kindWords: KIND_WORDS.key,
    values: [
      { label: 'AppKey', text: issued.appKey },
      { label: 'AppSecret', text: issued.appSecret },
    ],
    env: `TOLLGATE_APP_KEY=${issued.appKey}\nTOLLGATE_APP_SECRET=${issued.appSecret}`,
    call: example && signedCurl(example, issued.appKey, issued.appSecret),
    apiName: example?.apiName ?? null,
  };
}

/**
 * A signed call for a shell with openssl: what the SDKs do, in six lines. The path ends in `/` in what is signed, the query is sorted.
 * Only calls without a body, so that the hash of the empty text stands in it.
 */
function signedCurl({ listing, definition }: CallExample, appKey: string, appSecret: string): string {
  const { method, url, headers } = sampleCall({ ...listing, definition });
  const { pathname, searchParams } = new URL(url);
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const uri = `${pathname
    .split('/')
    .map((segment) => encode(decodeURIComponent(segment)))
    .join('/')
    .replace(/\/$/, '')}/`;
  const query = [...searchParams]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
  return [
    `KEY=${quoted(appKey)} SECRET=${quoted(appSecret)} AT=$(date -u +%Y%m%dT%H%M%SZ)`,
    `hash() { openssl dgst -sha256 -r "$@" | cut -d' ' -f1; }`,
    `REQUEST=$(printf '%s\\n%s\\n%s\\nx-sdk-date:%s\\n\\nx-sdk-date\\n%s' ${method} '${uri}' '${query}' "$AT" "$(printf '' | hash)")`,
    `SIGNATURE=$(printf 'SDK-HMAC-SHA256\\n%s\\n%s' "$AT" "$(printf '%s' "$REQUEST" | hash)" | hash -hmac "$SECRET")`,
    `curl ${method === 'GET' ? '' : `-X ${method} `}'${url.replaceAll("'", '%27')}' \\`,
    ...headers.filter(([name]) => name !== 'Content-Type').map(([name, value]) => `  -H ${quoted(`${name}: ${value}`)} \\`),
    `  -H "X-Sdk-Date: $AT" \\`,
    `  -H "Authorization: SDK-HMAC-SHA256 Access=$KEY, SignedHeaders=x-sdk-date, Signature=$SIGNATURE"`,
  ].join('\n');
}
