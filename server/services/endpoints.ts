import { SYSTEM, type Actor } from '../domain/actor.ts';
import { finds, MESSAGE_MAX, networksFault, REASON_MAX, serviceNameOf, whitelistFault } from '../domain/endpoint-rules.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { ConnectionEnd, EndpointConnectionDoc, EndpointServiceDoc } from '../store/endpoints.ts';
import type { GatewayDoc } from '../store/gateways.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';
import { faulty, ownGateway, refuseFaults } from './catalog/own.ts';
import type { Changes } from './changes.ts';
import { makeEndpointMails } from './endpoint-mails.ts';
import { makeConnectionRows, type ConnectionLists, type ConnectionPages } from './endpoint-rows.ts';
import type { SendLetter } from './letters.ts';

/** Requests that an organization may begin within a day, whatever became of them. */
const REQUESTS_PER_DAY = 20;
const DAY_MS = 86_400_000;
const FIRST: ConnectionPages = { live: 1, ended: 1 };

export interface EndpointView extends ConnectionLists {
  readonly gateway: GatewayDoc;
  /** Null: it was never set up. */
  readonly service: EndpointServiceDoc | null;
  /** Private addresses that the operator offers, and how many of them nobody holds. */
  readonly addresses: { readonly offered: number; readonly free: number };
}

export interface EndpointsDependencies {
  readonly store: Pick<Store, 'accounts' | 'endpoints' | 'gateways' | 'settings'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly audit: Audit;
  readonly changes: Pick<Changes, 'announce'>;
  readonly sendLetter: SendLetter;
  /** What the operator offers, as it is given out. */
  readonly addresses: readonly string[];
}

export type Endpoints = ReturnType<typeof makeEndpoints>;

