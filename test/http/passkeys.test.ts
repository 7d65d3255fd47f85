import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { turnOn } from '../support/authenticator.ts';
import type { Visitor } from '../support/browserless.ts';
import { addPasskey, beginAdding, challengeFor, signInWith, SoftPasskey, type Bending } from '../support/passkey.ts';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

describe('passkeys over HTTP', () => {
  let portal: Portal;
  before(async () => {
    portal = await startPortal();
  });
  after(() => portal.stop());

  const REFUSED = '/sign-in?next=%2Fapps';
  const isSignedIn = async (person: Visitor) => (await person.get('/account')).status === 200;
  const stored = (userId: string) => portal.composition.store.passkeys.ofUser(userId);
  const mailsTo = async (email: string) =>
    (await portal.composition.store.mails.sentTo(email, 0, Number.MAX_SAFE_INTEGER))
      .map(({ subject }) => subject)
      .filter((subject) => subject.includes('passkey'));
  const changes = async (organizationId: string) =>
    (await portal.composition.store.audit.ofOrganization(organizationId, 0, Number.MAX_SAFE_INTEGER)).filter(({ action }) => action !== 'accounts:sign-up');

  it('are added with the password, sign in without it or an address, are renamed and removed', async () => {
    const member = await portal.member('Ada');
    expect((await member.post('/account/passkeys/challenge', { name: 'Laptop', password: 'wrong wrong wrong' })).text).to.include(
      'This is not your present password.',
    );
    const passkey = await addPasskey(member, 'Laptop', new SoftPasskey({ synced: true }));
    expect((await member.get('/account/passkeys')).text)
      .to.include('Laptop')
      .and.include('synced between devices')
      .and.include('>never<');
    expect((await member.get('/account')).text).to.include('1 passkey can sign you in');

    const person = portal.visitor();
    expect(await signInWith(person, passkey)).to.equal('/apps');
    expect(await isSignedIn(person)).to.equal(true);
    const page = (await person.get('/account/passkeys')).text;
    expect(page).to.include('Signed you in here').and.not.include('>never<');

    const [doc] = await stored(member.userId);
    expect((await member.post(`/account/passkeys/${doc?._id}/name`, { name: 'Old laptop' })).location).to.equal('/account/passkeys');
    expect((await member.post(`/account/passkeys/${doc?._id}/removal`, { password: 'wrong wrong wrong' })).status).to.equal(422);
    expect((await member.post(`/account/passkeys/${doc?._id}/removal`, { password: PASSWORD })).location).to.equal('/account/passkeys');
    expect((await member.get('/account/passkeys')).text).to.include('“Old laptop” is removed');
    expect(await stored(member.userId)).to.deep.equal([]);
    expect(await signInWith(portal.visitor(), passkey)).to.equal(REFUSED);
    expect(await mailsTo(member.email)).to.deep.equal(['A passkey was added', 'A passkey was removed']);
    expect((await changes(member.organizationId)).map(({ before, after }) => [before, after])).to.deep.include.members([
      [null, { passkey: 'Laptop' }],
      [{ passkey: 'Laptop' }, { passkey: 'Old laptop' }],
      [{ passkey: 'Old laptop' }, null],
    ]);
  });

  it('end, when removed, the sessions they opened and no other; a new password ends them all', async () => {
    const member = await portal.member('Bob');
    const passkey = await addPasskey(member, 'Phone');
    const other = await addPasskey(member, 'Key');
    const [byPasskey, byOther] = [portal.visitor(), portal.visitor()];
    await signInWith(byPasskey, passkey);
    await signInWith(byOther, other);
    const [doc] = await stored(member.userId);
    // Also the session that removes it goes on, with the password it has just shown.
    expect((await byPasskey.post(`/account/passkeys/${doc?._id}/removal`, { password: PASSWORD })).location).to.equal('/account/passkeys');
    expect(await isSignedIn(byPasskey)).to.equal(true);
    expect(await isSignedIn(byOther)).to.equal(true);
    const third = portal.visitor();
    await signInWith(third, other);
    const [left] = await stored(member.userId);
    await member.post(`/account/passkeys/${left?._id}/removal`, { password: PASSWORD });
    expect([await isSignedIn(byOther), await isSignedIn(third), await isSignedIn(member)]).to.deep.equal([false, false, true]);
    const again = await addPasskey(member, 'Again');
    const fourth = portal.visitor();
    await signInWith(fourth, again);
    await member.post('/account/password', { current: PASSWORD, password: `${PASSWORD}!` });
    expect(await isSignedIn(fourth)).to.equal(false);
  });

  it('take the place of the code after the password, of the same account alone', async () => {
    const [member, other] = [await portal.member('Cid'), await portal.member('Dan')];
    const foreign = await addPasskey(other, 'Foreign');
    const passkey = await addPasskey(member, 'Phone');
    await turnOn(member);
    const halfway = portal.visitor();
    expect((await halfway.post('/sign-in', { email: member.email, password: PASSWORD, next: '/apps' })).location).to.equal('/sign-in/code');
    expect((await halfway.get('/sign-in/code')).text).to.include('Sign in with a passkey');
    expect(await signInWith(halfway, foreign, '/usage')).to.equal('/sign-in/code');
    expect((await halfway.get('/sign-in/code')).text).to.include('belongs to another account');
    expect(await isSignedIn(halfway)).to.equal(false);
    expect(await signInWith(halfway, passkey, '/usage')).to.equal('/apps');
    // Held and unlocked, a passkey counts as two factors: it needs no code when it comes first either.
    const alone = portal.visitor();
    expect(await signInWith(alone, passkey)).to.equal('/apps');
    expect(await isSignedIn(alone)).to.equal(true);
  });

  it('are not added with the password alone where a code is asked for: they count as two factors', async () => {
    const member = await portal.member('Eve');
    const { app } = await turnOn(member);
    const without = await member.post('/account/passkeys/challenge', { name: 'Phone', password: PASSWORD });
    expect(without.status).to.equal(422);
    expect(without.text).to.include('name="code"').and.not.include('data-options');
    const passkey = new SoftPasskey();
    await member.post('/account/passkeys', { response: passkey.create(await beginAdding(member, 'Phone', { code: app() })) });
    expect(await signInWith(portal.visitor(), passkey)).to.equal('/apps');
  });

  describe('are not believed when', () => {
    let passkey: SoftPasskey;
    let member: Visitor & { readonly userId: string };
    before(async () => {
      member = await portal.member('Fay');
      passkey = await addPasskey(member, 'Phone');
    });

    const bent: Record<string, Bending> = {
      'made for another site': { origin: 'https://tollgate.example' },
      'made for another port of this host': { origin: 'http://localhost:3001' },
      'made for another relying party': { rpId: 'example.com' },
      'they sign another challenge': { challenge: Buffer.alloc(32, 1).toString('base64url') },
      'they are an answer to something else': { type: 'webauthn.create' },
      'nobody unlocked the device': { verified: false },
      'another key signed': { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
      'they name another user': { userHandle: Buffer.from('usr_00000000000000000000000000').toString('base64url') },
    };
    for (const [what, how] of Object.entries(bent)) {
      it(`their answer is bent: ${what}`, async () => {
        const person = portal.visitor();
        expect(await signInWith(person, passkey, '/apps', how)).to.equal(REFUSED);
        expect((await person.get('/sign-in')).text).to.include('could not be verified');
        expect(await isSignedIn(person)).to.equal(false);
      });
    }

    it('their challenge is used again, also by many at once, or belongs to another browser', async () => {
      const person = portal.visitor();
      const options = await challengeFor(person);
      const response = passkey.get(options);
      const stranger = portal.visitor();
      await challengeFor(stranger);
      expect((await stranger.post('/sign-in/passkey', { response, next: '/apps' })).location).to.equal(REFUSED);
      expect((await portal.visitor().post('/sign-in/passkey', { response, next: '/apps' })).location, 'no challenge at all').to.equal(REFUSED);
      const cookies = { cookie: [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
      const many = await Promise.all(Array.from({ length: 5 }, () => portal.visitor().post('/sign-in/passkey', { response, next: '/apps' }, cookies)));
      expect(many.map(({ location }) => location).filter((location) => location === '/apps')).to.have.length(1);
      expect((await person.post('/sign-in/passkey', { response, next: '/apps' })).location).to.equal(REFUSED);
    });

    it('their challenge was asked for to add one, or is too old', async () => {
      const options = await beginAdding(member, 'Another');
      expect((await member.post('/sign-in/passkey', { response: passkey.get(options), next: '/apps' })).location).to.equal(REFUSED);
      const { passkeys } = portal.composition.services;
      const { challenge } = await passkeys.beginSignIn();
      const actor = { kind: 'user', userId: '', organizationId: '', policies: [], address: '', requestId: 'req_test' } as const;
      const late = { ...challenge, until: portal.composition.clock.real() - 1 };
      const refusal = await passkeys.signIn(actor, late, JSON.parse(passkey.get({ challenge: challenge.value }))).catch((error: unknown) => error);
      expect(refusal).to.have.property('code', 'sign-in-failed');
    });

    it('what is sent is no answer of a device', async () => {
      for (const response of [
        '',
        'null',
        '{',
        '[]',
        '{"id":{"$ne":""}}',
        passkey.get({ challenge: 'x' }).replace('"public-key"', '"password"'),
        'x'.repeat(40_000),
      ]) {
        const person = portal.visitor();
        await challengeFor(person);
        expect((await person.post('/sign-in/passkey', { response, next: '/apps' })).location, response.slice(0, 40)).to.equal(REFUSED);
      }
      expect((await portal.visitor().post('/sign-in/passkey', { response: '{}', next: '//evil.example' })).location).to.equal('/sign-in?next=%2Fdashboard');
    });
  });

  it('that do not count on from their last use are refused, recorded and told to their owner', async () => {
    const member = await portal.member('Gus');
    const passkey = await addPasskey(member, 'Key', Object.assign(new SoftPasskey(), { counter: 7 }));
    passkey.counter = 9;
    expect(await signInWith(portal.visitor(), passkey)).to.equal('/apps');
    for (const counter of [9, 8, 0]) expect(await signInWith(portal.visitor(), passkey, '/apps', { counter })).to.equal(REFUSED);
    // Who has not the key cannot make such an alarm.
    const { privateKey } = new SoftPasskey();
    expect(await signInWith(portal.visitor(), passkey, '/apps', { counter: 8, key: privateKey })).to.equal(REFUSED);
    const alarms = (await changes(member.organizationId)).filter(({ action }) => action === 'accounts:refuse-passkey');
    expect(alarms.map(({ before, after }) => [before, after])).to.deep.equal([9, 8, 0].map((counter) => [{ passkey: 'Key', counter: 9 }, { counter }]));
    expect(await mailsTo(member.email)).to.deep.equal(['A passkey was added', ...Array<string>(3).fill('A passkey was refused')]);
    const people = await Promise.all(Array.from({ length: 4 }, async () => signInWith(portal.visitor(), passkey, '/apps', { counter: 10 })));
    expect(
      people.filter((location) => location === '/apps'),
      'one of several with the same count',
    ).to.have.length(1);
    // Who belongs to several organizations has one home, the oldest membership, for this as for everything else of the account.
    const home = await portal.member('Home');
    await portal.composition.store.accounts.addMembership({
      organizationId: home.organizationId,
      userId: member.userId,
      policies: [],
      groups: [],
      createdAt: 1,
    });
    expect(await signInWith(portal.visitor(), passkey, '/apps', { counter: 3 })).to.equal(REFUSED);
    const told = (await changes(home.organizationId)).filter(({ action }) => action === 'accounts:refuse-passkey');
    expect(told.map(({ after }) => after)).to.deep.equal([{ counter: 3 }]);
  });

  it('are added to one account only, for this site, unlocked, and without certificates to follow', async () => {
    const [member, other] = [await portal.member('Hal'), await portal.member('Ida')];
    const passkey = await addPasskey(member, 'Phone');
    expect((await beginAdding(member, 'Phone again')).excludeCredentials.map(({ id }) => id)).to.deep.equal([passkey.id.toString('base64url')]);
    await other.post('/account/passkeys', { response: passkey.create(await beginAdding(other, 'Mine')) });
    expect((await other.get('/account/passkeys')).text).to.include('registered already');
    const fresh = new SoftPasskey();
    const wrong: Bending[] = [
      { origin: 'https://tollgate.example' },
      { rpId: 'example.com' },
      { challenge: Buffer.alloc(32, 1).toString('base64url') },
      { type: 'webauthn.get' },
      { verified: false },
      { format: 'packed' },
      { format: 'android-safetynet' },
    ];
    for (const how of wrong) {
      await other.post('/account/passkeys', { response: fresh.create(await beginAdding(other, 'Mine'), how) });
      expect((await other.get('/account/passkeys')).text, JSON.stringify(how)).to.include('could not be verified');
    }
    const options = await beginAdding(other, 'Mine');
    await other.post('/account/passkeys', { response: fresh.create(options) });
    await other.post('/account/passkeys', { response: new SoftPasskey().create(options) });
    expect((await stored(other.userId)).map(({ name }) => name)).to.deep.equal(['Mine']);
    expect((await stored(member.userId)).map(({ name }) => name)).to.deep.equal(['Phone']);
    // One account's passkey is another's missing one.
    const [doc] = await stored(member.userId);
    expect((await other.post(`/account/passkeys/${doc?._id}/name`, { name: 'Taken' })).status).to.equal(404);
    expect((await other.post(`/account/passkeys/${doc?._id}/removal`, { password: PASSWORD })).status).to.equal(404);
  });
});
