import type { Actor } from '../../domain/actor.ts';
import type { ApiDefinition, ApiDraft } from '../../domain/api.ts';
import { checkDefinition, operationOf } from '../../domain/api-definition.ts';
import { APIS_PER_GROUP_MAX, apisLimit, fullWords } from '../../domain/gateway-rules.ts';
import type { ApiStatus } from '../../domain/lifecycles.ts';
import { canonicalJson } from '../../domain/plan.ts';
import { readOrigin } from '../../domain/upstream-origin.ts';
import { AppError } from '../../kernel/errors.ts';
import type { ApiDoc } from '../../store/apis.ts';
import { isServed } from '../../store/publications.ts';
import type { Constants, ShownConstant } from './constants.ts';
import { touchCatalogue } from './directory.ts';
import { RELEASE } from './gateways.ts';
import { faulty, ownApi, ownGroup, refuseFaults, ownGateway, seesApi, stillOpen, type ListingDependencies } from './own.ts';

export interface ApiSummary {
  readonly api: ApiDoc;
  readonly status: ApiStatus;
  /** The draft differs from what is live. */
  readonly changed: boolean;
}

export interface ApiDetails extends ApiSummary {
  /** Of the draft. */
  readonly constants: readonly ShownConstant[];
}

export interface Apis {
  /** Of one group, by path and method. */
  list(actor: Actor, gatewayId: string, groupId: string): Promise<ApiSummary[]>;
  /** Of all groups of a gateway, group by group. */
  ofGateway(actor: Actor, gatewayId: string): Promise<ApiSummary[]>;
  get(actor: Actor, apiId: string): Promise<ApiDetails>;
  /** @throws invalid-form with the faults by field: a second API for the same calls, or a gateway that is full, beside the path */
  create(actor: Actor, gatewayId: string, groupId: string, draft: ApiDraft): Promise<ApiDoc>;
  /** @throws conflict when it was changed since `rev` was read */
  update(actor: Actor, apiId: string, rev: number, draft: ApiDraft): Promise<void>;
  /** @throws conflict while it is live or part of a product */
  remove(actor: Actor, apiId: string): Promise<void>;
}

/** The one spelling of an origin; everything else is kept as typed. */
function tidied(definition: ApiDraft, allow: ReadonlySet<string>): ApiDraft {
  if (definition.backend.kind !== 'http') return definition;
  const reading = readOrigin(definition.backend.origin, allow);
  return reading.fault === undefined ? { ...definition, backend: { ...definition.backend, origin: reading.origin } } : definition;
}

