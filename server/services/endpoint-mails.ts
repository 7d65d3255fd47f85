import type { Log } from '../kernel/log.ts';
import type { EndpointConnectionDoc } from '../store/endpoints.ts';
import type { Store } from '../store/index.ts';
import type { Notifications } from './notifications.ts';

export interface EndpointMailsDependencies {
  readonly store: Pick<Store, 'accounts' | 'gateways'>;
  readonly notifications: Pick<Notifications, 'message'>;
  readonly log: Pick<Log, 'warn'>;
}

const said = (reason: string): string[] => (reason === '' ? [] : [`They say: ${reason}`]);

/**
 * News of a connection for the other side: its pages say the same. What happened stands, whatever becomes of the mail, so a mail server that does not
 * answer is noted in the log and fails nothing.
 */
export function makeEndpointMails({ store, notifications, log }: EndpointMailsDependencies) {
  const { accounts, gateways } = store;

  async function send(organizationId: string, userId: string | null, subject: string, lines: readonly string[], path: string): Promise<void> {
    try {
      const organization = await accounts.organization(organizationId);
      if (!organization) return;
      // Who asked may have left since; then it is the owner's affair.
      const stays = userId !== null && (await accounts.membership(organizationId, userId)) !== null;
      const [user] = await accounts.users([stays ? userId : organization.ownerId]);
      if (user) await notifications.message(user.email, subject, lines, path);
    } catch (error) {
      log.warn({ err: error, organizationId }, 'a mail about a connection was not sent');
    }
  }

  const names = async ({ organizationId, providerId, gatewayId }: EndpointConnectionDoc) => {
    const [organizations, gateway] = await Promise.all([accounts.organizations([organizationId, providerId]), gateways.gateway(gatewayId)]);
    const name = (id: string) => organizations.find(({ _id }) => _id === id)?.name ?? id;
    return { asking: name(organizationId), owner: name(providerId), gateway: gateway?.name ?? gatewayId };
  };

  const toOwner = (connection: EndpointConnectionDoc, subject: string, lines: readonly string[]) =>
    send(connection.providerId, null, subject, lines, `/gateways/${connection.gatewayId}/endpoints`);
  const toAsking = (connection: EndpointConnectionDoc, subject: string, lines: readonly string[]) =>
    send(connection.organizationId, connection.requestedBy, subject, lines, '/connections');

  return {
    /** @param address  given at once; null: the owner decides */
    async requested(connection: EndpointConnectionDoc, address: string | null): Promise<void> {
      const { asking, gateway } = await names(connection);
      await (address === null
        ? toOwner(connection, `${asking} asks for a private connection`, [
            `${asking} asks to reach your gateway ${gateway} privately.`,
            ...said(connection.message),
            'Accept or reject it on the page of the gateway.',
          ])
        : toOwner(connection, `${asking} is connected privately`, [`${asking} asked to reach your gateway ${gateway} privately and was accepted at once.`]));
    },
    async accepted(connection: EndpointConnectionDoc, address: string): Promise<void> {
      const { owner } = await names(connection);
      await toAsking(connection, `${owner} accepted your private connection`, [
        `Your connection to ${connection.serviceName} works now. It has the address ${address}: call it in place of the public address.`,
      ]);
    },
    async rejected(connection: EndpointConnectionDoc, reason: string): Promise<void> {
      const { owner } = await names(connection);
      await toAsking(connection, `${owner} rejected your private connection`, [`Your request for ${connection.serviceName} was rejected.`, ...said(reason)]);
    },
    async disconnected(connection: EndpointConnectionDoc, reason: string): Promise<void> {
      const { owner } = await names(connection);
      await toAsking(connection, `${owner} ended your private connection`, [
        `Your connection to ${connection.serviceName} has ended: calls to ${connection.address ?? 'its address'} are answered with 404.`,
        ...said(reason),
      ]);
    },
    async left(connection: EndpointConnectionDoc, was: 'requested' | 'accepted'): Promise<void> {
      const { asking, gateway } = await names(connection);
      await (was === 'requested'
        ? toOwner(connection, `${asking} withdrew its request`, [`${asking} does not ask any more to reach your gateway ${gateway} privately.`])
        : toOwner(connection, `${asking} ended its private connection`, [
            `${asking} is not connected to your gateway ${gateway} any more; its address is free.`,
          ]));
    },
  };
}
