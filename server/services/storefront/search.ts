import MiniSearch from 'minisearch';
import type { Listing, ListingPlan, PriceModel } from './listing.ts';

export const SORTS = ['relevance', 'newest', 'name', 'price'] as const;
export type Sort = (typeof SORTS)[number];

/** What a visitor asked for; empty strings and lists ask for nothing. */
export interface ListingQuery {
  readonly text: string;
  readonly category: string;
  readonly priceModel: PriceModel | '';
  /** Only listings with a plan that never costs money. */
  readonly freeTier: boolean;
  /** All of them. */
  readonly tags: readonly string[];
  readonly sort: Sort;
}

export interface FacetCount<T extends string = string> {
  readonly value: T;
  readonly count: number;
}

export interface SearchResult {
  readonly listings: readonly Listing[];
  /** Counts under everything else that was asked for, so that a facet says what a click on it would give. */
  readonly facets: {
    readonly categories: readonly FacetCount[];
    readonly priceModels: readonly FacetCount<PriceModel>[];
    readonly freeTier: number;
    readonly tags: readonly FacetCount[];
  };
  /** Only when nothing matched: what comes nearest to the words, whatever the filters. */
  readonly nearest: readonly Listing[];
  /** Only when nothing matched: words that would. */
  readonly suggestion: string;
}

const NEAREST_MAX = 6;
const TAGS_MAX = 20;
const TEXT_MAX = 200;
const FIELDS = ['name', 'tagline', 'tags', 'category', 'provider', 'operations', 'description'];
/** Operations count little: a word of one path among a thousand says less than a word of the name. */
const BOOST = { name: 6, tags: 3, tagline: 3, category: 2, provider: 2, operations: 1, description: 0.5 };

export interface ListingIndex {
  readonly listings: readonly Listing[];
  bySlug(slug: string): Listing | undefined;
  search(query: ListingQuery): SearchResult;
}

/** Search in memory over what is listed: the store has no text index, and a catalogue fits. */
export function makeListingIndex(listings: readonly Listing[]): ListingIndex {
  const slugs = new Map(listings.map((listing) => [listing.slug, listing]));
  const index = new MiniSearch({
    idField: 'slug',
    fields: FIELDS,
    searchOptions: { boost: BOOST, prefix: (term) => term.length > 2, fuzzy: (term) => (term.length > 4 ? 0.2 : 0) },
  });
  index.addAll(
    listings.map(({ slug, name, tagline, tags, category, provider, operations, description }) => ({
      slug,
      name,
      tagline,
      category,
      description: description.slice(0, 5_000),
      tags: tags.join(' '),
      provider: provider.name,
      operations: operations
        .slice(0, 300)
        .map(({ definition }) => `${definition.frontend.path} ${definition.summary}`)
        .join(' '),
    })),
  );
  const found = (text: string, combineWith: 'AND' | 'OR', fuzzy?: number): Listing[] =>
    index.search(text.slice(0, TEXT_MAX), { combineWith, ...(fuzzy !== undefined && { fuzzy }) }).flatMap(({ id }) => slugs.get(String(id)) ?? []);

  return {
    listings,
    bySlug: (slug) => slugs.get(slug),
    search(query) {
      const text = query.text.trim();
      const matched = text === '' ? listings : found(text, 'AND');
      const chosen = matched.filter((listing) => passes(listing, query));
      const none = chosen.length === 0;
      return {
        listings: sorted(chosen, query.sort, text !== ''),
        facets: facetsOf(matched, query),
        nearest: none && text !== '' ? found(text, 'OR', 0.4).slice(0, NEAREST_MAX) : [],
        suggestion:
          none && matched.length === 0 && text !== ''
            ? (index.autoSuggest(text.slice(0, TEXT_MAX), { fuzzy: 0.4, combineWith: 'AND' })[0]?.suggestion ?? '')
            : '',
      };
    },
  };
}

type Facet = 'category' | 'priceModel' | 'freeTier' | 'tags';

const passes = (listing: Listing, query: ListingQuery, except?: Facet): boolean =>
  (except === 'category' || query.category === '' || listing.category === query.category) &&
  (except === 'priceModel' || query.priceModel === '' || listing.priceModels.includes(query.priceModel)) &&
  (except === 'freeTier' || !query.freeTier || listing.plans.some(({ free }) => free)) &&
  // Tags add up: each one narrows, so their counts keep those already chosen.
  query.tags.every((tag) => listing.tags.includes(tag));

function facetsOf(matched: readonly Listing[], query: ListingQuery): SearchResult['facets'] {
  const within = (except: Facet): Listing[] => matched.filter((listing) => passes(listing, query, except));
  return {
    categories: counts(within('category').map(({ category }) => category)),
    priceModels: counts(within('priceModel').flatMap(({ priceModels }) => priceModels)),
    freeTier: within('freeTier').filter(({ plans }) => plans.some(({ free }) => free)).length,
    tags: counts(within('tags').flatMap(({ tags }) => tags.filter((tag) => !query.tags.includes(tag)))).slice(0, TAGS_MAX),
  };
}

/** Most first, then by name. */
function counts<T extends string>(values: readonly T[]): FacetCount<T>[] {
  const by = new Map<T, number>();
  for (const value of values) by.set(value, (by.get(value) ?? 0) + 1);
  return [...by].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

function sorted(listings: readonly Listing[], sort: Sort, hasText: boolean): Listing[] {
  const byName = (a: Listing, b: Listing): number => a.name.localeCompare(b.name, 'en') || (a.slug < b.slug ? -1 : 1);
  const newest = (a: Listing, b: Listing): number => b.listedAt - a.listedAt || byName(a, b);
  switch (sort) {
    case 'name':
      return [...listings].sort(byName);
    case 'price':
      return [...listings].sort((a, b) => entryPrice(a) - entryPrice(b) || byName(a, b));
    case 'newest':
      return [...listings].sort(newest);
    case 'relevance':
      return hasText ? [...listings] : [...listings].sort(newest);
  }
}

/**
 * A rank for sorting, never shown: free, then pay per call, then by the cheapest fee of a month. Currencies are not converted;
 * a fee counts by its figure.
 */
function entryPrice({ plans }: Listing): number {
  const rank = ({ free, plan }: ListingPlan): number =>
    free ? 0 : plan.baseMinor === 0n ? 1 : 2 + Number(plan.baseMinor) / 10 ** plan.currency.exponent / (plan.interval === 'year' ? 12 : 1);
  return plans.length === 0 ? Number.MAX_VALUE : Math.min(...plans.map(rank));
}
