import { expect } from 'chai';
import { entriesOf, finds, NETWORKS_MAX, networksFault, serviceNameOf, WHITELIST_MAX, whitelistFault } from '../../../server/domain/endpoint-rules.ts';

describe('the rules of private endpoints', () => {
  it('name a service after its gateway, as far as the name can stand in one', () => {
    expect(serviceNameOf('Main', 'gw_1')).to.equal('main.gw_1');
    expect(serviceNameOf('Karten für Europa', 'gw_1')).to.equal('karten-fur-europ.gw_1');
    expect(serviceNameOf('Maps for a large world', 'gw_1')).to.equal('maps-for-a-large.gw_1');
    expect(serviceNameOf('地図', 'gw_1')).to.equal('gateway.gw_1');
    for (const name of ['a'.repeat(64), 'abcdefghijklmno pq', '- _ -'])
      expect(serviceNameOf(name, 'gw_1'), name).to.match(/^[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?\.gw_1$/);
  });

  it('read entries by line and by comma, each once', () => expect(entriesOf(' a, b\n\nb\r\n ,c ')).to.deep.equal(['a', 'b', 'c']));

  it('take ids of organizations and *, and name what is none', () => {
    expect(whitelistFault([])).to.equal(undefined);
    expect(whitelistFault(['*', 'org_01m873yhvhb2k3jvqpas7m9921', 'org_platform'])).to.equal(undefined);
    for (const wrong of ['Atlas', 'org_', 'org_*', 'usr_1', 'org_1 org_2']) expect(whitelistFault(['org_1', wrong]), wrong).to.include(wrong);
    expect(whitelistFault(Array.from({ length: WHITELIST_MAX + 1 }, (_, n) => `org_${n}`))).to.include('At most');
  });

  it('take addresses, blocks and ranges, and name what is none', () => {
    expect(networksFault(['10.0.0.0/8', '192.0.2.1', '10.0.0.1-10.0.0.9', 'fd00::/8'])).to.equal(undefined);
    for (const wrong of ['10.0.0', '10.0.0.0/33', 'example.com', '10.0.0.9-10.0.0.1', 'fd00::1-10.0.0.1'])
      expect(networksFault(['10.0.0.0/8', wrong]), wrong).to.include(wrong);
    expect(networksFault(Array.from({ length: NETWORKS_MAX + 1 }, () => '10.0.0.1'))).to.include('At most');
  });

  it('let a service be found by those on its list and its own, while it is on', () => {
    const service = { on: true, organizationId: 'org_own', whitelist: ['org_a'] };
    expect(['org_own', 'org_a', 'org_b'].map((id) => finds(service, id))).to.deep.equal([true, true, false]);
    expect(finds({ ...service, whitelist: ['*'] }, 'org_b')).to.equal(true);
    expect(['org_own', 'org_a'].map((id) => finds({ ...service, on: false }, id))).to.deep.equal([false, false]);
    expect(finds(null, 'org_own')).to.equal(false);
  });
});
