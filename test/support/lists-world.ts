import { bearerClient } from './api-client.ts';
import { testMongo } from './engines.ts';
import { fillGateway } from './lists-gateway.ts';
import { listsGround, type ListPage } from './lists-ground.ts';
import { fillOperatorLists } from './lists-operator.ts';
import { fillOrganization } from './lists-organization.ts';
import { fillSeller } from './lists-seller.ts';
import { fillTrade } from './lists-trade.ts';
import { operatorAlone, startPortal } from './portal.ts';

/**
 * A portal whose lists hold `size` of everything (of what an organization may have no more than fewer of, as many as it may), put there in batches,
 * and a count of the documents that the store reads.
 */
export async function listsWorld(size: number) {
  const mongo = await testMongo();
  const portal = await startPortal({ MONGODB_URI: `${mongo.uri}${mongo.uri.includes('?') ? '&' : '?'}monitorCommands=true` });
  const { store } = portal.composition;
  let documents = 0;
  let commands = 0;
  store.connection.getClient().on('commandSucceeded', ({ reply }) => {
    const { cursor } = reply as { cursor?: { firstBatch?: unknown[]; nextBatch?: unknown[] } };
    documents += (cursor?.firstBatch ?? cursor?.nextBatch ?? []).length;
    commands += 1;
  });
  const owner = await portal.member('Owner');
  const operator = await operatorAlone(portal, 'Olga');
  const ground = listsGround(portal, owner, size);
  const { gateway, group, pages: ofGateway } = await fillGateway(ground);
  const filled = [
    await fillOrganization(ground),
    await fillTrade(ground, gateway._id),
    await fillSeller(ground, gateway._id, group._id),
    await fillOperatorLists(ground),
  ];
  const issued = await portal.composition.services.accessKeys.createOwn(ground.actor, { kind: 'token', name: 'Lists', lifeDays: null });
  if (issued.kind !== 'token') throw new Error('no token');
  const program = { get: (path: string) => bearerClient(portal.origin, issued.token).send('GET', path.replace('/api/v1', '')) };
  // What is put there in batches goes past the lists kept in memory; a write of the product tells them.
  await store.accounts.setUserName(owner.userId, 'Owner');

  return {
    portal,
    operator,
    actor: ground.actor,
    gatewayId: gateway._id,
    groupId: group._id,
    pages: [...ofGateway, ...filled.flatMap(({ pages }) => pages)],
    visit: ({ who }: ListPage, path: string): Promise<{ readonly status: number; readonly text: string }> => ({ owner, operator, program })[who].get(path),
    /** Documents and commands since the last call. */
    taken() {
      const seen = { documents, commands };
      documents = 0;
      commands = 0;
      return seen;
    },
    async stop() {
      await portal.stop();
      await mongo.drop();
    },
  };
}

export type ListsWorld = Awaited<ReturnType<typeof listsWorld>>;
