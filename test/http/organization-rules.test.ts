import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { openSession, sealSession } from '../../server/web/session-store.ts';
import { turnOn } from '../support/authenticator.ts';
import { sessionIdOf, type Visitor } from '../support/browserless.ts';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

describe('rules of an organization', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal();
  });
  after(() => portal.stop());

  const RULES = '/organization/rules';
  const EMPTY = { addresses: '', signInHoursMax: '', keyAgeDaysMax: '' };
  const revOf = (text: string) => /name="rev"[^>]*value="([^"]*)"/.exec(text)?.[1] ?? '';
  const save = async (person: Visitor, fields: Record<string, string>) =>
    person.post(RULES, { rev: revOf((await person.get(RULES)).text), ...EMPTY, ...fields });
  const stored = async (id: string) => (await portal.composition.store.accounts.organization(id))?.rules ?? null;
  const errorOf = (text: string, field: string) => new RegExp(`id="${field}-error"[^>]*>(.*?)</p>`, 's').exec(text)?.[1]?.trim() ?? '';
  async function colleague(owner: { readonly organizationId: string }, name: string) {
    const person = await portal.member(name);
    const { accounts } = portal.composition.store;
    await accounts.addMembership({ organizationId: owner.organizationId, userId: person.userId, policies: ['Administrator'], groups: [], createdAt: 1 });
    await person.post('/account/organization', { organizationId: owner.organizationId });
    return person;
  }

  it('ask for two factors: open sessions are bound at once, and one page says what to do (organization-rule)', async () => {
    const owner = await portal.member('Strict');
    const member = await colleague(owner, 'Plain');
    expect((await member.get('/organization/members')).status).to.equal(200);
    const refused = await save(owner, { twoFactor: 'true' });
    expect(refused.status, 'the author has one factor himself').to.equal(422);
    expect(errorOf(refused.text, 'twoFactor')).to.include('set up two-factor for your account first');
    expect(await stored(owner.organizationId)).to.equal(null);
    await turnOn(owner);
    expect((await save(owner, { twoFactor: 'true' })).location).to.equal(RULES);
    expect((await owner.get('/organization/members')).status).to.equal(200);
    for (const path of ['/organization/members', '/dashboard', '/apps', RULES]) {
      const answer = await member.get(path);
      expect(answer.status, path).to.equal(403);
      expect(answer.text, path).to.include('asks for two-factor sign-in').and.include('href="/account/two-factor"').and.include('action="/sign-out"');
      expect(answer.text, 'nothing of the organization’s navigation').to.not.include('href="/organization/audit"');
    }
    const json = await member.get('/organization/members', { accept: 'application/json' });
    expect(json.headers.get('content-type')).to.include('application/problem+json');
    expect(JSON.parse(json.text)).to.include({ type: '/problems/organization-rule', status: 403 });
    expect((await member.post('/organization', { name: 'Taken over' })).status).to.equal(403);
    for (const path of ['/account', '/account/two-factor', '/account/sessions', '/organizations/new'])
      expect((await member.get(path)).status, path).to.equal(200);
    const own = (await portal.composition.services.accounts.memberships(member.userId)).find(({ organization }) => organization.ownerId === member.userId);
    await member.post('/account/organization', { organizationId: own?.organization._id ?? '' });
    expect((await member.get('/organization/members')).status, 'another organization').to.equal(200);
    await member.post('/account/organization', { organizationId: owner.organizationId });
    expect((await member.get('/organization/members')).status, 'and back').to.equal(403);
    await turnOn(member);
    expect((await member.get('/organization/members')).status, 'with a second factor').to.equal(200);
  });

  it('admit addresses of a list for access keys too, and ask nothing else of them', async () => {
    const owner = await portal.member('Programs');
    const made = await owner.post('/account/keys', { kind: 'token', name: 'CI', life: '30', requestId: randomUUID() });
    const authorization = `Bearer ${/tgt_[A-Za-z0-9_-]+/.exec(made.text)?.[0] ?? ''}`;
    const ask = () => portal.visitor().get('/api/v1/gateways', { authorization });
    expect((await ask()).status).to.equal(200);
    const { accounts } = portal.composition.store;
    const rules = { rev: 1, twoFactor: true, signInHoursMax: 1, keyAgeDaysMax: null, addresses: [] as string[] };
    await accounts.setRules(owner.organizationId, null, rules);
    expect((await ask()).status, 'two factors and the age of a sign-in are for people').to.equal(200);
    await accounts.setRules(owner.organizationId, 1, { ...rules, rev: 2, addresses: ['203.0.113.0/24'] });
    const away = await ask();
    expect(away.status).to.equal(403);
    expect(JSON.parse(away.text)).to.include({ status: 403 }).and.to.have.property('type').that.includes('organization-rule');
  });

  it('admit addresses of a list, whatever X-Forwarded-For says without a trusted hop', async () => {
    const owner = await portal.member('Office');
    const own = /<code>([^<]*)<\/code> now/.exec((await owner.get(RULES)).text)?.[1] ?? '';
    const away = await save(owner, { addresses: '203.0.113.0/24' });
    expect(away.status).to.equal(422);
    expect(errorOf(away.text, 'addresses')).to.include(`Your own address ${own} is not in the list`);
    expect(away.text, 'what was typed is kept').to.include('203.0.113.0/24</textarea>');
    expect((await save(owner, { addresses: `203.0.113.0/24\n${own}` })).location).to.equal(RULES);
    // As if this machine stood elsewhere: the rule of the store alone is changed.
    const rules = await stored(owner.organizationId);
    if (!rules) throw new Error('no rules');
    await portal.composition.store.accounts.setRules(owner.organizationId, rules.rev, { ...rules, addresses: ['203.0.113.0/24'], rev: rules.rev + 1 });
    for (const headers of [{}, { 'x-forwarded-for': '203.0.113.7' }, { 'x-real-ip': '203.0.113.7', forwarded: 'for=203.0.113.7' }] as Record<
      string,
      string
    >[]) {
      const answer = await owner.get('/organization/members', headers);
      expect(answer.status, JSON.stringify(headers)).to.equal(403);
      expect(answer.text).to.include(`${own} is not one of them`);
    }
    const again = portal.visitor();
    await again.post('/sign-in', { email: owner.email, password: PASSWORD }, { 'x-forwarded-for': '203.0.113.7' });
    expect((await again.get('/organization/members')).status, 'a new sign-in').to.equal(403);
    expect((await again.get('/account')).status).to.equal(200);
  });

  it('ask for a new sign-in after some hours', async () => {
    const owner = await portal.member('Clocked');
    expect((await save(owner, { signInHoursMax: '8' })).location).to.equal(RULES);
    expect((await owner.get('/organization/members')).status).to.equal(200);
    const { sessions } = portal.composition.store;
    for (const session of await sessions.ofUser(owner.userId)) {
      const sid = sessionIdOf(owner);
      const data = JSON.parse(openSession(sid, session.data) ?? '') as { opened: { at: number } };
      data.opened.at -= 8 * 3_600_000 + 1;
      await sessions.put({ ...session, data: sealSession(sid, JSON.stringify(data), randomBytes(12)) });
    }
    const answer = await owner.get('/organization/members');
    expect([answer.status, answer.text.includes('sign in again after 8 h')]).to.deep.equal([403, true]);
    const again = portal.visitor();
    await again.post('/sign-in', { email: owner.email, password: PASSWORD });
    expect((await again.get('/organization/members')).status).to.equal(200);
  });

  it('refuse what cannot be read beside its field, and keep what was typed', async () => {
    const owner = await portal.member('Typist');
    for (const [field, value] of [
      ['addresses', '203.0.113.300'],
      ['addresses', '10.0.0.9-10.0.0.1'],
      ['addresses', '10.0.0.0/33'],
      ['addresses', '10.0.0.1-2001:db8::1'],
      ['addresses', '<script>alert(1)</script>'],
      ['signInHoursMax', '0'],
      ['signInHoursMax', '1.5'],
      ['keyAgeDaysMax', '-3'],
      ['keyAgeDaysMax', '9999'],
      ['keyAgeDaysMax', 'ninety'],
    ] as const) {
      const answer = await save(owner, { [field]: value });
      expect(answer.status, value).to.equal(422);
      expect(errorOf(answer.text, field), value).to.not.equal('');
      expect(answer.text, value).to.not.include('<script>alert');
    }
    expect((await save(owner, { rules: 'none' })).status).to.equal(422);
    expect(await stored(owner.organizationId)).to.equal(null);
    expect((await save(owner, { keyAgeDaysMax: '90' })).status).to.equal(303);
    expect((await stored(owner.organizationId))?.keyAgeDaysMax).to.equal(90);
  });

  it('refuse access keys that are older than they allow, from the next request on', async () => {
    const owner = await portal.member('Keyed');
    const requestId = /name="requestId"[^>]*value="([^"]*)"/.exec((await owner.get('/account/keys')).text)?.[1] ?? '';
    const made = await owner.post('/account/keys', { kind: 'token', name: 'CI', life: '365', requestId });
    const token = /tg[tx]_[0-9A-Za-z]{20,}/.exec(made.text)?.[0] ?? '';
    const { keyActors } = portal.composition.services;
    const key = await keyActors.byToken(token);
    if (!key) throw new Error('no key');
    const from = { address: '127.0.0.1', requestId: 'req_1' };
    const aged = { ...key, createdAt: key.createdAt - 31 * 86_400_000 };
    expect((await keyActors.actorOf(aged, from)).kind, 'without a rule').to.equal('key');
    expect((await save(owner, { keyAgeDaysMax: '30' })).status).to.equal(303);
    expect((await keyActors.actorOf(key, from)).kind, 'a young one').to.equal('key');
    const refusal = await keyActors.actorOf(aged, from).catch((error: unknown) => error as Error);
    expect(JSON.stringify(refusal)).to.include('authentication-failed').and.include('30 days old');
  });

  it('are saved by one of two at once; the other is told what was set, and the record holds before and after', async () => {
    const owner = await portal.member('First');
    const second = await colleague(owner, 'Second');
    const rev = revOf((await owner.get(RULES)).text);
    expect((await second.post(RULES, { ...EMPTY, rev, keyAgeDaysMax: '30' })).status).to.equal(303);
    const stale = await owner.post(RULES, { ...EMPTY, rev, keyAgeDaysMax: '60' });
    expect(stale.status).to.equal(409);
    expect(stale.text).to.include('keys may be 30 days old').and.include('value="60"');
    expect((await owner.post(RULES, { ...EMPTY, keyAgeDaysMax: '60' })).status, 'a form without a revision').to.equal(409);
    const again = await owner.post(RULES, { ...EMPTY, rev: revOf(stale.text), keyAgeDaysMax: '60' });
    expect(again.status).to.equal(303);
    const now = revOf((await owner.get(RULES)).text);
    const answers = await Promise.all(['1', '2', '3', '4'].map((days) => owner.post(RULES, { ...EMPTY, rev: now, keyAgeDaysMax: days })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 409, 409, 409]);
    const log = await portal.composition.store.audit.ofOrganization(owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
    const records = log.filter(({ action, after }) => action === 'market:organization:update' && JSON.stringify(after).includes('rules'));
    expect(records).to.have.length(3);
    expect(JSON.stringify(records.map(({ before }) => before))).to.include('"keyAgeDaysMax":30');
  });

  it('are for who may change the organization, and of no other', async () => {
    const [owner, stranger] = [await portal.member('Own'), await portal.member('Foreign')];
    const member = await colleague(owner, 'Reader');
    await portal.composition.store.accounts.setRights(owner.organizationId, member.userId, { policies: ['Developer'], groups: [] });
    expect((await member.get(RULES)).text)
      .to.include('every address is admitted')
      .and.not.include('name="addresses"');
    expect((await member.post(RULES, { ...EMPTY, rev: '0', keyAgeDaysMax: '1' })).status).to.equal(403);
    expect((await save(stranger, { keyAgeDaysMax: '7' })).status).to.equal(303);
    expect(await stored(owner.organizationId)).to.equal(null);
  });

  it('are named by the simulator as what decides', async () => {
    const owner = await portal.member('Asker');
    const member = await colleague(owner, 'Asked');
    await turnOn(owner);
    await save(owner, { twoFactor: 'true' });
    const ask = (user: string, more = {}) =>
      owner.get(`/organization/policies/simulator?${new URLSearchParams({ user, action: 'market:members:get', ...more }).toString()}`);
    expect((await ask(owner.userId)).text).to.include('data-allowed="yes"');
    const answer = (await ask(member.userId)).text;
    expect(answer).to.include('data-allowed="no"').and.include('asks for two-factor sign-in');
    const members = (await owner.get('/organization/members')).text;
    expect(members.match(/data-two-factor="on"/g)).to.have.length(1);
    expect(members.match(/data-two-factor="off"/g)).to.have.length(1);
  });

  it('bind operators of the platform too', async () => {
    const operator = await portal.member('Operator');
    const { services, store } = portal.composition;
    const user = await store.accounts.user(operator.userId);
    if (!user) throw new Error('no user');
    await services.accounts.addOperators(user);
    await operator.post('/account/organization', { organizationId: 'org_platform' });
    expect((await operator.get('/admin/reviews')).status).to.equal(200);
    await store.accounts.setRules('org_platform', null, { rev: 1, twoFactor: true, addresses: [], keyAgeDaysMax: null, signInHoursMax: null });
    const answer = await operator.get('/admin/reviews');
    expect([answer.status, answer.text.includes('asks for two-factor sign-in')]).to.deep.equal([403, true]);
  });
});

