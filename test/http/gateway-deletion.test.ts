import { expect } from 'chai';
import { SYSTEM } from '../../server/domain/actor.ts';
import { ENGINES, parametersWorld, type ParametersWorld } from '../support/parameters-world.ts';
import { listedRoutes } from '../support/routes.ts';

describe('the deletion of a gateway over HTTP', function () {
  this.timeout(120_000);
  let world: ParametersWorld;
  let page: string;
  before(async () => {
    world = await parametersWorld();
    page = `/gateways/${world.gatewayId}/deletion`;
  });
  after(() => world.stop());
  const statuses = () => Promise.all(ENGINES.map(async (engine) => (await world.call(engine, '/open')).status));

  it('shows what goes, keeps what was typed beside the fault, and leaves everything as it is', async () => {
    const { provider } = world;
    const asked = await provider.get(page);
    expect(asked.status).to.equal(200);
    for (const row of ['Groups', 'APIs', 'Publications', 'Direct authorizations']) expect(asked.text).to.contain(`<th scope="row">${row}</th>`);
    const refused = await provider.post(page, { name: 'Mian' });
    expect(refused.status).to.equal(422);
    expect(refused.text).to.contain('value="Mian"').and.contain('Type the gateway’s name, Main');
    expect(await statuses()).to.deep.equal([200, 200]);
    expect((await provider.get(`/gateways/${world.gatewayId}/settings`)).text).to.contain(page);
  });

  it('answers calls with 404 on every gateway, and so all its pages but one, which shows how far it is and then that it is over', async () => {
    const { provider, portal } = world;
    const decided = await provider.post(page, { name: 'Main' });
    expect([decided.status, decided.location]).to.deep.equal([303, page]);
    while ((await statuses()).some((status) => status !== 404)) await new Promise((resolve) => setTimeout(resolve, 50));
    const running = await provider.get(page);
    expect([running.status, running.headers.get('refresh')]).to.deep.equal([200, '2']);
    expect(running.text).to.contain('Main is being deleted').and.contain('data-name="left"');
    expect((await provider.get('/gateways')).text).to.contain('is being deleted');
    const others = listedRoutes().filter(({ method, path }) => method === 'get' && /^\/gateways\/:id(\/[a-z]+)?$/.test(path) && !path.endsWith('/deletion'));
    expect(others.length).to.be.above(5);
    for (const { path } of others.filter(({ path: one }) => one !== '/gateways/:id'))
      expect((await provider.get(path.replace(':id', world.gatewayId))).status, path).to.equal(404);
    const again = await provider.post(page, { name: '' });
    expect([again.status, again.location]).to.deep.equal([303, page]);

    await portal.composition.services.catalog.deletion.carryOut(SYSTEM, world.gatewayId);
    const over = await provider.get(page);
    expect([over.status, over.headers.get('refresh')]).to.deep.equal([200, null]);
    expect(over.text).to.contain('Main is deleted').and.contain('Provider');
    expect((await provider.get('/organization/audit')).text)
      .to.contain('apig:instances:delete')
      .and.contain('Main');
    const stranger = await portal.member('Stranger');
    expect((await stranger.get(page)).status).to.equal(404);
  });
});
