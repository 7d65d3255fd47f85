import { expect } from 'chai';
import fc from 'fast-check';
import { planOf } from '../../../server/domain/plan.ts';
import { changesOf } from '../../../server/web/present/audit.ts';
import { barChart } from '../../../server/web/present/chart.ts';
import { formModel } from '../../../server/web/present/form.ts';
import { firstOpen, navigation } from '../../../server/web/present/navigation.ts';
import { counted, grouped, percentOf } from '../../../server/web/present/number.ts';
import { address, pageOf, pagination, placeOf } from '../../../server/web/present/pagination.ts';
import { comparePlans, limitWords, quotePlans, readCalls } from '../../../server/web/present/plan.ts';
import { apiTitle } from '../../../server/web/present/provider.ts';
import { STATUSES, statusWord } from '../../../server/web/present/status.ts';
import { curl, snippets } from '../../../server/web/present/snippet.ts';
import { dateWords, durationWords, timeWords } from '../../../server/web/present/time.ts';
import { INVOICE_MOVES, PERIOD_MOVES, PRODUCT_MOVES, SUBSCRIPTION_MOVES } from '../../../server/domain/lifecycles.ts';
import { DEMO_PLANS, definition, parameter, planDocument } from '../../support/listings.ts';

describe('present', () => {
  it('writes times in UTC, whatever the machine thinks', () => {
    const at = Date.UTC(2029, 5, 30, 23, 59, 59);
    expect(dateWords(at)).to.equal('30 Jun 2029');
    expect(timeWords(at)).to.equal('30 Jun 2029, 23:59 UTC');
    expect([0, 999, 1_000, 59_999, 60_000, 7_200_000, 172_800_000].map(durationWords)).to.deep.equal([
      'less than a second',
      'less than a second',
      '1 second',
      '59 seconds',
      '1 minute',
      '2 hours',
      '2 days',
    ]);
  });
  it('tells a change field by field, times in words, what stayed left out', () => {
    const at = Date.UTC(2026, 10, 24, 11, 53);
    expect(
      changesOf(
        { status: 'pending', plan: { rate: 1, quota: 5 } },
        { status: 'active', anchorAt: at, notAfter: null, plan: { rate: 2, quota: 5 }, live: true },
      ),
    ).to.deep.equal([
      { field: 'Status', before: 'pending', after: 'active' },
      { field: 'Plan, rate', before: '1', after: '2' },
      { field: 'Anchor at', before: '', after: '24 Nov 2026, 11:53 UTC' },
      { field: 'Not after', before: '', after: 'none' },
      { field: 'Live', before: '', after: 'yes' },
    ]);
    expect(changesOf(null, null)).to.deep.equal([]);
    expect(changesOf(undefined, { ids: ['a', 'b'], totalMinor: 12n, list: [{ n: 1n }], startsAt: 7 })).to.deep.equal([
      { field: 'Ids', before: '', after: 'a, b' },
      { field: 'Total minor', before: '', after: '12' },
      { field: 'List, 1, n', before: '', after: '1' },
      { field: 'Starts at', before: '', after: '7' },
    ]);
  });
  it('calls an imported API by its summary, and one that has a name by its name', () => {
    expect(apiTitle({ name: 'getCountry', summary: 'One country' })).to.equal('One country');
    expect(apiTitle({ name: 'getCountry', summary: '' })).to.equal('getCountry');
    expect(apiTitle({ name: 'The weather', summary: 'Rain and sun, by the hour' })).to.equal('The weather');
  });
  it('groups digits without losing any', () => {
    fc.assert(fc.property(fc.bigInt(), (n) => grouped(n).replaceAll(',', '') === String(n)));
    expect(grouped(1234567)).to.equal('1,234,567');
    expect(grouped(-1234n)).to.equal('-1,234');
    expect(grouped('1234.5678')).to.equal('1,234.5678');
    expect(counted(1, 'call')).to.equal('1 call');
    expect(counted(1000n, 'API', 'APIs')).to.equal('1,000 APIs');
  });
  it('fills a bar only when nothing is left', () => {
    expect(percentOf(999, 1000)).to.equal(99);
    expect(percentOf(1000, 1000)).to.equal(100);
    expect(percentOf(5000, 1000)).to.equal(100);
    expect(percentOf(0, 0)).to.equal(100);
  });
  it('has a word for every status of every life', () => {
    for (const [kind, moves] of Object.entries({ invoice: INVOICE_MOVES, period: PERIOD_MOVES, product: PRODUCT_MOVES, subscription: SUBSCRIPTION_MOVES })) {
      expect(Object.keys(STATUSES[kind] ?? {})).to.have.members(Object.keys(moves));
    }
    expect(statusWord('invoice', 'needs_review')).to.deep.equal(['Needs review', 'warn']);
    expect(statusWord('unknown', 'odd_one')).to.deep.equal(['odd one', 'quiet']);
  });
  it('keeps the query when it turns a page, and the first page has no number', () => {
    const pages = pagination('/apis', { q: 'a b', tag: ['x', 'y'], page: '2', none: undefined }, { page: 2, size: 24, total: 60 });
    const ends = { first: null, last: null };
    expect(pages).to.deep.equal({ from: 25, to: 48, total: 60, previous: '/apis?q=a+b&tag=x&tag=y', next: '/apis?q=a+b&tag=x&tag=y&page=3', ...ends });
    expect(pagination('/apis', {}, { page: 1, size: 24, total: 0 })).to.deep.equal({ from: 0, to: 0, total: 0, previous: null, next: null, ...ends });
    const other = pagination('/x', { page: '4', ended: '3' }, { page: 3, size: 10, total: 60 }, 'ended');
    expect([other.first, other.previous, other.next, other.last]).to.deep.equal(
      ['', '&ended=2', '&ended=4', '&ended=6'].map((ended) => `/x?page=4${ended}#ended`),
    );
    expect([placeOf({ page: '2', ended: '1', q: 'a' }, 'page', 'ended'), placeOf({ page: '"' }, 'page')]).to.deep.equal(['?page=2', '']);
    expect(address('/x', { a: '', b: undefined })).to.equal('/x');
    expect(['1', '7', '0', '-1', '1e3', 'x', ['2'], undefined, '99999999'].map(pageOf)).to.deep.equal([1, 7, 1, 1, 1, 1, 1, 1, 1]);
  });
  it('marks only the most exact entry of the navigation', () => {
    const current = navigation('/organization/members', { sells: true, operates: true }, () => true)
      .flatMap(({ entries }) => entries)
      .filter((entry) => entry.current);
    expect(current.map(({ href }) => href)).to.deep.equal(['/organization/members']);
    expect(navigation('/dashboard', { sells: false, operates: false }, () => true).map(({ title }) => title)).not.to.include('Operator');
    expect(navigation('/', null, () => true)).to.deep.equal([]);
  });
  it('leads only to what may be opened, and whoever sees no dashboard begins at the first of it', () => {
    const mayOnly = (action: string) => action === 'apig:instances:get';
    const sides = { sells: false, operates: false };
    expect(navigation('/gateways', sides, mayOnly).flatMap(({ entries }) => entries.map(({ href }) => href))).to.deep.equal(['/gateways']);
    expect([firstOpen(sides, mayOnly), firstOpen(sides, () => true), firstOpen(sides, () => false)]).to.deep.equal(['/gateways', '/dashboard', undefined]);
  });
});