describe('the rights of a member, changed by two', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal();
  });
  after(() => portal.stop());
  const revOf = (text: string) => /name="rev"[^>]*value="([^"]*)"/.exec(text)?.[1] ?? '';

  it('are set by one; the other’s form is refused and says what was set', async () => {
    const owner = await portal.member('Chief');
    const guest = await portal.member('Guest');
    const { accounts } = portal.composition.store;
    await accounts.addMembership({ organizationId: owner.organizationId, userId: guest.userId, policies: [], groups: [], createdAt: 1 });
    const path = `/organization/members/${guest.userId}`;
    const rev = revOf((await owner.get(path)).text);
    expect((await owner.post(path, { rev, policies: 'Billing' })).status).to.equal(303);
    const stale = await owner.post(path, { rev, policies: 'Administrator' });
    expect(stale.status).to.equal(409);
    expect(stale.text).to.include('Somebody else changed these rights').and.include('Now: this member holds Billing');
    expect((await accounts.membership(owner.organizationId, guest.userId))?.policies).to.deep.equal(['Billing']);
    expect((await owner.post(path, { policies: 'Administrator' })).status, 'without a revision').to.equal(409);
    await owner.post('/organization/groups', { name: 'Partners', description: '' });
    const [group] = await portal.composition.store.access.groupsOf(owner.organizationId);
    const before = revOf((await owner.get(path)).text);
    await accounts.joinGroup(owner.organizationId, guest.userId, group?._id ?? '');
    const crossed = await owner.post(path, { rev: before, policies: 'Developer' });
    expect([crossed.status, crossed.text.includes('the group “Partners”')]).to.deep.equal([409, true]);
    const now = revOf(crossed.text);
    const answers = await Promise.all(['Billing', 'Developer', 'FullAccess'].map((policies) => owner.post(path, { rev: now, policies })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 409, 409]);
  });
});
