import type { Actor } from '../domain/actor.ts';
import { HOUR_MS } from '../domain/usage-totals.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { GatewayDoc } from '../store/gateways.ts';
import type { Store } from '../store/index.ts';
import type { LiveSubscription } from '../store/subscriptions.ts';
import type { Audit } from './audit.ts';
import { ownGateway } from './catalog/own.ts';
import type { Changes } from './changes.ts';
import { makeKeptLists } from './kept-lists.ts';
import type { Metering } from './metering.ts';

const NAMED_MAX = 5;
/** Of more subscriptions than these the calls are not added up. */
export const CALLS_OF_MAX = 12;

/** What closing the public listener to a gateway does. */
export interface ClosingEffect {
  readonly gateway: GatewayDoc;
  /** Calls of its subscriptions, by whatever way, since {@link since}; null: there are too many of them to add these up. */
  readonly calls: bigint | null;
  /** Epoch ms: the beginning of the hour before this one. */
  readonly since: number;
  /** Accepted connections, which stay. */
  readonly connections: number;
  readonly subscriptions: number;
  /** Apps authorized directly. */
  readonly authorizations: number;
  readonly stranded: Stranded;
}

/** Organizations with live subscriptions and without an accepted connection: while there are any, it is refused. */
export interface Stranded {
  readonly count: number;
  /** Of the first of them. */
  readonly names: readonly string[];
}

export interface PublicListenerDependencies {
  readonly store: Pick<Store, 'accounts' | 'apps' | 'endpoints' | 'gateways' | 'settings' | 'subscriptions'>;
  readonly metering: Pick<Metering, 'usage'>;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly changes: Pick<Changes, 'announce'>;
}

/** Whether a gateway is served by the public listener, or reached over accepted connections alone (docs/decisions/0013). */
export function makePublicListener({ store, metering, clock, audit, changes }: PublicListenerDependencies) {
  const { accounts, apps, endpoints, subscriptions } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  const subscribed = async ({ _id, organizationId }: GatewayDoc): Promise<LiveSubscription[]> =>
    (await subscriptions.liveOfProvider(organizationId)).filter(({ gatewayId }) => gatewayId === _id);
  const connectedTo = async ({ _id }: GatewayDoc): Promise<string[]> => (await endpoints.acceptedOf(_id)).map(({ organizationId }) => organizationId);

  async function strandedOf(live: readonly LiveSubscription[], connected: readonly string[]): Promise<Stranded> {
    const reached = new Set(connected);
    const without = [...new Set(live.map(({ organizationId }) => organizationId))].filter((id) => !reached.has(id)).sort();
    const names = (await accounts.organizations(without.slice(0, NAMED_MAX))).map(({ name }) => name).sort();
    return { count: without.length, names };
  }

  async function effect(actor: Actor, gatewayId: string): Promise<ClosingEffect> {
    const gateway = await ownGateway(store, actor, gatewayId);
    const since = Math.floor(clock.now() / HOUR_MS) * HOUR_MS - HOUR_MS;
    // A page tells what is kept in memory; who closes it reads the store.
    const [live, connected, authorized] = await Promise.all([
      lists.read('subscribers', gateway.organizationId, () => subscribed(gateway), gatewayId),
      lists.read('connections', gatewayId, () => connectedTo(gateway)),
      lists.read('authorizations', gatewayId, () => apps.liveAuthorizationsOfGateway(gatewayId)),
    ]);
    const usage =
      live.length > CALLS_OF_MAX
        ? null
        : await metering.usage(actor, { subscriptionIds: live.map(({ _id }) => _id), from: since, to: clock.now() + 1, by: 'subscription' });
    return {
      gateway,
      calls: usage && usage.rows.reduce((sum, { calls }) => sum + calls, 0n),
      since,
      connections: connected.length,
      subscriptions: live.length,
      authorizations: new Set(authorized.map(({ appId }) => appId)).size,
      stranded: await strandedOf(live, connected),
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
      const own = await store.endpoints.liveBetween(actor.organizationId, listing.gatewayId);
      return own?.holds ? { ...listing, baseUrl: `http://${own.address ?? ''}/${listing.label}` } : listing;
    },

    /**
     * In force within a second; a second press changes nothing. Closed, the gateway's labels are unknown on the public listener and open streams there end.
     * @throws conflict while an organization with a live subscription has no accepted connection: whoever pays keeps a way in
     */
    async set(actor: Actor, gatewayId: string, open: boolean): Promise<void> {
      const gateway = await ownGateway(store, actor, gatewayId);
      const stranded = open ? null : await strandedOf(await subscribed(gateway), await connectedTo(gateway));
      if (stranded && stranded.count > 0) throw new AppError('conflict', refusalOf(stranded));
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

function refusalOf({ count, names }: Stranded): string {
  const more = count > names.length ? ` and ${count - names.length} more` : '';
  return `These subscribers have no accepted connection and would lose the only way in: ${names.join(', ')}${more}. Accept a connection of each first.`;
}
