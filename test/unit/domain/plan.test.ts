import { expect } from 'chai';
import { canonicalJson, parsePlanDocument, planHash, planOf, type PlanDocument } from '../../../server/domain/plan.ts';
import { describePrice, describeTerms } from '../../../server/domain/plan-words.ts';

const STARTER = {
  currency: 'usd',
  interval: 'month',
  base_amount: 1000,
  meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.5', included: 1000 } }],
};

const documentOf = (json: unknown): PlanDocument => {
  const reading = parsePlanDocument(json);
  if (reading.fault) throw new Error(reading.fault.path);
  return reading.document;
};
const faultOf = (change: object): string => parsePlanDocument({ ...STARTER, ...change }).fault?.path ?? 'accepted';
const words = (change: object): string => describePrice(planOf(documentOf({ ...STARTER, ...change })));
const meter = (price: object, more = {}) => ({ meters: [{ code: 'requests', price, ...more }] });

describe('the plan document', () => {
  it('stands with every default written out, and reads back as itself', () => {
    const document = documentOf(STARTER);
    expect(document).to.deep.include({
      setup_amount: 0,
      weights: {},
      trial_days: 0,
      min_commit: 0,
      billable_statuses: ['2xx'],
      bill_aborted: false,
      overage_stop: false,
    });
    expect(document).not.to.have.property('cap');
    expect(documentOf(document)).to.deep.equal(document);
    expect(documentOf(JSON.parse(JSON.stringify(document)))).to.deep.equal(document);
  });

  it('hashes alike for equal plans, whatever the order of keys and the spelling of integers, and otherwise differently', () => {
    const { meters, ...rest } = STARTER;
    expect(planHash(documentOf({ meters, ...rest, base_amount: '1000', cap: '5000' }))).to.equal(planHash(documentOf({ ...STARTER, cap: 5000 })));
    expect(planHash(documentOf({ ...STARTER, base_amount: 1001 }))).not.to.equal(planHash(documentOf(STARTER)));
    expect(canonicalJson({ b: [2, { d: null, c: 'x' }], a: undefined })).to.equal('{"b":[2,{"c":"x","d":null}]}');
  });

  it('names the value at fault', () => {
    expect(faultOf({})).to.equal('accepted');
    expect(faultOf({ interval: 'week' })).to.equal('interval');
    expect(faultOf({ currency: 'ugx' })).to.equal('currency');
    expect(faultOf({ currency: 'kwd', base_amount: 1235 })).to.equal('base_amount');
    expect(faultOf({ surprise: 1 })).to.equal('surprise');
    expect(faultOf(meter({ model: 'per_unit', unit_amount_decimal: 0.5 }))).to.equal('meters[0].price.unit_amount_decimal');
    expect(faultOf({ meters: [STARTER.meters[0], STARTER.meters[0]] })).to.equal('meters[1].code');
    expect(faultOf({ meters: [{ ...STARTER.meters[0], code: 'bytes', quota: { limit: 5, hard: true } }] })).to.equal('meters[0].max_per_call');
    expect(faultOf({ meters: [{ ...STARTER.meters[0], code: 'a.b' }] })).to.equal('meters[0].code');
    expect(faultOf({ min_commit: 500, cap: 400 })).to.equal('cap');
    expect(faultOf({ rate_limit: { calls: 0, seconds: 1 } })).to.equal('rate_limit.calls');
    expect(faultOf({ weights: { 'GET /x': '-1' } })).to.equal('weights.GET /x');
    expect(faultOf({ billable_statuses: ['2xx', 'ok'] })).to.equal('billable_statuses[1]');
    expect(parsePlanDocument([]).fault?.path).to.equal('');
  });

  it('tells its price in one sentence', () => {
    expect(words({})).to.equal('USD 10.00 a month, 1,000 calls included, then USD 5.00 per 1,000 calls');
    expect(words({ base_amount: 0, ...meter({ model: 'per_unit', unit_amount_decimal: '0.2' }) })).to.equal('USD 2.00 per 1,000 calls');
    expect(words({ base_amount: 0, ...meter({ model: 'per_unit', unit_amount_decimal: '5' }) })).to.equal('USD 0.05 per call');
    expect(words({ base_amount: 0, ...meter({ model: 'per_unit', unit_amount_decimal: '0' }, { quota: { limit: 500, hard: true } }) })).to.equal(
      '500 calls, free of charge',
    );
    expect(words({ currency: 'jpy', interval: 'year', ...meter({ model: 'package', package_size: 250, package_amount: 95 }) })).to.equal(
      'JPY 1,000 a year, JPY 95 per started 250 calls',
    );
    expect(
      words({
        base_amount: 0,
        ...meter({
          model: 'graduated',
          tiers: [
            { up_to: 100, unit_amount_decimal: '0' },
            { up_to: null, unit_amount_decimal: '0.5', flat_amount: 100 },
          ],
        }),
      }),
    ).to.equal('1 to 100: free; from 101: USD 5.00 per 1,000 calls and USD 1.00 flat');
    expect(words({ base_amount: 0, meters: [] })).to.equal('Free of charge');
  });

  it('tells every rule a buyer must know before paying', () => {
    const full = {
      trial_days: 14,
      cap: 9000,
      min_commit: 500,
      setup_amount: 250,
      rate_limit: { calls: 10, seconds: 1 },
      weights: { 'GET /big': 5 },
      bill_aborted: true,
      billable_statuses: ['2xx', '404'],
    };
    const terms = describeTerms(
      planOf(documentOf({ ...STARTER, ...full, ...meter(STARTER.meters[0]?.price ?? {}, { quota: { limit: 500, hard: true } }) })),
    ).join('\n');
    for (const text of [
      'At most 500 calls a month',
      '10 calls in a second',
      '2xx, 404',
      'calls you break off',
      'USD 2.50 once',
      '14 days',
      'at least USD 5.00',
      'at most USD 90.00',
      'in advance',
    ]) {
      expect(terms).to.include(text);
    }
  });
});
