import { expect } from 'chai';
import { EDITIONS, GROUPS_MAX } from '../../../server/domain/gateway-rules.ts';
import { makeImporting, type ImportSettings } from '../../../server/services/openapi-import.ts';
import { makeDocumentReader } from '../../../server/services/openapi/read.ts';
import { catalogWorld, definition, type CatalogWorld } from '../../support/catalog-world.ts';
import { refusal } from '../../support/refusal.ts';

const ROOM = EDITIONS.basic.apis;
const SETTINGS: ImportSettings = { origin: '', security: 'APP', appCode: true, timeoutMs: 5_000, mode: 'merge' };
const document = (paths: readonly string[]) =>
  Buffer.from(
    JSON.stringify({
      openapi: '3.0.3',
      info: { title: 'Many', version: '1' },
      servers: [{ url: 'https://api.example.com' }],
      paths: Object.fromEntries(paths.map((path) => [path, { get: { summary: path, responses: { 200: { description: 'ok' } } } }])),
    }),
  );
const paths = (word: string, count: number) => Array.from({ length: count }, (_, index) => `/${word}/${index}`);

describe('what a gateway has room for', function () {
  this.timeout(120_000);
  let world: CatalogWorld;
  before(async () => {
    world = await catalogWorld();
  });
  after(() => world.close());

  /** A gateway that holds APIs already, put there in one batch. */
  async function gatewayWith(count: number) {
    const { atlas, catalog, store, ids } = world;
    const gateway = await catalog.gateways.create(atlas, { name: 'Main', description: '' });
    const group = await catalog.groups.create(atlas, gateway._id, { name: 'Many', description: '', label: '' });
    const { added } = await store.apis.addApis(
      paths('old', count).map((path) => ({
        _id: ids.next('api'),
        gatewayId: gateway._id,
        groupId: group._id,
        organizationId: atlas.organizationId,
        definition: definition(path),
        createdAt: 1,
        updatedAt: 1,
        rev: 1,
      })),
      ROOM,
    );
    expect(added.size).to.equal(count);
    return { gateway, group, old: [...added] };
  }
  const create = (gatewayId: string, groupId: string, path: string) => world.catalog.apis.create(world.atlas, gatewayId, groupId, definition(path));

  it('is kept exactly by 50 who create APIs at once, and whoever finds no room reads the figures beside the path', async () => {
    const { gateway, group, old } = await gatewayWith(ROOM - 7);
    const outcomes = await Promise.allSettled(paths('new', 50).map((path) => create(gateway._id, group._id, path)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(7);
    expect(await world.store.apis.usedSlots(gateway._id)).to.equal(ROOM);
    const refused = await refusal(create(gateway._id, group._id, '/one-more'));
    expect([refused.code, refused.fields['path']]).to.deep.equal([
      'invalid-form',
      'Main is full: 250 of 250 APIs of the Basic edition are used. Delete some, or raise the edition in its settings.',
    ]);
    // What is deleted leaves its place; a larger edition has more of them.
    await world.catalog.apis.remove(world.atlas, old[0] ?? '');
    await create(gateway._id, group._id, '/in-its-place');
    expect((await refusal(create(gateway._id, group._id, '/one-more'))).code).to.equal('invalid-form');
    const { rev } = await world.catalog.gateways.get(world.atlas, gateway._id);
    await world.catalog.gateways.update(world.atlas, gateway._id, rev, { name: 'Main', description: '', edition: 'professional' });
    await create(gateway._id, group._id, '/one-more');
    const lower = world.catalog.gateways.update(world.atlas, gateway._id, rev + 1, { name: 'Main', description: '', edition: 'basic' });
    expect((await refusal(lower)).fields['edition'])
      .to.contain('800 APIs, of which 251 are used')
      .and.contain('250');
  });

  it('is not lost to an API that answers the same calls', async () => {
    const { gateway, group } = await gatewayWith(1);
    expect((await refusal(create(gateway._id, group._id, '/old/0'))).fields['path']).to.contain('answers the same calls');
    expect(await world.store.apis.usedSlots(gateway._id)).to.equal(1);
  });

  it('is told by an import’s report line by line, and two imports at once share what is left without going beyond', async () => {
    const { gateway, group } = await gatewayWith(ROOM - 30);
    const importing = makeImporting({ ...world.dependencies, reader: makeDocumentReader() });
    const upload = (word: string, count: number) => importing.upload(world.atlas, gateway._id, group._id, document(paths(word, count)), SETTINGS);
    const [large, first, second] = [await upload('large', 40), await upload('first', 25), await upload('second', 25)];
    const { lines } = await importing.preview(world.atlas, gateway._id, group._id, large);
    expect([lines.filter(({ action }) => action === 'create').length, lines.filter(({ action }) => action === 'refuse').length]).to.deep.equal([30, 10]);
    expect(lines.at(-1)?.reason).to.contain('220 of 250 APIs of the Basic edition are used');
    const results = await Promise.all([first, second].map((ordinal) => importing.apply(world.atlas, gateway._id, group._id, ordinal)));
    const created = results.reduce((sum, one) => sum + one.created.length, 0);
    expect([created, await world.store.apis.usedSlots(gateway._id)]).to.deep.equal([30, ROOM]);
    // What had no room is named, or stood refused in the plan that saw the other one's already; nothing is lost from sight.
    for (const [index, ordinal] of [first, second].entries()) {
      const after = (await importing.preview(world.atlas, gateway._id, group._id, ordinal)).lines;
      const [there, refused] = (['unchanged', 'refuse'] as const).map((action) => after.filter((line) => line.action === action).length);
      expect([there, refused, results[index]?.missed]).to.deep.equal([results[index]?.created.length, 25 - (results[index]?.created.length ?? 0), 0]);
    }
  });

  it('an overriding import gives the places of what it removes to what it adds', async () => {
    const { gateway, group } = await gatewayWith(ROOM);
    const importing = makeImporting({ ...world.dependencies, reader: makeDocumentReader() });
    const ordinal = await importing.upload(world.atlas, gateway._id, group._id, document(paths('fresh', ROOM)), { ...SETTINGS, mode: 'override' });
    const result = await importing.apply(world.atlas, gateway._id, group._id, ordinal);
    expect([result.created.length, result.removed, result.unfit.length, result.missed]).to.deep.equal([ROOM, ROOM, 0, 0]);
  });

  it('holds for groups as well', async () => {
    const { atlas, catalog, store } = world;
    const gateway = await catalog.gateways.create(atlas, { name: 'Groups', description: '' });
    const Groups = store.connection.model('Group');
    await Groups.insertMany(
      Array.from({ length: GROUPS_MAX - 2 }, (_, slot) => ({
        _id: `grp_full_${slot}`,
        gatewayId: gateway._id,
        organizationId: atlas.organizationId,
        label: `full-${slot}`,
        name: `Group ${slot}`,
        slot,
        createdAt: 1,
        rev: 1,
      })),
      { lean: true },
    );
    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => catalog.groups.create(atlas, gateway._id, { name: `New ${index}`, description: '', label: '' })),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(2);
    const more = catalog.groups.create(atlas, gateway._id, { name: 'One more', description: '', label: '' });
    expect((await refusal(more)).fields['name']).to.contain('all 1,500 groups it has room for are used');
  });

  it('is shown with what is used', async () => {
    const { gateway, group } = await gatewayWith(3);
    const { quotas } = await world.catalog.overview.quotas(world.atlas, gateway._id);
    const figures = Object.fromEntries(quotas.map(({ kind, used, limit }) => [kind, [used, limit]]));
    expect(figures).to.deep.include({ apis: [3, 250], groups: [1, 1_500], apisOfGroup: [3, 3_000], tags: [0, 20] });
    expect(quotas.find(({ kind }) => kind === 'apisOfGroup')?.group?._id).to.equal(group._id);
    expect((await refusal(world.catalog.overview.quotas(world.harbor, gateway._id))).code).to.equal('not-found');
  });
});
