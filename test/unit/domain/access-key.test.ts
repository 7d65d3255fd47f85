import { expect } from 'chai';
import {
  ACCESS_KEYS_MAX,
  accessKeyState,
  endAfter,
  freePlaces,
  isWorking,
  keyAgeDays,
  keyEndsAt,
  lifeFault,
  otherHalf,
} from '../../../server/domain/access-key.ts';
import { credentialBytes, credentialValue, looksIssued } from '../../../server/domain/credential.ts';

const DAY = 86_400_000;
const NOW = 1_000 * DAY;
const key = (change: Partial<{ createdAt: number; notAfter: number | null; revokedAt: number | null }> = {}) => ({
  createdAt: NOW - 10 * DAY,
  notAfter: null,
  revokedAt: null,
  ...change,
});

describe('access keys', () => {
  it('end by themselves or by the organization’s greatest age, whichever comes first', () => {
    expect(keyEndsAt(key(), null)).to.equal(null);
    expect(keyEndsAt(key(), 30)).to.equal(NOW + 20 * DAY);
    expect(keyEndsAt(key({ notAfter: NOW + DAY }), 30)).to.equal(NOW + DAY);
    expect(keyEndsAt(key({ notAfter: NOW + 100 * DAY }), 30)).to.equal(NOW + 20 * DAY);
  });

  it('work up to the instant of their end, warn for a week before, and say what ended them', () => {
    expect(accessKeyState(key(), null, NOW)).to.equal('active');
    expect(accessKeyState(key({ notAfter: NOW }), null, NOW)).to.equal('expired');
    expect(accessKeyState(key({ notAfter: NOW + 1 }), null, NOW)).to.equal('expiring');
    expect(accessKeyState(key(), 10, NOW)).to.equal('too-old');
    expect(accessKeyState(key(), 10, NOW - 1)).to.equal('expiring');
    expect(accessKeyState(key(), 18, NOW)).to.equal('active');
    expect(accessKeyState(key({ revokedAt: 1, notAfter: 1 }), 1, NOW)).to.equal('revoked');
    expect((['active', 'expiring', 'expired', 'too-old', 'revoked'] as const).filter(isWorking)).to.deep.equal(['active', 'expiring']);
    expect([keyAgeDays(key(), NOW), keyAgeDays(key({ createdAt: NOW + 5 }), NOW)]).to.deep.equal([10, 0]);
  });

  it('may live as long as the rule allows and no longer', () => {
    expect([lifeFault(null, null), lifeFault(365, null), lifeFault(30, 30)]).to.deep.equal([undefined, undefined, undefined]);
    expect(lifeFault(90, 30)).to.contain('30 days');
    expect(lifeFault(null, 1)).to.contain('1 day old');
    expect([endAfter(null, NOW), endAfter(7, NOW)]).to.deep.equal([null, NOW + 7 * DAY]);
  });

  it('stand at places of two halves: a key and its successor take one place together', () => {
    expect(freePlaces([])).to.deep.equal([0, 1, 2, 3, 4]);
    expect(freePlaces([0, otherHalf(1), 4, otherHalf(4)])).to.deep.equal([2, 3]);
    for (let place = 0; place < 2 * ACCESS_KEYS_MAX; place += 1) expect(otherHalf(otherHalf(place))).to.equal(place);
  });

  it('carry prefixes of their own and a checksum', () => {
    for (const kind of ['access-key', 'access-secret', 'access-token'] as const) {
      const value = credentialValue(kind, Buffer.alloc(credentialBytes(kind), 9));
      expect(looksIssued(value)).to.equal(kind);
      expect(looksIssued(`${value.slice(0, -1)}${value.endsWith('a') ? 'b' : 'a'}`)).to.equal(null);
      expect(value).to.match(/^tg[axt]_[0-9A-Za-z]+$/);
    }
  });
});
