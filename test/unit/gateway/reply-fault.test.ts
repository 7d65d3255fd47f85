import { expect } from 'chai';
import { definition, gatewayWorld, type World } from '../../support/gateway-world.ts';

describe('a fault inside the gateway', () => {
  let world: World;
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [definition(origin, 'GET', '/hello')],
      limits: {
        take: () => {
          throw new TypeError('a secret of the house');
        },
        settle: () => undefined,
        standing: () => null,
        view: () => Promise.resolve({ quota: null, rate: null }),
      },
    });
  });
  after(() => world.close());

  it('is gateway-fault: 500 with the request id and nothing else, and forwards nothing', async () => {
    const answer = await world.call('/demo/hello');
    const body = (await answer.json()) as { error_code: string; error_msg: string; request_id: string };
    expect([answer.status, body.error_code, body.request_id]).to.deep.equal([500, 'APIG.0601', answer.headers.get('x-request-id')]);
    expect(JSON.stringify(body)).to.not.include('secret');
    expect(world.upstream.seen).to.have.length(0);
  });
});
