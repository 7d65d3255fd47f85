import type { Actor } from '../domain/actor.ts';
import type { ApiDefinition, BackendPlace, RequestParameter } from '../domain/api.ts';
import type { KeyRing } from '../domain/credential.ts';
import { openGatewaySecret } from '../domain/gateway-secrets.ts';
import { withoutUser } from '../domain/upstream-origin.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Constants } from './catalog/constants.ts';
import { ownApi, type CatalogDependencies } from './catalog/own.ts';
import type { Outbound, ProbeReport, ProbeTls } from './outbound.ts';

export interface UpstreamTestResult {
  readonly report: ProbeReport;
  /** What was called: `GET https://api.example.com/v1/countries/DE`. */
  readonly called: string;
  /** What a caller should know about how it was called. */
  readonly notes: readonly string[];
}

export interface UpstreamTest {
  /** Try an address before anything is saved. */
  address(actor: Actor, target: { readonly origin: string; readonly path: string }): Promise<UpstreamTestResult>;
  /** Try the backend of a draft as a call would reach it, hidden values included. Only reading methods are sent. */
  api(actor: Actor, apiId: string): Promise<UpstreamTestResult>;
}

/** The client certificates of gateways, opened for whoever connects to their backends. */
export interface BackendCertificates {
  /** Null: it has none. @throws conflict when no key opens it */
  of(gatewayId: string): Promise<ProbeTls | null>;
}

export const makeBackendCertificates = ({ store, secretKeys }: Pick<CatalogDependencies, 'store'> & { secretKeys: KeyRing }): BackendCertificates => ({
  async of(gatewayId) {
    const gateway = await store.gateways.gateway(gatewayId);
    const id = gateway?.parameters.backend_client_certificate?.id;
    if (id === undefined) return null;
    const secret = gateway?.secrets?.[id];
    const key = secret ? openGatewaySecret(secretKeys, gatewayId, id, secret) : null;
    if (!secret || key === null) throw new AppError('conflict', 'The client certificate of the gateway can no longer be read. Paste it once more.');
    return { certificate: secret.certificate, ca: secret.ca, key };
  },
});

/** Tests of one organization in a minute: enough to try, too few to search networks with. */
const PER_MINUTE = 20;
const MINUTE_MS = 60_000;
const PATH_MAX = 2_048;

export function makeUpstreamTest({
  store,
  outbound,
  clock,
  constants,
  certificates,
}: Pick<CatalogDependencies, 'store'> & {
  outbound: Outbound;
  clock: Pick<Clock, 'monotonic'>;
  constants: Pick<Constants, 'opened'>;
  certificates: BackendCertificates;
}): UpstreamTest {
  const recent = new Map<string, number[]>();

  function count(actor: Actor): void {
    const now = clock.monotonic();
    for (const [key, times] of recent) if ((times.at(-1) ?? 0) < now - MINUTE_MS) recent.delete(key);
    const times = (recent.get(actor.organizationId) ?? []).filter((at) => at > now - MINUTE_MS);
    if (times.length >= PER_MINUTE) throw new AppError('too-many-attempts', `At most ${PER_MINUTE} tests a minute. Wait a little.`, { retryAfterSeconds: 60 });
    recent.set(actor.organizationId, [...times, now]);
  }

  return {
    async address(actor, { origin, path }) {
      count(actor);
      const target = path.startsWith('/') ? path.slice(0, PATH_MAX) : `/${path}`.slice(0, PATH_MAX);
      const clean = encodeURI(target.replace(/#.*$/s, '').replace(/\{[^}]*\}/g, '1'));
      return { report: await outbound.probe({ origin, path: clean, method: 'GET', headers: {} }), called: `GET ${withoutUser(origin)}${clean}`, notes: [] };
    },

    async api(actor, apiId) {
      const { definition, gatewayId } = await ownApi(store, actor, apiId);
      if (definition.backend.kind !== 'http') throw new AppError('conflict', 'A mock has no backend that could be tested.');
      count(actor);
      const hidden = constants.opened(apiId, definition.backendParameters);
      const { method, path, notes } = requestOf(definition, hidden);
      const headers = Object.fromEntries(hidden.filter((one) => one.in === 'header').map(({ name, value }) => [name, value]));
      const { origin } = definition.backend;
      return {
        report: await outbound.probe({ origin, path, method, headers, tls: await certificates.of(gatewayId) }),
        called: `${method} ${origin}${withoutHidden(path, definition)}`,
        notes,
      };
    },
  };
}

/** Values a test can be made with, from the definition itself. */
function sampleOf({ default: standard, example, enum: values, type, minimum }: RequestParameter): string {
  return example ?? standard ?? values?.[0] ?? (type === 'boolean' ? 'true' : type === 'string' ? 'test' : String(minimum ?? 1));
}

function requestOf(
  { backend, frontend, parameters }: ApiDefinition,
  hidden: readonly (BackendPlace & { readonly value: string })[],
): { method: 'GET' | 'HEAD'; path: string; notes: string[] } {
  if (backend.kind !== 'http') return { method: 'GET', path: '/', notes: [] };
  const wanted = backend.method === 'SAME' ? frontend.method : backend.method;
  if (wanted !== 'GET' && wanted !== 'HEAD' && wanted !== 'ANY') {
    return { method: 'HEAD', path: '/', notes: [`${wanted} would change something, so only the connection was tried, with HEAD /.`] };
  }
  const notes: string[] = [];
  const path = backend.path.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const parameter = parameters.find((one) => one.in === 'path' && one.name === name);
    const value = parameter ? sampleOf(parameter) : 'test';
    notes.push(`{${name}} was filled with “${value.slice(0, 40)}”.`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const parameter of parameters) if (parameter.in === 'query' && parameter.required) query.append(parameter.name, sampleOf(parameter));
  for (const { name, in: place, value } of hidden) if (place === 'query') query.append(name, value);
  const suffix = query.size > 0 ? `?${query.toString()}` : '';
  return { method: wanted === 'HEAD' ? 'HEAD' : 'GET', path: `${path}${suffix}`.slice(0, PATH_MAX), notes };
}

/** Hidden values stay hidden on the page, too. */
function withoutHidden(path: string, { backendParameters }: ApiDefinition): string {
  const [place = '', query] = path.split('?');
  if (query === undefined) return place;
  const shown = new URLSearchParams(query);
  for (const { name, in: kind } of backendParameters) if (kind === 'query') shown.set(name, '…');
  return `${place}?${decodeURIComponent(shown.toString())}`;
}
