import { join as joined } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../../server/config.ts';
import { upstreamUrl, type Visitor } from '../../support/browser.ts';
import { pathOf, press, send, type Entry } from './forms.ts';
import { become, join, signIn, type Person } from './people.ts';

export interface Offer {
  readonly product: string;
  readonly tagline: string;
  readonly plans: readonly Readonly<Record<string, Entry>>[];
}

export const STARTER = {
  name: 'starter',
  title: 'Starter',
  summary: 'For the first customers',
  kind: 'fee',
  fee: '10.00',
  included: '10',
  price: '0.005',
  per: '1',
} as const satisfies Record<string, Entry>;
/** Refuses the fourth call of a month. */
export const TASTE = { name: 'taste', title: 'Taste', summary: 'To try it', kind: 'free', quota: 'hard', quotaLimit: '3' } as const satisfies Record<
  string,
  Entry
>;

const DOCUMENT = joined(projectRoot(), 'sandbox', 'upstreams', 'countries', 'openapi.yaml');

/** From nothing to a submitted product: seller profile, gateway, group, imported document, published APIs, listing, plans. */
export async function offer(visitor: Visitor, provider: Person, { product, tagline, plans }: Offer): Promise<void> {
  const { page, go } = visitor;
  await join(visitor, provider);

  await go('/selling');
  await go('/selling/profile');
  await send(page, 'form[data-name=seller]', {
    displayName: provider.organization,
    slug: slugOf(provider.organization),
    website: 'https://maps.example.com',
    supportEmail: provider.email,
  });

  await go('/gateways/new');
  await send(page, 'form[data-name=gateway]', { name: 'Main' });
  await send(page, 'form[data-name=group]', { name: product });
  await press(page.getByRole('link', { name: 'Import a document' }).first());
  await send(page, 'form[data-name=import]', { document: { file: DOCUMENT }, origin: upstreamUrl('countries') });
  expect(await page.locator('table[data-name=import-lines] [data-status=create]').count()).to.be.at.least(6);
  expect(await page.locator('table[data-name=import-lines] [data-status=refuse]').count()).to.equal(0);
  await send(page, 'form[data-name=import-application]');
  await send(page, 'form[data-name=publish-all]');
  expect(await page.locator('table[data-name=apis] [data-status=draft]').count()).to.equal(0);
  expect(await page.locator('table[data-name=apis] [data-status=published]').count()).to.be.at.least(6);
  const groupId = pathOf(page).split('/').at(-1) ?? '';

  await go(`/products/new?group=${groupId}`);
  await send(page, 'form[data-name=product]', {
    name: product,
    tagline,
    description: `**${product}** answers what an address form asks.`,
    category: 'data',
    tags: 'countries, reference',
    terms: 'Keep the name of the source.',
    dataSource: 'world-countries (mledoze/countries)',
    dataLicence: 'ODbL-1.0',
  });
  const path = pathOf(page);
  for (const plan of plans) {
    await go(`${path}/plans/new`);
    await send(page, 'form[data-name=plan]', plan);
  }
  await go(path);
  await send(page, 'form[data-name=submission]');
  expect(await page.locator('h1 [data-status=submitted]').count()).to.equal(1);
}

/** The operator reads what was submitted and lists it. */
export async function approve(visitor: Visitor, product: string): Promise<void> {
  const { page, go } = visitor;
  await become(visitor, 'operator');
  await go('/admin/reviews');
  await press(page.getByRole('link', { name: product, exact: true }));
  await send(page, 'form[data-name=approval]');
  expect(await page.getByRole('link', { name: product, exact: true }).count()).to.equal(0);
}

/** The operator sends it back with a reason; the provider reads it, changes what was asked for and submits again. */
export async function rejectOnce(visitor: Visitor, provider: Person, product: string, reason: string): Promise<void> {
  const { page, go } = visitor;
  await become(visitor, 'operator');
  await go('/admin/reviews');
  await press(page.getByRole('link', { name: product, exact: true }));
  await send(page, 'form[data-name=rejection]', { reason });
  await visitor.context.clearCookies();
  await signIn(visitor, provider);
  await go('/products');
  await press(page.getByRole('link', { name: product, exact: true }));
  expect(await page.locator('main').innerText()).to.include(reason);
  const path = pathOf(page);
  await go(`${path}/listing`);
  await send(page, 'form[data-name=product], form[data-name=listing]', { terms: `Keep the name of the source. ${reason}` });
  await go(path);
  await send(page, 'form[data-name=submission]');
}

const slugOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
