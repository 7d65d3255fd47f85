import { expect } from 'chai';
import { DEMO_PLANS, definition, listing, parameter } from '../../support/listings.ts';
import { storefrontSite, type Site } from '../../support/storefront-site.ts';

const SHOP = [
  listing(),
  listing({
    slug: 'cities',
    name: 'Cities',
    tagline: 'Places above a thousand people.',
    tags: ['reference', 'places'],
    plans: { starter: DEMO_PLANS['starter']! },
    listedAt: 2,
  }),
  listing({
    slug: 'currencies',
    name: 'Currencies',
    tagline: 'ISO 4217 codes.',
    category: 'finance',
    tags: ['iso'],
    plans: { payg: DEMO_PLANS['payg']! },
    listedAt: 3,
  }),
];

describe('storefront pages', () => {
  let site: Site;
  before(async () => (site = await storefrontSite(SHOP)));
  after(() => site.close());

  const get = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(site.url + path, { headers, redirect: 'manual' });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };

  for (const path of [
    '/',
    '/apis',
    '/apis?q=zzzz',
    '/apis?q=contries',
    '/apis/countries',
    '/apis/countries/endpoints',
    '/apis/countries/endpoints/get-countries-code',
    '/apis/countries/pricing',
    '/apis/countries/pricing?calls=abc',
    '/apis/countries/docs',
    '/docs',
    '/docs/buy',
    '/docs/sell',
    '/docs/authentication',
    '/docs/limits',
    '/docs/billing',
    '/docs/errors',
    '/problems/quota-exceeded',
    '/problems/invalid-form',
    '/terms',
    '/privacy',
  ]) {
    it(`shows ${path} with one h1, a main part and no inline script or style`, async () => {
      const { status, text } = await get(path);
      expect(status).to.equal(200);
      expect(text.match(/<h1[\s>]/g)).to.have.length(1);
      expect(text.match(/<main /g)).to.have.length(1);
      expect(text).not.to.match(/\sstyle="|\son[a-z]+="|<style|<script(?![^>]* src=")/);
      const ids = [...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
      expect(new Set(ids).size, `ids ${ids.join(' ')}`).to.equal(ids.length);
      expect(text).to.contain('no real money moves');
    });
  }

  it('keeps every filter in the address and counts what a click would give', async () => {
    const { text } = await get('/apis?category=geo&tag=reference');
    expect(text).to.contain('<strong>2</strong> APIs');
    expect(text).to.contain('href="/apis?category&#x3D;geo&amp;tag&#x3D;reference&amp;tag&#x3D;iso"');
    expect(text).to.contain('Remove filter </span>Places and maps');
  });
  it('answers a search without a hit with the nearest listing', async () => {
    const { text } = await get('/apis?q=contry%20zebra');
    expect(text).to.contain('Nothing matches').and.to.contain('Nearest to your words').and.to.contain('href="/apis/countries"');
  });
  it('gives a page of its own to what is not there', async () => {
    expect((await get('/apis/nothing')).status).to.equal(404);
    expect((await get('/apis/countries/endpoints/nothing')).status).to.equal(404);
    expect((await get('/docs/nothing')).status).to.equal(404);
    expect((await get('/problems/constructor')).status).to.equal(404);
    expect((await get('/apis/nothing')).text)
      .to.contain('not-found')
      .and.to.contain('req_test');
  });
  it('calculates what a number of calls costs as the invoice will, and marks the least', async () => {
    const { text } = await get('/apis/countries/pricing?calls=3%2C000');
    // starter: 10.00 and 2,000 beyond the included ones at half a cent; pay per call: 3,000 at a fifth of a cent; free stops at 500
    expect(text).to.contain('<data value="2000" data-currency="usd">USD 20.00</data>');
    expect(text).to.match(/Payg <span[^>]*>least<\/span>/);
    expect(text).to.contain('<data value="600" data-currency="usd">USD 6.00</data>');
    expect(text).to.contain('stops at 500 calls');
  });
  it('offers the catalogue to programs', async () => {
    const { text, headers } = await get('/catalog.json');
    expect(headers.get('content-type')).to.match(/^application\/json/);
    const { items, next } = JSON.parse(text) as {
      items: { slug: string; base_url: string; listed_at: string; plans: { name: string; document: { base_amount: number } }[] }[];
      next: string | null;
    };
    expect(next).to.equal(null);
    expect(items.map(({ slug }) => slug)).to.include('countries');
    expect(items[0]).to.include({ slug: 'countries', base_url: 'http://127.0.0.1:8080/countries', listed_at: '2026-06-01T00:00:00Z' });
    expect(items[0]?.plans[1]).to.nested.include({ name: 'starter', 'document.base_amount': 1000 });
    expect((await get('/llms.txt')).text).to.contain('[Countries](http://localhost:3000/apis/countries)');
    expect((await get('/robots.txt')).text).to.contain('Disallow: /admin/');
    const twin = await get('/docs/authentication.md');
    expect(twin.headers.get('content-type')).to.match(/^text\/markdown/);
    expect(twin.text).to.contain('# Authentication').and.to.contain('5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624');
  });
  it('stores the chosen appearance in a cookie and goes back on this site only', async () => {
    const post = (body: string) => fetch(`${site.url}/theme`, { method: 'POST', body: new URLSearchParams(body), redirect: 'manual' });
    const stored = await post('theme=dark&next=/apis');
    expect(stored.status).to.equal(303);
    expect(stored.headers.get('location')).to.equal('/apis');
    expect(stored.headers.get('set-cookie')).to.match(/^tollgate-theme=dark; .*SameSite=Lax/);
    for (const next of ['//evil.test', '/\\evil.test', 'https:evil.test', '/%09/evil', 'javascript:alert(1)']) {
      const location = (await post(`theme=light&next=${encodeURIComponent(next)}`)).headers.get('location') ?? '';
      expect(new URL(location, site.url).host).to.equal(new URL(site.url).host);
    }
    expect((await get('/', { cookie: 'tollgate-theme=dark' })).text).to.contain('<html lang="en" data-theme="dark">');
  });
  it('serves assets under their hash for good, and under another hash not', async () => {
    const { text } = await get('/');
    const href = /href="(\/assets\/[0-9a-f]{12}\/css\/tollgate\.css)"/.exec(text)?.[1] ?? '';
    expect((await get(href)).headers.get('cache-control')).to.contain('immutable');
    expect((await get(href.replace(/[0-9a-f]{12}/, '000000000000'))).headers.get('cache-control')).to.equal('no-cache');
    expect((await get('/assets/000000000000/..%2fpackage.json')).status).to.be.oneOf([400, 403, 404]);
  });
});

describe('storefront against hostile listings', () => {
  const EVIL = '<img src=x onerror=alert(1)><script>alert(1)</script>"\'`';
  const hostile = listing({
    slug: 'evil',
    name: EVIL,
    tagline: EVIL,
    provider: EVIL,
    website: 'javascript:alert(1)',
    dataSource: 'data:text/html,x',
    tags: [EVIL],
    description: `${EVIL}\n\n[a](javascript:alert(1)) [b](https://good.example) ![i](https://spy.example/x.png)\n\n<iframe src="https://spy.example"></iframe>\n\n# Big\n`,
    operations: [
      definition('GET', '/a/{id}', {
        summary: EVIL,
        description: EVIL,
        tags: [EVIL],
        parameters: [parameter('id', { in: 'path', required: true, description: EVIL, example: `'; rm -rf / #`, enum: [EVIL] })],
      }),
    ],
  });
  let site: Site;
  before(async () => (site = await storefrontSite([hostile])));
  after(() => site.close());

  for (const path of [
    '/',
    '/apis',
    `/apis?q=${encodeURIComponent(EVIL)}`,
    '/apis/evil',
    '/apis/evil/endpoints',
    '/apis/evil/endpoints/get-a-id',
    '/apis/evil/pricing',
    '/apis/evil/docs',
  ]) {
    it(`keeps markup of strangers text on ${path.slice(0, 30)}`, async () => {
      const text = await (await fetch(site.url + path)).text();
      expect(text).not.to.match(/<img src=x|<script>alert|<iframe|href="(javascript|data):/i);
      expect(text).to.contain('&lt;');
    });
  }
  it('marks links of strangers, drops their pictures and puts their headings below the page’s', async () => {
    const text = await (await fetch(`${site.url}/apis/evil`)).text();
    expect(text).to.contain('<a href="https://good.example" rel="nofollow ugc noopener">b</a>');
    expect(text).not.to.contain('spy.example/x.png"');
    expect(text).to.contain('<h3>Big</h3>');
    expect(text).to.match(/<dd>javascript:alert\(1\)\s*<\/dd>/);
  });
  it('quotes a value for the shell', async () => {
    const text = await (await fetch(`${site.url}/apis/evil/endpoints/get-a-id`)).text();
    expect(text).to.contain('%3B%20rm%20-rf%20%2F%20%23');
  });
});
