import { expect } from 'chai';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

describe('accounts over HTTP', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal();
  });
  after(() => portal.stop());

  const lastLink = async (to: string): Promise<string> => {
    const mails = await portal.composition.store.mails.sentTo(to, 0, Number.MAX_SAFE_INTEGER);
    const link = /https?:\/\/\S+/.exec(mails.at(-1)?.text ?? '')?.[0] ?? '';
    return new URL(link).pathname;
  };

  it('signs up, proves the address by the mail, signs in with a new session and out again', async () => {
    const person = portal.visitor();
    const signUp = await person.post('/sign-up', { email: 'Ada@Example.test', password: PASSWORD, name: 'Ada', organization: 'Analytical' });
    expect(signUp.status).to.equal(200);
    const early = await person.post('/sign-in', { email: 'ada@example.test', password: PASSWORD });
    expect(early.status).to.equal(401);
    expect(early.text).to.include('confirm your e-mail address');
    const link = await lastLink('ada@example.test');
    expect((await person.get(link)).status).to.equal(200);
    expect((await person.post(link)).location).to.equal('/sign-in');
    expect((await person.post(link)).status).to.equal(404);

    const signIn = await person.post('/sign-in', { email: 'ada@example.test', password: PASSWORD, next: '/account' });
    expect(signIn.location).to.equal('/account');
    const session = person.cookies.get('tollgate');
    expect(session).to.be.a('string');
    expect((await person.get('/account')).text).to.include('Ada');
    expect((await person.post('/sign-out')).location).to.equal('/');
    const stolen = portal.visitor();
    expect((await stolen.get('/account', { cookie: `tollgate=${session}` })).status).to.equal(303);
  });

  it('tells a balancer that it answers, without a session', async () => {
    const answer = await fetch(new URL('/health', portal.origin));
    expect([answer.status, await answer.json(), answer.headers.get('set-cookie')]).to.deep.equal([200, { status: 'ok' }, null]);
  });

  it('answers a known and an unknown address alike (sign-in-failed)', async () => {
    const person = portal.visitor();
    await portal.member('Grace');
    const [known, unknown] = [
      await person.post('/password-reset', { email: 'grace1@example.test' }),
      await person.post('/password-reset', { email: 'nobody@example.test' }),
    ];
    expect(known.status).to.equal(unknown.status);
    expect(known.text.replaceAll('grace1', 'x').replace(/req_\w+/g, '')).to.equal(unknown.text.replaceAll('nobody', 'x').replace(/req_\w+/g, ''));
    const wrong = await person.post('/sign-in', { email: 'grace1@example.test', password: 'wrong wrong wrong' });
    const nobody = await person.post('/sign-in', { email: 'nobody@example.test', password: 'wrong wrong wrong' });
    expect([wrong.status, nobody.status]).to.deep.equal([401, 401]);
  });

  it('resets a password once per link, and the old one is dead', async () => {
    const member = await portal.member('Linus');
    const person = portal.visitor();
    await person.post('/password-reset', { email: member.email });
    const link = await lastLink(member.email);
    expect((await person.post(link, { password: 'short' })).status).to.equal(422);
    expect((await person.post(link, { password: 'another quiet river' })).location).to.equal('/sign-in');
    expect((await person.post(link, { password: 'a third quiet river' })).status).to.equal(404);
    expect((await person.post('/sign-in', { email: member.email, password: PASSWORD })).status).to.equal(401);
    expect((await person.post('/sign-in', { email: member.email, password: 'another quiet river' })).status).to.equal(303);
  });

  it('slows down guessing: too-many-attempts with Retry-After, for one address and account', async () => {
    const member = await portal.member('Ken');
    const guesser = portal.visitor();
    let last = await guesser.post('/sign-in', { email: member.email, password: 'wrong wrong wrong' });
    for (let i = 0; i < 10; i += 1) last = await guesser.post('/sign-in', { email: member.email, password: 'wrong wrong wrong' });
    expect(last.status).to.equal(429);
    expect(last.text).to.include('Too many attempts');
  });

  it('keeps what was typed and marks the field at fault, never giving a password back (invalid-form)', async () => {
    const answer = await portal.visitor().post('/sign-up', { email: 'not-an-address', password: 'tiny', name: 'Ada', organization: '' });
    expect(answer.status).to.equal(422);
    expect(answer.text).to.include('value="not-an-address"').and.include('aria-invalid="true"').and.not.include('value="tiny"');
  });

  it('refuses fields that the form does not have', async () => {
    const answer = await portal.visitor().post('/sign-up', { email: 'm@example.test', password: PASSWORD, name: 'M', organization: 'M', verifiedAt: '1' });
    expect(answer.status).to.equal(422);
  });

  for (const [why, headers] of [
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling host', { 'sec-fetch-site': 'same-site' }],
    ['a browser that hides where it came from', { 'sec-fetch-site': '', origin: 'null' }],
  ] as const) {
    it(`refuses a form sent from ${why} (untrusted-origin)`, async () => {
      const answer = await portal.visitor().post('/sign-in', { email: 'a@b.test', password: 'x' }, headers);
      expect(answer.status).to.equal(403);
    });
  }

  for (const next of ['//evil.test', '/\\evil.test', 'https:evil.test', '/%09/evil.test', 'javascript:alert(1)', 'http://evil.test/']) {
    it(`goes to no other site after signing in: ${next}`, async () => {
      const member = await portal.member('Barbara');
      const answer = await portal.visitor().post('/sign-in', { email: member.email, password: PASSWORD, next });
      expect(answer.location).to.match(/^\/(?!\/)/);
    });
  }

  it('asks for a sign-in and comes back to the page (sign-in-required)', async () => {
    const answer = await portal.visitor().get('/organization/members');
    expect(answer.location).to.equal('/sign-in?next=%2Forganization%2Fmembers');
    expect((await portal.visitor().get('/organization/members', { accept: 'application/json' })).status).to.equal(401);
  });
});

