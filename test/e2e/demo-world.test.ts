import { expect } from 'chai';
import { demo, expectAccessible, journey, type Demo } from '../support/browser.ts';

describe('the demonstration world', () => {
  journey(
    'shows its listings to anybody, with source and licence of their data',
    async ({ page, go }, { javaScript }) => {
      await go('/apis');
      for (const slug of Object.keys(demo().listings)) expect(await page.locator(`a[href="/apis/${slug}"]`).count(), slug).to.be.at.least(1);
      await go('/apis/cities');
      expect(await page.locator('body').innerText())
        .to.include('GeoNames')
        .and.to.include('CC-BY-4.0');
      if (javaScript) await expectAccessible(page);
    },
    [
      { javaScript: true, width: 'wide' },
      { javaScript: false, width: 'narrow' },
      { javaScript: true, width: 'narrow', dark: true },
    ],
  );

  for (const role of ['provider', 'buyer', 'admin', 'operator'] as (keyof Demo['users'])[]) {
    journey(`signs the ${role} in`, async ({ page, signIn, go }, { javaScript }) => {
      await signIn(role);
      await go('/dashboard');
      expect(new URL(page.url()).pathname).to.equal('/dashboard');
      if (javaScript) await expectAccessible(page);
    });
  }
});
