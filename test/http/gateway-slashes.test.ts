import { expect } from 'chai';
import type { ApiDefinition } from '../../server/domain/api.ts';
import { APP_CODE, definition, gatewayWorld, type World } from '../support/gateway-world.ts';

const ENGINES = ['direct', 'undici', 'http-proxy'] as const;
const KEY = `X-Apig-AppCode: ${APP_CODE}`;
/** A plain GET goes by the lane; one with a body is read by Node. */
const WAYS = {
  lane: (path: string) => `GET ${path} HTTP/1.1\r\nHost: gw\r\n${KEY}\r\n\r\n`,
  node: (path: string) => `GET ${path} HTTP/1.1\r\nHost: gw\r\n${KEY}\r\nContent-Length: 1\r\n\r\nx`,
} as const;
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);

const apis = (origin: string): ApiDefinition[] => [
  definition(origin, 'GET', '/files/{name}'),
  definition(origin, 'GET', '/files/{name}/meta'),
  definition(origin, 'GET', '/fixed/place'),
  definition(origin, 'GET', '/tree', { frontend: { method: 'GET', path: '/tree', match: 'prefix' } }),
  definition(origin, 'GET', '/moved/{id}', { backend: { path: '/v2/{id}/of' } }),
  definition(origin, 'GET', '/all/{rest+}', { backend: { path: '/in/{rest+}' } }),
  definition(origin, 'GET', '/sized/{id}', { parameters: [{ name: 'id', in: 'path', description: '', required: true, type: 'string', maxLength: 5 }] }),
];

const TAKEN: readonly [asked: string, forwarded: string][] = [
  ['/files/2024%2Freport.pdf', '/files/2024%2Freport.pdf'],
  ['/files/a%2fb?x=%2F..%2F', '/files/a%2Fb?x=%2F..%2F'],
  ['/files/https:%2F%2Fexample.test%2Fa%3Fb%40c', '/files/https:%2F%2Fexample.test%2Fa%3Fb%40c'],
  ['/files/a%2Fmeta', '/files/a%2Fmeta'],
  ['/files/a%2Fb/meta', '/files/a%2Fb/meta'],
  ['/files/%2Fetc%2Fpasswd', '/files/%2Fetc%2Fpasswd'],
  ['/tree/a%2Fb/c%2C', '/tree/a%2Fb/c%2C'],
  ['/moved/a%2Fb%2C%41', '/v2/a%2Fb%2CA/of'],
  ['/all/x%2Fy/z%2F', '/in/x%2Fy/z%2F'],
  ['/sized/a%2Fb', '/sized/a%2Fb'],
];
const NOT_FOUND = ['/fixed%2Fplace', '/files%2Fa', '/tree%2Fa', '/moved%2Fa', '/files/a/b%2Fc', '/%2Ffixed%2Fplace'];
const MALFORMED = [
  '/files/..%2Fsecret',
  '/files/a%2F..%2F..%2Fsecret',
  '/files/a%2f%2e%2e%2fb',
  '/files/%2e%2e%2f',
  '/tree/a%2F..',
  '/tree/a%2F.%2Fb',
  '/files/a%252Fb',
  '/files/a%25%32%46b',
  '/files/a%5Cb',
  '/files/a%2F%00',
  '/files/a%2F\\b',
  '/files/a%c0%afb',
  '/files/a%2F;b',
  '/files//a%2Fb',
  '/sized/a%2Fbcd',
];

for (const engine of ENGINES)
  describe(`api_uri_no_escape, engine ${engine}`, function () {
    this.timeout(60_000);
    const worlds = new Map<boolean, World>();
    before(async () => {
      for (const on of [true, false]) worlds.set(on, await gatewayWorld({ engine, apis, parameters: { api_uri_no_escape: on } }));
    });
    after(async () => {
      for (const world of worlds.values()) await world.close();
    });
    const worldOf = (on: boolean) => worlds.get(on) as World;

    for (const way of ['lane', 'node'] as const) {
      /** All at once: the status of each, and what the backend saw of them. */
      const ask = async (on: boolean, targets: readonly string[]) => {
        const { raw, upstream } = worldOf(on);
        upstream.seen.length = 0;
        const statuses = await Promise.all(targets.map(async (target) => `${target} ${statusOf(await raw(WAYS[way](target)))}`));
        return { statuses, seen: upstream.seen.map(({ url }) => url).sort() };
      };
      const all = (targets: readonly string[], status: number) => ({ statuses: targets.map((target) => `${target} ${status}`), seen: [] as string[] });
      const under = (paths: readonly string[]) => paths.map((path) => `/demo${path}`);
      const taken = under(TAKEN.map(([asked]) => asked));

      it(`${way}: an escaped slash belongs to its segment and goes on as it is written`, async () => {
        const seen = TAKEN.map(([, forwarded]) => forwarded).sort();
        expect(await ask(true, taken)).to.deep.equal({ ...all(taken, 200), seen });
      });
      it(`${way}: it separates nothing: neither label nor literal nor prefix is found by it`, async () => {
        expect(await ask(true, under(NOT_FOUND))).to.deep.equal(all(under(NOT_FOUND), 404));
        const labels = ['/demo%2Ffiles/a', '/%2Fdemo/files/a', '/demo%2F..%2Fdemo/files/a'];
        expect(await ask(true, labels)).to.deep.equal(all(labels, 400));
      });
      it(`${way}: what climbs, is escaped twice or reads in two ways is refused as before`, async () => {
        expect(await ask(true, under(MALFORMED))).to.deep.equal(all(under(MALFORMED), 400));
      });
      it(`${way}: the gateway's own pages have no escaped slash`, async () => {
        const own = ['/-/me%2F', '/-%2Fme', '/-/health%2F', '/-/me%2F..%2Fusage'];
        for (const on of [true, false]) expect(await ask(on, own)).to.deep.equal(all(own, 400));
      });
      it(`${way}: switched off, every escaped slash is refused`, async () => {
        const slashed = [...taken, ...under(NOT_FOUND), '/nobody/a%2Fb'];
        expect(await ask(false, slashed)).to.deep.equal(all(slashed, 400));
        expect(await ask(false, ['/demo/moved/a%2C'])).to.deep.equal({ statuses: ['/demo/moved/a%2C 200'], seen: ['/v2/a,/of'] });
      });
    }

    it('the record has the path as it is written', async () => {
      const world = worldOf(true);
      world.records.length = 0;
      await world.raw(WAYS.lane('/demo/files/a%2fb'));
      expect(world.records.map(({ path, operation }) => [path, operation])).to.deep.equal([['/files/a%2Fb', 'GET /files/{name}']]);
    });
  });
