import { createServer, type Server } from 'node:http';
import { createServer as createRaw, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { makeOutbound, type ProbeReport, type ProbeTarget } from '../../../server/services/outbound.ts';
import { makeUpstreamTest } from '../../../server/services/upstream-test.ts';
import { catalogWorld, definition, type CatalogWorld } from '../../support/catalog-world.ts';
import { refusal } from '../../support/refusal.ts';

const monotonic = () => performance.now();
const target = (origin: string, more: Partial<ProbeTarget> = {}): ProbeTarget => ({ origin, path: '/', method: 'GET', headers: {}, ...more });
const last = ({ steps }: ProbeReport) => steps.filter(({ outcome }) => outcome !== 'skipped').at(-1);

describe('the upstream connection test', () => {
  let server: Server;
  let port: number;
  const seen: { url: string; headers: Record<string, unknown> }[] = [];
  before(async () => {
    server = createServer((req, res) => {
      seen.push({ url: req.url ?? '', headers: req.headers });
      if (req.url === '/redirect') res.writeHead(302, { location: 'http://169.254.169.254/' }).end();
      else res.writeHead(Number(/^\/status\/(\d+)/.exec(req.url ?? '')?.[1] ?? 200)).end('x'.repeat(1_000));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());

  it('names each step with what it found', async () => {
    const outbound = makeOutbound({ allow: new Set([`127.0.0.1:${port}`]), monotonic });
    const report = await outbound.probe(target(`http://127.0.0.1:${port}`));
    expect(report).to.include({ reachable: true, status: 200 });
    expect(report.steps.map(({ name, outcome }) => [name, outcome])).to.deep.equal([
      ['address', 'ok'],
      ['name', 'ok'],
      ['connection', 'ok'],
      ['encryption', 'warning'],
      ['answer', 'ok'],
    ]);
    expect(seen.at(-1)?.headers['user-agent']).to.equal('Tollgate-Connection-Test');
  });

  it('reads statuses in words and follows nothing', async () => {
    const outbound = makeOutbound({ allow: new Set([`127.0.0.1:${port}`]), monotonic });
    const text = async (path: string) => last(await outbound.probe(target(`http://127.0.0.1:${port}`, { path })))?.text;
    expect(await text('/status/401')).to.contain('asks for a key');
    expect(await text('/status/404')).to.contain('nothing at this path');
    expect(await text('/status/503')).to.contain('a fault of its own');
    expect(await text('/redirect')).to.contain('not followed');
  });

  it('refuses every way of writing an address inside a private network, and names that lead there', async () => {
    const visits = seen.length;
    const outbound = makeOutbound({ allow: new Set(), monotonic, lookup: async () => [{ address: '93.184.216.34' }, { address: '10.1.2.3' }] });
    for (const host of [
      '127.0.0.1',
      'localhost',
      '[::1]',
      '[::ffff:7f00:1]',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '0.0.0.0',
      '169.254.169.254',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
      '100.64.0.1',
      '[fc00::1]',
      '[fe80::1]',
      '224.0.0.1',
      'printer.local',
      'metadata.google.internal',
    ]) {
      const report = await outbound.probe(target(`http://${host}:${port}`));
      expect(last(report), host).to.include({ name: 'address', outcome: 'failed' });
      expect(last(report)?.text, host).to.contain('private network');
    }
    const rebound = await outbound.probe(target('http://rebind.example.com'));
    expect(last(rebound)).to.include({ name: 'name', outcome: 'failed' });
    expect(last(rebound)?.text).to.contain('leads to 10.1.2.3');
    expect(seen).to.have.length(visits);
  });

  it('refuses other schemes, credentials, paths in the address, and ports of other protocols', async () => {
    const outbound = makeOutbound({ allow: new Set(), monotonic });
    for (const origin of [
      'file:///etc/passwd',
      'gopher://example.com',
      'ftp://example.com',
      'data:text/plain,x',
      'https://user:pass@example.com',
      'https://example.com/path',
      'https://example.com:22',
      'http://example.com:25',
      'http://example.com:6379',
      'http://example.com:27017',
      'not an address',
      '',
    ]) {
      expect(last(await outbound.probe(target(origin))), origin).to.include({ name: 'address', outcome: 'failed' });
    }
  });

  it('says what is wrong when nobody listens, speaks something else, or says nothing', async () => {
    const raw = createRaw((socket) => void socket.on('error', () => undefined).once('data', () => socket.end('SSH-2.0-nonsense\r\n'))).listen(0, '127.0.0.1');
    await new Promise((resolve) => raw.once('listening', resolve));
    const rawPort = (raw.address() as AddressInfo).port;
    const outbound = makeOutbound({
      allow: new Set([`127.0.0.1:${rawPort}`, '127.0.0.1:1', `127.0.0.1:${port}`]),
      monotonic,
      lookup: () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })),
    });
    expect(last(await outbound.probe(target(`http://127.0.0.1:${rawPort}`)))?.text).to.equal('What the server sends is no HTTP.');
    expect(last(await outbound.probe(target(`https://127.0.0.1:${port}`)))).to.include({ name: 'encryption', outcome: 'failed' });
    expect(last(await outbound.probe(target('http://127.0.0.1:1')))?.text).to.equal('Nothing accepts connections on this port.');
    expect(last(await outbound.probe(target('https://nowhere.example.com')))?.text).to.equal('There is no such name.');
    raw.close();
  });

  describe('of a draft', () => {
    let world: CatalogWorld;
    before(async () => (world = await catalogWorld()));
    after(() => world.close());

    it('fills in samples, sends hidden values without showing them, and changes nothing', async () => {
      const { catalog, atlas, harbor, store } = world;
      const allow = new Set([`127.0.0.1:${port}`]);
      world.dependencies.upstreamAllow.add(`127.0.0.1:${port}`);
      const test = makeUpstreamTest({
        store,
        outbound: makeOutbound({ allow, monotonic }),
        clock: { monotonic },
        constants: catalog.constants,
        certificates: { of: () => Promise.resolve(null) },
      });
      const gateway = await catalog.gateways.create(atlas, { name: 'Main', description: '' });
      const group = await catalog.groups.create(atlas, gateway._id, { name: 'Group', description: '', label: '' });
      const backend = { kind: 'http' as const, origin: `http://127.0.0.1:${port}`, method: 'SAME' as const, path: '/v1/{code}', timeoutMs: 5_000, retries: 0 };
      const read = await catalog.apis.create(
        atlas,
        gateway._id,
        group._id,
        definition('/{code}', {
          backend,
          parameters: [{ name: 'code', in: 'path', required: true, type: 'string', description: '', example: 'DE' }],
          backendParameters: [
            { name: 'X-Key', in: 'header', value: 'topsecret' },
            { name: 'key', in: 'query', value: 'topsecret' },
          ],
        }),
      );
      const result = await test.api(atlas, read._id);
      expect(result.called).to.equal(`GET http://127.0.0.1:${port}/v1/DE?key=…`);
      expect(seen.at(-1)).to.deep.include({ url: '/v1/DE?key=topsecret' });
      expect(seen.at(-1)?.headers['x-key']).to.equal('topsecret');
      const write = await catalog.apis.create(
        atlas,
        gateway._id,
        group._id,
        definition('/orders', { frontend: { method: 'POST', path: '/orders', match: 'exact' }, backend: { ...backend, path: '/orders' } }),
      );
      expect(await test.api(atlas, write._id)).to.include({ called: `HEAD http://127.0.0.1:${port}/` });
      expect((await refusal(test.api(harbor, read._id))).code).to.equal('not-found');
      for (let i = 0; i < 18; i++) await test.address(atlas, { origin: 'http://10.0.0.1', path: '/' });
      expect((await refusal(test.address(atlas, { origin: 'http://10.0.0.1', path: '/' }))).code).to.equal('too-many-attempts');
    });
  });
});
