import { expect } from 'chai';
import { expectAccessible, issuerPort, journey, webUrl, type Visitor } from '../support/browser.ts';
import { CLIENT, startIssuer, type Issuer, type Person as Known } from '../support/issuer.ts';
import { fill, pathOf, press, send, withoutFaults } from './support/forms.ts';
import { become, join, leave, signIn, stranger } from './support/people.ts';

const SETTINGS = '/organization/single-sign-on';
const known = (sub: string, email: string): Known => ({ sub, email, email_verified: true, name: `Person ${sub}` });

/** Type an address at the sign-in page, go to the issuer by what is shown, and come back to wherever that leads. */
async function throughIssuer({ page, go }: Visitor, email: string): Promise<void> {
  await go('/sign-in');
  await press(page.getByRole('link', { name: /single sign-on/i }));
  await fill(page.locator('form[data-name=sign-in-sso]'), { email });
  await page.locator('form[data-name=sign-in-sso] button').click();
  // The page in between leaves by itself, with and without script.
  await page.waitForURL((url) => url.origin === webUrl() && (url.pathname === '/dashboard' || url.pathname.endsWith('/callback')));
}

async function saysInstead({ page }: Visitor, words: RegExp): Promise<void> {
  expect(await page.locator('main').innerText()).to.match(words);
}

describe('single sign-on in the browser', () => {
  let issuer: Issuer;
  before(async () => {
    issuer = await startIssuer({ port: issuerPort(), site: webUrl() });
  });
  after(() => issuer.stop());

  journey(
    'is set up and tested, lets a member in, can be required with exceptions, and says when an issuer is the wrong one',
    async (visitor, { javaScript }) => {
      const { page, go } = visitor;
      const owner = stranger('Olive Owner', 'Orchard');
      const tag = owner.email.replace(/^.*-(.*)@.*$/, '$1');
      const domain = `orchard-${tag}.example`;
      const ben = { ...stranger('Ben Branch', 'Own Things'), email: `ben@${domain}` };
      await join(visitor, ben);
      await join(visitor, owner);

      await go(SETTINGS);
      const configure = (address: string) => send(page, 'form[data-name=sign-on]', { issuer: address, clientId: CLIENT.id, clientSecret: CLIENT.secret });
      const test = async () => {
        await press(page.getByRole('button', { name: 'Test the connection' }));
        return page.locator('section[data-name=connection-test]').innerText();
      };
      await configure(`${issuer.issuer}/elsewhere`);
      expect(await test(), 'an address that is no issuer')
        .to.match(/Failed\s+Discovery/)
        .and.not.match(/Failed\s+Address/);
      await visitor.picture('sign-on-wrong');
      await configure(issuer.issuer);
      expect(await test())
        .to.match(/Right\s+Keys/)
        .and.not.contain('Failed');
      if (javaScript) await expectAccessible(page);
      await visitor.picture('sign-on-tested');
      await go(SETTINGS);
      expect(await page.content(), 'the secret').to.not.contain(CLIENT.secret);
      await send(page, 'form[data-name=domain]', { domain });

      await become(visitor, 'operator');
      await go('/admin/domains');
      const claim = page.locator('table[data-name=claims] tr', { hasText: domain });
      await fill(claim.locator('form'), { evidence: 'TXT record seen' });
      await press(claim.locator('form button'));
      await withoutFaults(page, 'the confirmation');

      const rules = async (required: boolean, ...exceptions: readonly string[]) => {
        await leave(visitor);
        await signIn(visitor, owner);
        await go(SETTINGS);
        const form = page.locator('form[data-name=sign-on-rules]');
        await fill(form, { admits: true, required });
        await form.locator('input[name=policies][value=Administrator]').check();
        for (const name of exceptions) await form.getByRole('checkbox', { name: new RegExp(name) }).check();
        await press(form.locator('button.button-primary'));
        await withoutFaults(page, 'the rules');
      };
      await rules(false);

      await leave(visitor);
      issuer.expect(known(`ben-${tag}`, ben.email));
      await throughIssuer(visitor, ben.email);
      expect(pathOf(page)).to.equal('/dashboard');
      await go('/organization/members');
      await saysInstead(visitor, new RegExp(ben.email));

      await rules(true);
      await leave(visitor);
      const byPassword = async () => {
        await go('/sign-in');
        await fill(page.locator('form[data-name=sign-in]'), { email: ben.email, password: ben.password });
        await press(page.locator('form[data-name=sign-in] button').last());
      };
      await byPassword();
      expect(pathOf(page)).to.equal('/sign-in');
      await saysInstead(visitor, new RegExp(`People of ${domain} sign in by single sign-on`));
      await visitor.picture('sign-on-required');
      await throughIssuer(visitor, ben.email);
      expect(pathOf(page), 'the issuer still opens').to.equal('/dashboard');
      // The owner's own password opens always, and that of whoever is marked.
      await rules(true, 'Ben Branch');
      await leave(visitor);
      await byPassword();
      expect(pathOf(page)).to.equal('/dashboard');

      await leave(visitor);
      issuer.callItself('https://login.somebody-else.example');
      await throughIssuer(visitor, ben.email);
      issuer.callItself(null);
      await saysInstead(visitor, /The answer came from another issuer .* Nobody was signed in/s);
      await visitor.picture('sign-on-other-issuer');
      await go('/account');
      expect(pathOf(page), 'and nobody was').to.equal('/sign-in');
    },
  );
});
