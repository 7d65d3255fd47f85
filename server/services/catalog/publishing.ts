import type { Actor } from '../../domain/actor.ts';
import type { Action } from '../../domain/actions.ts';
import { checkDefinition, operationOf, routeKey } from '../../domain/api-definition.ts';
import { canonicalJson } from '../../domain/plan.ts';
import { AppError } from '../../kernel/errors.ts';
import type { ApiDoc, PublicationDoc, Serving, Wanted } from '../../store/apis.ts';
import { pageOfNumbers, type ListPage } from '../kept-lists.ts';
import type { Constants } from './constants.ts';
import { touchCatalogue } from './directory.ts';
import { RELEASE } from './gateways.ts';
import { mayEach, ownApi, owned, ownGateway, type ListingDependencies } from './own.ts';

/** As many APIs go live by one request at most. */
export const PUBLISH_MAX = 3_000;
export const NOTE_MAX = 255;
/** Records on one page. */
const HISTORY_PAGE_SIZE = 25;
const SETTLE_ROUNDS = 10;
/** A settling older than this was left by somebody who is gone. */
const ABANDONED_MS = 30_000;

export interface PublishResult {
  readonly published: readonly PublicationDoc[];
  /** Already live exactly so. */
  readonly unchanged: readonly string[];
  readonly refused: readonly { readonly apiId: string; readonly operation: string; readonly reason: string }[];
}

/** What taking APIs offline does, for the page that asks. */
export interface OfflineEffect {
  readonly apis: number;
  readonly products: readonly { readonly id: string; readonly name: string }[];
  readonly subscriptions: number;
  readonly authorizations: number;
}

export interface Publishing {
  /** Freeze the drafts as they stand and serve them in RELEASE. What cannot go live is told one by one; the rest does. */
  publish(actor: Actor, gatewayId: string, apiIds: readonly string[], note: string): Promise<PublishResult>;
  /** Serve an earlier record again. The draft stays as it is. */
  rollback(actor: Actor, apiId: string, publicationId: string): Promise<void>;
  offline(actor: Actor, gatewayId: string, apiIds: readonly string[]): Promise<number>;
  offlineEffect(actor: Actor, gatewayId: string, apiIds: readonly string[]): Promise<OfflineEffect>;
  /** Records of the API in RELEASE, newest first; `live` = it is meant to be served. @param page  from 1 */
  history(actor: Actor, apiId: string, page?: number): Promise<ListPage<PublicationDoc>>;
  /** Finish what a crash left between two flags. Run by the sweeper. @returns how many were left */
  settleAbandoned(actor: Actor): Promise<number>;
}

