import { expect } from 'chai';
import type { BrowserContext } from 'playwright-core';
import { accessFaults, expectWellMade, theBrowser, visit, webUrl, type Manner } from '../support/browser.ts';
import { become } from './support/people.ts';
import { stops, type Guide } from './support/tour.ts';

type Cookies = Awaited<ReturnType<BrowserContext['cookies']>>;

/** The narrowest window that text must fit into (WCAG 1.4.10), and an ordinary one. */
const LOOKS: readonly Manner[] = [
  { javaScript: true, width: 'wide' }, { javaScript: true, width: 'narrowest', dark: true }, { javaScript: true, width: 'narrowest' }, { javaScript: true, width: 'wide', dark: true },
];

describe('every page', () => {
  for (const guide of ['anybody', 'buyer', 'provider', 'operator'] as Guide[]) {
    it(`that ${guide === 'anybody' ? 'anybody' : `the ${guide}`} sees is accessible and fits, in light and dark, on wide and narrowest screens, and breaks no rule of its own`, async function () {
      this.timeout(360_000);
      const browser = await theBrowser();
      const faults: string[] = [];
      let cookies: Cookies = [];
      for (const look of LOOKS) {
        const visitor = await visit(browser, look);
        const { page, context } = visitor;
        if (cookies.length > 0) await context.addCookies(cookies);
        if (guide === 'anybody' || cookies.length > 0) await page.goto(webUrl());
        else await become(visitor, guide);
        cookies = await context.cookies();
        const all = await stops(page, guide);
        expect(all.length).to.be.greaterThan(4);
        for (const { name, path } of all) {
          await page.goto(new URL(path, webUrl()).href);
          await expectWellMade(page);
          for (const fault of await accessFaults(page)) faults.push(`${name} (${look.width}${look.dark ? ', dark' : ''}): ${fault}`);
        }
        faults.push(...visitor.faults);
        await visitor.close();
      }
      expect(faults).to.deep.equal([]);
    });
  }
});
