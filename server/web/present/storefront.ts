import { categoryName, CATEGORIES } from '../../domain/categories.ts';
import { unitPriceWords } from '../../domain/plan-words.ts';
import { fraction } from '../../domain/fraction.ts';
import { formatMoney } from '../../domain/money.ts';
import { SCALE } from '../../domain/values.ts';
import type { OperationExamples } from '../../services/storefront/examples.ts';
import type { Listing, ListingOperation, ListingPlan, PriceModel } from '../../services/storefront/listing.ts';
import { SORTS, type ListingQuery, type SearchResult, type Sort } from '../../services/storefront/search.ts';
import { address } from './pagination.ts';
import { curl, snippets, type Snippet } from './snippet.ts';
import type { Tone } from './status.ts';

export const PRICE_MODEL_WORDS: Readonly<Record<PriceModel, string>> = { free: 'Free plan', subscription: 'Monthly or yearly fee', usage: 'Pay per call' };
const SORT_WORDS: Readonly<Record<Sort, string>> = { relevance: 'Best match', newest: 'Newest', name: 'Name', price: 'Price' };

/** The logo, or two letters on one of five grounds, always the same for the same listing. */
export interface LogoModel {
  readonly href: string | null;
  readonly letters: string;
  readonly hue: number;
}

export function logoModel({ slug, name, logoHash }: Pick<Listing, 'slug' | 'name' | 'logoHash'>): LogoModel {
  const words = name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const letters = words.length > 1 ? `${first(words[0])}${first(words[1])}` : [...(words[0] ?? '?')].slice(0, 2).join('');
  const sum = [...slug].reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0);
  return { href: logoHash === null ? null : `/apis/${encodeURIComponent(slug)}/logo?v=${logoHash.slice(0, 12)}`, letters, hue: sum % 5 };
}
const first = (word: string | undefined): string => [...(word ?? '')][0]?.toUpperCase() ?? '';

/** `Free plan`, `from USD 10.00 a month`, `from USD 2.00 per 1,000 calls`: the least one pays to begin. */
export function priceFrom(plans: readonly ListingPlan[]): string {
  if (plans.length === 0) return 'No plan on offer';
  if (plans.some(({ free }) => free)) return 'Free plan';
  const usage = plans.flatMap(({ plan }) =>
    plan.baseMinor > 0n
      ? []
      : plan.meters.flatMap(({ code, price }) =>
          price.model === 'per_unit' ? [{ code, unit: fraction(price.unitScaled, SCALE * price.divideBy), currency: plan.currency }] : [],
        ),
  )[0];
  if (usage) return `from ${unitPriceWords(usage.unit, usage.currency, usage.code)}`;
  const fees = plans.filter(({ plan }) => plan.baseMinor > 0n);
  const cheapest = fees.reduce<ListingPlan | undefined>((best, next) => (!best || next.plan.baseMinor < best.plan.baseMinor ? next : best), undefined);
  return cheapest ? `from ${formatMoney(cheapest.plan.baseMinor, cheapest.plan.currency.code)} a ${cheapest.plan.interval}` : 'Pay per call';
}

/** A listing as `partials/api-card` shows it. */
export const cardModel = (listing: Listing) => ({
  slug: listing.slug,
  name: listing.name,
  tagline: listing.tagline,
  provider: listing.provider.name,
  logo: logoModel(listing),
  price: priceFrom(listing.plans),
  category: categoryName(listing.category),
  operations: listing.operations.length,
  deprecated: listing.status === 'deprecated',
  freePlan: listing.plans.some(({ free }) => free),
});

/** What every page of a listing shows in its head. */
export const listingHead = (listing: Listing) => ({
  ...cardModel(listing),
  productId: listing.productId,
  status: listing.status,
  listedAt: listing.listedAt,
  updatedAt: listing.updatedAt,
  categoryId: listing.category,
  tags: listing.tags,
  website: listing.provider.website,
  websiteText: shortAddress(listing.provider.website),
  dataSourceText: shortAddress(listing.dataSource),
  supportEmail: listing.provider.supportEmail,
  baseUrl: listing.baseUrl,
  privateOnly: listing.privateOnly,
  stage: listing.stage,
  dataSource: listing.dataSource,
  dataLicence: listing.dataLicence,
  description: listing.description,
  terms: listing.terms,
  planCount: listing.plans.length,
});

