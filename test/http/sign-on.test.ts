import { expect } from 'chai';
import { turnOn } from '../support/authenticator.ts';
import type { Visitor } from '../support/browserless.ts';
import { addPasskey, signInWith } from '../support/passkey.ts';
import { CLIENT } from '../support/issuer.ts';
import { PASSWORD } from '../support/portal.ts';
import { revOf, startSignOnWorld, type SignOnWorld } from '../support/sign-on.ts';

const HOME = '/organization/single-sign-on';

describe('single sign-on over HTTP', () => {
  let world: SignOnWorld;
  before(async () => {
    world = await startSignOnWorld();
  });
  after(() => world.stop());

  const store = () => world.portal.composition.store;
  const isSignedIn = async (person: Visitor) => (await person.get('/account')).status === 200;
  const known = (sub: string, email: string, more = {}) => ({ sub, email, email_verified: true, name: `Person ${sub}`, ...more });
  const audited = async (organizationId: string) =>
    (await store().audit.ofOrganization(organizationId, 0, Number.MAX_SAFE_INTEGER)).map(({ action, after }) => [action, after] as const);

  it('is set up by an administrator: issuer, a secret that is never shown again, a domain that an operator confirms, a test that shows each step', async () => {
    const owner = await world.portal.member('Setup');
    expect((await owner.get(HOME)).text).to.include('http://localhost:3000/sign-in/sso/callback');
    const entries = { issuer: world.issuer.issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret };
    for (const issuer of [
      'nonsense',
      'https://10.1.2.3',
      'http://login.example.com',
      'https://localhost',
      'https://login.example.com/?x=1',
      'https://a:b@login.example.com',
    ])
      expect((await owner.post(HOME, { ...entries, issuer, rev: '0' })).status, issuer).to.equal(422);
    expect((await owner.post(HOME, { ...entries, clientSecret: '', rev: '0' })).text).to.include('This is needed.');
    expect((await owner.post(HOME, { ...entries, rev: '0' })).location).to.equal(HOME);
    expect((await owner.post(HOME, { ...entries, rev: '0' })).status, 'made from an older page').to.equal(409);
    const stored = await store().signOn.connection(owner.organizationId);
    expect(stored?.cipher).to.match(/^t1\./).and.not.include(CLIENT.secret);
    expect((await owner.get(HOME)).text).to.not.include(CLIENT.secret);
    expect((await owner.post(HOME, { ...entries, issuer: 'https://login.example.com', clientSecret: '', rev: '1' })).text).to.include('a secret of its own');

    const test = (await owner.post(`${HOME}/test`)).text;
    for (const step of ['Address', 'Discovery', 'Issuer', 'Ways of signing in', 'Endpoints', 'Keys'])
      expect(test).to.match(new RegExp(`Right</span><strong>${step}`));
    world.issuer.away();
    const broken = (await owner.post(`${HOME}/test`)).text;
    world.issuer.back();
    expect(broken)
      .to.match(/Failed<\/span><strong>Discovery/)
      .and.include('answers with status 503')
      .and.match(/Not tried<\/span><strong>Keys/);

    for (const domain of ['nonsense', 'a b.example', '192.0.2.1', 'x@y@z'])
      expect((await owner.post(`${HOME}/domains`, { domain })).status, domain).to.equal(422);
    await owner.post(`${HOME}/domains`, { domain: 'Setup.Example' });
    expect((await world.depart(world.portal.visitor(), 'ann@setup.example')).answer.text, 'before it is confirmed').to.include('No organization signs in');
    expect((await world.setRules(owner, { required: 'true' })).text).to.include('None of your domains is confirmed');
    const rival = await world.portal.member('Rival');
    await rival.post(`${HOME}/domains`, { domain: 'setup.example' });
    expect((await world.operator.get('/admin/domains')).text)
      .to.include('setup.example')
      .and.include(`tollgate=${owner.organizationId}`);
    const confirm = (id: string) => world.operator.post(`/admin/domains/${id}.setup.example/confirmation`, { evidence: 'TXT record seen' });
    expect((await world.operator.post(`/admin/domains/${owner.organizationId}.setup.example/confirmation`, { evidence: '' })).status).to.equal(422);
    expect((await confirm(owner.organizationId)).location).to.equal('/admin/domains');
    expect((await confirm(rival.organizationId)).status, 'one domain, one organization').to.equal(409);
    expect((await world.depart(world.portal.visitor(), 'ann@setup.example')).address).to.include(world.issuer.issuer);
    expect(await audited(owner.organizationId)).to.deep.include.members([
      ['market:signOn:update', { domain: 'setup.example' }],
      ['platform:domains:decide', { domain: 'setup.example', confirmed: true, evidence: 'TXT record seen' }],
    ]);
    await world.operator.post(`/admin/domains/${owner.organizationId}.setup.example/withdrawal`);
    expect((await world.depart(world.portal.visitor(), 'ann@setup.example')).address).to.equal('');
    expect((await confirm(rival.organizationId)).location).to.equal('/admin/domains');
    expect((await owner.post(`${HOME}/domains/setup.example/removal`)).location).to.equal(HOME);
    expect((await owner.post(`${HOME}/removal`)).location).to.equal(HOME);
    expect(await store().signOn.connection(owner.organizationId)).to.equal(null);
  });

  it('lets new people in with what the organization says, and knows them again by issuer and subject', async () => {
    const owner = await world.organization('Open', { admits: 'true', policies: ['Billing'] });
    const person = world.portal.visitor();
    const ann = known('ann', `ann@${owner.domain}`, { name: 'Ann\u202Eevil' });
    const { address } = await world.depart(person, ann.email);
    const asked = new URL(address).searchParams;
    expect([asked.get('response_type'), asked.get('code_challenge_method'), asked.get('redirect_uri')]).to.deep.equal([
      'code',
      'S256',
      'http://localhost:3000/sign-in/sso/callback',
    ]);
    for (const name of ['state', 'nonce', 'code_challenge']) expect(asked.get(name)?.length, name).to.be.greaterThan(20);
    const before = person.cookies.get('tollgate');
    expect((await person.get(await world.issuer.walk(address, ann))).location).to.equal('/apps');
    expect(person.cookies.get('tollgate'), 'a session of its own').to.not.equal(before);
    const user = await store().accounts.userByEmail(ann.email);
    expect(user).to.include({ name: 'Annevil', passwordHash: '' }).and.have.property('verifiedAt').that.is.a('number');
    expect(await store().accounts.membership(owner.organizationId, user?._id ?? '')).to.deep.include({ policies: ['Billing'], groups: [] });
    expect((await person.get('/invoices')).status).to.equal(200);
    expect((await person.get('/apps/new')).status).to.equal(403);
    // The same subject with another address is the same person; the account keeps its own.
    const again = world.portal.visitor();
    expect((await world.signIn(again, known('ann', `anna@${owner.domain}`))).location).to.equal('/apps');
    expect((await again.get('/account')).text).to.include(ann.email);
    // Without a password there is none to guess, and none to show.
    expect((await world.portal.visitor().post('/sign-in', { email: ann.email, password: PASSWORD })).status).to.equal(401);
    expect((await again.post('/account/passkeys/challenge', { name: 'Phone', password: PASSWORD })).text).to.include('has no password yet');
    const actions = (await audited(owner.organizationId)).map(([action]) => action);
    expect(actions).to.include.members(['market:members:join', 'accounts:link-sign-on']);
    const mails = (await store().mails.sentTo(ann.email, 0, Number.MAX_SAFE_INTEGER)).map(({ subject }) => subject);
    expect(mails).to.deep.equal(['Single sign-on was linked to your account']);
  });

  it('joins one account of several callbacks at once', async () => {
    const owner = await world.organization('Rush', { admits: 'true' });
    const who = known('rush', `rush@${owner.domain}`);
    const people = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const person = world.portal.visitor();
        return { person, back: await world.issuer.walk((await world.depart(person, who.email)).address, who) };
      }),
    );
    const answers = await Promise.all(people.map(({ person, back }) => person.get(back)));
    expect(answers.map(({ location }) => location)).to.deep.equal(Array<string>(4).fill('/apps'));
    expect(await store().accounts.membershipsOfOrganization(owner.organizationId)).to.have.length(2);
  });

  it('links the account of a member with an address of the domain, and of nobody else', async () => {
    const owner = await world.organization('Link');
    const { services } = world.portal.composition;
    const email = `ben@${owner.domain}`;
    const ben = await services.accounts.registerMember({ email, password: PASSWORD, name: 'Ben' }, owner.organizationId, ['Developer']);
    const person = world.portal.visitor();
    expect((await world.signIn(person, known('ben', email))).location).to.equal('/apps');
    expect((await person.get('/account')).text).to.include(email);
    // An issuer may say what it likes of other domains, of accounts that exist there too.
    const stranger = await world.portal.member('Stranger');
    const forged = world.portal.visitor();
    const { address } = await world.depart(forged, email);
    const refused = await forged.get(await world.issuer.walk(address, known('evil', stranger.email)));
    expect(refused.status).to.equal(401);
    expect(refused.text).to.include('not an address of a confirmed domain');
    for (const [who, words] of [
      [known('new', `new@${owner.domain}`), 'lets nobody in by itself'],
      [known('cat', `cat@${owner.domain}`, { email_verified: false }), 'has not verified your e-mail address'],
      [known('cat', `cat@${owner.domain}`, { email_verified: 'true' }), 'has not verified your e-mail address'],
    ] as const)
      expect((await world.signIn(world.portal.visitor(), who)).text, words).to.include(words);
    const nameless = world.portal.visitor();
    const back = await world.issuer.walk((await world.depart(nameless, email)).address, { sub: 'nameless' });
    expect((await nameless.get(back)).text).to.include('does not tell your e-mail address');
    // Another organization with the same issuer opens nothing for who is known through this one.
    const other = await world.organization('Other', { admits: 'true' });
    const crossed = world.portal.visitor();
    const across = await world.issuer.walk((await world.depart(crossed, `x@${other.domain}`)).address, known('ben', email));
    expect((await crossed.get(across)).text).to.include('belongs to another organization');
    expect(await store().accounts.membership(other.organizationId, ben?._id ?? '')).to.equal(null);
  });

  it('takes an account from whoever signed up with an address that is not theirs', async () => {
    const owner = await world.organization('Squat', { admits: 'true' });
    const email = `cleo@${owner.domain}`;
    await world.portal.visitor().post('/sign-up', { email, password: PASSWORD, name: 'Not Cleo', organization: 'Traps' });
    const cleo = world.portal.visitor();
    expect((await world.signIn(cleo, known('cleo', email))).location).to.equal('/apps');
    expect((await world.portal.visitor().post('/sign-in', { email, password: PASSWORD })).status).to.equal(401);
  });

  it('does not bring back whom the organization removed, or who left; an invitation does', async () => {
    const owner = await world.organization('Gone', { admits: 'true' });
    const who = known('dov', `dov@${owner.domain}`);
    const person = world.portal.visitor();
    await world.signIn(person, who);
    const dov = await store().accounts.userByEmail(who.email);
    await owner.post(`/organization/members/${dov?._id}/removal`);
    expect((await world.signIn(world.portal.visitor(), who)).text).to.include('Ask its administrators for an invitation');
    expect(await store().accounts.membership(owner.organizationId, dov?._id ?? '')).to.equal(null);
    await owner.post('/organization/members', { email: who.email, policies: ['Developer'] });
    const mail = (await store().mails.sentTo(who.email, 0, Number.MAX_SAFE_INTEGER)).at(-1)?.text ?? '';
    const link = /\/invitations\/[\w-]+/.exec(mail)?.[0] ?? '';
    expect((await person.post(link)).location).to.equal('/dashboard');
    expect((await world.signIn(world.portal.visitor(), who)).location).to.equal('/apps');
  });

  it('asks for the code of an own authenticator app before an issuer speaks for the account, and later unless the issuer asked for two', async () => {
    const owner = await world.organization('Code', { admits: 'true' });
    const email = `eli@${owner.domain}`;
    const { services } = world.portal.composition;
    const eli = await services.accounts.registerMember({ email, password: PASSWORD, name: 'Eli' }, owner.organizationId, []);
    const own = world.portal.visitor();
    await own.post('/sign-in', { email, password: PASSWORD });
    const { app } = await turnOn(own);
    const person = world.portal.visitor();
    expect((await world.signIn(person, known('eli', email, { amr: ['mfa'] }))).location).to.equal('/sign-in/code');
    expect(await isSignedIn(person)).to.equal(false);
    expect((await audited(owner.organizationId)).map(([action]) => action)).to.not.include('accounts:link-sign-on');
    expect((await person.post('/sign-in/code', { code: app() })).location).to.equal('/apps');
    expect((await audited(owner.organizationId)).map(([action]) => action)).to.include('accounts:link-sign-on');
    expect((await world.signIn(world.portal.visitor(), known('eli', email, { amr: ['pwd'] }))).location).to.equal('/sign-in/code');
    expect((await world.signIn(world.portal.visitor(), known('eli', email, { amr: ['pwd', 'otp'] }))).location).to.equal('/apps');
    expect(eli?.email).to.equal(email);
  });

  it('can be required: then no password or passkey opens anything to members of the domain, except the owner and whoever is marked for the day the issuer is away', async () => {
    const owner = await world.organization('Must', { admits: 'true' });
    const { services } = world.portal.composition;
    const member = async (name: string, policies: string[]) => {
      const email = `${name}@${owner.domain}`;
      const user = await services.accounts.registerMember({ email, password: PASSWORD, name }, owner.organizationId, policies);
      return { email, id: user?._id ?? '' };
    };
    const [fay, gus, hal] = [await member('fay', ['Developer']), await member('gus', ['Administrator']), await member('hal', ['Administrator'])];
    const byPassword = async (email: string, password = PASSWORD) => world.portal.visitor().post('/sign-in', { email, password, next: '/apps' });
    const open = world.portal.visitor();
    await open.post('/sign-in', { email: fay.email, password: PASSWORD });
    const passkey = await addPasskey(open, 'Phone');
    expect((await world.setRules(owner, { required: 'true', breakGlass: [fay.id] })).status, 'no administrator').to.equal(422);
    expect((await world.setRules(owner, { admits: 'true', required: 'true', breakGlass: [gus.id] })).location).to.equal(HOME);
    expect(await isSignedIn(open), 'a session of before').to.equal(false);
    const [right, wrong] = [await byPassword(fay.email), await byPassword(fay.email, 'wrong wrong wrong')];
    expect([right.status, wrong.status]).to.deep.equal([401, 401]);
    const words = (text: string) => /People of [^<]*/.exec(text)?.[0];
    expect(words(right.text)).to.equal(words(wrong.text)).and.to.include('sign in by single sign-on');
    expect((await byPassword(hal.email)).status).to.equal(401);
    const byPasskey = world.portal.visitor();
    expect(await signInWith(byPasskey, passkey)).to.equal('/sign-in?next=%2Fapps');
    expect(await isSignedIn(byPasskey)).to.equal(false);
    expect((await byPassword(gus.email)).location).to.equal('/apps');
    // Even with the issuer away, and even when the owner has an address of the domain.
    world.issuer.away();
    await store().accounts.updateOrganization(owner.organizationId, (await store().accounts.organization(owner.organizationId))?.rev ?? 0, { ownerId: hal.id });
    expect((await byPassword(hal.email)).location).to.equal('/apps');
    world.issuer.back();
    expect((await world.signIn(world.portal.visitor(), known('fay', fay.email))).location).to.equal('/apps');
    // Who is no member is no concern of the organization's.
    const outsider = await services.accounts.register({ email: `ida@${owner.domain}`, password: PASSWORD, name: 'Ida', organization: 'Own' });
    expect((await byPassword(outsider?.user.email ?? '')).location).to.equal('/apps');
  });

  it('is for administrators: who may not change it sees no form, and another issuer forgets whom the one before knew', async () => {
    const owner = await world.organization('Roles', { admits: 'true' });
    const who = known('jan', `jan@${owner.domain}`);
    const person = world.portal.visitor();
    await world.signIn(person, who);
    expect((await person.get(HOME)).status).to.equal(403);
    const rev = revOf((await owner.get(HOME)).text);
    expect((await owner.post(HOME, { issuer: 'https://login.example.com', clientId: 'x', clientSecret: 'y', rev })).location).to.equal(HOME);
    expect(
      (await owner.post(HOME, { issuer: world.issuer.issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret, rev: String(Number(rev) + 1) })).location,
    ).to.equal(HOME);
    expect((await world.signIn(world.portal.visitor(), who)).location, 'linked anew by the address').to.equal('/apps');
  });
});
