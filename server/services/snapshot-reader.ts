import { EDITIONS } from '../domain/gateway-rules.ts';
import { usedSecrets } from '../domain/gateway-parameters.ts';
import { keptSecrets } from '../domain/gateway-secrets.ts';
import type { Snapshot, SnapshotGrant, SnapshotSubscription, SnapshotWindow } from '../domain/snapshot.ts';
import type { PeriodDoc } from '../store/periods.ts';
import type { Store } from '../store/index.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';

/** Ids asked for at once. */
const CHUNK = 500;
/** A credential that ended longer ago is unknown, not expired. */
const EXPIRED_KEPT_MS = 30 * 86_400_000;

/** Read everything a gateway decides by: a fixed number of queries, and one for each 500 subscriptions and plan versions. */
export async function readSnapshot(
  store: Pick<Store, 'apis' | 'apps' | 'endpoints' | 'gateways' | 'periods' | 'products' | 'subscriptions'>,
  now: number,
): Promise<Snapshot> {
  const [gateways, groups, environments, publications, credentials, bindings, authorizations, subscriptions, connections] = await Promise.all([
    store.gateways.allGateways(),
    store.gateways.allGroups(),
    store.gateways.allEnvironments(),
    store.apis.livePublications(),
    store.apps.liveCredentials(),
    store.apps.liveBindings(),
    store.apps.liveAuthorizations(),
    store.subscriptions.allLive(),
    store.endpoints.accepted(),
  ]);
  const bound = new Set(bindings.map(({ subscriptionId }) => subscriptionId));
  const used = subscriptions.filter(({ _id }) => bound.has(_id));
  // The running period and the one stored ahead.
  const periods = await inChunks(
    used.flatMap(({ _id, periodIndex }) => [`${_id}_${periodIndex}`, `${_id}_${periodIndex + 1}`]),
    (ids) => store.periods.many(ids),
  );
  const periodsOf = new Map<string, PeriodDoc[]>();
  for (const period of periods) periodsOf.set(period.subscriptionId, [...(periodsOf.get(period.subscriptionId) ?? []), period]);
  const rows = used.map((subscription) => subscriptionRow(subscription, periodsOf.get(subscription._id) ?? []));
  const versions = await inChunks([...new Set(rows.flatMap(({ windows }) => windows.map(({ planVersionId }) => planVersionId)))], (ids) =>
    store.products.planVersions(ids),
  );
  // From the decision to delete it, a gateway answers nothing, whatever is still stored of it.
  const open = gateways.filter(({ deletion }) => !deletion);
  const openIds = new Set(open.map(({ _id }) => _id));
  const environmentName = new Map(environments.map(({ _id, name }) => [_id, name]));

  return {
    builtAt: now,
    gateways: open.map(({ _id, organizationId, parameters, secrets, edition, maintenance, privateOnly }) => ({
      id: _id,
      organizationId,
      parameters,
      ...(secrets && { secrets: keptSecrets(secrets, usedSecrets(parameters), 0) }),
      callsPerSecond: EDITIONS[edition].callsPerSecond,
      maintenance: maintenance === true,
      privateOnly: privateOnly === true,
    })),
    groups: groups.filter(({ gatewayId }) => openIds.has(gatewayId)).map(({ _id, gatewayId, label }) => ({ id: _id, gatewayId, label })),
    apis: publications
      .filter(({ gatewayId }) => openIds.has(gatewayId))
      .map(({ _id, apiId, gatewayId, groupId, environmentId, definition }) => ({
        id: apiId,
        publicationId: _id,
        gatewayId,
        groupId,
        environmentId,
        environmentName: environmentName.get(environmentId) ?? '',
        definition,
      })),
    credentials: credentials
      .filter(({ notAfter }) => notAfter === null || notAfter > now - EXPIRED_KEPT_MS)
      .map(({ _id, appId, organizationId, kind, appKey, secretCipher, hash, notAfter }) => ({
        id: _id,
        appId,
        organizationId,
        kind,
        appKey,
        secretCipher,
        hash,
        notAfter,
      })),
    grants: [
      ...bindings.map(({ appId, apiIds, environmentId, subscriptionId }): SnapshotGrant => ({ appId, apiIds, environmentId, subscriptionId })),
      ...authorizations.map(({ appId, apiId, environmentId }): SnapshotGrant => ({ appId, apiIds: [apiId], environmentId, subscriptionId: null })),
    ],
    subscriptions: rows,
    planVersions: versions.map(({ _id, planId, planName, document }) => ({ id: _id, planId, planName, document })),
    connections: connections.map(({ _id, gatewayId, address, networks }) => ({ id: _id, gatewayId, address: address ?? '', networks })),
  };
}

const subscriptionRow = (
  { _id, organizationId, productId, gatewayId, status, entitledUntil }: SubscriptionDoc,
  periods: readonly PeriodDoc[],
): SnapshotSubscription => ({
  id: _id,
  organizationId,
  productId,
  gatewayId,
  status,
  entitledUntil,
  windows: periods.toSorted((a, b) => a.index - b.index).flatMap(windowsOf),
});

/** The stretches of a period, each until the next begins (rule N7). */
function windowsOf({ index, endAt, windows }: PeriodDoc): SnapshotWindow[] {
  return windows.map(({ changeIndex, from, planVersionId }, position) => ({
    key: `${index}.${changeIndex}`,
    startAt: from,
    endAt: windows[position + 1]?.from ?? endAt,
    planVersionId,
  }));
}

async function inChunks<T>(ids: readonly string[], read: (ids: string[]) => PromiseLike<T[]>): Promise<T[]> {
  const rows: T[] = [];
  for (let from = 0; from < ids.length; from += CHUNK) rows.push(...(await read(ids.slice(from, from + CHUNK))));
  return rows;
}
