import { expect } from 'chai';
import fc from 'fast-check';
import { dearer } from '../../server/domain/plan-comparison.ts';
import { parsePlanDocument, type Plan } from '../../server/domain/plan.ts';
import { changesAhead, versionAt, type PublishedVersion } from '../../server/domain/plan-versions.ts';
import { rate, type PriceDocument } from '../../server/domain/pricing.ts';
import { boundary } from '../../server/domain/period.ts';

const planOf = (more: object): Plan => {
  const reading = parsePlanDocument({ currency: 'usd', interval: 'month', ...more });
  if (reading.fault) throw new Error(`${reading.fault.path} ${reading.fault.message}`);
  return reading.plan;
};
const metered = (price: PriceDocument, quota?: { limit: number; hard: boolean }): Plan =>
  planOf({ meters: [{ code: 'requests', price, ...(quota && { quota }) }] });
const perUnit = (unit_amount_decimal: string, included = 0): PriceDocument => ({ model: 'per_unit', unit_amount_decimal, included });

const UP_TO = 60;
const small = fc.integer({ min: 0, max: 12 });
const tiers = fc
  .uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 3 })
  .chain((bounds) =>
    fc
      .array(fc.record({ unit: small, flat: small }), { minLength: bounds.length + 1, maxLength: bounds.length + 1 })
      .map((amounts) =>
        amounts.map(({ unit, flat }, index) => ({ up_to: bounds.sort((a, b) => a - b)[index] ?? null, unit_amount_decimal: `${unit}`, flat_amount: flat })),
      ),
  );
const price: fc.Arbitrary<PriceDocument> = fc.oneof(
  fc.record({ model: fc.constant('per_unit' as const), unit_amount_decimal: small.map(String), divide_by: fc.integer({ min: 1, max: 9 }), included: small }),
  fc.record({ model: fc.constant('package' as const), package_size: fc.integer({ min: 1, max: 9 }), package_amount: small, included: small }),
  fc.record({ model: fc.constantFrom('graduated' as const, 'volume' as const), tiers, included: small }),
);
const quota = fc.option(fc.record({ limit: fc.integer({ min: 1, max: 40 }), hard: fc.boolean() }), { nil: undefined });

/** What that many calls cost where calls beyond a hard quota are refused. */
function costs(plan: Plan, calls: bigint) {
  const [meter] = plan.meters;
  if (!meter) throw new Error('no meter');
  return rate(meter.price, meter.quota?.hard && calls > meter.quota.limit ? meter.quota.limit : calls);
}
const more = (after: Plan, before: Plan, calls: bigint): boolean => {
  const [a, b] = [costs(after, calls), costs(before, calls)];
  return a.n * b.d > b.n * a.d;
};

