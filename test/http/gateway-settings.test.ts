import { expect } from 'chai';
import type { Visitor } from '../support/browserless.ts';
import { startPortal, type Portal } from '../support/portal.ts';

const FIELDS = { description: '', edition: 'professional', windowStart: '22' };
describe('the settings of a gateway over HTTP', function () {
  this.timeout(120_000);
  let portal: Portal;
  let provider: Visitor;
  before(async () => {
    portal = await startPortal();
    provider = await portal.member('Provider');
  });
  after(() => portal.stop());
  const form = (fields: Readonly<Record<string, string>>, tags: readonly (readonly [string, string])[] = []) => ({
    ...fields,
    ...(tags.length > 0 && { tagKey: tags.map(([key]) => key), tagValue: tags.map(([, value]) => value) }),
  });
  const gateway = async (id: string) => {
    const found = await portal.composition.store.gateways.gateway(id);
    if (!found) throw new Error(`no gateway ${id}`);
    return found;
  };
  async function made(name: string, tags: readonly (readonly [string, string])[] = []): Promise<string> {
    const answer = await provider.post('/gateways', form({ ...FIELDS, name }, tags));
    expect(answer.status, answer.text.slice(0, 2_000)).to.equal(303);
    return /gw_[0-9a-z]{26}/.exec(answer.location ?? '')?.[0] ?? '';
  }

  it('are made with edition, window and tags, in which empty rows count for nothing', async () => {
    const id = await made('Maps', [
      ['team', 'maps'],
      ['', ''],
      ['stage', ''],
    ]);
    expect(await gateway(id)).to.deep.include({
      edition: 'professional',
      windowStart: 22,
      maintenance: false,
      tags: [
        { key: 'team', value: 'maps' },
        { key: 'stage', value: '' },
      ],
    });
  });
  it('come back with what was typed and the fault beside it', async () => {
    const refused = await provider.post(
      '/gateways',
      form({ ...FIELDS, name: '1st' }, [
        ['team', 'one'],
        ['team', 'two'],
      ]),
    );
    expect(refused.status).to.equal(422);
    expect(refused.text).to.contain('begins with a letter').and.contain('The key team stands twice.').and.contain('value="two"').and.contain('value="1st"');
  });
  it('rename, raise the edition, take tags away; lower no edition; refuse a page that is out of date', async () => {
    const id = await made('Before', [['team', 'maps']]);
    const rev = String((await gateway(id)).rev);
    const change = { ...FIELDS, name: 'After', edition: 'enterprise', windowStart: '6', rev };
    expect((await provider.post(`/gateways/${id}/settings`, form(change, [['', '']]))).status).to.equal(303);
    expect(await gateway(id)).to.deep.include({ name: 'After', edition: 'enterprise', windowStart: 6, tags: [] });
    const stale = await provider.post(`/gateways/${id}/settings`, form({ ...change, name: 'Late' }));
    expect([stale.status, (await gateway(id)).name]).to.deep.equal([409, 'After']);
    const lower = await provider.post(`/gateways/${id}/settings`, form({ ...change, edition: 'basic', rev: String((await gateway(id)).rev) }));
    expect([lower.status, (await gateway(id)).edition]).to.deep.equal([422, 'enterprise']);
    expect(lower.text).to.contain('can only be raised');
  });
  it('switch maintenance on and off, audited once each, and tell the gateways', async () => {
    const id = await made('Under work');
    const version = async () => (await portal.composition.store.settings.get<number>('snapshotVersion')) ?? 0;
    const before = await version();
    for (const [maintenance, expected] of [
      ['on', true],
      ['on', true],
      ['off', false],
    ] as const) {
      expect((await provider.post(`/gateways/${id}/maintenance`, { maintenance })).status).to.equal(303);
      expect((await gateway(id)).maintenance).to.equal(expected);
    }
    expect(await version()).to.be.greaterThan(before);
    const records = await portal.composition.store.audit.newestOf(`gateway:${id}`, 'apig:instances:update');
    expect(records).to.have.length(2);
    expect((await provider.post(`/gateways/${id}/maintenance`, { maintenance: 'perhaps' })).status).to.equal(303);
    expect((await gateway(id)).maintenance).to.equal(false);
  });
  it('filter the list by name and tag', async () => {
    await made('Harbour', [['team', 'sea']]);
    await made('Airport', [['team', 'sky']]);
    // The messages of making them are shown once, here.
    expect((await provider.get('/gateways')).text)
      .to.contain('Airport')
      .and.contain('Harbour');
    const list = (await provider.get('/gateways?q=team%3Dsky')).text;
    expect(list).to.contain('Airport').and.not.contain('Harbour');
    expect((await provider.get('/gateways?q=team%3Dnone')).text).to.contain('No gateway has all of these words');
  });
  it('filter gateways, products and the overview by tags in the address, with chips that take them away; an unknown tag is told in words', async () => {
    const [sea, both] = [
      await made('Coast', [['team', 'coast']]),
      await made('Delta', [
        ['team', 'coast'],
        ['stage', 'live'],
      ]),
    ];
    expect(sea).not.to.equal(both);
    for (const path of ['/gateways', '/products', '/selling']) expect((await provider.get(path)).status, path).to.equal(200);
    const one = (await provider.get('/gateways?tag=team%3Dcoast')).text;
    expect(one).to.contain('>Coast<').and.contain('>Delta<').and.contain('data-name="tags-chosen"').and.contain('<option value="stage&#x3D;live">');
    expect(one).not.to.contain('>Harbour<');
    const two = (await provider.get('/gateways?tag=team%3Dcoast&tag=stage%3Dlive')).text;
    expect(two).to.contain('Delta').and.not.contain('>Coast<');
    expect(two).to.contain('href="/gateways?tag&#x3D;stage%3Dlive"').and.contain('href="/gateways?tag&#x3D;team%3Dcoast"');
    for (const path of ['/gateways', '/products', '/selling']) {
      const none = (await provider.get(`${path}?tag=team%3Dnobody`)).text;
      if (path !== '/products') expect(none, path).to.contain('No gateway carries the tag team&#x3D;nobody.');
    }
  });

  describe('filter what is chosen by them as well', () => {
    let [north, south] = ['', ''];
    before(async () => {
      north = await made('North', [['zone', 'north']]);
      south = await made('South', [['zone', 'south']]);
      for (const [id, name] of [
        [north, 'Glacier'],
        [south, 'Desert'],
      ])
        expect((await provider.post(`/gateways/${id}/groups`, { name: name ?? '', label: '', description: '' })).status).to.equal(303);
    });

    it('in the simulator, keeping the question', async () => {
      const path = '/organization/policies/simulator?action=apig%3Agroups%3Aget&tag=zone%3Dnorth';
      const shown = (await provider.get(path)).text;
      expect(shown).to.contain('>Gateway North<').and.contain('>API group Glacier of North<').and.not.contain('>Gateway South<');
      // Filtering again keeps what was asked, and asking keeps the filter.
      expect(shown).to.contain('<input type="hidden" name="action" value="apig:groups:get">');
      expect(shown.split('<input type="hidden" name="tag" value="zone&#x3D;north">')).to.have.length(3);
      expect((await provider.get(`${path}&on=gateway%3A${south}`)).text).to.contain('>Gateway South<');
      expect((await provider.get('/organization/policies/simulator?tag=zone%3Dnowhere')).text).to.contain('No gateway carries the tag zone&#x3D;nowhere.');
    });

    it('in the editor of policies, keeping what was typed and ticked', async () => {
      const typed = {
        editor: 'visual',
        name: 'Half typed',
        description: '',
        's0-effect': 'Deny',
        's0-action': 'apig:apis:get',
        's0-resource': `gateway:${south}`,
      };
      const box = (id: string) => `name="s0-resource" value="gateway:${id}"`;
      expect((await provider.get('/organization/policies/new?tag=zone%3Dsouth')).text)
        .to.contain(box(south))
        .and.not.contain(box(north));
      const filtered = (await provider.post('/organization/policies', { ...typed, tag: ['', 'zone=north'], press: 'tags' })).text;
      expect(filtered)
        .to.contain('value="Half typed"')
        .and.contain(box(north))
        .and.contain(`${box(south)} checked`)
        .and.not.contain('>Gateway Coast<');
      const wide = (await provider.post('/organization/policies', { ...typed, tag: 'zone=north', press: 'untag-zone=north' })).text;
      expect(wide).to.contain(box(north)).and.contain('>Gateway Coast<').and.not.contain('data-name="tags-chosen"');
      expect((await provider.post('/organization/policies', { ...typed, tag: 'zone=nowhere', press: 'tags' })).text).to.contain(
        'No gateway carries the tag zone&#x3D;nowhere.',
      );
    });

    it('where a new product chooses its group', async () => {
      const shown = (await provider.get('/products/new?tag=zone%3Dnorth')).text;
      expect(shown).to.contain('Glacier').and.not.contain('Desert');
      expect((await provider.get('/products/new?tag=team%3Dcoast')).text).to.contain('No gateway with these tags has a group.');
      expect((await provider.get('/products/new?tag=zone%3Dnowhere')).text).to.contain('No gateway carries the tag zone&#x3D;nowhere.');
    });
  });
});
