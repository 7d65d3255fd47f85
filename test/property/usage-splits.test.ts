import { expect } from 'chai';
import fc from 'fast-check';
import {
  addSplit,
  DIMENSIONS,
  fitSplit,
  knownOf,
  NO_PARTS,
  OTHER_VALUE,
  splitDifferences,
  splitsOf,
  VALUES_MAX,
  type Split,
  type SplitEntry,
} from '../../server/domain/usage-splits.ts';
import { NO_USAGE, plus, sumOf, totalsOf } from '../../server/domain/usage-totals.ts';

const ruleOf = (_sub: string, window: string) => ({ billableStatuses: window === '0.0' ? ['2xx'] : ['2xx', '404'], billAborted: false });

const entry: fc.Arbitrary<SplitEntry> = fc.record({
  sub: fc.constantFrom('', 'sub_a', 'sub_b'),
  window: fc.constantFrom('0.0', '0.1'),
  hour: fc.integer({ min: 0, max: 60 }).map((n) => (500_000 + n) * 3_600_000),
  app: fc.constantFrom('app_1', 'app_2'),
  credential: fc.constantFrom('', 'crd_1', 'crd_2'),
  operation: fc.constantFrom('GET /things', 'GET /things/{id}', 'POST /v1.0/$batch'),
  outcome: fc.constantFrom('200', '404', '500', 'aborted', 'refused.throttled'),
  calls: fc.bigInt(1n, 2n ** 60n),
  units: fc.dictionary(fc.constantFrom('requests', 'tokens'), fc.bigInt(0n, 2n ** 60n), { noNullPrototype: true }),
  bytesIn: fc.bigInt(0n, 2n ** 50n),
  bytesOut: fc.bigInt(0n, 2n ** 50n),
});

const together = (batches: readonly (readonly SplitEntry[])[]): Map<string, Split> => {
  const splits = new Map<string, Split>();
  for (const batch of batches) for (const split of splitsOf(batch, ruleOf).values()) addSplit(splits, split);
  return splits;
};
const allOf = (parts: Split['by']['app']) => {
  let all = NO_USAGE;
  for (const hours of parts.values()) for (const quantities of hours.values()) all = plus(all, quantities);
  return all;
};

describe('usage splits: laws', () => {
  it('I1: the parts of each dimension together are the total of their day', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40 }), (all) => {
        const totals = [...totalsOf(all, ruleOf).values()].filter(({ meter }) => meter === 'requests');
        const splits = [...splitsOf(all, ruleOf).values()];
        expect(splits).to.have.length(totals.length);
        for (const { sub, window, day, by } of splits) {
          const total = totals.filter((one) => one.sub === sub && one.window === window && one.day === day);
          for (const dimension of DIMENSIONS) expect(allOf(by[dimension])).to.deep.equal(sumOf(total));
        }
      }),
    );
  });

  it('I2: any order and any division of the entries gives the same splits', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 40 }).chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(40))),
        ([all, shuffled, cut]) => {
          const batches = [shuffled.slice(0, cut), shuffled.slice(cut)];
          expect(splitDifferences(together(batches), splitsOf(all, ruleOf))).to.deep.equal([]);
        },
      ),
    );
  });

  it('lose nothing to their bound: a full split counts further values together, and known ones by themselves as before', () => {
    const named = (n: number, calls: bigint): SplitEntry => ({
      sub: 'sub_a',
      window: '0.0',
      hour: 0,
      app: 'app_1',
      credential: 'crd_1',
      operation: `GET /${n}`,
      outcome: '200',
      calls,
      units: { requests: calls },
      bytesIn: 0n,
      bytesOut: 0n,
    });
    const of = (entries: SplitEntry[]) => [...splitsOf(entries, ruleOf).values()][0] as Split;
    const first = fitSplit(of(Array.from({ length: VALUES_MAX + 5 }, (_, n) => named(n, 1n))), knownOf({ by: NO_PARTS }));
    expect(first.by.operation.size).to.equal(VALUES_MAX + 1);
    expect(first.by.operation.get(OTHER_VALUE)?.get(0)?.calls).to.equal(5n);
    expect(allOf(first.by.operation).calls).to.equal(BigInt(VALUES_MAX + 5));
    const later = fitSplit(of([named(0, 3n), named(VALUES_MAX, 4n), named(9_999, 2n)]), knownOf(first));
    expect([...later.by.operation].map(([value, hours]) => [value, hours.get(0)?.calls])).to.deep.equal([
      ['GET /0', 3n],
      [OTHER_VALUE, 6n],
    ]);
  });
});
