import { createHash } from 'node:crypto';
import { hmacKey } from '../../domain/hmac.ts';
import { EMPTY_SHA256, UNSIGNED_PAYLOAD, dateFault, readClaim, signatureFault } from '../../domain/signature.ts';
import { AppError } from '../../kernel/errors.ts';
import type { BodyBuffers } from '../body.ts';
import type { Call } from '../call.ts';
import type { LiveCredential, Table } from '../table.ts';

const refused = (detail: string) => new AppError('authentication-failed', detail);
/** An unknown key is checked against this, so that it takes as long as a known one with a wrong secret. */
const NOBODY = hmacKey(Buffer.alloc(32));

export interface SignatureDependencies {
  readonly table: () => Table;
  readonly onUnknown: () => void;
  /** Epoch ms of the machine: signatures are fresh by real time, whatever the sandbox clock says. */
  readonly realNow: () => number;
  readonly buffers: BodyBuffers;
}

/**
 * Verify a signed call. A body whose hash is not signed by a header is read whole first and checked before any of it goes on; any other
 * streams, and `call.bodyHash` tells what it must turn out to be. Sets: `signature`, `bodyHash`, perhaps `body`.
 */
export function makeSignatures({ table, onUnknown, realNow, buffers }: SignatureDependencies): (call: Call) => LiveCredential | Promise<LiveCredential> {
  function verify(call: Call, payload: string): LiveCredential {
    const claim = readClaim(call.fields.authorization);
    if ('fault' in claim) throw refused(claim.fault);
    const date = call.fields.sdkDate;
    const stale = dateFault(date, realNow());
    if (stale !== null) throw refused(stale);
    const credential = table().byAppKey.get(claim.appKey);
    if (!credential) onUnknown();
    const raw = call.caller.url;
    const path = raw.startsWith('/') ? raw : raw.slice(raw.indexOf('/', 8));
    const mark = path.indexOf('?');
    const fault = signatureFault(
      claim,
      {
        method: call.method,
        rawPath: mark < 0 ? path : path.slice(0, mark),
        rawQuery: mark < 0 ? '' : path.slice(mark + 1),
        rawHeaders: call.caller.rawHeaders,
      },
      { date, payload, bodyEmpty: call.contentLength === 0, secret: credential?.signingKey() ?? NOBODY },
    );
    if (!credential) throw refused(`app not found, appkey ${claim.appKey}`);
    if (fault !== null) throw refused(fault);
    // Only who holds the secret is told that it has expired.
    if (credential.row.notAfter !== null && call.admittedAt >= credential.row.notAfter) throw refused('The credential has expired.');
    call.signature = claim.signature;
    return credential;
  }

  async function verifyWhole(call: Call): Promise<LiveCredential> {
    // What can be refused without the body is refused before it is read.
    const claim = readClaim(call.fields.authorization);
    if ('fault' in claim) throw refused(claim.fault);
    const body = await buffers.read(call);
    return verify(call, createHash('sha256').update(body).digest('hex'));
  }

  return (call) => {
    const declared = call.fields.sdkContentSha256;
    if (declared === '') return call.contentLength === 0 ? verify(call, EMPTY_SHA256) : verifyWhole(call);
    if (declared === UNSIGNED_PAYLOAD) {
      if (call.contentLength !== 0 && call.served?.parameters.unsigned_payload === 'refuse')
        throw refused('This gateway does not accept UNSIGNED-PAYLOAD: sign the hash of the body.');
      return verify(call, declared);
    }
    if (!/^[0-9a-f]{64}$/i.test(declared)) throw refused('X-Sdk-Content-Sha256 must be the hex SHA-256 of the body, or UNSIGNED-PAYLOAD.');
    const credential = verify(call, declared);
    if (call.contentLength !== 0) call.bodyHash = declared.toLowerCase();
    else if (declared.toLowerCase() !== EMPTY_SHA256) throw refused('The body does not match X-Sdk-Content-Sha256.');
    return credential;
  };
}
