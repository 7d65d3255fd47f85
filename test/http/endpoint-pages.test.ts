import { expect } from 'chai';
import { startPortal, type Member, type Portal } from '../support/portal.ts';

const ADDRESS = '127.0.0.2:9000';

describe('the pages of private connections', function () {
  this.timeout(120_000);
  let portal: Portal;
  let owner: Member;
  let asking: Member;
  let gatewayId: string;
  let name: string;
  before(async () => {
    portal = await startPortal({ GATEWAY_PRIVATE_LISTEN: ADDRESS });
    owner = await portal.member('Atlas');
    asking = await portal.member('Harbor');
    const made = await owner.post('/gateways', { name: 'Maps of Europe', description: '', edition: 'basic', windowStart: '2' });
    gatewayId = /gw_[0-9a-z]{26}/.exec(made.location ?? '')?.[0] ?? '';
    name = `maps-of-europe.${gatewayId}`;
  });
  after(() => portal.stop());

  const page = () => owner.get(`/gateways/${gatewayId}/endpoints`);
  const save = (fields: Readonly<Record<string, string>>) => owner.post(`/gateways/${gatewayId}/endpoints`, { state: 'on', acceptance: 'hand', ...fields });
  const ask = (fields: Readonly<Record<string, string>> = {}) => asking.post('/connections', { name, networks: '', message: '', ...fields });
  const connections = async () => portal.composition.store.endpoints.connectionsOfGateway(gatewayId);
  const decide = (id: string, verb: string, fields: Readonly<Record<string, string>> = {}) =>
    owner.post(`/gateways/${gatewayId}/endpoints/connections/${id}/${verb}`, fields);

  it('say what there is to do first, on either side', async () => {
    expect((await page()).text)
      .to.contain('gets its name when you save it')
      .and.contain('1 of 1 private address of this marketplace is free');
    expect((await asking.get('/connections')).text)
      .to.contain('has no private connection')
      .and.contain(asking.organizationId);
  });

  it('keep what was typed and put the fault beside it; refuse a page that is out of date', async () => {
    const wrong = await save({ whitelist: 'org_1\nAtlas Data', rev: '0' });
    expect([wrong.status, wrong.text.includes('Atlas Data is no id of an organization')]).to.deep.equal([422, true]);
    expect(wrong.text).to.match(/org_1\s+Atlas Data<\/textarea>/);
    expect((await save({ whitelist: asking.organizationId, rev: '0' })).status).to.equal(303);
    expect((await page()).text).to.contain(name);
    for (const rev of ['0', '7']) expect((await save({ whitelist: '*', rev })).status, rev).to.equal(409);
    expect((await portal.composition.store.endpoints.service(gatewayId))?.whitelist).to.deep.equal([asking.organizationId]);
    const refused = await ask({ networks: '10.0.0.0/8\nsomewhere', message: 'hello' });
    expect([refused.status, refused.text.includes('somewhere is no address')]).to.deep.equal([422, true]);
    expect(refused.text).to.contain(`value="${name}"`).and.contain('value="hello"');
    const unknown = await ask({ name: 'maps-of-europe.gw_none' });
    expect([unknown.status, unknown.text.includes('letter by letter')]).to.deep.equal([422, true]);
  });

  it('show a request to both, with what it says as text, and lead from accepting to ending', async () => {
    expect((await ask({ message: '<script>alert(1)</script>', networks: '10.20.0.0/16, 10.30.0.1' })).status).to.equal(303);
    const seen = (await page()).text;
    expect(seen).to.contain('Harbor &amp; Co').and.contain('&lt;script&gt;').and.contain('10.20.0.0/16, 10.30.0.1').and.contain('Requested');
    expect(seen).not.to.contain('<script>alert');
    const [{ _id = '' } = {}] = await connections();
    expect((await decide(_id, 'acceptance')).status).to.equal(303);
    expect((await page()).text)
      .to.contain(`has the address ${ADDRESS}`)
      .and.contain(`http://${ADDRESS}`);
    expect((await asking.get('/connections')).text)
      .to.contain(`http://${ADDRESS}`)
      .and.contain('Accepted');
    await decide(_id, 'acceptance');
    expect((await page()).text).to.contain('This connection is accepted already.');
    await decide(_id, 'disconnection', { reason: 'Contract ended' });
    const ended = (await asking.get('/connections')).text;
    expect(ended).to.contain('Disconnected').and.contain('Contract ended').and.not.contain(`http://${ADDRESS}`);
  });

  it('ask who may: a request nobody else sees, withdrawn by who asked, decided by who owns', async () => {
    await ask();
    const id = (await connections()).find(({ live }) => live)?._id ?? '';
    expect((await asking.post(`/gateways/${gatewayId}/endpoints/connections/${id}/acceptance`, {})).status).to.equal(404);
    expect((await owner.post(`/connections/${id}/cancellation`, {})).status).to.equal(404);
    expect((await owner.get('/connections')).text)
      .to.contain('has no private connection')
      .and.not.contain('Harbor');
    expect((await asking.post(`/connections/${id}/cancellation`, {})).status).to.equal(303);
    expect((await connections()).filter(({ live }) => live)).to.deep.equal([]);
  });

  it('bound what an organization may ask in a day (too-many-attempts)', async () => {
    let status = 303;
    for (let asked = 0; status === 303 && asked < 25; asked += 1) {
      status = (await ask()).status;
      const id = (await connections()).find(({ live }) => live)?._id;
      if (id) await asking.post(`/connections/${id}/cancellation`, {});
    }
    expect(status).to.equal(429);
    expect(await connections()).to.have.length(20);
  });

  it('ask before the public listener is closed, say so everywhere, and open it again', async () => {
    expect((await owner.get(`/gateways/${gatewayId}/public-listener`)).text)
      .to.contain('Close the public listener?')
      .and.contain('Live subscriptions');
    expect((await owner.post(`/gateways/${gatewayId}/public-listener`, { listener: 'off' })).status).to.equal(303);
    for (const path of [`/gateways/${gatewayId}/endpoints`, `/gateways/${gatewayId}/groups`, `/gateways/${gatewayId}/settings`])
      expect((await owner.get(path)).text, path).to.contain('public listener does not serve this gateway');
    expect((await owner.get('/gateways')).text).to.contain('Private only');
    expect((await owner.get(`/gateways/${gatewayId}/public-listener`)).text).to.contain('Open the public listener?');
    await owner.post(`/gateways/${gatewayId}/public-listener`, { listener: 'on' });
    expect((await portal.composition.store.gateways.gateway(gatewayId))?.privateOnly).to.equal(false);
  });
});
