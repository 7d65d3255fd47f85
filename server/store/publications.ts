import { Schema, type Connection } from 'mongoose';
import type { ApiDefinition, BackendParameter } from '../domain/api.ts';
import { routeKey } from '../domain/api-definition.ts';
import { insertOnce, isDuplicateKey } from './connect.ts';

/** An immutable record of one publishing; the one with `live` is what the gateway serves in that environment. */
export interface PublicationDoc {
  _id: string;
  gatewayId: string;
  groupId: string;
  apiId: string;
  environmentId: string;
  /** 1, 2, 3 … per API and environment. */
  ordinal: number;
  definition: ApiDefinition;
  live: boolean;
  note: string;
  publishedAt: number;
  publishedBy: string;
}

/** Which publication an API is meant to have live in an environment; null = taken offline. Absent = never published there. */
export type Serving = Readonly<Record<string, string | null>>;

/** Is it meant to be live in any environment? */
export const isServed = ({ serving }: { readonly serving?: Serving | undefined }): boolean => Object.values(serving ?? {}).some((id) => id !== null);

/**
 * The note that APIs are on their way from one live publication to another. While it stands, `serving` of those APIs is the truth and the
 * `live` flags follow; it outlives the change by a minute, so that no reader who overlapped it misses an API.
 */
export interface SettlingDoc {
  _id: string;
  apiIds: string[];
  startedAt: number;
  done: boolean;
  /** Set when done; the store removes it then. */
  expiresAt: Date | null;
}

/** One API's place in one environment, and the record that shall be live in it. */
export interface Wanted {
  readonly apiId: string;
  readonly environmentId: string;
  readonly publicationId: string | null;
}

