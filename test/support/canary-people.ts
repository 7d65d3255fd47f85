import { expect } from 'chai';
import { apiClient, bearerClient, signedHeaders, signingClient } from './api-client.ts';
import { authenticator, recoveryCodes } from './authenticator.ts';
import { sessionIdOf } from './browserless.ts';
import type { CanaryWorld } from './canary-world.ts';
import { CLIENT, token as signedToken } from './issuer.ts';
import { addPasskey, beginAdding, challengeFor, signInWith, SoftPasskey } from './passkey.ts';
import { signedInOperator } from './sign-on.ts';

const PASSWORDS = ['canary password number one', 'canary password number two'] as const;
const SSO = '/organization/single-sign-on';

/** A person signs up, forgets a password, turns on a second factor, invites somebody. */
export async function personStory(world: CanaryWorld): Promise<void> {
  const { note } = world.canaries;
  const { portal, link, canaries } = world;
  const { seen } = canaries;
  const person = portal.visitor();
  const email = 'canary@example.test';
  const [first, second] = [note('first password', PASSWORDS[0]), note('second password', PASSWORDS[1])];
  seen('sign-up', await person.post('/sign-up', { email, password: first, name: 'Canary', organization: 'Canary' }));
  const verify = await link(email);
  note('link of verification', verify.token);
  seen('link of verification', await person.get(verify.path));
  await person.post(verify.path);
  expect((await portal.composition.store.accounts.userByEmail(email))?.verifiedAt, 'verified').to.be.a('number');
  expect(seen('wrong password', await person.post('/sign-in', { email, password: note('wrong password', 'canary wrong password') })).status).to.equal(401);
  expect(seen('sign-in', await person.post('/sign-in', { email, password: first })).status).to.equal(303);
  world.noteSession('a session before', person);

  await person.post('/account/two-factor', { password: first });
  const enrolling = (await person.get('/account/two-factor')).text;
  const code = authenticator(enrolling);
  note('key of the second factor', /data-name="secret">.*?<code>([^<]*)<\/code>/s.exec(enrolling)?.[1]?.replaceAll(' ', ''));
  const codes = recoveryCodes((await person.post('/account/two-factor/confirmation', { code: code(-1) })).text);
  expect(codes).to.have.length(10);
  codes.forEach((one, i) => note(`recovery code ${i}`, one));
  seen('second factor', await person.get('/account/two-factor'));
  seen('wrong code', await person.post('/account/two-factor/off', { password: note('password beside a code', 'canary beside a code'), code: '000000' }));
  await person.post('/password-reset', { email });
  const reset = await link(email);
  note('link of a reset', reset.token);
  seen('link of a reset', await person.get(reset.path));
  expect((await person.post(reset.path, { password: second })).status).to.equal(303);
  const again = portal.visitor();
  await again.post('/sign-in', { email, password: second });
  expect((await again.post('/sign-in/code', { code: codes[0] ?? '' })).location, 'a recovery code opens').to.equal('/dashboard');
  await person.post('/sign-in', { email, password: second });
  await person.post('/sign-in/code', { code: code() });
  expect(seen('dashboard', await person.get('/dashboard')).status, 'the new password and a code open').to.equal(200);
  world.noteSession('a person', person);

  await person.post('/organization/members', { email: 'invited@example.test', policies: 'Developer' });
  const invitation = await link('invited@example.test');
  note('link of an invitation', invitation.token);
  seen('link of an invitation', await portal.visitor().get(invitation.path));
  const guest = portal.visitor();
  const guestEmail = 'invited@example.test';
  const guestPassword = note('password of a guest', 'canary guest password');
  await guest.post('/sign-up', { email: guestEmail, password: guestPassword, name: 'Guest', organization: 'Guest' });
  const proof = await link(guestEmail);
  note('link of a second verification', proof.token);
  await guest.post(proof.path);
  await guest.post('/sign-in', { email: guestEmail, password: guestPassword });
  expect((await guest.post(invitation.path)).location, 'the invitation opens').to.equal('/dashboard');
}