export function makePublishing({
  store,
  clock,
  ids,
  audit,
  changes,
  upstreamAllow,
  constants,
  sellerLists,
}: Omit<ListingDependencies, 'directory'> & { readonly constants: Pick<Constants, 'same'> }): Publishing {
  const { apis, gateways } = store;

  const releaseOf = async (gatewayId: string) => {
    const environment = await gateways.environmentByName(gatewayId, RELEASE);
    if (!environment) throw new AppError('not-found');
    return environment;
  };

  /** The actor's APIs by id, all of this gateway; one foreign or unknown id and none is found. */
  async function ownApis(actor: Actor, action: Action, gatewayId: string, apiIds: readonly string[]): Promise<ApiDoc[]> {
    const wanted = [...new Set(apiIds)];
    if (wanted.length > PUBLISH_MAX) throw new AppError('invalid-request', `At most ${PUBLISH_MAX} APIs at a time.`);
    const found = (await apis.apis(wanted)).filter((api) => api.gatewayId === gatewayId).map((api) => owned(actor, api));
    if (found.length !== wanted.length || found.length === 0) throw new AppError('not-found');
    mayEach(actor, action, await ownGateway(store, actor, gatewayId), found);
    return found;
  }

  /** Make the flags follow what was decided, until what was decided stands still. @returns what another API's live route forbids */
  async function settle(apiIds: readonly string[]): Promise<{ apiId: string; holderId: string }[]> {
    const forbidden: { apiId: string; holderId: string }[] = [];
    for (let round = 0; round < SETTLE_ROUNDS; round++) {
      const before = await apis.servingOf(apiIds);
      const refused = await apis.flip(wantedOf(before));
      for (const { apiId, environmentId, publicationId, holderId } of refused) {
        if (holderId === null) continue;
        await apis.unsetServing(apiId, environmentId, publicationId);
        forbidden.push({ apiId, holderId });
      }
      if (refused.length === 0 && sameServing(before, await apis.servingOf(apiIds))) return forbidden;
    }
    throw new AppError('conflict', 'Others publish the same APIs at this moment. Try again.');
  }

  /** The note first, then the decision, then the flags: whatever is cut short is found by its note and finished. */
  async function decide(environmentId: string, wanted: ReadonlyMap<string, string | null>) {
    const settling = ids.next('evt');
    const apiIds = [...wanted.keys()];
    await apis.beginSettling({ _id: settling, apiIds, startedAt: clock.real(), done: false, expiresAt: null });
    await apis.setServing(environmentId, wanted);
    const forbidden = await settle(apiIds);
    await apis.endSettling(settling, clock.real());
    return forbidden;
  }

  /** Split drafts into those that may go live and those that may not, with the reason. */
  function sift(drafts: readonly ApiDoc[], live: readonly PublicationDoc[]) {
    const liveByApi = new Map(live.map((record) => [record.apiId, record]));
    const liveByRoute = new Map(live.map((record) => [`${record.groupId} ${routeKey(record.definition.frontend)}`, record]));
    const unchanged: string[] = [];
    const refused: { apiId: string; operation: string; reason: string }[] = [];
    const good = drafts.filter(({ _id: apiId, groupId, definition }) => {
      const operation = operationOf(definition.frontend);
      const fault = Object.values(checkDefinition(definition, upstreamAllow))[0];
      if (fault !== undefined) return (refused.push({ apiId, operation, reason: fault }), false);
      const present = liveByApi.get(apiId);
      if (present && constants.same(apiId, present.definition, definition)) return (unchanged.push(apiId), false);
      const other = liveByRoute.get(`${groupId} ${routeKey(definition.frontend)}`);
      if (other && other.apiId !== apiId) {
        return (
          refused.push({
            apiId,
            operation,
            reason: `${other.definition.name}, which is live, answers the same calls. Take it offline or publish its change first.`,
          }),
          false
        );
      }
      return true;
    });
    return { good, unchanged, refused };
  }

  /** By API, the ordinal that its next record takes. */
  async function nextOrdinals(environmentId: string, list: readonly ApiDoc[]): Promise<Map<string, number>> {
    const isUnknown = ({ ordinals, serving }: ApiDoc) => ordinals?.[environmentId] === undefined && serving?.[environmentId] !== undefined;
    const told = await apis.newestOrdinals(
      environmentId,
      list.filter(isUnknown).map(({ _id }) => _id),
    );
    return new Map(list.map(({ _id, ordinals }) => [_id, (ordinals?.[environmentId] ?? told.get(_id) ?? 0) + 1]));
  }

  const resourceOf = (gatewayId: string, list: readonly ApiDoc[]): string => {
    const [first] = list;
    return list.length === 1 && first ? `gateway:${gatewayId}/group:${first.groupId}/api:${first._id}` : `gateway:${gatewayId}`;
  };

  return {
    async publish(actor, gatewayId, apiIds, note) {
      const drafts = await ownApis(actor, 'apig:apis:publish', gatewayId, apiIds);
      const environment = await releaseOf(gatewayId);
      const groupIds = [...new Set(drafts.map(({ groupId }) => groupId))];
      const live = (await Promise.all(groupIds.map((groupId) => apis.livePublicationsOfGroup(groupId))))
        .flat()
        .filter((record) => record.environmentId === environment._id);
      const { good, unchanged, refused } = sift(drafts, live);

      const ordinals = await nextOrdinals(environment._id, good);
      await apis.takeOrdinals(environment._id, ordinals);
      const records = good.map((api): PublicationDoc => ({
        _id: ids.next('pub'),
        gatewayId,
        groupId: api.groupId,
        apiId: api._id,
        environmentId: environment._id,
        ordinal: ordinals.get(api._id) ?? 1,
        definition: api.definition,
        live: false,
        note: note.slice(0, NOTE_MAX),
        publishedAt: clock.now(),
        publishedBy: actor.userId,
      }));
      const standing = await apis.addPublications(records);
      const own = records.filter(({ _id }) => standing.has(_id));
      const say = ({ apiId, definition }: PublicationDoc, reason: string) => refused.push({ apiId, operation: operationOf(definition.frontend), reason });
      for (const record of records) if (!standing.has(record._id)) say(record, 'Somebody else published it at the same moment. Look at it again.');

      const forbidden = new Set(
        own.length === 0 ? [] : (await decide(environment._id, new Map(own.map(({ apiId, _id }) => [apiId, _id])))).map(({ apiId }) => apiId),
      );
      for (const record of own) if (forbidden.has(record.apiId)) say(record, 'Another API that answers the same calls went live at the same moment.');
      const published = own.filter(({ apiId }) => !forbidden.has(apiId)).map((record) => ({ ...record, live: true }));
      if (published.length > 0) {
        await audit.append(actor, {
          action: 'apig:apis:publish',
          resource: resourceOf(gatewayId, drafts),
          after: {
            environment: RELEASE,
            note,
            publications: published.slice(0, 100).map(({ apiId, ordinal }) => ({ apiId, ordinal })),
            count: published.length,
          },
        });
        await touchCatalogue(store, gatewayId);
        await changes.announce('catalogue-changed', { what: 'publication', id: gatewayId });
      }
      return { published, unchanged, refused };
    },

    async rollback(actor, apiId, publicationId) {
      const api = await ownApi(store, actor, apiId);
      const record = await apis.publication(publicationId);
      if (!record || record.apiId !== apiId) throw new AppError('not-found');
      const before = api.serving?.[record.environmentId] ?? null;
      const [forbidden] = await decide(record.environmentId, new Map([[apiId, publicationId]]));
      if (forbidden) throw new AppError('conflict', 'Another live API of the group answers the same calls as this record. Take that one offline first.');
      await audit.append(actor, {
        action: 'apig:apis:publish',
        resource: resourceOf(api.gatewayId, [api]),
        before: { publicationId: before },
        after: { publicationId, ordinal: record.ordinal, rollback: true },
      });
      await touchCatalogue(store, api.gatewayId);
      await changes.announce('catalogue-changed', { what: 'publication', id: apiId });
    },

    async offline(actor, gatewayId, apiIds) {
      const environment = await releaseOf(gatewayId);
      const online = (await ownApis(actor, 'apig:apis:offline', gatewayId, apiIds)).filter(({ serving }) => serving?.[environment._id]);
      if (online.length === 0) return 0;
      await decide(environment._id, new Map(online.map(({ _id }) => [_id, null])));
      await audit.append(actor, {
        action: 'apig:apis:offline',
        resource: resourceOf(gatewayId, online),
        before: { live: online.slice(0, 100).map(({ _id }) => _id), count: online.length },
        after: { live: [] },
      });
      await touchCatalogue(store, gatewayId);
      await changes.announce('catalogue-changed', { what: 'publication', id: gatewayId });
      return online.length;
    },

    async offlineEffect(actor, gatewayId, apiIds) {
      const environment = await releaseOf(gatewayId);
      const online = (await ownApis(actor, 'apig:apis:get', gatewayId, apiIds)).filter(({ serving }) => serving?.[environment._id]);
      const gone = new Set(online.map(({ _id }) => _id));
      const organizationId = online[0]?.organizationId ?? '';
      const [products, subscribers, authorizations] = await Promise.all([
        sellerLists.products(organizationId),
        sellerLists.subscribers(organizationId),
        sellerLists.authorizations(gatewayId),
      ]);
      const selling = products.filter(({ apiIds: sold, status }) => status !== 'retired' && sold.some((id) => gone.has(id)));
      return {
        apis: online.length,
        products: selling.map(({ _id, name }) => ({ id: _id, name })),
        subscriptions: selling.reduce((sum, { _id }) => sum + subscribers.ofProduct(_id), 0),
        authorizations: authorizations.filter(({ apiId }) => gone.has(apiId)).length,
      };
    },

    async history(actor, apiId, number = 1) {
      const { gatewayId, ordinals, serving = {} } = await ownApi(store, actor, apiId);
      const { _id: environmentId } = await releaseOf(gatewayId);
      const total = ordinals?.[environmentId] ?? (await apis.newestOrdinals(environmentId, [apiId])).get(apiId) ?? 0;
      const { from, to, ...page } = pageOfNumbers(total, number, HISTORY_PAGE_SIZE);
      const records = total === 0 ? [] : await apis.publicationsBetween(apiId, environmentId, from, to);
      const rows = records.map((record) => ({ ...record, live: serving[environmentId] === record._id })).sort((a, b) => b.ordinal - a.ordinal);
      return { ...page, rows };
    },

    async settleAbandoned() {
      const left = (await apis.openSettlings()).filter(({ startedAt }) => startedAt < clock.real() - ABANDONED_MS);
      for (const { _id, apiIds } of left) {
        await settle(apiIds);
        await apis.endSettling(_id, clock.real());
        for (const gatewayId of new Set((await apis.apis(apiIds)).map((api) => api.gatewayId))) await touchCatalogue(store, gatewayId);
        await changes.announce('catalogue-changed', { what: 'publication', id: apiIds[0] ?? '' });
      }
      return left.length;
    },
  };
}

function wantedOf(serving: ReadonlyMap<string, Serving>): Wanted[] {
  return [...serving].flatMap(([apiId, places]) => Object.entries(places).map(([environmentId, publicationId]) => ({ apiId, environmentId, publicationId })));
}

const sameServing = (a: ReadonlyMap<string, Serving>, b: ReadonlyMap<string, Serving>): boolean =>
  a.size === b.size && [...a].every(([apiId, serving]) => canonicalJson(serving) === canonicalJson(b.get(apiId) ?? {}));
