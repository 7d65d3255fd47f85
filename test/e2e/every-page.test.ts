import { expect } from 'chai';
import { demo, webUrl, type Demo } from '../support/browser.ts';

/** More than the demonstration world has pages: a loop of links that makes new ones would be found by reaching it. */
const PAGES_MAX = 600;
const AT_ONCE = 4;
/** Of pages that differ only in an id or a query, this many are opened. */
const OF_A_KIND = 3;

interface Seen {
  readonly path: string;
  readonly from: string;
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function cookieOf(role: keyof Demo['users']): Promise<string> {
  const { email, password } = demo().users[role];
  const answer = await fetch(`${webUrl()}/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ email, password }),
    redirect: 'manual',
    headers: { origin: webUrl() },
  });
  expect(answer.status, 'signing in').to.equal(303);
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

/** What is left of an address when its ids and its query's values are taken out. */
const kindOf = (path: string): string =>
  path
    .replace(/[a-z]+_[0-9a-z]{20,}(_v\d+)?/g, 'ID')
    .replace(/=[^&]*/g, '')
    .replace(/\/endpoints\/.*/, '/endpoints/X')
    .replace(/^\/apis\/[^/?]+/, '/apis/X')
    .replace(/^\/problems\/.*/, '/problems/X')
    .replace(/\/\d+(?=\/|$)/g, '/N');

/** Follow every link of this site from the given pages on. */
async function crawl(start: readonly string[], cookie: string): Promise<Seen[]> {
  const waiting = start.map((path) => ({ path, from: 'the start' }));
  const known = new Set(start);
  const kinds = new Map<string, number>();
  const seen: Seen[] = [];
  const open = async ({ path, from }: { path: string; from: string }): Promise<void> => {
    const answer = await fetch(webUrl() + path, { headers: { cookie, accept: 'text/html' }, redirect: 'manual' });
    const type = answer.headers.get('content-type') ?? '';
    const text = await answer.text();
    seen.push({ path, from, status: answer.status, type, text: type.startsWith('text/html') ? text : '' });
    const links = [...text.matchAll(/<a [^>]*href="([^"]*)"/g)]
      .map(([, href]) => (href ?? '').replaceAll('&#x3D;', '=').replaceAll('&amp;', '&').replace(/#.*/, ''))
      .filter(Boolean);
    const target = answer.headers.get('location');
    for (const href of type.startsWith('text/html') ? [...links, ...(target ? [target] : [])] : []) {
      const url = new URL(href, webUrl() + path);
      const next = url.pathname + url.search;
      const kind = kindOf(next);
      const count = kinds.get(kind) ?? 0;
      if (url.origin !== new URL(webUrl()).origin || known.has(next) || count >= OF_A_KIND) continue;
      known.add(next);
      kinds.set(kind, count + 1);
      waiting.push({ path: next, from: path });
    }
  };
  while (waiting.length > 0 && seen.length < PAGES_MAX) await Promise.all(waiting.splice(0, AT_ONCE).map(open));
  expect(waiting, 'pages left over').to.deep.equal([]);
  return seen;
}

/** What is wrong with a page, in words; empty when it is well made. */
function faultsOf({ path, from, status, type, text }: Seen): string[] {
  // The mailbox of the sandbox shows everybody's mail: what a letter leads to may be somebody else's.
  const foreign = status === 404 && from.startsWith('/sandbox/mails/');
  const faults = status === 200 || foreign || (status === 303 && from !== '') ? [] : [`answers ${status}`];
  if (status === 200 && type.startsWith('text/html')) {
    if ((text.match(/<h1[\s>]/g) ?? []).length !== 1) faults.push('has not one h1');
    if (/\sstyle="|\son[a-z]+="|<style[\s>]|<script(?![^>]* src=")/.test(text)) faults.push('has inline style or script');
    const ids = [...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
    if (twice.length > 0) faults.push(`uses the id ${twice.join(', ')} twice`);
    if (/<table(?![^>]* data-name=")/.test(text)) faults.push('has a table without a name');
    if (/<form(?![^>]* (?:data-name|role)=")/.test(text)) faults.push('has a form without a name');
    const raw = /.{0,30}(?:\[object |undefined|NaN|\{\{).{0,20}/.exec(text.replace(/<(code|pre|time)[^>]*>[\s\S]*?<\/\1>/g, ''))?.[0];
    if (raw !== undefined) faults.push(`shows a raw value: ${raw}`);
    if (!text.includes('no real money moves')) faults.push('does not say that payments are a test');
  }
  return faults.map((fault) => `${path} (linked from ${from}) ${fault}`);
}

describe('every page that a link leads to', () => {
  const START = { visitor: ['/'], buyer: ['/dashboard', '/'], provider: ['/dashboard', '/selling'], operator: ['/dashboard', '/admin/reviews'] } as const;
  for (const [role, start] of Object.entries(START)) {
    it(`is there and well made, for a ${role}`, async function () {
      this.timeout(240_000);
      const seen = await crawl(start, role === 'visitor' ? '' : await cookieOf(role as keyof Demo['users']));
      expect(seen.flatMap(faultsOf)).to.deep.equal([]);
      expect(seen.length).to.be.above(20);
    });
  }
});
