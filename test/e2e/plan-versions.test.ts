import { expect } from 'chai';
import { eventually, journey } from '../support/browser.ts';
import { payWith, GOOD_CARD, subscribe, subscriptionOf, untilStatus } from './support/buying.ts';
import { fill, pathOf, press, send, withoutFaults } from './support/forms.ts';
import { join, leave, signIn, stranger } from './support/people.ts';
import { approve, offer, STARTER } from './support/selling.ts';

const DAY_MS = 86_400_000;
const day = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

describe('a new version of a plan', () => {
  journey('for running subscriptions is refused too near, told to the buyer with old and new price, and can be withdrawn', async (visitor) => {
    const { page, go } = visitor;
    const [provider, buyer] = [stranger('Vera Provider', 'Versions'), stranger('Viktor Buyer', 'Holder')];
    const product = `Versions of ${provider.organization}`;
    await offer(visitor, provider, { product, tagline: 'Countries under two versions', plans: [STARTER] });
    await approve(visitor, product);
    await join(visitor, buyer);
    await subscribe(visitor, { words: product, listing: product, plan: 'starter' });
    await payWith(page, GOOD_CARD);
    const subscriptionId = subscriptionOf(page);
    await untilStatus(visitor, subscriptionId, 'active');

    const toPlan = async () => {
      await leave(visitor);
      await signIn(visitor, provider);
      await go('/products');
      await press(page.getByRole('link', { name: product, exact: true }).first());
      await go(`${pathOf(page)}/plans`);
      await press(page.locator('main').getByRole('link', { name: 'Starter' }).first());
    };
    await toPlan();
    const form = page.locator('form[data-name=plan]');
    await fill(form, { fee: '12.00', audience: 'all', effectiveAt: day(10) });
    await press(form.locator('button[value=save]'));
    expect(await page.locator('#effectiveAt-error').innerText()).to.include('The fee rises from USD 10.00 to USD 12.00.');
    expect(await form.locator('[name=fee]').inputValue()).to.equal('12.00');
    await visitor.picture('plan-version-refused');
    // The sandbox's clock may be ahead of ours: the page names the earliest day itself.
    const earliest = new Date(`${/The earliest day is (\d+ \w+ \d+)/.exec(await page.locator('#effectiveAt-error').innerText())?.[1]} UTC`)
      .toISOString()
      .slice(0, 10);
    await fill(form, { audience: 'all', effectiveAt: earliest });
    await press(form.locator('button[value=save]'));
    await withoutFaults(page, 'a version announced');
    expect(await page.locator('main').innerText()).to.include('for running subscriptions with their first period from');

    await leave(visitor);
    await signIn(visitor, buyer);
    await go(`/subscriptions/${subscriptionId}`);
    const change = page.locator('[data-name=version-change]');
    expect(await change.innerText())
      .to.include('USD 10.00 a month')
      .and.include('USD 12.00 a month')
      .and.include('cancel before');
    await visitor.picture('plan-version-buyer');
    await eventually('a letter to the buyer', async () => {
      await go('/sandbox');
      return (
        (await page
          .locator('table[data-name=mails] tr', { hasText: buyer.email })
          .filter({ hasText: `The terms of ${product} change` })
          .count()) === 1
      );
    });

    await toPlan();
    await visitor.picture('plan-version-provider');
    await eventually('all are told', async () => {
      await go(pathOf(page));
      return (await page.locator('[data-name=announced]').innerText()).includes('All of them have been told');
    });
    await send(page, 'form[data-name=withdrawal]');
    expect(await page.locator('[data-name=announced]').count()).to.equal(0);
    expect(await form.locator('[name=fee]').inputValue(), 'the version before is on offer').to.equal('10.00');
    await leave(visitor);
    await signIn(visitor, buyer);
    await go(`/subscriptions/${subscriptionId}`);
    expect(await change.count()).to.equal(0);
  });
});
