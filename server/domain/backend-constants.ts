import type { ApiDefinition, BackendParameter, BackendPlace } from './api.ts';
import { openSecret, sealedBy, sealSecret, type KeyRing } from './credential.ts';
import { canonicalJson } from './plan.ts';

/** Names under which credentials travel. */
const CREDENTIAL =
  /authorization|api[-_]?key|token|secret|passw|credential|cookie|signature|session|(?:^|[^a-z])(?:auth|bearer|jwt|key|keys|pass|pin|pwd|sig|sid)(?:[^a-z]|$)/i;

export const looksLikeCredential = (name: string): boolean => CREDENTIAL.test(name);

/** May its owner not see it again? */
export const isSecret = ({ name, secret }: { readonly name: string; readonly secret?: boolean }): boolean => secret ?? looksLikeCredential(name);

/** What a ciphertext belongs to: carried to another API or under another name, it does not open. */
const contextOf = (apiId: string, { name, in: place }: BackendPlace): string => `constant ${apiId} ${place} ${name}`;

/** @param iv  SEAL_IV_BYTES random bytes */
export const sealConstant = (ring: KeyRing, apiId: string, place: BackendPlace, value: string, iv: Buffer): string =>
  sealSecret(ring, value, contextOf(apiId, place), iv);

/** The value in clear; null when no key of the ring opens it. */
export function openConstant(ring: KeyRing, apiId: string, parameter: BackendParameter): string | null {
  if (parameter.sealed === undefined) return parameter.value ?? null;
  return openSecret(ring, parameter.sealed, contextOf(apiId, parameter));
}

/** Is it as a key that encrypts today would leave it? */
export const isFresh = (ring: KeyRing, { sealed }: BackendParameter): boolean => sealed !== undefined && sealedBy(sealed) === ring[0]?.id;

/** Two headers whose names differ by their letters' case are one. */
export const placeKey = ({ name, in: place }: BackendPlace): string => (place === 'header' ? `header ${name.toLowerCase()}` : `query ${name}`);

/** Would another server get what was typed for this one? A mock remembers no server: whatever comes after it is another. */
export const isAnotherServer = (from: ApiDefinition['backend'], to: ApiDefinition['backend']): boolean =>
  to.kind === 'http' && (from.kind !== 'http' || from.origin !== to.origin);

/** Do both do the same? One value sealed twice gives two ciphertexts. */
export function sameDefinition(ring: KeyRing, apiId: string, a: ApiDefinition, b: ApiDefinition): boolean {
  if (canonicalJson(a) === canonicalJson(b)) return true;
  const [first, second] = [a, b].map(({ backendParameters, ...rest }) => ({
    rest: canonicalJson(rest),
    constants: backendParameters.map((parameter) => ({ key: placeKey(parameter), value: openConstant(ring, apiId, parameter) })),
  }));
  const unknown = first?.constants.some(({ value }) => value === null) === true;
  return !unknown && first?.rest === second?.rest && canonicalJson(first?.constants) === canonicalJson(second?.constants);
}