/** Passkeys are added and sign in; one challenge stays open. */
export async function passkeyStory(world: CanaryWorld): Promise<void> {
  const { note } = world.canaries;
  const { member } = world;
  const { portal } = world;
  const passkey = new SoftPasskey();
  const adding = await beginAdding(member, 'Canary key');
  note('challenge of adding', adding.challenge);
  expect((await member.post('/account/passkeys', { response: passkey.create(adding) })).location).to.equal('/account/passkeys');
  const person = portal.visitor();
  const challenge = await challengeFor(person);
  note('challenge of signing in', challenge.challenge);
  expect((await person.post('/sign-in/passkey', { response: passkey.get(challenge), next: '/apps' })).location).to.equal('/apps');
  expect((await person.get('/account')).status).to.equal(200);
  world.noteSession('a passkey', person);
  const waiting = portal.visitor();
  note('open challenge', (await challengeFor(waiting)).challenge);
  expect(await signInWith(portal.visitor(), await addPasskey(member, 'Second')), 'another one').to.equal('/apps');
}

/** An organization with an issuer: settings, a sign-in, one that is forged, one that is under way. */
export async function signOnStory(world: CanaryWorld): Promise<void> {
  const { note } = world.canaries;
  const { member } = world;
  const { portal, issuer, canaries } = world;
  const operator = await signedInOperator(portal);
  const entries = { issuer: issuer.issuer, clientId: CLIENT.id, clientSecret: note('client secret', CLIENT.secret), rev: '0' };
  expect(canaries.seen('sign-on saved', await member.post(SSO, entries)).location).to.equal(SSO);
  await member.post(`${SSO}/domains`, { domain: 'canary.example' });
  await operator.post(`/admin/domains/${member.organizationId}.canary.example/confirmation`, { evidence: 'TXT record seen' });
  const rev = /name="rev" value="(\d+)"/.exec(canaries.seen('sign-on settings', await member.get(SSO)).text)?.[1] ?? '';
  expect((await member.post(`${SSO}/rules`, { admits: 'true', rev })).location).to.equal(SSO);
  expect(canaries.seen('sign-on test', await member.post(`${SSO}/test`)).text).to.match(/Right<\/span><strong>Keys/);

  const email = 'ann@canary.example';
  const ann = { sub: 'ann', email, email_verified: true, name: 'Ann' };
  const depart = async (name: string, person = portal.visitor()) => {
    const answer = await person.post('/sign-in/sso', { email, next: '/apps' });
    const address = answer.headers.get('refresh')?.replace('0; url=', '') ?? '';
    for (const part of ['state', 'nonce']) note(`${part} of ${name}`, new URL(address).searchParams.get(part) ?? undefined);
    return { person, address };
  };
  const codeIn = (back: string) => new URL(back, portal.origin).searchParams.get('code') ?? undefined;
  issuer.forge((claims, header) => {
    const made = signedToken(claims, header, issuer.key);
    note('ID token', made);
    note('signature of the ID token', made.split('.')[2]);
    return made;
  });
  const { person, address } = await depart('a sign-in');
  const back = await issuer.walk(address, ann);
  note('authorization code', codeIn(back));
  expect(canaries.seen('sign-on arrival', await person.get(back)).location).to.equal('/apps');
  expect(canaries.secrets.get('ID token')).to.contain('.');
  expect((await person.get('/account')).text, 'signed in').to.contain(email);
  expect(canaries.seen('sign-on used twice', await portal.visitor().get(back)).status).to.equal(401);

  issuer.forge(() => note('foreign ID token', signedToken({ sub: 'ann', note: 'canary' }, {}, 'a key of nobody')));
  const forged = await depart('a forged sign-in');
  const forgedBack = await issuer.walk(forged.address, ann);
  note('code of a forged sign-in', codeIn(forgedBack));
  expect(canaries.seen('sign-on refused', await forged.person.get(forgedBack)).text).to.contain('could not be verified');
  issuer.forge(null);
  const stray = `/sign-in/sso/callback?code=${note('stray code', 'canary-stray-code')}&state=${note('stray state', 'canary-stray-state')}`;
  expect(canaries.seen('sign-on stray', await portal.visitor().get(stray)).status).to.equal(401);
  const waiting = await depart('a sign-in under way');
  const kept = (await portal.composition.store.connection.db?.collection('sessions').find().toArray()) ?? [];
  expect(kept.length, 'sessions stand in the database').to.be.greaterThan(3);
  expect(sessionIdOf(waiting.person)).to.have.length.greaterThan(20);
}

