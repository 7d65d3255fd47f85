import type { Signals } from '../cache/signals.ts';
import type { Log } from '../kernel/log.ts';
import type { OrganizationDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { PlanDoc, ProductDoc } from '../store/products.ts';
import type { Changes } from './changes.ts';
import { makeExampleReader } from './storefront/documents.ts';
import type { OperationExamples } from './storefront/examples.ts';
import { toListing, type Listing, type ListingOperation } from './storefront/listing.ts';
import { makeListingIndex, type ListingIndex, type ListingQuery, type SearchResult } from './storefront/search.ts';

export interface StorefrontDirectory {
  /** Everything listed, newest first. */
  listings(): Promise<readonly Listing[]>;
  listing(slug: string): Promise<Listing | undefined>;
  search(query: ListingQuery): Promise<SearchResult>;
  /** From the provider’s document; undefined for an operation made by hand. */
  examples(listing: Listing, operation: ListingOperation): Promise<OperationExamples | undefined>;
  /** Read everything again now; reads that wait share one pass. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface StorefrontDependencies {
  readonly store: Pick<Store, 'accounts' | 'apis' | 'documents' | 'gateways' | 'products'>;
  readonly signals: Pick<Signals, 'subscribe'>;
  readonly changes: Pick<Changes, 'version'>;
  readonly log: Pick<Log, 'warn'>;
  readonly gatewayUrl: string;
}

/** A signal may be lost: the version is compared this often. */
const POLL_MS = 5_000;
/** A provider who publishes a hundred APIs announces a hundred changes: they are read together. */
const GATHER_MS = 250;
/** How many products are read at a time, so that a refresh never fills the store's pool. */
const PRODUCTS_AT_ONCE = 8;

/**
 * What is for sale, held in memory by the web role: the store can neither search text nor sort cheaply. Built at first use,
 * renewed by signal and by poll; between a change and its page lie at most {@link POLL_MS} plus one reading.
 */
export function makeStorefront({ store, signals, changes, log, gatewayUrl }: StorefrontDependencies): StorefrontDirectory {
  const examples = makeExampleReader(store);
  let index: ListingIndex | undefined;
  let version = -1;
  let reading: Promise<void> | undefined;
  let gather: NodeJS.Timeout | undefined;
  let poll: NodeJS.Timeout | undefined;
  let unsubscribe: (() => void) | undefined;
  let stopped = false;

  async function read(): Promise<void> {
    // The version first: a change during the reading is then read again.
    const before = await changes.version();
    index = makeListingIndex(await loadListings(store, gatewayUrl));
    version = before;
  }
  const refresh = (): Promise<void> => (reading ??= read().finally(() => (reading = undefined)));
  const inBackground = (work: Promise<unknown>): void => void work.catch((error: unknown) => log.warn({ err: error }, 'the storefront keeps its former list'));

  function follow(): void {
    if (poll || stopped) return;
    unsubscribe = signals.subscribe('catalogue-changed', () => {
      clearTimeout(gather);
      gather = setTimeout(() => inBackground(refresh()), GATHER_MS);
      gather.unref();
    });
    poll = setInterval(() => inBackground(changes.version().then((now) => (now === version ? undefined : refresh()))), POLL_MS);
    poll.unref();
  }

  async function current(): Promise<ListingIndex> {
    follow();
    if (!index) await refresh();
    if (!index) throw new Error('the storefront has not been read');
    return index;
  }

  return {
    listings: async () => (await current()).listings,
    listing: async (slug) => (await current()).bySlug(slug),
    search: async (query) => (await current()).search(query),
    examples: async ({ groupId }, { definition }) => (definition.operation === null ? undefined : examples(groupId, definition.operation)),
    refresh,
    stop() {
      stopped = true;
      clearTimeout(gather);
      clearInterval(poll);
      unsubscribe?.();
    },
  };
}

async function loadListings(store: StorefrontDependencies['store'], gatewayUrl: string): Promise<Listing[]> {
  const products = [...(await store.products.productsIn('listed')), ...(await store.products.productsIn('deprecated'))];
  const organizations = byId<OrganizationDoc>(await store.accounts.organizations([...new Set(products.map(({ organizationId }) => organizationId))]));
  const plansOf = new Map<string, PlanDoc[]>();
  const listings: Listing[] = [];
  for (let start = 0; start < products.length; start += PRODUCTS_AT_ONCE) {
    await Promise.all(products.slice(start, start + PRODUCTS_AT_ONCE).map(async ({ _id }) => plansOf.set(_id, await store.products.plansOf(_id))));
  }
  const versionIds = [...plansOf.values()].flat().flatMap(({ currentVersionId, retired }) => (currentVersionId === null || retired ? [] : [currentVersionId]));
  const versions = byId(await store.products.planVersions(versionIds));

  // Products of one group are many ways to sell the same: what is behind them is read once.
  const gatewayOf = once(store.gateways.gateway);
  const groupOf = once(store.gateways.group);
  const environmentOf = once(store.gateways.environment);
  const publicationsOf = once(store.apis.livePublicationsOfGroup);
  const load = async (product: ProductDoc): Promise<Listing | undefined> => {
    const organization = organizations.get(product.organizationId);
    const [gateway, group, environment, publications] = await Promise.all([
      gatewayOf(product.gatewayId),
      groupOf(product.groupId),
      environmentOf(product.environmentId),
      publicationsOf(product.groupId),
    ]);
    if (!organization || !group || !environment) return undefined;
    return toListing({
      product,
      organization,
      group,
      environment,
      privateOnly: gateway?.privateOnly === true,
      plans: plansOf.get(product._id) ?? [],
      versions,
      publications,
      gatewayUrl,
    });
  };
  for (let start = 0; start < products.length; start += PRODUCTS_AT_ONCE) {
    const loaded = await Promise.all(products.slice(start, start + PRODUCTS_AT_ONCE).map(load));
    listings.push(...loaded.filter((listing) => listing !== undefined));
  }
  return listings.sort((a, b) => b.listedAt - a.listedAt || (a.slug < b.slug ? -1 : 1));
}

const byId = <T extends { _id: string }>(documents: readonly T[]): Map<string, T> => new Map(documents.map((document) => [document._id, document]));

function once<T>(read: (id: string) => PromiseLike<T>): (id: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (id) => {
    const found = known.get(id) ?? Promise.resolve(read(id));
    known.set(id, found);
    return found;
  };
}
