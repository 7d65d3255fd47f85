import { createSecretKey, type KeyObject } from 'node:crypto';
import { compileAddresses, type AddressPolicy } from '../domain/address.ts';
import { openSecret, type KeyRing } from '../domain/credential.ts';
import { logFields, type LogField } from '../domain/custom-log.ts';
import { hmacKey, type HmacKey } from '../domain/hmac.ts';
import { parameterValues, type ParameterValues } from '../domain/gateway-parameters.ts';
import { planOf, type Plan } from '../domain/plan.ts';
import { compileRoutes, type Router } from '../domain/route.ts';
import type {
  Snapshot,
  SnapshotApi,
  SnapshotCredential,
  SnapshotGateway,
  SnapshotPlanVersion,
  SnapshotSubscription,
  SnapshotWindow,
} from '../domain/snapshot.ts';
import type { ConstantOpener } from './constants.ts';
import { tokenSettings, type TokenSettings } from './tokens.ts';
import { compileBackend, type CompiledBackend } from './upstream/backend.ts';
import { connectionKey, type ClientTls, type ClientTlsOpener } from './upstream/client-tls.ts';

/** A snapshot compiled for look-ups: every decision about a call is a walk along references, without a key to build. */
export interface Table {
  readonly builtAt: number;
  /** What the public listener serves. */
  readonly groups: Groups;
  /** What private addresses lead to. */
  readonly connections: ReadonlyMap<string, LiveConnection>;
  /** Gateways that the public listener does not serve. */
  readonly privateOnly: ReadonlySet<string>;
  /** Labels under which a path may hold an escaped slash. */
  readonly slashLabels: ReadonlySet<string>;
  /** Gateways that give out access tokens, by label. */
  readonly tokenSettings: ReadonlyMap<string, TokenSettings>;
  /** Connections to backends that are in use, by `connectionKey`. */
  readonly connectionKeys: ReadonlySet<string>;
  /** Hex SHA-256 of an AppCode. */
  readonly byHash: ReadonlyMap<string, LiveCredential>;
  readonly byAppKey: ReadonlyMap<string, LiveCredential>;
  readonly byCredentialId: ReadonlyMap<string, LiveCredential>;
}

/** Label → environment's name → routes. */
export type Groups = ReadonlyMap<string, ReadonlyMap<string, Router<Served>>>;
export const NO_GROUPS: Groups = new Map();

/** An accepted connection: all that arrives at its address. */
export interface LiveConnection {
  readonly id: string;
  /** Where its calls may come from; null: from wherever the address is reached. */
  readonly networks: AddressPolicy | null;
  /** Of its gateway alone. */
  readonly groups: Groups;
}

/** A published API in one environment, ready to be called. */
export interface Served {
  readonly api: SnapshotApi;
  readonly parameters: ParameterValues;
  readonly label: string;
  /** `GET /countries/{code}` */
  readonly operation: string;
  readonly backend: CompiledBackend;
  /** Access tokens its callers may bring; null: none. */
  readonly tokens: TokenSettings | null;
  /** The client certificate its backend is shown; null: none. */
  readonly tls: ClientTls | null;
  /** Credential headers the API declares as parameters of its own. */
  readonly declaredCredentials: ReadonlySet<string> | null;
  /** Headers (lower case) that hold credentials by this gateway's parameters: they go no further. */
  readonly withheld: ReadonlySet<string> | null;
  /** What the gateway's parameter `custom_log` has noted beside calls; null: nothing. */
  readonly logFields: readonly LogField[] | null;
  readonly bodyBytesMax: number;
  readonly apiLimitPerSecond: number;
  /** Of the gateway's edition; 0: none. */
  readonly gatewayLimitPerSecond: number;
  /** The gateway is switched to maintenance. */
  readonly maintenance: boolean;
}

export interface LiveCredential {
  readonly row: SnapshotCredential;
  readonly app: LiveApp;
  /** Opened at the first signature; null when no key of ours opens it. */
  secret(): KeyObject | null;
  /** The same, made ready for verifying signatures. */
  signingKey(): HmacKey | null;
}

export interface LiveApp {
  readonly id: string;
  readonly organizationId: string;
  readonly grants: Map<Served, Grant>;
}

export interface Grant {
  /** Null: authorized directly by the provider, counted and never billed. */
  readonly subscriptionId: string | null;
  /** Null though there is an id: the subscription has ended. */
  readonly subscription: LiveSubscription | null;
}

export interface LiveSubscription {
  readonly row: SnapshotSubscription;
  /** The window that holds an instant, with its plan; null before the first and after the last known one. */
  at(instant: number): CurrentTerms | null;
}

