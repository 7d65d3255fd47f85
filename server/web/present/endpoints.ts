import { CONNECTIONS_PAGE_SIZE, type ConnectionLists, type ConnectionPages, type ConnectionRow } from '../../services/endpoint-rows.ts';
import { pageOf, pagination } from './pagination.ts';

type Query = Readonly<Record<string, unknown>>;

function connectionModel({ connection, organizationName, providerName, requestedByName, offered }: ConnectionRow) {
  const { _id, organizationId, serviceName, networks, status, address, message, reason, requestedAt, decidedAt, endedAt } = connection;
  return {
    id: _id,
    organization: organizationName,
    organizationId,
    provider: providerName,
    service: serviceName,
    requestedBy: requestedByName,
    message,
    networks: networks.join(', '),
    status,
    accepted: status === 'accepted',
    // An address belongs to a connection only as long as it lives.
    url: connection.holds && address !== null ? `http://${address}` : '',
    offered,
    reason,
    requestedAt,
    decidedAt,
    endedAt,
    closedAt: endedAt ?? decidedAt,
  };
}

/** Which pages of the two lists the query asks for. */
export const connectionPages = (query: Query): ConnectionPages => ({ live: pageOf(query['page']), ended: pageOf(query['ended']) });

/** Those that wait or work, and the record of those that ended. */
export function connectionsModel({ live, ended }: ConnectionLists, path: string, query: Query) {
  const pages = connectionPages(query);
  const pager = (name: string, page: number, total: number) =>
    total > CONNECTIONS_PAGE_SIZE ? pagination(path, query, { page, size: CONNECTIONS_PAGE_SIZE, total }, name) : null;
  return {
    live: live.rows.map(connectionModel),
    liveTotal: live.total,
    pages: pager('page', pages.live, live.total),
    ended: ended.rows.map(connectionModel),
    endedTotal: ended.total,
    endedPages: pager('ended', pages.ended, ended.total),
  };
}
