import { expect } from 'chai';
import fc from 'fast-check';
import { describePrice } from '../../../server/domain/plan-words.ts';
import { EMPTY_PLAN_FORM, formOfPlan, planFromForm, type PlanForm } from '../../../server/domain/plan-form.ts';
import { planHash } from '../../../server/domain/plan.ts';

const read = (form: Partial<PlanForm>) => planFromForm({ ...EMPTY_PLAN_FORM, ...form });
const words = (form: Partial<PlanForm>): string => {
  const reading = read(form);
  return reading.faults ? JSON.stringify(reading.faults) : describePrice(reading.plan);
};
const faults = (form: Partial<PlanForm>) => Object.keys(read(form).faults ?? {}).sort();

describe('planFromForm', () => {
  it('makes the plans of the demonstration', () => {
    expect(words({ kind: 'free', quota: 'hard', quotaLimit: '500' })).to.equal('500 calls, free of charge');
    expect(words({ kind: 'fee', fee: '10.00', included: '1,000', price: '0.005', per: '1' })).to.equal(
      'USD 10.00 a month, 1,000 calls included, then USD 5.00 per 1,000 calls',
    );
    expect(words({ kind: 'payg', price: '0.002', per: '1' })).to.equal('USD 2.00 per 1,000 calls');
  });

  it('prices the same whether a price is for one call or for a thousand', () => {
    expect(words({ kind: 'payg', price: '0.002', per: '1' })).to.equal(words({ kind: 'payg', price: '2', per: '1000' }));
  });

  it('makes tiers, dividing their price exactly', () => {
    expect(
      words({
        kind: 'tiers',
        per: '1000',
        tiers: [
          { upTo: '10,000', price: '2.00' },
          { upTo: '', price: '1.00' },
        ],
      }),
    ).to.equal('1 to 10,000: USD 2.00 per 1,000 calls; from 10,001: USD 1.00 per 1,000 calls');
  });

  it('keeps money exact where a float would not', () => {
    const reading = read({ kind: 'payg', price: '0.000000000001', per: '1' });
    expect(reading.faults).to.equal(undefined);
    expect(reading.document?.meters[0]?.price).to.include({ unit_amount_decimal: '0.0000000001' });
    expect(read({ kind: 'fee', fee: '92233720368547758.07', quota: 'hard', quotaLimit: '1' }).document?.base_amount).to.equal('9223372036854775807');
  });

  it('names every fault by its field', () => {
    expect(faults({ kind: 'fee' })).to.deep.equal(['fee', 'price']);
    expect(faults({ kind: 'fee', fee: '10.001', price: '1' })).to.deep.equal(['fee']);
    expect(faults({ kind: 'fee', fee: '-1', price: '1' })).to.deep.equal(['fee']);
    expect(faults({ kind: 'fee', fee: '0', price: '1' })).to.deep.equal(['fee']);
    expect(faults({ kind: 'fee', fee: '1', included: '1000', quota: 'hard', quotaLimit: '500' })).to.deep.equal(['quotaLimit']);
    expect(faults({ kind: 'free' })).to.deep.equal(['quota']);
    expect(faults({ kind: 'free', quota: 'hard' })).to.deep.equal(['quotaLimit']);
    expect(faults({ kind: 'payg', price: '1e3' })).to.deep.equal(['price']);
    expect(faults({ kind: 'payg', price: '1', rateCalls: 'many' })).to.deep.equal(['rateCalls']);
    expect(faults({ kind: 'payg', price: '1', currency: 'xxx' })).to.deep.equal(['currency']);
    expect(faults({ kind: 'tiers' })).to.deep.equal(['tierPrice0']);
    expect(
      faults({
        kind: 'tiers',
        tiers: [
          { upTo: '10', price: '1' },
          { upTo: '5', price: '1' },
          { upTo: '', price: '1' },
        ],
      }),
    ).to.deep.equal(['tierUpTo1']);
    expect(faults({ kind: 'tiers', tiers: [{ upTo: '10', price: '1' }] })).to.deep.equal(['tierUpTo0']);
    expect(faults({ kind: 'fee', currency: 'jpy', fee: '10.5', price: '1' })).to.deep.equal(['fee']);
  });
});

describe('formOfPlan', () => {
  it('shows what makes the same plan again', () => {
    const digits = fc.integer({ min: 1, max: 1_000_000 }).map(String);
    const price = fc.tuple(fc.nat(9_999), fc.nat(999_999)).map(([whole, part]) => `${whole}.${String(part + 1).padStart(6, '0')}`);
    const form = fc.record({
      kind: fc.constantFrom('fee' as const, 'payg' as const, 'tiers' as const),
      currency: fc.constantFrom('usd', 'jpy', 'kwd', 'eur'),
      interval: fc.constantFrom('month' as const, 'year' as const),
      fee: digits,
      included: fc.oneof(fc.constant(''), digits),
      price,
      per: fc.constantFrom('1', '1000'),
      quota: fc.constantFrom('none' as const, 'soft' as const),
      quotaLimit: digits,
      rateCalls: fc.oneof(fc.constant(''), digits),
      rateSeconds: fc.constantFrom('1', '60'),
      billable: fc.constantFrom('2', '23', '234'),
      billAborted: fc.boolean(),
      tiers: fc.tuple(digits, price, price).map(([upTo, first, rest]) => [
        { upTo, price: first },
        { upTo: '', price: rest },
      ]),
    });
    fc.assert(
      fc.property(form, (typed) => {
        const first = planFromForm(typed);
        if (first.faults) return;
        const shown = formOfPlan(first.document);
        if (!shown) throw new Error('cannot be shown');
        const again = planFromForm(shown);
        if (again.faults) throw new Error(JSON.stringify(again.faults));
        expect(planHash(again.document)).to.equal(planHash(first.document));
      }),
    );
  });

  it('does not show a plan that has more than the form', () => {
    const { document } = read({ kind: 'payg', price: '1' });
    if (!document) throw new Error('no plan');
    expect(formOfPlan({ ...document, trial_days: 7 })).to.equal(undefined);
    expect(formOfPlan({ ...document, weights: { 'GET /x': 3 } })).to.equal(undefined);
    expect(formOfPlan({ ...document, cap: 1000 })).to.equal(undefined);
  });
});
