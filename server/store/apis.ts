import { Schema, type Connection } from 'mongoose';
import type { ApiDefinition } from '../domain/api.ts';
import { insertOnce } from './connect.ts';

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
}

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

/** The OpenAPI document a group was imported from, gzipped in parts below the store's 16 MB. */
export interface ApiDocumentDoc {
  /** `<group>.<ordinal>.<part>` */
  _id: string;
  groupId: string;
  ordinal: number;
  part: number;
  parts: number;
  gzip: Buffer;
  importedAt: number;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const mixed = { type: Schema.Types.Mixed, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

export function makeApisStore(connection: Connection) {
  const apis = new Schema<ApiDoc>(
    { _id: text, gatewayId: text, groupId: text, organizationId: text, definition: mixed, createdAt: number, updatedAt: number, rev: number },
    options,
  );
  apis.index({ gatewayId: 1, groupId: 1 });
  const publications = new Schema<PublicationDoc>(
    {
      _id: text, gatewayId: text, groupId: text, apiId: text, environmentId: text, ordinal: number, definition: mixed,
      live: { type: Boolean, required: true }, note: { type: String, default: '' }, publishedAt: number, publishedBy: { type: String, default: '' },
    },
    options,
  );
  publications.index({ apiId: 1, environmentId: 1, ordinal: 1 }, { unique: true });
  publications.index({ apiId: 1, environmentId: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'one_live' });
  publications.index({ live: 1 });
  const documents = new Schema<ApiDocumentDoc>(
    { _id: text, groupId: text, ordinal: number, part: number, parts: number, gzip: { type: Buffer, required: true }, importedAt: number },
    options,
  );
  documents.index({ groupId: 1, ordinal: 1, part: 1 });

  const Apis = connection.model('Api', apis);
  const Publications = connection.model('Publication', publications);
  const Documents = connection.model('ApiDocument', documents);

  return {
    models: [Apis, Publications, Documents],
    addApi: (api: ApiDoc) => insertOnce(() => Apis.create(api)),
    api: (id: string) => Apis.findById(id).lean<ApiDoc>(),
    apis: (ids: string[]) => Apis.find({ _id: { $in: ids } }).lean<ApiDoc[]>(),
    apisOfGateway: (gatewayId: string) => Apis.find({ gatewayId }).lean<ApiDoc[]>(),
    apisOfGroup: (gatewayId: string, groupId: string) => Apis.find({ gatewayId, groupId }).lean<ApiDoc[]>(),
    updateApi: async (id: string, rev: number, definition: ApiDefinition, updatedAt: number) =>
      (await Apis.updateOne({ _id: id, rev }, { $set: { definition, updatedAt, rev: rev + 1 } })).modifiedCount === 1,
    removeApi: async (id: string) => (await Apis.deleteOne({ _id: id })).deletedCount === 1,
    publicationsOf: (apiId: string) => Publications.find({ apiId }).lean<PublicationDoc[]>(),
    livePublications: () => Publications.find({ live: true }).lean<PublicationDoc[]>(),
  };
}

export type ApisStore = ReturnType<typeof makeApisStore>;
