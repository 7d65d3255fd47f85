import { TOKEN_PREFIX } from '../../domain/access-token.ts';
import { claimsSignature } from '../../domain/signature.ts';
import { AppError } from '../../kernel/errors.ts';
import { takeApiKey } from '../authenticators/app-schemes.ts';
import type { Call } from '../call.ts';
import { headerOnce } from '../fields.ts';
import type { Filter } from '../filter.ts';
import type { LiveCredential, Served } from '../table.ts';
import { isSecure } from './guard.ts';

export interface AuthenticateDependencies {
  /** For what {@link TOKEN_PREFIX} begins. */
  readonly accessToken: (call: Call, served: Served | null, token: string) => LiveCredential;
  readonly appCode: (call: Call, code: string) => LiveCredential;
  readonly signature: (call: Call) => LiveCredential | Promise<LiveCredential>;
  /** The schemes a gateway's parameters switch on; null when the call uses none of them. */
  readonly schemes: (call: Call, served: Served) => LiveCredential | null;
}

const BEARER = /^Bearer +([^\s]+)$/i;

/** Who calls? Needs: `served` (null for the gateway's own pages). Sets: `credential`, and what the signature says of the body. */
export function makeAuthenticate({ accessToken, appCode, signature, schemes }: AuthenticateDependencies): Filter {
  return (call) => {
    const { served } = call;
    const definition = served?.api.definition;
    if (definition?.security === 'NONE') return;
    // No authorizer can be configured yet; an API that asks for one is closed, not open.
    if (definition && definition.security !== 'APP') throw new AppError('authentication-failed', 'This API asks for an authorizer that is not set up.');
    if (served !== null && served.withheld !== null) call.fields.authorization = headerOnce(call, served.parameters.custom_auth_header.toLowerCase());
    const { authorization, appCode: inHeader } = call.fields;
    const signed = claimsSignature(authorization);
    const bearer = signed ? undefined : BEARER.exec(authorization)?.[1];
    if (inHeader !== '' && bearer !== undefined && bearer !== inHeader)
      throw new AppError('invalid-request', 'X-Apig-AppCode and Authorization hold two different codes.');
    if (signed && inHeader !== '') throw new AppError('invalid-request', 'Send a signature or an AppCode, not both.');
    if (signed) {
      withoutApiKey(call);
      const found = signature(call);
      if (found instanceof Promise) return found.then((credential) => void (call.credential = credential));
      call.credential = found;
      return;
    }
    if (bearer?.startsWith(TOKEN_PREFIX)) {
      withoutApiKey(call);
      call.credential = accessToken(call, served, bearer);
      return;
    }
    const code = inHeader !== '' ? inHeader : bearer;
    if (code === undefined) {
      call.credential = served && schemes(call, served);
      if (call.credential === null) throw missing(authorization);
      return;
    }
    withoutApiKey(call);
    if (definition && !definition.appCode)
      throw new AppError('authentication-failed', 'This API does not accept AppCodes: sign the request with AppKey and AppSecret.');
    if (!isSecure(call)) throw new AppError('authentication-failed', 'An AppCode is accepted over HTTPS only.');
    call.credential = appCode(call, code);
  };
}

/** Where `apikey` is the gateway's own parameter it goes no further, whatever proved who calls. */
function withoutApiKey(call: Call): void {
  if (call.served?.parameters.app_api_key) takeApiKey(call);
}

const missing = (authorization: string) =>
  authorization === ''
    ? new AppError('authentication-missing')
    : new AppError('authentication-failed', 'Authorization must be a signature (SDK-HMAC-SHA256 …) or Bearer with an AppCode or an access token.');
