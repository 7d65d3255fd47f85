import type { ApiDefinition, ApiDraft, BackendParameter, BackendPlace } from '../../domain/api.ts';
import { isAnotherServer, isFresh, isSecret, openConstant, placeKey, sameDefinition, sealConstant } from '../../domain/backend-constants.ts';
import { SEAL_IV_BYTES, type KeyRing } from '../../domain/credential.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';

/** A constant as its owner's form shows it. */
export interface ShownConstant extends BackendPlace {
  readonly secret: boolean;
  /** Null: it is secret, or no key opens it. */
  readonly value: string | null;
}

/** Constants of backends: sealed in everything that is stored, opened for those who send them and for nobody else. */
export interface Constants {
  /**
   * What is stored of what was typed; a value that stays the same keeps its ciphertext. Where the backend is another server, a secret that was kept
   * is asked for again: who may edit an API but was never told its secret could else have it sent anywhere. Faults by the field of the definition.
   */
  settle(
    apiId: string,
    typed: Pick<ApiDraft, 'backend' | 'backendParameters'>,
    stored: Pick<ApiDefinition, 'backend' | 'backendParameters'> | null,
  ): { parameters: BackendParameter[]; faults: Record<string, string> };
  shown(apiId: string, parameters: readonly BackendParameter[]): ShownConstant[];
  /** @throws conflict when no key opens one of them */
  opened(apiId: string, parameters: readonly BackendParameter[]): (BackendPlace & { readonly value: string })[];
  same(apiId: string, a: ApiDefinition, b: ApiDefinition): boolean;
  /** Sealed with the key that encrypts today; null when nothing is to be done. What no key opens stays as it is. */
  renewed(apiId: string, parameters: readonly BackendParameter[]): BackendParameter[] | null;
  /** For audit records: which constants there are, and which of them have another value than in `other`. */
  audited(apiId: string, definition: ApiDefinition, other?: ApiDefinition): unknown;
}

export function makeConstants({ ids, secretKeys }: { readonly ids: Pick<Ids, 'bytes'>; readonly secretKeys: KeyRing }): Constants {
  const seal = (apiId: string, { name, in: place }: BackendPlace, secret: boolean, value: string): BackendParameter => ({
    name,
    in: place,
    secret,
    sealed: sealConstant(secretKeys, apiId, { name, in: place }, value, ids.bytes(SEAL_IV_BYTES)),
  });

  return {
    settle(apiId, { backend, backendParameters }, stored) {
      const faults: Record<string, string> = {};
      const standing = new Map((stored?.backendParameters ?? []).map((parameter) => [placeKey(parameter), parameter]));
      const moved = stored !== null && isAnotherServer(stored.backend, backend);
      const parameters = backendParameters.map((one, index): BackendParameter => {
        const old = standing.get(placeKey(one));
        const secret = isSecret(one);
        const kept = old && openConstant(secretKeys, apiId, old);
        const value = one.value ?? kept;
        const say = (fault: string) => (faults[`backendParameters.${index}.value`] = fault);
        if (value === undefined) say('Type its value.');
        else if (value === null) say('Its value can no longer be read. Type it again.');
        else if (one.value === undefined && old && isSecret(old) && moved) say('The backend is another server: type the value again, so that it gets it.');
        else if (one.value === undefined && old && isSecret(old) && !secret) say('Type the value again to have it shown from now on.');
        if (typeof value !== 'string') return { name: one.name, in: one.in, secret };
        const unmoved = old?.name === one.name && kept === value && isFresh(secretKeys, old);
        return unmoved ? { name: one.name, in: one.in, secret, sealed: old.sealed as string } : seal(apiId, one, secret, value);
      });
      return { parameters, faults };
    },

    shown: (apiId, parameters) =>
      parameters.map((parameter) => {
        const secret = isSecret(parameter);
        return { name: parameter.name, in: parameter.in, secret, value: secret ? null : openConstant(secretKeys, apiId, parameter) };
      }),

    opened: (apiId, parameters) =>
      parameters.map((parameter) => {
        const value = openConstant(secretKeys, apiId, parameter);
        if (value === null) throw new AppError('conflict', `The hidden value ${parameter.name} can no longer be read. Type it again.`);
        return { name: parameter.name, in: parameter.in, value };
      }),

    same: (apiId, a, b) => sameDefinition(secretKeys, apiId, a, b),

    renewed(apiId, parameters) {
      if (parameters.every((parameter) => isFresh(secretKeys, parameter))) return null;
      let changed = false;
      const list = parameters.map((parameter) => {
        const value = isFresh(secretKeys, parameter) ? null : openConstant(secretKeys, apiId, parameter);
        if (value === null) return parameter;
        changed = true;
        return seal(apiId, parameter, isSecret(parameter), value);
      });
      return changed ? list : null;
    },

    audited(apiId, definition, other) {
      const before = new Map((other?.backendParameters ?? []).map((parameter) => [placeKey(parameter), openConstant(secretKeys, apiId, parameter)]));
      return {
        ...definition,
        backendParameters: definition.backendParameters.map((parameter) => {
          const was = before.get(placeKey(parameter));
          const changed = was !== undefined && (was === null || was !== openConstant(secretKeys, apiId, parameter));
          return { name: parameter.name, in: parameter.in, shown: !isSecret(parameter), value: changed ? '[hidden, changed]' : '[hidden]' };
        }),
      };
    },
  };
}
