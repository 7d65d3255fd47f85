import type { Actor } from '../../server/domain/actor.ts';
import type { ApiDefinition } from '../../server/domain/api.ts';
import { EMPTY_PLAN_FORM, planFromForm, type PlanForm } from '../../server/domain/plan-form.ts';
import type { PlanDocument } from '../../server/domain/plan.ts';
import type { ProductFields } from '../../server/domain/product-rules.ts';
import { makeClock } from '../../server/kernel/clock.ts';
import { makeIds } from '../../server/kernel/ids.ts';
import { makeAudit } from '../../server/services/audit.ts';
import { makeCatalog } from '../../server/services/catalog.ts';
import type { Letter } from '../../server/services/letters.ts';
import { openStore } from '../../server/store/index.ts';
import { testMongo } from './engines.ts';

/** A store of its own with two sellers and an operator, the catalogue over it, and what was announced. */
export async function catalogWorld() {
  const mongo = await testMongo();
  const store = await openStore(mongo.uri);
  const clock = makeClock();
  const ids = makeIds();
  const audit = makeAudit({ store, clock, ids });
  const announced: { kind: string; payload: unknown }[] = [];
  const changes = {
    announce: async (kind: string, payload: unknown) => announced.push({ kind, payload }),
    announced: async () => true,
    standing: async () => ({ confirmed: ['gw1'], waiting: [] }),
  };
  const secretKeys = [{ id: 'k1', key: Buffer.alloc(32, 7) }];
  const letters: Letter[] = [];
  const sendLetter = async (letter: Letter) => void letters.push(letter);
  const dependencies = { store, clock, ids, audit, changes, sendLetter, upstreamAllow: new Set(['127.0.0.1:3201']), secretKeys };
  const actor = (organizationId: string): Actor => ({
    kind: 'user',
    userId: ids.next('usr'),
    organizationId,
    policies: ['Administrator'],
    address: '192.0.2.7',
    requestId: ids.next('req'),
  });
  const organization = async (name: string) => {
    const id = ids.next('org');
    await store.accounts.addOrganization({
      _id: id,
      name,
      kind: 'customer',
      ownerId: ids.next('usr'),
      seller: null,
      sellerSlug: null,
      stripeCustomerId: null,
      paymentMethod: null,
      createdAt: clock.now(),
      rev: 1,
    });
    return actor(id);
  };
  return {
    store,
    clock,
    ids,
    audit,
    announced,
    letters,
    dependencies,
    catalog: makeCatalog(dependencies),
    atlas: await organization('Atlas Data'),
    harbor: await organization('Harbor Apps'),
    operator: { ...actor('org_platform'), policies: ['Operator'] } satisfies Actor,
    async close() {
      await store.close();
      await mongo.drop();
    },
  };
}

export type CatalogWorld = Awaited<ReturnType<typeof catalogWorld>>;

export const definition = (path = '/countries', change: Partial<ApiDefinition> = {}): ApiDefinition => ({
  name: `Get ${path}`,
  summary: 'Countries of the world',
  description: '',
  tags: ['countries'],
  frontend: { method: 'GET', path, match: 'exact' },
  security: 'APP',
  appCode: true,
  parameters: [],
  backend: { kind: 'http', origin: 'http://127.0.0.1:3201', method: 'SAME', path, timeoutMs: 5_000, retries: 0 },
  backendParameters: [],
  cors: false,
  streaming: false,
  upgrade: false,
  operation: null,
  ...change,
});

export const productFields = (change: Partial<ProductFields> = {}): ProductFields => ({
  name: 'Countries',
  slug: '',
  tagline: 'Every country with its facts',
  description: '## Countries\nAll of them.',
  category: 'data',
  tags: ['countries'],
  terms: '',
  dataSource: '',
  dataLicence: '',
  ...change,
});

export function planDocument(change: Partial<PlanForm> = { kind: 'free', quota: 'hard', quotaLimit: '500' }): PlanDocument {
  const reading = planFromForm({ ...EMPTY_PLAN_FORM, ...change });
  if (reading.faults) throw new Error(JSON.stringify(reading.faults));
  return reading.document;
}

/** The whole way of a provider: profile, gateway, group, published APIs, product with a free plan. */
export async function readyProduct({ catalog, atlas }: CatalogWorld, slug = 'countries') {
  await catalog.sellers.save(atlas, {
    displayName: 'Atlas Data',
    slug: 'atlas-data',
    website: 'https://atlas.example.com',
    supportEmail: 'help@atlas.example.com',
    about: '',
  });
  const gateway = await catalog.gateways.create(atlas, { name: 'Main', description: '' });
  const group = await catalog.groups.create(atlas, gateway._id, { name: 'Countries', description: '', label: '' });
  const api = await catalog.apis.create(atlas, gateway._id, group._id, definition());
  await catalog.publishing.publish(atlas, gateway._id, [api._id], 'first');
  const product = await catalog.products.create(atlas, group._id, [api._id], productFields({ slug }));
  const plan = await catalog.plans.create(atlas, product._id, { name: 'free', title: 'Free', summary: '' }, planDocument());
  return { gateway, group, api, product, plan };
}
