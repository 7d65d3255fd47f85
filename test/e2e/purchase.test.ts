import { expect } from 'chai';
import { demo, journey, type Visitor } from '../support/browser.ts';
import { ASKING_CARD, GOOD_CARD, payWith, subscribe, subscriptionOf, UNCOVERED_CARD, untilStatus } from './support/buying.ts';
import { fill, pathOf, press, send, unfold } from './support/forms.ts';
import { join, stranger } from './support/people.ts';

/** A new buyer at the Checkout of the demonstration's paid plan. */
async function atCheckout(visitor: Visitor): Promise<void> {
  expect(demo().listings).to.have.property('currencies');
  await join(visitor, stranger('Carla Buyer', 'Corner Shop'));
  await subscribe(visitor, { words: 'currencies', listing: 'Currencies', plan: 'starter' });
}

describe('a purchase', () => {
  journey('whose card is declined waits, tells why, and goes on with a good card', async (visitor) => {
    const { page } = visitor;
    await atCheckout(visitor);
    await payWith(page, UNCOVERED_CARD);
    const subscriptionId = subscriptionOf(page);
    await untilStatus(visitor, subscriptionId, 'pending');
    expect(await page.locator('.notice[data-tone=error]').innerText())
      .to.include('declined')
      .and.to.include('Nothing was charged');
    expect(await page.locator('table[data-name=invoices] [data-status=paid]').count()).to.equal(0);

    await press(page.locator('form[data-name=resume] button'));
    await payWith(page, GOOD_CARD);
    expect(subscriptionOf(page)).to.equal(subscriptionId);
    await untilStatus(visitor, subscriptionId, 'active');
    expect(await page.locator('table[data-name=invoices] [data-status=paid]').count()).to.equal(1);
  });

  journey('whose bank asks for a confirmation waits for it, and begins with it', async (visitor) => {
    const { page } = visitor;
    await atCheckout(visitor);
    await fill(page.locator('form'), { number: ASKING_CARD, expiry: '12 / 34', cvc: '123' });
    await press(page.getByRole('button', { name: 'Save card' }));
    await press(page.getByRole('button', { name: 'Approve' })); // that the card may be saved
    const subscriptionId = subscriptionOf(page);
    await untilStatus(visitor, subscriptionId, 'pending');
    expect(await page.locator('.notice').innerText()).to.include('bank');
    await press(page.locator('form[data-name=resume] button'));
    if ((await page.getByRole('button', { name: 'Approve' }).count()) === 0) await press(page.getByRole('button', { name: /^Pay with/ }));
    await press(page.getByRole('button', { name: 'Approve' })); // that it may be charged
    await untilStatus(visitor, subscriptionId, 'active');
  });

  journey('that is left at Checkout stays open, and can be given up without a charge', async (visitor) => {
    const { page } = visitor;
    await atCheckout(visitor);
    await press(page.getByRole('link', { name: 'Back without saving' }));
    expect(pathOf(page)).to.match(/^\/subscriptions\/sub_/);
    expect(await page.locator('h1 [data-status=pending]').count()).to.equal(1);
    await send(page, 'form[data-name=cancel-purchase]');
    expect(await page.locator('h1 [data-status=canceled]').count()).to.equal(1);
    expect(await page.locator('main').innerText()).to.include('Nothing was charged');
  });

  journey('that succeeded is canceled at the end of its period, and the cancellation undone', async (visitor) => {
    const { page } = visitor;
    await atCheckout(visitor);
    await payWith(page, GOOD_CARD);
    await untilStatus(visitor, subscriptionOf(page), 'active');
    const cancel = page.locator('form[data-name=cancel]');
    await unfold(cancel);
    expect(await page.locator('.confirm-panel', { has: cancel }).innerText()).to.match(/Access ends on \d/);
    await send(page, 'form[data-name=cancel]');
    expect(await page.locator('.notice[data-tone=warning]').innerText()).to.match(/Ends on \d/);
    expect(await page.locator('h1 [data-status=active]').count(), 'still active').to.equal(1);
    await send(page, 'form[data-name=undo]');
    expect(await page.locator('.notice[data-tone=warning]').count()).to.equal(0);
    expect(await cancel.count(), 'it can be canceled again').to.equal(1);
  });
});
