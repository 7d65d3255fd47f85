import { expect } from 'chai';
import { catalogWorld, definition, type CatalogWorld } from '../../support/catalog-world.ts';
import { refusal } from '../../support/refusal.ts';
import { found } from '../../support/found.ts';
import type { PublicationDoc } from '../../../server/store/publications.ts';

describe('publishing an API', function () {
  this.timeout(60_000);
  let world: CatalogWorld;
  before(async () => (world = await catalogWorld()));
  after(() => world.close());

  const newGroup = async () => {
    const { catalog, atlas } = world;
    const gateway = await catalog.gateways.create(atlas, { name: 'Main', description: '' });
    return { gateway, group: await catalog.groups.create(atlas, gateway._id, { name: 'Group', description: '', label: '' }) };
  };
  const newApi = async (path?: string) => {
    const { gateway, group } = await newGroup();
    return { gateway, group, api: await world.catalog.apis.create(world.atlas, gateway._id, group._id, definition(path)) };
  };
  const served = async (apiId: string) => (await world.store.apis.livePublications()).filter((record) => record.apiId === apiId);

  it('serves what was frozen: an edit is live only after publishing again', async () => {
    const { catalog, atlas } = world;
    const { gateway, api } = await newApi();
    await catalog.publishing.publish(atlas, gateway._id, [api._id], 'first');
    await catalog.apis.update(atlas, api._id, 1, definition('/countries', { summary: 'Changed' }));
    expect((await served(api._id)).map((record) => record.definition.summary)).to.deep.equal(['Countries of the world']);
    expect(await catalog.apis.get(atlas, api._id)).to.include({ status: 'published', changed: true });
    await catalog.publishing.publish(atlas, gateway._id, [api._id], 'second');
    expect((await served(api._id)).map(({ ordinal, definition: { summary } }) => [ordinal, summary])).to.deep.equal([[2, 'Changed']]);
    expect((await catalog.publishing.publish(atlas, gateway._id, [api._id], 'again')).unchanged).to.deep.equal([api._id]);
  });

  it('goes back to an earlier record, and offline', async () => {
    const { catalog, atlas } = world;
    const { gateway, api } = await newApi();
    const first = await catalog.publishing.publish(atlas, gateway._id, [api._id], '');
    await catalog.apis.update(atlas, api._id, 1, definition('/countries', { summary: 'Changed' }));
    await catalog.publishing.publish(atlas, gateway._id, [api._id], '');
    await catalog.publishing.rollback(atlas, api._id, first.published[0]?._id ?? '');
    expect((await served(api._id)).map(({ ordinal }) => ordinal)).to.deep.equal([1]);
    expect((await catalog.publishing.history(atlas, api._id)).rows.map(({ ordinal, live }) => [ordinal, live])).to.deep.equal([
      [2, false],
      [1, true],
    ]);
    expect(await catalog.publishing.offline(atlas, gateway._id, [api._id])).to.equal(1);
    expect(await served(api._id)).to.deep.equal([]);
    expect((await catalog.apis.get(atlas, api._id)).status).to.equal('offline');
    expect(await catalog.publishing.offline(atlas, gateway._id, [api._id])).to.equal(0);
  });

  it('serves exactly one record after fifty publish, roll back and take offline at once', async () => {
    const { catalog, atlas, store } = world;
    const { gateway, api } = await newApi();
    const first = (await catalog.publishing.publish(atlas, gateway._id, [api._id], '')).published[0]?._id ?? '';
    await catalog.apis.update(atlas, api._id, 1, definition('/countries', { summary: 'Changed' }));
    await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) =>
        i % 3 === 0
          ? catalog.publishing.offline(atlas, gateway._id, [api._id])
          : i % 3 === 1
            ? catalog.publishing.rollback(atlas, api._id, first)
            : catalog.publishing.publish(atlas, gateway._id, [api._id], ''),
      ),
    );
    // Whoever gave up left its note, which the sweep finds.
    const wanted = Object.values((await store.apis.servingOf([api._id])).get(api._id) ?? {})[0];
    const flagged = (await found<PublicationDoc>(store, 'Publication', { apiId: api._id })).filter(({ live }) => live).map(({ _id }) => _id);
    if ((await store.apis.openSettlings()).every(({ apiIds }) => !apiIds.includes(api._id))) expect(flagged).to.deep.equal(wanted ? [wanted] : []);
    expect((await served(api._id)).map(({ _id }) => _id)).to.deep.equal(wanted ? [wanted] : []);
  });

  it('finishes what a crash between the two flags left, and serves it meanwhile', async () => {
    const { catalog, atlas, store, ids, clock } = world;
    const { gateway, api, group } = await newApi();
    const environmentId = (await catalog.gateways.environments(atlas, gateway._id))[0]?._id ?? '';
    const old = (await catalog.publishing.publish(atlas, gateway._id, [api._id], '')).published[0];
    const next = { ...(old as NonNullable<typeof old>), _id: ids.next('pub'), ordinal: 2, live: false, groupId: group._id };
    await store.apis.addPublications([next]);
    await store.apis.beginSettling({ _id: ids.next('evt'), apiIds: [api._id], startedAt: clock.real() - 60_000, done: false, expiresAt: null });
    await store.apis.setServing(environmentId, new Map([[api._id, next._id]]));
    await store.apis.flip([{ apiId: api._id, environmentId, publicationId: null }]); // the old one is down; here the process died
    expect((await served(api._id)).map(({ ordinal }) => ordinal)).to.deep.equal([2]);
    expect(await catalog.publishing.settleAbandoned(atlas)).to.be.at.least(1);
    expect((await found<PublicationDoc>(store, 'Publication', { apiId: api._id })).filter(({ live }) => live).map(({ ordinal }) => ordinal)).to.deep.equal([2]);
    expect(await store.apis.openSettlings()).to.deep.equal([]);
  });

  it('never misses an API that is published again while gateways read', async () => {
    const { catalog, atlas } = world;
    const { gateway, api } = await newApi();
    await catalog.publishing.publish(atlas, gateway._id, [api._id], '');
    let done = false;
    const counts = new Set<number>();
    const reader = (async () => {
      while (!done) counts.add((await served(api._id)).length);
    })();
    for (let rev = 1; rev <= 8; rev++) {
      await catalog.apis.update(atlas, api._id, rev, definition('/countries', { summary: `Version ${rev}` }));
      await catalog.publishing.publish(atlas, gateway._id, [api._id], '');
    }
    done = true;
    await reader;
    expect([...counts]).to.deep.equal([1]);
  });

  it('has one API for the same calls in a group, among drafts and among what is live', async () => {
    const { catalog, atlas } = world;
    const { gateway, group } = await newGroup();
    const drafts = await Promise.allSettled(['/a/{x}', '/a/{y}', '/a/{z}'].map((path) => catalog.apis.create(atlas, gateway._id, group._id, definition(path))));
    expect(drafts.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    const first = await catalog.apis.create(atlas, gateway._id, group._id, definition('/b'));
    await catalog.publishing.publish(atlas, gateway._id, [first._id], '');
    await catalog.apis.update(atlas, first._id, 1, definition('/c'));
    const second = await catalog.apis.create(atlas, gateway._id, group._id, definition('/b', { name: 'Second' }));
    const { published, refused } = await catalog.publishing.publish(atlas, gateway._id, [second._id], '');
    expect(published).to.deep.equal([]);
    expect(refused[0]?.reason).to.contain('answers the same calls');
    // A record of the past meets the same rule.
    await catalog.publishing.publish(atlas, gateway._id, [first._id], '');
    await catalog.publishing.publish(atlas, gateway._id, [second._id], '');
    const past = (await catalog.publishing.history(atlas, first._id)).rows.find(({ ordinal }) => ordinal === 1);
    expect((await refusal(catalog.publishing.rollback(atlas, first._id, past?._id ?? ''))).code).to.equal('conflict');
    expect(await served(first._id)).to.have.length(0);
  });

  it('lets one of two writers change a draft', async () => {
    const { catalog, atlas } = world;
    const { api } = await newApi();
    const outcomes = await Promise.allSettled([1, 2].map((n) => catalog.apis.update(atlas, api._id, 1, definition('/countries', { summary: `Writer ${n}` }))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
  });

  it('does not delete what is live, and reserves the address of what was', async () => {
    const { catalog, atlas } = world;
    const { gateway, group, api } = await newApi();
    await catalog.publishing.publish(atlas, gateway._id, [api._id], '');
    expect((await refusal(catalog.apis.remove(atlas, api._id))).code).to.equal('conflict');
    await catalog.publishing.offline(atlas, gateway._id, [api._id]);
    await catalog.apis.remove(atlas, api._id);
    expect((await refusal(catalog.groups.remove(atlas, gateway._id, group._id))).detail).to.contain('stays reserved');
  });

  it('gives an app a free grant that both sides see, and takes it back', async () => {
    const { catalog, atlas, harbor, store, ids, clock } = world;
    const { api } = await newApi();
    const app = {
      _id: ids.next('app'),
      organizationId: harbor.organizationId,
      name: 'Harbor mobile',
      description: '',
      createdAt: clock.now(),
      deletedAt: null,
      rev: 0,
    };
    await store.apps.addApp(app, 10);
    const { _id } = await catalog.authorizations.grant(atlas, api._id, app._id);
    expect((await catalog.authorizations.ofApi(atlas, api._id)).rows.map(({ appName, organizationName }) => [appName, organizationName])).to.deep.equal([
      ['Harbor mobile', 'Harbor Apps'],
    ]);
    expect((await catalog.authorizations.ofApp(harbor, app._id)).rows.map(({ apiName }) => apiName)).to.deep.equal(['Get /countries']);
    expect((await refusal(catalog.authorizations.ofApp(atlas, app._id))).code).to.equal('not-found');
    expect((await store.apps.liveAuthorizations()).map(({ appId }) => appId)).to.include(app._id);
    await catalog.authorizations.revoke(atlas, api._id, _id);
    expect(await catalog.authorizations.ofApp(harbor, app._id)).to.deep.equal({ rows: [], total: 0 });
    await catalog.authorizations.grant(atlas, api._id, app._id);
    expect((await catalog.authorizations.ofApi(atlas, api._id)).rows).to.have.length(1);
    expect((await refusal(catalog.authorizations.grant(atlas, api._id, 'app_unknown'))).fields).to.have.key('appId');
  });
});
