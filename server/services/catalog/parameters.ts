import type { Actor } from '../../domain/actor.ts';
import {
  PARAMETERS,
  PARAMETER_NAMES,
  isParameterName,
  parameterClash,
  parameterText,
  parameterValues,
  parameterWords,
  sameValue,
  usedSecrets,
  withParameter,
  type ParameterName,
  type ParameterValue,
} from '../../domain/gateway-parameters.ts';
import { NEW_KEY, readParameter } from '../../domain/parameter-reading.ts';
import { resealed, SEAL_IV_BYTES, type KeyRing } from '../../domain/credential.ts';
import {
  gatewaySecretContext,
  keptSecrets,
  readClientCertificate,
  sealGatewaySecret,
  type GatewaySecret,
  type GatewaySecrets,
  type TypedCertificate,
} from '../../domain/gateway-secrets.ts';
import { AppError } from '../../kernel/errors.ts';
import type { GatewayDoc } from '../../store/gateways.ts';
import type { Standing } from '../changes.ts';
import { faulty, ownGateway, type CatalogDependencies } from './own.ts';

const TOKEN_KEY_BYTES = 32;
const ACTION = 'apig:features:update';

/** One change of one parameter, from the audit log. */
export interface ParameterChange {
  /** The audit record. */
  readonly id: string;
  readonly at: number;
  /** Empty: the system. */
  readonly userId: string;
  readonly name: ParameterName;
  readonly before: ParameterValue;
  readonly after: ParameterValue;
}

export interface ParameterState {
  readonly name: ParameterName;
  readonly value: ParameterValue;
  /** The last change; null while it was never changed. */
  readonly changed: ParameterChange | null;
}

export interface GatewayParameterStates {
  readonly gateway: GatewayDoc;
  readonly states: readonly ParameterState[];
  /** Newest first. */
  readonly changes: readonly ParameterChange[];
  /** Which gateway processes serve all that is shown; null when nobody can be asked. */
  readonly standing: Standing | null;
}

/** What became of a change. */
export interface Applied {
  readonly name: ParameterName;
  /** False: it had this value already. */
  readonly changed: boolean;
  /** Which gateway processes have said that they serve it; null when nobody can be asked. */
  readonly standing: Standing | null;
}

export interface Parameters {
  list(actor: Actor, gatewayId: string): Promise<GatewayParameterStates>;
  /**
   * @param typed  as the form holds it
   * @param rev  of the gateway, as the page showed it
   * @returns once every live gateway process serves it, or has not said so within two seconds
   * @throws AppError invalid-form, with the fault under the parameter's name or, for a name the catalogue does not know, under `name`; conflict
   */
  change(actor: Actor, gatewayId: string, name: string, typed: string, rev: number): Promise<Applied>;
  /**
   * Show backends this client certificate from now on. Its private key is encrypted, and leaves for nobody but them.
   * @throws AppError invalid-form, with faults under `ca`, `certificate` and `key`; conflict
   */
  showCertificate(actor: Actor, gatewayId: string, pasted: TypedCertificate, rev: number): Promise<Applied>;
  reset(actor: Actor, gatewayId: string, name: string, rev: number): Promise<Applied>;
  /** Put back the value from before a change. */
  revert(actor: Actor, gatewayId: string, changeId: string, rev: number): Promise<Applied>;
}

export interface ParametersDependencies extends CatalogDependencies {
  /** First encrypts, all decrypt. */
  readonly secretKeys: KeyRing;
}

