import { expect } from 'chai';
import { demo, eventually, type Demo, type Visitor } from '../../support/browser.ts';
import { pathOf, press, send } from './forms.ts';

export interface Person {
  readonly name: string;
  readonly organization: string;
  readonly email: string;
  readonly password: string;
}

let people = 0;
/** Nobody else's: the journeys share one marketplace, and each has people of its own. */
export function stranger(name: string, organization: string): Person {
  people += 1;
  const tag = `${process.pid.toString(36)}${people}`;
  return {
    name,
    organization: `${organization} ${tag}`,
    email: `${name.split(' ')[0]?.toLowerCase()}-${tag}@example.test`,
    password: 'seven quiet green boats',
  };
}

/** Another person sits down at the browser. */
export const leave = ({ context }: Visitor): Promise<void> => context.clearCookies();

/** Sign up, open the mail in the sandbox's mailbox, confirm, sign in. */
export async function join(visitor: Visitor, person: Person): Promise<void> {
  const { page, go } = visitor;
  await leave(visitor);
  await go('/sign-up');
  await send(page, 'form[data-name=sign-up]', { name: person.name, organization: person.organization, email: person.email, password: person.password });
  await eventually(`a mail to ${person.email}`, async () => {
    await go('/sandbox');
    return (await page.locator('table[data-name=mails] tr', { hasText: person.email }).count()) > 0;
  });
  await press(page.locator('table[data-name=mails] tr', { hasText: person.email }).locator('a').first());
  await press(page.getByRole('link', { name: 'Open the link' }));
  await send(page, 'form[data-name=verify]');
  await signIn(visitor, person);
}

export async function signIn({ page, go }: Visitor, { email, password }: Pick<Person, 'email' | 'password'>): Promise<void> {
  await go('/sign-in');
  await send(page, 'form[data-name=sign-in]', { email, password });
  expect(pathOf(page)).to.equal('/dashboard');
}

export async function become(visitor: Visitor, role: keyof Demo['users']): Promise<void> {
  await leave(visitor);
  await signIn(visitor, demo().users[role]);
}
