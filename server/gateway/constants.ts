import type { BackendParameter, BackendPlace } from '../domain/api.ts';
import { openConstant } from '../domain/backend-constants.ts';
import type { KeyRing } from '../domain/credential.ts';

export type OpenConstant = BackendPlace & { readonly value: string };

/** Opens the constants of backends for the compiled table, each ciphertext once: a thousand APIs are compiled again at every change of one. */
export interface ConstantOpener {
  /** A compilation begins: what neither it nor the one before it asks for is forgotten. */
  begin(): void;
  /** Null: no key opens one of them. */
  of(apiId: string, parameters: readonly BackendParameter[]): readonly OpenConstant[] | null;
}

export function makeConstantOpener(ring: KeyRing): ConstantOpener {
  let before = new Map<string, string | null>();
  let present = new Map<string, string | null>();

  function open(apiId: string, parameter: BackendParameter): string | null {
    const key = `${apiId} ${parameter.in} ${parameter.name} ${parameter.sealed ?? ''}`;
    const known = present.get(key) ?? before.get(key);
    const value = known ?? openConstant(ring, apiId, parameter);
    if (parameter.sealed !== undefined) present.set(key, value);
    return value;
  }

  return {
    begin() {
      before = present;
      present = new Map();
    },
    of(apiId, parameters) {
      const list: OpenConstant[] = [];
      for (const parameter of parameters) {
        const value = open(apiId, parameter);
        if (value === null) return null;
        list.push({ name: parameter.name, in: parameter.in, value });
      }
      return list;
    },
  };
}
