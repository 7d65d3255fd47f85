import { expect } from 'chai';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

describe('security of sessions', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal({ TRUSTED_HOPS: '1' });
  });
  after(() => portal.stop());

  const links = async (to: string): Promise<string[]> =>
    (await portal.composition.store.mails.sentTo(to, 0, Number.MAX_SAFE_INTEGER)).flatMap(({ text }) => {
      const link = /https?:\/\/\S+/.exec(text)?.[0];
      return link === undefined ? [] : [link];
    });
  const cookie = (person: { cookies: ReadonlyMap<string, string> }) => ({ cookie: `tollgate=${person.cookies.get('tollgate')}` });
  const isSignedIn = async (headers: Record<string, string>) => (await portal.visitor().get('/account', headers)).status === 200;

  it('gives a visitor no session, and takes none that a stranger planted', async () => {
    const member = await portal.member('Fixed');
    const person = portal.visitor();
    expect((await person.get('/sign-in')).headers.getSetCookie()).to.deep.equal([]);
    const planted = cookie(member);
    const before = member.cookies.get('tollgate');
    const answer = await person.post('/sign-in', { email: member.email, password: PASSWORD }, planted);
    expect(answer.status).to.equal(303);
    expect(person.cookies.get('tollgate')).to.be.a('string').and.not.equal(before);
    expect(await isSignedIn(planted), 'the planted session').to.equal(false);
    expect(await isSignedIn(cookie(person))).to.equal(true);
  });

  it('keeps the cookie from scripts and other sites, and on https to this host alone', async () => {
    const sent = await portal.visitor().post('/sign-in', { email: (await portal.member('Plain')).email, password: PASSWORD });
    expect(sent.headers.getSetCookie().join()).to.match(/^tollgate=.*; Path=\/;.*; HttpOnly; SameSite=Lax$/);
    const secure = await startPortal({ WEB_URL: 'https://portal.example.test', TRUSTED_HOPS: '1' });
    try {
      const email = 'secure@example.test';
      await secure.composition.services.accounts.register({ email, password: PASSWORD, name: 'S', organization: 'S' });
      const person = secure.visitor();
      const answer = await person.post('/sign-in', { email, password: PASSWORD }, { 'x-forwarded-proto': 'https' });
      expect(answer.headers.getSetCookie().join()).to.match(/^__Host-tollgate=.*; Path=\/;.*; HttpOnly; Secure; SameSite=Lax$/);
      expect(answer.headers.get('strict-transport-security')).to.equal('max-age=31536000');
    } finally {
      await secure.stop();
    }
  });

  it('ends every session of the user when the password is reset, and every other one when it is changed', async () => {
    const member = await portal.member('Two');
    const elsewhere = portal.visitor();
    await elsewhere.post('/sign-in', { email: member.email, password: PASSWORD });
    const old = cookie(member);
    const next = 'a louder river at night';
    expect((await member.post('/account/password', { current: PASSWORD, password: next })).location).to.equal('/account');
    expect(await isSignedIn(cookie(elsewhere)), 'another browser').to.equal(false);
    expect(await isSignedIn(cookie(member)), 'the browser that changed it').to.equal(true);
    expect(await isSignedIn(old), 'its session of before').to.equal(false);
    await portal.visitor().post('/password-reset', { email: member.email });
    const [link = ''] = (await links(member.email)).slice(-1);
    expect((await portal.visitor().post(new URL(link).pathname, { password: PASSWORD })).location).to.equal('/sign-in');
    expect(await isSignedIn(cookie(member)), 'after the reset').to.equal(false);
  });

  it('lets one link of several change the password; those sent before are dead with it', async () => {
    const member = await portal.member('Linked');
    for (let i = 0; i < 3; i += 1) await portal.visitor().post('/password-reset', { email: member.email });
    const paths = (await links(member.email)).map((link) => new URL(link).pathname);
    expect(paths).to.have.length(3);
    expect((await portal.visitor().post(paths[1] ?? '', { password: 'one quiet river' })).status).to.equal(303);
    for (const path of paths) {
      expect((await portal.visitor().get(path)).status, path).to.equal(404);
      expect((await portal.visitor().post(path, { password: 'stolen by a mailbox' })).status, path).to.equal(404);
    }
  });

  it('resets by one of many who hold the link at once', async () => {
    const member = await portal.member('Raced');
    await portal.visitor().post('/password-reset', { email: member.email });
    const [link = ''] = await links(member.email);
    const answers = await Promise.all(Array.from({ length: 5 }, (_, n) => portal.visitor().post(new URL(link).pathname, { password: `quiet river ${n}` })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 404, 404, 404, 404]);
  });

  it('lets an invitation be accepted by one person, however many hold the link at once', async () => {
    const owner = await portal.member('Host');
    const guests = await Promise.all(['Ada', 'Bob', 'Cid', 'Dan'].map((name) => portal.member(name)));
    await owner.post('/organization/members', { email: 'somebody@example.test', policies: 'Administrator' });
    const [link = ''] = await links('somebody@example.test');
    const answers = await Promise.all(guests.map((guest) => guest.post(new URL(link).pathname)));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 404, 404, 404]);
    expect(await portal.composition.store.accounts.membershipsOfOrganization(owner.organizationId)).to.have.length(2);
  });

  it('writes links to the configured address, whatever Host and proxies say', async () => {
    const member = await portal.member('Hosted');
    const { port } = new URL(portal.origin);
    const { request } = await import('node:http');
    const status = await new Promise<number>((resolve, reject) => {
      const body = new URLSearchParams({ email: member.email }).toString();
      const headers = {
        host: 'evil.test',
        'x-forwarded-host': 'evil.test',
        forwarded: 'host=evil.test',
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': Buffer.byteLength(body),
      };
      const call = request({ port, path: '/password-reset', method: 'POST', headers }, (answer) => resolve(answer.resume().statusCode ?? 0));
      call.on('error', reject).end(body);
    });
    expect(status).to.equal(200);
    const [link = ''] = await links(member.email);
    expect(new URL(link).origin).to.equal(new URL(portal.composition.config.webUrl).origin);
  });

  it('mails an address without an account too, so that neither answer nor its time tells which has one', async () => {
    await portal.visitor().post('/password-reset', { email: 'nobody@example.test' });
    const [mail] = await portal.composition.store.mails.sentTo('nobody@example.test', 0, Number.MAX_SAFE_INTEGER);
    expect(mail?.text).to.include('no account').and.not.include('/password-reset/');
  });

  it('slows down guessing the present password from a session', async () => {
    const member = await portal.member('Guessed');
    const statuses = [];
    for (let i = 0; i < 11; i += 1) statuses.push((await member.post('/account/password', { current: `wrong ${i}`, password: 'whatever it is' })).status);
    expect(statuses).to.deep.equal([...Array<number>(10).fill(422), 429]);
  });

  it('counts guesses of one IPv6 network together, and of another client apart', async () => {
    const member = await portal.member('Ken');
    const guess = (from: string, password = 'wrong wrong wrong') =>
      portal.visitor().post('/sign-in', { email: member.email, password }, { 'x-forwarded-for': from });
    for (let i = 0; i < 10; i += 1) await guess(`2001:db8:7:1::${i.toString(16)}`);
    expect((await guess('2001:db8:7:1:ffff::9')).status).to.equal(429);
    expect((await guess('2001:db8:7:2::1', PASSWORD)).status, 'the owner from elsewhere').to.equal(303);
  });

  it('believes only the hop it was told to trust', async () => {
    const member = await portal.member('Hop');
    const guess = (forged: string) =>
      portal.visitor().post('/sign-in', { email: member.email, password: 'wrong wrong wrong' }, { 'x-forwarded-for': `${forged}, 198.51.100.77` });
    for (let i = 0; i < 10; i += 1) await guess(`203.0.113.${i}`);
    expect((await guess('203.0.113.200')).status).to.equal(429);
  });
});
