import { expect } from 'chai';
import { demo, eventually, journey, type Visitor } from '../support/browser.ts';
import { fill, pathOf, press, send, unfold, withoutFaults } from './support/forms.ts';
import { become, join, leave, signIn, stranger, type Person } from './support/people.ts';

/** Boxes of the visual editor share one name; each is one action. */
async function tick({ page }: Visitor, statement: number, ...actions: readonly string[]): Promise<void> {
  for (const action of actions) {
    const box = page.locator(`[name="s${statement}-action"][value="${action}"]`).first();
    await unfold(box);
    await box.check();
  }
}

const saveButton = 'button.button-primary[value=save]';

/** May keep keys, and must not touch gateways: the second statement says so. */
async function writeKeysPolicy(visitor: Visitor): Promise<void> {
  const { page, go } = visitor;
  await go('/organization/policies/new');
  const form = 'form[data-name=policy]';
  await fill(page.locator(form), { name: 'Keys alone' });
  await tick(visitor, 0, 'market:apps:get', 'market:credentials:*');
  await press(page.locator(`${form} button[value=add]`));
  await tick(visitor, 1, 'apig:*');
  await page.locator('[name="s1-effect"][value=Deny]').check();
  await press(page.locator(`${form} ${saveButton}`));
  await withoutFaults(page, form);
}

async function invite({ page, go }: Visitor, person: Person, policy: string): Promise<void> {
  await go('/organization/members');
  const form = page.locator('form[data-name=invite]');
  await fill(form, { email: person.email });
  await form.getByRole('checkbox', { name: new RegExp(`^${policy}`) }).check();
  await press(form.getByRole('button', { name: 'Send invitation' }));
  await withoutFaults(page, 'the invitation');
}

/** Opens the newest mail of the sandbox's mailbox and accepts. */
async function accept(visitor: Visitor, person: Person, organization: string): Promise<void> {
  const { page, go } = visitor;
  await leave(visitor);
  await signIn(visitor, person);
  const mail = page.locator('table[data-name=mails] tr', { hasText: person.email }).filter({ hasText: `Join ${organization}` });
  await eventually(`an invitation for ${person.email}`, async () => {
    await go('/sandbox');
    return (await mail.count()) > 0;
  });
  await press(mail.locator('a').first());
  await press(page.getByRole('link', { name: 'Open the link' }));
  await send(page, 'form[data-name=accept]');
}

async function refused({ page, go }: Visitor, path: string, words: RegExp): Promise<void> {
  await go(path);
  expect(await page.locator('.lost-status').innerText(), path).to.match(/^403/);
  expect(await page.locator('.lost .lead').innerText(), path).to.match(words);
}

