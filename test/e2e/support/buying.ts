import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { eventually, type Visitor } from '../../support/browser.ts';
import { fill, pathOf, press, send } from './forms.ts';

export const GOOD_CARD = '4242 4242 4242 4242';
/** Saved without complaint, refused whenever money is asked for. */
export const UNCOVERED_CARD = '4000 0000 0000 0341';

/** Its bank wants every payment confirmed (3-D Secure). */
export const ASKING_CARD = '4000 0027 6000 3184';

/** Find a listing by words, open its prices, choose a plan, agree. Ends at Checkout, or on the subscription when the plan is free. */
export async function subscribe({ page, go }: Visitor, { words, listing, plan }: { words: string; listing: string; plan: string }): Promise<void> {
  const card = page.locator('main article').getByRole('link', { name: listing, exact: true });
  await eventually(`${listing} among the results for “${words}”`, async () => {
    await go('/apis');
    await fill(page.locator('form[data-name=search-catalogue]'), { q: words });
    await press(page.locator('form[data-name=search-catalogue] button'));
    return (await card.count()) > 0;
  });
  await press(card);
  expect(await page.locator('h1').innerText()).to.include(listing);
  await press(page.getByRole('link', { name: 'Compare and subscribe' }));
  await press(page.locator(`article[data-plan="${plan}"] a`, { hasText: 'Subscribe' }));
  const name = page.locator('form[data-name=subscribe] [name=appName]');
  await send(page, 'form[data-name=subscribe]', (await name.inputValue()) === '' ? {} : { appName: 'Route planner' });
}

/** Type a card at Checkout and come back. */
export async function payWith(page: Page, number: string): Promise<void> {
  expect(pathOf(page)).to.match(/^\/checkout\//);
  await fill(page.locator('form'), { number, expiry: '12 / 34', cvc: '123', name: 'Ada Buyer' });
  await press(page.getByRole('button', { name: 'Save card' }));
  expect(pathOf(page)).to.match(/^\/subscriptions\/sub_/);
}

export const subscriptionOf = (page: Page): string => pathOf(page).split('/')[2] ?? '';

/** The page tells how the subscription stands; look again until it is so. */
export async function untilStatus({ page, go }: Visitor, subscriptionId: string, status: string): Promise<void> {
  await eventually(`${subscriptionId} is ${status}`, async () => {
    await go(`/subscriptions/${subscriptionId}`);
    return (await page.locator(`h1 [data-status=${status}]`).count()) > 0;
  });
}

/** Create an AppCode on the page of the subscription's app. @returns the curl that is shown once */
export async function createKey({ page }: Visitor): Promise<string> {
  await press(page.getByRole('link', { name: 'Create a key' }));
  await send(page, 'form[data-name=credential]', { kind: 'code', name: 'laptop' });
  expect(await page.locator('[data-name=secret]').count()).to.equal(1);
  return page.locator('pre[aria-label="Paste into a terminal"]').innerText();
}
