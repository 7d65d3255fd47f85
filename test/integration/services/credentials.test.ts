import { expect } from 'chai';
import type { Actor } from '../../../server/domain/actor.ts';
import { appCodeHash, looksIssued, openSecret } from '../../../server/domain/credential.ts';
import { makeApps } from '../../../server/services/apps.ts';
import { CODES_MAX, makeCredentials, type IssueRequest } from '../../../server/services/credentials.ts';
import type { AppDoc } from '../../../server/store/apps.ts';
import { FREE, testWorld, type TestWorld } from '../../support/commerce.ts';
import { refused } from '../../support/refused.ts';
import { found } from '../../support/found.ts';
import type { CredentialDoc } from '../../../server/store/apps.ts';

const RING = [{ id: 'k1', key: Buffer.alloc(32, 7) }];

describe('apps and their credentials', () => {
  let world: TestWorld;
  let credentials: ReturnType<typeof makeCredentials>;
  let apps: ReturnType<typeof makeApps>;
  let buyer: Actor;
  let stranger: Actor;
  let app: AppDoc;
  const request = (kind: 'key' | 'code', more: Partial<IssueRequest> = {}): IssueRequest => ({ appId: app._id, kind, name: 'CI', notAfter: null, ...more });

  before(async () => {
    world = await testWorld();
    credentials = makeCredentials({ ...world, secretKeys: RING });
    apps = makeApps(world);
    [buyer, stranger] = [await world.organization('Harbor'), await world.organization('Stranger')];
  });
  after(() => world.close());
  beforeEach(async () => {
    app = await apps.create(buyer, { name: 'Map', description: '' });
  });

  it('keeps of an AppCode only its hash', async () => {
    const issued = await credentials.issue(buyer, request('code'));
    if (issued.kind !== 'code') throw new Error('a code was asked for');
    expect(looksIssued(issued.appCode)).to.equal('app-code');
    const stored = await world.store.apps.credential(issued.credential.id);
    expect(stored?.hash).to.equal(appCodeHash(issued.appCode));
    expect(JSON.stringify(stored)).not.to.contain(issued.appCode);
  });

  it('keeps an AppSecret encrypted, to be opened with the ring alone', async () => {
    const issued = await credentials.issue(buyer, request('key'));
    if (issued.kind !== 'key') throw new Error('a key was asked for');
    const stored = await world.store.apps.credential(issued.credential.id);
    expect(JSON.stringify(stored)).not.to.contain(issued.appSecret);
    expect(openSecret(RING, stored?.secretCipher ?? '', issued.appKey)).to.equal(issued.appSecret);
    expect(openSecret([{ id: 'k1', key: Buffer.alloc(32, 8) }], stored?.secretCipher ?? '', issued.appKey)).to.equal(null);
  });

  it('writes no secret into the audit record', async () => {
    const issued = await credentials.issue(buyer, request('key'));
    if (issued.kind !== 'key') throw new Error('a key was asked for');
    const records = await world.store.audit.ofOrganization(buyer.organizationId, 0, world.clock.now() + 1);
    expect(records.filter(({ resource }) => resource === `credential:${issued.credential.id}`)).to.have.length(1);
    expect(JSON.stringify(records)).not.to.contain(issued.appSecret);
  });

  it('never lets an app hold more codes than it may, however many are asked for at once', async () => {
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => credentials.issue(buyer, request('code'))));
    const list = await credentials.working(buyer, app._id);
    expect(list.length).to.be.at.most(CODES_MAX);
    expect(answers.filter(({ status }) => status === 'fulfilled').length).to.equal(list.length);
    while ((await credentials.working(buyer, app._id)).length < CODES_MAX) await credentials.issue(buyer, request('code'));
    await refused('conflict', credentials.issue(buyer, request('code')));
  });

  it('rotates with an overlap: both work, then the old one has ended', async () => {
    const old = await credentials.issue(buyer, request('code'));
    const next = await credentials.rotate(buyer, old.credential.id, '15m');
    expect(next.credential.name).to.equal('CI');
    expect((await credentials.get(buyer, old.credential.id)).notAfter).to.equal(world.clock.now() + 15 * 60_000);
    expect((await credentials.get(buyer, old.credential.id)).status).to.equal('expiring');
    world.clock.advance(15 * 60_000);
    expect((await credentials.get(buyer, old.credential.id)).status).to.equal('expired');
    expect((await credentials.get(buyer, next.credential.id)).status).to.equal('active');
  });

  it('rotates at once when asked to, also with all places taken, and only once', async () => {
    const old = await credentials.issue(buyer, request('code'));
    for (let more = 1; more < CODES_MAX; more += 1) await credentials.issue(buyer, request('code'));
    await credentials.rotate(buyer, old.credential.id, 'now');
    expect((await credentials.get(buyer, old.credential.id)).status).to.equal('revoked');
    await refused('conflict', credentials.rotate(buyer, old.credential.id, 'now'));
  });

  it('gives a credential one successor, though it is rotated twice at once', async () => {
    const old = await credentials.issue(buyer, request('key'));
    const answers = await Promise.allSettled([1, 2, 3].map(() => credentials.rotate(buyer, old.credential.id, '1h')));
    expect(answers.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    expect(await credentials.working(buyer, app._id)).to.have.length(2);
  });

  it('never lengthens a life by rotating', async () => {
    const notAfter = world.clock.now() + 3_600_000;
    const old = await credentials.issue(buyer, request('key', { notAfter }));
    const next = await credentials.rotate(buyer, old.credential.id, '24h');
    expect((await credentials.get(buyer, old.credential.id)).notAfter).to.equal(notAfter);
    expect(next.credential.notAfter).to.equal(notAfter);
  });

  it('revokes once and says it each time to the gateways', async () => {
    const { credential } = await credentials.issue(buyer, request('code'));
    const before = world.changes.announcedKinds.length;
    await credentials.revoke(buyer, credential.id);
    await credentials.revoke(buyer, credential.id);
    expect(world.changes.announcedKinds.slice(before)).to.deep.equal(['credential-changed', 'credential-changed']);
    const records = await world.store.audit.ofOrganization(buyer.organizationId, 0, world.clock.now() + 1);
    expect(records.filter((one) => one.action === 'market:credentials:delete' && one.resource === `credential:${credential.id}`)).to.have.length(1);
  });

  it('shows a stranger nothing: what is another’s looks missing', async () => {
    const { credential } = await credentials.issue(buyer, request('code'));
    await refused('not-found', apps.get(stranger, app._id));
    await refused('not-found', apps.update(stranger, app._id, { name: 'x', description: '' }));
    await refused('not-found', apps.remove(stranger, app._id));
    await refused('not-found', credentials.working(stranger, app._id));
    await refused('not-found', credentials.issue(stranger, request('code')));
    await refused('not-found', credentials.rotate(stranger, credential.id, 'now'));
    await refused('not-found', credentials.rename(stranger, credential.id, 'x'));
    await refused('not-found', credentials.revoke(stranger, credential.id));
    expect((await credentials.get(buyer, credential.id)).status).to.equal('active');
  });

  it('says in numbers what deleting an app stops, and stops it', async () => {
    const provider = await world.organization('Atlas');
    const { product } = await world.product(provider, `p-${app._id}`, { free: FREE });
    await credentials.issue(buyer, request('code'));
    await credentials.issue(buyer, request('key'));
    await world.store.apps.addBinding({
      _id: `${app._id}.sub_1`,
      appId: app._id,
      subscriptionId: 'sub_1',
      organizationId: buyer.organizationId,
      gatewayId: 'gw_test',
      environmentId: 'env_test',
      apiIds: product.apiIds,
      live: true,
      createdAt: 1,
    });
    const effect = { keys: 1, codes: 1, subscriptions: 1, authorizations: 0 };
    expect(await apps.removalEffect(buyer, app._id)).to.deep.equal(effect);
    expect(await apps.remove(buyer, app._id)).to.deep.equal(effect);
    await refused('not-found', apps.get(buyer, app._id));
    expect((await found<CredentialDoc>(world.store, 'Credential', { appId: app._id })).every(({ revokedAt }) => revokedAt !== null)).to.equal(true);
    expect(await world.store.apps.liveBindingsOfApp(app._id)).to.deep.equal([]);
    expect((await apps.list(buyer)).map((one) => one.app._id)).not.to.include(app._id);
  });
});
