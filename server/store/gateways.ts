import { Schema, type Connection } from 'mongoose';
import type { GatewaySecrets } from '../domain/gateway-secrets.ts';
import type { GatewayParameters } from '../domain/gateway-parameters.ts';
import { EDITION_NAMES, WINDOW_START_DEFAULT, type Edition, type Tag } from '../domain/gateway-rules.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';
import { addPlaced, ONE_SLOT, takenPlaces } from './slots.ts';

/** The decision to delete a gateway, and what it held then. */
export interface DeletionMark {
  readonly at: number;
  /** The user; empty: the system. */
  readonly by: string;
  readonly held: Readonly<Record<HeldKind, number>>;
}
export const HELD_KINDS = ['groups', 'apis', 'publications', 'authorizations', 'connections', 'imports', 'products', 'parameters'] as const;
export type HeldKind = (typeof HELD_KINDS)[number];

export interface GatewayDoc {
  _id: string;
  organizationId: string;
  name: string;
  description: string;
  edition: Edition;
  parameters: GatewayParameters;
  /** What its parameters hold and nobody is shown, by the ids their values name. */
  secrets?: GatewaySecrets;
  tags: readonly Tag[];
  /** Hour UTC at which the maintenance window begins. */
  windowStart: number;
  /** Switched to maintenance: its APIs answer 503. A window alone refuses nothing. */
  maintenance: boolean;
  /** The public listener answers as if its groups did not exist; accepted connections reach them. */
  privateOnly?: boolean;
  /** Decided: from then on it serves nothing and nothing can be made in it. */
  deletion?: DeletionMark | null;
  /** Looked after by the sweep: from the decision until some minutes after its end, for what was written across it. */
  deleting?: boolean;
  /** Nothing stood against the decision after it was made: it is carried out and cannot be taken back. */
  confirmed?: boolean;
  /** All it held is gone. The record stays, so that bills, usage and the audit log can name it. */
  gone?: boolean;
  goneAt?: number | null;
  /** Its place among those an organization has room for; given back when its deletion is confirmed. */
  slot?: number | null;
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
  /** Its place among those a gateway has room for, from 0; given when it is stored. */
  slot?: number;
  /** Its gateway is deleted. The record stays where APIs were published, so that nobody else gets the label callers may still send credentials to. */
  gone?: boolean;
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

export function makeGatewaysStore(connection: Connection, touch: TouchList) {
  const gateways = new Schema<GatewayDoc>(
    {
      _id: text,
      organizationId: text,
      name: text,
      description: optional,
      edition: { type: String, enum: EDITION_NAMES, required: true },
      parameters: { type: Schema.Types.Mixed, default: {} },
      secrets: { type: Schema.Types.Mixed, default: {} },
      tags: { type: Schema.Types.Mixed, default: [] },
      windowStart: { type: Number, default: WINDOW_START_DEFAULT },
      maintenance: { type: Boolean, default: false },
      privateOnly: { type: Boolean, default: false },
      deletion: { type: Schema.Types.Mixed, default: null },
      deleting: { type: Boolean, default: false },
      confirmed: { type: Boolean, default: false },
      gone: { type: Boolean, default: false },
      goneAt: { type: Number, default: null },
      slot: { type: Number, default: null },
      createdAt: number,
      rev: number,
    },
    options,
  );
  // This index, not a count beforehand, keeps an organization within its gateways.
  gateways.index({ organizationId: 1, slot: 1 }, ONE_SLOT);
  gateways.index({ organizationId: 1, gone: 1 });
  gateways.index({ gone: 1 });
  gateways.index({ deleting: 1 }, { partialFilterExpression: { deleting: true }, name: 'deleting' });
  const groups = new Schema<GroupDoc>(
    {
      _id: text,
      gatewayId: text,
      organizationId: text,
      label: text,
      name: text,
      description: optional,
      slot: number,
      gone: { type: Boolean, default: false },
      createdAt: number,
      rev: number,
    },
    options,
  );
  groups.index({ label: 1 }, { unique: true });
  // This index, not a count beforehand, keeps a gateway within its groups.
  groups.index({ gatewayId: 1, slot: 1 }, { unique: true, name: 'one_slot' });
  groups.index({ gatewayId: 1, gone: 1 });
  groups.index({ gone: 1 });
  const environments = new Schema<EnvironmentDoc>({ _id: text, gatewayId: text, name: text, createdAt: number }, options);
  environments.index({ gatewayId: 1, name: 1 }, { unique: true });

  const Gateways = connection.model('Gateway', gateways);
  const Groups = connection.model('Group', groups);
  const Environments = connection.model('Environment', environments);

  return {
    models: [Gateways, Groups, Environments],
    /** @param limit  how many an organization has room for */
    async addGateway(gateway: GatewayDoc, limit: number) {
      const { organizationId } = gateway;
      const placement = await addPlaced(Gateways, gateway, { organizationId }, limit);
      await touch('gateways', organizationId);
      return placement;
    },
    /** How many places of an organization are taken. */
    placesOfGateways: (organizationId: string) => takenPlaces(Gateways, { organizationId }),
    gateway: (id: string) => Gateways.findById(id).lean<GatewayDoc>(),
    gatewaysOf: (organizationId: string) => Gateways.find({ organizationId, gone: false }).lean<GatewayDoc[]>(),
    allGateways: () => Gateways.find({ gone: false }).lean<GatewayDoc[]>(),
    updateGateway: async (id: string, rev: number, change: Partial<Omit<GatewayDoc, '_id' | 'rev' | 'organizationId'>>) =>
      (await Gateways.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    /** Those that keep secrets, one after the other. */
    gatewaysWithSecrets: () =>
      Gateways.find({ secrets: { $gt: {} } }, { secrets: 1 })
        .lean<{ _id: string; secrets: GatewaySecrets }[]>()
        .cursor(),
    /** The same secret, sealed anew: no new `rev`. */
    resealSecret: async (_id: string, secretId: string, from: string, sealed: string) =>
      (await Gateways.updateOne({ _id, [`secrets.${secretId}.sealed`]: from }, { $set: { [`secrets.${secretId}.sealed`]: sealed } })).modifiedCount === 1,
    /** Beside `rev`: whoever edits the settings meanwhile need not start again. False: it was so already. */
    setMaintenance: async (id: string, maintenance: boolean) =>
      (await Gateways.updateOne({ _id: id, maintenance: maintenance ? { $ne: true } : true }, { $set: { maintenance } })).modifiedCount === 1,
    /** Beside `rev`, as maintenance. False: it was so already. */
    setPrivateOnly: async (id: string, privateOnly: boolean) =>
      (await Gateways.updateOne({ _id: id, privateOnly: privateOnly ? { $ne: true } : true }, { $set: { privateOnly } })).modifiedCount === 1,
    /** The deciding write of a deletion: of several at once, and of a change at the same time, one takes effect. */
    markDeletion: async (id: string, rev: number, deletion: DeletionMark) =>
      (await Gateways.updateOne({ _id: id, rev, deletion: null }, { $set: { deletion, deleting: true, rev: rev + 1 } })).modifiedCount === 1,
    /** Gives its place back. False: it was confirmed before, or taken back. */
    async confirmDeletion(id: string): Promise<boolean> {
      const { modifiedCount } = await Gateways.updateOne({ _id: id, deleting: true, confirmed: false }, { $set: { confirmed: true, slot: null } });
      const found = await Gateways.findById(id, { organizationId: 1 }).lean<Pick<GatewayDoc, '_id' | 'organizationId'>>();
      if (found) await touch('gateways', found.organizationId);
      return modifiedCount === 1;
    },
    /** Take a decision back that is not confirmed. */
    unmarkDeletion: async (id: string) =>
      (await Gateways.updateOne({ _id: id, deleting: true, confirmed: false }, { $set: { deletion: null, deleting: false } })).modifiedCount === 1,
    deletingGateways: () => Gateways.find({ deleting: true }).lean<GatewayDoc[]>(),
    /** True: this call ended it. */
    endDeletion: async (id: string, goneAt: number) =>
      (await Gateways.updateOne({ _id: id, confirmed: true, gone: false }, { $set: { gone: true, goneAt, parameters: {}, secrets: {} } })).modifiedCount === 1,
    /** Nothing can be left any more of what was written across the end. */
    forgetDeletion: async (id: string) => void (await Gateways.updateOne({ _id: id, gone: true, deleting: true }, { $set: { deleting: false } })),
    /** @returns `taken`: the label is, on the platform; `full`: the gateway has `limit` groups */
    addGroup: (group: GroupDoc, limit: number) =>
      addPlaced(Groups, group, { gatewayId: group.gatewayId }, limit, async () => (await Groups.exists({ label: group.label })) !== null),
    group: (id: string) => Groups.findById(id).lean<GroupDoc>(),
    groups: (ids: string[]) => Groups.find({ _id: { $in: ids } }).lean<GroupDoc[]>(),
    gateways: (ids: string[]) => Gateways.find({ _id: { $in: ids } }).lean<GatewayDoc[]>(),
    groupsOf: (gatewayId: string) => Groups.find({ gatewayId, gone: false }).lean<GroupDoc[]>(),
    /** Also those that are out of sight. */
    everyGroupOf: (gatewayId: string) => Groups.find({ gatewayId }).lean<GroupDoc[]>(),
    allGroups: () => Groups.find({ gone: false }).lean<GroupDoc[]>(),
    /** Out of sight, with its label. */
    reserveGroup: async (id: string) => (await Groups.updateOne({ _id: id, gone: false }, { $set: { gone: true } })).modifiedCount === 1,
    removeEnvironmentsOf: async (gatewayId: string) => void (await Environments.deleteMany({ gatewayId })),
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
