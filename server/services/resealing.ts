import type { Actor } from '../domain/actor.ts';
import { resealed, SEAL_IV_BYTES, sealedBy, type KeyRing } from '../domain/credential.ts';
import { gatewaySecretContext } from '../domain/gateway-secrets.ts';
import { clientSecretContext } from '../domain/sign-on.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { Store } from '../store/index.ts';
import type { Constants } from './catalog/constants.ts';
import type { Changes } from './changes.ts';

type Stores = Pick<Store, 'accessKeys' | 'accounts' | 'apis' | 'apps' | 'gateways' | 'signOn'>;

export interface ResealingDependencies {
  readonly store: Stores;
  readonly changes: Pick<Changes, 'announce'>;
  readonly constants: Pick<Constants, 'renewed'>;
  readonly ids: Pick<Ids, 'bytes'>;
  /** First encrypts, all decrypt. */
  readonly secretKeys: KeyRing;
}

export interface Resealing {
  /**
   * Seal all that is under a key that no longer encrypts, and constants that earlier releases left in clear. What no key opens stays as it is. Safe to run
   * twice, at once, and beside changes: each write needs the ciphertext it replaces.
   * @returns how many documents and secrets were rewritten
   */
  carryOut(actor: Actor): Promise<number>;
}

/** One secret with the write that replaces its ciphertext, if it is still there. */
interface Sealed {
  readonly kind: string;
  readonly sealed: string;
  /** What the ciphertext belongs to. */
  readonly context: string;
  /** Gateways have it, too. */
  readonly served?: true;
  replace(sealed: string): Promise<boolean>;
}

/** Whatever is sealed by the ring, but constants, which stand in lists. A kind that is missing here would be lost with the key it is under. */
async function* secrets({ accessKeys, accounts, apps, gateways, signOn }: Stores): AsyncGenerator<Sealed> {
  for await (const { _id, accessKey, secretCipher: sealed } of accessKeys.sealed())
    yield { kind: 'access keys', sealed, context: accessKey, replace: (to) => accessKeys.reseal(_id, sealed, to) };
  for await (const { _id, appKey, secretCipher: sealed } of apps.sealedCredentials())
    yield { kind: 'AppSecrets', sealed, context: appKey, served: true, replace: (to) => apps.resealCredential(_id, sealed, to) };
  for await (const { _id, secondFactor } of accounts.sealedFactors()) {
    const { cipher: sealed, mark = sha256Hex(sealed) } = secondFactor;
    yield { kind: 'authenticator keys', sealed, context: _id, replace: (cipher) => accounts.resealFactor(_id, sealed, { cipher, mark }) };
  }
  for await (const { _id, cipher: sealed } of signOn.connections())
    yield { kind: 'client secrets', sealed, context: clientSecretContext(_id), replace: (to) => signOn.resealConnection(_id, sealed, to) };
  for await (const { _id, secrets: kept } of gateways.gatewaysWithSecrets())
    for (const [id, { sealed }] of Object.entries(kept))
      yield {
        kind: 'keys of gateways',
        sealed,
        context: gatewaySecretContext(_id, id),
        served: true,
        replace: (to) => gateways.resealSecret(_id, id, sealed, to),
      };
}

/** How many secrets of which kind each key has sealed; under the empty key id what stands in clear. Reads all there are. */
export async function countSealed(store: Stores): Promise<Map<string, Map<string, number>>> {
  const byKey = new Map<string, Map<string, number>>();
  const count = (keyId: string, kind: string): void => {
    const kinds = byKey.get(keyId) ?? new Map<string, number>();
    byKey.set(keyId, kinds.set(kind, (kinds.get(kind) ?? 0) + 1));
  };
  for await (const { kind, sealed } of secrets(store)) count(sealedBy(sealed), kind);
  for (const definitions of [store.apis.withConstants(), store.apis.publicationsWithConstants()])
    for await (const { definition } of definitions)
      for (const { sealed = '' } of definition.backendParameters) count(sealedBy(sealed), 'constants of backends');
  return byKey;
}

export function makeResealing({ store, changes, constants, ids, secretKeys }: ResealingDependencies): Resealing {
  const { apis } = store;
  return {
    async carryOut() {
      let kept = 0;
      let served = 0;
      for await (const one of secrets(store)) {
        const sealed = resealed(secretKeys, one.sealed, one.context, ids.bytes(SEAL_IV_BYTES));
        if (sealed === null || !(await one.replace(sealed))) continue;
        if (one.served) served += 1;
        else kept += 1;
      }
      for await (const { _id, rev, definition } of apis.withConstants()) {
        const list = constants.renewed(_id, definition.backendParameters);
        // Whoever saves it meanwhile seals it, too.
        if (list && (await apis.resealApi(_id, rev, list))) kept += 1;
      }
      for await (const { _id, apiId, definition } of apis.publicationsWithConstants()) {
        const list = constants.renewed(apiId, definition.backendParameters);
        if (list && (await apis.resealPublication(_id, list))) served += 1;
      }
      // Gateways read them again, and write what they keep on disk.
      if (served > 0) await changes.announce('catalogue-changed', { what: 'secrets', id: '*' });
      return kept + served;
    },
  };
}
