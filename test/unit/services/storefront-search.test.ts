import { expect } from 'chai';
import { makeListingIndex, type ListingQuery } from '../../../server/services/storefront/search.ts';
import { DEMO_PLANS, listing, planDocument } from '../../support/listings.ts';

const ANY: ListingQuery = { text: '', category: '', priceModel: '', freeTier: false, tags: [], sort: 'relevance' };
const payg = { payg: DEMO_PLANS['payg']! };

describe('the index of the storefront', () => {
  const index = makeListingIndex([
    listing({ listedAt: 1 }),
    listing({
      slug: 'rates',
      name: 'Exchange Rates',
      tagline: 'Daily reference rates of central banks.',
      category: 'finance',
      tags: ['money', 'reference'],
      plans: payg,
      listedAt: 2,
      description: 'For countries and banks.',
      operations: [],
    }),
    listing({
      slug: 'pro',
      name: 'Weather Pro',
      tagline: 'Forecasts.',
      category: 'weather',
      tags: ['live'],
      plans: { pro: planDocument({ base_amount: 4900, meters: [] }) },
      listedAt: 3,
      description: '',
      operations: [],
    }),
    listing({
      slug: 'weather',
      name: 'Weather',
      tagline: 'Forecasts.',
      category: 'weather',
      tags: ['live'],
      plans: { basic: planDocument({ base_amount: 900, meters: [] }), yearly: planDocument({ interval: 'year', base_amount: 9900, meters: [] }) },
      listedAt: 4,
      description: '',
      operations: [],
    }),
  ]);
  const slugs = (query: Partial<ListingQuery>) => index.search({ ...ANY, ...query }).listings.map(({ slug }) => slug);

  it('finds by name before description, by the start of a word, and with a typing error', () => {
    expect(slugs({ text: 'countries' })).to.deep.equal(['countries', 'rates']);
    expect(slugs({ text: 'excha' })).to.deep.equal(['rates']);
    expect(slugs({ text: 'wether' })).to.have.members(['weather', 'pro']);
    expect(slugs({ text: '/countries/lookup' })).to.include('countries');
  });
  it('wants every word', () => {
    expect(slugs({ text: 'weather banks' })).to.deep.equal([]);
    const { nearest } = index.search({ ...ANY, text: 'weather banks' });
    expect(nearest.map(({ slug }) => slug))
      .to.include('weather')
      .and.to.include('rates');
  });
  it('narrows by every filter at once', () => {
    expect(slugs({ category: 'weather' })).to.deep.equal(['weather', 'pro']);
    expect(slugs({ freeTier: true })).to.deep.equal(['countries']);
    expect(slugs({ priceModel: 'usage' })).to.deep.equal(['rates', 'countries']);
    expect(slugs({ tags: ['reference', 'money'] })).to.deep.equal(['rates']);
    expect(slugs({ tags: ['reference'], category: 'weather' })).to.deep.equal([]);
  });
  it('counts in each facet what a choice there would show, under all other filters', () => {
    const { facets } = index.search({ ...ANY, category: 'weather' });
    expect(facets.categories).to.deep.equal([
      { value: 'weather', count: 2 },
      { value: 'finance', count: 1 },
      { value: 'geo', count: 1 },
    ]);
    expect(facets.priceModels).to.deep.equal([{ value: 'subscription', count: 2 }]);
    expect(facets.freeTier).to.equal(0);
    expect(facets.tags).to.deep.equal([{ value: 'live', count: 2 }]);
    for (const { value, count } of facets.categories) expect(slugs({ category: value })).to.have.length(count);
  });
  it('sorts by name, age and the least one pays to begin', () => {
    expect(slugs({ sort: 'name' })).to.deep.equal(['countries', 'rates', 'weather', 'pro']);
    expect(slugs({ sort: 'newest' })).to.deep.equal(['weather', 'pro', 'rates', 'countries']);
    expect(slugs({ sort: 'price' })).to.deep.equal(['countries', 'rates', 'weather', 'pro']);
  });
  it('takes any text', () => {
    for (const text of ['\u0000', '*'.repeat(10_000), '((((', '"', '__proto__', 'constructor']) expect(() => slugs({ text })).not.to.throw();
  });
});