export function makeParameters({ store, audit, changes, clock, ids, secretKeys }: ParametersDependencies): Parameters {
  async function historyOf(gatewayId: string): Promise<ParameterChange[]> {
    const records = await store.audit.newestOf(resourceOf(gatewayId), ACTION);
    return records.flatMap(({ _id, at, userId, before, after }): ParameterChange[] => {
      const [from, to] = [before as Logged | null, after as Logged | null];
      const name = to?.parameter ?? '';
      return from && to && isParameterName(name) ? [{ id: _id, at, userId, name, before: from.value, after: to.value }] : [];
    });
  }

  /** Another key for access tokens. */
  function tokenKey(gatewayId: string): { readonly id: string; readonly secret: GatewaySecret } {
    const id = ids.next('sec');
    const sealed = sealGatewaySecret(secretKeys, gatewayId, id, ids.secret(TOKEN_KEY_BYTES), ids.bytes(SEAL_IV_BYTES));
    return { id, secret: { sealed, certificate: '', ca: '', at: clock.real() } };
  }

  /** What is written back was read a moment ago: what was sealed anew meanwhile must not come back under the old key. */
  const renewed = (gatewayId: string, secrets: GatewaySecrets): GatewaySecrets =>
    Object.fromEntries(
      Object.entries(secrets).map(([id, secret]) => {
        const sealed = resealed(secretKeys, secret.sealed, gatewaySecretContext(gatewayId, id), ids.bytes(SEAL_IV_BYTES));
        return [id, sealed === null ? secret : { ...secret, sealed }];
      }),
    );

  async function put(
    actor: Actor,
    gateway: GatewayDoc,
    name: ParameterName,
    wanted: ParameterValue,
    rev: number,
    added: GatewaySecrets = {},
  ): Promise<Applied> {
    let value = wanted;
    let made = added;
    const before = parameterValues(gateway.parameters)[name];
    if (gateway.rev !== rev) throw new AppError('conflict');
    if (sameValue(before, value)) return { name, changed: false, standing: await changes.standing() };
    let parameters = withParameter(gateway.parameters, name, value);
    const { app_token, app_token_key } = parameterValues(parameters);
    if (app_token_key === NEW_KEY || (app_token && app_token_key === '')) {
      const { id, secret } = tokenKey(gateway._id);
      made = { ...made, [id]: secret };
      parameters = withParameter(parameters, 'app_token_key', id);
      if (name === 'app_token_key') value = id;
    }
    const clash = parameterClash(parameterValues(parameters));
    if (clash !== null) throw faulty({ [name]: clash });
    // One write for both: a value never names a secret that is not there. What is in use, and what a change can still be put back to, stays.
    const secrets = renewed(gateway._id, keptSecrets({ ...gateway.secrets, ...made }, usedSecrets(parameters)));
    if (!(await store.gateways.updateGateway(gateway._id, rev, { parameters, secrets }))) throw new AppError('conflict');
    const logged = (one: ParameterValue): Logged => ({ parameter: name, value: one });
    await audit.append(actor, {
      action: ACTION,
      resource: resourceOf(gateway._id),
      organizationId: gateway.organizationId,
      before: logged(before),
      after: logged(value),
    });
    const version = await changes.announce('catalogue-changed', { what: 'gateway', id: gateway._id });
    await changes.announced(version);
    return { name, changed: true, standing: await changes.standing(version) };
  }

  const known = (name: string): ParameterName => {
    if (!isParameterName(name)) throw faulty({ name: 'There is no such parameter.' });
    return name;
  };

  return {
    async list(actor, gatewayId) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const [values, history] = [parameterValues(gateway.parameters), await historyOf(gatewayId)];
      const states = PARAMETER_NAMES.map((name) => ({ name, value: values[name], changed: history.find((one) => one.name === name) ?? null }));
      return { gateway, states, changes: history, standing: await changes.standing() };
    },

    async change(actor, gatewayId, name, typed, rev) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const parameter = known(name);
      const reading = readParameter(parameter, typed);
      if ('fault' in reading) throw faulty({ [parameter]: reading.fault });
      return put(actor, gateway, parameter, reading.value, rev);
    },

    async showCertificate(actor, gatewayId, pasted, rev) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const reading = readClientCertificate(pasted, clock.real());
      if ('faults' in reading) throw faulty(reading.faults);
      const { ca, certificate, described, key } = reading;
      const id = ids.next('sec');
      const sealed = sealGatewaySecret(secretKeys, gateway._id, id, key, ids.bytes(SEAL_IV_BYTES));
      return put(actor, gateway, 'backend_client_certificate', { id, ...described }, rev, { [id]: { sealed, ca, certificate, at: clock.real() } });
    },

    async reset(actor, gatewayId, name, rev) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const parameter = known(name);
      return put(actor, gateway, parameter, PARAMETERS[parameter].initial, rev);
    },

    async revert(actor, gatewayId, changeId, rev) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const change = (await historyOf(gatewayId)).find(({ id }) => id === changeId);
      if (!change) throw new AppError('not-found');
      const { name, before } = change;
      if (typeof before === 'object' && before !== null) {
        if (!gateway.secrets?.[before.id]) throw new AppError('conflict', 'The key of that certificate is no longer kept. Paste it once more.');
        if (before.expiresAt <= clock.real()) throw new AppError('conflict', 'That certificate has expired.');
        return put(actor, gateway, name, before, rev);
      }
      if (name === 'app_token_key' && before !== '') {
        if (!gateway.secrets?.[String(before)]) throw new AppError('conflict', 'That key is no longer kept. Make another one.');
        return put(actor, gateway, name, before, rev);
      }
      // What was in bounds then need not be now.
      const reading = readParameter(change.name, parameterText(change.before));
      if ('fault' in reading)
        throw new AppError('conflict', `${parameterWords(change.name, change.before)} is no longer a value of ${change.name}: ${reading.fault}`);
      return put(actor, gateway, change.name, reading.value, rev);
    },
  };
}

/** As an audit record keeps it: the name is a value there, since names such as app_secret would be taken for secrets. */
interface Logged {
  readonly parameter: string;
  readonly value: ParameterValue;
}

const resourceOf = (gatewayId: string): string => `gateway:${gatewayId}`;
