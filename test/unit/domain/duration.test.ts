import { expect } from 'chai';
import { later } from '../../../server/domain/duration.ts';

const from = Date.parse('2030-01-31T10:20:30.250Z');
const iso = (duration: string) => {
  const at = later(from, duration);
  return at === undefined ? undefined : new Date(at).toISOString();
};

describe('later', () => {
  it('counts months and years by the calendar, the day cut to the length of the month', () => {
    expect(iso('P1M')).to.equal('2030-02-28T10:20:30.250Z');
    expect(iso('P2Y1M')).to.equal('2032-02-29T10:20:30.250Z');
    expect(iso('P11M')).to.equal('2030-12-31T10:20:30.250Z');
  });

  it('counts weeks, days and times exactly', () => {
    expect(iso('P1W')).to.equal('2030-02-07T10:20:30.250Z');
    expect(iso('P1DT2H3M4S')).to.equal('2030-02-01T12:23:34.250Z');
    expect(iso('PT90M')).to.equal('2030-01-31T11:50:30.250Z');
  });

  it('knows what is none: no parts, no time behind T, nothing at all, a sign, a fraction', () => {
    for (const text of ['P', 'PT', 'P1DT', '1M', 'P0D', 'P-1M', 'P1.5D', 'p1m', '']) expect(iso(text), text).to.equal(undefined);
  });
});
