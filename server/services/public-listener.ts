import type { Actor } from '../domain/actor.ts';
import { HOUR_MS } from '../domain/usage-totals.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { GatewayDoc } from '../store/gateways.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';
import { ownGateway } from './catalog/own.ts';
import type { Changes } from './changes.ts';
import type { Metering } from './metering.ts';

const NAMED_MAX = 5;

/** What closing the public listener to a gateway does. */
export interface ClosingEffect {
  readonly gateway: GatewayDoc;
  /** Calls of its subscriptions, by whatever way, since {@link since}. */
  readonly calls: bigint;
  /** Epoch ms: the beginning of the hour before this one. */
  readonly since: number;
  /** Accepted connections, which stay. */
  readonly connections: number;
  readonly subscriptions: number;
  /** Apps authorized directly. */
  readonly authorizations: number;
  /** Names of organizations with live subscriptions and without an accepted connection: while there are any, it is refused. */
  readonly stranded: readonly string[];
}

export interface PublicListenerDependencies {
  readonly store: Pick<Store, 'accounts' | 'apps' | 'endpoints' | 'gateways' | 'products' | 'subscriptions'>;
  readonly metering: Pick<Metering, 'usage'>;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly changes: Pick<Changes, 'announce'>;
}

/** Whether a gateway is served by the public listener, or reached over accepted connections alone (docs/decisions/0013). */
export function makePublicListener({ store, metering, clock, audit, changes }: PublicListenerDependencies) {
  /** Its live subscriptions, its accepted connections, and the names of those who have the one without the other. */
  async function standing({ _id, organizationId }: GatewayDoc) {
    const [products, connections] = await Promise.all([store.products.productsOfGateway(organizationId, _id), store.endpoints.connectionsOfGateway(_id)]);
    const subscriptions = await store.subscriptions.liveOfProducts(products.map((product) => product._id));
    const accepted = connections.filter(({ holds }) => holds);
    const connected = new Set(accepted.map((connection) => connection.organizationId));
    const without = [...new Set(subscriptions.map((subscription) => subscription.organizationId))].filter((id) => !connected.has(id));
    const stranded = (await store.accounts.organizations(without)).map(({ name }) => name).sort();
    return { subscriptions, accepted: accepted.length, stranded };
  }

  async function effect(actor: Actor, gatewayId: string): Promise<ClosingEffect> {
    const gateway = await ownGateway(store, actor, gatewayId);
    const since = Math.floor(clock.now() / HOUR_MS) * HOUR_MS - HOUR_MS;
    const { subscriptions, accepted, stranded } = await standing(gateway);
    const [usage, authorizations] = await Promise.all([
      metering.usage(actor, { subscriptionIds: subscriptions.map(({ _id }) => _id), from: since, to: clock.now() + 1, by: 'subscription' }),
      store.apps.liveAuthorizations(),
    ]);
    return {
      gateway,
      calls: usage.rows.reduce((sum, { calls }) => sum + calls, 0n),
      since,
      connections: accepted,
      subscriptions: subscriptions.length,
      authorizations: new Set(authorizations.filter((one) => one.gatewayId === gatewayId).map(({ appId }) => appId)).size,
      stranded,
    };
  }

  return {
    effect,

    /** A listing as the actor's organization reaches it: one of a private gateway at the address of its connection. */
    async reached<T extends { readonly gatewayId: string; readonly privateOnly: boolean; readonly label: string; readonly baseUrl: string }>(
      actor: Actor,
      listing: T | undefined,
    ): Promise<T | undefined> {
      if (!listing?.privateOnly) return listing;
      const own = (await store.endpoints.connectionsOf(actor.organizationId)).find(({ gatewayId, holds }) => holds && gatewayId === listing.gatewayId);
      return own ? { ...listing, baseUrl: `http://${own.address ?? ''}/${listing.label}` } : listing;
    },

    /**
     * In force within a second; a second press changes nothing. Closed, the gateway's labels are unknown on the public listener and open streams there end.
     * @throws conflict while an organization with a live subscription has no accepted connection: whoever pays keeps a way in
     */
    async set(actor: Actor, gatewayId: string, open: boolean): Promise<void> {
      const gateway = await ownGateway(store, actor, gatewayId);
      const { stranded } = open ? { stranded: [] } : await standing(gateway);
      if (stranded.length > 0) throw new AppError('conflict', refusalOf(stranded));
      if (await store.gateways.setPrivateOnly(gatewayId, !open))
        await audit.append(actor, {
          action: 'apig:instances:update',
          resource: `gateway:${gatewayId}`,
          before: { publicListener: !open },
          after: { publicListener: open },
        });
      await changes.announce('catalogue-changed', { what: 'gateway', id: gatewayId });
    },
  };
}

function refusalOf(stranded: readonly string[]): string {
  const more = stranded.length > NAMED_MAX ? ` and ${stranded.length - NAMED_MAX} more` : '';
  return `These subscribers have no accepted connection and would lose the only way in: ${stranded.slice(0, NAMED_MAX).join(', ')}${more}. Accept a connection of each first.`;
}
