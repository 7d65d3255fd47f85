import type { Clock } from '../kernel/clock.ts';
import type { EndpointConnectionDoc } from '../store/endpoints.ts';
import type { Store } from '../store/index.ts';
import { makeKeptLists, slice, type Slice } from './kept-lists.ts';

/** Connections on one page, of those that live as of those that ended. */
export const CONNECTIONS_PAGE_SIZE = 25;

/** A connection as its pages name it. */
export interface ConnectionRow {
  readonly connection: EndpointConnectionDoc;
  /** Of the organization that asked, and of the gateway's owner. */
  readonly organizationName: string;
  readonly providerName: string;
  readonly requestedByName: string;
  /** The operator still offers its address. */
  readonly offered: boolean;
}

/** Which page of each list, from 1. */
export interface ConnectionPages {
  readonly live: number;
  readonly ended: number;
}

/** Those that wait or work, and the record of those that ended: each the newest first. */
export interface ConnectionLists {
  readonly live: Slice<ConnectionRow>;
  readonly ended: Slice<ConnectionRow>;
}

export interface ConnectionRowsDependencies {
  readonly store: Pick<Store, 'accounts' | 'endpoints' | 'settings'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly addresses: readonly string[];
}

/** Connections of an organization or a gateway, from memory; of the names, those that a page shows. */
export function makeConnectionRows({ store, clock, addresses }: ConnectionRowsDependencies) {
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function named(connections: readonly EndpointConnectionDoc[]): Promise<(connection: EndpointConnectionDoc) => ConnectionRow> {
    const [organizations, users] = await Promise.all([
      store.accounts.organizations([...new Set(connections.flatMap(({ organizationId, providerId }) => [organizationId, providerId]))]),
      store.accounts.users([...new Set(connections.map(({ requestedBy }) => requestedBy))]),
    ]);
    const names = new Map([...organizations, ...users].map(({ _id, name }) => [_id, name]));
    return (connection) => ({
      connection,
      organizationName: names.get(connection.organizationId) ?? connection.organizationId,
      providerName: names.get(connection.providerId) ?? connection.providerId,
      requestedByName: names.get(connection.requestedBy) ?? '',
      offered: connection.address !== null && addresses.includes(connection.address),
    });
  }

  return {
    /** @param ownerId  the gateway, or the organization that asked; @param load  reads its connections whole */
    async lists(ownerId: string, load: () => Promise<EndpointConnectionDoc[]>, pages: ConnectionPages): Promise<ConnectionLists> {
      const all = await lists.read('connections', ownerId, async () =>
        (await load()).sort((a, b) => b.requestedAt - a.requestedAt || (a._id < b._id ? 1 : -1)),
      );
      const [live, ended] = [
        slice(
          all.filter((connection) => connection.live),
          pages.live,
          CONNECTIONS_PAGE_SIZE,
        ),
        slice(
          all.filter((connection) => !connection.live),
          pages.ended,
          CONNECTIONS_PAGE_SIZE,
        ),
      ];
      const row = await named([...live.rows, ...ended.rows]);
      return { live: { rows: live.rows.map(row), total: live.total }, ended: { rows: ended.rows.map(row), total: ended.total } };
    },

    /** Addresses that nobody holds, as a page tells it: who gives one reads the store. */
    async free(): Promise<number> {
      if (addresses.length === 0) return 0;
      const held = await lists.read('connections', 'accepted', async () => (await store.endpoints.accepted()).map(({ address }) => address));
      return addresses.filter((address) => !held.includes(address)).length;
    },
  };
}