/** The private way to a gateway: its endpoint service, and who is connected to it (docs/decisions/0013). */
export function makeEndpoints({ store, clock, ids, audit, changes, sendLetter, addresses }: EndpointsDependencies) {
  const { endpoints } = store;
  const mails = makeEndpointMails({ store, sendLetter });
  const rows = makeConnectionRows({ store, clock, addresses });

  const freeAddresses = async (): Promise<string[]> => {
    const held = new Set((await endpoints.accepted()).map(({ address }) => address));
    return addresses.filter((address) => !held.has(address));
  };

  /** The connection as its gateway's owner may decide it. */
  async function ofGateway(actor: Actor, gatewayId: string, id: string): Promise<EndpointConnectionDoc> {
    await ownGateway(store, actor, gatewayId);
    const connection = await endpoints.connection(id);
    if (!connection || connection.gatewayId !== gatewayId) throw new AppError('not-found');
    return connection;
  }

  async function mine(actor: Actor, id: string): Promise<EndpointConnectionDoc> {
    const connection = await endpoints.connection(id);
    if (!connection || connection.organizationId !== actor.organizationId) throw new AppError('not-found');
    return connection;
  }

  const announce = (id: string) => changes.announce('catalogue-changed', { what: 'connection', id });
  const resourceOf = ({ gatewayId, _id }: EndpointConnectionDoc) => `gateway:${gatewayId}/connection:${_id}`;
  const asItStands = async (id: string): Promise<AppError> => {
    const status = (await endpoints.connection(id))?.status ?? 'withdrawn';
    return new AppError('conflict', `This connection is ${status} already.`);
  };

  /** Was the write ours? One whose answer was lost is repeated by the driver, and then meets its own work. */
  async function isOurs(id: string, written: boolean, mark: string): Promise<boolean> {
    return written || (await endpoints.connection(id))?.mark === mark;
  }

  /** Try address by address until one is nobody else's. @returns it; null when none is free. @throws conflict when it was decided before */
  async function giveAddress(id: string, by: string): Promise<string | null> {
    const decision = { at: clock.now(), by, mark: ids.uuid() };
    for (const address of await freeAddresses()) {
      const answer = await endpoints.accept(id, address, decision);
      if (answer === 'taken') continue;
      if (await isOurs(id, answer === 'accepted', decision.mark)) return address;
      throw await asItStands(id);
    }
    return null;
  }

  async function accept(actor: Actor, connection: EndpointConnectionDoc): Promise<string | null> {
    const address = await giveAddress(connection._id, actor.userId);
    if (address === null) return null;
    await audit.append(actor, {
      action: 'apig:endpoints:decide',
      resource: resourceOf(connection),
      organizationId: connection.providerId,
      before: { status: 'requested' },
      after: { status: 'accepted', organizationId: connection.organizationId, address },
    });
    await announce(connection._id);
    await mails.accepted(connection, address);
    return address;
  }

  return {
    /** The owner's side: the service of a gateway, and pages of its connections. */
    async ofGateway(actor: Actor, gatewayId: string, pages = FIRST): Promise<EndpointView> {
      const gateway = await ownGateway(store, actor, gatewayId);
      const [service, lists, free] = await Promise.all([
        endpoints.service(gatewayId),
        rows.lists(gatewayId, () => endpoints.connectionsOfGateway(gatewayId), pages),
        rows.free(),
      ]);
      return { gateway, service, ...lists, addresses: { offered: addresses.length, free } };
    },

    /** @param rev  of the service as the page showed it; 0: it was never set up. @throws invalid-form; conflict when it was changed since */
    async saveService(
      actor: Actor,
      gatewayId: string,
      rev: number,
      { on, automatic, whitelist }: Pick<EndpointServiceDoc, 'on' | 'automatic' | 'whitelist'>,
    ): Promise<void> {
      const gateway = await ownGateway(store, actor, gatewayId);
      const fault = whitelistFault(whitelist);
      if (fault !== undefined) throw faulty({ whitelist: fault });
      const after = { on, automatic, whitelist: [...whitelist] };
      const before = await endpoints.service(gatewayId);
      const saved =
        rev === 0
          ? await endpoints.addService({
              _id: gatewayId,
              organizationId: gateway.organizationId,
              name: serviceNameOf(gateway.name, gatewayId),
              ...after,
              createdAt: clock.now(),
              rev: 1,
            })
          : await endpoints.updateService(gatewayId, rev, after);
      if (!saved) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'apig:endpoints:update',
        resource: `gateway:${gatewayId}`,
        before: before && { on: before.on, automatic: before.automatic, whitelist: before.whitelist },
        after,
      });
    },

    /** Give the connection an address of its own; in force within a second. @returns the address. @throws conflict when none is free, or it was decided before */
    async accept(actor: Actor, gatewayId: string, id: string): Promise<string> {
      const connection = await ofGateway(actor, gatewayId, id);
      if (connection.status !== 'requested') throw await asItStands(id);
      const address = await accept(actor, connection);
      if (address !== null) return address;
      throw new AppError(
        'conflict',
        addresses.length === 0
          ? 'The operator of this marketplace offers no private addresses yet. The request stays.'
          : `No private address is free: accepted connections hold all ${addresses.length}. Disconnect one, or ask the operator for more. The request stays.`,
      );
    },

    async reject(actor: Actor, gatewayId: string, id: string, reason: string): Promise<void> {
      const connection = await ofGateway(actor, gatewayId, id);
      refuseFaults(reason.length > REASON_MAX ? { reason: `At most ${REASON_MAX} characters fit.` } : {});
      const end: ConnectionEnd = { status: 'rejected', at: clock.now(), by: actor.userId, reason, mark: ids.uuid() };
      if (!(await isOurs(id, await endpoints.refuse(id, end), end.mark))) throw await asItStands(id);
      await audit.append(actor, {
        action: 'apig:endpoints:decide',
        resource: resourceOf(connection),
        before: { status: 'requested' },
        after: { status: 'rejected', organizationId: connection.organizationId, reason },
      });
      await mails.rejected(connection, reason);
    },

    /** The owner ends an accepted connection: calls get 404 within a second, open streams end within five. */
    async disconnect(actor: Actor, gatewayId: string, id: string, reason: string): Promise<void> {
      const connection = await ofGateway(actor, gatewayId, id);
      refuseFaults(reason.length > REASON_MAX ? { reason: `At most ${REASON_MAX} characters fit.` } : {});
      const end: ConnectionEnd = { status: 'disconnected', at: clock.now(), by: actor.userId, reason, mark: ids.uuid() };
      if (!(await isOurs(id, await endpoints.disconnect(id, end), end.mark))) throw await asItStands(id);
      await audit.append(actor, {
        action: 'apig:endpoints:decide',
        resource: resourceOf(connection),
        before: { status: 'accepted', address: connection.address },
        after: { status: 'disconnected', organizationId: connection.organizationId, reason },
      });
      await announce(id);
      await mails.disconnected(connection, reason);
    },

    /** The other side: what the actor's organization asked for. */
    connections: ({ organizationId }: Actor, pages = FIRST): Promise<ConnectionLists> =>
      rows.lists(organizationId, () => endpoints.connectionsOf(organizationId), pages),

    /**
     * Ask for a connection to a service by its exact name.
     * @throws invalid-form in the same words when there is none of this name, when it is off, and when the organization is not on its list;
     *   conflict while one lives; too-many-attempts
     */
    async request(
      actor: Actor,
      { name, message, networks }: { readonly name: string; readonly message: string; readonly networks: readonly string[] },
    ): Promise<EndpointConnectionDoc> {
      const fault = networksFault(networks);
      refuseFaults({
        ...(fault !== undefined && { networks: fault }),
        ...(message.length > MESSAGE_MAX && { message: `At most ${MESSAGE_MAX} characters fit.` }),
      });
      const now = clock.now();
      if ((await endpoints.askedBetween(actor.organizationId, now - DAY_MS + 1, now + DAY_MS)) >= REQUESTS_PER_DAY)
        throw new AppError('too-many-attempts', `An organization may ask for ${REQUESTS_PER_DAY} connections a day. Try again tomorrow.`);
      const service = await endpoints.serviceByName(name);
      // One whose deletion was decided takes nobody in any more.
      const gateway = service && (await store.gateways.gateway(service._id));
      if (!service || !gateway || gateway.deletion || !finds(service, actor.organizationId))
        throw faulty({
          name: 'No endpoint service of this name takes requests from your organization. Compare it letter by letter with what its owner gave you.',
        });
      const connection: EndpointConnectionDoc = {
        _id: ids.next('con'),
        gatewayId: service._id,
        serviceName: service.name,
        providerId: service.organizationId,
        organizationId: actor.organizationId,
        requestedBy: actor.userId,
        message,
        networks: [...networks],
        status: 'requested',
        live: true,
        address: null,
        holds: false,
        reason: '',
        requestedAt: now,
        decidedAt: null,
        decidedBy: '',
        endedAt: null,
        endedBy: '',
        mark: '',
      };
      if (!(await endpoints.addConnection(connection)) && !(await endpoints.connection(connection._id)))
        throw new AppError('conflict', 'Your organization asks for this service, or is connected to it, already.');
      await audit.append(actor, {
        action: 'market:connections:create',
        resource: `connection:${connection._id}`,
        after: { service: service.name, networks, message },
      });
      const address = service.automatic ? await accept(SYSTEM, connection) : null;
      await mails.requested(connection, address);
      return (await endpoints.connection(connection._id)) ?? connection;
    },

    /** Who asked takes the request back, or ends the connection. @returns what it was. @throws conflict when it has ended already */
    async leave(actor: Actor, id: string): Promise<'requested' | 'accepted'> {
      const connection = await mine(actor, id);
      const end = (status: ConnectionEnd['status']): ConnectionEnd => ({ status, at: clock.now(), by: actor.userId, reason: '', mark: ids.uuid() });
      const [withdrawal, disconnection] = [end('withdrawn'), end('disconnected')];
      const withdrawn = await isOurs(id, await endpoints.refuse(id, withdrawal), withdrawal.mark);
      if (!withdrawn && !(await isOurs(id, await endpoints.disconnect(id, disconnection), disconnection.mark))) throw await asItStands(id);
      const was = withdrawn ? 'requested' : 'accepted';
      await audit.append(actor, {
        action: 'market:connections:delete',
        resource: `connection:${id}`,
        before: { service: connection.serviceName, status: was },
      });
      if (was === 'accepted') await announce(id);
      await mails.left(connection, was);
      return was;
    },
  };
}
