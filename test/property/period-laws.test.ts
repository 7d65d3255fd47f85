import { expect } from 'chai';
import fc from 'fast-check';
import { boundaries, within } from '../../server/domain/period.ts';

const COUNT = 60;
const anchor = fc.integer({ min: Date.UTC(2000, 0, 1) / 1000, max: Date.UTC(2999, 11, 31) / 1000 }).map((seconds) => seconds * 1000);
const interval = fc.constantFrom('month' as const, 'year' as const);

/** A second way to the boundary: by walking month by month, day by day. */
function naive(anchorAt: number, months: number): string {
  const [date = '', time = ''] = new Date(anchorAt).toISOString().split('T');
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number);
  let [y, m] = [year, month];
  for (let step = 0; step < months; step += 1) [y, m] = m === 12 ? [y + 1, 1] : [y, m + 1];
  const leap = (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
  const length = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][m - 1] ?? 0;
  return `${y}-${`${m}`.padStart(2, '0')}-${`${Math.min(day, length)}`.padStart(2, '0')}T${time}`;
}

describe('laws of periods', () => {
  it('I25: boundaries strictly increase, keep the time of day, and equal a walk over the calendar', () => {
    fc.assert(
      fc.property(anchor, interval, (at, every) => {
        const list = boundaries(at, every, COUNT);
        list.forEach((boundary, index) => {
          expect(new Date(boundary).toISOString()).to.equal(naive(at, index * (every === 'year' ? 12 : 1)));
          if (index > 0) expect(boundary).to.be.greaterThan(list[index - 1] ?? 0);
        });
      }),
    );
  });

  it('I3: periods tile time; every instant from the anchor on lies in exactly one', () => {
    fc.assert(
      fc.property(anchor, interval, fc.double({ min: 0, max: 1, noNaN: true }), (at, every, part) => {
        const list = boundaries(at, every, COUNT);
        const end = list.at(-1) ?? at;
        const instant = Math.min(end - 1, at + Math.floor((end - at) * part));
        const periods = list.slice(0, -1).map((startAt, index) => ({ startAt, endAt: list[index + 1] ?? 0 }));
        expect(periods.filter((period) => within(period, instant))).to.have.length(1);
      }),
    );
  });
});
