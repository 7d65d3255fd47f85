import { expect } from 'chai';
import type { Actor } from '../../server/domain/actor.ts';
import { startFault } from '../../server/start-fault.ts';
import { checkMongo } from '../../server/cli/doctor-checks.ts';
import { makeClock } from '../../server/kernel/clock.ts';
import { makeIds } from '../../server/kernel/ids.ts';
import { connectStore } from '../../server/store/connect.ts';
import { openStore, openStoreLater } from '../../server/store/index.ts';
import { MIGRATIONS } from '../../server/store/migrations/index.ts';
import type { MigrationNews } from '../../server/store/migrations/run.ts';
import { contentOf, EARLIER, writeEarlier } from '../support/earlier-database.ts';
import { definition, productFields } from '../support/catalog-world.ts';
import { testMongo } from '../support/engines.ts';
import { PASSWORD, startPortal } from '../support/portal.ts';

/** More than one batch. */
const APIS = 600;
const UPSTREAM_ALLOW = '127.0.0.1:3201';
const NEWEST = MIGRATIONS.length;
const { real } = makeClock();
const ids = makeIds();

const actorFor = (userId: string, organizationId: string): Actor => ({
  kind: 'user',
  userId,
  organizationId,
  policies: ['Administrator'],
  address: '192.0.2.7',
  requestId: 'req_earlier',
});