/** `example.com/data` for a web address; any other text as it is. */
function shortAddress(text: string): string {
  const match = /^https?:\/\/([^?#]*)/i.exec(text);
  return match?.[1] ? match[1].replace(/^www\.|\/$/g, '') : text;
}

export type ListingTab = 'overview' | 'endpoints' | 'pricing' | 'docs';

export function listingTabs({ slug, operations, plans }: Listing, current: ListingTab) {
  const at = `/apis/${encodeURIComponent(slug)}`;
  return [
    { text: 'Overview', href: at, current: current === 'overview' },
    { text: 'Endpoints', href: `${at}/endpoints`, count: operations.length, current: current === 'endpoints' },
    { text: 'Pricing', href: `${at}/pricing`, count: plans.length, current: current === 'pricing' },
    { text: 'Docs', href: `${at}/docs`, current: current === 'docs' },
  ];
}

/** Operations by their group, as the index of the reference shows them. */
export function operationGroups(listing: Listing, current = '') {
  const groups: { name: string; operations: { method: string; path: string; summary: string; href: string; current: boolean; text: string }[] }[] = [];
  for (const { group, anchor, definition } of listing.operations) {
    let last = groups.at(-1);
    if (last?.name !== group) groups.push((last = { name: group, operations: [] }));
    const { method, path } = definition.frontend;
    last.operations.push({
      method,
      path,
      summary: definition.summary,
      href: `/apis/${encodeURIComponent(listing.slug)}/endpoints/${anchor}`,
      current: anchor === current,
      text: `${method} ${path} ${definition.summary}`,
    });
  }
  return groups;
}

const SECURITY_WORDS: Readonly<Record<string, string>> = {
  NONE: 'none: anybody may call',
  APP: 'a key of your app',
  AUTHORIZER: 'the provider’s own check',
  APP_AUTHORIZER: 'a key of your app, then the provider’s own check',
};

/** One operation in full. */
export function operationModel(listing: Listing, { definition, anchor, group }: ListingOperation, examples?: OperationExamples) {
  const { frontend, parameters, security, appCode, summary, description, streaming } = definition;
  const parts = { baseUrl: listing.baseUrl, stage: listing.stage, definition, body: examples?.request ?? null };
  const codes: Snippet[] = snippets(parts);
  const weights = listing.plans.flatMap(({ title, plan }) => {
    const weight = plan.weights.get(definition.operation ?? `${frontend.method} ${frontend.path}`);
    return weight === undefined || weight === 1n ? [] : [{ plan: title, weight }];
  });
  return {
    anchor,
    group,
    method: frontend.method,
    path: frontend.path,
    url: listing.baseUrl + frontend.path,
    summary,
    description,
    streaming,
    snippets: codes,
    weights,
    request: examples?.request ?? null,
    answers: (examples?.answers ?? []).map((answer) => ({ ...answer, tone: toneOf(answer.status) })),
    security: SECURITY_WORDS[security] ?? security,
    appCode: appCode && security !== 'NONE',
    parameterGroups: (['path', 'query', 'header'] as const)
      .map((place) => ({ place, parameters: parameters.filter((parameter) => parameter.in === place).map(parameterModel) }))
      .filter((entry) => entry.parameters.length > 0),
  };
}

/** Colour of a status: `2xx`, `default` and the like included. */
const toneOf = (status: string): Tone =>
  status.startsWith('2') ? 'good' : status.startsWith('3') ? 'busy' : status.startsWith('5') ? 'bad' : status.startsWith('4') ? 'warn' : 'quiet';

function parameterModel({
  name,
  required,
  type,
  description,
  enum: choices,
  minimum,
  maximum,
  minLength,
  maxLength,
  default: fallback,
  example,
}: Listing['operations'][number]['definition']['parameters'][number]) {
  const bounds = [
    ...(choices ? [`one of ${choices.slice(0, 20).join(', ')}${choices.length > 20 ? ' …' : ''}`] : []),
    ...(minimum !== undefined ? [`at least ${minimum}`] : []),
    ...(maximum !== undefined ? [`at most ${maximum}`] : []),
    ...(minLength !== undefined ? [`at least ${minLength} characters`] : []),
    ...(maxLength !== undefined ? [`at most ${maxLength} characters`] : []),
    ...(fallback !== undefined ? [`default ${fallback}`] : []),
  ];
  return { name, required, type, description, bounds: bounds.join(', '), example: example ?? '' };
}

/** The call that a first-time reader should make: a GET without path values if there is one. */
export function firstCall(listing: Listing): string | null {
  const gets = listing.operations.filter(({ definition }) => definition.frontend.method === 'GET');
  const [operation] = [...gets.filter(({ definition }) => !definition.frontend.path.includes('{')), ...gets, ...listing.operations];
  return operation ? curl({ baseUrl: listing.baseUrl, stage: listing.stage, definition: operation.definition }) : null;
}

/** The catalogue's query as it stands in the address; anything that is not one of ours asks for nothing. */
export function readQuery(query: Readonly<Record<string, unknown>>): ListingQuery {
  const one = (value: unknown): string =>
    typeof value === 'string' ? value.slice(0, 200) : Array.isArray(value) && typeof value[0] === 'string' ? value[0].slice(0, 200) : '';
  const many = (value: unknown): string[] =>
    (Array.isArray(value) ? value : [value]).filter((entry): entry is string => typeof entry === 'string' && entry !== '').slice(0, 10);
  const price = one(query['price']);
  const sort = one(query['sort']);
  return {
    text: one(query['q']),
    category: CATEGORIES.some(({ id }) => id === query['category']) ? one(query['category']) : '',
    priceModel: price === 'free' || price === 'subscription' || price === 'usage' ? price : '',
    freeTier: query['free'] === '1',
    tags: many(query['tag']),
    sort: SORTS.find((known) => known === sort) ?? 'relevance',
  };
}

/** Address of the catalogue with some of its parts changed; every change begins at the first page. */
export function catalogueLink(query: ListingQuery, change: Partial<ListingQuery> = {}): string {
  const { text, category, priceModel, freeTier, tags, sort } = { ...query, ...change };
  return address('/apis', { q: text, category, price: priceModel, free: freeTier ? '1' : '', tag: tags, sort: sort === 'relevance' ? '' : sort });
}

/** Facets as links with counts, chips that take a filter away, and the choice of order. */
export function catalogueModel(query: ListingQuery, { facets }: SearchResult) {
  const entry = (text: string, count: number, current: boolean, href: string) => ({ text, count, current, href });
  return {
    query: query.text,
    facets: [
      {
        title: 'Category',
        entries: facets.categories.map(({ value, count }) =>
          entry(categoryName(value), count, query.category === value, catalogueLink(query, { category: query.category === value ? '' : value })),
        ),
      },
      {
        title: 'Price',
        entries: [
          ...(facets.freeTier > 0 || query.freeTier
            ? [entry('Has a free plan', facets.freeTier, query.freeTier, catalogueLink(query, { freeTier: !query.freeTier }))]
            : []),
          ...facets.priceModels
            .filter(({ value }) => value !== 'free')
            .map(({ value, count }) =>
              entry(PRICE_MODEL_WORDS[value], count, query.priceModel === value, catalogueLink(query, { priceModel: query.priceModel === value ? '' : value })),
            ),
        ],
      },
      { title: 'Tags', entries: facets.tags.map(({ value, count }) => entry(value, count, false, catalogueLink(query, { tags: [...query.tags, value] }))) },
    ].filter(({ entries }) => entries.length > 0),
    chips: [
      ...(query.text ? [{ text: `“${query.text}”`, href: catalogueLink(query, { text: '' }) }] : []),
      ...(query.category ? [{ text: categoryName(query.category), href: catalogueLink(query, { category: '' }) }] : []),
      ...(query.freeTier ? [{ text: 'Has a free plan', href: catalogueLink(query, { freeTier: false }) }] : []),
      ...(query.priceModel ? [{ text: PRICE_MODEL_WORDS[query.priceModel], href: catalogueLink(query, { priceModel: '' }) }] : []),
      ...query.tags.map((tag) => ({ text: tag, href: catalogueLink(query, { tags: query.tags.filter((other) => other !== tag) }) })),
    ],
    sorts: SORTS.map((value) => ({ value, label: SORT_WORDS[value], selected: value === query.sort })),
    kept: [
      ...(query.text ? [{ name: 'q', value: query.text }] : []),
      ...(query.category ? [{ name: 'category', value: query.category }] : []),
      ...(query.priceModel ? [{ name: 'price', value: query.priceModel }] : []),
      ...(query.freeTier ? [{ name: 'free', value: '1' }] : []),
      ...query.tags.map((value) => ({ name: 'tag', value })),
    ],
  };
}
