import type { Page } from 'playwright-core';

/** A page worth a look: a short name for its picture, and where it is. */
export interface Stop {
  readonly name: string;
  readonly path: string;
}

export type Guide = 'anybody' | 'buyer' | 'provider' | 'operator';

const ANYBODY: readonly Stop[] = [
  ['home', '/'],
  ['catalogue', '/apis'],
  ['catalogue-filtered', '/apis?category=geo'],
  ['catalogue-nothing', '/apis?q=zebra+crossing'],
  ['listing', '/apis/cities'],
  ['listing-endpoints', '/apis/cities/endpoints'],
  ['listing-docs', '/apis/cities/docs'],
  ['listing-pricing', '/apis/cities/pricing?calls=25000'],
  ['docs', '/docs'],
  ['docs-authentication', '/docs/authentication'],
  ['problem', '/problems/quota-exceeded'],
  ['sign-in', '/sign-in'],
  ['sign-in-sso', '/sign-in/sso'],
  ['sign-up', '/sign-up'],
  ['password-reset', '/password-reset'],
  ['sign-in-recovery', '/sign-in/recovery'],
  ['terms', '/terms'],
  ['privacy', '/privacy'],
  ['sandbox', '/sandbox'],
  ['not-found', '/nowhere'],
].map(([name = '', path = '']) => ({ name, path }));

/** Pages with ids in their addresses are found as a person finds them: by the links that lead there. */
async function links(page: Page, from: string, pattern: RegExp): Promise<string | undefined> {
  await page.goto(new URL(from, page.url()).href);
  const hrefs = await page.locator('main a[href]').evaluateAll((elements) => elements.map((element) => element.getAttribute('href') ?? ''));
  return hrefs.find((href) => pattern.test(href));
}

const LISTS: Readonly<Record<Exclude<Guide, 'anybody'>, readonly Stop[]>> = {
  buyer: [
    ['dashboard', '/dashboard'],
    ['apps', '/apps'],
    ['app-new', '/apps/new'],
    ['subscriptions', '/subscriptions'],
    ['subscribe', '/apis/httpbin/subscribe?plan=starter'],
    ['connections', '/connections'],
    ['usage', '/usage?range=30d'],
    ['invoices', '/invoices'],
    ['billing', '/billing'],
    ['account', '/account'],
    ['account-passkeys', '/account/passkeys'],
    ['account-keys', '/account/keys'],
    ['organization', '/organization'],
    ['members', '/organization/members'],
    ['organization-keys', '/organization/keys'],
    ['service-accounts', '/organization/service-accounts'],
    ['service-account-new', '/organization/service-accounts/new'],
    ['single-sign-on', '/organization/single-sign-on'],
    ['audit', '/organization/audit'],
    ['rules', '/organization/rules'],
    ['sessions', '/account/sessions'],
  ].map(stop),
  provider: [
    ['selling', '/selling'],
    ['seller-profile', '/selling/profile'],
    ['gateways', '/gateways'],
    ['gateway-new', '/gateways/new'],
    ['upstream-test', '/upstream-test'],
    ['products', '/products'],
    ['product-new', '/products/new'],
    ['earnings', '/earnings'],
  ].map(stop),
  operator: [
    ['reviews', '/admin/reviews'],
    ['accounts', '/admin/accounts'],
    ['account-help', '/admin/accounts?find=buyer%40demo.test'],
    ['organization-help', '/admin/organizations/org_platform'],
    ['domains', '/admin/domains'],
    ['periods', '/admin/periods'],
    ['queues', '/admin/queues'],
    ['webhooks', '/admin/webhooks'],
    ['nodes', '/admin/nodes'],
  ].map(stop),
};

function stop([name = '', path = '']: readonly string[]): Stop {
  return { name, path };
}

/** All pages that a guide shows; the browser is signed in as that person and on a page of the portal. */
export async function stops(page: Page, guide: Guide): Promise<readonly Stop[]> {
  if (guide === 'anybody') return found([...ANYBODY, { name: 'operation', path: await links(page, '/apis/cities/endpoints', /^\/apis\/cities\/endpoints\//) }]);
  if (guide === 'buyer') {
    const subscription = await links(page, '/subscriptions', /^\/subscriptions\/sub_/);
    return found([
      ...LISTS.buyer,
      { name: 'subscription', path: subscription },
      { name: 'app', path: await links(page, '/apps', /^\/apps\/app_/) },
      { name: 'invoice', path: await links(page, '/invoices', /^\/invoices\/inv_/) },
      { name: 'calls', path: subscription && `/usage/calls?subscription=${subscription.split('/')[2]}&range=30d` },
    ]);
  }
  if (guide === 'operator') return found([...LISTS.operator, { name: 'review', path: await links(page, '/admin/reviews', /^\/admin\/reviews\/prd_/) }]);
  const gateway = (await links(page, '/gateways', /^\/gateways\/gw_/))?.split('/').slice(0, 3).join('/');
  const product = (await links(page, '/products', /^\/products\/prd_/))?.split('/').slice(0, 3).join('/');
  const group = gateway && (await links(page, `${gateway}/groups`, /\/groups\/grp_/));
  const api = group && (await links(page, group, /\/apis\/api_/));
  const plan = product && (await links(page, `${product}/plans`, /\/plans\/plan_/));
  const below = (base: string | undefined, name: string, ...paths: string[]) =>
    paths.map((path) => ({ name: `${name}${path.replaceAll('/', '-').replace(/\?.*$/, '')}`, path: base && `${base}${path}` }));
  return found([
    ...LISTS.provider,
    ...below(gateway, 'gateway', '/groups', '/apis', '/environments', '/endpoints', '/parameters', '/calls', '/public-listener', '/settings'),
    ...below(group, 'group', '', '/imports/new'),
    ...below(api, 'api', '', '/publishing', '/access', '/test'),
    { name: 'api-new', path: group && gateway && `${gateway}/apis/new?group=${group.split('/').at(-1)}` },
    ...below(product, 'product', '', '/listing', '/apis', '/plans', '/plans/new'),
    ...below(plan, 'plan', ''),
  ]);
}

const found = (all: readonly { readonly name: string; readonly path: string | undefined }[]): Stop[] =>
  all.flatMap(({ name, path }) => (path === undefined || path === '' ? [] : [{ name, path }]));