describe('formModel', () => {
  const FIELDS = {
    name: { label: 'Name', required: true },
    kind: {
      label: 'Kind',
      type: 'radio',
      options: [
        { value: 'a', label: 'A' },
        { value: 'b', label: 'B' },
      ],
    },
    secret: { label: 'Secret', type: 'password' },
    agreed: { label: 'Agreed', type: 'checkbox' },
  } as const;
  it('keeps what was typed, never a password', () => {
    const form = formModel(FIELDS, { name: 'x', kind: 'b', secret: 'hunter2', agreed: 'true' });
    expect(form.name).to.include({ id: 'name', value: 'x', error: null });
    expect(form.kind.options.map(({ selected }) => selected)).to.deep.equal([false, true]);
    expect(form.secret.value).to.equal('');
    expect(form.agreed.checked).to.equal(true);
    expect(JSON.stringify(form)).not.to.contain('hunter2');
  });
  it('lists faults in the order of the fields, with a link to each, and keeps those of no field', () => {
    const { faults } = formModel(FIELDS, {}, { kind: 'Choose one.', name: 'This is needed.', '': 'Too many attempts.' }, 'p-');
    expect(faults).to.deep.equal([
      { id: null, message: 'Too many attempts.' },
      { id: 'p-name', message: 'This is needed.' },
      { id: 'p-kind-0', message: 'Choose one.' },
    ]);
  });
  it('reads nothing inherited from the values', () => {
    expect(formModel({ constructor: { label: 'C' } }, {}, {}).constructor).to.include({ value: '', error: null });
  });
});

