import { expect } from 'chai';
import { SYSTEM } from '../../../server/domain/actor.ts';
import type { ApiDraft, BackendParameter, TypedParameter } from '../../../server/domain/api.ts';
import type { KeyRing } from '../../../server/domain/credential.ts';
import { makeCatalog } from '../../../server/services/catalog.ts';
import { makeResealing } from '../../../server/services/resealing.ts';
import { catalogWorld, definition, type CatalogWorld } from '../../support/catalog-world.ts';
import { refused } from '../../support/refused.ts';

const SECRET: TypedParameter = { name: 'X-Key', in: 'header', value: 'constant-in-clear' };
const PLAIN: TypedParameter = { name: 'region', in: 'query', value: 'eu-region-in-clear' };

const fieldsOf = async (attempt: Promise<unknown>) => (await refused('invalid-form', attempt)).fields;

describe('constants that a provider has sent to its backend', () => {
  let world: CatalogWorld;
  let gatewayId: string;
  let groupId: string;
  let count = 0;
  before(async () => {
    world = await catalogWorld();
    gatewayId = (await world.catalog.gateways.create(world.atlas, { name: 'Main', description: '' }))._id;
    groupId = (await world.catalog.groups.create(world.atlas, gatewayId, { name: 'Group', description: '', label: '' }))._id;
  });
  after(() => world.close());

  const draft = (path: string, backendParameters: readonly TypedParameter[]): ApiDraft => ({ ...definition(path), backendParameters });
  const newApi = async (parameters: readonly TypedParameter[] = [SECRET, PLAIN]) => {
    const path = `/constants/${(count += 1)}`;
    return { path, api: await world.catalog.apis.create(world.atlas, gatewayId, groupId, draft(path, parameters)) };
  };
  const stored = async (id: string) => (await world.store.apis.api(id))?.definition.backendParameters ?? [];
  const update = async (id: string, path: string, parameters: readonly TypedParameter[]) =>
    world.catalog.apis.update(world.atlas, id, (await world.store.apis.api(id))?.rev ?? 0, draft(path, parameters));
  const values = async (id: string) => world.catalog.constants.opened(id, await stored(id)).map(({ value }) => value);
  const resealing = (secretKeys: KeyRing = world.dependencies.secretKeys) =>
    makeResealing({ ...world.dependencies, secretKeys, constants: makeCatalog({ ...world.dependencies, secretKeys }).constants });
  /** Every document of every collection. */
  const database = async () => {
    const collections = (await world.store.connection.db?.collections()) ?? [];
    return JSON.stringify(await Promise.all(collections.map((one) => one.find().toArray())), (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
  };

  it('stand encrypted in drafts and publications, whether secret or not; only the form shows those that are not', async () => {
    const { api } = await newApi();
    await world.catalog.publishing.publish(world.atlas, gatewayId, [api._id], '');
    const text = await database();
    expect(text).to.contain(api._id).and.not.contain(SECRET.value).and.not.contain(PLAIN.value);
    expect((await stored(api._id)).map(({ secret, sealed }) => [secret, sealed?.split('.').length])).to.deep.equal([
      [true, 4],
      [false, 4],
    ]);
    const { constants, changed } = await world.catalog.apis.get(world.atlas, api._id);
    expect([constants.map(({ value }) => value), changed]).to.deep.equal([[null, PLAIN.value], false]);
    expect(await values(api._id)).to.deep.equal([SECRET.value, PLAIN.value]);
  });

  it('are kept, ciphertext and all, unless a new value comes; a value that comes back is no change', async () => {
    const { api, path } = await newApi();
    await world.catalog.publishing.publish(world.atlas, gatewayId, [api._id], '');
    const before = await stored(api._id);
    await update(api._id, path, [{ name: 'X-Key', in: 'header' }, PLAIN]);
    expect(await stored(api._id)).to.deep.equal(before);
    await update(api._id, path, [{ ...SECRET, value: 'another-in-clear' }, PLAIN]);
    expect([(await world.catalog.apis.get(world.atlas, api._id)).changed, await values(api._id)]).to.deep.equal([true, ['another-in-clear', PLAIN.value]]);
    await update(api._id, path, [SECRET, PLAIN]);
    expect((await world.catalog.apis.get(world.atlas, api._id)).changed, 'as published').to.equal(false);
    expect((await world.catalog.publishing.publish(world.atlas, gatewayId, [api._id], '')).unchanged).to.deep.equal([api._id]);
    await update(api._id, path, [{ name: 'x-key', in: 'header' }, PLAIN]);
    expect(await values(api._id), 'under another spelling of the same header').to.deep.equal([SECRET.value, PLAIN.value]);
  });

  it('are asked for beside their field: new without a value, renamed, or secret and to be shown', async () => {
    const { api, path } = await newApi();
    const faults = (parameters: readonly TypedParameter[]) => fieldsOf(update(api._id, path, parameters));
    expect(await faults([{ name: 'X-Other', in: 'header' }])).to.deep.equal({ 'backendParameters.0.value': 'Type its value.' });
    expect(await faults([{ name: 'X-Key', in: 'header', secret: false }])).to.have.key('backendParameters.0.value');
    await update(api._id, path, [{ ...SECRET, secret: false }]);
    expect((await world.catalog.apis.get(world.atlas, api._id)).constants[0]?.value).to.equal(SECRET.value);
  });

  it('leave in the audit log that they changed, and never to what', async () => {
    const { api, path } = await newApi();
    await update(api._id, path, [{ ...SECRET, value: 'audited-in-clear' }, PLAIN]);
    const records = await world.store.audit.ofOrganization(world.atlas.organizationId, 0, world.clock.now() + 1);
    const record = records.find(({ action, resource }) => action === 'apig:apis:update' && resource.endsWith(api._id));
    const constantsOf = (side: unknown) => (side as { backendParameters: { value: string }[] }).backendParameters.map(({ value }) => value);
    expect([constantsOf(record?.before), constantsOf(record?.after)]).to.deep.equal([
      ['[hidden]', '[hidden]'],
      ['[hidden, changed]', '[hidden]'],
    ]);
    expect(JSON.stringify(records)).to.not.contain('in-clear');
  });

  it('that an earlier release left in clear work on, and are sealed by the worker, once', async () => {
    const { api } = await newApi();
    await world.catalog.publishing.publish(world.atlas, gatewayId, [api._id], '');
    const clear = [
      { name: 'X-Key', in: 'header', value: 'legacy-in-clear' },
      { name: 'region', in: 'query', value: 'legacy-region-in-clear' },
    ] satisfies BackendParameter[];
    const db = world.store.connection.db;
    await db?.collection<{ _id: string }>('apis').updateOne({ _id: api._id }, { $set: { 'definition.backendParameters': clear } });
    await db?.collection<{ apiId: string }>('publications').updateOne({ apiId: api._id }, { $set: { 'definition.backendParameters': clear } });
    const { changed, constants } = await world.catalog.apis.get(world.atlas, api._id);
    expect([changed, constants.map(({ secret, value }) => [secret, value])]).to.deep.equal([
      false,
      [
        [true, null],
        [false, 'legacy-region-in-clear'],
      ],
    ]);
    const announced = world.announced.length;
    expect(await resealing().carryOut(SYSTEM)).to.equal(2);
    expect(world.announced.length, 'gateways are told').to.equal(announced + 1);
    expect(await database())
      .to.not.contain('legacy-in-clear')
      .and.not.contain('legacy-region');
    expect([await values(api._id), (await world.catalog.apis.get(world.atlas, api._id)).changed]).to.deep.equal([
      ['legacy-in-clear', 'legacy-region-in-clear'],
      false,
    ]);
    expect(await resealing().carryOut(SYSTEM)).to.equal(0);
  });

  it('move to a new key, and open no more without any of theirs', async () => {
    const { api, path } = await newApi();
    const [old] = world.dependencies.secretKeys;
    const fresh = { id: 'k2', key: Buffer.alloc(32, 9) };
    expect(await resealing([fresh, ...(old ? [old] : [])]).carryOut(SYSTEM)).to.be.at.least(1);
    expect((await stored(api._id)).map(({ sealed }) => sealed?.split('.')[0])).to.deep.equal(['k2', 'k2']);
    const alone = makeCatalog({ ...world.dependencies, secretKeys: [fresh] });
    expect(alone.constants.opened(api._id, await stored(api._id)).map(({ value }) => value)).to.deep.equal([SECRET.value, PLAIN.value]);
    // The world's own ring lacks the new key: nothing is overwritten, the form says it.
    expect(await resealing().carryOut(SYSTEM)).to.equal(0);
    expect(await fieldsOf(update(api._id, path, [{ name: 'X-Key', in: 'header' }]))).to.deep.equal({
      'backendParameters.0.value': 'Its value can no longer be read. Type it again.',
    });
  });
});
