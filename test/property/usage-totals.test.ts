import { expect } from 'chai';
import fc from 'fast-check';
import { isBillableOutcome } from '../../server/domain/billable.ts';
import { addTotal, differencesOf, sumOf, totalsOf, type CountedEntry, type Total } from '../../server/domain/usage-totals.ts';

const RULES = [
  { billableStatuses: ['2xx'], billAborted: false },
  { billableStatuses: ['2xx', '404'], billAborted: true },
] as const;
const ruleOf = (_sub: string, window: string) => RULES[window === '0.0' ? 0 : 1];

const entry: fc.Arbitrary<CountedEntry> = fc.record({
  sub: fc.constantFrom('', 'sub_a', 'sub_b'),
  window: fc.constantFrom('0.0', '0.1'),
  hour: fc.integer({ min: 0, max: 60 }).map((n) => (500_000 + n) * 3_600_000),
  outcome: fc.constantFrom('200', '404', '500', 'aborted', 'broken', 'unknown', 'refused.throttled', 'replay'),
  calls: fc.bigInt(1n, 2n ** 60n),
  units: fc.dictionary(fc.constantFrom('requests', 'tokens'), fc.bigInt(0n, 2n ** 60n), { noNullPrototype: true }),
  bytesIn: fc.bigInt(0n, 2n ** 50n),
  bytesOut: fc.bigInt(0n, 2n ** 50n),
});

const together = (batches: readonly (readonly CountedEntry[])[]): Map<string, Total> => {
  const totals = new Map<string, Total>();
  for (const batch of batches) for (const total of totalsOf(batch, ruleOf).values()) addTotal(totals, total);
  return totals;
};

describe('usage totals: laws', () => {
  it('I2: any order and any split of the entries gives the same totals', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 40 }).chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.array(fc.nat(8)))),
        ([all, shuffled, cuts]) => {
          const batches: CountedEntry[][] = [[]];
          shuffled.forEach((one, n) => {
            batches.at(-1)?.push(one);
            if ((cuts[n % Math.max(1, cuts.length)] ?? 0) > 4) batches.push([]);
          });
          expect(differencesOf(together(batches), totalsOf(all, ruleOf))).to.deep.equal([]);
        },
      ),
    );
  });

  it('I1: billable units are those of the entries that the plan of their window bills, and calls are all calls', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40 }), (all) => {
        const totals = [...totalsOf(all, ruleOf).values()];
        const mine = all.filter(({ sub }) => sub === 'sub_a');
        const billed = mine.filter(({ window, outcome }) => isBillableOutcome(ruleOf('sub_a', window), outcome));
        const of = (meter: string) => sumOf(totals.filter((total) => total.sub === 'sub_a' && total.meter === meter));
        for (const meter of ['requests', 'tokens']) expect(of(meter).billable).to.equal(billed.reduce((sum, { units }) => sum + (units[meter] ?? 0n), 0n));
        expect(of('requests').calls).to.equal(mine.reduce((sum, { calls }) => sum + calls, 0n));
        expect(of('requests').billableCalls).to.equal(billed.reduce((sum, { calls }) => sum + calls, 0n));
        expect(totals.filter(({ sub }) => sub === '')).to.deep.equal([]);
      }),
    );
  });

  it('names every quantity that differs, and by how much', () => {
    const base = { sub: 'sub_a', window: '0.0', hour: 0, outcome: '200', units: { requests: 3n }, bytesIn: 0n, bytesOut: 0n };
    const differences = differencesOf(totalsOf([{ ...base, calls: 2n }], ruleOf), totalsOf([{ ...base, calls: 3n }], ruleOf));
    expect(differences.map(({ quantity, inTotals, inBatches }) => [quantity, inTotals, inBatches])).to.deep.equal([
      ['calls', 2n, 3n],
      ['billableCalls', 2n, 3n],
    ]);
  });
});
