import { expect } from 'chai';
import fc from 'fast-check';
import type { BackendPlace } from '../../../server/domain/api.ts';
import { isSecret, looksLikeCredential, openConstant, placeKey, sealConstant } from '../../../server/domain/backend-constants.ts';

const key = (fill: number) => Buffer.alloc(32, fill);
const RING = [{ id: 'k1', key: key(1) }];
const HEADER: BackendPlace = { name: 'X-Key', in: 'header' };

describe('constants of a backend', () => {
  it('are taken for secret by names under which credentials travel', () => {
    for (const name of [
      'Authorization',
      'X-Api-Key',
      'apikey',
      'api_key',
      'X-Auth-Token',
      'access_token',
      'Cookie',
      'client_secret',
      'sig',
      'key',
      'X-Key',
      'PWD',
    ])
      expect(looksLikeCredential(name), name).to.equal(true);
    for (const name of ['X-Region', 'version', 'Accept-Language', 'monkey', 'X-Keyboard', 'design', 'passenger', 'format'])
      expect(looksLikeCredential(name), name).to.equal(false);
    expect([isSecret({ name: 'X-Key', secret: false }), isSecret({ name: 'X-Region', secret: true }), isSecret({ name: 'X-Key' })]).to.deep.equal([
      false,
      true,
      true,
    ]);
  });

  it('open again whatever they hold, and only where they belong: API, place, name, key', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ minLength: 12, maxLength: 12 }), (value, iv) => {
        const sealed = sealConstant(RING, 'api_1', HEADER, value, Buffer.from(iv));
        expect(openConstant(RING, 'api_1', { ...HEADER, sealed })).to.equal(value);
        for (const [apiId, place] of [
          ['api_2', HEADER],
          ['api_1', { ...HEADER, in: 'query' as const }],
          ['api_1', { ...HEADER, name: 'X-Other' }],
        ] as const)
          expect(openConstant(RING, apiId, { ...place, sealed })).to.equal(null);
        expect(openConstant([{ id: 'k1', key: key(2) }], 'api_1', { ...HEADER, sealed })).to.equal(null);
        expect(openConstant([{ id: 'k2', key: key(2) }, ...RING], 'api_1', { ...HEADER, sealed })).to.equal(value);
      }),
    );
  });

  it('of headers are one by their name, whatever its case', () => {
    expect(placeKey({ name: 'X-Key', in: 'header' })).to.equal(placeKey({ name: 'x-key', in: 'header' }));
    expect(placeKey({ name: 'key', in: 'query' })).to.not.equal(placeKey({ name: 'Key', in: 'query' }));
  });
});
