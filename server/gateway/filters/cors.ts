import type { Filter } from '../filter.ts';
import { isPreflight } from './find-route.ts';

const PREFLIGHT_SECONDS = 600;
/** Fields of ours that a browser's script may read. */
const EXPOSED = 'RateLimit, RateLimit-Policy, Retry-After, Usage-Cost, Usage-Receipt, Usage-Remaining, X-Request-Id';

/** Answer a preflight for an API that allows other origins: before authentication, since browsers send no credentials with it. Needs: `served`. */
export const preflight: Filter = (call) => {
  if (!isPreflight(call) || !call.served?.api.definition.cors) return;
  call.answered = true;
  const headers = [
    'Access-Control-Allow-Origin',
    '*',
    'Access-Control-Allow-Methods',
    call.fields.requestedMethod,
    'Access-Control-Max-Age',
    String(PREFLIGHT_SECONDS),
    'X-Request-Id',
    call.id,
  ];
  if (call.fields.requestedHeaders !== '') headers.push('Access-Control-Allow-Headers', call.fields.requestedHeaders);
  call.caller.answer(204, headers, null, false);
};

/** What an answer to a script of another origin carries; the provider's own word goes first. */
export function corsHeaders(passed: readonly string[]): string[] {
  for (let i = 0; i < passed.length; i += 2) if ((passed[i] as string).toLowerCase() === 'access-control-allow-origin') return [];
  return ['Access-Control-Allow-Origin', '*', 'Access-Control-Expose-Headers', EXPOSED];
}
