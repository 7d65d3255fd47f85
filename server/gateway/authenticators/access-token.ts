import { readToken } from '../../domain/access-token.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import { isSecure } from '../filters/guard.ts';
import type { LiveCredential, Served, Table } from '../table.ts';

const refused = (detail: string) => new AppError('authentication-failed', detail);

export interface AccessTokensDependencies {
  readonly table: () => Table;
  readonly onUnknown: () => void;
  /** Epoch ms of the machine: a token lasts in real time, whatever the sandbox clock says. */
  readonly realNow: () => number;
}

/**
 * Find the credential of an access token. It is signed by its gateway, so nobody is asked; its credential, its key and the parameter that
 * switches tokens on have to be there still. Sets: `throughData`, `tokenKeyId`, `tokenEndsAt`.
 */
export function makeAccessTokens({
  table,
  onUnknown,
  realNow,
}: AccessTokensDependencies): (call: Call, served: Served | null, token: string) => LiveCredential {
  return (call, served, token) => {
    if (served === null) throw refused('An access token is good for the APIs of its gateway alone.');
    const { tokens } = served;
    if (tokens === null) throw refused('This gateway does not accept access tokens: its parameter app_token is off.');
    if (!isSecure(call)) throw refused('An access token is accepted over HTTPS only.');
    const key = tokens.key();
    const read = key === null ? null : readToken(key, tokens.gatewayId, token);
    if (read === null || read.keyId !== tokens.keyId) throw refused('The access token is not one of this gateway, or the key that signed it was replaced.');
    if (read.kind !== 'access') throw refused('A refresh token makes no calls: exchange it for an access token.');
    const now = realNow();
    if (read.endsAt * 1_000 <= now) throw refused('The access token has expired.');
    const credential = table().byCredentialId.get(read.credentialId);
    if (!credential) onUnknown();
    if (!credential || (credential.row.notAfter !== null && call.admittedAt >= credential.row.notAfter))
      throw refused('The credential of this access token has ended or was revoked.');
    call.throughData = read.throughData;
    call.tokenKeyId = read.keyId;
    call.tokenEndsAt = read.endsAt * 1_000;
    return credential;
  };
}
