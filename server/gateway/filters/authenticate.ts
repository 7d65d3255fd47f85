import { claimsSignature } from '../../domain/signature.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import type { Filter } from '../filter.ts';
import type { LiveCredential } from '../table.ts';
import { isSecure } from './guard.ts';

export interface AuthenticateDependencies {
  readonly appCode: (call: Call, code: string) => LiveCredential;
  readonly signature: (call: Call) => LiveCredential | Promise<LiveCredential>;
  readonly trustedHops: number;
}

const BEARER = /^Bearer +([^\s]+)$/i;

/** Who calls? Needs: `served` (null for the gateway's own pages). Sets: `credential`, and what the signature says of the body. */
export function makeAuthenticate({ appCode, signature, trustedHops }: AuthenticateDependencies): Filter {
  return (call) => {
    const definition = call.served?.api.definition;
    if (definition?.security === 'NONE') return;
    // No authorizer can be configured yet; an API that asks for one is closed, not open.
    if (definition && definition.security !== 'APP') throw new AppError('authentication-failed', 'This API asks for an authorizer that is not set up.');
    const { authorization, appCode: inHeader } = call.fields;
    const signed = claimsSignature(authorization);
    const bearer = signed ? undefined : BEARER.exec(authorization)?.[1];
    if (inHeader !== '' && bearer !== undefined && bearer !== inHeader)
      throw new AppError('invalid-request', 'X-Apig-AppCode and Authorization hold two different codes.');
    if (signed && inHeader !== '') throw new AppError('invalid-request', 'Send a signature or an AppCode, not both.');
    if (signed) {
      const found = signature(call);
      if (found instanceof Promise) return found.then((credential) => void (call.credential = credential));
      call.credential = found;
      return;
    }
    const code = inHeader !== '' ? inHeader : bearer;
    if (code === undefined) throw missing(authorization);
    if (definition && !definition.appCode)
      throw new AppError('authentication-failed', 'This API does not accept AppCodes: sign the request with AppKey and AppSecret.');
    if (!isSecure(call, trustedHops)) throw new AppError('authentication-failed', 'An AppCode is accepted over HTTPS only.');
    call.credential = appCode(call, code);
  };
}

const missing = (authorization: string) =>
  authorization === ''
    ? new AppError('authentication-missing')
    : new AppError('authentication-failed', 'Authorization must be a signature (SDK-HMAC-SHA256 …) or Bearer with an AppCode.');
