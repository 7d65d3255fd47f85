import { passedToUpstream } from '../../domain/headers.ts';
import { AppError } from '../../kernel/errors.ts';
import { streamBody } from '../body.ts';
import type { Call } from '../call.ts';
import { isSecure, namedInConnection } from '../filters/guard.ts';
import type { Served } from '../table.ts';
import { backendPath } from './backend.ts';
import type { UpstreamRequest } from './engine.ts';

/** Build the provider's request: identity headers are ours alone, constants of the API go last and win. @throws gateway-fault when one of these cannot be opened */
export function upstreamRequest(call: Call, served: Served): UpstreamRequest {
  const { backend } = served;
  if (backend.sealed) throw new AppError('gateway-fault', undefined, { cause: new Error(`no key of SECRET_KEYS opens a hidden value of ${served.api.id}`) });
  const path = backendPath(
    backend,
    call.path,
    call.written ?? call.params,
    call.taken,
    served.api.definition.frontend.match === 'prefix',
    call.written !== null,
  );
  const query = backend.query === '' ? call.query : call.query === '' ? backend.query : `${call.query}&${backend.query}`;
  const declared = served.declaredCredentials;
  const headers = passedToUpstream(
    call.caller.rawHeaders,
    withheldNames(call, served),
    declared !== null && call.credential !== null ? withoutUsed(declared, call) : declared,
  );
  if (call.contentLength > 0) headers.push('Content-Length', String(call.contentLength));
  if (call.addedHeaders.length > 0) headers.push(...call.addedHeaders);
  headers.push(
    'X-Request-Id',
    call.id,
    'X-Forwarded-For',
    call.clientAddress,
    'X-Forwarded-Proto',
    call.way.trustedHops > 0 && isSecure(call) && call.fields.forwardedProto !== '' ? 'https' : 'http',
  );
  if (call.fields.host !== '') headers.push('X-Forwarded-Host', call.fields.host);
  if (call.credential !== null) headers.push('X-Consumer-Id', call.credential.row.appId);
  if (call.grant?.subscriptionId) headers.push('X-Subscription-Id', call.grant.subscriptionId);
  if (call.throughData !== '') headers.push('X-Consumer-Data', call.throughData);
  if (backend.headers.length > 0) replace(headers, backend.headers);
  const hasBody = call.contentLength !== 0;
  call.body ??= hasBody ? streamBody(call, served.bodyBytesMax) : null;
  return {
    origin: backend.origin,
    tls: served.tls,
    host: backend.host,
    method: backend.method ?? call.method,
    path: query === '' ? path : `${path}?${query}`,
    headers,
    body: hasBody ? call.body : null,
    contentLength: call.contentLength,
    retries: backend.retries,
  };
}

/** Fields that stay behind beside those of the catalogue: named in `Connection`, or credentials by this gateway's parameters. */
function withheldNames(call: Call, { withheld }: Served): ReadonlySet<string> | null {
  const named = namedInConnection(call);
  return withheld === null ? named : named === null ? withheld : new Set([...withheld, ...named]);
}

/** An `Authorization` that proved who calls us is never also the provider's. */
const withoutUsed = (declared: ReadonlySet<string>, call: Call): ReadonlySet<string> | null => {
  if (call.fields.appCode !== '' || call.served?.withheld) return declared;
  const rest = [...declared].filter((name) => name !== 'authorization');
  return rest.length > 0 ? new Set(rest) : null;
};

function replace(headers: string[], constants: readonly string[]): void {
  for (let i = 0; i < constants.length; i += 2) {
    const name = (constants[i] as string).toLowerCase();
    for (let j = headers.length - 2; j >= 0; j -= 2) if ((headers[j] as string).toLowerCase() === name) headers.splice(j, 2);
    headers.push(constants[i] as string, constants[i + 1] as string);
  }
}
