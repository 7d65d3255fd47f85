import { expect } from 'chai';
import { base32, matchingStep, totpCode, totpStep } from '../../../server/domain/totp.ts';

describe('codes of an authenticator app', () => {
  const secret = Buffer.from('12345678901234567890');

  // RFC 6238, appendix B, by their last six digits.
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ] as const) {
    it(`are those of RFC 6238 at ${seconds} s`, () => expect(totpCode(secret, totpStep(seconds * 1000))).to.equal(code));
  }

  it('hold one step early and one late, and none that was accepted', () => {
    const at = 1_700_000_000_000;
    const step = totpStep(at);
    const found = [-2, -1, 0, 1, 2].map((away) => matchingStep(secret, totpCode(secret, step + away), at, 0));
    expect(found).to.deep.equal([null, step - 1, step, step + 1, null]);
    expect(matchingStep(secret, totpCode(secret, step), at, step)).to.equal(null);
    expect(matchingStep(secret, totpCode(secret, step + 1), at, step)).to.equal(step + 1);
  });

  it('come from secrets that are written in base32 (RFC 4648, §10)', () => {
    expect(['f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map((text) => base32(Buffer.from(text)))).to.deep.equal([
      'MY',
      'MZXQ',
      'MZXW6',
      'MZXW6YQ',
      'MZXW6YTB',
      'MZXW6YTBOI',
    ]);
  });
});
