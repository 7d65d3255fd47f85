import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeRedis, type Redis } from '../../../server/cache/redis.ts';
import { makeReplays } from '../../../server/cache/replays.ts';
import { makeRoster } from '../../../server/cache/roster.ts';
import { makeSignals, type Signals } from '../../../server/cache/signals.ts';
import { appCodeHash } from '../../../server/domain/credential.ts';
import { makeClock } from '../../../server/kernel/clock.ts';
import { makeLog } from '../../../server/kernel/log.ts';
import { makeChanges, type Changes } from '../../../server/services/changes.ts';
import { EMPTY_SNAPSHOT, makeSnapshots, type SnapshotsDependencies } from '../../../server/services/snapshots.ts';
import { readyProduct, catalogWorld, type CatalogWorld } from '../../support/catalog-world.ts';
import { testRedisPrefix, testRedisUrl } from '../../support/engines.ts';
import { until } from '../../support/gateway-world.ts';
import { found } from '../../support/found.ts';
import type { ProductDoc } from '../../../server/store/products.ts';

describe('snapshots for gateways', () => {
  let world: CatalogWorld;
  let redis: Redis;
  let signals: Signals;
  let changes: Changes;
  let folder: string;
  const clock = makeClock();
  const log = makeLog('silent', 'test');
  const started: ReturnType<typeof makeSnapshots>[] = [];

  before(async () => {
    world = await catalogWorld();
    await readyProduct(world);
  });
  beforeEach(async () => {
    const prefix = testRedisPrefix();
    redis = makeRedis({ url: testRedisUrl(), prefix });
    signals = makeSignals({ url: testRedisUrl(), prefix });
    await signals.ready(5_000);
    changes = makeChanges({ store: world.store, signals, roster: makeRoster({ redis }), clock });
    folder = await mkdtemp(join(tmpdir(), 'snapshots-'));
  });
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
    await signals.close();
    await redis.close();
    await rm(folder, { recursive: true, force: true });
  });
  after(() => world.close());

  function gateway(node: string, change: Partial<SnapshotsDependencies> = {}) {
    const one = makeSnapshots({ store: world.store, changes, signals, roster: makeRoster({ redis }), clock, log, node, folder: join(folder, node), ...change });
    started.push(one);
    return one;
  }
  const code = (n: number) => `code number ${n}`;
  const issue = (id: string, n: number) =>
    world.store.apps.addCredential({
      _id: id,
      appId: 'app_x',
      organizationId: world.harbor.organizationId,
      kind: 'code',
      name: '',
      appKey: null,
      hash: appCodeHash(code(n)),
      secretCipher: null,
      hint: '',
      notAfter: null,
      revokedAt: null,
      rotatedFrom: null,
      lastUsedAt: null,
      createdAt: clock.now(),
      createdBy: '',
    });

  it('hold what is published, and the grants, subscriptions and windows that calls are decided by', async () => {
    const { store } = world;
    const [api] = await store.apis.livePublications();
    const [plan] = await store.products.planVersionsBetween(
      (await store.products.plansOf((await found<ProductDoc>(store, 'Product', { slug: 'countries' }))[0]?._id ?? ''))[0]?._id ?? '',
      1,
      2,
    );
    const now = clock.now();
    const versionId = plan?._id ?? 'plan_none_v1';
    await store.subscriptions.add({
      _id: 'sub_s',
      organizationId: 'org_s',
      productId: 'prd_s',
      providerId: 'org_p',
      gatewayId: api?.gatewayId ?? '',
      planId: 'plan_s',
      planVersionId: versionId,
      pendingPlanVersionId: null,
      appId: 'app_s',
      requestId: 'r',
      currency: 'usd',
      interval: 'month',
      status: 'active',
      live: true,
      anchorAt: now - 1_000,
      periodIndex: 0,
      entitledUntil: null,
      cancelAtPeriodEnd: false,
      statusReason: '',
      stripeCustomerId: null,
      paymentMethodId: null,
      checkoutId: null,
      checkoutUrl: null,
      checkoutExpiresAt: null,
      createdAt: now,
      createdBy: 'usr_s',
      endedAt: null,
      rev: 1,
    } as Parameters<typeof store.subscriptions.add>[0]);
    const period = (index: number, startAt: number, endAt: number, windows: { changeIndex: number; from: number; planVersionId: string }[]) =>
      store.periods.add({
        _id: `sub_s_${index}`,
        subscriptionId: 'sub_s',
        index,
        startAt,
        endAt,
        windows,
        latenessSeconds: 900,
        status: 'open',
        lease: null,
        frozen: null,
        frozenAt: null,
      } as Parameters<typeof store.periods.add>[0]);
    await period(0, now - 1_000, now + 10_000, [
      { changeIndex: 0, from: now - 1_000, planVersionId: versionId },
      { changeIndex: 1, from: now + 4_000, planVersionId: versionId },
    ]);
    await period(1, now + 10_000, now + 20_000, [{ changeIndex: 0, from: now + 10_000, planVersionId: versionId }]);
    await store.apps.addBinding({
      _id: 'app_s.sub_s',
      appId: 'app_s',
      subscriptionId: 'sub_s',
      organizationId: 'org_s',
      gatewayId: api?.gatewayId ?? '',
      environmentId: api?.environmentId ?? '',
      apiIds: [api?.apiId ?? ''],
      live: true,
      createdAt: now,
    });
    const one = gateway('gw1');
    await one.start();
    const snapshot = one.current();
    expect(snapshot.apis.map(({ environmentName, definition }) => [environmentName, definition.frontend.path])).to.deep.equal([['RELEASE', '/countries']]);
    expect(snapshot.groups.map(({ label }) => label)).to.include('countries');
    expect(snapshot.grants).to.deep.include({ appId: 'app_s', apiIds: [api?.apiId], environmentId: api?.environmentId, subscriptionId: 'sub_s' });
    expect(snapshot.subscriptions.find(({ id }) => id === 'sub_s')?.windows).to.deep.equal([
      { key: '0.0', startAt: now - 1_000, endAt: now + 4_000, planVersionId: versionId },
      { key: '0.1', startAt: now + 4_000, endAt: now + 10_000, planVersionId: versionId },
      { key: '1.0', startAt: now + 10_000, endAt: now + 20_000, planVersionId: versionId },
    ]);
    if (plan) expect(snapshot.planVersions.map(({ id }) => id)).to.include(versionId);
    expect(one.ready()).to.equal(true);
  });
  it('are confirmed: a change is announced only when every live gateway serves it', async () => {
    const first = gateway('gw1');
    const second = gateway('gw2');
    await Promise.all([first.start(), second.start()]);
    for (let n = 0; n < 5; n++) {
      await issue(`crd_${n}`, n);
      const version = await changes.announce('credential-changed', { credentialId: `crd_${n}` });
      expect(await changes.announced(version)).to.equal(true);
      for (const one of [first, second]) expect(one.current().credentials.map(({ hash }) => hash)).to.include(appCodeHash(code(n)));
    }
    const version = await changes.version();
    expect(await changes.announced(version + 1, 50)).to.equal(false);
    await second.stop();
    expect(await changes.announced(version)).to.equal(true);
  });
  it('follow a change without any signal, by polling the version', async () => {
    const deaf = gateway('gw1', { signals: { subscribe: () => () => undefined }, pollMs: 20 });
    await deaf.start();
    await issue('crd_poll', 100);
    const version = await changes.announce('credential-changed', { credentialId: 'crd_poll' });
    await until(() => deaf.served() >= version);
    expect(deaf.current().credentials.map(({ id }) => id)).to.include('crd_poll');
  });
  it('read the store only when something changed', async () => {
    let reads = 0;
    const { apps } = world.store;
    const counting = { ...world.store, apps: { ...apps, liveCredentials: () => ((reads += 1), apps.liveCredentials()) } };
    const one = gateway('gw1', { store: counting as never, pollMs: 5 });
    await one.start();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(reads).to.equal(1);
    await Promise.all(Array.from({ length: 20 }, () => signals.publish('catalogue-changed', { what: 'x', id: 'y' })));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(reads).to.equal(1);
  });
  it('are served stale while the store is away, and from disk by a gateway that starts then; secrets stay sealed, the file private', async () => {
    const one = gateway('gw1');
    await one.start();
    const served = one.current();
    await one.stop();
    const file = join(folder, 'gw1', 'snapshot.json');
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).to.deep.equal({ format: 1, snapshot: JSON.parse(JSON.stringify(served)) });
    let away = true;
    const flaky = { version: () => (away ? Promise.reject(new Error('store away')) : changes.version()) };
    const again = gateway('gw1', { changes: flaky, pollMs: 10 });
    let heard = 0;
    again.onChange(() => (heard += 1));
    await again.start();
    expect(again.ready()).to.equal(true);
    expect(again.current()).to.deep.equal(JSON.parse(JSON.stringify(served)));
    expect([again.served(), heard]).to.deep.equal([-1, 1]);
    away = false;
    await until(() => again.served() >= 0);
    expect(heard).to.equal(2);
  });
  it('do not make a gateway ready that has neither store nor a whole file', async () => {
    const away = { version: () => Promise.reject(new Error('store away')) };
    const one = gateway('gw9', { changes: away });
    await one.start();
    expect(one.ready()).to.equal('no snapshot yet');
    expect(one.current()).to.equal(EMPTY_SNAPSHOT);
    await rm(join(folder, 'gw8'), { recursive: true, force: true });
    const broken = gateway('gw1', { changes: away });
    await writeFile(join(folder, 'gw1'), '').catch(() => undefined);
    await broken.start();
    expect(broken.ready()).to.equal('no snapshot yet');
  });
});

describe('signatures that were used', () => {
  it('are first exactly once, however many ask at the same time', async () => {
    const redis = makeRedis({ url: testRedisUrl(), prefix: testRedisPrefix() });
    await redis.ready(5_000);
    const replays = makeReplays({ redis });
    const firsts = await Promise.all(Array.from({ length: 50 }, () => replays.first('aa'.repeat(32), 5_000)));
    expect(firsts.filter(Boolean)).to.have.length(1);
    expect(await replays.first('bb'.repeat(32), 5_000)).to.equal(true);
    await redis.close();
    await replays.first('cc'.repeat(32), 5_000).then(
      () => expect.fail('nobody can tell while Redis is away'),
      () => undefined,
    );
  });
});
