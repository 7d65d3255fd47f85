import { Schema, type Connection } from 'mongoose';
import type { GatewayParameters } from '../domain/gateway-parameters.ts';
import { EDITION_NAMES, WINDOW_START_DEFAULT, type Edition, type Tag } from '../domain/gateway-rules.ts';
import { insertOnce } from './connect.ts';

export interface GatewayDoc {
  _id: string;
  organizationId: string;
  name: string;
  description: string;
  edition: Edition;
  parameters: GatewayParameters;
  tags: readonly Tag[];
  /** Hour UTC at which the maintenance window begins. */
  windowStart: number;
  /** Switched to maintenance: its APIs answer 503. A window alone refuses nothing. */
  maintenance: boolean;
  /** The public listener answers as if its groups did not exist; accepted connections reach them. */
  privateOnly?: boolean;
  createdAt: number;
  rev: number;
}

export interface GroupDoc {
  _id: string;
  gatewayId: string;
  organizationId: string;
  /** Unique on the platform: its address is `GATEWAY_URL/<label>/…`. */
  label: string;
  name: string;
  description: string;
  createdAt: number;
  rev: number;
}

export interface EnvironmentDoc {
  _id: string;
  gatewayId: string;
  /** `RELEASE` by default; others are chosen by `X-Stage`. */
  name: string;
  createdAt: number;
}

const text = { type: String, required: true } as const;
const optional = { type: String, default: '' } as const;
const number = { type: Number, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

export function makeGatewaysStore(connection: Connection) {
  const gateways = new Schema<GatewayDoc>(
    {
      _id: text,
      organizationId: text,
      name: text,
      description: optional,
      edition: { type: String, enum: EDITION_NAMES, required: true },
      parameters: { type: Schema.Types.Mixed, default: {} },
      tags: { type: Schema.Types.Mixed, default: [] },
      windowStart: { type: Number, default: WINDOW_START_DEFAULT },
      maintenance: { type: Boolean, default: false },
      privateOnly: { type: Boolean, default: false },
      createdAt: number,
      rev: number,
    },
    options,
  );
  gateways.index({ organizationId: 1 });
  const groups = new Schema<GroupDoc>(
    { _id: text, gatewayId: text, organizationId: text, label: text, name: text, description: optional, createdAt: number, rev: number },
    options,
  );
  groups.index({ label: 1 }, { unique: true });
  groups.index({ gatewayId: 1 });
  const environments = new Schema<EnvironmentDoc>({ _id: text, gatewayId: text, name: text, createdAt: number }, options);
  environments.index({ gatewayId: 1, name: 1 }, { unique: true });

  const Gateways = connection.model('Gateway', gateways);
  const Groups = connection.model('Group', groups);
  const Environments = connection.model('Environment', environments);

  return {
    models: [Gateways, Groups, Environments],
    addGateway: (gateway: GatewayDoc) => insertOnce(() => Gateways.create(gateway)),
    gateway: (id: string) => Gateways.findById(id).lean<GatewayDoc>(),
    gatewaysOf: (organizationId: string) => Gateways.find({ organizationId }).lean<GatewayDoc[]>(),
    allGateways: () => Gateways.find().lean<GatewayDoc[]>(),
    updateGateway: async (id: string, rev: number, change: Partial<Omit<GatewayDoc, '_id' | 'rev' | 'organizationId'>>) =>
      (await Gateways.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    /** Beside `rev`: whoever edits the settings meanwhile need not start again. False: it was so already. */
    setMaintenance: async (id: string, maintenance: boolean) =>
      (await Gateways.updateOne({ _id: id, maintenance: maintenance ? { $ne: true } : true }, { $set: { maintenance } })).modifiedCount === 1,
    /** Beside `rev`, as maintenance. False: it was so already. */
    setPrivateOnly: async (id: string, privateOnly: boolean) =>
      (await Gateways.updateOne({ _id: id, privateOnly: privateOnly ? { $ne: true } : true }, { $set: { privateOnly } })).modifiedCount === 1,
    removeGateway: async (id: string, rev: number) => (await Gateways.deleteOne({ _id: id, rev })).deletedCount === 1,
    /** False: the label is taken on the platform. */
    addGroup: (group: GroupDoc) => insertOnce(() => Groups.create(group)),
    group: (id: string) => Groups.findById(id).lean<GroupDoc>(),
    groupByLabel: (label: string) => Groups.findOne({ label }).lean<GroupDoc>(),
    groups: (ids: string[]) => Groups.find({ _id: { $in: ids } }).lean<GroupDoc[]>(),
    gateways: (ids: string[]) => Gateways.find({ _id: { $in: ids } }).lean<GatewayDoc[]>(),
    groupsOf: (gatewayId: string) => Groups.find({ gatewayId }).lean<GroupDoc[]>(),
    allGroups: () => Groups.find().lean<GroupDoc[]>(),
    updateGroup: async (id: string, rev: number, change: Partial<Pick<GroupDoc, 'name' | 'description'>>) =>
      (await Groups.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    removeGroup: async (id: string) => (await Groups.deleteOne({ _id: id })).deletedCount === 1,
    addEnvironment: (environment: EnvironmentDoc) => insertOnce(() => Environments.create(environment)),
    environment: (id: string) => Environments.findById(id).lean<EnvironmentDoc>(),
    environmentByName: (gatewayId: string, name: string) => Environments.findOne({ gatewayId, name }).lean<EnvironmentDoc>(),
    environmentsOf: (gatewayId: string) => Environments.find({ gatewayId }).lean<EnvironmentDoc[]>(),
    allEnvironments: () => Environments.find().lean<EnvironmentDoc[]>(),
  };
}

export type GatewaysStore = ReturnType<typeof makeGatewaysStore>;
