import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { categoryName } from '../../domain/categories.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import type { Listing } from '../../services/storefront/listing.ts';
import { parseForm } from '../forms.ts';
import { actorOf, open } from '../guards.ts';
import { safePath } from '../safe-path.ts';
import { catalogEntry } from '../present/catalog-json.ts';
import { grouped } from '../present/number.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { comparePlans, planModel, quotePlans, readCalls } from '../present/plan.ts';
import { curl } from '../present/snippet.ts';
import {
  cardModel,
  catalogueLink,
  catalogueModel,
  firstCall,
  listingHead,
  listingTabs,
  operationGroups,
  operationModel,
  readQuery,
  type ListingTab,
} from '../present/storefront.ts';
import { page } from '../render.ts';

const PAGE_SIZE = 24;
const FEATURED = 6;
const JSON_PAGE_SIZE = 100;
const CALLS_DEFAULT = 10_000n;
const THEME_LIFE_MS = 365 * 86_400_000;

/** What anybody may see: home, catalogue, listings, and what programs read of them. */
export function storefrontRoutes(
  { storefront, catalog }: Pick<Services, 'storefront' | 'catalog'>,
  { webUrl, gatewayUrl }: { webUrl: string; gatewayUrl: string },
): Router {
  const router = Router();

  const listingOf = async (req: Request): Promise<Listing> => {
    const listing = await storefront.listing(String(req.params['slug']));
    if (!listing) throw new AppError('not-found', 'No API is listed under this name. It may have been renamed or withdrawn.');
    return listing;
  };
  const listingPage = (res: Response, listing: Listing, tab: ListingTab, view: string, model: Record<string, unknown>): void =>
    page(res, view, { listing: listingHead(listing), tabs: listingTabs(listing, tab), ...model });

  router.get('/', open, async (_req, res) => {
    const listings = await storefront.listings();
    const categories = new Map<string, number>();
    for (const { category } of listings) categories.set(category, (categories.get(category) ?? 0) + 1);
    // The one that has been there longest: an address that a page shows first should be the steadiest.
    const callable = listings.filter(({ operations, status, privateOnly }) => operations.length > 0 && status === 'listed' && !privateOnly);
    const sample = callable.findLast(({ plans }) => plans.some(({ free }) => free)) ?? callable.at(-1);
    page(res, 'storefront/home', {
      featured: listings
        .filter(({ status }) => status === 'listed')
        .slice(0, FEATURED)
        .map(cardModel),
      total: listings.length,
      categories: [...categories]
        .map(([id, count]) => ({ name: categoryName(id), count, href: `/apis?category=${encodeURIComponent(id)}` }))
        .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)),
      sample: sample
        ? { name: sample.name, slug: sample.slug, curl: firstCall(sample), check: `curl '${gatewayUrl}/-/me' \\\n  -H "X-Apig-AppCode: $TOLLGATE_APP_CODE"` }
        : null,
    });
  });

  router.get('/apis', open, async (req, res) => {
    const query = readQuery(req.query);
    const result = await storefront.search(query);
    const current = pageOf(req.query['page']);
    const first = (current - 1) * PAGE_SIZE;
    const asked = catalogueLink(query);
    page(res, 'storefront/catalogue', {
      ...catalogueModel(query, result),
      total: result.listings.length,
      cards: result.listings.slice(first, first + PAGE_SIZE).map(cardModel),
      nearest: result.nearest.map(cardModel),
      suggestion: result.suggestion ? { text: result.suggestion, href: catalogueLink(query, { text: result.suggestion }) } : null,
      pages: pagination('/apis', Object.fromEntries(searchParts(asked)), { page: current, size: PAGE_SIZE, total: result.listings.length }),
      beyond: first >= result.listings.length && result.listings.length > 0,
    });
  });

  router.get('/apis/:slug', open, async (req, res) => {
    const listing = await listingOf(req);
    listingPage(res, listing, 'overview', 'storefront/listing', {
      plans: listing.plans.map(planModel),
      curl: firstCall(listing),
      groups: operationGroups(listing).map(({ name, operations }) => ({ name, count: operations.length })),
    });
  });
  router.get('/apis/:slug/endpoints', open, async (req, res) => {
    const listing = await listingOf(req);
    listingPage(res, listing, 'endpoints', 'storefront/endpoints', { groups: operationGroups(listing), total: listing.operations.length });
  });
  router.get('/apis/:slug/endpoints/:anchor', open, async (req, res) => {
    const listing = await listingOf(req);
    const found = listing.operations.find(({ anchor }) => anchor === req.params['anchor']);
    if (!found) throw new AppError('not-found', 'This API has no such operation. Its list of endpoints says what there is.');
    listingPage(res, listing, 'endpoints', 'storefront/operation', {
      groups: operationGroups(listing, found.anchor),
      operation: operationModel(listing, found, await storefront.examples(listing, found)),
    });
  });
  router.get('/apis/:slug/pricing', open, async (req, res) => {
    const listing = await listingOf(req);
    const typed = req.query['calls'];
    const calls = readCalls(typed);
    const wrong = typed !== undefined && typed !== '' && calls === null;
    listingPage(res, listing, 'pricing', 'storefront/pricing', {
      plans: listing.plans.map(planModel),
      comparison: comparePlans(listing.plans),
      titles: listing.plans.map(({ title }) => title),
      calculator: {
        calls: wrong ? String(typed).slice(0, 40) : grouped(calls ?? CALLS_DEFAULT),
        error: wrong ? 'Type a whole number of calls, such as 20,000.' : null,
        count: calls ?? CALLS_DEFAULT,
        quotes: wrong ? [] : quotePlans(listing.plans, calls ?? CALLS_DEFAULT),
      },
      weighted: listing.plans.some(({ plan }) => plan.weights.size > 0),
    });
  });
  router.get('/apis/:slug/docs', open, async (req, res) => {
    const listing = await listingOf(req);
    const keyed = listing.operations.find(({ definition }) => definition.security !== 'NONE') ?? listing.operations[0];
    listingPage(res, listing, 'docs', 'storefront/listing-docs', {
      gatewayUrl,
      curl: keyed ? curl({ baseUrl: listing.baseUrl, stage: listing.stage, definition: keyed.definition }) : null,
      appCode: listing.operations.some(({ definition }) => definition.appCode),
    });
  });
  router.get('/apis/:slug/logo', open, async (req, res) => {
    const listing = await listingOf(req);
    const logo = await catalog.products.logo(actorOf(req), listing.productId);
    if (!logo) throw new AppError('not-found');
    // The address carries the image's hash; the type is one of the three that were checked when it was stored.
    res.set('Cache-Control', 'public, max-age=86400').set('Content-Security-Policy', "default-src 'none'").type(logo.contentType).send(Buffer.from(logo.data));
  });

  router.get('/catalog.json', open, async (req, res) => {
    const listings = await storefront.listings();
    const first = (pageOf(req.query['page']) - 1) * JSON_PAGE_SIZE;
    const more = first + JSON_PAGE_SIZE < listings.length;
    res
      .type('json')
      .send(
        JSON.stringify({
          items: listings.slice(first, first + JSON_PAGE_SIZE).map((listing) => catalogEntry(listing, webUrl)),
          next: more ? `${webUrl}/catalog.json?page=${first / JSON_PAGE_SIZE + 2}` : null,
        }),
      );
  });
  router.get('/llms.txt', open, async (_req, res) => {
    const listings = await storefront.listings();
    const lines = listings.slice(0, 200).map(({ name, slug, tagline }) => `- [${oneLine(name)}](${webUrl}/apis/${slug}): ${oneLine(tagline)}`);
    res
      .type('text/plain')
      .send(
        [
          '# Tollgate',
          '',
          '> A marketplace of APIs with metered calls, published prices and a receipt for every call.',
          '',
          '## Docs',
          '',
          ...['start', 'buy', 'authentication', 'limits', 'billing', 'errors', 'sell'].map((name) => `- [${name}](${webUrl}/docs/${name}.md)`),
          '',
          '## APIs',
          '',
          `The whole catalogue as JSON: ${webUrl}/catalog.json`,
          '',
          ...lines,
          '',
        ].join('\n'),
      );
  });
  router.get('/robots.txt', open, (_req, res) => {
    const closed = [
      '/account',
      '/admin/',
      '/apps',
      '/dashboard',
      '/gateways',
      '/invoices',
      '/organization',
      '/products',
      '/sandbox',
      '/sign-in',
      '/sign-up',
      '/subscriptions',
      '/usage',
    ];
    res.type('text/plain').send(['User-agent: *', ...closed.map((path) => `Disallow: ${path}`), ''].join('\n'));
  });
  router.get('/terms', open, (_req, res) => page(res, 'storefront/terms'));
  router.get('/privacy', open, (_req, res) => page(res, 'storefront/privacy'));

  const ThemeForm = z.strictObject({ theme: z.enum(['auto', 'light', 'dark']), next: z.string().max(500).default('/') });
  router.post('/theme', open, (req, res) => {
    const { theme, next } = parseForm(ThemeForm, req.body);
    res.cookie('tollgate-theme', theme, { path: '/', sameSite: 'lax', secure: webUrl.startsWith('https://'), maxAge: THEME_LIFE_MS });
    res.redirect(303, safePath(next, '/'));
  });
  return router;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').replace(/[[\]]/g, '');

/** Query of an address as keys with one value or several. */
function searchParts(link: string): [string, string | string[]][] {
  const params = new URL(link, 'http://portal.invalid').searchParams;
  return [...new Set(params.keys())].map((key) => {
    const values = params.getAll(key);
    return [key, values.length > 1 ? values : (values[0] ?? '')];
  });
}
