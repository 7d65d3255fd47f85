import { expect } from 'chai';
import { expectAccessible, expectWellMade, journey, type Manner } from '../support/browser.ts';

const EVERY_MANNER: readonly Manner[] = [
  { javaScript: true, width: 'wide' },
  { javaScript: false, width: 'wide' },
  { javaScript: true, width: 'narrow', dark: true },
];

const PAGES = [
  '/',
  '/apis',
  '/apis?q=nothing+at+all',
  '/apis/countries',
  '/apis/countries/endpoints',
  '/apis/countries/endpoints/get-v1-countries',
  '/apis/countries/pricing',
  '/apis/countries/docs',
  '/docs',
  '/docs/authentication',
  '/docs/errors',
  '/problems/quota-exceeded',
  '/terms',
  '/privacy',
  '/sign-in',
  '/sign-up',
  '/password-reset',
];

describe('the storefront in a browser', () => {
  journey(
    'a visitor finds an API, reads what it answers and what it costs',
    async ({ page, go }, { width }) => {
      await go('/');
      await page.locator('main input[name=q]').fill('countires');
      await page.locator('main form[data-name=search-home] button').click();
      await expectWellMade(page);
      await page.locator('.api-card a', { hasText: /^Countries$/ }).click();
      expect(await page.locator('h1').textContent()).to.contain('Countries');
      await page.locator('.tabs a', { hasText: 'Endpoints' }).click();
      await page.locator('a.operation-row', { has: page.getByText('/v1/countries/{code}', { exact: true }) }).click();
      await expectWellMade(page);
      expect(await page.locator('.code code').first().textContent()).to.match(
        /^curl 'http:\/\/.*\/countries\/v1\/countries\/[A-Z]+' \\\n {2}-H "X-Apig-AppCode: \$TOLLGATE_APP_CODE"$/,
      );
      expect(await page.locator('.answer').first().textContent()).to.contain('200');
      await page.locator('.tabs a', { hasText: 'Pricing' }).click();
      await page.locator('#calls').fill('3,000');
      await page.locator('form[data-name=calculator] button').click();
      const least = page.locator('[data-result] tr', { hasText: 'least' });
      await least.locator('data[value="600"]').first().waitFor();
      expect(await page.locator('article[data-plan=starter] data').getAttribute('value')).to.equal('1000');
      await page.locator('article[data-plan=starter] a').click();
      expect(new URL(page.url()).pathname, 'a visitor signs in first').to.equal('/sign-in');
      if (width === 'narrow') await expectWellMade(page);
    },
    EVERY_MANNER,
  );

  journey(
    'filters narrow the list, each can be taken away, and the address holds them',
    async ({ page, go }) => {
      await go('/apis');
      // Folded where the window is narrow or the browser cannot open it by style.
      const link = page.locator('.facet a', { hasText: 'Finance and currencies' });
      if (!(await link.isVisible())) await page.locator('.facets-menu > summary').click();
      await link.click();
      expect(new URL(page.url()).search).to.equal('?category=finance');
      expect(await page.locator('.api-card').count()).to.equal(1);
      await page.locator('.chip', { hasText: 'Finance and currencies' }).click();
      expect(new URL(page.url()).search).to.equal('');
      await page.goBack();
      expect(await page.locator('.api-card').count()).to.equal(1);
      await go('/apis?q=zzzzzz');
      expect(await page.locator('main').textContent()).to.contain('Nothing matches');
    },
    EVERY_MANNER,
  );

  journey('light and dark are chosen by a button and kept', async ({ page, go }) => {
    await go('/docs');
    await page.locator('.theme button[value=dark]').click();
    await page.locator('html[data-theme=dark]').waitFor();
    expect(new URL(page.url()).pathname).to.equal('/docs');
    await go('/apis');
    expect(await page.locator('html').getAttribute('data-theme')).to.equal('dark');
    expect(await page.locator('.theme button[value=dark]').getAttribute('aria-pressed')).to.equal('true');
    const ground = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(ground).to.equal('rgb(15, 20, 18)');
  });

  journey(
    'scripts add a filter, a copy button, a price that follows the typing and the / key',
    async ({ page, context, go }) => {
      await go('/apis/httpbin/endpoints');
      const rows = page.locator('a.operation-row:visible');
      const all = await rows.count();
      await page.locator('#filter').fill('delete status');
      expect(await rows.count()).to.be.within(1, all - 1);
      await go('/apis/countries/pricing');
      await page.locator('#calls').fill('1000000');
      await page.locator('[data-result] th', { hasText: '1,000,000 calls' }).first().waitFor();
      await page.locator('h1').click();
      await page.keyboard.press('/');
      expect(await page.evaluate<string>('document.activeElement.id')).to.equal('top-q');
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      await go('/apis/countries');
      await page.locator('.code [data-copy]').first().click();
      await page.locator('.code [data-copy-label]', { hasText: 'Copied' }).first().waitFor();
      expect(await page.evaluate<string>('navigator.clipboard.readText()')).to.match(/^curl '/);
    },
    [{ javaScript: true, width: 'wide' }],
  );

  journey(
    'every page can be used by everybody',
    async ({ page, go }) => {
      for (const path of PAGES) {
        await go(path);
        await expectAccessible(page);
      }
    },
    [
      { javaScript: true, width: 'wide' },
      { javaScript: true, width: 'narrow' },
      { javaScript: true, width: 'wide', dark: true },
    ],
  );

  journey(
    'the keyboard alone reaches the content first, and sees where it is',
    async ({ page, go }) => {
      await go('/apis/countries');
      await page.keyboard.press('Tab');
      expect(await page.evaluate<string>('document.activeElement.textContent')).to.equal('Skip to content');
      await page.keyboard.press('Enter');
      expect(await page.evaluate<string>('document.activeElement.id')).to.equal('main');
      for (let steps = 0; steps < 25; steps++) {
        await page.keyboard.press('Tab');
        const seen = await page.evaluate<boolean>(`(() => {
        const at = document.activeElement;
        if (at === document.body) return true;
        const box = at.getBoundingClientRect();
        const marked = (element) => getComputedStyle(element).outlineStyle !== 'none';
        const topmost = document.elementFromPoint(Math.min(innerWidth - 1, box.x + box.width / 2), Math.min(innerHeight - 1, box.y + box.height / 2));
        return (marked(at) || marked(at.closest('.api-card') ?? at)) && topmost !== null && (at.contains(topmost) || topmost.contains(at));
      })()`);
        expect(seen, await page.evaluate<string>('document.activeElement.outerHTML.slice(0, 200)')).to.equal(true);
      }
    },
    [{ javaScript: true, width: 'wide' }],
  );
});
