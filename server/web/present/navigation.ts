export interface NavigationEntry {
  readonly text: string;
  readonly href: string;
  readonly icon: string;
}
export interface NavigationSection {
  readonly title: string;
  readonly entries: readonly (NavigationEntry & { readonly current: boolean })[];
}

const BUY: readonly NavigationEntry[] = [
  { text: 'Dashboard', href: '/dashboard', icon: 'gauge' },
  { text: 'Apps and keys', href: '/apps', icon: 'key' },
  { text: 'Subscriptions', href: '/subscriptions', icon: 'layers' },
  { text: 'Usage', href: '/usage', icon: 'chart' },
  { text: 'Invoices', href: '/invoices', icon: 'receipt' },
  { text: 'Payment', href: '/billing', icon: 'card' },
];
const SELL: readonly NavigationEntry[] = [
  { text: 'Overview', href: '/selling', icon: 'store' },
  { text: 'Gateways', href: '/gateways', icon: 'gate' },
  { text: 'Products', href: '/products', icon: 'box' },
  { text: 'Earnings', href: '/earnings', icon: 'coins' },
];
const ORGANIZATION: readonly NavigationEntry[] = [
  { text: 'Profile', href: '/organization', icon: 'building' },
  { text: 'Members', href: '/organization/members', icon: 'people' },
  { text: 'Audit log', href: '/organization/audit', icon: 'list' },
];
const OPERATE: readonly NavigationEntry[] = [
  { text: 'Reviews', href: '/admin/reviews', icon: 'check' },
  { text: 'Periods', href: '/admin/periods', icon: 'calendar' },
  { text: 'Held invoices', href: '/admin/invoices', icon: 'receipt' },
  { text: 'Queues', href: '/admin/queues', icon: 'layers' },
  { text: 'Webhooks', href: '/admin/webhooks', icon: 'bolt' },
  { text: 'Nodes', href: '/admin/nodes', icon: 'gate' },
];

/** The side navigation of a signed-in page; of entries that contain the path, only the most exact is current. */
export function navigation(path: string, organization: { readonly sells: boolean; readonly operates: boolean } | null): readonly NavigationSection[] {
  if (!organization) return [];
  const sections = [
    ...(organization.operates ? [{ title: 'Operator', entries: OPERATE }] : []),
    { title: 'Buy', entries: BUY },
    { title: 'Sell', entries: SELL },
    { title: 'Organization', entries: ORGANIZATION },
  ];
  const current = sections
    .flatMap(({ entries }) => entries)
    .filter(({ href }) => path === href || path.startsWith(`${href}/`))
    .sort((a, b) => b.href.length - a.href.length)[0];
  return sections.map(({ title, entries }) => ({ title, entries: entries.map((entry) => ({ ...entry, current: entry === current })) }));
}