/** Keys of people and service accounts, used, rotated and refused. */
export async function programStory(world: CanaryWorld): Promise<void> {
  const { note } = world.canaries;
  const { member } = world;
  const { portal, canaries, shown, requestId } = world;
  const make = (kind: string, base = '/account/keys') => member.post(base, { kind, name: 'Canary', life: '30', ...requestId() });
  world.kept.personalToken = shown('token of a person', await make('token'), (word) => word.startsWith('tgt_'));
  expect((await bearerClient(portal.origin, world.kept.personalToken).send('GET', '/me')).status).to.equal(200);
  const page = await make('signature');
  const secretKey = shown('secret of a signing key', page, (word) => word.startsWith('tgx_'));
  const accessKey = /tga_[A-Za-z0-9]+/.exec((await member.get('/account/keys')).text)?.[0] ?? '';
  expect((await signingClient(portal.origin, { accessKey, secretKey }).send('GET', '/me')).status).to.equal(200);
  const id = /data-key="(key_[0-9a-z]+)"/.exec(canaries.seen('own keys', await member.get('/account/keys')).text)?.[1] ?? '';
  const rotated = shown('secret after a rotation', await member.post(`/account/keys/${id}/rotation`, { overlap: '1h', ...requestId() }), (word) =>
    /^tg[tx]_/.test(word),
  );
  expect(rotated).to.not.equal(secretKey);
  const issued = await bearerClient(portal.origin, world.kept.personalToken).send('POST', '/keys', { kind: 'token', name: 'By a program', life_days: 30 });
  expect(issued.status).to.equal(201);
  note('token made by a program', /tgt_[A-Za-z0-9]{30,}/.exec(issued.text)?.[0]);

  const account = (await member.post('/organization/service-accounts', { name: 'Robot', purpose: '', policies: 'Administrator' })).location ?? '';
  const robot = shown('token of a service account', await make('token', `${account}/keys`), (word) => word.startsWith('tgt_'));
  expect((await bearerClient(portal.origin, robot).send('GET', '/me')).status).to.equal(200);
  note(
    'signing key of a service account',
    world.words(await make('signature', `${account}/keys`)).find((word) => word.startsWith('tgx_')),
  );
  for (const path of [account, '/organization/service-accounts', '/organization/keys', '/account/keys']) canaries.seen(path, await member.get(path));

  expect(await world.program('/me', { authorization: `Bearer ${note('refused token', `tgt_${'canaryrefused'.repeat(4)}`)}` })).to.equal(401);
  expect(await world.program(`/me?token=${note('token in a query', `tgt_${'canaryquery'.repeat(4)}`)}`, {})).to.equal(401);
  const wrong = signedHeaders({ accessKey, secretKey: note('wrong signing key', 'canary-wrong-signing-key') }, 'GET', '/api/v1/me', '');
  expect(await world.program('/me', wrong)).to.equal(401);
  expect((await apiClient(portal.origin, () => ({ cookie: `tollgate=s:${sessionIdOf(member)}` })).send('GET', '/me')).status).to.equal(401);
}
