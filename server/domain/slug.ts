export const SLUG_MAX = 50;

/** Short names in addresses: lower-case letters, digits and single hyphens in between. */
export const isSlug = (text: string): boolean => text.length <= SLUG_MAX && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text);

/** The words of a name as a slug, cut at a word; empty when nothing of it can be written so. */
export function slugOf(name: string): string {
  const words = name
    .slice(0, 200)
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  let slug = '';
  for (const word of words) {
    const next = slug === '' ? word.slice(0, SLUG_MAX) : `${slug}-${word}`;
    if (next.length > SLUG_MAX) break;
    slug = next;
  }
  return slug;
}

/** Names that would stand in the way of an address of our own, or that look official. */
const RESERVED: ReadonlySet<string> = new Set([
  'about',
  'account',
  'admin',
  'api',
  'apis',
  'app',
  'apps',
  'assets',
  'billing',
  'dashboard',
  'docs',
  'gateway',
  'health',
  'help',
  'legal',
  'login',
  'mail',
  'new',
  'official',
  'ops',
  'operator',
  'payment',
  'payments',
  'platform',
  'portal',
  'privacy',
  'root',
  'sandbox',
  'search',
  'security',
  'sign-in',
  'sign-out',
  'sign-up',
  'status',
  'support',
  'system',
  'terms',
  'test',
  'tollgate',
  'v1',
  'v2',
  'webhooks',
  'www',
]);

/** @returns the fault for the form, or undefined */
export function slugFault(slug: string, min = 3): string | undefined {
  if (!isSlug(slug)) return `Use lower-case letters, digits and single hyphens, at most ${SLUG_MAX} characters.`;
  if (slug.length < min) return `At least ${min} characters are needed.`;
  return RESERVED.has(slug) ? 'This name is reserved.' : undefined;
}
