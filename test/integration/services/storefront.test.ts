import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { makeStorefront, type StorefrontDirectory } from '../../../server/services/storefront.ts';
import { openStore, type Store } from '../../../server/store/index.ts';
import type { PublicationDoc } from '../../../server/store/apis.ts';
import { testMongo } from '../../support/engines.ts';
import { DEMO_PLANS, definition } from '../../support/listings.ts';

const AT = Date.UTC(2026, 0, 1);

describe('the directory of the storefront, on the store', () => {
  let store: Store;
  let drop: () => Promise<void>;
  let storefront: StorefrontDirectory;
  let announce: () => void;
  let version = 1;
  let readings = 0;
  /** Groups whose publications were read. */
  const behind: string[] = [];

  const product = (slug: string, status: 'listed' | 'draft' | 'deprecated') => ({
    _id: `prd_${slug}`,
    slug,
    organizationId: 'org_atlas',
    gatewayId: 'gw_1',
    environmentId: 'env_1',
    groupId: 'grp_1',
    apiIds: ['api_1'],
    name: slug,
    tagline: '',
    description: '',
    category: 'geo',
    tags: [],
    logo: null,
    terms: '',
    dataSource: '',
    dataLicence: '',
    status,
    statusReason: '',
    submittedAt: null,
    listedAt: AT,
    createdAt: AT,
    updatedAt: AT,
    rev: 1,
  });
  const eventually = async (condition: () => Promise<boolean>): Promise<void> => {
    for (const endAt = performance.now() + 10_000; performance.now() < endAt; await new Promise((resolve) => setTimeout(resolve, 50)))
      if (await condition()) return;
    throw new Error('did not happen within 10 s');
  };

  before(async () => {
    const mongo = await testMongo();
    drop = mongo.drop;
    store = await openStore(mongo.uri);
    await store.accounts.addOrganization({
      _id: 'org_atlas',
      name: 'Atlas',
      kind: 'customer',
      ownerId: 'usr_1',
      seller: null,
      sellerSlug: null,
      stripeCustomerId: null,
      paymentMethod: null,
      createdAt: AT,
      rev: 1,
    });
    const group = { _id: 'grp_1', gatewayId: 'gw_1', organizationId: 'org_atlas', label: 'atlas', name: 'Atlas', description: '', createdAt: AT, rev: 1 };
    await store.gateways.addGroup(group, 10);
    await store.gateways.addEnvironment({ _id: 'env_1', gatewayId: 'gw_1', name: 'RELEASE', createdAt: AT });
    const Publications = store.connection.model('Publication');
    const live: PublicationDoc = {
      _id: 'pub_1',
      gatewayId: 'gw_1',
      groupId: 'grp_1',
      apiId: 'api_1',
      environmentId: 'env_1',
      ordinal: 1,
      definition: definition('GET', '/a'),
      live: true,
      note: '',
      publishedAt: AT,
      publishedBy: 'usr_1',
      routeKey: 'GET /a',
    } as PublicationDoc;
    await (Publications as unknown as { create(documents: object[]): Promise<unknown> }).create([
      live,
      { ...live, _id: 'pub_2', apiId: 'api_2', definition: definition('GET', '/not-sold'), routeKey: 'GET /not-sold' },
    ]);
    await store.products.addProduct(product('first', 'listed'), 10);
    await store.products.addProduct(product('hidden', 'draft'), 10);
    await store.products.addPlan({
      _id: 'plan_1',
      productId: 'prd_first',
      name: 'free',
      title: 'Free',
      summary: '',
      ordinal: 0,
      currentVersionId: 'plan_1_v1',
      versions: 1,
      retired: false,
      createdAt: AT,
      rev: 1,
    });
    await store.products.addPlan({
      _id: 'plan_2',
      productId: 'prd_first',
      name: 'gone',
      title: 'Gone',
      summary: '',
      ordinal: 1,
      currentVersionId: 'plan_2_v1',
      versions: 1,
      retired: true,
      createdAt: AT,
      rev: 1,
    });
    await store.products.addPlanVersion({
      _id: 'plan_1_v1',
      planId: 'plan_1',
      planName: 'free',
      productId: 'prd_first',
      n: 1,
      document: DEMO_PLANS['free']!,
      hash: 'h',
      publishedAt: AT,
      effectiveAt: null,
      standing: 'offered',
    });
    const apis = { ...store.apis, livePublicationsOfGroup: (groupId: string) => (behind.push(groupId), store.apis.livePublicationsOfGroup(groupId)) };
    storefront = makeStorefront({
      store: { ...store, apis },
      gatewayUrl: 'https://gw.example',
      signals: { subscribe: (_kind, handler) => ((announce = () => (handler as (payload: unknown) => void)({})), () => undefined) },
      changes: { version: () => Promise.resolve((readings++, version)) },
      log: { warn: () => undefined } as unknown as Parameters<typeof makeStorefront>[0]['log'],
    });
  });
  after(async () => {
    storefront.stop();
    await store.close();
    await drop();
  });

  it('shows what is listed with its open plans and what is live of it, and nothing else', async () => {
    const listings = await storefront.listings();
    expect(listings.map(({ slug }) => slug)).to.deep.equal(['first']);
    const first = await storefront.listing('first');
    expect(first).to.include({ baseUrl: 'https://gw.example/atlas', stage: null, status: 'listed' });
    expect(first?.plans.map(({ name, free }) => [name, free])).to.deep.equal([['free', true]]);
    expect(first?.operations.map(({ definition: { frontend } }) => frontend.path)).to.deep.equal(['/a']);
    expect(await storefront.listing('hidden')).to.equal(undefined);
  });
  it('answers from memory', async () => {
    const before = readings;
    await Promise.all(
      Array.from({ length: 50 }, () => storefront.search({ text: 'first', category: '', priceModel: '', freeTier: false, tags: [], sort: 'relevance' })),
    );
    expect(readings).to.equal(before);
  });
  it('reads again when something changed, many announcements at once', async () => {
    await store.products.addProduct(product('second', 'deprecated'), 10);
    version++;
    const before = readings;
    for (let n = 0; n < 20; n++) announce();
    await eventually(async () => (await storefront.listing('second')) !== undefined);
    expect((await storefront.listing('second'))?.status).to.equal('deprecated');
    expect(readings - before, 'readings for twenty announcements').to.be.within(1, 3);
  });
  it('finds a change whose announcement was lost', async () => {
    await store.products.addProduct(product('third', 'listed'), 10);
    version++;
    await eventually(async () => (await storefront.listing('third')) !== undefined);
  });
  it('reads what is behind the products of one group once, however many they are', async () => {
    behind.length = 0;
    await storefront.refresh();
    expect([(await storefront.listings()).length, behind]).to.deep.equal([3, ['grp_1']]);
  });
  it('reads examples from the newest document of the group, and has none of an operation made by hand', async () => {
    const listing = (await storefront.listing('first'))!;
    const operation = listing.operations[0]!;
    expect(await storefront.examples(listing, operation)).to.equal(undefined);
    const document = (body: unknown) =>
      gzipSync(
        JSON.stringify({
          openapi: '3.1.0',
          paths: { '/a': { get: { responses: { 200: { description: 'ok', content: { 'application/json': { example: body } } } } } } },
        }),
      );
    await store.documents.add({ groupId: 'grp_1', ordinal: 1, kind: 'document', gzip: document('old'), importedAt: AT });
    await store.documents.add({ groupId: 'grp_1', ordinal: 2, kind: 'document', gzip: document({ n: 1 }), importedAt: AT });
    expect((await storefront.examples(listing, operation))?.answers[0]?.body).to.equal('{\n  "n": 1\n}');
    expect(await storefront.examples(listing, { ...operation, definition: { ...operation.definition, operation: null } })).to.equal(undefined);
  });
});