describe('organizations over HTTP', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal();
  });
  after(() => portal.stop());

  it('invites somebody with a role; he joins and may do what the role says and nothing else (forbidden)', async () => {
    const owner = await portal.member('Owner');
    const guest = await portal.member('Guest');
    expect((await owner.post('/organization/members', { email: guest.email, policies: 'Billing' })).location).to.equal('/organization/members');
    const mail = (await portal.composition.store.mails.sentTo(guest.email, 0, Number.MAX_SAFE_INTEGER)).at(-1);
    const link = new URL(/https?:\/\/\S+/.exec(mail?.text ?? '')?.[0] ?? '').pathname;
    expect((await guest.get(link)).text).to.include('Owner &amp; Co');
    expect((await guest.post(link)).location).to.equal('/dashboard');
    expect((await guest.get('/organization/audit')).status).to.equal(403);
    expect((await guest.post('/organization', { name: 'Mine now' })).status).to.equal(403);
    expect((await owner.get('/organization/members')).text).to.include(guest.email);
  });

  it('never loses its owner, who stays administrator', async () => {
    const owner = await portal.member('Solo');
    expect((await owner.post(`/organization/members/${owner.userId}`, { rev: '1', policies: 'Developer' })).status).to.equal(422);
    expect((await owner.post(`/organization/members/${owner.userId}/removal`)).status).to.equal(303);
    expect((await owner.get('/organization/members')).text).to.include('The owner cannot leave');
    expect((await owner.get('/organization/members')).status).to.equal(200);
  });

  it('shows a stranger’s member as missing (not-found)', async () => {
    const [one, other] = [await portal.member('One'), await portal.member('Other')];
    expect((await one.post(`/organization/members/${other.userId}/removal`)).status).to.equal(404);
    expect((await one.post('/account/organization', { organizationId: other.organizationId })).status).to.equal(404);
  });

  it('records every change with who, what and from where, and no secret', async () => {
    const owner = await portal.member('Audited');
    await owner.post('/organization', { name: 'Renamed Ltd' });
    const audit = await owner.get('/organization/audit');
    expect(audit.text).to.include('market:organization:update').and.include('Renamed Ltd');
    const all = await portal.composition.store.audit.ofOrganization(owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
    expect(JSON.stringify(all)).to.not.include(PASSWORD);
  });
});
