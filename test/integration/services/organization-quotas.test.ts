import { expect } from 'chai';
import type { Actor } from '../../../server/domain/actor.ts';
import { GATEWAYS_MAX } from '../../../server/domain/gateway-rules.ts';
import { makeAccess } from '../../../server/services/access.ts';
import { USER_GROUPS_MAX } from '../../../server/services/access-groups.ts';
import { POLICIES_MAX } from '../../../server/services/access-policies.ts';
import type { Changes } from '../../../server/services/changes.ts';
import { APPS_MAX, makeApps } from '../../../server/services/apps.ts';
import { PRODUCTS_MAX } from '../../../server/services/catalog/products.ts';
import { makeOrganizationQuotas, type OrganizationQuotaKind } from '../../../server/services/organization-quotas.ts';
import { makeServiceAccounts, SERVICE_ACCOUNTS_MAX } from '../../../server/services/service-accounts.ts';
import { catalogWorld, productFields, readyProduct, type CatalogWorld } from '../../support/catalog-world.ts';
import { refusal } from '../../support/refusal.ts';

const LEFT = 3;
const CREATORS = 50;
const POLICY = JSON.stringify({ Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:apis:get'] }] });

interface Kind {
  readonly kind: OrganizationQuotaKind;
  readonly model: string;
  readonly limit: number;
  /** What a document needs beside id, organization, place and revision. */
  readonly filler: (n: number) => object;
  readonly create: (name: string) => Promise<{ _id: string }>;
  readonly remove: (id: string) => Promise<unknown>;
}

const appsOf = ({ dependencies }: CatalogWorld) => makeApps({ ...dependencies, changes: dependencies.changes as unknown as Changes });

describe('what an organization has room for', function () {
  this.timeout(120_000);
  let world: CatalogWorld;
  let kinds: readonly Kind[];
  let actor: Actor;
  const used = async (kind: OrganizationQuotaKind) =>
    (await makeOrganizationQuotas(world).list(actor)).flatMap((one) => (one.kind === kind ? [[one.used, one.limit]] : []))[0];

  before(async () => {
    world = await catalogWorld();
    actor = world.atlas;
    const { catalog } = world;
    const access = makeAccess(world);
    const apps = appsOf(world);
    const serviceAccounts = makeServiceAccounts({ ...world, access });
    const named = { nameKey: '', description: '', createdAt: 1, rev: 1 };
    // A product needs a group with an API; it is among those that are counted.
    const { group, api } = await readyProduct(world);
    kinds = [
      {
        kind: 'gateways',
        model: 'Gateway',
        limit: GATEWAYS_MAX,
        filler: (n) => ({ name: `Full ${n}`, edition: 'basic', gone: false, deletion: null, tags: [], parameters: {} }),
        create: (name) => catalog.gateways.create(actor, { name, description: '' }),
        remove: async (id) => {
          await catalog.deletion.begin(actor, id, '');
        },
      },
      {
        kind: 'products',
        model: 'Product',
        limit: PRODUCTS_MAX,
        filler: (n) => ({ slug: `full-${n}`, name: `Full ${n}`, status: 'draft', tags: [], apiIds: [] }),
        create: (name) => catalog.products.create(actor, group._id, [api._id], productFields({ slug: name.toLowerCase() })),
        remove: (id) => catalog.products.discard(actor, id),
      },
      {
        kind: 'apps',
        model: 'App',
        limit: APPS_MAX,
        filler: (n) => ({ name: `Full ${n}`, deletedAt: null }),
        create: (name) => apps.create(actor, { name, description: '' }),
        remove: (id) => apps.remove(actor, id),
      },
      {
        kind: 'policies',
        model: 'Policy',
        limit: POLICIES_MAX,
        filler: (n) => ({ ...named, name: `Full ${n}`, nameKey: `full ${n}`, text: POLICY }),
        create: (name) => access.createPolicy(actor, { name, description: '', text: POLICY }),
        remove: (id) => access.removePolicy(actor, id),
      },
      {
        kind: 'userGroups',
        model: 'UserGroup',
        limit: USER_GROUPS_MAX,
        filler: (n) => ({ ...named, name: `Full ${n}`, nameKey: `full ${n}`, policies: [] }),
        create: (name) => access.createGroup(actor, { name, description: '', policies: [] }),
        remove: (id) => access.removeGroup(actor, id),
      },
      {
        kind: 'serviceAccounts',
        model: 'ServiceAccount',
        limit: SERVICE_ACCOUNTS_MAX,
        filler: (n) => ({ ...named, name: `Full ${n}`, nameKey: `full ${n}`, live: true, deletedAt: null, policies: [], groups: [] }),
        create: (name) => serviceAccounts.create(actor, { name, purpose: '', policies: [], groups: [] }),
        remove: (id) => serviceAccounts.remove(actor, id),
      },
    ];
  });
  after(() => world.close());

  /** Takes all places but three, those that are taken already among them. */
  async function fill({ kind, model, limit, filler }: Kind) {
    const { collection } = world.store.connection.model(model);
    const taken = new Set((await collection.find({ organizationId: actor.organizationId }).toArray()).map(({ slot }) => slot as number));
    const free = Array.from({ length: limit }, (_, slot) => slot).filter((slot) => !taken.has(slot));
    // The places that are left are apart from each other, as after deletions.
    const left = new Set([free[0], free[Math.floor(free.length / 2)], free.at(-1)]);
    const rows = free
      .filter((slot) => !left.has(slot))
      .map((slot) => ({ _id: `${kind}_${slot}`, organizationId: actor.organizationId, slot, createdAt: 1, rev: 1, ...filler(slot) }));
    await collection.insertMany(rows as never);
  }

  for (const [index, kind] of (['gateways', 'products', 'apps', 'policies', 'userGroups', 'serviceAccounts'] as const).entries())
    it(`is kept exactly by ${CREATORS} who create at once: ${kind}`, async () => {
      const one = kinds[index];
      if (one?.kind !== kind) throw new Error(`no ${kind}`);
      await fill(one);
      expect(await used(kind)).to.deep.equal([one.limit - LEFT, one.limit]);
      const outcomes = await Promise.allSettled(Array.from({ length: CREATORS }, (_, n) => one.create(`New-${n}`)));
      const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      expect(made, 'those who found room').to.have.length(LEFT);
      expect(await used(kind)).to.deep.equal([one.limit, one.limit]);
      const refused = await refusal(one.create('One-more'));
      expect([refused.code, refused.fields['name']]).to.satisfy(
        ([code, text]: [string, string]) => code === 'invalid-form' && text.includes(`room for ${one.limit} `),
      );
      // What is deleted gives its place to whoever comes next, and to one alone.
      await one.remove(made[0]?._id ?? '');
      expect(await used(kind)).to.deep.equal([one.limit - 1, one.limit]);
      const again = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => one.create(`Again-${n}`)));
      expect(again.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    });

  it('gives the place of a product back when it is retired, and of none to a name or address that is taken', async () => {
    const { harbor } = world;
    actor = harbor;
    const { catalog, store } = world;
    const gateway = await catalog.gateways.create(harbor, { name: 'Main', description: '' });
    const group = await catalog.groups.create(harbor, gateway._id, { name: 'Cities', description: '', label: '' });
    const product = await catalog.products.create(harbor, group._id, [], productFields({ slug: 'retired-cities' }));
    expect((await refusal(catalog.products.create(harbor, group._id, [], productFields({ slug: 'retired-cities' })))).fields['slug']).to.contain(
      'Another product',
    );
    expect(await used('products')).to.deep.equal([1, PRODUCTS_MAX]);
    await store.products.updateProduct(product._id, product.rev, { status: 'deprecated', listedAt: 1 });
    await catalog.products.retire(harbor, product._id);
    expect(await used('products')).to.deep.equal([0, PRODUCTS_MAX]);
  });

  it('makes one app of a form that is sent twice, also when the app took the last place', async () => {
    const { store, harbor } = world;
    const apps = appsOf(world);
    const twice = [1, 2].map(() => apps.create(harbor, { name: 'Once', description: '' }, 'b2f4a0de-0000-4000-8000-000000000001'));
    const [first, second] = await Promise.all(twice);
    expect(first?._id).to.equal(second?._id);
    const [standing] = await store.apps.appsOf(harbor.organizationId);
    const others = Array.from({ length: APPS_MAX }, (_, slot) => slot).filter((slot) => slot !== standing?.slot);
    await store.connection
      .model('App')
      .collection.insertMany(
        others.map((slot) => ({
          _id: `app_h_${slot}`,
          organizationId: harbor.organizationId,
          name: 'x',
          createdAt: 1,
          deletedAt: null,
          rev: 0,
          slot,
        })) as never,
      );
    const again = await apps.create(harbor, { name: 'Once', description: '' }, 'b2f4a0de-0000-4000-8000-000000000001');
    expect(again._id).to.equal(first?._id);
    expect(await used('apps')).to.deep.equal([APPS_MAX, APPS_MAX]);
  });
});
