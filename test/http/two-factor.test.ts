import { expect } from 'chai';
import { authenticator, turnOn } from '../support/authenticator.ts';
import type { Visitor } from '../support/browserless.ts';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

describe('the second factor over HTTP', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal();
  });
  after(() => portal.stop());

  const isSignedIn = async (person: Visitor) => (await person.get('/account')).status === 200;
  async function halfway(email: string) {
    const person = portal.visitor();
    expect((await person.post('/sign-in', { email, password: PASSWORD, next: '/apps' })).location).to.equal('/sign-in/code');
    return person;
  }

  it('is on after a first code, shows ten recovery codes once, and signs out every other browser', async () => {
    const member = await portal.member('Ada');
    const elsewhere = portal.visitor();
    await elsewhere.post('/sign-in', { email: member.email, password: PASSWORD });
    expect((await member.post('/account/two-factor', { password: 'wrong wrong wrong' })).text).to.include('This is not your present password.');
    expect((await member.post('/account/two-factor', { password: PASSWORD })).location).to.equal('/account/two-factor');
    const page = await member.get('/account/two-factor');
    expect(page.text).to.include('otpauth://totp/Tollgate:');
    expect(page.text).to.match(/<svg class="qr"[^>]*role="img" aria-label="QR picture of the key ([A-Z2-7]{4} ){7}[A-Z2-7]{4}"/);
    const app = authenticator(page.text);
    expect((await member.post('/account/two-factor/confirmation', { code: app(-5) })).status).to.equal(422);
    expect(await isSignedIn(elsewhere), 'before the first code').to.equal(true);
    const on = await member.post('/account/two-factor/confirmation', { code: app() });
    expect(on.text.match(/<code>[a-z2-7]{4}(-[a-z2-7]{4}){3}<\/code>/g)).to.have.length(10);
    expect(await isSignedIn(member)).to.equal(true);
    expect(await isSignedIn(elsewhere), 'after it').to.equal(false);
    const settings = (await member.get('/account/two-factor')).text;
    expect(settings).to.include('Unused recovery codes: 10').and.not.include('otpauth:');
  });

  it('asks for a code after the password, and before it opens nothing', async () => {
    const member = await portal.member('Bob');
    const { app } = await turnOn(member);
    const person = await halfway(member.email);
    const before = person.cookies.get('tollgate');
    expect(await isSignedIn(person)).to.equal(false);
    const wrong = await person.post('/sign-in/code', { code: '000 00x' });
    expect(wrong.status).to.equal(422);
    expect(wrong.text).to.include('This is not the present code').and.include('aria-invalid="true"');
    expect((await person.post('/sign-in/code', { code: app() })).location).to.equal('/apps');
    expect(await isSignedIn(person)).to.equal(true);
    expect(person.cookies.get('tollgate')).to.not.equal(before);
  });

  it('takes a code once, also of many who send it at once', async () => {
    const member = await portal.member('Cid');
    const { app } = await turnOn(member);
    const code = app();
    const people = await Promise.all(Array.from({ length: 5 }, () => halfway(member.email)));
    const answers = await Promise.all(people.map((person) => person.post('/sign-in/code', { code })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 422, 422, 422, 422]);
    expect((await (await halfway(member.email)).post('/sign-in/code', { code })).status).to.equal(422);
  });

  it('takes each recovery code once, however it is typed, and none of another account', async () => {
    const [member, other] = [await portal.member('Dan'), await portal.member('Eve')];
    const { codes } = await turnOn(member);
    const foreign = (await turnOn(other)).codes[0] ?? '';
    const [first = '', second = ''] = codes;
    expect((await (await halfway(member.email)).post('/sign-in/code', { code: foreign })).status).to.equal(422);
    expect((await (await halfway(member.email)).post('/sign-in/code', { code: first.toUpperCase().replaceAll('-', ' ') })).status).to.equal(303);
    expect((await (await halfway(member.email)).post('/sign-in/code', { code: first })).status).to.equal(422);
    const people = await Promise.all(Array.from({ length: 4 }, () => halfway(member.email)));
    const answers = await Promise.all(people.map((person) => person.post('/sign-in/code', { code: second })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 422, 422, 422]);
    expect((await member.get('/account/two-factor')).text).to.include('Unused recovery codes: 8');
  });

  it('bounds the guesses of a code by account, from however many browsers (too-many-attempts)', async () => {
    const member = await portal.member('Fay');
    const { app } = await turnOn(member);
    const statuses = [];
    for (let i = 0; i < 10; i += 1) statuses.push((await (await halfway(member.email)).post('/sign-in/code', { code: `wrong ${i}` })).status);
    expect(statuses).to.deep.equal(Array<number>(10).fill(422));
    const right = await (await halfway(member.email)).post('/sign-in/code', { code: app() });
    expect(right.status).to.equal(429);
    expect(right.text).to.include('Too many attempts');
  });

  it('is turned off, and its recovery codes are renewed, with password and code together', async () => {
    const member = await portal.member('Gus');
    const { app, codes } = await turnOn(member);
    const [first = '', second = '', third = ''] = codes;
    const renewal = '/account/two-factor/recovery-codes';
    expect((await member.post(renewal, { password: 'wrong wrong wrong', code: first })).text).to.include('This is not your present password.');
    expect((await member.post('/account/two-factor/off', { password: PASSWORD, code: '123' })).status).to.equal(422);
    const renewed = await member.post(renewal, { password: PASSWORD, code: first });
    expect(renewed.text).to.include('have stopped working').and.not.include(third);
    expect((await member.post('/account/two-factor/off', { password: PASSWORD, code: second })).status, 'a code of before').to.equal(422);
    expect((await member.post('/account/two-factor', { password: PASSWORD })).status, 'a second key').to.equal(409);
    expect((await member.post('/account/two-factor/off', { password: PASSWORD, code: app() })).location).to.equal('/account/two-factor');
    expect(await isSignedIn(member)).to.equal(true);
    expect((await portal.visitor().post('/sign-in', { email: member.email, password: PASSWORD })).location).to.equal('/dashboard');
    const log = await portal.composition.store.audit.ofOrganization(member.organizationId, 0, Number.MAX_SAFE_INTEGER);
    expect(
      log
        .filter(({ action }) => action === 'market:account:update')
        .map(({ after }) => JSON.stringify(after))
        .sort(),
    ).to.deep.equal(['{"recoveryCodes":"new"}', '{"secondFactor":"begun"}', '{"secondFactor":"off"}', '{"secondFactor":"on"}']);
  });

  it('keeps the secret sealed and the recovery codes hashed', async () => {
    const member = await portal.member('Hal');
    await member.post('/account/two-factor', { password: PASSWORD });
    const key = /data-name="secret">.*?<code>([^<]*)<\/code>/s.exec((await member.get('/account/two-factor')).text)?.[1]?.replaceAll(' ', '') ?? '';
    const { codes } = await turnOn(member);
    const stored = JSON.stringify(await portal.composition.store.accounts.user(member.userId));
    expect(key).to.match(/^[A-Z2-7]{32}$/);
    expect(stored).to.include('"cipher":"t1.').and.not.include(key);
    for (const code of codes) expect(stored).to.not.include(code).and.not.include(code.replaceAll('-', '').toUpperCase());
  });
});