export interface Refusal {
  readonly apiId: string;
  readonly environmentId: string;
  readonly publicationId: string;
  /** The API whose live route is the same; null: somebody else moves this API at the same time. */
  readonly holderId: string | null;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const mixed = { type: Schema.Types.Mixed, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

const SETTLED_KEEP_MS = 60_000;
const CHUNK = 500;

/** Lists of ids and writes go in pieces, so that no command grows without bound. */
export function chunks<T>(list: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < list.length; at += CHUNK) result.push(list.slice(at, at + CHUNK));
  return result;
}

/** @param servingOf  what APIs are meant to have live: it decides wherever flags are on their way */
export function makePublications(connection: Connection, servingOf: (apiIds: readonly string[]) => Promise<Map<string, Serving>>) {
  const publications = new Schema<PublicationDoc & { routeKey: string }>(
    {
      _id: text,
      gatewayId: text,
      groupId: text,
      apiId: text,
      environmentId: text,
      ordinal: number,
      definition: mixed,
      live: { type: Boolean, required: true },
      note: { type: String, default: '' },
      publishedAt: number,
      publishedBy: { type: String, default: '' },
      routeKey: text,
    },
    options,
  );
  publications.index({ apiId: 1, environmentId: 1, ordinal: 1 }, { unique: true });
  publications.index({ apiId: 1, environmentId: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'one_live' });
  publications.index({ groupId: 1, environmentId: 1, routeKey: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'one_live_route' });
  publications.index({ groupId: 1 });
  publications.index({ gatewayId: 1 });
  publications.index({ live: 1 });
  const settlings = new Schema<SettlingDoc>(
    {
      _id: text,
      apiIds: { type: [String], required: true },
      startedAt: number,
      done: { type: Boolean, required: true },
      expiresAt: { type: Date, default: null },
    },
    options,
  );
  settlings.index({ done: 1 });
  settlings.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

  const Publications = connection.model('Publication', publications);
  const Settlings = connection.model('Settling', settlings);

  const publicationsById = async (ids: string[]) => {
    const found: PublicationDoc[] = [];
    for (const some of chunks(ids)) found.push(...(await Publications.find({ _id: { $in: some } }).lean<PublicationDoc[]>()));
    return found;
  };

  /** All in one command; where a unique index stops it, one by one, so that one conflict keeps nobody else down. */
  async function putUp(ids: readonly string[]): Promise<void> {
    try {
      await Publications.updateMany({ _id: { $in: [...ids] }, live: false }, { $set: { live: true } });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      await Publications.bulkWrite(
        ids.map((_id) => ({ updateOne: { filter: { _id, live: false }, update: { $set: { live: true } } } })),
        { ordered: false },
      ).catch((again: unknown) => {
        if (!isDuplicateKey(again)) throw again;
      });
    }
  }

  return {
    models: [Publications, Settlings],
    publication: (id: string) => Publications.findById(id).lean<PublicationDoc>(),
    publicationsById,
    /** Those with the ordinals [from, to) of an API in an environment. */
    publicationsBetween: (apiId: string, environmentId: string, from: number, to: number) =>
      Publications.find({ apiId, environmentId, ordinal: { $gte: from, $lt: to } }).lean<PublicationDoc[]>(),
    /** By API, the newest ordinal in an environment, told by all records of these: for those that do not carry it. */
    async newestOrdinals(environmentId: string, apiIds: readonly string[]): Promise<Map<string, number>> {
      const newest = new Map<string, number>();
      for (const some of chunks(apiIds)) {
        const records = await Publications.find({ apiId: { $in: some }, environmentId }, { apiId: 1, ordinal: 1 }).lean<
          Pick<PublicationDoc, '_id' | 'apiId' | 'ordinal'>[]
        >();
        for (const { apiId, ordinal } of records) newest.set(apiId, Math.max(ordinal, newest.get(apiId) ?? 0));
      }
      return newest;
    },
    /** Ids of every record of a group, live or not. */
    publicationsOfGroup: (groupId: string) => Publications.find({ groupId }, { _id: 1 }).lean<{ _id: string }[]>(),
    /** Ids and groups of every record of a gateway, live or not. */
    publicationsOfGateway: (gatewayId: string) => Publications.find({ gatewayId }, { groupId: 1 }).lean<Pick<PublicationDoc, '_id' | 'groupId'>[]>(),
    async removePublications(ids: readonly string[]): Promise<void> {
      for (const some of chunks(ids)) await Publications.deleteMany({ _id: { $in: some } });
    },
    /** Inserts what can be inserted. @returns the ids that stand afterwards; a missing one lost its ordinal to another publishing */
    async addPublications(list: readonly PublicationDoc[]): Promise<Set<string>> {
      const added = new Set<string>();
      for (const some of chunks(list)) {
        try {
          await Publications.insertMany(
            some.map((record) => ({ ...record, routeKey: routeKey(record.definition.frontend) })),
            { ordered: false, lean: true },
          );
        } catch (error) {
          if (!isDuplicateKey(error)) throw error;
        }
        for (const { _id } of await Publications.find({ _id: { $in: some.map((record) => record._id) } }, { _id: 1 }).lean<{ _id: string }[]>()) added.add(_id);
      }
      return added;
    },
    /** Records that send constants, one after the other; reads them all. */
    publicationsWithConstants: () =>
      Publications.find({ 'definition.backendParameters.0': { $exists: true } }, { apiId: 1, 'definition.backendParameters': 1 })
        .lean<{ _id: string; apiId: string; definition: Pick<ApiDefinition, 'backendParameters'> }[]>()
        .cursor(),
    /** The same constants, sealed anew: the one change of a record that is never changed otherwise. */
    resealPublication: async (_id: string, backendParameters: readonly BackendParameter[]) =>
      (await Publications.updateOne({ _id }, { $set: { 'definition.backendParameters': backendParameters } })).modifiedCount === 1,
    beginSettling: (settling: SettlingDoc) => insertOnce(() => Settlings.create(settling)),
    endSettling: async (id: string, realNow: number) =>
      void (await Settlings.updateOne({ _id: id }, { $set: { done: true, expiresAt: new Date(realNow + SETTLED_KEEP_MS) } })),
    openSettlings: () => Settlings.find({ done: false }).lean<SettlingDoc[]>(),
    /** First down, then up, for each API and environment; may be repeated. @returns what did not go up, with the API that answers its route, if any */
    async flip(wanted: readonly Wanted[]): Promise<Refusal[]> {
      const refused: Refusal[] = [];
      for (const some of chunks(wanted)) {
        const places = new Map(some.map(({ apiId, environmentId, publicationId }) => [`${apiId} ${environmentId}`, publicationId]));
        // Only what is up has to go down, and all of it in one command: one by one, a thousand APIs would take half a minute.
        const standing = await Publications.find({ apiId: { $in: some.map(({ apiId }) => apiId) }, live: true }, { apiId: 1, environmentId: 1 }).lean<
          PublicationDoc[]
        >();
        const down = standing.filter(
          ({ _id, apiId, environmentId }) => places.has(`${apiId} ${environmentId}`) && places.get(`${apiId} ${environmentId}`) !== _id,
        );
        if (down.length > 0) await Publications.updateMany({ _id: { $in: down.map(({ _id }) => _id) }, live: true }, { $set: { live: false } });
        const up = [...places.values()].filter((publicationId): publicationId is string => publicationId !== null);
        if (up.length === 0) continue;
        await putUp(up);
        for (const { _id, live, apiId, groupId, environmentId, definition } of await publicationsById(up)) {
          if (live) continue;
          const holder = await Publications.findOne({ groupId, environmentId, routeKey: routeKey(definition.frontend), live: true }).lean<PublicationDoc>();
          refused.push({ apiId, environmentId, publicationId: _id, holderId: holder && holder.apiId !== apiId ? holder.apiId : null });
        }
      }
      return refused;
    },
    /** What gateways serve. APIs on their way from one publication to another are given as decided, so that none is ever missing in between. */
    async livePublications(): Promise<PublicationDoc[]> {
      const flagged = await Publications.find({ live: true }).lean<PublicationDoc[]>();
      // Read after the flags: whatever moved while they were read still has its note.
      const moving = new Set((await Settlings.find().lean<SettlingDoc[]>()).flatMap(({ apiIds }) => apiIds));
      if (moving.size === 0) return flagged;
      const serving = await servingOf([...moving]);
      const wanted = [...serving.values()].flatMap((entry) => Object.values(entry).filter((id): id is string => id !== null));
      const decided = (await publicationsById(wanted)).map((record) => ({ ...record, live: true }));
      return [...flagged.filter(({ apiId }) => !moving.has(apiId)), ...decided];
    },
    /** Live records of one group, all environments. */
    livePublicationsOfGroup: async (groupId: string) => await Publications.find({ groupId, live: true }).lean<PublicationDoc[]>(),
  };
}
