import { expect } from 'chai';
import { accessFaults, expectWellMade, theBrowser, VIEWPORTS, visit, webUrl } from '../support/browser.ts';
import { become } from './support/people.ts';
import { stops, type Guide } from './support/tour.ts';

/** An ordinary window, and the narrowest that text must fit into (WCAG 1.4.10); colours by day and by night. */
const LOOKS = (['wide', 'narrowest'] as const).flatMap((width) => (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })));

describe('every page', () => {
  for (const guide of ['anybody', 'buyer', 'provider', 'operator'] as Guide[]) {
    it(`that ${guide === 'anybody' ? 'anybody' : `the ${guide}`} sees is accessible and fits, in light and dark, on wide and narrowest screens, and breaks no rule of its own`, async function () {
      this.timeout(600_000);
      const visitor = await visit(await theBrowser(), { javaScript: true, width: 'wide' });
      const { page } = visitor;
      const faults: string[] = [];
      if (guide === 'anybody') await page.goto(webUrl());
      else await become(visitor, guide);
      for (const { name, path } of await stops(page, guide)) {
        await page.goto(new URL(path, webUrl()).href);
        for (const { width, colorScheme } of LOOKS) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await page.setViewportSize(VIEWPORTS[width]);
          await expectWellMade(page);
          for (const fault of await accessFaults(page)) faults.push(`${name} (${width}, ${colorScheme}): ${fault}`);
        }
      }
      await visitor.close();
      expect([...faults, ...visitor.faults]).to.deep.equal([]);
    });
  }
});
