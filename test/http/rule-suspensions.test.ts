import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { OrganizationRules } from '../../server/domain/organization-rules.ts';
import { turnOn } from '../support/authenticator.ts';
import { operatorAlone, PASSWORD, startPortal, type Member, type Portal } from '../support/portal.ts';

const FOREVER = Number.MAX_SAFE_INTEGER;
const REASON = 'Their office moved; the owner called from the known number';
const STRICT: OrganizationRules = { rev: 1, twoFactor: true, addresses: ['203.0.113.0/24'], keyAgeDaysMax: 30, signInHoursMax: null };

describe('an organization behind its own rules', function () {
  this.timeout(60_000);
  let portal: Portal;
  let operator: Member;
  before(async () => {
    portal = await startPortal();
    operator = await operatorAlone(portal, 'Olga');
  });
  after(() => portal.stop());

  const RULES = '/organization/rules';
  const home = ({ organizationId }: Member) => `/admin/organizations/${organizationId}`;
  const organization = async ({ organizationId }: Member) => portal.composition.store.accounts.organization(organizationId);
  const mailsTo = ({ email }: Member) => portal.composition.store.mails.sentTo(email, 0, FOREVER);
  const recordsOf = async (organizationId: string, about: string) =>
    (await portal.composition.store.audit.ofOrganization(organizationId, 0, FOREVER)).filter(
      ({ action, resource }) => action === 'platform:organizations:update' && resource === `organization:${about}`,
    );
  /** As if its addresses had moved after it set the rule. */
  async function locked(name: string): Promise<Member> {
    const owner = await portal.member(name);
    expect(await portal.composition.store.accounts.setRules(owner.organizationId, null, STRICT)).to.equal(true);
    expect((await owner.get('/organization/members')).status).to.equal(403);
    return owner;
  }

  it('is let in for some hours by an operator, with a reason that its administrators and both logs are told', async () => {
    const owner = await locked('Moved');
    const made = await owner.get('/account/keys');
    expect(made.status, 'keys are of the organization').to.equal(403);
    const page = await operator.get(home(owner));
    expect(page.text).to.include('two-factor sign-in is asked for').and.include('Its administrators are told at once');
    for (const fields of [{ hours: '0' }, { hours: '25' }, { hours: '1.5' }, { hours: '' }, { hours: '2', reason: ' ' }, { hours: '2', more: '1' }]) {
      const answer = await operator.post(`${home(owner)}/suspension`, { reason: REASON, ...fields } as Record<string, string>);
      expect(answer.status, JSON.stringify(fields)).to.equal(422);
    }
    expect((await organization(owner))?.rulesSuspension ?? null).to.equal(null);
    expect((await operator.post(`${home(owner)}/suspension`, { hours: '2', reason: REASON })).location).to.equal(home(owner));
    expect((await owner.get('/organization/members')).status).to.equal(200);
    const key = await owner.post('/account/keys', { kind: 'token', name: 'CI', life: '30', requestId: randomUUID() });
    const authorization = `Bearer ${/tgt_[A-Za-z0-9_-]+/.exec(key.text)?.[0] ?? ''}`;
    expect((await portal.visitor().get('/api/v1/gateways', { authorization })).status, 'programs too').to.equal(200);
    expect((await owner.get(RULES)).text)
      .to.include('data-name="rules-suspended"')
      .and.include(REASON);
    const mail = (await mailsTo(owner)).find(({ subject }) => subject === 'The rules of Moved & Co are suspended');
    expect(mail?.text).to.include(REASON).and.include('2 h').and.include(RULES);
    expect(mail?.html).to.include('Moved &amp; Co');
    for (const log of [owner.organizationId, 'org_platform']) {
      const [record] = await recordsOf(log, owner.organizationId);
      expect(record?.userId).to.equal(operator.userId);
      expect(record?.after).to.deep.include({ rules: 'suspended', reason: REASON });
    }
    const { until = 0, at = 0 } = (await organization(owner))?.rulesSuspension ?? {};
    expect(until - at).to.equal(2 * 3_600_000);

    // It is over by itself.
    await portal.composition.store.accounts.setRulesSuspension(owner.organizationId, { at: at - 7_200_000, until: Date.now() - 1, reason: REASON });
    expect((await owner.get('/organization/members')).status).to.equal(403);
    expect((await portal.visitor().get('/api/v1/gateways', { authorization })).status).to.equal(403);
    expect((await operator.get(home(owner))).text).to.not.include('data-name="rules-suspended"');
  });

  it('ends the suspension by saving rules that its author fulfils; others are still refused', async () => {
    const owner = await locked('Mending');
    await operator.post(`${home(owner)}/suspension`, { hours: '1', reason: REASON });
    const rev = /name="rev"[^>]*value="([^"]*)"/.exec((await owner.get(RULES)).text)?.[1] ?? '';
    const fields = { rev, addresses: '203.0.113.0/24', signInHoursMax: '', keyAgeDaysMax: '30' };
    const refused = await owner.post(RULES, fields);
    expect([refused.status, refused.text.includes('you would shut yourself out')], 'suspended or not').to.deep.equal([422, true]);
    const address = /<code>([^<]*)<\/code> now/.exec(refused.text)?.[1] ?? '';
    expect((await owner.post(RULES, { ...fields, addresses: `203.0.113.0/24\n${address}` })).status).to.equal(303);
    expect((await organization(owner))?.rulesSuspension).to.equal(null);
    expect((await owner.get('/organization/members')).status).to.equal(200);
    expect((await owner.get(RULES)).text).to.not.include('data-name="rules-suspended"');
  });

  it('counts again when the operator says so, once', async () => {
    const owner = await locked('Ended');
    await operator.post(`${home(owner)}/suspension`, { hours: '24', reason: REASON });
    expect((await operator.post(`${home(owner)}/suspension/end`)).location).to.equal(home(owner));
    expect((await owner.get('/organization/members')).status).to.equal(403);
    await operator.post(`${home(owner)}/suspension/end`);
    expect((await recordsOf(owner.organizationId, owner.organizationId)).map(({ after }) => (after as { rules: string }).rules).sort()).to.deep.equal([
      'in force',
      'suspended',
    ]);
    expect((await mailsTo(owner)).map(({ subject }) => subject)).to.include('The rules of Ended & Co count again');
  });

  it('loses its list of addresses for good, and keeps the other rules', async () => {
    const owner = await locked('Listed');
    await turnOn(owner);
    expect((await owner.get('/organization/members')).status, 'two factors, the wrong address').to.equal(403);
    const other = portal.visitor();
    const colleague = await portal.member('Plain');
    await portal.composition.store.accounts.addMembership({
      organizationId: owner.organizationId,
      userId: colleague.userId,
      policies: ['Administrator'],
      groups: [],
      createdAt: 1,
    });
    await other.post('/sign-in', { email: colleague.email, password: PASSWORD });
    expect((await operator.post(`${home(owner)}/address-rule/end`, { reason: '' })).status).to.equal(422);
    const answers = await Promise.all([1, 2, 3].map(() => operator.post(`${home(owner)}/address-rule/end`, { reason: REASON })));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 409, 409]);
    expect((await organization(owner))?.rules).to.deep.equal({ ...STRICT, rev: 2, addresses: [] });
    expect((await owner.get('/organization/members')).status).to.equal(200);
    expect((await other.get('/organization/members')).text, 'two factors still').to.include('asks for two-factor sign-in');
    for (const log of [owner.organizationId, 'org_platform']) {
      const records = await recordsOf(log, owner.organizationId);
      expect(records.map(({ before, after }) => [before, after])).to.deep.equal([
        [{ rules: { addresses: STRICT.addresses } }, { rules: { addresses: [] }, reason: REASON }],
      ]);
    }
    for (const member of [owner, colleague]) expect((await mailsTo(member)).at(-1)?.text, member.email).to.include(REASON);
  });

  it('is opened by operators alone, and the operators’ own rules by nobody in this way (not-found, conflict)', async () => {
    const owner = await locked('Closed');
    const stranger = await portal.member('Stranger');
    for (const person of [owner, stranger]) {
      expect((await person.get(home(owner))).status).to.be.oneOf([403, 404]);
      for (const path of ['suspension', 'suspension/end', 'address-rule/end'])
        expect((await person.post(`${home(owner)}/${path}`, { hours: '1', reason: 'x' })).status, path).to.be.oneOf([403, 404]);
    }
    expect((await organization(owner))?.rules).to.deep.equal(STRICT);
    expect((await operator.get('/admin/organizations/org_none')).status).to.equal(404);
    expect((await operator.get(`/admin/accounts?find=${owner.organizationId}`)).location).to.equal(home(owner));
    const own = '/admin/organizations/org_platform';
    expect((await operator.get(own)).text)
      .to.include('bind the operators themselves')
      .and.not.include('data-name="suspension"');
    expect((await operator.post(`${own}/suspension`, { hours: '1', reason: REASON })).status).to.equal(409);
    expect((await operator.post(`${own}/address-rule/end`, { reason: REASON })).status).to.equal(409);
    const none = await portal.member('Ruleless');
    expect((await operator.post(`${home(none)}/address-rule/end`, { reason: REASON })).text).to.include('has no list of addresses');
  });
});
