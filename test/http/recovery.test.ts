import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { MailDoc } from '../../server/store/mails.ts';
import { turnOn } from '../support/authenticator.ts';
import type { Answer, Visitor } from '../support/browserless.ts';
import { addPasskey } from '../support/passkey.ts';
import { operatorAlone, PASSWORD, startPortal, type Member, type Portal } from '../support/portal.ts';

const FOREVER = Number.MAX_SAFE_INTEGER;

describe('a lost second factor', function () {
  this.timeout(60_000);
  let portal: Portal;
  let operator: Member;
  before(async () => {
    portal = await startPortal();
    operator = await operatorAlone(portal, 'Olga');
  });
  after(() => portal.stop());

  const isSignedIn = async (person: Visitor) => (await person.get('/account')).status === 200;
  const mailsTo = (email: string): Promise<MailDoc[]> => portal.composition.store.mails.sentTo(email, 0, FOREVER);
  const linksTo = async (email: string): Promise<string[]> =>
    (await mailsTo(email)).flatMap(({ text }) => [...text.matchAll(/\/recovery\/[\w-]+/g)].map(([path]) => path));
  const lastLink = async (email: string): Promise<string> => (await linksTo(email)).at(-1) ?? 'no link';
  const recordsOf = async (organizationId: string, action: string) =>
    (await portal.composition.store.audit.ofOrganization(organizationId, 0, FOREVER)).filter((record) => record.action === action);
  const hasFactor = async (userId: string) => ((await portal.composition.store.accounts.user(userId))?.secondFactor ?? null) !== null;
  const join = (organizationId: string, userId: string, policies: string[] = []) =>
    portal.composition.store.accounts.addMembership({ organizationId, userId, policies, groups: [], createdAt: Date.now() });

  async function halfway(email: string, password = PASSWORD): Promise<Visitor> {
    const person = portal.visitor();
    expect((await person.post('/sign-in', { email, password })).location).to.equal('/sign-in/code');
    return person;
  }

  /** A member of the chief's organization and of no other, with an authenticator app on. */
  async function staff(chief: Member, name: string): Promise<Member> {
    const email = `${name.toLowerCase()}.${chief.email}`;
    const user = await portal.composition.services.accounts.registerMember({ email, password: PASSWORD, name }, chief.organizationId, ['Developer']);
    if (!user) throw new Error('taken');
    const person = Object.assign(portal.visitor(), { email, userId: user._id, organizationId: chief.organizationId });
    await person.post('/sign-in', { email, password: PASSWORD });
    await turnOn(person);
    return person;
  }
  const pageOf = ({ userId }: { readonly userId: string }) => `/organization/members/${userId}`;
  const send = (chief: Visitor, member: { readonly userId: string }, reason = 'Asked me at her desk'): Promise<Answer> =>
    chief.post(`${pageOf(member)}/recovery`, { reason });
  const sendAsOperator = (member: { readonly userId: string }, reason = 'Called back on the known number'): Promise<Answer> =>
    operator.post(`/admin/accounts/${member.userId}/recovery`, { reason });

  describe('is asked about', () => {
    it('by who has given the password: a stranger is told the way, and nothing of any account', async () => {
      const chief = await portal.member('Chief');
      await turnOn(chief);
      const stranger = portal.visitor();
      const page = await stranger.get('/sign-in/recovery');
      expect(page.status).to.equal(200);
      expect(page.text).to.include('Lost your authenticator and your codes?').and.not.include('action="/sign-in/recovery"');
      const before = (await portal.composition.store.mails.sent(0, FOREVER)).length;
      const answers = await Promise.all(
        [{ words: 'x' }, { words: 'x', email: chief.email }, {}].map((fields) => stranger.post('/sign-in/recovery', fields as Record<string, string>)),
      );
      for (const { status, location } of answers) expect([status, location]).to.deep.equal([303, '/sign-in/recovery']);
      expect((await portal.composition.store.mails.sent(0, FOREVER)).length).to.equal(before);
      const person = await halfway(chief.email);
      expect((await person.get('/sign-in/code')).text).to.include('href="/sign-in/recovery"');
      expect((await person.get('/sign-in/recovery')).text).to.include('action="/sign-in/recovery"');
      const empty = await person.post('/sign-in/recovery', { words: ' ' });
      expect([empty.status, empty.text.includes('aria-invalid="true"')]).to.deep.equal([422, true]);
      expect(await isSignedIn(person), 'asking opens nothing').to.equal(false);
    });

    it('with the administrators of the one organization an account opens; after a day without help, with the operators', async () => {
      const chief = await portal.member('Head');
      const member = await staff(chief, 'Mia');
      const asked = await (await halfway(member.email)).post('/sign-in/recovery', { words: 'Desk 12, <b>second</b> floor' });
      expect(asked.status).to.equal(200);
      expect(asked.text).to.include('administrators of <strong>Head &amp; Co</strong> have been told');
      const letter = (await mailsTo(chief.email)).at(-1);
      expect(letter?.subject).to.equal('Mia has lost the second factor');
      expect(letter?.text).to.include('Desk 12').and.include(`/organization/members/${member.userId}`);
      expect(letter?.html).to.include('Desk 12, &lt;b&gt;').and.not.include('<b>second');
      const own = (await mailsTo(member.email)).at(-1);
      expect([own?.subject, own?.text.includes('If it was not you')]).to.deep.equal(['Somebody asked to remove your second factor', true]);
      expect((await recordsOf(chief.organizationId, 'accounts:ask-recovery')).map(({ after, userId }) => [userId, after])).to.deep.equal([
        [member.userId, { asks: chief.organizationId, words: 'Desk 12, <b>second</b> floor' }],
      ]);
      expect((await chief.get(pageOf(member))).text)
        .to.include('data-name="recovery-ask"')
        .and.include('Desk 12');
      expect((await operator.get('/admin/accounts')).text).to.not.include(member.email);
      expect(await hasFactor(member.userId)).to.equal(true);

      const users = portal.composition.store.connection.db!.collection<{ _id: string }>('users');
      await users.updateOne({ _id: member.userId }, { $set: { 'recovery.askedAt': Date.now() - 25 * 3_600_000 } });
      const again = await (await halfway(member.email)).post('/sign-in/recovery', { words: 'Desk 12' });
      expect(again.text).to.include('The operators have been told');
      expect((await operator.get('/admin/accounts')).text)
        .to.include(member.email)
        .and.include('Desk 12');
      expect((await mailsTo(operator.email)).at(-1)?.text).to.include(`/admin/accounts/${member.userId}`);
      expect((await recordsOf('org_platform', 'accounts:ask-recovery')).map(({ resource }) => resource)).to.include(`user:${member.userId}`);

      // A new password makes the ask void: whoever asked had the old one.
      await users.updateOne({ _id: member.userId }, { $set: { passwordHash: 'another' } });
      expect((await operator.get('/admin/accounts')).text).to.not.include(member.email);
    });

    it('with the operators where nobody else could help: alone in the organization, or in several', async () => {
      const alone = await portal.member('Solo');
      await turnOn(alone);
      expect((await (await halfway(alone.email)).post('/sign-in/recovery', { words: '+1 555 0100' })).text).to.include('The operators have been told');
      const [one, two] = [await portal.member('One'), await portal.member('Two')];
      await turnOn(one);
      await join(two.organizationId, one.userId);
      expect((await (await halfway(one.email)).post('/sign-in/recovery', { words: '+1 555 0101' })).text).to.include('The operators have been told');
      expect(await recordsOf(two.organizationId, 'accounts:ask-recovery'), 'every organization concerned').to.have.length(1);
      expect((await operator.get('/admin/accounts')).text)
        .to.include(alone.email)
        .and.include(one.email);
    });

    it('so often and no more (too-many-attempts)', async () => {
      const member = await portal.member('Often');
      await turnOn(member);
      const people = [await halfway(member.email), await halfway(member.email)];
      const statuses = [];
      for (let i = 0; i < 6; i += 1) statuses.push((await people[i % 2]?.post('/sign-in/recovery', { words: `call ${i}` }))?.status);
      expect(statuses).to.deep.equal([200, 200, 200, 200, 200, 429]);
    });
  });

  describe('is removed by a mailed link', () => {
    it('that an administrator sends, and the password: once, with every session ended, told and recorded with the reason', async () => {
      const chief = await portal.member('Boss');
      // Opened before there was a second factor, and not looked at since: its mark is that of the password alone.
      const old = portal.visitor();
      const member = await staff(chief, 'Lia');
      const users = portal.composition.store.connection.db!.collection<{ _id: string }>('users');
      const { secondFactor } = (await portal.composition.store.accounts.user(member.userId)) ?? {};
      await users.updateOne({ _id: member.userId }, { $set: { secondFactor: null } });
      await old.post('/sign-in', { email: member.email, password: PASSWORD });
      await users.updateOne({ _id: member.userId }, { $set: { secondFactor } });
      expect(await isSignedIn(member)).to.equal(true);

      const page = (await chief.get(pageOf(member))).text;
      expect(page)
        .to.include('every session of the account ends')
        .and.include(`action="${pageOf(member)}/recovery"`);
      const empty = await chief.post(`${pageOf(member)}/recovery`, { reason: '' });
      expect([empty.status, empty.text.includes('id="recovery-reason-error"')]).to.deep.equal([422, true]);
      expect((await send(chief, member, 'Spoke to Lia <in person>')).location).to.equal(pageOf(member));
      const mail = (await mailsTo(member.email)).at(-1);
      expect(mail?.subject).to.equal('Remove your second factor');
      expect(mail?.text).to.include('An administrator of Boss & Co').and.include('Spoke to Lia <in person>').and.include('If you did not ask for it');
      expect(mail?.html).to.include('Spoke to Lia &lt;in person&gt;').and.include('/recovery/');
      expect((await mailsTo(chief.email)).map(({ text }) => text).join()).to.not.include('/recovery/');
      expect(await hasFactor(member.userId), 'nothing has happened yet').to.equal(true);
      expect(await isSignedIn(member)).to.equal(true);

      const link = await lastLink(member.email);
      const visitor = portal.visitor();
      const offer = await visitor.get(link);
      expect([offer.status, offer.text.includes('Every session of your account ends')]).to.deep.equal([200, true]);
      expect((await visitor.get(link)).status, 'looking uses nothing up').to.equal(200);
      const wrong = await visitor.post(link, { password: 'wrong wrong wrong' });
      expect([wrong.status, wrong.text.includes('This is not your present password.')]).to.deep.equal([422, true]);
      expect((await visitor.post(link)).status, 'without a password').to.equal(422);
      expect((await visitor.post(link, { password: PASSWORD })).location).to.equal('/sign-in?next=/account/two-factor');
      expect(await hasFactor(member.userId)).to.equal(false);
      for (const person of [member, old]) expect(await isSignedIn(person)).to.equal(false);
      expect((await visitor.post('/sign-in', { email: member.email, password: PASSWORD })).location).to.equal('/dashboard');
      expect((await visitor.get('/account/two-factor')).text).to.include('Make a key');
      expect((await portal.visitor().get(link)).status).to.equal(404);
      expect((await portal.visitor().post(link, { password: PASSWORD })).status).to.equal(404);
      const told = (await mailsTo(member.email)).at(-1);
      expect([told?.subject, told?.text.includes('If it was not you')]).to.deep.equal(['Your second factor was removed', true]);
      const [sent, done] = [
        await recordsOf(chief.organizationId, 'market:members:recover'),
        await recordsOf(chief.organizationId, 'accounts:remove-second-factor'),
      ];
      expect(sent.map(({ userId, resource, after }) => [userId, resource, (after as { reason: string }).reason])).to.deep.equal([
        [chief.userId, `user:${member.userId}`, 'Spoke to Lia <in person>'],
      ]);
      expect(done.map(({ userId, after }) => [userId, after])).to.deep.equal([[member.userId, { secondFactor: 'off', sessions: 'ended' }]]);
      expect((await send(chief, member)).text).to.include('no authenticator app');
    });

    it('and turning it off oneself leaves no session of before alive either', async () => {
      const member = await portal.member('Off');
      const before = portal.visitor();
      await before.post('/sign-in', { email: member.email, password: PASSWORD });
      const { codes } = await turnOn(member);
      await member.post('/account/two-factor/off', { password: PASSWORD, code: codes[0] ?? '' });
      expect([await isSignedIn(member), await isSignedIn(before)]).to.deep.equal([true, false]);
    });

    it('that no administrator sends whose organization is not all the account opens, also when it joins another one later', async () => {
      const [chief, other] = [await portal.member('Near'), await portal.member('Far')];
      const both = await staff(chief, 'Bea');
      await join(other.organizationId, both.userId, ['Administrator']);
      for (const [person, home] of [
        [chief, chief.organizationId],
        [other, other.organizationId],
      ] as const) {
        const page = (await person.get(pageOf(both))).text;
        expect(page, home)
          .to.include('an operator of the marketplace has to do it')
          .and.not.include(`action="${pageOf(both)}/recovery"`);
        const refused = await send(person, both);
        expect([refused.status, refused.text.includes('an operator of the marketplace has to do it')]).to.deep.equal([409, true]);
      }
      expect(await linksTo(both.email)).to.deep.equal([]);

      const later = await staff(chief, 'Lea');
      expect((await send(chief, later)).status).to.equal(303);
      const link = await lastLink(later.email);
      await join(other.organizationId, later.userId);
      expect((await portal.visitor().get(link)).status).to.equal(409);
      expect((await portal.visitor().post(link, { password: PASSWORD })).status).to.equal(409);
      expect(await hasFactor(later.userId)).to.equal(true);
      await portal.composition.store.accounts.removeMembership(chief.organizationId, later.userId);
      expect((await portal.visitor().post(link, { password: PASSWORD })).status, 'nor when it left the first').to.equal(409);
    });

    it('that nobody sends for the own account, for a stranger’s, or without the right (not-found, forbidden)', async () => {
      const [chief, stranger] = [await portal.member('Alpha'), await portal.member('Omega')];
      const member = await staff(chief, 'Ria');
      await turnOn(chief);
      expect((await chief.get(pageOf(chief))).text).to.not.include('/recovery"');
      expect((await send(chief, chief)).text).to.include('somebody else has to do it');
      expect((await send(stranger, member)).status).to.equal(404);
      expect((await send(member, chief)).status, 'a developer').to.equal(403);
      expect((await sendAsOperator(operator)).text).to.include('somebody else has to do it');
      for (const path of ['/admin/accounts', `/admin/accounts/${member.userId}`]) expect((await chief.get(path)).status, path).to.equal(404);
      expect((await chief.post(`/admin/accounts/${member.userId}/recovery`, { reason: 'x' })).status).to.equal(404);
      // What strangers try does not use up what its administrator may send.
      for (let i = 0; i < 6; i += 1) await send(stranger, member);
      const statuses = [];
      for (let i = 0; i < 6; i += 1) statuses.push((await send(chief, member)).status);
      expect(statuses, 'too-many-attempts').to.deep.equal([303, 303, 303, 303, 303, 429]);
      expect(await hasFactor(member.userId)).to.equal(true);
    });

    it('that an operator sends to anybody, with a reason that stands in the log of every organization concerned', async () => {
      const [one, two] = [await portal.member('Uno'), await portal.member('Due')];
      await turnOn(one);
      await join(two.organizationId, one.userId);
      const found = await operator.get(`/admin/accounts?find=${encodeURIComponent(one.email.toUpperCase())}`);
      expect(found.location).to.equal(`/admin/accounts/${one.userId}`);
      expect((await operator.get('/admin/accounts?find=nobody@example.test')).text).to.include('There is no account with this address.');
      const page = (await operator.get(`/admin/accounts/${one.userId}`)).text;
      expect(page).to.include(`/admin/organizations/${one.organizationId}`).and.include(`/admin/organizations/${two.organizationId}`);
      expect((await operator.post(`/admin/accounts/${one.userId}/recovery`, { reason: ' ' })).status).to.equal(422);
      expect((await operator.post('/admin/accounts/usr_none/recovery', { reason: 'x' })).status).to.equal(404);
      expect((await sendAsOperator(one)).location).to.equal(`/admin/accounts/${one.userId}`);
      expect((await mailsTo(one.email)).at(-1)?.text).to.include('An operator of the marketplace');
      const visitor = portal.visitor();
      expect((await visitor.post(await lastLink(one.email), { password: PASSWORD })).status).to.equal(303);
      for (const id of [one.organizationId, two.organizationId, 'org_platform']) {
        const [sent] = (await recordsOf(id, 'platform:accounts:recover')).filter(({ resource }) => resource === `user:${one.userId}`);
        expect([sent?.userId, (sent?.after as { reason: string }).reason], id).to.deep.equal([operator.userId, 'Called back on the known number']);
        const done = (await recordsOf(id, 'accounts:remove-second-factor')).filter(({ resource }) => resource === `user:${one.userId}`);
        expect(done, id).to.have.length(1);
      }
      expect((await operator.get(`/admin/accounts/${one.userId}`)).text).to.include('no authenticator app');
    });

    it('for one of several who follow it at once', async () => {
      const member = await portal.member('Many');
      await turnOn(member);
      await sendAsOperator(member);
      const link = await lastLink(member.email);
      const answers = await Promise.all(Array.from({ length: 5 }, () => portal.visitor().post(link, { password: PASSWORD })));
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 404, 404, 404, 404]);
      expect(await recordsOf(member.organizationId, 'accounts:remove-second-factor')).to.have.length(1);
    });

    it('that does not count where a password is replaced or an organization joined while it is followed', async () => {
      const { services, store } = portal.composition;
      const users = store.connection.db!.collection<{ _id: string }>('users');
      const [chief, other] = [await portal.member('Slow'), await portal.member('Swift')];
      const [joining, changing, signing] = [await staff(chief, 'Jo'), await staff(chief, 'Cy'), await staff(chief, 'Sy')];
      const follow = async (member: Member) => {
        await send(chief, member);
        return (await portal.visitor().post(await lastLink(member.email), { password: PASSWORD })).status;
      };
      const { provePassword } = services.accounts;
      const { useToken } = store.accounts;
      try {
        services.accounts.provePassword = async (userId, password) => {
          const user = await provePassword(userId, password);
          await join(other.organizationId, userId);
          return user;
        };
        expect(await follow(joining)).to.equal(409);
        services.accounts.provePassword = provePassword;
        for (const [member, change] of [
          [changing, { passwordHash: 'another' }],
          [signing, { sessionSalt: 'signed out everywhere' }],
        ] as const) {
          store.accounts.useToken = async (hash, at) => {
            const used = await useToken(hash, at);
            await users.updateOne({ _id: member.userId }, { $set: change });
            return used;
          };
          expect(await follow(member)).to.equal(404);
        }
      } finally {
        services.accounts.provePassword = provePassword;
        store.accounts.useToken = useToken;
      }
      for (const { userId } of [joining, changing, signing]) expect(await hasFactor(userId)).to.equal(true);
    });

    it('that is void after a new password, another second factor, its day, or “This was not me”', async () => {
      const changed = await portal.member('Changed');
      await turnOn(changed);
      await sendAsOperator(changed);
      const first = await lastLink(changed.email);
      await portal.visitor().post('/password-reset', { email: changed.email });
      const reset = /\/password-reset\/[\w-]+/.exec((await mailsTo(changed.email)).at(-1)?.text ?? '')?.[0] ?? '';
      await portal.visitor().post(reset, { password: 'a new quiet river' });
      expect((await portal.visitor().post(first, { password: 'a new quiet river' })).status, 'who has the mailbox alone').to.equal(404);
      expect(await hasFactor(changed.userId)).to.equal(true);

      const renewed = await portal.member('Renewed');
      const { codes } = await turnOn(renewed);
      await sendAsOperator(renewed);
      const second = await lastLink(renewed.email);
      await renewed.post('/account/two-factor/off', { password: PASSWORD, code: codes[0] ?? '' });
      await turnOn(renewed);
      expect((await portal.visitor().post(second, { password: PASSWORD })).status).to.equal(404);

      const late = await portal.member('Late');
      await turnOn(late);
      await sendAsOperator(late);
      const third = await lastLink(late.email);
      const id = createHash('sha256')
        .update(third.split('/').at(-1) ?? '')
        .digest('hex');
      const tokens = portal.composition.store.connection.db!.collection<{ _id: string; expiresAt: Date }>('tokens');
      const expiresAt = (await tokens.findOne({ _id: id }))?.expiresAt.getTime() ?? 0;
      expect(expiresAt - Date.now()).to.be.within(23 * 3_600_000, 24 * 3_600_000);
      await tokens.updateOne({ _id: id }, { $set: { expiresAt: new Date(Date.now() - 1_000) } });
      expect((await portal.visitor().post(third, { password: PASSWORD })).status).to.equal(404);

      const wary = await portal.member('Wary');
      await turnOn(wary);
      await sendAsOperator(wary);
      const fourth = await lastLink(wary.email);
      expect((await portal.visitor().post(`${fourth}/refusal`)).location).to.equal('/sign-in');
      expect((await portal.visitor().post(fourth, { password: PASSWORD })).status).to.equal(404);
      expect((await portal.visitor().post(`${fourth}/refusal`)).status).to.equal(404);
      expect(await hasFactor(wary.userId)).to.equal(true);
      for (const log of [wary.organizationId, 'org_platform'])
        expect((await recordsOf(log, 'accounts:refuse-recovery')).map(({ resource }) => resource)).to.include(`user:${wary.userId}`);
      // Another kind of link is none of this kind.
      expect((await portal.visitor().get(`/recovery/${reset.split('/').at(-1)}`)).status).to.equal(404);
    });

    it('that is dead once its sender may not send it any more: a right taken away, a member removed, an operator no longer one', async () => {
      const chief = await portal.member('Warden');
      const member = await staff(chief, 'Ward');
      const { store, services } = portal.composition;
      const deputy = await portal.member('Deputy');
      await join(chief.organizationId, deputy.userId, ['Administrator']);
      const setPolicies = async (organizationId: string, userId: string, policies: string[]) => {
        const memberships = store.connection.db!.collection('memberships');
        expect((await memberships.updateOne({ organizationId, userId }, { $set: { policies } })).modifiedCount).to.equal(1);
      };
      const statusOf = async (link: string) => (await portal.visitor().get(link)).status;
      const remove = async (link: string) => (await portal.visitor().post(link, { password: PASSWORD })).status;
      const sendAs = async (by: { readonly userId: string; readonly organizationId: string }, policies: string[], operates = false) => {
        const actor = { kind: 'user', ...by, policies, address: '192.0.2.1', requestId: 'req_test' } as const;
        await (operates ? services.recovery.sendToAccount(actor, member.userId, 'Called back') : services.recovery.sendToMember(actor, member.userId, 'Seen'));
        return lastLink(member.email);
      };

      const link = await sendAs({ userId: deputy.userId, organizationId: chief.organizationId }, ['Administrator']);
      expect(await statusOf(link)).to.equal(200);
      await setPolicies(chief.organizationId, deputy.userId, ['Developer']);
      expect([await statusOf(link), await remove(link), (await portal.visitor().post(`${link}/refusal`)).status]).to.deep.equal([404, 404, 404]);
      expect(await hasFactor(member.userId)).to.equal(true);
      await setPolicies(chief.organizationId, deputy.userId, ['Administrator']);
      expect(await statusOf(link), 'with the right again').to.equal(200);
      await store.accounts.removeMembership(chief.organizationId, deputy.userId);
      expect([await statusOf(link), await remove(link)]).to.deep.equal([404, 404]);

      await join('org_platform', deputy.userId, ['Operator']);
      const operators = await sendAs({ userId: deputy.userId, organizationId: 'org_platform' }, ['Operator'], true);
      expect(await statusOf(operators)).to.equal(200);
      await store.accounts.removeMembership('org_platform', deputy.userId);
      expect([await statusOf(operators), await remove(operators)]).to.deep.equal([404, 404]);
      expect(await hasFactor(member.userId)).to.equal(true);

      const good = await sendAs({ userId: chief.userId, organizationId: chief.organizationId }, ['Administrator']);
      expect(await remove(good)).to.equal(303);
      expect(await hasFactor(member.userId)).to.equal(false);
    });

    it('with so many guesses of the password and no more (too-many-attempts)', async () => {
      const member = await portal.member('Guessed');
      await turnOn(member);
      await sendAsOperator(member);
      const link = await lastLink(member.email);
      const statuses = [];
      for (let i = 0; i < 11; i += 1) statuses.push((await portal.visitor().post(link, { password: `wrong wrong ${i}` })).status);
      expect(statuses).to.deep.equal([...Array<number>(10).fill(422), 429]);
      expect((await portal.visitor().post(link, { password: PASSWORD })).status).to.equal(429);
    });

    it('that leaves passkeys, or takes them too where that is chosen; and is not sent where there is no password to confirm with', async () => {
      const [kept, gone] = [await portal.member('Kept'), await portal.member('Gone')];
      for (const person of [kept, gone]) {
        await addPasskey(person, 'Phone');
        await turnOn(person);
        await sendAsOperator(person);
      }
      const { passkeys } = portal.composition.store;
      const page = (await portal.visitor().get(await lastLink(kept.email))).text;
      expect(page).to.include('1 passkey stays').and.include('name="passkeys"');
      await portal.visitor().post(await lastLink(kept.email), { password: PASSWORD });
      await portal.visitor().post(await lastLink(gone.email), { password: PASSWORD, passkeys: 'true' });
      expect([await passkeys.ofUser(kept.userId), await passkeys.ofUser(gone.userId)].map((list) => list.length)).to.deep.equal([1, 0]);
      const [record] = await recordsOf(gone.organizationId, 'accounts:remove-second-factor');
      expect(record?.after).to.deep.equal({ secondFactor: 'off', sessions: 'ended', passkeysRemoved: ['Phone'] });

      const issued = await portal.member('Issued');
      await turnOn(issued);
      await portal.composition.store.connection.db!.collection<{ _id: string }>('users').updateOne({ _id: issued.userId }, { $set: { passwordHash: '' } });
      expect((await sendAsOperator(issued)).text).to.include('This account has no password yet');
    });
  });
});
