import { expect } from 'chai';
import fc from 'fast-check';
import { isHost, readTarget } from '../../../server/domain/target.ts';

const target = (raw: string) => {
  const reading = readTarget(raw, 'api.test:8080');
  return reading.fault === undefined ? reading.target : undefined;
};

describe('request targets', () => {
  it('keep path and query as sent when nothing is escaped', () => {
    expect(target('/l/a?b=c&d')).to.deep.equal({ path: '/l/a', segments: ['l', 'a'], query: 'b=c&d' });
    expect(target('/l/a/')).to.deep.include({ segments: ['l', 'a', ''], query: '' });
  });
  it('have one spelling: unreserved characters unescaped, escapes in upper case, segments in plain text', () => {
    expect(target('/l/%61dmin/%c3%a9%2B%40')).to.deep.equal({ path: '/l/admin/%C3%A9%2B%40', segments: ['l', 'admin', 'é+@'], query: '' });
  });
  it('are refused where two servers could read them differently', () => {
    for (const raw of [
      '/a/../b',
      '/a/./b',
      '/a/..',
      '/a//b',
      '//a',
      '/a/%2e%2e/b',
      '/a/%2E./b',
      '/a%2fb',
      '/a%2Fb',
      '/a%5cb',
      '/a\\b',
      '/a;x/b',
      '/a%3bb',
      '/..;/a',
      '/a%00b',
      '/a%0ab',
      '/a%252fb',
      '/a%252e',
      '/a%',
      '/a%zz',
      '/a%c0%ae',
      '/a#b',
      '/a b',
      '/a?b#c',
      'a',
      '*',
      '',
      'http://evil.test/a',
      'https://api.test:8080@evil.test/',
      '/\u00e9',
      '/a"b',
      '/a<b',
      '/a{b}',
    ])
      expect(readTarget(raw, 'api.test:8080'), raw).to.have.property('fault');
  });
  it('may hold escaped slashes where asked for: within their segment, in one spelling, and nothing that climbs', () => {
    const slashed = (raw: string) => {
      const reading = readTarget(raw, 'h', true);
      return reading.fault === undefined ? reading.target : undefined;
    };
    expect(slashed('/l/a%2fb%2Fc/%c3%A9')).to.deep.equal({ path: '/l/a%2Fb%2Fc/%C3%A9', segments: ['l', 'a%2Fb%2Fc', 'é'], query: '', slash: true });
    expect(slashed('/l/https:%2F%2Fh')?.segments).to.deep.equal(['l', 'https:%2F%2Fh']);
    expect(slashed('/l/a.%2F.b')?.segments).to.deep.equal(['l', 'a.%2F.b']);
    expect(slashed('/l/a')).to.deep.equal({ path: '/l/a', segments: ['l', 'a'], query: '' });
    for (const raw of [
      '/l/..%2fb',
      '/l/a%2f..',
      '/l/a%2F..%2Fb',
      '/l/.%2Fb',
      '/l/a%2F.',
      '/l/%2e%2e%2fb',
      '/l/a%2f%2e%2e',
      '/l/a%252fb',
      '/l/a%25%32fb',
      '/l/a%2f%5cb',
      '/l/a%2f\\b',
      '/l/a%2f%00',
      '/l/a%2f;b',
      '/l/a%c0%afb',
      '/l/a%2',
      '/l//a%2fb',
      '/l/%2f/../b',
    ])
      expect(readTarget(raw, 'h', true), raw).to.have.property('fault');
  });
  it('may be absolute if they name this host', () => {
    expect(target('http://API.test:8080/l/a?b')).to.deep.equal({ path: '/l/a', segments: ['l', 'a'], query: 'b' });
  });
  it('are read once: reading the result again changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const first = target(`/${text}`);
        return !first || JSON.stringify(target(first.query ? `${first.path}?${first.query}` : first.path)) === JSON.stringify(first);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.array(fc.constantFrom('/', '%', '2', 'e', 'f', '.', 'a', '%41', '%2F', '%25', '\\', ';', 'é'), { maxLength: 12 }), (parts) => {
        const first = target(`/${parts.join('')}`);
        return !first || JSON.stringify(target(first.path)) === JSON.stringify(first);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('hosts', () => {
  it('are a name or an address, and perhaps a port', () => {
    for (const host of ['api.test', 'api.test:80', '127.0.0.1:8080', '[::1]:80', 'a_b.c', 'localhost', 'api.test.']) expect(isHost(host), host).to.equal(true);
    for (const host of ['', 'a/b@c', 'a b', 'a@b', 'a:b', ':80', 'a..b/', '-a', 'a\u0000', '[::1', 'a,b']) expect(isHost(host), host).to.equal(false);
  });
});