export interface CurrentTerms {
  readonly window: SnapshotWindow;
  readonly version: SnapshotPlanVersion;
  readonly plan: Plan;
}

const MEGABYTE = 1_048_576;
export const BODY_BYTES_MAX = 12 * MEGABYTE;
const NO_PARAMETERS = parameterValues({});
/** A response header set that declares one of these is the API's own business. */
const CREDENTIAL_NAMES = new Set(['authorization', 'cookie']);

/** @param constants  kept from one compilation to the next */
export function compileTable(snapshot: Snapshot, keyRing: KeyRing, constants: ConstantOpener, clientTls: ClientTlsOpener): Table {
  constants.begin();
  clientTls.begin();
  const parametersOf = new Map(snapshot.gateways.map((gateway) => [gateway.id, parameterValues(gateway.parameters)]));
  const gatewayOf = new Map(snapshot.gateways.map((gateway) => [gateway.id, gateway]));
  const labelOf = new Map(snapshot.groups.map((group) => [group.id, group.label]));
  const tokensOf = new Map(snapshot.gateways.map((gateway) => [gateway.id, tokenSettings(gateway, keyRing)]));
  const plans = compilePlans(snapshot.planVersions);
  const subscriptions = new Map(snapshot.subscriptions.map((row) => [row.id, compileSubscription(row, plans)]));
  const served = new Map<string, Served>();
  const routes = new Map<string, Map<string, { frontend: SnapshotApi['definition']['frontend']; value: Served }[]>>();
  for (const api of snapshot.apis) {
    const label = labelOf.get(api.groupId);
    if (label === undefined) continue;
    const one = compileServed(
      api,
      label,
      parametersOf.get(api.gatewayId) ?? NO_PARAMETERS,
      gatewayOf.get(api.gatewayId),
      tokensOf.get(api.gatewayId) ?? null,
      constants,
      clientTls,
    );
    served.set(`${api.id} ${api.environmentId}`, one);
    const environments = routes.get(label) ?? new Map<string, { frontend: SnapshotApi['definition']['frontend']; value: Served }[]>();
    routes.set(label, environments);
    environments.set(api.environmentName, [...(environments.get(api.environmentName) ?? []), { frontend: api.definition.frontend, value: one }]);
  }
  const apps = new Map<string, LiveApp>();
  const byHash = new Map<string, LiveCredential>();
  const byAppKey = new Map<string, LiveCredential>();
  const byCredentialId = new Map<string, LiveCredential>();
  for (const row of snapshot.credentials) {
    let app = apps.get(row.appId);
    if (!app) apps.set(row.appId, (app = { id: row.appId, organizationId: row.organizationId, grants: new Map() }));
    const credential = { row, app, ...lazySecret(row, keyRing) };
    byCredentialId.set(row.id, credential);
    if (row.hash !== null) byHash.set(row.hash, credential);
    if (row.appKey !== null) byAppKey.set(row.appKey, credential);
  }
  // Direct authorizations first: a binding to a subscription goes before them.
  for (const bound of [false, true])
    for (const grant of snapshot.grants) {
      const app = apps.get(grant.appId);
      if (!app || (grant.subscriptionId !== null) !== bound) continue;
      const subscription = grant.subscriptionId === null ? null : (subscriptions.get(grant.subscriptionId) ?? null);
      for (const apiId of grant.apiIds) {
        const api = served.get(`${apiId} ${grant.environmentId}`);
        if (api) app.grants.set(api, { subscriptionId: grant.subscriptionId, subscription });
      }
    }
  const groupsOf = new Map<string, Map<string, ReadonlyMap<string, Router<Served>>>>();
  const groups = new Map<string, ReadonlyMap<string, Router<Served>>>();
  const privateOnly = new Set(snapshot.gateways.flatMap(({ id, privateOnly: only }) => (only === true ? [id] : [])));
  for (const { label, gatewayId } of snapshot.groups) {
    const environments = new Map([...(routes.get(label) ?? [])].map(([environment, list]) => [environment, compileRoutes(list)]));
    const own = groupsOf.get(gatewayId) ?? new Map<string, ReadonlyMap<string, Router<Served>>>();
    groupsOf.set(gatewayId, own.set(label, environments));
    if (!privateOnly.has(gatewayId)) groups.set(label, environments);
  }
  const connections = new Map(
    (snapshot.connections ?? []).map(({ id, gatewayId, address, networks }): [string, LiveConnection] => [
      address,
      { id, networks: networksOf(networks), groups: groupsOf.get(gatewayId) ?? NO_GROUPS },
    ]),
  );
  const slashLabels = new Set(snapshot.groups.flatMap(({ label, gatewayId }) => (parametersOf.get(gatewayId)?.api_uri_no_escape ? [label] : [])));
  const tokensByLabel = new Map(
    snapshot.groups.flatMap(({ label, gatewayId }): [string, TokenSettings][] => {
      const settings = tokensOf.get(gatewayId) ?? null;
      return settings === null ? [] : [[label, settings]];
    }),
  );
  const connectionKeys = new Set([...served.values()].map(({ backend, tls }) => connectionKey(backend.origin, tls)));
  return {
    builtAt: snapshot.builtAt,
    groups,
    connections,
    privateOnly,
    slashLabels,
    connectionKeys,
    tokenSettings: tokensByLabel,
    byHash,
    byAppKey,
    byCredentialId,
  };
}

