import { expect } from 'chai';
import { eventually, journey } from '../support/browser.ts';
import { fill, pathOf, press, send } from './support/forms.ts';
import { become, join, stranger } from './support/people.ts';
import { approve, offer, rejectOnce, TASTE } from './support/selling.ts';

describe('selling', () => {
  journey('a product sent back with a reason is changed, submitted again and listed', async (visitor) => {
    const provider = stranger('Rosa Provider', 'Second Draft');
    const product = `Drafts of ${provider.organization}`;
    await offer(visitor, provider, { product, tagline: 'Countries, once more', plans: [TASTE] });
    await rejectOnce(visitor, provider, product, 'Say how fresh the data is.');
    await approve(visitor, product);
    await eventually(`${product} is in the storefront`, async () => {
      await visitor.go(`/apis?q=${encodeURIComponent(product)}`);
      return (await visitor.page.getByRole('link', { name: product, exact: true }).count()) === 1;
    });
  });

  journey('a document that is none is refused beside its field, and what was typed stays', async (visitor) => {
    const { page, go } = visitor;
    await join(visitor, stranger('Nils Provider', 'No Document'));
    await go('/gateways/new');
    await send(page, 'form[data-name=gateway]', { name: 'Main' });
    await send(page, 'form[data-name=group]', { name: 'Empty' });
    await press(page.getByRole('link', { name: 'Import a document' }).first());
    const form = page.locator('form[data-name=import]');
    await fill(form, { text: '{"openapi": "3.1.0", "info": {', origin: 'https://api.example.com', timeoutMs: '4321' });
    await press(form.getByRole('button', { name: 'Read the document' }));
    expect(await page.locator('.faults').count(), 'faults are told').to.equal(1);
    expect(await form.locator('[aria-invalid=true]').count(), 'beside a field').to.be.at.least(1);
    expect(await form.locator('[name=text]').inputValue()).to.equal('{"openapi": "3.1.0", "info": {');
    expect(await form.locator('[name=origin]').inputValue()).to.equal('https://api.example.com');
    expect(await form.locator('[name=timeoutMs]').inputValue()).to.equal('4321');
  });

  journey('a plan with faults comes back with them and with what was typed', async (visitor) => {
    const { page, go } = visitor;
    await become(visitor, 'provider');
    await go('/products');
    await press(page.locator('table[data-name=products] a, main h3 a').first());
    await go(`${pathOf(page)}/plans/new`);
    const form = page.locator('form[data-name=plan]');
    await fill(form, { name: 'odd', title: 'Odd', kind: 'fee', fee: 'ten dollars', included: '1,000' });
    await press(form.getByRole('button', { name: 'Publish the plan' }));
    expect(await page.locator('#fee-error').innerText()).to.include('10.00');
    expect(await form.locator('[name=fee]').inputValue()).to.equal('ten dollars');
    expect(await form.locator('[name=included]').inputValue()).to.equal('1,000');
    expect(await form.locator('[name=kind][value=fee]').isChecked()).to.equal(true);
  });
});
