import { expect } from 'chai';
import { sealConstant } from '../../../server/domain/backend-constants.ts';
import { makeConstantOpener } from '../../../server/gateway/constants.ts';
import { makeClientTlsOpener } from '../../../server/gateway/upstream/client-tls.ts';
import { compileTable } from '../../../server/gateway/table.ts';
import { definition, gatewayWorld, KEY_RING, snapshotOf } from '../../support/gateway-world.ts';

const sealed = (apiId: string, value: string) => ({
  name: 'X-Key',
  in: 'header' as const,
  secret: true,
  sealed: sealConstant(KEY_RING, apiId, { name: 'X-Key', in: 'header' }, value, Buffer.alloc(12, value.length)),
});

describe('sealed constants in the gateway', () => {
  /** How often keys were looked for: once for each ciphertext that is opened. */
  function countingRing() {
    const ring = [...KEY_RING];
    const counted = { opened: 0 };
    ring.find = function find(this: typeof ring, ...args: Parameters<typeof ring.find>) {
      counted.opened += 1;
      return Array.prototype.find.apply(this, args) as (typeof ring)[number] | undefined;
    } as typeof ring.find;
    return { ring, counted };
  }

  it('are opened once each, however often a thousand APIs are compiled again', () => {
    const many = Array.from({ length: 1_000 }, (_, index) =>
      definition('http://127.0.0.1:3201', 'GET', `/c/${index}`, { backendParameters: [sealed(`api_${index}`, `value ${index}`)] }),
    );
    const { ring, counted } = countingRing();
    const constants = makeConstantOpener(ring);
    for (let times = 0; times < 3; times += 1) compileTable(snapshotOf(many), KEY_RING, constants, makeClientTlsOpener(KEY_RING));
    expect(counted.opened).to.equal(1_000);
    const changed = many.with(7, definition('http://127.0.0.1:3201', 'GET', '/c/7', { backendParameters: [sealed('api_7', 'a new value')] }));
    compileTable(snapshotOf(changed), KEY_RING, constants, makeClientTlsOpener(KEY_RING));
    expect(counted.opened).to.equal(1_001);
    // What no compilation asks for is forgotten: an emptied snapshot leaves nothing in memory.
    for (let times = 0; times < 2; times += 1) compileTable(snapshotOf([]), KEY_RING, constants, makeClientTlsOpener(KEY_RING));
    compileTable(snapshotOf(many), KEY_RING, constants, makeClientTlsOpener(KEY_RING));
    expect(counted.opened).to.equal(2_001);
  });

  it('reach the provider in clear; one that cannot be opened stops the call before it leaves (gateway-fault)', async () => {
    const world = await gatewayWorld({
      apis: (origin) => [
        definition(origin, 'GET', '/whole', { backendParameters: [sealed('api_0', 'opened for the provider')] }),
        definition(origin, 'GET', '/broken', { backendParameters: [sealed('api_of_somebody_else', 'never opened')] }),
      ],
    });
    try {
      expect((await world.call('/demo/whole')).status).to.equal(200);
      expect(world.upstream.seen[0]?.headers['x-key']).to.equal('opened for the provider');
      const broken = await world.call('/demo/broken');
      expect([broken.status, ((await broken.json()) as { error_code: string }).error_code]).to.deep.equal([500, 'APIG.0601']);
      expect(world.upstream.seen).to.have.length(1);
    } finally {
      await world.close();
    }
  });
});
