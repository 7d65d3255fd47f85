import { expect } from 'chai';
import { NO_RULES, rulesInForce, suspensionAt, unmetRules, type OrganizationRules, type SignIn } from '../../../server/domain/organization-rules.ts';

const HOUR_MS = 3_600_000;
const signIn: SignIn = { factors: ['password'], address: '203.0.113.7', openedAt: 1_000, at: 1_000 };
const unmet = (rules: Partial<OrganizationRules>, given: Partial<SignIn> = {}) =>
  unmetRules({ ...NO_RULES, ...rules }, 'Atlas', { ...signIn, ...given }).map(({ rule }) => rule);

describe('unmetRules', () => {
  it('asks for nothing where no rule was set', () => expect(unmet({}, { factors: [], address: '' })).to.deep.equal([]));

  it('asks for two factors', () => {
    expect(unmet({ twoFactor: true })).to.deep.equal(['twoFactor']);
    expect(unmet({ twoFactor: true }, { factors: ['sso'] })).to.deep.equal(['twoFactor']);
    for (const factors of [['password', 'totp'], ['passkey'], ['sso-mfa']] as const) expect(unmet({ twoFactor: true }, { factors })).to.deep.equal([]);
  });

  it('admits addresses of the list alone, also as IPv4 inside IPv6', () => {
    const addresses = ['203.0.113.0/29', '2001:db8::-2001:db8::ff'];
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::fe']) expect(unmet({ addresses }, { address }), address).to.deep.equal([]);
    for (const address of ['203.0.113.8', '2001:db8::100', '', 'unknown']) expect(unmet({ addresses }, { address }), address).to.deep.equal(['addresses']);
  });

  it('asks for a new sign-in after so many hours, and not before', () => {
    expect(unmet({ signInHoursMax: 8 }, { at: 1_000 + 8 * HOUR_MS })).to.deep.equal([]);
    expect(unmet({ signInHoursMax: 8 }, { at: 1_001 + 8 * HOUR_MS })).to.deep.equal(['signInHoursMax']);
  });

  it('says all that is not fulfilled, naming the organization', () => {
    const words = unmetRules({ rev: 1, twoFactor: true, addresses: ['10.0.0.1'], keyAgeDaysMax: null, signInHoursMax: 1 }, 'Atlas', { ...signIn, at: 9e9 });
    expect(words).to.have.length(3);
    for (const one of words) expect(one.words).to.match(/^Atlas /);
  });
});

describe('rulesInForce', () => {
  const rules: OrganizationRules = { rev: 4, twoFactor: true, addresses: ['10.0.0.1'], keyAgeDaysMax: 30, signInHoursMax: 8 };
  const rulesSuspension = { at: 1_000, until: 2_000, reason: 'moved' };
  it('are the rules, except for as long as they are suspended; how old keys may become stays', () => {
    expect(rulesInForce({}, 1_500)).to.deep.equal(NO_RULES);
    expect(rulesInForce({ rules }, 1_500)).to.deep.equal(rules);
    for (const at of [1_000, 1_999]) expect(rulesInForce({ rules, rulesSuspension }, at)).to.deep.equal({ ...NO_RULES, rev: 4, keyAgeDaysMax: 30 });
    expect(rulesInForce({ rules, rulesSuspension }, 2_000)).to.deep.equal(rules);
    expect([suspensionAt({ rulesSuspension }, 1_999), suspensionAt({ rulesSuspension }, 2_000), suspensionAt({ rulesSuspension: null }, 1)]).to.deep.equal([
      rulesSuspension,
      null,
      null,
    ]);
  });
});
