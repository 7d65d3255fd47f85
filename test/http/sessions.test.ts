import { expect } from 'chai';
import type { Visitor } from '../support/browserless.ts';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const SAFARI = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';

function signal() {
  let give = () => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give };
}

describe('sessions of an account', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal({ TRUSTED_HOPS: '1' });
  });
  after(() => portal.stop());

  const isSignedIn = async (person: Visitor) => (await person.get('/account')).status === 200;
  const handles = (text: string) => [...text.matchAll(/action="\/account\/sessions\/([^/"]+)\/revocation"/g)].map((match) => match[1] ?? '');
  const rows = (text: string) => [...text.matchAll(/<tr>\s*<th scope="row">.*?<\/tr>/gs)].map(([row]) => row);
  const revoke = (person: Visitor, handle: string, accept = 'text/html') => person.post(`/account/sessions/${handle}/revocation`, {}, { accept });
  async function elsewhere(email: string, agent = SAFARI, from = '203.0.113.9') {
    const person = portal.visitor();
    await person.post('/sign-in', { email, password: PASSWORD }, { 'user-agent': agent, 'x-forwarded-for': from });
    return person;
  }
  /** Where a verb of the services waits until it is let through, with the request that called it under way. */
  function gate<K extends 'rename' | 'changePassword'>(verb: K) {
    const { accounts } = portal.composition.services;
    const real = accounts[verb];
    const [arrived, open] = [signal(), signal()];
    accounts[verb] = (async (...given: never[]) => {
      const result = await (real as (...all: never[]) => Promise<unknown>)(...given);
      arrived.give();
      await open.given;
      return result;
    }) as (typeof accounts)[K];
    return {
      arrived: arrived.given,
      letThrough() {
        accounts[verb] = real;
        open.give();
      },
    };
  }

  it('are listed with browser, address and times, this one marked, and never with their ids', async () => {
    const member = await portal.member('Lister');
    const other = await elsewhere(member.email);
    await elsewhere(member.email, FIREFOX, '2001:db8:7::1');
    const { text } = await member.get('/account/sessions');
    expect(rows(text)).to.have.length(3);
    expect(rows(text)[0]).to.include('>This browser<').and.include('Unknown browser');
    expect(text.match(/>This browser</g)).to.have.length(1);
    const [phone = ''] = rows(text).filter((row) => row.includes('Safari 18 on iPhone'));
    expect(phone).to.include(`title="${SAFARI}"`).and.include('203.0.113.9');
    expect(phone.match(/<time datetime="[^"]+Z">/g)).to.have.length.of.at.least(2);
    expect(text).to.include('Firefox 140 on Linux').and.include('2001:db8:7::1');
    for (const person of [member, other]) {
      const id =
        decodeURIComponent(person.cookies.get('tollgate') ?? '')
          .slice(2)
          .split('.')[0] ?? '';
      expect(id).to.have.length.greaterThan(20);
      expect(text).to.not.include(id);
      expect(JSON.stringify(await portal.composition.store.sessions.ofUser(member.userId))).to.not.include(id);
    }
    for (const handle of handles(text)) expect(handle).to.match(/^[0-9a-f]{64}$/);
  });

  it('know where a browser was seen last, from the hop that is trusted', async () => {
    const member = await portal.member('Mover');
    const other = await elsewhere(member.email);
    await other.get('/account', { 'x-forwarded-for': '192.0.2.1, 198.51.100.4' });
    const { text } = await member.get('/account/sessions');
    expect(text).to.include('198.51.100.4').and.not.include('203.0.113.9').and.not.include('192.0.2.1');
  });

  it('are ended one by one: refused at the next request, and on the record', async () => {
    const member = await portal.member('Ender');
    const [kept, ended] = [await elsewhere(member.email, FIREFOX), await elsewhere(member.email, SAFARI)];
    const { text } = await member.get('/account/sessions');
    const [row = ''] = rows(text).filter((found) => found.includes('Safari 18'));
    const answer = await revoke(member, handles(row)[0] ?? '');
    expect(answer.location).to.equal('/account/sessions');
    expect(await isSignedIn(ended)).to.equal(false);
    expect((await ended.get('/account', { accept: 'application/json' })).status).to.equal(401);
    expect(await isSignedIn(kept)).to.equal(true);
    const page = (await member.get('/account/sessions')).text;
    expect(page).to.include('That browser is signed out');
    expect(rows(page)).to.have.length(2);
    expect((await revoke(member, handles(row)[0] ?? '')).status, 'again').to.equal(404);
    const log = await portal.composition.store.audit.ofOrganization(member.organizationId, 0, Number.MAX_SAFE_INTEGER);
    const records = log.filter(({ after }) => JSON.stringify(after) === '{"session":"ended"}');
    expect(records).to.have.length(1);
    expect(JSON.stringify(records[0]?.before)).to.include('203.0.113.9').and.include('iPhone');
  });

  it('stay ended while a request of theirs is still running, which must not write them back', async () => {
    const member = await portal.member('Slow');
    const other = await elsewhere(member.email);
    const [handle = ''] = handles((await member.get('/account/sessions')).text);
    const { arrived, letThrough } = gate('rename');
    // It leaves a message for the next page in its session, so it has something to write.
    const running = other.post('/account/profile', { name: 'Written late' });
    await arrived;
    expect((await revoke(member, handle)).location).to.equal('/account/sessions');
    letThrough();
    expect((await running).status).to.equal(303);
    expect(await isSignedIn(other)).to.equal(false);
    expect((await member.get('/account/sessions')).text).to.not.include('Safari 18');
    expect(await portal.composition.store.sessions.session(handle)).to.equal(null);
  });

  it('give a running request no new session in place of the one that was ended', async () => {
    const member = await portal.member('Renewer');
    const other = await elsewhere(member.email);
    const [handle = ''] = handles((await member.get('/account/sessions')).text);
    const { arrived, letThrough } = gate('changePassword');
    const running = other.post('/account/password', { current: PASSWORD, password: 'a louder river at night' });
    await arrived;
    await portal.composition.store.sessions.end(handle, Date.now());
    letThrough();
    expect((await running).status).to.equal(401);
    expect(await isSignedIn(other)).to.equal(false);
  });

  it('stay ended after signing out, too, whatever was running', async () => {
    const member = await portal.member('Leaver');
    const planted = { cookie: `tollgate=${member.cookies.get('tollgate')}` };
    const { arrived, letThrough } = gate('rename');
    const running = portal.visitor().post('/account/profile', { name: 'Written late' }, planted);
    await arrived;
    expect((await member.post('/sign-out')).location).to.equal('/');
    letThrough();
    await running;
    expect((await portal.visitor().get('/account', planted)).status).to.equal(303);
  });

  it('are ended all but this one, which goes on under a new id for the same organization', async () => {
    const member = await portal.member('Solo');
    const others = [await elsewhere(member.email), await elsewhere(member.email, FIREFOX)];
    await member.post('/organizations', { name: 'Second' });
    const before = member.cookies.get('tollgate');
    const openedAt = /Signed in"><time datetime="([^"]+)"/.exec((await member.get('/account/sessions')).text)?.[1];
    expect((await member.post('/account/sessions/revocation')).location).to.equal('/account/sessions');
    for (const other of others) expect(await isSignedIn(other)).to.equal(false);
    const { text } = await member.get('/account/sessions');
    expect(rows(text)).to.have.length(1);
    expect(text).to.include('Every other browser is signed out').and.not.include('revoke-others');
    expect(/Signed in"><time datetime="([^"]+)"/.exec(text)?.[1], 'it is no new sign-in').to.equal(openedAt);
    expect((await member.get('/organization')).text).to.include('Second');
    expect(member.cookies.get('tollgate')).to.not.equal(before);
    expect((await portal.visitor().get('/account', { cookie: `tollgate=${before}` })).status).to.equal(303);
  });

  it('are ended by one of several browsers that end all others at once (conflict)', async () => {
    const member = await portal.member('Twin');
    const browsers = [member, ...(await Promise.all(Array.from({ length: 3 }, () => elsewhere(member.email))))];
    const answers = await Promise.all(browsers.map((browser) => browser.post('/account/sessions/revocation')));
    expect(answers.filter(({ location }) => location === '/account/sessions')).to.have.length(1);
    for (const { status } of answers) expect(status).to.be.oneOf([303, 401, 409]);
    const left = await Promise.all(browsers.map(isSignedIn));
    expect(left.filter(Boolean)).to.have.length(1);
  });

  it('of another user are nobody’s business: the handle opens nothing (not-found)', async () => {
    const [member, stranger] = [await portal.member('Owner'), await portal.member('Stranger')];
    await elsewhere(member.email);
    const [handle = ''] = handles((await member.get('/account/sessions')).text);
    const json = 'application/json';
    const [foreign, none] = [await revoke(stranger, handle, json), await revoke(stranger, 'f'.repeat(64), json)];
    const hidden = (text: string) => text.replace(/req_\w+/g, '');
    expect([foreign.status, hidden(foreign.text)]).to.deep.equal([none.status, hidden(none.text)]);
    expect(foreign.status).to.equal(404);
    expect(handles((await member.get('/account/sessions')).text)).to.deep.equal([handle]);
    // What a form names is the handle; the id of the cookie, or anything else, names nothing.
    for (const odd of ['%00', '..%2f..', encodeURIComponent('{"$ne":""}'), member.cookies.get('tollgate') ?? '']) {
      expect((await revoke(member, odd)).status, odd).to.be.oneOf([400, 404]);
    }
    expect((await portal.visitor().get('/account', { cookie: `tollgate=${handle}` })).status).to.equal(303);
    expect((await portal.visitor().get('/account', { cookie: `tollgate=s%3A${handle}.forged` })).status).to.equal(303);
  });

  it('open nothing for somebody who was removed, from the next request on', async () => {
    const [owner, guest] = [await portal.member('Remover'), await portal.member('Removed')];
    const { store } = portal.composition;
    await store.accounts.addMembership({ organizationId: owner.organizationId, userId: guest.userId, policies: ['Administrator'], groups: [], createdAt: 1 });
    await guest.post('/account/organization', { organizationId: owner.organizationId });
    expect((await guest.get('/organization/members')).text).to.include(owner.email);
    await owner.post(`/organization/members/${guest.userId}/removal`);
    expect((await guest.get('/organization/members')).text).to.not.include(owner.email);
    expect(await isSignedIn(guest), 'the account is the person’s own').to.equal(true);
  });
});
