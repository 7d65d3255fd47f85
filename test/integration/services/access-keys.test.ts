import { expect } from 'chai';
import { ACCESS_KEYS_MAX } from '../../../server/domain/access-key.ts';
import type { Actor } from '../../../server/domain/actor.ts';
import { looksIssued, openSecret } from '../../../server/domain/credential.ts';
import { isAllowed } from '../../../server/domain/rights.ts';
import { sha256Hex } from '../../../server/kernel/ids.ts';
import { makeAccess } from '../../../server/services/access.ts';
import { makeAccessKeys, type IssuedKey } from '../../../server/services/access-keys.ts';
import { makeKeyActors } from '../../../server/services/key-actors.ts';
import { makeKeyWarnings } from '../../../server/services/key-warnings.ts';
import { makeServiceAccounts } from '../../../server/services/service-accounts.ts';
import { catalogWorld, type CatalogWorld } from '../../support/catalog-world.ts';
import { refused } from '../../support/refused.ts';
import { found } from '../../support/found.ts';
import type { AccessKeyDoc } from '../../../server/store/access-keys.ts';

const RING = [{ id: 'k1', key: Buffer.alloc(32, 7) }];
const DAY = 86_400_000;
const REQUEST = { address: '192.0.2.7', requestId: 'req_1' };

