import type { ListPage, ListsGround } from './lists-ground.ts';
import { definition } from './catalog-world.ts';

/** One gateway with `size` groups and as many APIs in one of them. */
export async function fillGateway({ portal, owner: { organizationId }, actor, size, many, letters, insert }: ListsGround) {
  const { services, store, ids, clock } = portal.composition;
  const now = clock.now();
  const gateway = await services.catalog.gateways.create(actor, {
    name: 'Large',
    description: '',
    edition: 'enterprise',
    tags: [{ key: 'team', value: 'lists' }],
  });
  const group = await services.catalog.groups.create(actor, gateway._id, { name: 'Large', description: '', label: '' });
  await store.apis.addApis(
    many(size, (n) => ({
      _id: ids.next('api'),
      gatewayId: gateway._id,
      groupId: group._id,
      organizationId,
      definition: definition(`/things/${n}`),
      createdAt: now,
      updatedAt: now,
      rev: 1,
    })),
    2_000,
  );
  const taken = (await store.gateways.group(group._id))?.slot ?? 0;
  await insert(
    'Group',
    many(size - 1, (n) => ({
      _id: ids.next('grp'),
      gatewayId: gateway._id,
      organizationId,
      label: `l${letters()}-${n}`,
      name: `Group ${n}`,
      description: '',
      slot: n < taken ? n : n + 1,
      gone: false,
      createdAt: now,
      rev: 1,
    })),
  );
  const [firstApi] = await store.apis.placesOfGateway(gateway._id);
  if (!firstApi) throw new Error('no API');
  const pages: readonly ListPage[] = [
    { name: 'gateways', path: '/gateways', who: 'owner', shows: 0, pagers: 0 },
    { name: 'groups', path: `/gateways/${gateway._id}/groups`, who: 'owner', shows: 0, pagers: 1 },
    { name: 'APIs of a gateway', path: `/gateways/${gateway._id}/apis`, who: 'owner', shows: 0, pagers: 1 },
    { name: 'APIs of a group', path: `/gateways/${gateway._id}/groups/${group._id}`, who: 'owner', shows: 0, pagers: 1 },
    { name: 'quotas', path: `/gateways/${gateway._id}/quotas`, who: 'owner', shows: 0, pagers: 0 },
    { name: 'endpoints', path: `/gateways/${gateway._id}/endpoints`, who: 'owner', shows: 100, pagers: 2 },
  ];
  return { gateway, group, pages };
}
