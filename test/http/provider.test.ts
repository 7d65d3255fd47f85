import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Answer, Visitor } from '../support/browserless.ts';
import { multipart } from '../support/multipart.ts';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const LISTING = {
  name: 'Countries',
  slug: 'countries-http',
  tagline: 'All of them',
  description: '# Countries\n<script>alert(1)</script>',
  category: 'data',
  tags: 'geo, open data',
  terms: '',
  dataSource: '',
  dataLicence: '',
};
const API = {
  name: 'One country',
  summary: '',
  description: '',
  tags: '',
  method: 'GET',
  path: '/countries/{code}',
  match: 'exact',
  security: 'APP',
  appCode: 'true',
  kind: 'http',
  backendPath: '',
  backendMethod: 'SAME',
  timeoutMs: '5000',
  retries: '0',
  mockStatus: '200',
  mockBody: '',
  p0_name: 'code',
  p0_in: 'path',
  p0_type: 'string',
  p0_example: 'DE',
  p1_name: '',
};
const PLAN = {
  name: 'starter',
  title: 'Starter',
  summary: '',
  kind: 'fee',
  currency: 'usd',
  interval: 'month',
  fee: '10.00',
  included: '1000',
  price: '5.00',
  per: '1000',
  quota: 'none',
  quotaLimit: '',
  rateCalls: '',
  rateSeconds: '1',
  billable: '2',
  intent: 'save',
};

