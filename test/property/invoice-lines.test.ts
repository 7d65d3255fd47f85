import { expect } from 'chai';
import fc from 'fast-check';
import { adjustmentLines, divide, usageLines, type BilledLine, type LineDraft, type PeriodUsage } from '../../server/domain/invoice-lines.ts';
import { parsePlanDocument, type Plan } from '../../server/domain/plan.ts';

const DAY_MS = 86_400_000;
const PERIOD = { startAt: Date.UTC(2030, 5, 1), endAt: Date.UTC(2030, 6, 1) };

const plan = fc
  .record({
    price: fc.integer({ min: 0, max: 3000 }),
    included: fc.nat(300),
    extra: fc.boolean(),
    commit: fc.nat(900),
    cap: fc.option(fc.integer({ min: 900, max: 4000 }), { nil: undefined }),
  })
  .map(({ price, included, extra, commit, cap }): Plan => {
    const meter = (code: string) => ({
      code,
      price: { model: 'per_unit', unit_amount_decimal: `${Math.floor(price / 1000)}.${`${price % 1000}`.padStart(3, '0')}`, included },
    });
    const reading = parsePlanDocument({
      currency: 'usd',
      interval: 'month',
      min_commit: commit,
      ...(cap !== undefined && { cap }),
      meters: [meter('requests'), ...(extra ? [meter('bytes_out')] : [])],
    });
    if (reading.fault) throw new Error(reading.fault.path);
    return reading.plan;
  });
const units = fc.record({ requests: fc.integer({ min: -40, max: 900 }), bytes: fc.integer({ min: -40, max: 900 }) });

const usageOf = (terms: readonly Plan[], counts: readonly { requests: number; bytes: number }[]): PeriodUsage => ({
  index: 3,
  period: PERIOD,
  windows: terms.map((entry, position) => ({
    key: `3.${position}`,
    versionId: `plan_v${position}`,
    planName: 'Starter',
    plan: entry,
    at: {
      startAt: PERIOD.startAt + position * 12 * DAY_MS,
      endAt: position === terms.length - 1 ? PERIOD.endAt : PERIOD.startAt + (position + 1) * 12 * DAY_MS,
    },
    units: new Map([
      ['requests', BigInt(counts[position]?.requests ?? 0)],
      ['bytes_out', BigInt(counts[position]?.bytes ?? 0)],
    ]),
  })),
});
const total = (lines: readonly { amountMinor: bigint }[]): bigint => lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
const billed = (lines: readonly LineDraft[]): BilledLine[] => lines.map(({ key, quantity, amountMinor }) => ({ key, quantity: quantity ?? 0n, amountMinor }));

describe('laws of invoice lines', () => {
  it('I16: what was billed for a period and its adjustments is what all its usage costs, with commitment and cap, over changes of plan', () => {
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 2 }), fc.array(units, { minLength: 1, maxLength: 5 }), (terms, arrivals) => {
        const sums = terms.map(() => ({ requests: 0, bytes: 0 }));
        let known: BilledLine[] = [];
        arrivals.forEach((arrival, round) => {
          const window = sums[round % sums.length];
          if (!window) return;
          window.requests = Math.max(0, window.requests + arrival.requests);
          window.bytes = Math.max(0, window.bytes + arrival.bytes);
          const usage = usageOf(terms, sums);
          known = [...known, ...billed(round === 0 ? usageLines(usage) : adjustmentLines(usage, known))];
          expect(total(known)).to.equal(total(usageLines(usage)));
          // Nothing new arrived since: no line.
          expect(adjustmentLines(usage, known)).to.deep.equal([]);
        });
      }),
    );
  });

  it('lines of other periods, and of other kinds, take no part in an adjustment', () => {
    fc.assert(
      fc.property(plan, units, (terms, count) => {
        const usage = usageOf([terms], [{ requests: Math.max(0, count.requests), bytes: Math.max(0, count.bytes) }]);
        const own = billed(usageLines(usage));
        const foreign = ['base', 'setup', 'requests.2.0.plan_v0', 'requests.33.0.plan_v0', 'adj.2.requests', 'commitment.2', 'cap.33'].map((key) => ({
          key,
          quantity: 7n,
          amountMinor: 7n,
        }));
        expect(adjustmentLines(usage, [...own, ...foreign])).to.deep.equal([]);
      }),
    );
  });

  it('I12: fee and share of every line make up the line', () => {
    fc.assert(
      fc.property(plan, units, fc.bigInt(0n, 10_000n), (terms, count, bps) => {
        const lines = usageLines(usageOf([terms], [{ requests: Math.max(0, count.requests), bytes: Math.max(0, count.bytes) }]));
        for (const { amountMinor, feeMinor, providerMinor } of divide(lines, bps, { stepMinor: 1n })) expect(feeMinor + providerMinor).to.equal(amountMinor);
      }),
    );
  });
});
