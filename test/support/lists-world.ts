import { randomBytes } from 'node:crypto';
import type { Actor } from '../../server/domain/actor.ts';
import { SERVICE_ACCOUNTS_MAX } from '../../server/services/service-accounts.ts';
import { definition, planDocument } from './catalog-world.ts';
import { testMongo } from './engines.ts';
import { fillOperatorLists } from './lists-operator.ts';
import { PASSWORD, startPortal } from './portal.ts';

const DAY_MS = 86_400_000;

/** A page that lists things, who looks at it, and how many there are. */
export interface ListPage {
  readonly name: string;
  readonly path: string;
  readonly who: 'owner' | 'operator';
  /** Records that one page shows: a page reads these, and a few documents around them. */
  readonly shows: number;
}

/**
 * A portal whose lists hold `size` of everything (of what an organization may have no more than fewer of, as many as it may), put there in batches,
 * and a count of the documents that the store reads.
 */
export async function listsWorld(size: number) {
  const mongo = await testMongo();
  const portal = await startPortal({ MONGODB_URI: `${mongo.uri}${mongo.uri.includes('?') ? '&' : '?'}monitorCommands=true` });
  const { services, store, ids, clock } = portal.composition;
  let documents = 0;
  let commands = 0;
  store.connection.getClient().on('commandSucceeded', ({ reply }) => {
    const { cursor } = reply as { cursor?: { firstBatch?: unknown[]; nextBatch?: unknown[] } };
    documents += (cursor?.firstBatch ?? cursor?.nextBatch ?? []).length;
    commands += 1;
  });
  const owner = await portal.member('Owner');
  const actor: Actor = {
    kind: 'user',
    userId: owner.userId,
    organizationId: owner.organizationId,
    policies: ['Administrator'],
    address: '192.0.2.7',
    requestId: 'req_lists',
  };
  const operator = portal.visitor();
  const olga = await services.accounts.register({ email: 'olga@example.test', password: PASSWORD, name: 'Olga', organization: 'Olga' });
  if (!olga) throw new Error('no operator');
  await services.accounts.addOperators(olga.user);
  await store.accounts.removeMembership(olga.organization._id, olga.user._id);
  await operator.post('/sign-in', { email: 'olga@example.test', password: PASSWORD });

  const { organizationId } = owner;
  const now = clock.now();
  const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
  const insert = (model: string, rows: readonly object[]) => store.connection.model(model).collection.insertMany(rows as never, { ordered: false });
  /** Spread over the last weeks, none within the last minutes. */
  const at = (n: number) => now - DAY_MS - Math.floor((n * 20 * DAY_MS) / size);
  const letters = () => randomBytes(6).toString('hex');

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
  const invoice = (n: number, buyer: string, seller: string) => ({
    _id: ids.next('inv'),
    subscriptionId: ids.next('sub'),
    organizationId: buyer,
    providerId: seller,
    productId: 'prd_none',
    kind: 'period',
    periodIndex: n,
    ordinal: 0,
    status: 'paid',
    void: false,
    currency: 'usd',
    lines: [],
    subtotalMinor: 100n,
    carriedInMinor: 0n,
    totalMinor: 100n,
    chargeMinor: 100n,
    carriedMinor: 0n,
    carryOpen: false,
    carriedFrom: [],
    hash: '',
    number: n + 1,
    numbered: true,
    step: 'done',
    stepAt: at(n),
    unsettled: false,
    stripeInvoiceId: null,
    remakes: 0,
    stripeUrl: null,
    issuedAt: at(n),
    usageFrom: null,
    usageTo: null,
    waitingFor: null,
    lastFailure: '',
    paidAt: at(n),
  });
  await insert(
    'Invoice',
    many(size, (n) => invoice(n, organizationId, 'org_seller')),
  );
  await insert(
    'Invoice',
    many(size, (n) => invoice(n, 'org_buyer', organizationId)),
  );
  await insert(
    'Inbox',
    many(size, (n) => ({
      _id: `stripe.evt_${letters()}_${n}`,
      source: 'stripe',
      type: 'invoice.paid',
      objectId: `in_${n}`,
      occurredAt: at(n),
      receivedAt: at(n),
      raw: '{}',
      status: 'done',
      open: false,
      attempts: 0,
      result: 'done',
      handledAt: at(n),
    })),
  );
  await insert(
    'Audit',
    many(size, (n) => ({
      _id: ids.next('evt'),
      at: at(n),
      organizationId,
      userId: owner.userId,
      kind: 'user',
      action: 'apig:groups:create',
      resource: `gateway:${gateway._id}`,
      things: [gateway._id],
      outcome: 'done',
      address: '192.0.2.7',
      requestId: 'req_1',
      before: null,
      after: null,
    })),
  );

  const group1 = await services.access.createGroup(actor, { name: 'Everybody', description: '', policies: ['Developer'] });
  const policy = await services.access.createPolicy(actor, {
    name: 'Reads gateways',
    description: '',
    text: JSON.stringify({ Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:instances:get'] }] }),
  });
  const people = many(size - 1, (n) => ({
    _id: ids.next('usr'),
    email: `member${n}@example.test`,
    name: `Member ${n}`,
    passwordHash: 'none',
    verifiedAt: now,
    createdAt: at(n),
  }));
  await insert('User', people);
  await insert(
    'Membership',
    people.map(({ _id }, n) => ({
      _id: `${organizationId}.${_id}`,
      organizationId,
      userId: _id,
      policies: [policy._id],
      groups: n % 2 === 0 ? [group1._id] : [],
      createdAt: at(n),
      rev: 1,
    })),
  );
  await insert(
    'Token',
    many(size, (n) => ({
      _id: `${n}`.padStart(64, '0'),
      purpose: 'invite',
      userId: '',
      email: `invited${n}@example.test`,
      organizationId,
      policies: ['Developer'],
      groups: [],
      passwordMark: '',
      usedAt: null,
      expiresAt: new Date(clock.real() + DAY_MS + n),
    })),
  );
  await insert(
    'AccessKey',
    people.map(({ _id }, n) => ({
      _id: ids.next('key'),
      organizationId,
      holderKind: 'user',
      holderId: n % 2 === 0 ? _id : owner.userId,
      kind: 'token',
      name: `Key ${n}`,
      accessKey: null,
      hash: letters() + n,
      secretCipher: null,
      hint: 'tgt_…',
      lifeDays: null,
      notAfter: null,
      revokedAt: n % 2 === 0 ? null : at(n),
      live: n % 2 === 0,
      place: 0,
      rotatedFrom: null,
      lastUsedAt: null,
      lastUsedFrom: '',
      warnedOf: null,
      createdAt: at(n),
      createdBy: _id,
    })),
  );
  for (let n = 0; n < Math.min(size, SERVICE_ACCOUNTS_MAX); n += 1)
    await services.serviceAccounts.create(actor, { name: `Program ${n}`, purpose: '', policies: ['Developer'], groups: [] });
  const product = (_id: string, status: string, slug: string) => ({
    _id,
    slug,
    organizationId,
    gatewayId: gateway._id,
    environmentId: 'env_none',
    groupId: group._id,
    apiIds: [],
    name: `Product ${slug}`,
    tagline: '',
    description: '',
    category: 'other',
    tags: [],
    logo: null,
    terms: '',
    dataSource: '',
    dataLicence: '',
    status,
    statusReason: '',
    submittedAt: now,
    listedAt: null,
    slot: null,
    createdAt: now,
    updatedAt: now,
    rev: 1,
  });
  const app = await services.apps.create(actor, { name: 'Calls', description: '' });
  const bought = many(size, (n) => ({ id: ids.next('sub'), productId: ids.next('prd'), n }));
  await insert(
    'Product',
    bought.map(({ productId, n }) => ({ ...product(productId, 'retired', `bought-${n}`), organizationId: 'org_seller' })),
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
      createdAt: now,
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
      publishedAt: now,
      effectiveAt: null,
    },
  ]);
  await insert(
    'Subscription',
    bought.map(({ id, productId, n }) => ({
      _id: id,
      organizationId,
      productId,
      providerId: 'org_seller',
      gatewayId: gateway._id,
      planId,
      planVersionId: `${planId}_v1`,
      pendingPlanVersionId: null,
      appId: app._id,
      requestId: id,
      currency: 'usd',
      interval: 'month',
      status: 'active',
      live: true,
      anchorAt: at(n),
      periodIndex: 0,
      entitledUntil: null,
      cancelAtPeriodEnd: false,
      statusReason: '',
      stripeCustomerId: null,
      paymentMethodId: null,
      checkoutId: null,
      checkoutUrl: null,
      checkoutExpiresAt: null,
      createdAt: at(n),
      createdBy: owner.userId,
      endedAt: null,
      unsettled: false,
      rev: 1,
    })),
  );
  await insert(
    'Binding',
    bought.map(({ id, n }) => ({
      _id: `${app._id}.${id}`,
      appId: app._id,
      subscriptionId: id,
      organizationId,
      gatewayId: gateway._id,
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
      connection(n, `org_asks${n}`, organizationId, gateway._id, n % 2 === 0),
      connection(n, organizationId, 'org_seller', `gw_seller${n}`, n % 2 === 0),
    ]).flat(),
  );
  const [opened] = await store.connection.model('Session').collection.find({ userId: owner.userId, ended: false }).toArray();
  if (!opened) throw new Error('nobody is signed in');
  await insert(
    'Session',
    many(size, (n) => ({ ...opened, _id: letters() + n, agent: 'Mozilla/5.0', openedAt: at(n), seenAt: at(n) })),
  );
  const apisOf = await store.apis.placesOfGateway(gateway._id);
  const [firstApi] = apisOf;
  if (!firstApi) throw new Error('no API');
  const authorization = (appId: string, apiId: string, n: number) => ({
    _id: `${appId}.${apiId}.env_none`,
    appId,
    apiId,
    environmentId: 'env_none',
    gatewayId: gateway._id,
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
  await fillOperatorLists({ portal, size, at, insert, invoice, product });
  // What is put there in batches goes past the lists kept in memory; a write of the product tells them.
  await store.accounts.setUserName(owner.userId, 'Owner');

  const pages: readonly ListPage[] = [
    { name: 'gateways', path: '/gateways', who: 'owner', shows: 0 },
    { name: 'groups', path: `/gateways/${gateway._id}/groups`, who: 'owner', shows: 0 },
    { name: 'APIs of a gateway', path: `/gateways/${gateway._id}/apis`, who: 'owner', shows: 0 },
    { name: 'APIs of a group', path: `/gateways/${gateway._id}/groups/${group._id}`, who: 'owner', shows: 0 },
    { name: 'quotas', path: `/gateways/${gateway._id}/quotas`, who: 'owner', shows: 0 },
    { name: 'audit', path: '/organization/audit', who: 'owner', shows: 50 },
    { name: 'invoices', path: '/invoices', who: 'owner', shows: 25 },
    { name: 'earnings', path: '/earnings', who: 'owner', shows: 50 },
    { name: 'members', path: '/organization/members', who: 'owner', shows: 75 },
    { name: 'members by name', path: '/organization/members?q=member+1', who: 'owner', shows: 75 },
    { name: 'a member', path: `/organization/members/${owner.userId}`, who: 'owner', shows: 0 },
    { name: 'groups of users', path: '/organization/groups', who: 'owner', shows: 0 },
    { name: 'a group of users', path: `/organization/groups/${group1._id}`, who: 'owner', shows: 0 },
    { name: 'policies', path: '/organization/policies', who: 'owner', shows: 0 },
    { name: 'a policy', path: `/organization/policies/${policy._id}`, who: 'owner', shows: 0 },
    { name: 'simulator', path: `/organization/policies/simulator?user=member7@example.test&action=apig:instances:get`, who: 'owner', shows: 0 },
    { name: 'keys', path: '/organization/keys?state=all', who: 'owner', shows: 0 },
    { name: 'own keys', path: '/account/keys', who: 'owner', shows: 0 },
    { name: 'service accounts', path: '/organization/service-accounts', who: 'owner', shows: 0 },
    { name: 'subscriptions', path: '/subscriptions', who: 'owner', shows: 0 },
    { name: 'subscriptions by name', path: '/subscriptions?q=bought-1', who: 'owner', shows: 0 },
    { name: 'dashboard', path: '/dashboard', who: 'owner', shows: 0 },
    { name: 'apps', path: '/apps', who: 'owner', shows: 0 },
    // The APIs that its keys open free of charge.
    { name: 'an app', path: `/apps/${app._id}`, who: 'owner', shows: 25 },
    { name: 'apps an API is open to', path: `/gateways/${gateway._id}/apis/${firstApi._id}/access`, who: 'owner', shows: 25 },
    { name: 'payment', path: '/billing', who: 'owner', shows: 0 },
    // Of each connection the two organizations and who asked.
    { name: 'connections', path: '/connections', who: 'owner', shows: 100 },
    { name: 'endpoints', path: `/gateways/${gateway._id}/endpoints`, who: 'owner', shows: 100 },
    { name: 'sessions', path: '/account/sessions', who: 'owner', shows: 25 },
    { name: 'webhooks', path: '/admin/webhooks', who: 'operator', shows: 50 },
    // Each with its seller.
    { name: 'reviews', path: '/admin/reviews', who: 'operator', shows: 50 },
    // Of the held ones invoice, product and buyer; of those written off invoice and posting.
    { name: 'held invoices', path: '/admin/invoices', who: 'operator', shows: 125 },
    { name: 'invoices written off', path: '/admin/invoices?written-off=2', who: 'operator', shows: 125 },
    // Two lists, each row with subscription, product and buyer.
    { name: 'periods', path: '/admin/periods', who: 'operator', shows: 200 },
    { name: 'closed periods', path: '/admin/periods?closed=2', who: 'operator', shows: 200 },
    // Two lists, each row with its organization.
    { name: 'domains', path: '/admin/domains', who: 'operator', shows: 100 },
    { name: 'confirmed domains', path: '/admin/domains?confirmed=2', who: 'operator', shows: 100 },
    { name: 'accounts', path: '/admin/accounts', who: 'operator', shows: 25 },
    { name: 'an organization', path: `/admin/organizations/${organizationId}`, who: 'operator', shows: 0 },
    { name: 'sandbox', path: '/sandbox', who: 'operator', shows: 50 },
  ];
  return {
    portal,
    actor,
    gatewayId: gateway._id,
    groupId: group._id,
    pages,
    visit: ({ who }: ListPage, path: string) => (who === 'owner' ? owner : operator).get(path),
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