export function makeApis({ store, clock, ids, audit, upstreamAllow, directory, constants }: ListingDependencies & { readonly constants: Constants }): Apis {
  const { apis, gateways } = store;

  /** What is stored of a draft. @throws invalid-form with the faults by field */
  function settled(apiId: string, draft: ApiDraft, stored: ApiDefinition | null): ApiDefinition {
    const tidy = tidied(draft, upstreamAllow);
    const { parameters, faults } = constants.settle(apiId, tidy, stored);
    refuseFaults({ ...faults, ...checkDefinition(tidy, upstreamAllow) });
    return { ...tidy, backendParameters: parameters };
  }

  const statusOf = (api: ApiDoc, environmentId: string): ApiStatus => {
    const publicationId = api.serving?.[environmentId];
    return publicationId === undefined ? 'draft' : publicationId === null ? 'offline' : 'published';
  };
  const releaseOf = async (gatewayId: string) => (await gateways.environmentByName(gatewayId, RELEASE))?._id ?? '';

  const differs = ({ _id, definition }: ApiDoc, live: ApiDefinition | undefined): boolean => live !== undefined && !constants.same(_id, live, definition);

  async function summariesOf(gatewayId: string, groupId: string): Promise<ApiSummary[]> {
    const [all, live, releaseId] = await Promise.all([apis.apisOfGroup(gatewayId, groupId), apis.livePublicationsOfGroup(groupId), releaseOf(gatewayId)]);
    const served = new Map(live.filter(({ environmentId }) => environmentId === releaseId).map((record) => [record.apiId, record.definition]));
    return all
      .map((api) => ({ api, status: statusOf(api, releaseId), changed: differs(api, served.get(api._id)) }))
      .sort((a, b) => compareOperations(a.api.definition, b.api.definition));
  }

  async function taken(groupId: string, gatewayId: string, definition: ApiDefinition, selfId: string): Promise<AppError> {
    const other = (await apis.apisOfGroup(gatewayId, groupId)).find(
      (api) => api._id !== selfId && api.definition.frontend.method === definition.frontend.method && shapeOf(api.definition) === shapeOf(definition),
    );
    return faulty({
      path: `${other ? `${other.definition.name} (${operationOf(other.definition.frontend)})` : 'Another API of this group'} answers the same calls.`,
    });
  }

  return {
    async list(actor, gatewayId, groupId) {
      const [gateway] = await Promise.all([ownGateway(store, actor, gatewayId), ownGroup(store, actor, gatewayId, groupId)]);
      const all = await directory.read(gatewayId, groupId, () => summariesOf(gatewayId, groupId));
      return all.filter(({ api }) => seesApi(actor, gateway, api));
    },

    async ofGateway(actor, gatewayId) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const all = await directory.read(gatewayId, 'apis', async () => {
        const groups = (await gateways.groupsOf(gatewayId)).sort((a, b) => a.createdAt - b.createdAt);
        const used = new Set((await apis.placesOfGateway(gatewayId)).map(({ groupId }) => groupId));
        const lists: ApiSummary[][] = [];
        for (const { _id } of groups) if (used.has(_id)) lists.push(await summariesOf(gatewayId, _id));
        return lists.flat();
      });
      return all.filter(({ api }) => seesApi(actor, gateway, api));
    },

    async get(actor, apiId) {
      const api = await ownApi(store, actor, apiId);
      const releaseId = await releaseOf(api.gatewayId);
      const publicationId = api.serving?.[releaseId];
      const live = publicationId ? await apis.publication(publicationId) : null;
      const shown = constants.shown(apiId, api.definition.backendParameters);
      return { api, status: statusOf(api, releaseId), changed: differs(api, live?.definition), constants: shown };
    },

    async create(actor, gatewayId, groupId, given) {
      const [gateway, group] = await Promise.all([ownGateway(store, actor, gatewayId), ownGroup(store, actor, gatewayId, groupId)]);
      const apiId = ids.next('api');
      const definition = settled(apiId, given, null);
      // Only where the edition has room for more.
      if (apisLimit(gateway) > APIS_PER_GROUP_MAX && (await apis.sizeOfGroup(gatewayId, groupId)) >= APIS_PER_GROUP_MAX)
        throw new AppError('conflict', `A group may have ${APIS_PER_GROUP_MAX} APIs.`);
      const now = clock.now();
      const api: ApiDoc = { _id: apiId, gatewayId, groupId, organizationId: group.organizationId, definition, createdAt: now, updatedAt: now, rev: 1 };
      const { added, full } = await apis.addApis([api], apisLimit(gateway));
      if (full.size > 0) throw faulty({ path: fullWords(gateway, await apis.usedSlots(gatewayId)) });
      if (!added.has(api._id)) throw await taken(groupId, gatewayId, definition, api._id);
      await touchCatalogue(store, gatewayId);
      await stillOpen(store, gatewayId);
      await audit.append(actor, {
        action: 'apig:apis:create',
        resource: `gateway:${gatewayId}/group:${groupId}/api:${apiId}`,
        after: constants.audited(apiId, definition),
      });
      return api;
    },

    async update(actor, apiId, rev, given) {
      const api = await ownApi(store, actor, apiId);
      const definition = settled(apiId, given, api.definition);
      const outcome = await apis.updateApi(apiId, rev, definition, clock.now());
      if (outcome === 'taken') throw await taken(api.groupId, api.gatewayId, definition, apiId);
      if (outcome === 'stale') {
        // Ours all the same, when only the answer of the write was lost.
        const present = await ownApi(store, actor, apiId);
        if (present.rev !== rev + 1 || canonicalJson(present.definition) !== canonicalJson(definition)) throw new AppError('conflict');
      }
      await touchCatalogue(store, api.gatewayId);
      await audit.append(actor, {
        action: 'apig:apis:update',
        resource: `gateway:${api.gatewayId}/group:${api.groupId}/api:${apiId}`,
        before: constants.audited(apiId, api.definition),
        after: constants.audited(apiId, definition, api.definition),
      });
    },

    async remove(actor, apiId) {
      const api = await ownApi(store, actor, apiId);
      const { serving = {} } = api;
      if (isServed(api)) throw new AppError('conflict', 'This API is live. Take it offline first.');
      const selling = (await store.products.productsOfGateway(api.organizationId, api.gatewayId)).find(
        ({ apiIds, status }) => status !== 'retired' && apiIds.includes(apiId),
      );
      if (selling) throw new AppError('conflict', `The product ${selling.name} contains this API. Take it out there first.`);
      if (!(await apis.removeApi(apiId, api.rev, serving)) && (await apis.api(apiId))) throw new AppError('conflict');
      await touchCatalogue(store, api.gatewayId);
      await audit.append(actor, {
        action: 'apig:apis:delete',
        resource: `gateway:${api.gatewayId}/group:${api.groupId}/api:${apiId}`,
        before: constants.audited(apiId, api.definition),
      });
    },
  };
}

const shapeOf = ({ frontend }: ApiDefinition): string => `${frontend.match} ${frontend.path.replace(/\{[^}]*?(\+?)\}/g, '{$1}')}`;

const METHOD_ORDER = ['ANY', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
export function compareOperations(a: ApiDefinition, b: ApiDefinition): number {
  if (a.frontend.path !== b.frontend.path) return a.frontend.path < b.frontend.path ? -1 : 1;
  return METHOD_ORDER.indexOf(a.frontend.method) - METHOD_ORDER.indexOf(b.frontend.method);
}
