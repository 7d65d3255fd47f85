import { Schema, type Connection } from 'mongoose';
import { CONNECTION_STATUSES, type ConnectionStatus } from '../domain/endpoint-rules.ts';
import { insertOnce, isDuplicateKey } from './connect.ts';
import type { TouchList } from './list-versions.ts';

/** How a gateway lets itself be found by those who want to connect to it privately. */
export interface EndpointServiceDoc {
  /** The gateway. */
  _id: string;
  organizationId: string;
  /** `<name of the gateway>.<gateway>`: what others ask for, exactly; it stays when the gateway is renamed. */
  name: string;
  /** Off: nobody finds it. Connections that were accepted stay. */
  on: boolean;
  /** Requests are accepted at once, as long as an address is free. */
  automatic: boolean;
  /** Organizations that find it; `*`: all. Its owner's own always does. */
  whitelist: string[];
  createdAt: number;
  rev: number;
}

export interface EndpointConnectionDoc {
  _id: string;
  gatewayId: string;
  serviceName: string;
  /** Owner of the gateway. */
  providerId: string;
  /** Who asked. */
  organizationId: string;
  requestedBy: string;
  message: string;
  /** Networks its calls come from; none: from wherever its address is reached. */
  networks: string[];
  status: ConnectionStatus;
  /** Requested or accepted: at most one of an organization and a gateway. */
  live: boolean;
  /** The private address given to it; kept for the record when it has ended. */
  address: string | null;
  /** The address is its own now: an address has one holder. */
  holds: boolean;
  /** What the owner said when rejecting or disconnecting. */
  reason: string;
  requestedAt: number;
  decidedAt: number | null;
  decidedBy: string;
  endedAt: number | null;
  endedBy: string;
  /** Of the decision that came last: one that the driver repeats finds its own. */
  mark: string;
}

/** A decision of the gateway's owner, or the end by either side. */
export interface ConnectionEnd {
  readonly status: ConnectionStatus;
  readonly at: number;
  readonly by: string;
  readonly reason: string;
  /** Nobody else's. */
  readonly mark: string;
}

const text = { type: String, required: true } as const;
const optional = { type: String, default: '' } as const;
const number = { type: Number, required: true } as const;
const flag = { type: Boolean, required: true } as const;
const texts = { type: [String], required: true } as const;
const time = { type: Number, default: null } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