describe('the provider’s side over HTTP', function () {
  this.timeout(120_000);
  let portal: Portal;
  let upstream: Server;
  let origin: string;
  let provider: Visitor;
  let operator: Visitor;
  before(async () => {
    upstream = createServer((_, res) => void res.end('{"code":"DE"}')).listen(0, '127.0.0.1');
    await new Promise((resolve) => upstream.once('listening', resolve));
    const { port } = upstream.address() as AddressInfo;
    origin = `http://127.0.0.1:${port}`;
    portal = await startPortal({ UPSTREAM_ALLOW: `127.0.0.1:${port}` });
    provider = await portal.member('Provider');
    const { accounts } = portal.composition.services;
    const made = await accounts.register({ email: 'operator@example.test', password: PASSWORD, name: 'Olga', organization: 'Olga & Co' });
    if (!made) throw new Error('no operator');
    await accounts.addOperators(made.user);
    await portal.composition.store.accounts.removeMembership(made.organization._id, made.user._id);
    operator = portal.visitor();
    await operator.post('/sign-in', { email: 'operator@example.test', password: PASSWORD });
  });
  after(async () => {
    await portal.stop();
    upstream.close();
  });

  const followed = async (person: Visitor, answer: Answer): Promise<Answer> => {
    expect(answer.status, answer.text.slice(0, 2_000)).to.equal(303);
    return person.get(answer.location ?? '');
  };
  const idIn = (text: string | null, prefix: string): string => new RegExp(`${prefix}_[0-9a-z]{26}`).exec(text ?? '')?.[0] ?? '';

  async function newGroup(name: string): Promise<{ gateway: string; group: string; path: string }> {
    const made = await provider.post('/gateways', { name: 'Main', description: '' });
    const gateway = idIn(made.location, 'gw');
    const group = idIn((await provider.post(`/gateways/${gateway}/groups`, { name, label: '', description: '' })).location, 'grp');
    return { gateway, group, path: `/gateways/${gateway}/groups/${group}` };
  }

  it('leads from an empty organization to a listing by forms alone', async () => {
    const empty = await provider.get('/selling');
    expect(empty.text).to.contain('0 of 8 steps done').and.contain('/selling/profile');
    await followed(
      provider,
      await provider.post('/selling/profile', { displayName: 'Atlas', slug: 'atlas-http', website: 'https://atlas.example.com', supportEmail: '', about: '' }),
    );
    const { gateway, group, path } = await newGroup('Countries HTTP');

    const saved = await provider.post(`/gateways/${gateway}/apis`, { ...API, groupId: group, origin });
    const api = idIn(saved.location, 'api');
    expect(saved.location).to.equal(`/gateways/${gateway}/apis/${api}/test`);
    const tested = await provider.post(`/gateways/${gateway}/apis/${api}/test`);
    expect(tested.text).to.contain('The server answers').and.contain(`GET ${origin}/countries/DE`);
    const published = await followed(provider, await provider.post(`/gateways/${gateway}/apis/publication`, { groupId: group, all: 'true', back: path }));
    expect(published.text).to.contain('1 API is live in RELEASE').and.contain('data-status="published"');

    const product = idIn((await provider.post('/products', { ...LISTING, groupId: group, apiIds: api })).location, 'prd');
    expect((await provider.get(`/products/${product}`)).text)
      .to.contain('Add at least one plan')
      .and.not.contain('<script>alert');
    const early = await followed(provider, await provider.post(`/products/${product}/submission`));
    expect(early.text).to.contain('Add at least one plan');

    const planPage = (await provider.get(`/products/${product}/plans/new`)).text;
    const form = planPage.slice(planPage.indexOf('data-name="plan"'));
    expect(/<button[^>]*>/.exec(form)?.[0], 'what Enter presses').to.contain('value="save"');
    const preview = await provider.post(`/products/${product}/plans`, { ...PLAN, intent: 'preview' });
    expect(preview.status).to.equal(200);
    expect(preview.text).to.contain('1,000 calls included, then USD 5.00 per 1,000 calls');
    const plans = await followed(provider, await provider.post(`/products/${product}/plans`, PLAN));
    expect(plans.text).to.contain('The plan Starter is published');

    const logo = await multipart(portal.origin, provider, `/products/${product}/logo`, {}, { name: 'logo', filename: '../../x.svg', bytes: PNG });
    expect(logo.status).to.equal(303);
    const picture = await provider.get(`/products/${product}/logo`);
    expect(picture.headers.get('content-type')).to.equal('image/png');
    expect(picture.headers.get('x-content-type-options')).to.equal('nosniff');
    expect((await portal.visitor().get(`/products/${product}/logo`)).status).to.equal(404);

    expect((await followed(provider, await provider.post(`/products/${product}/submission`))).text).to.contain('An operator looks at it');
    expect((await operator.get('/admin/reviews')).text)
      .to.contain('Countries')
      .and.contain('Atlas');
    const dossier = await operator.get(`/admin/reviews/${product}`);
    const rev = /name="rev" value="(\d+)"/.exec(dossier.text)?.[1] ?? '';
    const bare = await operator.post(`/admin/reviews/${product}/rejection`, { rev, reason: ' ' });
    expect(bare.status).to.equal(422);
    expect(bare.text).to.contain('Say what has to change');
    await operator.post(`/admin/reviews/${product}/rejection`, { rev, reason: 'Please name the licence.' });
    expect((await provider.get(`/products/${product}`)).text).to.contain('Please name the licence.');
    const listing = await provider.get(`/products/${product}/listing`);
    const listingRev = /name="rev" value="(\d+)"/.exec(listing.text)?.[1] ?? '';
    await followed(provider, await provider.post(`/products/${product}/listing`, { ...LISTING, dataLicence: 'ODbL', rev: listingRev }));
    await provider.post(`/products/${product}/submission`);
    const again = /name="rev" value="(\d+)"/.exec((await operator.get(`/admin/reviews/${product}`)).text)?.[1] ?? '';
    expect((await followed(operator, await operator.post(`/admin/reviews/${product}/approval`, { rev: again }))).text).to.contain('Approved');
    expect((await provider.get(`/products/${product}`)).text).to.contain('data-status="listed"');
    expect((await portal.visitor().get(`/products/${product}/logo`)).status).to.equal(200);
    expect((await provider.get('/selling')).text).to.contain('Listed products');
  });

  it('tells whoever saves over somebody else what stands now, keeps what was typed, and takes it with the next press', async () => {
    const { gateway, group } = await newGroup('Raced');
    const api = idIn((await provider.post(`/gateways/${gateway}/apis`, { ...API, groupId: group, origin })).location, 'api');
    await provider.post(`/gateways/${gateway}/apis/publication`, { apiIds: api });
    const product = idIn((await provider.post('/products', { ...LISTING, slug: 'raced-http', groupId: group, apiIds: api })).location, 'prd');
    await provider.post(`/products/${product}/plans`, PLAN);
    const plan = idIn(/plan_[a-z0-9]+/i.exec((await provider.get(`/products/${product}/plans`)).text)?.[0] ?? null, 'plan');
    const { name: _, ...plans } = PLAN;
    const revOn = (text: string) => /name="rev" value="(\d+)"/.exec(text)?.[1] ?? '';
    const forms: readonly (readonly [path: string, fields: (word: string) => Record<string, string>, what: string])[] = [
      [`/gateways/${gateway}/settings`, (name) => ({ name, description: '' }), 'this gateway'],
      [`/gateways/${gateway}/groups/${group}`, (name) => ({ name, description: '' }), 'this group'],
      [`/gateways/${gateway}/apis/${api}`, (name) => ({ ...API, name, origin }), 'this API'],
      [`/products/${product}/listing`, (name) => ({ ...LISTING, slug: 'raced-http', name }), 'this listing'],
      [`/products/${product}/plans/${plan}`, (title) => ({ ...plans, title }), 'this plan'],
    ];
    for (const [path, fields, what] of forms) {
      const rev = revOn((await provider.get(path)).text);
      expect((await provider.post(path, { ...fields('Theirs'), rev })).status, path).to.equal(303);
      const late = await provider.post(path, { ...fields('Mine'), rev });
      expect(late.status, path).to.equal(409);
      expect(late.text, path).to.contain(`Somebody else changed ${what}`).and.contain('“Theirs”').and.contain('value="Mine"');
      expect(revOn(late.text), path).to.not.equal(rev);
      expect((await provider.post(path, { ...fields('Mine'), rev: revOn(late.text) })).status, path).to.equal(303);
    }
  });

  it('keeps what was typed and says each fault beside its field', async () => {
    const { gateway, group } = await newGroup('Faulty');
    const answer = await provider.post(`/gateways/${gateway}/apis`, {
      ...API,
      groupId: group,
      origin: 'http://169.254.169.254',
      path: '/a/{b}/{b}',
      p0_name: 'ghost',
      p1_name: 'X-Forwarded-For',
      p1_in: 'header',
      p1_type: 'string',
      h0_name: 'X-Key',
      h0_in: 'header',
      h0_value: 'k',
    });
    expect(answer.status).to.equal(422);
    for (const [field, fault] of [
      ['origin', 'private network'],
      ['path', 'names {b} twice'],
      ['p1_name', 'decided by the gateway'],
    ] as const) {
      expect(answer.text, field).to.match(new RegExp(`id="${field}-error">[^<]*<span class="sr-only">Error: </span>[^<]*${fault}`));
    }
    expect(answer.text).to.contain('value="http://169.254.169.254"').and.contain('value="ghost"').and.contain('value="X-Key"');
    const slug = await provider.post('/selling/profile', {
      displayName: '',
      slug: 'Not A Slug!',
      website: 'javascript:alert(1)',
      supportEmail: 'nobody',
      about: 'kept',
    });
    expect(slug.status).to.equal(422);
    expect(slug.text).to.contain('displayName-error').and.contain('website-error').and.contain('supportEmail-error').and.contain('kept');
    const extra = await provider.post('/gateways', { name: 'x', description: '', organizationId: 'org_other', edition: 'platinum' });
    expect(extra.status).to.equal(422);
  });

  it('never shows a secret again: kept when left empty, gone from a page that comes back, shown only when it is none', async () => {
    const { gateway, group } = await newGroup('Hidden values');
    const hidden = { h0_name: 'X-Key', h0_in: 'header', h0_value: 'typed-once', h0_secret: 'true', h1_name: 'region', h1_in: 'query', h1_value: 'eu-1' };
    const faulty = await provider.post(`/gateways/${gateway}/apis`, { ...API, ...hidden, groupId: group, origin: 'https://user:pass@api.example.com' });
    expect(faulty.status).to.equal(422);
    expect(faulty.text).to.contain('Leave user name and password out').and.contain('a secret is not sent back').and.contain('value="eu-1"');
    expect(faulty.text).to.not.contain('typed-once').and.not.contain('user:pass');
    const api = idIn((await provider.post(`/gateways/${gateway}/apis`, { ...API, ...hidden, groupId: group, origin })).location, 'api');
    const path = `/gateways/${gateway}/apis/${api}`;
    const page = (await provider.get(path)).text;
    expect(page).to.contain('Kept unless you type a new one').and.contain('value="eu-1"').and.not.contain('typed-once');
    const rev = /name="rev" value="(\d+)"/.exec(page)?.[1] ?? '';
    expect((await provider.post(path, { ...API, ...hidden, h0_value: '', rev, origin })).location).to.equal(path);
    const { store, services } = portal.composition;
    const constants = services.catalog.constants.opened(api, (await store.apis.api(api))?.definition.backendParameters ?? []);
    expect(constants.map(({ value }) => value)).to.deep.equal(['typed-once', 'eu-1']);
    const tested = await provider.post('/upstream-test', { origin: 'https://user:typed-password@api.example.com', path: '/' });
    expect(tested.text).to.contain('GET https://api.example.com/').and.contain('Leave user name and password out').and.not.contain('typed-password');
  });

  it('asks for a secret again where the backend becomes another server: scheme, host or port, also by way of a mock', async () => {
    const { gateway, group } = await newGroup('Moved backends');
    const hidden = { h0_name: 'X-Key', h0_in: 'header', h0_value: 'typed-for-here', h0_secret: 'true', h1_name: 'region', h1_in: 'query', h1_value: 'eu-1' };
    const api = idIn((await provider.post(`/gateways/${gateway}/apis`, { ...API, ...hidden, groupId: group, origin })).location, 'api');
    const path = `/gateways/${gateway}/apis/${api}`;
    const { store, services } = portal.composition;
    const stored = async () => (await store.apis.api(api))?.definition;
    const opened = async () => services.catalog.constants.opened(api, (await stored())?.backendParameters ?? []).map(({ value }) => value);
    const post = async (fields: Record<string, string>) => {
      const rev = /name="rev" value="(\d+)"/.exec((await provider.get(path)).text)?.[1] ?? '';
      return provider.post(path, { ...API, ...hidden, h0_value: '', rev, origin, ...fields });
    };
    const refused = async (elsewhere: string) => {
      const before = await stored();
      const answer = await post({ origin: elsewhere });
      expect(answer.status, elsewhere).to.equal(422);
      expect(answer.text).to.match(/id="h0_value-error"[^\n]*The backend is another server/);
      expect(answer.text).to.contain(`value="${elsewhere}"`).and.not.contain('typed-for-here');
      expect(await stored()).to.deep.equal(before);
    };
    for (const elsewhere of ['https://collector.example.com', 'http://collector.example.com', 'https://collector.example.com:8443']) await refused(elsewhere);
    expect((await post({ backendPath: '/v2', origin: `${origin}/` })).status, 'another path of the same server').to.equal(303);
    expect(await opened()).to.deep.equal(['typed-for-here', 'eu-1']);
    expect((await post({ kind: 'mock' })).status).to.equal(303);
    await refused('https://collector.example.com');
    await refused(origin);
    expect((await post({ origin: 'https://new.example.com', h0_value: 'typed-for-there' })).status).to.equal(303);
    expect(await opened()).to.deep.equal(['typed-for-there', 'eu-1']);
    for (const elsewhere of ['http://new.example.com', 'https://new.example.com:8443']) await refused(elsewhere);
    expect((await post({ origin: 'https://NEW.example.com:443', h0_value: '' })).status, 'the same in other letters').to.equal(303);
  });

  it('shows an import before it happens, and takes uploads and pasted text', async () => {
    const { gateway, group, path } = await newGroup('Imported');
    const document = JSON.stringify({
      openapi: '3.0.0',
      info: { title: '<img src=x onerror=alert(1)>', version: '1' },
      paths: { '/a': { get: { summary: 'A', responses: {} }, trace: { responses: {} } } },
    });
    const settings = { text: '', origin: '', security: 'APP', appCode: 'true', timeoutMs: '5000', mode: 'merge' };
    const nowhere = await multipart(portal.origin, provider, `${path}/imports`, settings, { name: 'document', filename: 'x.json', bytes: document });
    expect(nowhere.status).to.equal(422);
    expect(nowhere.text).to.contain('origin-error').and.contain('names no server');
    const upload = await multipart(
      portal.origin,
      provider,
      `${path}/imports`,
      { ...settings, origin },
      { name: 'document', filename: 'x.json', bytes: document },
    );
    expect(upload.location).to.equal(`${path}/imports/1`);
    const report = await provider.get(`${path}/imports/1`);
    expect(report.text)
      .to.contain('data-status="create"')
      .and.contain('data-status="refuse"')
      .and.contain('method trace is not served')
      .and.not.contain('<img src=x');
    expect((await provider.get(path)).text).to.contain('No API yet');
    const applied = await followed(provider, await provider.post(`${path}/imports/1/application`));
    expect(applied.text).to.contain('1 API added');
    const pasted = await multipart(portal.origin, provider, `${path}/imports`, { ...settings, origin, text: 'openapi: 3.0.0\ninfo: [' });
    expect(pasted.status).to.equal(422);
    expect(pasted.text).to.contain('document-error').and.contain('not valid YAML').and.contain('openapi: 3.0.0');
    expect((await multipart(portal.origin, provider, `${path}/imports`, settings)).text).to.contain('Choose a file, or paste');
    const huge = await multipart(portal.origin, provider, `${path}/imports`, settings, {
      name: 'document',
      filename: 'x.json',
      bytes: Buffer.alloc(17 * 1024 * 1024, 0x20),
    });
    expect(huge.status).to.equal(413);
    expect([idIn(gateway, 'gw'), idIn(group, 'grp')]).to.deep.equal([gateway, group]);
  });

  it('asks before it takes something offline, in numbers', async () => {
    const { gateway, group, path } = await newGroup('Going');
    const api = idIn((await provider.post(`/gateways/${gateway}/apis`, { ...API, groupId: group, origin })).location, 'api');
    await provider.post(`/gateways/${gateway}/apis/publication`, { apiIds: api, back: path });
    const asked = await provider.post(`/gateways/${gateway}/apis/offline`, { apiIds: api, back: path });
    expect(asked.status).to.equal(200);
    expect(asked.text).to.contain('Take 1 API offline').and.contain('Live subscriptions that call them');
    expect((await provider.get(`/gateways/${gateway}/apis/${api}/publishing`)).text).to.contain('data-status="published"');
    const gone = await followed(provider, await provider.post(`/gateways/${gateway}/apis/offline`, { apiIds: api, back: path, confirmed: 'true' }));
    expect(gone.text).to.contain('1 API is offline').and.contain('data-status="offline"');
    expect((await provider.post(`/gateways/${gateway}/apis/offline`, { apiIds: api, back: 'https://evil.example/', confirmed: 'true' })).location).to.equal(
      `/gateways/${gateway}/groups`,
    );
  });

  it('shows every page, empty and filled', async () => {
    const fresh = await portal.member('Fresh');
    for (const [place, words] of [
      ['/selling', '0 of 8 steps'],
      ['/gateways', 'No gateway yet'],
      ['/products', 'Nothing on sale yet'],
      ['/products/new', 'No group yet'],
      ['/upstream-test', 'Test an address'],
      ['/selling/profile', 'Save and go on'],
      ['/gateways/new', 'RELEASE'],
    ] as const) {
      const answer = await fresh.get(place);
      expect([answer.status, answer.text.includes(words)], place).to.deep.equal([200, true]);
    }
    const { gateway, group, path } = await newGroup('Filled');
    expect((await provider.get(path)).text).to.contain('No API yet');
    expect((await provider.get(`/gateways/${gateway}/apis`)).text).to.contain('No API yet');
    const api = idIn((await provider.post(`/gateways/${gateway}/apis`, { ...API, groupId: group, origin })).location, 'api');
    const product = idIn((await provider.post('/products', { ...LISTING, slug: 'filled-http', groupId: group, apiIds: api })).location, 'prd');
    expect((await provider.get(`/products/${product}/plans`)).text).to.contain('No plan yet');
    await provider.post(`/products/${product}/plans`, PLAN);
    const plan = /\/plans\/(plan_[0-9a-z]{26})/.exec((await provider.get(`/products/${product}/plans`)).text)?.[1] ?? '';
    for (const place of [
      '/gateways',
      `/gateways/${gateway}/groups`,
      `/gateways/${gateway}/apis`,
      `/gateways/${gateway}/apis?q=countries`,
      `/gateways/${gateway}/environments`,
      `/gateways/${gateway}/settings`,
      path,
      `${path}?q=nothing-like-it`,
      `${path}/imports/new`,
      `/gateways/${gateway}/apis/new?group=${group}`,
      `/gateways/${gateway}/apis/${api}`,
      `/gateways/${gateway}/apis/${api}/publishing`,
      `/gateways/${gateway}/apis/${api}/access`,
      `/gateways/${gateway}/apis/${api}/test`,
      '/products',
      '/products/new',
      `/products/new?group=${group}`,
      `/products/${product}`,
      `/products/${product}/listing`,
      `/products/${product}/apis`,
      `/products/${product}/plans`,
      `/products/${product}/plans/new`,
      `/products/${product}/plans/${plan}`,
    ]) {
      const answer = await provider.get(place);
      expect([answer.status, (answer.text.match(/<h1/g) ?? []).length], place).to.deep.equal([200, 1]);
    }
    const changed = await followed(
      provider,
      await provider.post(`/products/${product}/plans/${plan}`, {
        ...PLAN,
        name: 'starter',
        fee: '12.00',
        rev: /name="rev" value="(\d+)"/.exec((await provider.get(`/products/${product}/plans/${plan}`)).text)?.[1] ?? '',
      }),
    );
    expect(changed.text).to.contain('Version 2 is published').and.contain('USD 12.00');
    expect((await followed(provider, await provider.post(`/products/${product}/plans/${plan}/retirement`))).text).to.contain('no longer offered');
    expect((await provider.get(`/products/${product}/plans/${plan}`)).text).to.contain('This plan is no longer offered');
    const refused = await provider.post('/upstream-test', { origin: 'http://10.0.0.1', path: '/' });
    expect(refused.text).to.contain('The server cannot be called').and.contain('private network');
    const grant = await provider.post(`/gateways/${gateway}/apis/${api}/authorizations`, { appId: 'app_unknown' });
    expect(grant.status).to.equal(422);
    expect(grant.text).to.contain('There is no such app');
    expect((await followed(provider, await provider.post(`/products/${product}/deletion`))).text).to.contain('The draft is deleted');
    expect((await followed(provider, await provider.post(`/gateways/${gateway}/apis/${api}/deletion`))).text).to.contain('is deleted');
    expect((await followed(provider, await provider.post(`${path}/deletion`))).text).to.contain('The group is deleted');
    expect((await followed(provider, await provider.post(`/gateways/${gateway}/deletion`))).text).to.contain('answers no calls any more');
  });

  it('refuses pictures that are none, and reviews to everybody else', async () => {
    const { group } = await newGroup('Picture');
    const product = idIn((await provider.post('/products', { ...LISTING, slug: 'pictured-http', groupId: group })).location, 'prd');
    for (const bytes of ['<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', '<html><script>1</script>', '']) {
      const answer = await multipart(
        portal.origin,
        provider,
        `/products/${product}/logo`,
        {},
        { name: 'logo', filename: 'logo.png', bytes, type: 'image/png' },
      );
      expect(answer.status).to.equal(422);
      expect(answer.text).to.contain('logo-logo-error');
    }
    expect((await provider.get('/admin/reviews')).status).to.equal(404);
    expect((await provider.post(`/admin/reviews/${product}/approval`, { rev: '1' })).status).to.equal(404);
    const stranger = await portal.member('Stranger');
    for (const place of [`/products/${product}`, `/products/${product}/plans`, `/products/${product}/listing`])
      expect((await stranger.get(place)).status).to.equal(404);
    expect((await portal.visitor().get(`/products/${product}`)).location).to.contain('/sign-in');
  });
});