describe('plans on a page', () => {
  const part = (name: string, document = DEMO_PLANS[name]!) => ({ id: `plan_${name}`, name, title: name, summary: '', plan: planOf(document) });
  const parts = ['free', 'starter', 'payg'].map((name) => part(name));
  it('quotes what the invoice would say, marks the least, and says where a hard limit stops', () => {
    const quotes = quotePlans(parts, 1_000n);
    expect(quotes.map(({ totalMinor, cheapest, stopsAt }) => [totalMinor, cheapest, stopsAt])).to.deep.equal([
      [0n, false, 500n],
      [1000n, false, null],
      [200n, true, null],
    ]);
    expect(quotePlans(parts, 1n).map(({ totalMinor }) => totalMinor)).to.deep.equal([0n, 1000n, 0n]);
    expect(quotePlans(parts, 3n)[2]?.totalMinor).to.equal(1n); // 0.6 of a cent, half away from zero
  });
  it('marks nothing as least among plans that cannot be compared', () => {
    const euro = part('euro', planDocument({ currency: 'eur', meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.1' } }] }));
    expect(quotePlans([...parts, euro], 100n).some(({ cheapest }) => cheapest)).to.equal(false);
  });
  it('applies commitment and cap to the usage', () => {
    const bounded = part(
      'bounded',
      planDocument({ min_commit: 500, cap: 900, meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '1' } }] }),
    );
    expect([10n, 700n, 5_000n].map((calls) => quotePlans([bounded], calls)[0]?.totalMinor)).to.deep.equal([500n, 700n, 900n]);
  });
  it('says what happens at the limit', () => {
    expect(limitWords(planOf(DEMO_PLANS['free']!)))
      .to.contain('500 calls')
      .and.to.contain('429');
    expect(limitWords(planOf(DEMO_PLANS['payg']!))).to.contain('no limit');
  });
  it('shows which answers are billed, for every plan', () => {
    const rows = new Map(comparePlans(parts).map(({ label, cells }) => [label, cells.map(({ text }) => text)]));
    expect(rows.get('Answers that count')).to.deep.equal(['2xx', '2xx', '2xx']);
    expect(rows.get('Calls you break off')).to.deep.equal(['free', 'free', 'free']);
    expect(rows.get('Limit')).to.deep.equal(['500 calls a month, hard', 'none', 'none']);
    expect(rows.has('At most')).to.equal(false);
  });
  it('reads a number of calls the way people type it', () => {
    expect(['20,000', '20 000', '0', '12.5', '-1', '', 'abc', '9'.repeat(16), undefined].map(readCalls)).to.deep.equal([
      20_000n,
      20_000n,
      0n,
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
  });
});

describe('barChart', () => {
  it('draws each value in proportion, keeps a single call visible and repeats the numbers as text', () => {
    const chart = barChart({
      title: 'Calls',
      unit: 'calls',
      points: [
        { label: 'a', value: 400 },
        { label: 'b', value: 1n },
        { label: 'c', value: 0n },
        { label: 'd', value: 200 },
      ],
    });
    expect(chart.bars.map(({ height }) => height)).to.deep.equal([168, 1, 0, 84]);
    expect(chart.rows.map(({ value }) => value)).to.deep.equal(['400', '1', '0', '200']);
    expect(chart.total).to.equal('601');
  });
  it('keeps every bar inside the drawing, for any values', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 2n ** 63n), { maxLength: 40 }), (values) => {
        const chart = barChart({ title: '', unit: '', points: values.map((value) => ({ label: '', value })) });
        return (
          chart.bars.every(({ x, y, width, height }) => x >= 0 && y >= 0 && x + width <= chart.width && y + height <= chart.baseline + 0.01) &&
          chart.labels.length <= 10
        );
      }),
    );
  });
});

describe('snippets', () => {
  const parts = (more = {}) => ({
    baseUrl: 'https://gw.example/shop',
    stage: null,
    definition: definition('GET', '/items/{id}', {
      parameters: [
        parameter('id', { in: 'path', required: true, example: "it's 1/2" }),
        parameter('q', { required: true }),
        parameter('page', { type: 'integer' }),
      ],
      ...more,
    }),
  });
  it('makes a call that works: path values filled in and encoded, required values set, the key as a variable', () => {
    expect(curl(parts())).to.equal("curl 'https://gw.example/shop/items/it'\\''s%201%2F2?q=Q' \\\n  -H \"X-Apig-AppCode: $TOLLGATE_APP_CODE\"");
  });
  it('leaves the key out where nobody asks for one, and names the stage', () => {
    const text = curl({ ...parts({ security: 'NONE' }), stage: 'BETA' });
    expect(text).not.to.contain('AppCode');
    expect(text).to.contain("-H 'X-Stage: BETA'");
  });
  it('says the same in three languages', () => {
    const made = snippets({ ...parts({ frontend: { method: 'POST', path: '/items', match: 'exact' }, parameters: [] }) });
    expect(made.map(({ label }) => label)).to.deep.equal(['curl', 'JavaScript', 'Python']);
    for (const { text } of made) expect(text).to.contain('https://gw.example/shop/items').and.to.contain('TOLLGATE_APP_CODE');
  });
});
