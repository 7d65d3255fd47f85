import { expect } from 'chai';
import fc from 'fast-check';
import { BlockList } from 'node:net';
import { admits, compileAddresses, inRanges, isAddressEntry, isLoopback, isPrivateAddress, networkOf, parseAddress } from '../../../server/domain/address.ts';

const policy = (kind: 'PERMIT' | 'DENY', ...entries: string[]) => ({ kind, ranges: compileAddresses(entries) });

describe('address lists', () => {
  it('permits what is listed and nothing else, as address, block or range, IPv4 and IPv6', () => {
    const list = policy('PERMIT', '192.0.2.7', '10.0.0.0/8', '198.51.100.4-198.51.100.9', '2001:db8::/32');
    for (const inside of ['192.0.2.7', '10.255.1.1', '198.51.100.4', '198.51.100.9', '2001:db8:1::9', '::ffff:10.1.2.3'])
      expect(admits(list, inside), inside).to.equal(true);
    for (const outside of ['192.0.2.8', '11.0.0.0', '198.51.100.10', '2001:db9::', 'nonsense', '']) expect(admits(list, outside), outside).to.equal(false);
  });
  it('denies what is listed, and what is no address at all', () => {
    const list = policy('DENY', '10.0.0.0/8');
    expect(admits(list, '10.0.0.1')).to.equal(false);
    expect(admits(list, '9.255.255.255')).to.equal(true);
    expect(admits(list, 'gone')).to.equal(false);
  });
  it('refuses entries that parsers read differently', () => {
    for (const entry of ['0177.0.0.1', '10.0.0.0/33', '1.2.3', '10.0.0.9-10.0.0.1', '1.2.3.4-::1', 'fe80::1%eth0', '1::2::3', '::/129', '']) {
      expect(() => compileAddresses([entry]), entry).to.throw(RangeError);
      expect(isAddressEntry(entry), entry).to.equal(false);
    }
    for (const entry of ['192.0.2.7', ' 10.0.0.0/8 ', '198.51.100.4-198.51.100.9', '2001:db8::/32', '::ffff:10.1.2.3']) {
      expect(() => compileAddresses([entry]), entry).not.to.throw();
      expect(isAddressEntry(entry), entry).to.equal(true);
    }
  });
  it('agrees with BlockList on every address and every set of blocks', () => {
    const quad = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 }).map((parts) => parts.join('.'));
    const blocks = fc.array(fc.tuple(quad, fc.integer({ min: 1, max: 32 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(blocks, quad, (list, address) => {
        const reference = new BlockList();
        for (const [base, bits] of list) reference.addSubnet(base, bits);
        const value = parseAddress(address);
        return value !== null && inRanges(compileAddresses(list.map(([base, bits]) => `${base}/${bits}`)), value) === reference.check(address);
      }),
    );
  });
});

describe('private addresses', () => {
  it('are never a provider’s: loopback, link-local, private, shared, multicast, and IPv4 inside IPv6', () => {
    for (const address of [
      '127.0.0.1',
      '0.0.0.0',
      '10.1.1.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '::1',
      '::',
      '::ffff:7f00:1',
      '::ffff:127.0.0.1',
      '::127.0.0.1',
      'fc00::1',
      'fd12::1',
      'fe80::1',
      'ff02::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '::ffff:0:7f00:1',
      '4000::1',
      '1::1',
      'localhost',
      '',
    ])
      expect(isPrivateAddress(address), address).to.equal(true);
    for (const address of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::200e'])
      expect(isPrivateAddress(address), address).to.equal(false);
    expect(isLoopback('127.8.8.8') && isLoopback('::1') && isLoopback('::ffff:127.0.0.1') && !isLoopback('10.0.0.1')).to.equal(true);
  });
});

describe('clients that are counted', () => {
  it('are an IPv4 address, or the /64 of an IPv6 address, however it is written', () => {
    expect(networkOf('::ffff:192.0.2.1')).to.equal(networkOf('192.0.2.1'));
    expect(networkOf('192.0.2.1')).not.to.equal(networkOf('192.0.2.2'));
    expect(networkOf('2001:db8:0:1::1')).to.equal(networkOf('2001:DB8::1:ffff:0:0:9'));
    expect(networkOf('2001:db8:0:1::1')).not.to.equal(networkOf('2001:db8:0:2::1'));
    expect(networkOf('unknown')).to.equal('unknown');
  });
});
