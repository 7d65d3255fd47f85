import { expect } from 'chai';
import { editionFault, gatewayMatches, gatewayNameFault, tagsFault, WINDOW_STARTS, windowWords } from '../../../server/domain/gateway-rules.ts';

describe('the rules of a gateway', () => {
  it('take names of 3 to 64 characters that begin with a letter', () => {
    for (const name of ['Main', 'abc', 'a-b_c', 'Team 2', 'Münster', 'a'.repeat(64)]) expect(gatewayNameFault(name), name).to.equal(undefined);
    for (const name of ['', 'ab', '1st', '-abc', ' abc', 'a/b', 'a<b>', 'a'.repeat(65)]) expect(gatewayNameFault(name), name).to.be.a('string');
  });
  it('let an edition be raised or kept, never lowered, and say why', () => {
    expect(editionFault('basic', 'basic', 300)).to.equal(undefined);
    expect(editionFault('basic', 'platinum', 0)).to.equal(undefined);
    expect(editionFault('enterprise', 'professional', 1_234))
      .to.contain('6,000 calls a second and 2,000 APIs, of which 1,234 are used')
      .and.contain('800');
  });
  it('take 20 tags with keys of their own, 1 to 128 long and not reserved, and values up to 255', () => {
    const tag = (key: string, value = '') => ({ key, value });
    const twenty = Array.from({ length: 20 }, (_, index) => tag(`k${index}`));
    expect(tagsFault(twenty)).to.equal(undefined);
    expect(tagsFault([tag('k'.repeat(128), 'v'.repeat(255))])).to.equal(undefined);
    for (const [tags, word] of [
      [[...twenty, tag('one more')], 'at most 20'],
      [[tag('', 'lonely')], 'needs a key'],
      [[tag('k'.repeat(129))], '128'],
      [[tag('_sys_owner')], 'reserved'],
      [[tag('k', 'v'.repeat(256))], '255'],
      [[tag('team', 'a'), tag('team', 'b')], 'twice'],
    ] as const)
      expect(tagsFault(tags)).to.contain(word);
  });
  it('name each window of four hours in UTC', () => {
    expect(WINDOW_STARTS.map(windowWords)).to.deep.equal([
      '02:00 to 06:00 UTC',
      '06:00 to 10:00 UTC',
      '10:00 to 14:00 UTC',
      '14:00 to 18:00 UTC',
      '18:00 to 22:00 UTC',
      '22:00 to 02:00 UTC',
    ]);
  });
  it('find a gateway by words of its name and its tags, all of them', () => {
    const gateway = { name: 'Main', tags: [{ key: 'team', value: 'Maps' }] };
    for (const asked of ['', 'main', 'team=maps', 'MAPS main', 'team']) expect(gatewayMatches(gateway, asked), asked).to.equal(true);
    for (const asked of ['team=mapsy', 'main other']) expect(gatewayMatches(gateway, asked), asked).to.equal(false);
  });
});
