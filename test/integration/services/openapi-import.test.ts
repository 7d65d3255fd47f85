import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { ApiDefinition } from '../../../server/domain/api.ts';
import { makeImporting, type Importing, type ImportSettings } from '../../../server/services/openapi-import.ts';
import { readDocument } from '../../../server/services/openapi/read-document.ts';
import { makeDocumentReader, type DocumentReader } from '../../../server/services/openapi/read.ts';
import type { DocumentReading } from '../../../server/services/openapi/reading.ts';
import { catalogWorld, definition, productFields, type CatalogWorld } from '../../support/catalog-world.ts';
import { refusal } from '../../support/refusal.ts';
import { found } from '../../support/found.ts';
import type { GroupDoc } from '../../../server/store/gateways.ts';

const EXAMPLES = 'node_modules/@readme/oas-examples';
const SETTINGS: ImportSettings = { origin: '', security: 'APP', appCode: true, timeoutMs: 5_000, mode: 'merge' };

const document = (paths: unknown, more: Record<string, unknown> = {}) =>
  Buffer.from(JSON.stringify({ openapi: '3.0.3', info: { title: 'Countries', version: '1' }, servers: [{ url: 'https://api.example.com' }], paths, ...more }));
const operation = (summary: string) => ({ summary, responses: { 200: { description: 'ok' } } });

