import { expect } from 'chai';
import { isTwoFactor } from '../../../server/domain/sign-in.ts';

describe('isTwoFactor', () => {
  it('takes two different factors, a passkey, or an issuer that asked for two', () => {
    expect(isTwoFactor(['password', 'totp'])).to.equal(true);
    expect(isTwoFactor(['sso', 'totp'])).to.equal(true);
    expect(isTwoFactor(['passkey'])).to.equal(true);
    expect(isTwoFactor(['sso-mfa'])).to.equal(true);
  });

  it('takes no single one, and no one twice', () => {
    for (const factors of [[], ['password'], ['totp'], ['sso'], ['password', 'password']] as const) expect(isTwoFactor(factors)).to.equal(false);
  });
});
