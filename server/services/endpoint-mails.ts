import type { EndpointConnectionDoc } from '../store/endpoints.ts';
import type { Store } from '../store/index.ts';
import type { SendLetter } from './letters.ts';

const said = (reason: string): string[] => (reason === '' ? [] : [`They say: ${reason}`]);

/** News of a connection for the other side: those who decide about the gateway's endpoints, and those who ask for connections. */
export function makeEndpointMails({ store, sendLetter }: { readonly store: Pick<Store, 'accounts' | 'gateways'>; readonly sendLetter: SendLetter }) {
  const names = async ({ organizationId, providerId, gatewayId }: EndpointConnectionDoc) => {
    const [organizations, gateway] = await Promise.all([store.accounts.organizations([organizationId, providerId]), store.gateways.gateway(gatewayId)]);
    const name = (id: string) => organizations.find(({ _id }) => _id === id)?.name ?? id;
    return { asking: name(organizationId), owner: name(providerId), gateway: gateway?.name ?? gatewayId };
  };

  const toOwner = ({ providerId, gatewayId }: EndpointConnectionDoc, subject: string, lines: readonly string[]) =>
    sendLetter({ organizationId: providerId, to: 'apig:endpoints:decide', subject, lines, path: `/gateways/${gatewayId}/endpoints` });
  const toAsking = ({ organizationId }: EndpointConnectionDoc, subject: string, lines: readonly string[]) =>
    sendLetter({ organizationId, to: 'market:connections:create', subject, lines, path: '/connections' });

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
