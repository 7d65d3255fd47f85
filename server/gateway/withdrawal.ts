import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { PROBLEMS } from '../kernel/problems.ts';
import type { Call } from './call.ts';
import { fieldOf, isEventStream } from './compression.ts';
import type { Row } from './row.ts';
import type { Table } from './table.ts';
import type { Tunnel } from './upstream/upgrade.ts';

/** How often calls are looked through for tokens that have ended: a stream outlives its token by no more than this. */
export const EXPIRY_LOOK_MS = 1_000;

/** What is under way: calls whose answer has not ended, and open WebSockets. */
export interface UnderWay {
  readonly live: Row<Call>;
  readonly tunnels: ReadonlyMap<Call, Tunnel>;
  readonly log: Log;
}

/** A revocation ends what it hits also in mid-answer: a stream must not outlive its credential, the token that stood for it, nor the way it came by. */
export function endRevoked(underWay: UnderWay, { byCredentialId, connections, privateOnly, tokenSettings }: Table): void {
  const isGranted = ({ credential, served }: Call): boolean => {
    if (credential === null || served === null) return true;
    const { id, environmentId } = served.api;
    const grants = byCredentialId.get(credential.row.id)?.app.grants.keys() ?? [];
    for (const { api } of grants) if (api.id === id && api.environmentId === environmentId) return true;
    return false;
  };
  const isReached = ({ served, via, way: { address } }: Call): boolean =>
    served === null || (address === null ? !privateOnly.has(served.api.gatewayId) : connections.get(address)?.id === via);
  const isTokenTaken = ({ label, tokenKeyId }: Call): boolean => tokenKeyId === '' || tokenSettings.get(label)?.keyId === tokenKeyId;
  withdraw(underWay, (call) => {
    if (!isTokenTaken(call)) return new AppError('authentication-failed', 'The access token is no longer accepted by its gateway.');
    if (!isGranted(call)) return new AppError('authentication-failed', 'The credential or its grant was revoked.');
    return isReached(call) ? null : new AppError('api-not-found', 'This way to the API was closed.');
  });
}

/** An access token is good until its end: what it opened ends with it. An answer that has not begun was asked for in time, and is given. */
export function endExpired(underWay: UnderWay, realNow: number): void {
  withdraw(underWay, ({ answered, tokenEndsAt }) =>
    answered && tokenEndsAt !== 0 && tokenEndsAt <= realNow ? new AppError('authentication-failed', 'The access token has expired.') : null,
  );
}

function withdraw({ live, tunnels, log }: UnderWay, endOf: (call: Call) => AppError | null): void {
  const tell = (call: Call, { code, detail }: AppError): void =>
    log.info({ callId: call.id, credentialId: call.credential?.row.id, code, reason: detail }, 'call cut off');
  for (const call of live) {
    if (call.abort === null) continue;
    const end = endOf(call);
    if (end === null) continue;
    tell(call, end);
    call.delivery?.withdraw(end);
  }
  for (const [call, tunnel] of tunnels) {
    const end = endOf(call);
    if (end === null) continue;
    tell(call, end);
    tunnel.end(end.detail);
  }
}

/** Between two events of a stream, where another can stand without breaking one. */
const isBetweenEvents = (sent: Buffer | null): boolean => sent === null || /(?:\n\n|\r\n\r\n|\r\r)$/.test(sent.subarray(-4).toString('latin1'));

/** Tells whoever reads an event stream why it ends here; null where there is no room for it. @param sent  what the caller got last */
export function lastEvent({ id }: Call, { code, detail }: AppError, headers: readonly string[], sent: Buffer | null): Buffer | null {
  if (!isEventStream(headers) || fieldOf(headers, 'content-encoding') !== '' || !isBetweenEvents(sent)) return null;
  const problem = { error_code: PROBLEMS[code].apig, error_msg: detail, request_id: id };
  return Buffer.from(`event: gateway-error\ndata: ${JSON.stringify(problem)}\n\n`);
}
