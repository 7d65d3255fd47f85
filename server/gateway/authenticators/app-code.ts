import { appCodeHash } from '../../domain/credential.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import type { LiveCredential, Table } from '../table.ts';

const APP_CODE = /^[A-Za-z0-9+/][A-Za-z0-9+_!@#$%\-/=]{63,179}$/;
/** Hashes of codes that were unknown; emptied with every new snapshot. */
const UNKNOWN_KEPT_MAX = 10_000;

/** Find the credential of an AppCode. What is unknown is remembered, so that trying again costs a look-up and nothing else. */
export function makeAppCodes({ table, onUnknown }: { table: () => Table; onUnknown: () => void }): (call: Call, code: string) => LiveCredential {
  let unknown = new Set<string>();
  let unknownIn = table();

  return (call, code) => {
    if (!APP_CODE.test(code)) throw new AppError('authentication-failed', 'The AppCode has not the form of one: 64 to 180 characters.');
    const hash = appCodeHash(code);
    const current = table();
    if (current !== unknownIn) {
      unknown = new Set();
      unknownIn = current;
    }
    const credential = current.byHash.get(hash);
    if (credential && (credential.row.notAfter === null || call.admittedAt < credential.row.notAfter)) return credential;
    if (!credential && !unknown.has(hash)) {
      if (unknown.size >= UNKNOWN_KEPT_MAX) unknown.clear();
      unknown.add(hash);
      onUnknown();
    }
    throw new AppError('authentication-failed', credential ? 'The AppCode has expired.' : 'The AppCode is not known, or was revoked.');
  };
}
