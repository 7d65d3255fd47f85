import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { hmacHex, hmacKey } from '../../../server/domain/hmac.ts';

describe('hmacHex', () => {
  it('is what createHmac makes, for secrets shorter and longer than a block', () => {
    const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 1_024 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), latin1, (secret, text) => {
        const expected = createHmac('sha256', secret).update(text, 'latin1').digest('hex');
        return hmacHex(hmacKey(Buffer.from(secret)), text) === expected;
      }),
    );
  });
  it('keeps keys apart that are used in turn', () => {
    const [one, two] = [hmacKey('one'), hmacKey('two')];
    const [first, second] = [hmacHex(one, 'text'), hmacHex(two, 'text')];
    expect(first).to.not.equal(second);
    expect([hmacHex(one, 'text'), hmacHex(two, 'text')]).to.deep.equal([first, second]);
  });
  it('refuses a text that does not fit, in place of signing a part of it', () => {
    expect(() => hmacHex(hmacKey('secret'), 'x'.repeat(1_025))).to.throw(RangeError);
  });
});