describe('what gets dearer (rule N6)', () => {
  it('is told whenever some number of calls costs more, and for prices without steps only then or for a tighter quota', () => {
    fc.assert(
      fc.property(price, quota, price, quota, (was, had, is, has) => {
        const [before, after] = [metered(was, had), metered(is, has)];
        const costsMore = Array.from({ length: UP_TO }, (_, calls) => BigInt(calls)).some((calls) => more(after, before, calls));
        const told = dearer(before, after);
        if (costsMore) expect(told).to.not.deep.equal([]);
        const far = [10n ** 6n, 10n ** 12n].some((calls) => more(after, before, calls));
        const tighter = (has && (!had || has.limit < had.limit)) || (has?.hard && had && !had.hard);
        if (was.model !== 'package' && is.model !== 'package' && !costsMore && !far && !tighter) expect(told).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });

  it('is nothing when a plan is compared with itself', () => {
    fc.assert(
      fc.property(price, quota, (terms, limits) => {
        expect(dearer(metered(terms, limits), metered(terms, limits))).to.deep.equal([]);
      }),
    );
  });

  const CASES: readonly (readonly [string, Plan, Plan, string | null])[] = [
    ['a higher fee', planOf({ base_amount: 1000 }), planOf({ base_amount: 1001 }), 'fee'],
    ['a lower fee', planOf({ base_amount: 1000 }), planOf({ base_amount: 999 }), null],
    ['a price 10⁻¹² higher', metered(perUnit('0.5')), metered(perUnit('0.500000000001')), 'price'],
    ['fewer included calls', metered(perUnit('0.5', 1000)), metered(perUnit('0.5', 999)), 'price'],
    ['fewer included calls where all are free', metered(perUnit('0', 1000)), metered(perUnit('0', 1)), null],
    [
      'smaller packages at the same price',
      metered({ model: 'package', package_size: 250, package_amount: 95 }),
      metered({ model: 'package', package_size: 249, package_amount: 95 }),
      'price',
    ],
    [
      'larger packages at the same price',
      metered({ model: 'package', package_size: 250, package_amount: 95 }),
      metered({ model: 'package', package_size: 260, package_amount: 95 }),
      null,
    ],
    [
      'packages of half the size at half the price',
      metered({ model: 'package', package_size: 250, package_amount: 90 }),
      metered({ model: 'package', package_size: 125, package_amount: 45 }),
      null,
    ],
    ['the price of a call instead of packages', metered({ model: 'package', package_size: 100, package_amount: 100 }), metered(perUnit('1')), null],
    ['packages instead of the price of a call', metered(perUnit('1')), metered({ model: 'package', package_size: 100, package_amount: 100 }), 'price'],
    ['a minimum', planOf({}), planOf({ min_commit: 1 }), 'terms'],
    ['a cap that rises', planOf({ cap: 100 }), planOf({ cap: 101 }), 'terms'],
    ['a cap that falls away', planOf({ cap: 100 }), planOf({}), 'terms'],
    ['a cap that comes', planOf({}), planOf({ cap: 100 }), null],
    ['a quota', metered(perUnit('0')), metered(perUnit('0'), { limit: 500, hard: false }), 'quota'],
    ['a smaller quota', metered(perUnit('0'), { limit: 500, hard: true }), metered(perUnit('0'), { limit: 499, hard: true }), 'quota'],
    ['a hard quota', metered(perUnit('1'), { limit: 500, hard: false }), metered(perUnit('1'), { limit: 500, hard: true }), 'quota'],
    ['a larger free quota', metered(perUnit('0'), { limit: 500, hard: true }), metered(perUnit('0'), { limit: 900, hard: true }), null],
    ['charges where calls were refused', metered(perUnit('1'), { limit: 500, hard: true }), metered(perUnit('1')), 'quota'],
    ['a rate limit', planOf({}), planOf({ rate_limit: { calls: 10, seconds: 1 } }), 'rateCalls'],
    ['fewer calls a second', planOf({ rate_limit: { calls: 10, seconds: 1 } }), planOf({ rate_limit: { calls: 9, seconds: 1 } }), 'rateCalls'],
    ['the same rate over a longer span', planOf({ rate_limit: { calls: 10, seconds: 2 } }), planOf({ rate_limit: { calls: 20, seconds: 4 } }), null],
    ['the same number over a longer span', planOf({ rate_limit: { calls: 10, seconds: 2 } }), planOf({ rate_limit: { calls: 10, seconds: 3 } }), 'rateCalls'],
    ['no rate limit any more', planOf({ rate_limit: { calls: 10, seconds: 1 } }), planOf({}), null],
    ['more answers', planOf({}), planOf({ billable_statuses: ['2xx', '404'] }), 'billable'],
    ['the same answers in other words', planOf({ billable_statuses: ['2xx', '200'] }), planOf({ billable_statuses: ['200', '2xx'] }), null],
    ['calls that are broken off', planOf({}), planOf({ bill_aborted: true }), 'billAborted'],
    ['a heavier operation', planOf({}), planOf({ weights: { 'GET /a': 2 } }), 'terms'],
    ['a lighter operation', planOf({}), planOf({ weights: { 'GET /a': 0 } }), null],
    ['a meter more', planOf({}), metered(perUnit('1')), 'price'],
    ['a meter less', metered(perUnit('1')), planOf({}), null],
    ['another currency', planOf({}), planOf({ currency: 'eur' }), 'currency'],
    ['a set-up fee and a shorter trial', planOf({ trial_days: 30 }), planOf({ setup_amount: 900 }), null],
  ];
  for (const [name, before, after, field] of CASES)
    it(`${field === null ? 'is not' : 'is'} ${name}`, () => expect(dearer(before, after).map((one) => one.field)).to.deep.equal(field === null ? [] : [field]));

  it('is fewer calls that count, where more of them reach a cheaper tier for all', () => {
    const volume = {
      model: 'volume',
      tiers: [
        { up_to: 10, unit_amount_decimal: '5' },
        { up_to: null, unit_amount_decimal: '1' },
      ],
    };
    const meters = [{ code: 'requests', price: volume }];
    expect(dearer(planOf({ meters, bill_aborted: true }), planOf({ meters }))).to.have.length(1);
  });
});

describe('versions ahead of a subscription (rule N6)', () => {
  const anchorAt = Date.UTC(2030, 0, 31, 6, 45);
  const version = fc.record({
    effectiveAt: fc.option(
      fc.integer({ min: -10, max: 400 }).map((days) => anchorAt + days * 86_400_000),
      { nil: null },
    ),
    standing: fc.constantFrom('announced' as const, 'in-force' as const, 'offered' as const, 'withdrawn' as const),
    currency: fc.constantFrom('usd', 'usd', 'usd', 'eur'),
  });
  const plan = fc
    .array(version, { minLength: 1, maxLength: 6 })
    .map((given) =>
      given.map(({ currency, ...one }, index): PublishedVersion => ({ ...one, _id: `v${index}`, n: index, document: { currency, interval: 'month' } })),
    );

  it('take effect with the first period that starts at or after their instant, the newest of them, and never go back', () => {
    fc.assert(
      fc.property(plan, fc.integer({ min: 0, max: 5 }), (versions, periodIndex) => {
        const [first] = versions;
        if (!first) return;
        // What happens, period by period.
        const walked: string[] = [];
        let held = first._id;
        for (let index = periodIndex + 1; index < 30; index += 1) {
          const at = boundary(anchorAt, 'month', index);
          const next = versionAt(versions, held, at);
          if (next === held) continue;
          const found = versions.find(({ _id }) => _id === next);
          expect(found?.effectiveAt).to.be.a('number').that.is.at.most(at);
          expect(found).to.include({ document: found?.document }).and.not.include({ standing: 'withdrawn' });
          expect(found?.document.currency).to.equal(first.document.currency);
          expect(found?.n).to.be.greaterThan(versions.find(({ _id }) => _id === held)?.n ?? 0);
          walked.push(`${next}@${at}`);
          held = next;
        }
        const said = changesAhead(versions, { planVersionId: first._id, anchorAt, interval: 'month', periodIndex });
        expect(said.map(({ toId, at }) => `${toId}@${at}`)).to.deep.equal(walked);
      }),
    );
  });
});
