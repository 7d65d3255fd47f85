import { SIGNATURE_LIFE_MS } from '../../domain/signature.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Filter } from '../filter.ts';
import type { Replays } from '../ports.ts';

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A signature of an unsafe method works once, unless the gateway allows replays. Needs: `signature`. The one wait on Redis far from a limit. */
export function makeRefuseReplay({ replays }: { replays: Replays }): Filter {
  return (call) => {
    if (call.signature === null || SAFE.has(call.method) || call.served?.parameters.signature_replay === 'allow') return;
    return replays.first(call.signature, SIGNATURE_LIFE_MS).then(
      (first) => {
        if (!first)
          throw new AppError('authentication-failed', 'This signature was used before. Sign again with a later X-Sdk-Date, or add a signed X-Sdk-Nonce.');
      },
      (cause: unknown) => {
        throw new AppError('cannot-count', 'Whether this signature was used before cannot be checked now.', { cause, retryAfterSeconds: 2 });
      },
    );
  };
}