const networksOf = (entries: readonly string[]): AddressPolicy | null => (entries.length === 0 ? null : { kind: 'PERMIT', ranges: compileAddresses(entries) });

function compileServed(
  api: SnapshotApi,
  label: string,
  parameters: ParameterValues,
  gateway: SnapshotGateway | undefined,
  tokens: TokenSettings | null,
  constants: ConstantOpener,
  clientTls: ClientTlsOpener,
): Served {
  const { definition } = api;
  const backend = compileBackend(definition, constants.of(api.id, definition.backendParameters), parameters.backend_timeout);
  const tls = gateway && backend.origin.startsWith('https:') ? clientTls.of(gateway) : null;
  const declared = definition.parameters.filter((one) => one.in === 'header' && CREDENTIAL_NAMES.has(one.name.toLowerCase()));
  return {
    api,
    parameters,
    label,
    operation: `${definition.frontend.method} ${definition.frontend.path}`,
    backend: tls === 'sealed' ? { ...backend, sealed: true } : backend,
    tokens,
    tls: tls === 'sealed' ? null : tls,
    declaredCredentials: declared.length > 0 ? new Set(declared.map(({ name }) => name.toLowerCase())) : null,
    withheld: parameters.custom_auth_header === '' ? null : new Set([parameters.custom_auth_header.toLowerCase()]),
    logFields: logFieldsOf(parameters),
    bodyBytesMax: parameters.request_body_size * MEGABYTE,
    apiLimitPerSecond: parameters.ratelimit_api_limits,
    gatewayLimitPerSecond: gateway?.callsPerSecond ?? 0,
    maintenance: gateway?.maintenance === true,
  };
}

/** A header that holds credentials by another parameter is none to be logged. */
function logFieldsOf({ custom_log, custom_auth_header }: ParameterValues): LogField[] | null {
  if (custom_log === '') return null;
  const fields = logFields(custom_log).filter(({ in: place, name }) => place !== 'header' || name !== custom_auth_header.toLowerCase());
  return fields.length > 0 ? fields : null;
}

function lazySecret(row: SnapshotCredential, keyRing: KeyRing): Pick<LiveCredential, 'secret' | 'signingKey'> {
  let opened: KeyObject | null | undefined;
  let ready: HmacKey | null | undefined;
  const secret = () => {
    if (opened === undefined) {
      const text = row.secretCipher === null || row.appKey === null ? null : openSecret(keyRing, row.secretCipher, row.appKey);
      opened = text === null ? null : createSecretKey(Buffer.from(text, 'utf8'));
    }
    return opened;
  };
  return {
    secret,
    signingKey() {
      if (ready === undefined) {
        const key = secret();
        ready = key === null ? null : hmacKey(key.export());
      }
      return ready;
    },
  };
}

function compilePlans(versions: readonly SnapshotPlanVersion[]): Map<string, { version: SnapshotPlanVersion; plan: Plan }> {
  return new Map(versions.map((version) => [version.id, { version, plan: planOf(version.document) }]));
}

function compileSubscription(row: SnapshotSubscription, plans: ReadonlyMap<string, { version: SnapshotPlanVersion; plan: Plan }>): LiveSubscription {
  const terms = row.windows.flatMap((window): CurrentTerms[] => {
    const plan = plans.get(window.planVersionId);
    return plan ? [{ window, ...plan }] : [];
  });
  let current = terms[0] ?? null;
  return {
    row,
    at(instant) {
      if (current === null || instant < current.window.startAt || instant >= current.window.endAt) {
        const next = terms.find(({ window }) => window.startAt <= instant && instant < window.endAt);
        if (next === undefined) return null;
        current = next;
      }
      return current;
    },
  };
}