describe('users, permissions and gateways', () => {
  journey('an owner invites one for the keys and one for the bills, and each is refused elsewhere with the statement that decides', async (visitor, manner) => {
    const { page, go } = visitor;
    const [developer, accountant, owner] = [stranger('Dana Keys', 'Own'), stranger('Ben Bills', 'Own'), stranger('Olga Owner', 'House')];
    for (const person of [developer, accountant, owner]) await join(visitor, person);
    await writeKeysPolicy(visitor);
    await invite(visitor, developer, 'Keys alone');
    await invite(visitor, accountant, 'Billing');
    await go('/organization/members');
    expect(await page.locator('table[data-name=invitations] tbody tr').count()).to.equal(2);

    await accept(visitor, developer, owner.organization);
    await go('/apps');
    await refused(visitor, '/gateways', /statement 2 of .*Keys alone/i);
    if (manner.javaScript) await visitor.picture('refused-by-a-statement');
    await refused(visitor, '/invoices', /nothing .*allows|not allowed/i);

    await accept(visitor, accountant, owner.organization);
    await go('/invoices');
    await refused(visitor, '/apps/new', /nothing .*allows|not allowed/i);
    await refused(visitor, '/gateways', /nothing .*allows|not allowed/i);

    await leave(visitor);
    await signIn(visitor, owner);
    await go('/organization/members');
    if (manner.javaScript) await visitor.picture('members-and-matrix');
    await go('/organization/policies/simulator');
    const form = page.locator('form[data-name=simulator]');
    await form.locator('[name=user]').selectOption({ label: `${developer.name} (${developer.email})` });
    await fill(form, { action: 'apig:instances:get' });
    await press(form.getByRole('button', { name: 'Decide' }));
    expect(await page.locator('[data-name=decision] [data-allowed]').getAttribute('data-allowed')).to.equal('no');
    expect(await page.locator('[data-name=decision]').innerText()).to.include('Keys alone');
    if (manner.javaScript) await visitor.picture('simulator-decides');
  });

  journey('two gateways of one organization do not know of each other', async (visitor) => {
    const { page, go } = visitor;
    await join(visitor, stranger('Gil Gates', 'Two Gates'));
    const gateways: string[] = [];
    for (const name of ['First', 'Second']) {
      await go('/gateways/new');
      await send(page, 'form[data-name=gateway]', { name });
      gateways.push(pathOf(page).split('/').slice(0, 3).join('/'));
    }
    const [first = '', second = ''] = gateways;
    await go(`${first}/groups`);
    await send(page, 'form[data-name=group]', { name: 'Only here' });
    const group = pathOf(page);
    await go(`${first}/groups`);
    expect(await page.locator('main').innerText()).to.include('Only here');
    for (const list of ['/groups', '/apis', '/environments']) {
      await go(`${second}${list}`);
      expect(await page.locator('main').innerText(), `${list} of the second`).not.to.include('Only here');
    }
    await go(group.replace(first, second));
    expect(await page.locator('.lost-status').innerText()).to.match(/^404/);
  });

  journey('a parameter changes what a call sees, and is put back', async (visitor) => {
    const { page, go } = visitor;
    const { listings, apps } = demo();
    const call = async () =>
      (await fetch(`${listings['countries']?.baseUrl}${listings['countries']?.sampleCall}`, { headers: { apikey: apps.demo.appKey } })).status;
    expect(await call()).to.equal(401);
    await become(visitor, 'provider');
    await go('/gateways');
    await press(page.locator('table[data-name=gateways] a').first());
    const gateway = pathOf(page).split('/').slice(0, 3).join('/');
    await go(`${gateway}/parameters`);
    await send(page, 'form[data-name=parameter-app_api_key]', { value: 'on' });
    await eventually('the key alone is enough', async () => (await call()) === 200);
    await go(`${gateway}/parameters`);
    await send(page, 'form[data-name=default-app_api_key]');
    await eventually('it is not any more', async () => (await call()) === 401);
  });

  journey('a private endpoint lets the accepted organization in, at an address of its own, until it is ended', async (visitor, manner) => {
    const { page, go } = visitor;
    const { listings, apps } = demo();
    const sample = new URL(`${listings['countries']?.baseUrl}${listings['countries']?.sampleCall}`);
    const call = async (origin: string) => (await fetch(new URL(sample.pathname, origin), { headers: { 'X-Apig-AppCode': apps.demo.appCode } })).status;

    await become(visitor, 'provider');
    await go('/gateways');
    await press(page.locator('table[data-name=gateways] a').first());
    const endpoints = `${pathOf(page).split('/').slice(0, 3).join('/')}/endpoints`;
    await go(endpoints);
    await send(page, 'form[data-name=endpoint-service]', { state: 'on', acceptance: 'hand', whitelist: '*' });
    const service = await page.locator('section', { hasText: 'Its name, for those' }).last().locator('code').first().innerText();

    await become(visitor, 'admin');
    await go('/connections');
    await send(page, 'form[data-name=connection-request]', { name: service, message: 'Our planner stands in the same house.' });
    expect(await page.locator('article[data-name=connection]').innerText()).to.match(/requested/i);

    await become(visitor, 'provider');
    await go(endpoints);
    await press(page.locator('form[data-name^=acceptance-] button'));
    await withoutFaults(page, 'the acceptance');
    if (manner.javaScript) await visitor.picture('endpoints-accepted');

    await become(visitor, 'admin');
    await go('/connections');
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(await page.locator('article[data-name=connection]').innerText())?.[0] ?? '';
    if (manner.javaScript) await visitor.picture('connections-accepted');
    await eventually('the private address serves', async () => (await call(address)) === 200);
    expect(await call(sample.origin), 'the public address').to.equal(200);
    await press(page.locator('form[data-name^=cancellation-] button'));
    await eventually('the private address knows nothing any more', async () => (await call(address)) === 404);
    expect(await call(sample.origin), 'the public address').to.equal(200);
  });
});
