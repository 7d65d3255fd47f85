import type { ConnectionRow } from '../../services/endpoints.ts';

/** Ended ones are kept for the record; of them the newest are shown. */
const ENDED_SHOWN = 50;

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

/** Those that wait or work, and the record of those that ended. */
export function connectionsModel(rows: readonly ConnectionRow[]) {
  const live = rows.filter(({ connection }) => connection.live).map(connectionModel);
  const ended = rows.filter(({ connection }) => !connection.live);
  return { live, ended: ended.slice(0, ENDED_SHOWN).map(connectionModel), more: Math.max(0, ended.length - ENDED_SHOWN) };
}