describe('access keys and service accounts', () => {
  let world: CatalogWorld;
  let now = Date.now();
  let ageDaysMax: number | null = null;
  let restrictions: string[] = [];
  const mails: { to: string; subject: string; lines: readonly string[]; path: string }[] = [];
  let member: Actor;

  function services() {
    const { store, ids, audit } = world;
    const clock = { ...world.clock, now: () => now };
    const access = makeAccess({ store, clock, ids, audit });
    const notifications = {
      message: async (to: string, subject: string, lines: readonly string[], path: string) => void mails.push({ to, subject, lines, path }),
    };
    const keyAgeDaysMax = () => ageDaysMax;
    const base = { store, clock, ids, audit, notifications, secretKeys: RING, keyAgeDaysMax };
    return {
      access,
      accounts: makeServiceAccounts({ ...base, access }),
      keys: makeAccessKeys(base),
      actors: makeKeyActors({ ...base, access, restrictionsOf: () => restrictions }),
      warnings: makeKeyWarnings(base),
    };
  }
  let made: ReturnType<typeof services>;

  async function person(organizationId: string, policies: string[]): Promise<Actor> {
    const userId = world.ids.next('usr');
    await world.store.accounts.addUser({ _id: userId, email: `${userId}@example.test`, name: 'Ada', passwordHash: 'x', verifiedAt: 1, createdAt: 1 });
    await world.store.accounts.addMembership({ organizationId, userId, policies, groups: [], createdAt: 1 });
    return { ...world.harbor, userId, policies: ['Self', ...policies] };
  }

  before(async () => {
    world = await catalogWorld();
    made = services();
  });
  after(() => world.close());
  beforeEach(async () => {
    ageDaysMax = null;
    restrictions = [];
    mails.length = 0;
    member = await person(world.harbor.organizationId, ['Developer']);
  });

  const TOKEN = { kind: 'token', name: 'CI', lifeDays: 30 } as const;
  const SIGNATURE = { ...TOKEN, kind: 'signature' } as const;
  const FIELDS = { name: 'Robot', purpose: 'Deploys', policies: ['Developer'], groups: [] };
  const robot = (name = world.ids.next('sva')) => made.accounts.create(world.harbor, { ...FIELDS, name });
  const signIn = async (issued: IssuedKey): Promise<Actor> => {
    const key = issued.kind === 'token' ? await made.actors.byToken(issued.token) : (await made.actors.byAccessKey(issued.accessKey))?.key;
    if (!key) throw new Error('not known');
    return made.actors.actorOf(key, REQUEST);
  };
  const working = async (actor: Actor) => (await made.keys.own(actor)).filter(({ state }) => state === 'active' || state === 'expiring');

  it('keeps of a token only its hash, and a secret encrypted for its access key', async () => {
    const token = await made.keys.createOwn(member, TOKEN);
    const signature = await made.keys.createOwn(member, SIGNATURE);
    if (token.kind !== 'token' || signature.kind !== 'signature') throw new Error('another kind was asked for');
    expect([looksIssued(token.token), looksIssued(signature.accessKey), looksIssued(signature.secretKey)]).to.deep.equal([
      'access-token',
      'access-key',
      'access-secret',
    ]);
    const stored = await found<AccessKeyDoc>(world.store, 'AccessKey', { holderId: member.userId });
    expect(JSON.stringify(stored)).not.to.contain(token.token).and.not.to.contain(signature.secretKey);
    expect(stored.find(({ _id }) => _id === token.key.id)?.hash).to.equal(sha256Hex(token.token));
    expect(openSecret(RING, stored.find(({ _id }) => _id === signature.key.id)?.secretCipher ?? '', signature.accessKey)).to.equal(signature.secretKey);
    const records = JSON.stringify(await world.store.audit.ofOrganization(member.organizationId, 0, Number.MAX_SAFE_INTEGER));
    expect(records).not.to.contain(token.token).and.not.to.contain(signature.secretKey);
    expect(records).to.contain('market:ownKeys:create');
  });

  it('tells its holder by mail of every new key, without the key', async () => {
    const issued = await made.keys.createOwn(member, TOKEN);
    expect(mails).to.have.length(1);
    expect(mails[0]).to.include({ to: `${member.userId}@example.test`, path: '/account/keys' });
    expect(JSON.stringify(mails)).not.to.contain(issued.kind === 'token' ? issued.token : '');
  });

  it('acts with what its holder may now, at every request anew', async () => {
    const issued = await made.keys.createOwn(member, TOKEN);
    const actor = await signIn(issued);
    expect(actor).to.include({ kind: 'key', userId: member.userId, organizationId: member.organizationId, address: REQUEST.address });
    expect(actor.key).to.deep.equal({ id: issued.key.id, hint: issued.key.hint });
    expect([isAllowed(actor, 'market:apps:create'), isAllowed(actor, 'market:members:get'), isAllowed(actor, 'market:ownKeys:update')]).to.deep.equal([
      true,
      false,
      true,
    ]);
    await world.store.accounts.setRights(member.organizationId, member.userId, { policies: [], groups: [] });
    expect(isAllowed(await signIn(issued), 'market:apps:create')).to.equal(false);
  });

  it('ends with the membership, and stays ended for whoever comes back', async () => {
    const issued = await made.keys.createOwn(member, TOKEN);
    await world.store.accounts.removeMembership(member.organizationId, member.userId);
    await refused('authentication-failed', signIn(issued));
    await world.store.accessKeys.revokeAllOf(member.organizationId, member.userId, now);
    await world.store.accounts.addMembership({ organizationId: member.organizationId, userId: member.userId, policies: [], groups: [], createdAt: 2 });
    expect((await refused('authentication-failed', signIn(issued))).detail).to.contain('revoked');
  });

  it('stops at its end, and when it becomes older than the organization allows, saying which', async () => {
    const issued = await made.keys.createOwn(member, TOKEN);
    const before = now;
    ageDaysMax = 10;
    now += 10 * DAY;
    expect((await refused('authentication-failed', signIn(issued))).detail)
      .to.contain('10 days old')
      .and.to.contain('Rotate it');
    ageDaysMax = null;
    await signIn(issued);
    now = before + 30 * DAY;
    expect((await refused('authentication-failed', signIn(issued))).detail).to.contain('expired');
    now = before;
  });

  it('cannot be made to live longer than the organization allows; a rotation makes it shorter', async () => {
    const old = await made.keys.createOwn(member, { ...TOKEN, lifeDays: null });
    ageDaysMax = 30;
    for (const lifeDays of [null, 31])
      expect((await refused('invalid-form', made.keys.createOwn(member, { ...TOKEN, lifeDays }))).fields['life']).to.contain('30 days');
    const { key } = await made.keys.rotate(member, old.key.id, 'own', '1h');
    expect(key.endsAt).to.equal(now + 30 * DAY);
  });

  it(`are at most ${ACCESS_KEYS_MAX} at a time, however many are asked for at once`, async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => made.keys.createOwn(member, TOKEN)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(ACCESS_KEYS_MAX);
    const codes = outcomes.flatMap((one) => (one.status === 'rejected' ? [(one.reason as { code?: string }).code] : []));
    expect(new Set(codes)).to.deep.equal(new Set(['conflict']));
    const held = await working(member);
    expect(held).to.have.length(ACCESS_KEYS_MAX);
    // One that ended gives its place back, as does a revoked one.
    await made.keys.revoke(member, held[0]?.id ?? '', 'own');
    await made.keys.createOwn(member, { ...TOKEN, lifeDays: 1 });
    await refused('conflict', made.keys.createOwn(member, TOKEN));
    now += 2 * DAY;
    await made.keys.createOwn(member, TOKEN);
    expect(await working(member)).to.have.length(ACCESS_KEYS_MAX);
    now -= 2 * DAY;
  });

  it('shows a secret once, also when the form is sent twice at the same time', async () => {
    const requestId = world.ids.uuid();
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => made.keys.createOwn(member, { ...TOKEN, requestId })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    expect(await working(member)).to.have.length(1);
  });

  it('are rotated with an overlap, by one of several at once, also when every place is taken', async () => {
    const all = await Promise.all(Array.from({ length: ACCESS_KEYS_MAX }, () => made.keys.createOwn(member, SIGNATURE)));
    const old = all[0] as IssuedKey;
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => made.keys.rotate(member, old.key.id, 'own', '1h')));
    const done = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(done).to.have.length(1);
    const [successor] = done as [IssuedKey];
    expect(successor.key).to.include({ kind: 'signature', name: 'CI' });
    await Promise.all([signIn(old), signIn(successor)]);
    await refused('conflict', made.keys.rotate(member, old.key.id, 'own', 'now'));
    expect((await refused('conflict', made.keys.rotate(member, successor.key.id, 'own', 'now'))).detail).to.contain('still works');
    await refused('conflict', made.keys.createOwn(member, TOKEN));
    now += 3_600_000;
    expect((await refused('authentication-failed', signIn(old))).detail).to.contain('expired');
    const third = await made.keys.rotate(member, successor.key.id, 'own', 'now');
    expect((await refused('authentication-failed', signIn(successor))).detail).to.contain('revoked');
    await signIn(third);
    expect(await working(member)).to.have.length(ACCESS_KEYS_MAX);
  });

  it('note their use at most once a minute, with the address', async () => {
    const issued = await made.keys.createOwn(member, TOKEN);
    const stored = async () => world.store.accessKeys.key(issued.key.id);
    await signIn(issued);
    const first = now;
    expect(await stored()).to.include({ lastUsedAt: first, lastUsedFrom: REQUEST.address });
    now += 59_000;
    await signIn(issued);
    expect((await stored())?.lastUsedAt).to.equal(first);
    now += 1_000;
    await Promise.all([signIn(issued), signIn(issued)]);
    expect((await stored())?.lastUsedAt).to.equal(now);
  });

  it('carry what the organization’s rules say of the request', async () => {
    const issued = await made.keys.createOwn(member, TOKEN);
    restrictions = ['Only from the office.'];
    const actor = await signIn(issued);
    expect([isAllowed(actor, 'market:apps:get'), isAllowed(actor, 'market:ownKeys:create'), isAllowed(actor, 'market:account:get')]).to.deep.equal([
      false,
      false,
      true,
    ]);
  });

  it('are out of reach of others: another member’s, another organization’s', async () => {
    const issued = await made.keys.createOwn(member, TOKEN);
    const colleague = await person(member.organizationId, []);
    for (const attempt of [
      () => made.keys.revoke(colleague, issued.key.id, 'own'),
      () => made.keys.rotate(colleague, issued.key.id, 'own', 'now'),
      () => made.keys.revoke(world.atlas, issued.key.id, 'organization'),
      () => made.keys.get(world.atlas, issued.key.id, 'organization'),
      () => made.keys.get(world.atlas, 'key_none', 'organization'),
    ])
      await refused('not-found', attempt());
    expect((await made.keys.list(world.atlas)).map(({ id }) => id)).not.to.contain(issued.key.id);
    await made.keys.revoke({ ...colleague, policies: ['Administrator'] }, issued.key.id, 'organization');
    expect((await refused('authentication-failed', signIn(issued))).detail).to.contain('revoked');
  });

  it('of service accounts act with their rights, stop while these are disabled, and end with them', async () => {
    const account = await robot();
    const issued = await made.keys.createFor(world.harbor, account._id, TOKEN);
    const actor = await signIn(issued);
    expect(actor).to.include({ kind: 'key', userId: account._id });
    expect([isAllowed(actor, 'market:apps:create'), isAllowed(actor, 'market:members:get')]).to.deep.equal([true, false]);
    await made.accounts.setEnabled(world.harbor, account._id, false);
    expect((await refused('authentication-failed', signIn(issued))).detail).to.contain('disabled');
    await made.accounts.setEnabled(world.harbor, account._id, true);
    await signIn(issued);
    await made.accounts.remove(world.harbor, account._id);
    await refused('authentication-failed', signIn(issued));
    expect((await world.store.accessKeys.key(issued.key.id))?.revokedAt).to.be.a('number');
    for (const attempt of [
      () => made.accounts.get(world.harbor, account._id),
      () => made.keys.createFor(world.harbor, account._id, TOKEN),
      () => made.accounts.remove(world.harbor, account._id),
    ])
      await refused('not-found', attempt());
  });

  it('service accounts hold what members hold: groups too, and no foreign policy', async () => {
    const group = await made.access.createGroup(world.harbor, { name: world.ids.next('ugr'), description: '', policies: ['Billing'] });
    const account = await made.accounts.create(world.harbor, { ...FIELDS, name: 'Biller', policies: [], groups: [group._id] });
    const issued = await made.keys.createFor(world.harbor, account._id, TOKEN);
    expect(isAllowed(await signIn(issued), 'market:invoices:get')).to.equal(true);
    await made.access.removeGroup(world.harbor, group._id);
    expect(isAllowed(await signIn(issued), 'market:invoices:get')).to.equal(false);
    expect((await world.store.serviceAccounts.account(account._id))?.groups).to.deep.equal([]);
    const text = '{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["apig:*"]}]}';
    const foreign = await made.access.createPolicy(world.atlas, { name: 'Foreign', description: '', text });
    for (const policies of [[foreign._id], ['Operator'], ['Nothing']]) {
      expect((await refused('invalid-form', made.accounts.create(world.harbor, { ...FIELDS, name: 'Other', policies }))).fields).to.have.property('policies');
    }
    const own = await made.access.createPolicy(world.harbor, { name: 'Own', description: '', text });
    await made.accounts.create(world.harbor, { ...FIELDS, name: 'Holder', policies: [own._id] });
    expect((await refused('conflict', made.access.removePolicy(world.harbor, own._id))).detail).to.contain('service accounts Holder');
  });

  it('service accounts have one name each, are changed by one of two at once, and are foreign to others', async () => {
    const name = world.ids.next('sva');
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => robot(name)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    const account = await robot();
    const changed = await Promise.allSettled(
      ['a', 'b'].map((purpose) => made.accounts.update(world.harbor, account._id, account.rev, { ...FIELDS, name: account.name, purpose })),
    );
    expect(changed.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    expect((await refused('invalid-form', made.accounts.update(world.harbor, account._id, account.rev + 1, { ...FIELDS, name }))).fields).to.have.property(
      'name',
    );
    for (const attempt of [
      () => made.accounts.get(world.atlas, account._id),
      () => made.accounts.remove(world.atlas, account._id),
      () => made.accounts.setEnabled(world.atlas, account._id, false),
      () => made.keys.createFor(world.atlas, account._id, TOKEN),
      () => made.keys.ofServiceAccount(world.atlas, account._id),
    ])
      await refused('not-found', attempt());
    // A deleted one gives its name back.
    await made.accounts.remove(world.harbor, account._id);
    await robot(account.name);
  });

  it('warns once of each end, a week before: the holder, or who made it for a service account', async () => {
    await made.keys.createOwn(member, TOKEN);
    const account = await robot();
    await made.keys.createFor(member, account._id, TOKEN);
    mails.length = 0;
    await made.warnings.warnOfEnds();
    expect(mails.filter(({ to }) => to.startsWith(member.userId))).to.deep.equal([]);
    now += 24 * DAY;
    await made.warnings.warnOfEnds();
    const mine = () => mails.filter(({ to }) => to.startsWith(member.userId)).map(({ path }) => path);
    expect(mine().sort()).to.deep.equal(['/account/keys', `/organization/service-accounts/${account._id}`]);
    await made.warnings.warnOfEnds();
    expect(mine()).to.have.length(2);
    now -= 24 * DAY;
  });

  it('knows nothing by values that were never issued, and asks no store for them', async () => {
    expect([await made.actors.byToken('tgt_guess'), await made.actors.byAccessKey('tga_guess')]).to.deep.equal([null, null]);
    const issued = await made.keys.createOwn(member, SIGNATURE);
    expect(issued.kind === 'signature' && (await made.actors.byToken(issued.secretKey))).to.equal(null);
  });
});
