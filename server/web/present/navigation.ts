import type { Action } from '../../domain/actions.ts';

export interface NavigationEntry {
  readonly text: string;
  readonly href: string;
  readonly icon: string;
  /** What opening it asks for. */
  readonly action: Action;
  /** Pages elsewhere that it leads to. */
  readonly also?: string;
}
export interface NavigationSection {
  readonly title: string;
  readonly entries: readonly (NavigationEntry & { readonly current: boolean })[];
}

const BUY: readonly NavigationEntry[] = [
  { text: 'Dashboard', href: '/dashboard', icon: 'gauge', action: 'market:subscriptions:get' },
  { text: 'Apps and keys', href: '/apps', icon: 'key', action: 'market:apps:get' },
  { text: 'Subscriptions', href: '/subscriptions', icon: 'layers', action: 'market:subscriptions:get' },
  { text: 'Connections', href: '/connections', icon: 'plug', action: 'market:connections:get' },
  { text: 'Usage', href: '/usage', icon: 'chart', action: 'market:usage:get' },
  { text: 'Invoices', href: '/invoices', icon: 'receipt', action: 'market:invoices:get' },
  { text: 'Payment', href: '/billing', icon: 'card', action: 'market:invoices:get' },
];
const SELL: readonly NavigationEntry[] = [
  { text: 'Overview', href: '/selling', icon: 'store', action: 'market:products:get' },
  { text: 'Gateways', href: '/gateways', icon: 'gate', action: 'apig:instances:get' },
  { text: 'Products', href: '/products', icon: 'box', action: 'market:products:get' },
  { text: 'Earnings', href: '/earnings', icon: 'coins', action: 'market:earnings:get' },
];
const ORGANIZATION: readonly NavigationEntry[] = [
  { text: 'Profile', href: '/organization', icon: 'building', action: 'market:organization:get' },
  { text: 'Members', href: '/organization/members', icon: 'people', action: 'market:members:get' },
  { text: 'Groups of users', href: '/organization/groups', icon: 'layers', action: 'market:userGroups:get' },
  { text: 'Policies', href: '/organization/policies', icon: 'lock', action: 'market:policies:get' },
  { text: 'Service accounts', href: '/organization/service-accounts', icon: 'user', action: 'market:serviceAccounts:get' },
  { text: 'Access keys', href: '/organization/keys', icon: 'key', action: 'market:accessKeys:get' },
  { text: 'Single sign-on', href: '/organization/single-sign-on', icon: 'key', action: 'market:signOn:get' },
  { text: 'Rules', href: '/organization/rules', icon: 'check', action: 'market:organization:get' },
  { text: 'Audit log', href: '/organization/audit', icon: 'list', action: 'market:audit:get' },
];
const OPERATE: readonly NavigationEntry[] = [
  { text: 'Reviews', href: '/admin/reviews', icon: 'check', action: 'platform:reviews:get' },
  { text: 'Accounts', href: '/admin/accounts', icon: 'people', action: 'platform:accounts:get', also: '/admin/organizations' },
  { text: 'Domains', href: '/admin/domains', icon: 'building', action: 'platform:domains:get' },
  { text: 'Periods', href: '/admin/periods', icon: 'calendar', action: 'platform:periods:get' },
  { text: 'Held invoices', href: '/admin/invoices', icon: 'receipt', action: 'platform:invoices:get' },
  { text: 'Queues', href: '/admin/queues', icon: 'layers', action: 'platform:queues:get' },
  { text: 'Webhooks', href: '/admin/webhooks', icon: 'bolt', action: 'platform:webhooks:get' },
  { text: 'Nodes', href: '/admin/nodes', icon: 'gate', action: 'platform:nodes:get' },
];

type Sides = { readonly sells: boolean; readonly operates: boolean } | null;
type May = (action: Action) => boolean;

/** What somebody may open, by its sections. */
function sectionsFor(organization: Sides, may: May) {
  if (!organization) return [];
  return [
    ...(organization.operates ? [{ title: 'Operator', entries: OPERATE }] : []),
    { title: 'Buy', entries: BUY },
    { title: 'Sell', entries: SELL },
    { title: 'Organization', entries: ORGANIZATION },
  ]
    .map(({ title, entries }) => ({ title, entries: entries.filter(({ action }) => may(action)) }))
    .filter(({ entries }) => entries.length > 0);
}

/** The side navigation of a signed-in page: entries that may be opened; of those that contain the path, only the most exact is current. */
export function navigation(path: string, organization: Sides, may: May): readonly NavigationSection[] {
  const sections = sectionsFor(organization, may);
  const current = sections
    .flatMap(({ entries }) => entries)
    .filter(({ href, also }) => path === href || path.startsWith(`${href}/`) || (also !== undefined && path.startsWith(`${also}/`)))
    .sort((a, b) => b.href.length - a.href.length)[0];
  return sections.map(({ title, entries }) => ({ title, entries: entries.map((entry) => ({ ...entry, current: entry === current })) }));
}

/** Where somebody begins who may not see what is bought; undefined: nothing is open but the own account. */
export const firstOpen = (organization: Sides, may: May): string | undefined => sectionsFor(organization, may)[0]?.entries[0]?.href;
