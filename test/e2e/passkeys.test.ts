import { expect } from 'chai';
import type { CDPSession } from 'playwright-core';
import { expectAccessible, journey, type Visitor } from '../support/browser.ts';
import { send } from './support/forms.ts';
import { join, leave, stranger } from './support/people.ts';

/** An authenticator of the browser's own, which keeps passkeys and unlocks them without asking. */
async function virtualAuthenticator({ context, page }: Visitor): Promise<{ session: CDPSession; authenticatorId: string }> {
  const session = await context.newCDPSession(page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { session, authenticatorId };
}

describe('passkeys in the browser', () => {
  journey(
    'are added, sign in without an address, and sign in no more once removed',
    async (visitor) => {
      const { page, go } = visitor;
      const person = stranger('Pia Passkey', 'Keys and Locks');
      await join(visitor, person);
      const { session, authenticatorId } = await virtualAuthenticator(visitor);
      await go('/account/passkeys');
      await send(page, 'form[data-name=passkey]', { name: 'Laptop', password: person.password });
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Create the passkey' }).click();
      await page.getByText('The passkey is added').waitFor();
      await expectAccessible(page);
      await visitor.picture('passkeys');
      expect((await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials).to.have.length(1);

      await leave(visitor);
      await go('/sign-in?next=/apps');
      await expectAccessible(page);
      await visitor.picture('sign-in-passkey');
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
      await page.waitForURL((url) => url.pathname === '/apps');

      await go('/account/passkeys');
      await page.getByText('Signed you in here').waitFor();
      await page.locator('summary', { hasText: 'Remove' }).click();
      await visitor.picture('passkey-removal');
      await send(page, 'form[data-name=passkey-removal]', { password: person.password });
      await page.getByText('“Laptop” is removed').waitFor();

      await leave(visitor);
      await go('/sign-in');
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
      await page.getByText('This passkey is not registered here').waitFor();
      // A device without a passkey says so on the page, and the password stays.
      await session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
      await send(page, 'form[data-name=sign-in]', { email: person.email, password: person.password });
      await page.waitForURL('**/dashboard');
    },
    [{ javaScript: true, width: 'wide' }],
  );

  journey(
    'leave the password as it was where there is no script',
    async (visitor) => {
      const { page, go } = visitor;
      const person = stranger('Nora Noscript', 'Plain Pages');
      await join(visitor, person);
      await go('/account/passkeys');
      await send(page, 'form[data-name=passkey]', { name: 'Laptop', password: person.password });
      expect(await page.getByText('made by your browser with JavaScript').isVisible()).to.equal(true);
      expect(await page.getByRole('button', { name: 'Create the passkey' }).isVisible()).to.equal(false);
      await leave(visitor);
      await go('/sign-in');
      expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).isVisible()).to.equal(false);
    },
    [{ javaScript: false, width: 'narrow' }],
  );
});