describe('importing an OpenAPI document into a group', function () {
  this.timeout(120_000);
  let world: CatalogWorld;
  let importing: Importing;
  before(async () => {
    world = await catalogWorld();
    importing = makeImporting({ ...world.dependencies, reader: makeDocumentReader() });
  });
  after(() => world.close());

  const newGroup = async () => {
    const gateway = await world.catalog.gateways.create(world.atlas, { name: 'Main', description: '' });
    const group = await world.catalog.groups.create(world.atlas, gateway._id, { name: 'Imported', description: '', label: '' });
    return [gateway._id, group._id] as const;
  };
  const outcome = async (place: readonly [string, string], ordinal: number) =>
    (await importing.preview(world.atlas, ...place, ordinal)).lines.map(({ action, operation: name }) => `${action} ${name}`);

  it('shows what it would do, does it, and finds it done', async () => {
    const place = await newGroup();
    const ordinal = await importing.upload(
      world.atlas,
      ...place,
      document({ '/a': { get: operation('A'), trace: operation('T') }, '/b': { post: operation('B') } }),
      SETTINGS,
    );
    expect(await outcome(place, ordinal)).to.deep.equal(['create GET /a', 'refuse TRACE /a', 'create POST /b']);
    expect(await world.catalog.apis.list(world.atlas, ...place)).to.deep.equal([]);
    const result = await importing.apply(world.atlas, ...place, ordinal);
    expect(result).to.deep.include({ updated: 0, removed: 0, missed: 0 });
    expect(result.created).to.have.length(2);
    expect(await outcome(place, ordinal)).to.deep.equal(['unchanged GET /a', 'refuse TRACE /a', 'unchanged POST /b']);
    expect((await importing.apply(world.atlas, ...place, ordinal)).created).to.deep.equal([]);
    const { published } = await world.catalog.publishing.publish(world.atlas, place[0], result.created, 'imported');
    expect(published).to.have.length(2);
  });

  it('keeps by merging what was set by hand, and lets it go by overriding', async () => {
    const place = await newGroup();
    const first = await importing.upload(
      world.atlas,
      ...place,
      document({ '/a': { get: operation('A') }, '/old': { get: operation('Old') }, '/live': { get: operation('Live') } }),
      SETTINGS,
    );
    await importing.apply(world.atlas, ...place, first);
    const apis = await world.catalog.apis.list(world.atlas, ...place);
    const at = (path: string) => apis.find(({ api }) => api.definition.frontend.path === path)?.api ?? apis[0]?.api;
    const byHand: ApiDefinition = {
      ...(at('/a')?.definition as ApiDefinition),
      appCode: false,
      backendParameters: [{ name: 'X-Key', in: 'header', value: 'k' }],
    };
    await world.catalog.apis.update(world.atlas, at('/a')?._id ?? '', 1, byHand);
    const sealed = (await world.store.apis.api(at('/a')?._id ?? ''))?.definition.backendParameters;
    expect(sealed?.map(({ name, value }) => ({ name, value }))).to.deep.equal([{ name: 'X-Key', value: undefined }]);
    await world.catalog.publishing.publish(world.atlas, place[0], [at('/live')?._id ?? ''], '');

    const next = document({ '/a': { get: operation('A, better') }, '/new': { get: operation('New') } });
    const merge = await importing.upload(world.atlas, ...place, next, SETTINGS);
    expect(await outcome(place, merge)).to.deep.equal(['update GET /a', 'create GET /new']);
    const override = await importing.upload(world.atlas, ...place, next, { ...SETTINGS, mode: 'override' });
    expect((await importing.preview(world.atlas, ...place, override)).lines.flatMap(({ notes }) => notes)).to.deep.equal(['Its hidden values go: X-Key.']);
    expect((await outcome(place, override)).sort()).to.deep.equal(['create GET /new', 'keep GET /live', 'remove GET /old', 'update GET /a']);

    await importing.apply(world.atlas, ...place, merge);
    expect((await world.store.apis.api(at('/a')?._id ?? ''))?.definition).to.deep.include({ summary: 'A, better', appCode: false, backendParameters: sealed });
    expect(await importing.apply(world.atlas, ...place, override)).to.deep.include({ updated: 1, removed: 1, missed: 0 });
    const left = await world.catalog.apis.list(world.atlas, ...place);
    expect(left.map(({ api }) => api.definition.frontend.path)).to.deep.equal(['/a', '/live', '/new']);
    expect(left[0]?.api.definition).to.deep.include({ appCode: true, backendParameters: [] });
  });

  it('refuses what would send a kept secret to another server than the one it was typed for', async () => {
    const place = await newGroup();
    const ordinal = await importing.upload(world.atlas, ...place, document({ '/a': { get: operation('A') } }), SETTINGS);
    await importing.apply(world.atlas, ...place, ordinal);
    const [made] = await world.catalog.apis.list(world.atlas, ...place);
    const apiId = made?.api._id ?? '';
    const shown = { name: 'region', in: 'query', value: 'eu', secret: false } as const;
    const typed = { ...(made?.api.definition as ApiDefinition), backendParameters: [{ name: 'X-Key', in: 'header', value: 'k' } as const, shown] };
    await world.catalog.apis.update(world.atlas, apiId, 1, typed);
    const before = (await world.store.apis.api(apiId))?.definition;
    const moved = await importing.upload(world.atlas, ...place, document({ '/a': { get: operation('A') } }), {
      ...SETTINGS,
      origin: 'https://collector.example.com',
    });
    const [line] = (await importing.preview(world.atlas, ...place, moved)).lines;
    expect(line).to.include({ action: 'refuse', definition: null });
    expect(line?.reason).to.match(/another server, https:\/\/collector\.example\.com\..*type its hidden values again there: X-Key\.$/);
    await importing.apply(world.atlas, ...place, moved);
    expect((await world.store.apis.api(apiId))?.definition).to.deep.equal(before);
    await world.catalog.apis.update(world.atlas, apiId, 2, { ...typed, backendParameters: [shown] });
    expect(await outcome(place, moved), 'what anybody may see goes along').to.deep.equal(['update GET /a']);
  });

  it('leaves secrets of the backend out, of what is served and of the document that is kept, and says so', async () => {
    const place = await newGroup();
    const secrets = ['document-user-password', 'document-backend-constant', 'document-policy-constant'];
    const constant = (value: unknown) => ({ name: 'X-Key', in: 'HEADER', origin: 'CONSTANT', value });
    const bytes = document(
      {
        '/a': {
          get: {
            ...operation('A'),
            'x-apigateway-backend': { type: 'HTTP', parameters: [constant(secrets[1]), { name: 'q', in: 'QUERY', origin: 'REQUEST', value: 'kept' }] },
            'x-apigateway-backend-policies': [{ parameters: [constant(secrets[2])] }],
          },
        },
      },
      { servers: [{ url: `https://someone:${secrets[0]}@api.example.com/v1` }] },
    );
    const ordinal = await importing.upload(world.atlas, ...place, bytes, SETTINGS);
    const { reading, lines } = await importing.preview(world.atlas, ...place, ordinal);
    expect(reading.notes.join(' ')).to.contain('user name or password').and.contain('constant X-Key was left out');
    expect(lines[0]?.definition?.backend).to.deep.include({ origin: 'https://api.example.com', path: '/v1/a' });
    const stored = await Promise.all((['document', 'reading'] as const).map((kind) => world.store.documents.read(place[1], ordinal, kind)));
    const texts = stored.map((packed) => gunzipSync(packed ?? Buffer.alloc(0)).toString('utf8'));
    expect(texts[0]).to.contain('"kept"').and.contain('https://api.example.com/v1');
    for (const secret of secrets) expect(texts.join(' ')).to.not.contain(secret);
    const plain = document({ '/a': { get: operation('A') } });
    const untouched = await importing.upload(world.atlas, ...place, plain, SETTINGS);
    const kept = await world.store.documents.read(place[1], untouched, 'document');
    expect(gunzipSync(kept ?? Buffer.alloc(0)).equals(plain), 'a document without secrets is kept byte for byte').to.equal(true);
  });

  it('does not take away what a product contains', async () => {
    const place = await newGroup();
    const api = await world.catalog.apis.create(world.atlas, ...place, definition('/sold'));
    await world.catalog.products.create(world.atlas, place[1], [api._id], productFields({ slug: 'holds-it', name: 'Holder' }));
    const ordinal = await importing.upload(world.atlas, ...place, document({ '/a': { get: operation('A') } }), { ...SETTINGS, mode: 'override' });
    expect((await importing.preview(world.atlas, ...place, ordinal)).lines.map(({ action, reason }) => `${action} ${reason}`)[1])
      .to.contain('keep')
      .and.contain('Holder');
  });

  it('says beside the address when no backend can be made of the document', async () => {
    const place = await newGroup();
    const upload = (servers: unknown, origin = '') =>
      importing.upload(world.atlas, ...place, document({ '/a': { get: operation('A') } }, { servers }), { ...SETTINGS, origin });
    expect((await refusal(upload([]))).fields['origin']).to.contain('names no server');
    expect((await refusal(upload([{ url: 'http://localhost:8080' }]))).fields['origin']).to.contain('private network');
    expect((await refusal(upload([{ url: 'http://169.254.169.254' }]))).fields['origin']).to.contain('private network');
    expect((await refusal(upload([], 'http://10.0.0.1'))).fields['origin']).to.contain('private network');
    expect(await outcome(place, await upload([{ url: 'http://localhost:8080' }], 'http://127.0.0.1:3201'))).to.deep.equal(['create GET /a']);
  });

  it('keeps the last five uploads, also large ones in parts', async () => {
    const place = await newGroup();
    const random = Array.from({ length: 60_000 }, () => world.ids.secret(150)).join(''); // does not compress below one part
    const last = document({ '/a': { get: operation('A') } }, { 'x-noise': random });
    for (let i = 0; i < 6; i++) await importing.upload(world.atlas, ...place, document({ [`/${i}`]: { get: operation('A') } }), SETTINGS);
    const ordinal = await importing.upload(world.atlas, ...place, last, SETTINGS);
    expect((await importing.list(world.atlas, ...place)).map((one) => one.ordinal)).to.deep.equal([7, 6, 5, 4, 3]);
    const { gunzipSync } = await import('node:zlib');
    const packed = await world.store.documents.read(place[1], ordinal, 'document');
    expect(gunzipSync(packed ?? Buffer.alloc(0)).equals(last)).to.equal(true);
    expect((await refusal(importing.preview(world.atlas, ...place, 1))).code).to.equal('not-found');
  });

  it('is hidden from other organizations', async () => {
    const place = await newGroup();
    const ordinal = await importing.upload(world.atlas, ...place, document({ '/a': { get: operation('A') } }), SETTINGS);
    const tries = [
      importing.upload(world.harbor, ...place, document({}), SETTINGS),
      importing.preview(world.harbor, ...place, ordinal),
      importing.apply(world.harbor, ...place, ordinal),
      importing.list(world.harbor, ...place),
    ];
    expect((await Promise.all(tries.map(refusal))).map(({ code }) => code)).to.deep.equal(tries.map(() => 'not-found'));
  });

  it('imports every document of @readme/oas-examples, each with a line for every operation', async () => {
    // The same steps as in the worker, in this thread: starting 129 threads would only take time.
    const inProcess: DocumentReader = {
      async read(bytes) {
        let reading: DocumentReading | undefined;
        let refused: string | undefined;
        await readDocument(bytes, (message) => {
          if (message.kind === 'refusal') refused = message.refusal;
          else if (message.kind === 'reading') reading = message.reading;
          else if (message.kind === 'faults' && reading) reading = { ...reading, faults: message.faults, moreFaults: message.moreFaults };
        });
        return reading ? { reading } : { refusal: refused ?? 'nothing was told' };
      },
    };
    const quick = makeImporting({ ...world.dependencies, reader: inProcess });
    const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
      .filter((name) => /^[23]\.\d\/.*\.(json|yaml)$/.test(name))
      .sort();
    expect(files.length).to.be.at.least(129);
    const seen = { operations: 0, applied: 0, refused: 0 };
    const gateway = await world.catalog.gateways.create(world.atlas, { name: 'Examples', description: '', edition: 'platinum' });
    let group = await world.catalog.groups.create(world.atlas, gateway._id, { name: 'Examples', description: '', label: '' });
    for (const [i, file] of files.entries()) {
      if (i % 2 === 0)
        group = {
          ...group,
          _id:
            (await world.store.gateways.addGroup({ ...group, _id: world.ids.next('grp'), label: `examples-${i}` }, 200)) === 'added'
              ? ((await found<GroupDoc>(world.store, 'Group', { label: `examples-${i}` }))[0]?._id ?? '')
              : '',
        };
      const bytes = readFileSync(join(EXAMPLES, file));
      const ordinal = await quick.upload(world.atlas, gateway._id, group._id, bytes, { ...SETTINGS, origin: 'https://api.example.com', mode: 'override' });
      const { lines } = await quick.preview(world.atlas, gateway._id, group._id, ordinal);
      for (const line of lines) expect(line.action === 'refuse' ? line.reason : 'ok', `${file} ${line.operation}`).to.not.equal('');
      const { created, updated, missed } = await quick.apply(world.atlas, gateway._id, group._id, ordinal);
      expect(missed, file).to.equal(0);
      seen.operations += lines.filter(({ action }) => action !== 'remove').length;
      seen.applied += created.length + updated + lines.filter(({ action }) => action === 'unchanged').length;
      seen.refused += lines.filter(({ action }) => action === 'refuse').length;
    }
    expect(seen.applied + seen.refused).to.equal(seen.operations);
    expect(seen.operations).to.be.at.least(800);
    expect(seen.refused / seen.operations).to.be.at.most(0.05);
  });
});
