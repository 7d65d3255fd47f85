import { planDocument } from './catalog-world.ts';
import { invoiceRow, productRow, subscriptionRow, type ListPage, type ListsGround } from './lists-ground.ts';

const DAY_MS = 86_400_000;

/** What an organization buys, sells and opens: invoices on both sides, subscriptions with their bindings, free authorizations, private connections. */
export async function fillTrade(ground: ListsGround, gatewayId: string) {
  const { portal, owner, actor, size, many, at, letters, insert } = ground;
  const { services, store, ids } = portal.composition;
  const { organizationId } = owner;
  await insert(
    'Invoice',
    many(size, (n) => invoiceRow(ground, n, organizationId, 'org_seller')),
  );
  await insert(
    'Invoice',
    many(size, (n) => invoiceRow(ground, n, 'org_buyer', organizationId)),
  );
  const app = await services.apps.create(actor, { name: 'Calls', description: '' });
  await insert(
    'Credential',
    many(size, (n) => ({
      _id: ids.next('crd'),
      appId: app._id,
      organizationId,
      kind: 'code',
      name: `Code ${n}`,
      appKey: null,
      hash: `${letters()}${n}`,
      secretCipher: null,
      hint: 'abcd…wxyz',
      notAfter: null,
      // A few work.
      revokedAt: n < 3 ? null : at(n),
      rotatedFrom: null,
      lastUsedAt: null,
      createdAt: at(n) - 1,
      createdBy: owner.userId,
    })),
  );
  const bought = many(size, (n) => ({ id: ids.next('sub'), productId: ids.next('prd'), n }));
  await insert(
    'Product',
    bought.map(({ productId, n }) => ({ ...productRow(ground, productId, 'retired', `bought-${n}`), organizationId: 'org_seller' })),
  );
  const planId = ids.next('plan');
  const terms = planDocument();
  await insert('Plan', [
    {
      _id: planId,
      productId: bought[0]?.productId,
      name: 'free',
      title: 'Free',
      summary: '',
      ordinal: 1,
      currentVersionId: `${planId}_v1`,
      versions: 1,
      retired: false,
      createdAt: at(0),
      rev: 1,
    },
  ]);
  await insert('PlanVersion', [
    {
      _id: `${planId}_v1`,
      planId,
      planName: 'free',
      productId: bought[0]?.productId,
      n: 1,
      document: terms,
      hash: 'none',
      publishedAt: at(0),
      effectiveAt: null,
      standing: 'offered',
    },
  ]);
  await insert(
    'Subscription',
    bought.map(({ id, productId, n }) => ({ ...subscriptionRow(ground, id, productId, n), gatewayId, planId, planVersionId: `${planId}_v1`, appId: app._id })),
  );
  await insert(
    'Binding',
    bought.map(({ id, n }) => ({
      _id: `${app._id}.${id}`,
      appId: app._id,
      subscriptionId: id,
      organizationId,
      gatewayId,
      environmentId: 'env_none',
      apiIds: [`api_${n}`],
      live: true,
      createdAt: at(n),
    })),
  );
  const connection = (n: number, asking: string, owning: string, gatewayId: string, live: boolean) => ({
    _id: ids.next('con'),
    gatewayId,
    serviceName: `main.${gatewayId}`,
    providerId: owning,
    organizationId: asking,
    requestedBy: owner.userId,
    message: '',
    networks: [],
    status: live ? 'requested' : 'rejected',
    live,
    address: null,
    holds: false,
    reason: '',
    requestedAt: at(n),
    decidedAt: live ? null : at(n),
    decidedBy: '',
    endedAt: null,
    endedBy: '',
    mark: '',
  });
  await insert(
    'EndpointConnection',
    many(size, (n) => [
      connection(n, `org_asks${n}`, organizationId, gatewayId, n % 2 === 0),
      connection(n, organizationId, 'org_seller', `gw_seller${n}`, n % 2 === 0),
    ]).flat(),
  );
  const apisOf = await store.apis.placesOfGateway(gatewayId);
  const [firstApi] = apisOf;
  if (!firstApi) throw new Error('no API');
  const authorization = (appId: string, apiId: string, n: number) => ({
    _id: `${appId}.${apiId}.env_none`,
    appId,
    apiId,
    environmentId: 'env_none',
    gatewayId,
    providerId: organizationId,
    organizationId,
    live: true,
    createdAt: at(n),
    revokedAt: null,
  });
  await insert(
    'Authorization',
    apisOf.slice(0, size).flatMap(({ _id }, n) => [authorization(app._id, _id, n), authorization(`app_other${n}`, firstApi._id, n)]),
  );
  // One subscription was called for months, at a thousand addresses a month.
  const called = bought[0]?.id ?? '';
  const days = Math.min(size, 60);
  const began = Math.floor(portal.composition.clock.now() / DAY_MS) * DAY_MS - (days + 2) * DAY_MS;
  const hour = { places: 1n, billable: 1n, calls: 1n, billableCalls: 1n, failed: 0n, bytesIn: 1n, bytesOut: 1n };
  const kept = (n: number) => ({ sub: called, window: '0.0', windowKey: `${called}|0.0`, day: began + n * DAY_MS, counted: {}, rev: 1 });
  await insert(
    'UsageTotal',
    many(days, (n) => ({ ...kept(n), _id: `${called}.0.0.requests.${n}`, meter: 'requests', hours: { 3: hour } })),
  );
  await insert(
    'UsageSplit',
    many(days, (n) => ({
      ...kept(n),
      _id: `${called}.0.0.${n}`,
      by: { app: {}, credential: {}, outcome: {}, operation: Object.fromEntries(many(Math.min(size, 50), (m) => [`GET /${(n % 20) * 50 + m}`, { 3: hour }])) },
    })),
  );
  const span = `from=${new Date(began).toISOString().slice(0, 10)}&to=${new Date(began + (days - 1) * DAY_MS).toISOString().slice(0, 10)}`;
  const apiSpan = `from=${new Date(began).toISOString()}&to=${new Date(began + days * DAY_MS).toISOString()}`;
  const pages: readonly ListPage[] = [
    { name: 'usage of many APIs', path: '/usage', who: 'owner', shows: 0, pagers: 1 },
    { name: 'usage by operation', path: `/usage?subscription=${called}&by=operation&range=custom&${span}`, who: 'owner', shows: 0, pagers: 1 },
    { name: 'usage by program', path: `/api/v1/usage?subscription_id=${called}&by=operation&${apiSpan}`, who: 'program', shows: 0, pagers: 1 },
    // Of each what is bought, and under which plan.
    { name: 'subscriptions by program', path: '/api/v1/subscriptions?limit=25', who: 'program', shows: 75, pagers: 1 },
    { name: 'APIs by program', path: `/api/v1/gateways/${gatewayId}/apis?limit=25`, who: 'program', shows: 0, pagers: 1 },
    { name: 'keys by program', path: '/api/v1/organization/keys?limit=25', who: 'program', shows: 0, pagers: 1 },
    { name: 'audit by program', path: '/api/v1/audit?limit=25', who: 'program', shows: 25, pagers: 1 },
    { name: 'invoices', path: '/invoices', who: 'owner', shows: 25, pagers: 1 },
    { name: 'earnings', path: '/earnings', who: 'owner', shows: 50, pagers: 1 },
    { name: 'subscriptions', path: '/subscriptions', who: 'owner', shows: 0, pagers: 1 },
    { name: 'subscriptions by name', path: '/subscriptions?q=bought-1', who: 'owner', shows: 0, pagers: 1 },
    { name: 'dashboard', path: '/dashboard', who: 'owner', shows: 0, pagers: 0 },
    { name: 'apps', path: '/apps', who: 'owner', shows: 0, pagers: 0 },
    // The APIs that its keys open free of charge, and those of its keys that ended.
    { name: 'an app', path: `/apps/${app._id}`, who: 'owner', shows: 50, pagers: 2 },
    { name: 'an app by program', path: `/api/v1/apps/${app._id}`, who: 'program', shows: 0, pagers: 0 },
    { name: 'credentials by program', path: `/api/v1/apps/${app._id}/credentials?limit=25`, who: 'program', shows: 25, pagers: 1 },
    { name: 'apps an API is open to', path: `/gateways/${gatewayId}/apis/${firstApi._id}/access`, who: 'owner', shows: 25, pagers: 1 },
    { name: 'payment', path: '/billing', who: 'owner', shows: 0, pagers: 0 },
    // Of each connection the two organizations and who asked.
    { name: 'connections', path: '/connections', who: 'owner', shows: 100, pagers: 2 },
  ];
  return { pages };
}