describe('a database of an earlier version', function () {
  this.timeout(180_000);
  /** As today's program wrote it, to be copied into the shape of before. */
  let today: Awaited<ReturnType<typeof testMongo>>;
  let email: string;
  let groupId: string;
  const made: { drop(): Promise<void> }[] = [];

  before(async () => {
    today = await testMongo();
    const portal = await startPortal({ MONGODB_URI: today.uri, UPSTREAM_ALLOW });
    const owner = await portal.member('Ada');
    email = owner.email;
    const actor = actorFor(owner.userId, owner.organizationId);
    const { catalog, apps, access } = portal.composition.services;
    const gateway = await catalog.gateways.create(actor, { name: 'Main', description: '', tags: [{ key: 'team', value: 'maps' }] });
    const group = await catalog.groups.create(actor, gateway._id, { name: 'Countries', description: '', label: 'earlier-countries' });
    groupId = group._id;
    const api = await catalog.apis.create(actor, gateway._id, group._id, definition());
    await catalog.publishing.publish(actor, gateway._id, [api._id], 'first');
    await catalog.products.create(actor, group._id, [api._id], productFields({ slug: 'earlier-countries' }));
    for (const name of ['One', 'Two', 'Gone']) await apps.create(actor, { name, description: '' });
    const gone = (await apps.list(actor)).find(({ app }) => app.name === 'Gone');
    await apps.remove(actor, gone?.app._id ?? '');
    await access.createGroup(actor, { name: 'Readers', description: '', policies: ['ReadOnlyAccess'] });
    await portal.stop();
  });
  after(async () => {
    for (const one of [...made, today]) await one?.drop();
  });

  async function earlier(apis = 3): Promise<string> {
    const mongo = await testMongo();
    made.push(mongo);
    await writeEarlier(today.uri, mongo.uri, { apis });
    return mongo.uri;
  }
  const start = (uri: string, tell: (news: MigrationNews) => void = () => undefined, leaseMs?: number) =>
    openStore(uri, { migrating: { owner: ids.uuid(), real, tell, ...(leaseMs !== undefined && { leaseMs }) } });
  const begun = (news: readonly MigrationNews[]) => news.filter(({ state }) => state === 'begun').map(({ step }) => step);

  it('starts by itself: people sign in, what they had is there, and new things are made beside it', async () => {
    const uri = await earlier();
    const portal = await startPortal({ MONGODB_URI: uri, UPSTREAM_ALLOW });
    try {
      const { store, services } = portal.composition;
      const ada = portal.visitor();
      expect((await ada.post('/sign-in', { email, password: PASSWORD })).status).to.equal(303);
      const [gateways, apps, organization] = [await ada.get('/gateways'), await ada.get('/apps'), await ada.get('/organization')];
      expect([gateways.status, apps.status, organization.status]).to.deep.equal([200, 200, 200]);
      expect(gateways.text).to.contain('Main').and.contain('team=maps');
      expect(apps.text).to.contain('One').and.contain('Two').and.not.contain('Gone');
      const group = await store.gateways.group(groupId);
      const [membership] = await store.accounts.membershipsOfOrganization(group?.organizationId ?? '');
      const actor = actorFor(membership?.userId ?? '', group?.organizationId ?? '');
      const quotas = await services.organizationQuotas.list(actor);
      expect(quotas.slice(0, 5).map(({ kind, used }) => [kind, used])).to.deep.equal([
        ['gateways', 1],
        ['products', 1],
        ['apps', 2],
        ['policies', 0],
        ['userGroups', 1],
      ]);
      await services.catalog.apis.create(actor, group?.gatewayId ?? '', groupId, definition('/later'));
      await services.apps.create(actor, { name: 'Later', description: '' });
      await services.catalog.gateways.create(actor, { name: 'Later', description: '' });
      await services.access.setRights(actor, membership?.userId ?? '', 1, { policies: ['Administrator'], groups: [] });
      // The trail of a thing shows what was done to it before.
      const trail = await store.audit.before({ organizationId: actor.organizationId, things: group?.gatewayId ?? '' }, 0, { at: real() + 60_000, id: '' }, 100);
      expect(trail.map(({ action }) => action)).to.include.members(['apig:instances:create', 'apig:groups:create']);
      expect(trail.every(({ outcome }) => outcome === 'done')).to.equal(true);
      // Usage that was in no total is counted once; what was carried is open for the next invoice, and that alone.
      await services.usageTotals.rollUp();
      expect(
        (await services.usageTotals.auditWindow({ ...actor, organizationId: 'org_platform', policies: ['Operator'] }, EARLIER.subscription, '0.0')).length,
      ).to.equal(0);
      expect(await services.metering.placesOf(EARLIER.subscription, '0.0')).to.deep.equal({ requests: 7n });
      const open = await store.invoices.openCarries('org_earlier');
      expect(open.map(({ _id, carriedMinor }) => [_id, carriedMinor])).to.deep.equal([[EARLIER.credit, 45n]]);
      const taken = await store.invoices.get(EARLIER.taken);
      expect([taken?.carriedFrom, taken?.carriedTo, taken?.carryOpen, taken?.remakes]).to.deep.equal([['inv_earlier.0'], EARLIER.credit, false, 0]);
      const writeOffs = await store.invoices.writeOffTimes(0, 1_000);
      expect(writeOffs.sort((a, b) => a.at - b.at)).to.deep.equal(EARLIER.lost.map((_id, n) => ({ _id, at: [50, 51, 70][n] })));
      expect(await store.connection.collection('sessions').findOne({ _id: EARLIER.session as never })).to.equal(null);
    } finally {
      await portal.stop();
    }
  });

  it('is what a database of today is, and a second start changes nothing', async () => {
    const uri = await earlier();
    const news: MigrationNews[] = [];
    await (await start(uri, (one) => news.push(one))).close();
    expect(begun(news)).to.deep.equal(MIGRATIONS.map((_, index) => index + 1));
    const [before, original] = [await contentOf(uri), await contentOf(today.uri)];
    // What the copy lost is there again: fields by which things are found have their values of today.
    const sought = (doc: unknown) => {
      const { slot, gone, deleting, confirmed, maintenance, windowStart, things, outcome, rev, groups } = doc as Record<string, unknown>;
      return {
        placed: typeof slot === 'number',
        gone,
        deleting,
        confirmed,
        maintenance,
        windowStart,
        things: [...((things as string[]) ?? [])].sort(),
        outcome,
        rev,
        groups,
      };
    };
    for (const name of ['gateways', 'groups', 'apis', 'apps', 'products', 'userGroups', 'memberships', 'audit'])
      for (const key of Object.keys(original).filter((one) => one.startsWith(`${name}/`)))
        // Records of sign-ups were about the new organization as well, which their resource does not name.
        if (!key.startsWith('audit/') || !(original[key] as { action: string }).action.startsWith('accounts:'))
          expect(sought(before[key]), key).to.deep.equal(sought(original[key]));
    const again: MigrationNews[] = [];
    await (await start(uri, (one) => again.push(one))).close();
    expect(again).to.deep.equal([]);
    expect(await contentOf(uri)).to.deep.equal(before);
  });

  it('is brought further once by two that start at once; the other waits', async () => {
    const uri = await earlier(APIS);
    const news: MigrationNews[] = [];
    const stores = await Promise.all([1, 2].map(() => start(uri, (one) => news.push(one))));
    expect(begun(news)).to.deep.equal(MIGRATIONS.map((_, index) => index + 1));
    const slots = (await stores[0]?.apis.placesOfGateway(EARLIER.full))?.length;
    expect([slots, await stores[1]?.apis.usedSlots(EARLIER.full)]).to.deep.equal([APIS, APIS]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('whose start is killed in a step is brought further by the next, from that step on', async () => {
    const uri = await earlier(APIS);
    const connection = connectStore(uri);
    await connection.asPromise();
    const apis = connection.collection<{ _id: string; slot?: number }>('apis');
    const killed = await openStore(uri, {
      migrating: {
        owner: ids.uuid(),
        real,
        leaseMs: 1_500,
        migrations: MIGRATIONS.map((step, index) =>
          index !== 5
            ? step
            : {
                name: step.name,
                run: (database, progress) =>
                  step.run(database, async (done) => {
                    await progress(done);
                    // Dead from here on: not even the lease is given back.
                    await database.client.close(true);
                    throw new Error('killed');
                  }),
              },
        ),
      },
    }).catch((error: unknown) => error);
    expect((killed as Error).message).to.equal('killed');
    const half = await apis.countDocuments({ slot: { $gte: 0 } });
    expect(half).to.be.greaterThan(0).and.lessThan(APIS);
    const early = await apis.find({ slot: { $gte: 0 } }).toArray();
    const news: MigrationNews[] = [];
    const store = await start(uri, (one) => news.push(one));
    expect(begun(news)).to.deep.equal([6, 7, 8, 9, 10]);
    const all = await apis.find().toArray();
    const slots = all.filter(({ _id }) => /^api_[0-9]{5}$/.test(_id)).map(({ slot }) => slot);
    expect([slots.length, new Set(slots).size]).to.deep.equal([APIS, APIS]);
    const now = new Map(all.map(({ _id, slot }) => [_id, slot]));
    expect(
      early.every(({ _id, slot }) => now.get(_id) === slot),
      'what had a place kept it',
    ).to.equal(true);
    await store.close();
    await connection.close();
  });

  it('of a later version is refused before anything is written, in words', async () => {
    const { uri, drop } = await testMongo();
    made.push({ drop });
    const store = await openStore(uri);
    await store.settings.raise('databaseVersion', NEWEST + 2);
    const before = await contentOf(uri);
    const refused = await openStore(uri).catch((error: unknown) => error);
    expect(startFault(refused)).to.equal(
      `MONGODB_URI: the database is at version ${NEWEST + 2}, and this program knows ${NEWEST}: a later version of it has been here. Start that one, or restore the backup of before`,
    );
    expect(await contentOf(uri)).to.deep.equal(before);
    const found = await checkMongo({ mongodbUri: uri, secretKeys: [] }, real);
    expect(found.find(({ name }) => name === 'Database')).to.include({ severity: 'fault' });
    await store.close();
  });

  it('is told by the doctor, and not read by a gateway before it is brought further', async () => {
    const uri = await earlier();
    const severity = async () => (await checkMongo({ mongodbUri: uri, secretKeys: [] }, real)).find(({ name }) => name === 'Database')?.severity;
    expect(await severity()).to.equal('warning');
    const gateway = await openStoreLater(uri, { waitMs: 5_000 });
    expect(await gateway.checkVersion().catch((error: Error) => error.name)).to.equal('DatabaseTooOld');
    await (await start(uri)).close();
    await gateway.checkVersion();
    expect(await severity()).to.equal('ok');
    await gateway.close();
  });

  it('that is new and empty has nothing to be brought further', async () => {
    const { uri, drop } = await testMongo();
    made.push({ drop });
    const news: MigrationNews[] = [];
    const store = await start(uri, (one) => news.push(one));
    expect([news, await store.version()]).to.deep.equal([[], { version: NEWEST, known: NEWEST }]);
    await store.close();
  });
});