/** Endpoint services of gateways, and the connections to them. */
export function makeEndpointsStore(connection: Connection, touch: TouchList) {
  const services = new Schema<EndpointServiceDoc>(
    { _id: text, organizationId: text, name: text, on: flag, automatic: flag, whitelist: texts, createdAt: number, rev: number },
    options,
  );
  services.index({ name: 1 }, { unique: true });
  const connections = new Schema<EndpointConnectionDoc>(
    {
      _id: text,
      gatewayId: text,
      serviceName: text,
      providerId: text,
      organizationId: text,
      requestedBy: text,
      message: optional,
      networks: texts,
      status: { type: String, enum: CONNECTION_STATUSES, required: true },
      live: flag,
      address: { type: String, default: null },
      holds: flag,
      reason: optional,
      requestedAt: number,
      decidedAt: time,
      decidedBy: optional,
      endedAt: time,
      endedBy: optional,
      mark: optional,
    },
    options,
  );
  connections.index({ gatewayId: 1, organizationId: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'one_live' });
  connections.index({ address: 1 }, { unique: true, partialFilterExpression: { holds: true }, name: 'one_holder' });
  connections.index({ gatewayId: 1 });
  connections.index({ gatewayId: 1, holds: 1 });
  connections.index({ organizationId: 1, requestedAt: 1 });
  connections.index({ holds: 1 });

  const Services = connection.model('EndpointService', services);
  const Connections = connection.model('EndpointConnection', connections);

  const find = (id: string) => Connections.findById(id).lean<EndpointConnectionDoc>();
  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(of: Pick<EndpointConnectionDoc, 'gatewayId' | 'organizationId'> | null, outcome: T): Promise<T> {
    if (of) await touch('connections', of.organizationId, of.gatewayId, 'accepted');
    return outcome;
  }

  return {
    models: [Services, Connections],
    /** False: the gateway has one. */
    addService: (service: EndpointServiceDoc) => insertOnce(() => Services.create(service)),
    service: (gatewayId: string) => Services.findById(gatewayId).lean<EndpointServiceDoc>(),
    serviceByName: (name: string) => Services.findOne({ name }).lean<EndpointServiceDoc>(),
    updateService: async (gatewayId: string, rev: number, change: Pick<EndpointServiceDoc, 'on' | 'automatic' | 'whitelist'>) =>
      (await Services.updateOne({ _id: gatewayId, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    removeService: async (gatewayId: string) => void (await Services.deleteOne({ _id: gatewayId })),
    /** False: the organization asks for this gateway, or is connected to it, already. */
    addConnection: async (request: EndpointConnectionDoc) => touched(request, await insertOnce(() => Connections.create(request))),
    connection: find,
    connectionsOfGateway: (gatewayId: string) => Connections.find({ gatewayId }).lean<EndpointConnectionDoc[]>(),
    /** Those that wait or work. */
    liveOfGateway: (gatewayId: string) => Connections.find({ gatewayId, live: true }).lean<EndpointConnectionDoc[]>(),
    /** Those of a gateway that hold an address. */
    acceptedOf: (gatewayId: string) => Connections.find({ gatewayId, holds: true }).lean<EndpointConnectionDoc[]>(),
    /** That of an organization to a gateway which waits or works: there is one at most. */
    liveBetween: (organizationId: string, gatewayId: string) => Connections.findOne({ gatewayId, organizationId, live: true }).lean<EndpointConnectionDoc>(),
    /** How many an organization asked for in [from, to). */
    askedBetween: async (organizationId: string, from: number, to: number) =>
      (await Connections.find({ organizationId, requestedAt: { $gte: from, $lt: to } }, { _id: 1 }).lean()).length,
    connectionsOf: (organizationId: string) => Connections.find({ organizationId }).lean<EndpointConnectionDoc[]>(),
    /** Those that hold an address: all that gateways serve. */
    accepted: () => Connections.find({ holds: true }).lean<EndpointConnectionDoc[]>(),
    /** `taken`: another connection holds the address. `late`: it is not a request any more; read it again. */
    async accept(id: string, address: string, { at, by, mark }: Pick<ConnectionEnd, 'at' | 'by' | 'mark'>): Promise<'accepted' | 'taken' | 'late'> {
      const $set = { status: 'accepted', address, holds: true, decidedAt: at, decidedBy: by, mark };
      try {
        const { modifiedCount } = await Connections.updateOne({ _id: id, status: 'requested' }, { $set });
        return await touched(await find(id), modifiedCount === 1 ? 'accepted' : 'late');
      } catch (error) {
        if (isDuplicateKey(error)) return 'taken';
        throw error;
      }
    },
    /** A request that is not accepted any more. False: it was decided or withdrawn before. */
    async refuse(id: string, { status, at, by, reason, mark }: ConnectionEnd): Promise<boolean> {
      const decided = status === 'rejected' ? { decidedAt: at, decidedBy: by } : { endedAt: at, endedBy: by };
      const { modifiedCount } = await Connections.updateOne({ _id: id, status: 'requested' }, { $set: { status, live: false, reason, mark, ...decided } });
      return touched(await find(id), modifiedCount === 1);
    },
    /** Its address is free again. False: it was no accepted connection any more. */
    async disconnect(id: string, { status, at, by, reason, mark }: ConnectionEnd): Promise<boolean> {
      const $set = { status, live: false, holds: false, reason, mark, endedAt: at, endedBy: by };
      const { modifiedCount } = await Connections.updateOne({ _id: id, status: 'accepted' }, { $set });
      return touched(await find(id), modifiedCount === 1);
    },
  };
}
