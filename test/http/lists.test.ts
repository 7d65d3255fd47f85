import { expect } from 'chai';
import { definition } from '../support/catalog-world.ts';
import { listsWorld, type ListsWorld } from '../support/lists-world.ts';

const SIZE = 1_000;
/** Beside the records that a page shows: session, user, rights, organization, gateway, the versions of lists kept in memory. */
const AROUND_MAX = 20;
const MOCK = { backend: { kind: 'mock', status: 200, headers: [], body: '{}' } } as const;

/** Where the pagers of a page lead on to: one of each of its lists that has more than one page. Of what a program gets, where its `next` does. */
function nextPages(path: string, text: string): string[] {
  if (text.startsWith('{')) {
    const { next } = JSON.parse(text) as { readonly next?: string | null };
    return next ? [`${path}&next=${encodeURIComponent(next)}`] : [];
  }
  return [...text.matchAll(/<a [^>]*rel="next" href="([^"]*)"/g)].map(([, href = '']) => plain(href).replace(/#.*/, ''));
}

/** An address as it stood before it was written into a page. */
const plain = (written: string): string => written.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&');

describe(`pages of lists of ${SIZE.toLocaleString('en')}`, function () {
  this.timeout(600_000);
  let world: ListsWorld;
  before(async () => {
    world = await listsWorld(SIZE);
  });
  after(() => world.stop());

  it(`read what they show and at most ${AROUND_MAX} documents around it, the first as the later ones, once they were opened`, async () => {
    const read: Record<string, readonly number[]> = {};
    const beyond: string[] = [];
    const pagers: Record<string, number> = {};
    for (const page of world.pages) {
      // The first look of a process reads a list whole into its memory; of those that follow none does.
      const first = await world.visit(page, page.path);
      expect(first.status, page.name).to.equal(200);
      const counts: number[] = [];
      const next = nextPages(page.path, first.text);
      pagers[page.name] = next.length;
      for (const path of [page.path, ...next]) {
        world.taken();
        const { status, text } = await world.visit(page, path);
        counts.push(world.taken().documents);
        expect(status, path).to.equal(200);
        if (path !== page.path && page.who !== 'program') expect(text, `${path} has nothing before it`).to.match(/rel="prev"|>Newest</);
      }
      read[page.name] = counts;
      if (counts.some((count) => count > page.shows + AROUND_MAX)) beyond.push(page.name);
    }
    expect(pagers).to.deep.equal(Object.fromEntries(world.pages.map((page) => [page.name, page.pagers])));
    expect(beyond, JSON.stringify(read)).to.deep.equal([]);
  });

  it('past their end show the last page', async () => {
    const beyond: string[] = [];
    for (const page of world.pages) {
      const numbered = nextPages(page.path, (await world.visit(page, page.path)).text).filter((path) => path.endsWith('=2'));
      for (const path of numbered.map((next) => next.replace(/2$/, '9999'))) {
        const { status, text } = await world.visit(page, path);
        const [, ...position] = /<p>([0-9,]+)–([0-9,]+) of ([0-9,]+)<\/p>(?:(?!<\/nav>)[^])*rel="prev"/.exec(text) ?? [];
        const [from = 0, to = 0, total = 0] = position.map((digits) => Number(digits.replaceAll(',', '')));
        if (status !== 200 || from > to || to !== total || total === 0) beyond.push(`${path}: ${status}, ${position.join(' ')}`);
      }
    }
    expect(beyond).to.deep.equal([]);
  });

  it('show at once what was changed, by this process and by another one', async () => {
    const { portal, actor, gatewayId, groupId, pages } = world;
    const list = pages.find(({ name }) => name === 'APIs of a gateway');
    if (!list) throw new Error('no such list');
    const find = async (path: string) => (await world.visit(list, `${list.path}?q=${encodeURIComponent(path)}`)).text.includes(`>${path}<`);
    const api = await portal.composition.services.catalog.apis.create(actor, gatewayId, groupId, definition('/fresh/one', MOCK));
    expect(await find('/fresh/one')).to.equal(true);
    // Another process has a memory of its own and shares the store alone.
    const { makeCatalog } = await import('../../server/services/catalog.ts');
    const { store, clock, ids, services, config } = portal.composition;
    const other = makeCatalog({
      store,
      clock,
      ids,
      audit: services.audit,
      changes: services.changes,
      secretKeys: config.secretKeys,
      upstreamAllow: new Set(['127.0.0.1:3201']),
      sendLetter: async () => undefined,
    });
    await other.apis.create(actor, gatewayId, groupId, definition('/fresh/two', MOCK));
    expect(await find('/fresh/two')).to.equal(true);
    await other.apis.remove(actor, api._id);
    expect(await find('/fresh/one')).to.equal(false);
  });

  it('lead back to where something was pressed, and show there what was wrong with it', async () => {
    const { operator } = world;
    const press = async (from: string, what: RegExp, fields: Record<string, string> = {}) =>
      operator.post(plain(what.exec((await operator.get(from)).text)?.[1] ?? '/no-such-form'), fields);
    const domains = '/admin/domains?page=2&confirmed=3';
    const refused = await press(domains, /action="([^"]*\/confirmation[^"]*)"/, { evidence: '' });
    expect(refused.status).to.equal(422);
    for (const part of ['26–50 of 1,000', '51–75 of 1,000', 'data-module="confirm" open']) expect(refused.text).to.include(part);
    expect((await press(domains, /action="([^"]*\/confirmation[^"]*)"/, { evidence: 'A TXT record' })).location).to.equal(domains);
    expect((await press(domains, /action="([^"]*\/withdrawal[^"]*)"/)).location).to.equal(domains);
    const events = '/admin/webhooks?state=dead&page=2';
    expect((await press(events, /action="([^"]*\/replay[^"]*)"/)).location).to.equal(events);
    expect((await operator.get(events)).text).to.include('51–100 of 999');
    const periods = '/admin/periods?page=2&closed=3';
    expect((await press(periods, /action="([^"]*\/closing[^"]*)"/)).location).to.equal(periods);
  });
});
