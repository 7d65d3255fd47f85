import { expect } from 'chai';
import { definition, gatewayWorld, type World } from '../support/gateway-world.ts';

describe('a gateway under maintenance', () => {
  let world: World;
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [
        definition(origin, 'GET', '/a'),
        definition(origin, 'GET', '/open', { security: 'NONE' }),
        definition(origin, 'GET', '/cors', { cors: true }),
      ],
    });
  });
  after(() => world.close());
  const maintained = (maintenance: boolean) =>
    world.snapshots.change({ ...world.first, gateways: world.first.gateways.map((gateway) => ({ ...gateway, maintenance })) });

  it('answers 503 with APIG.0703 and Retry-After, asks nobody who they are, counts and forwards nothing', async () => {
    maintained(true);
    for (const [path, init] of [
      ['/demo/a', {}],
      ['/demo/open', {}],
      ['/demo/a', { headers: { 'X-Apig-AppCode': 'wrong' } }],
    ] as const) {
      const answer = await world.call(path, init);
      const { error_code: code } = (await answer.json()) as { error_code: string };
      expect([answer.status, code, answer.headers.get('retry-after')], path).to.deep.equal([503, 'APIG.0703', '60']);
    }
    expect(world.upstream.seen).to.have.length(0);
    expect(world.taken).to.have.length(0);
    expect(world.records.every(({ subscriptionId }) => !subscriptionId)).to.equal(true);
  });
  it('still says that an address does not exist, and answers a preflight', async () => {
    maintained(true);
    expect((await world.call('/demo/nowhere')).status).to.equal(404);
    const preflight = { method: 'OPTIONS', headers: { Origin: 'https://shop.example', 'Access-Control-Request-Method': 'GET' } };
    expect((await world.call('/demo/cors', preflight)).status).to.equal(204);
  });
  it('serves again once it is over', async () => {
    maintained(true);
    maintained(false);
    expect((await world.call('/demo/a')).status).to.equal(200);
  });
});
