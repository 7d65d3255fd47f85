import { Schema, type Connection } from 'mongoose';
import type { ApiDefinition, BackendParameter } from '../domain/api.ts';
import { routeKey } from '../domain/api-definition.ts';
import { isDuplicateKey } from './connect.ts';
import { chunks, makePublications, type Serving } from './publications.ts';
import { placeAll } from './slots.ts';

export type { PublicationDoc, Refusal, Serving, SettlingDoc, Wanted } from './publications.ts';

export interface ApiDoc {
  _id: string;
  gatewayId: string;
  groupId: string;
  organizationId: string;
  /** What the provider edits; live only after publishing. */
  definition: ApiDefinition;
  createdAt: number;
  updatedAt: number;
  rev: number;
  /** Kept by this file; absent on what is not stored yet. */
  serving?: Serving;
  /** By environment: the newest ordinal that a publication of it took, or was about to. Absent on what was last published before this was kept. */
  ordinals?: Readonly<Record<string, number>>;
  /** Its place among those the edition has room for, from 0; given when it is stored. */
  slot?: number;
}

/** What became of the insertion of APIs. */
export interface AddedApis {
  /** Ids that stand in the store, whoever wrote them. */
  readonly added: ReadonlySet<string>;
  /** Ids for which the gateway had no place left; all others that are missing met an API of the same route. */
  readonly full: ReadonlySet<string>;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const mixed = { type: Schema.Types.Mixed, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

export function makeApisStore(connection: Connection) {
  const apis = new Schema<ApiDoc & { routeKey: string }>(
    {
      _id: text,
      gatewayId: text,
      groupId: text,
      organizationId: text,
      definition: mixed,
      createdAt: number,
      updatedAt: number,
      rev: number,
      routeKey: text,
      serving: { type: Schema.Types.Mixed, default: {} },
      ordinals: { type: Schema.Types.Mixed, default: {} },
      slot: number,
    },
    options,
  );
  apis.index({ gatewayId: 1, groupId: 1 });
  // This index, not a count beforehand, keeps a gateway within its edition.
  apis.index({ gatewayId: 1, slot: 1 }, { unique: true, name: 'one_slot' });
  // This index, not a check beforehand, forbids two APIs of a group that answer the same calls.
  apis.index({ groupId: 1, routeKey: 1 }, { unique: true, name: 'one_route' });

  const Apis = connection.model('Api', apis);

  const stored = (api: ApiDoc) => ({ ...api, routeKey: routeKey(api.definition.frontend), serving: {} });
  /** What the APIs are meant to have live, by API. */
  async function servingOf(apiIds: readonly string[]): Promise<Map<string, Serving>> {
    const found = new Map<string, Serving>();
    for (const some of chunks(apiIds)) {
      const rows = await Apis.find({ _id: { $in: some } }, { serving: 1 }).lean<{ _id: string; serving?: Serving }[]>();
      for (const { _id, serving } of rows) found.set(_id, serving ?? {});
    }
    return found;
  }
  const { models, ...publications } = makePublications(connection, servingOf);

  /** Inserts what can be inserted into one group, each at a free place below `limit`. */
  async function addApis(list: readonly ApiDoc[], limit: number): Promise<AddedApis> {
    const [first] = list;
    if (!first) return { added: new Set(), full: new Set() };
    const { gatewayId, groupId } = first;
    const { stand, full } = await placeAll(list, limit, first._id, {
      taken: async (from, to) =>
        (await Apis.find({ gatewayId, slot: { $gte: from, $lt: to } }, { slot: 1 }).lean<{ slot: number }[]>()).map(({ slot }) => slot),
      async insert(placed) {
        try {
          await Apis.insertMany(
            placed.map(({ item, slot }) => ({ ...stored(item), slot })),
            { ordered: false, lean: true },
          );
        } catch (error) {
          if (!isDuplicateKey(error)) throw error;
        }
        const items = placed.map(({ item }) => item);
        const rows = await Apis.find({ _id: { $in: items.map(({ _id }) => _id) } }, { _id: 1 }).lean<{ _id: string }[]>();
        const ids = new Set(rows.map(({ _id }) => _id));
        const missing = items.filter(({ _id }) => !ids.has(_id));
        const routes = missing.map(({ definition }) => routeKey(definition.frontend));
        const met = missing.length === 0 ? [] : await Apis.find({ groupId, routeKey: { $in: routes } }, { routeKey: 1 }).lean<{ routeKey: string }[]>();
        const taken = new Set(met.map((row) => row.routeKey));
        return {
          stand: new Set(items.filter(({ _id }) => ids.has(_id))),
          refused: new Set(missing.filter(({ definition }) => taken.has(routeKey(definition.frontend)))),
        };
      },
    });
    return { added: new Set([...stand].map(({ _id }) => _id)), full: new Set(full.map(({ _id }) => _id)) };
  }

  return {
    ...publications,
    models: [Apis, ...models],
    servingOf,
    addApis,
    /** How many places of the gateway are taken. */
    usedSlots: async (gatewayId: string) => (await Apis.find({ gatewayId }, { slot: 1 }).lean()).length,
    api: (id: string) => Apis.findById(id).lean<ApiDoc>(),
    async apis(ids: readonly string[]): Promise<ApiDoc[]> {
      const found: ApiDoc[] = [];
      for (const some of chunks(ids)) found.push(...(await Apis.find({ _id: { $in: some } }).lean<ApiDoc[]>()));
      return found;
    },
    /** Without the definitions, for counting. */
    placesOfGateway: (gatewayId: string) => Apis.find({ gatewayId }, { groupId: 1, serving: 1 }).lean<Pick<ApiDoc, '_id' | 'groupId' | 'serving'>[]>(),
    /** Ids and groups of those that hold the places [from, to). */
    apisInPlaces: (gatewayId: string, from: number, to: number) =>
      Apis.find({ gatewayId, slot: { $gte: from, $lt: to } }, { groupId: 1 }).lean<Pick<ApiDoc, '_id' | 'groupId'>[]>(),
    /** Whatever they are meant to serve: for a gateway that is deleted. */
    removeApis: async (ids: readonly string[]) => {
      for (const some of chunks(ids)) await Apis.deleteMany({ _id: { $in: some } });
    },
    sizeOfGroup: async (gatewayId: string, groupId: string) => (await Apis.find({ gatewayId, groupId }, { _id: 1 }).lean()).length,
    apisOfGroup: (gatewayId: string, groupId: string) => Apis.find({ gatewayId, groupId }).lean<ApiDoc[]>(),
    /** Compare-and-set by `rev`. `taken`: another API of the group answers the same calls. */
    async updateApi(id: string, rev: number, definition: ApiDefinition, updatedAt: number): Promise<'done' | 'stale' | 'taken'> {
      try {
        const { modifiedCount } = await Apis.updateOne(
          { _id: id, rev },
          { $set: { definition, updatedAt, rev: rev + 1, routeKey: routeKey(definition.frontend) } },
        );
        return modifiedCount === 1 ? 'done' : 'stale';
      } catch (error) {
        if (isDuplicateKey(error)) return 'taken';
        throw error;
      }
    },
    /** Many at once, each only where it still has its `rev`; their routes stay. @returns how many were changed */
    async updateApis(list: readonly { id: string; rev: number; definition: ApiDefinition }[], updatedAt: number): Promise<number> {
      let changed = 0;
      for (const some of chunks(list)) {
        const result = await Apis.bulkWrite(
          some.map(({ id, rev, definition }) => ({
            updateOne: { filter: { _id: id, rev }, update: { $set: { definition, updatedAt, rev: rev + 1, routeKey: routeKey(definition.frontend) } } },
          })),
          { ordered: false },
        );
        changed += result.modifiedCount;
      }
      return changed;
    },
    /** Drafts that send constants, one after the other; reads them all. */
    withConstants: () =>
      Apis.find({ 'definition.backendParameters.0': { $exists: true } }, { rev: 1, 'definition.backendParameters': 1 })
        .lean<{ _id: string; rev: number; definition: Pick<ApiDefinition, 'backendParameters'> }[]>()
        .cursor(),
    /** The same constants, sealed anew: no new `rev`, and only while it has this one. */
    resealApi: async (_id: string, rev: number, backendParameters: readonly BackendParameter[]) =>
      (await Apis.updateOne({ _id, rev }, { $set: { 'definition.backendParameters': backendParameters } })).modifiedCount === 1,
    /** Only while it still is meant to serve what the caller saw: nothing that goes live meanwhile is orphaned. */
    removeApi: async (id: string, rev: number, serving: Serving) => (await Apis.deleteOne({ _id: id, rev, serving })).deletedCount === 1,
    /** Many at once, each as `removeApi` does. @returns how many went */
    async removeDrafts(list: readonly Pick<ApiDoc, '_id' | 'rev' | 'serving'>[]): Promise<number> {
      let removed = 0;
      for (const some of chunks(list)) {
        const writes = some.map(({ _id, rev, serving = {} }) => ({ deleteOne: { filter: { _id, rev, serving } } }));
        removed += (await Apis.bulkWrite(writes, { ordered: false })).deletedCount;
      }
      return removed;
    },
    /** Before the records that take these ordinals: whatever is cut short, the next ones are beyond them. */
    async takeOrdinals(environmentId: string, taken: ReadonlyMap<string, number>): Promise<void> {
      for (const some of chunks([...taken])) {
        await Apis.bulkWrite(
          some.map(([_id, ordinal]) => ({ updateOne: { filter: { _id }, update: { $max: { [`ordinals.${environmentId}`]: ordinal } } } })),
          { ordered: false },
        );
      }
    },
    /** The deciding write of publishing, rolling back and taking offline: the last one wins. */
    async setServing(environmentId: string, wanted: ReadonlyMap<string, string | null>): Promise<void> {
      for (const some of chunks([...wanted])) {
        await Apis.bulkWrite(
          some.map(([_id, publicationId]) => ({ updateOne: { filter: { _id }, update: { $set: { [`serving.${environmentId}`]: publicationId } } } })),
          { ordered: false },
        );
      }
    },
    /** Take back what could not be put up, unless it was decided anew meanwhile. */
    unsetServing: async (apiId: string, environmentId: string, publicationId: string) =>
      void (await Apis.updateOne({ _id: apiId, [`serving.${environmentId}`]: publicationId }, { $set: { [`serving.${environmentId}`]: null } })),
  };
}
