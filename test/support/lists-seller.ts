import { PRODUCTS_MAX } from '../../server/services/catalog/products.ts';
import { definition, planDocument } from './catalog-world.ts';
import { productRow, subscriptionRow, type ListPage, type ListsGround } from './lists-ground.ts';

/** What a seller has made over years: products on offer and retired ones, a plan in many versions, an API published often, and many subscribers. */
export async function fillSeller(ground: ListsGround, gatewayId: string, groupId: string) {
  const { portal, owner, actor, size, many, at, insert } = ground;
  const { services, store, ids } = portal.composition;
  const { organizationId } = owner;
  const place = { gatewayId, groupId };
  const offered = many(Math.min(size, PRODUCTS_MAX), (n) => ({
    ...productRow(ground, ids.next('prd'), 'listed', `offered-${n}`),
    ...place,
    slot: n,
    listedAt: at(n),
  }));
  const retired = many(size, (n) => ({ ...productRow(ground, ids.next('prd'), 'retired', `retired-${n}`), ...place, listedAt: at(n) }));
  await insert('Product', [...offered, ...retired]);
  const productId = offered[0]?._id ?? '';
  const planId = ids.next('plan');
  const plan = { _id: planId, productId, name: 'free', title: 'Free', summary: '', ordinal: 1, retired: false, createdAt: at(0), rev: 1 };
  await insert('Plan', [{ ...plan, currentVersionId: `${planId}_v${size}`, versions: size }]);
  const document = planDocument();
  await insert(
    'PlanVersion',
    many(size, (n) => ({
      _id: `${planId}_v${n + 1}`,
      planId,
      planName: 'free',
      productId,
      n: n + 1,
      document,
      hash: `hash ${n}`,
      publishedAt: at(size - n),
      effectiveAt: null,
      standing: 'offered',
    })),
  );
  await insert(
    'Subscription',
    many(size, (n) => ({
      ...subscriptionRow(ground, ids.next('sub'), productId, n),
      organizationId: `org_buys${n}`,
      providerId: organizationId,
      gatewayId,
      planId,
      planVersionId: `${planId}_v1`,
    })),
  );

  // All APIs of the group are live and part of a product that waits for its review.
  const release = await store.gateways.environmentByName(gatewayId, 'RELEASE');
  const environmentId = release?._id ?? '';
  const live = (await store.apis.apisOfGroup(gatewayId, groupId)).map(({ _id, definition: frozen }, n) => ({
    _id: ids.next('pub'),
    ...place,
    apiId: _id,
    environmentId,
    ordinal: 1,
    definition: frozen,
    live: true,
    note: '',
    publishedAt: at(n),
    publishedBy: owner.userId,
    routeKey: `live ${n}`,
  }));
  await insert('Publication', live);
  await store.apis.setServing(environmentId, new Map(live.map(({ _id, apiId }) => [apiId, _id])));
  const waiting = { ...productRow(ground, ids.next('prd'), 'submitted', 'of-many'), ...place, environmentId, apiIds: live.map(({ apiId }) => apiId) };
  await insert('Product', [waiting]);

  const api = await services.catalog.apis.create(
    actor,
    gatewayId,
    groupId,
    definition('/often', { backend: { kind: 'mock', status: 200, headers: [], body: '{}' } }),
  );
  await services.catalog.publishing.publish(actor, gatewayId, [api._id], '');
  await insert(
    'Publication',
    many(size - 1, (n) => ({
      _id: ids.next('pub'),
      ...place,
      apiId: api._id,
      environmentId,
      ordinal: n + 2,
      definition: api.definition,
      live: false,
      note: `Change ${n}`,
      publishedAt: at(size - n),
      publishedBy: owner.userId,
      routeKey: `often ${n}`,
    })),
  );
  await store.apis.takeOrdinals(environmentId, new Map([[api._id, size]]));
  const of = { who: 'owner', pagers: 0, shows: 0 } as const;
  const pages: readonly ListPage[] = [
    { ...of, name: 'products', path: '/products', pagers: 2 },
    { ...of, name: 'selling', path: '/selling', pagers: 1 },
    { ...of, name: 'a product', path: `/products/${productId}` },
    { ...of, name: 'a product of many APIs', path: `/products/${waiting._id}` },
    { ...of, name: 'APIs of a product', path: `/products/${waiting._id}/apis` },
    // Of each API what is live of it.
    { ...of, name: 'a review', path: `/admin/reviews/${waiting._id}`, who: 'operator', pagers: 1, shows: 100 },
    { ...of, name: 'plans', path: `/products/${productId}/plans` },
    { ...of, name: 'versions of a plan', path: `/products/${productId}/plans/${planId}`, pagers: 1, shows: 25 },
    { ...of, name: 'publishing of an API', path: `/gateways/${gatewayId}/apis/${api._id}/publishing`, pagers: 1, shows: 25 },
    { ...of, name: 'deletion of a gateway', path: `/gateways/${gatewayId}/deletion` },
    { ...of, name: 'public listener', path: `/gateways/${gatewayId}/public-listener` },
    { ...of, name: 'organization', path: '/organization' },
    { ...of, name: 'quotas by program', path: '/api/v1/organization/quotas', who: 'program' },
    { ...of, name: 'invoices by program', path: '/api/v1/invoices?limit=25', who: 'program', pagers: 1, shows: 25 },
  ];
  return { pages };
}
