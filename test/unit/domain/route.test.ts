import { expect } from 'chai';
import fc from 'fast-check';
import type { Frontend } from '../../../server/domain/api.ts';
import { compileRoutes, matchRoute, parsePath, writtenParams } from '../../../server/domain/route.ts';
import { readTarget } from '../../../server/domain/target.ts';

const route = (method: Frontend['method'], path: string, match: Frontend['match'] = 'exact') => ({
  frontend: { method, path, match },
  value: `${method} ${path}`,
});
const ask = (routes: ReturnType<typeof route>[], method: string, path: string) => {
  const reading = readTarget(path, 'h');
  if (reading.fault !== undefined) throw new Error(reading.fault);
  return matchRoute(compileRoutes(routes), method, reading.target.segments);
};
const winner = (routes: ReturnType<typeof route>[], method: string, path: string) => ask(routes, method, path)?.value ?? null;

describe('routes', () => {
  const routes = [
    route('GET', '/'),
    route('GET', '/a'),
    route('GET', '/a/'),
    route('POST', '/a'),
    route('GET', '/a/{id}'),
    route('GET', '/a/{id}/b'),
    route('GET', '/a/fixed'),
    route('GET', '/files/{path+}'),
    route('ANY', '/p', 'prefix'),
    route('GET', '/p/deep', 'prefix'),
    route('GET', '/below/', 'prefix'),
    route('GET', '/{x}/b/c', 'prefix'),
    route('GET', '/q', 'prefix'),
  ];
  it('are exact by whole path, case and final slash', () => {
    expect(winner(routes, 'GET', '/a')).to.equal('GET /a');
    expect(winner(routes, 'GET', '/a/')).to.equal('GET /a/');
    expect(winner(routes, 'GET', '/A')).to.equal(null);
    expect(winner(routes, 'GET', '/ab')).to.equal(null);
    expect(winner(routes, 'GET', '/')).to.equal('GET /');
  });
  it('prefer a literal segment to {param}, and backtrack where the literal leads nowhere', () => {
    expect(winner(routes, 'GET', '/a/fixed')).to.equal('GET /a/fixed');
    expect(winner(routes, 'GET', '/a/fixed/b')).to.equal('GET /a/{id}/b');
    expect(ask(routes, 'GET', '/a/x%20y')?.params).to.deep.equal({ id: 'x y' });
  });
  it('take the method into account before the kind of match', () => {
    expect(winner(routes, 'POST', '/a')).to.equal('POST /a');
    expect(winner(routes, 'DELETE', '/a')).to.equal(null);
    expect(winner([route('GET', '/p/x'), route('ANY', '/p', 'prefix')], 'DELETE', '/p/x')).to.equal('ANY /p');
  });
  it('let {param+} take one segment or more, and {param} exactly one that is not empty', () => {
    expect(ask(routes, 'GET', '/files/a/b')?.params).to.deep.equal({ path: 'a/b' });
    expect(winner(routes, 'GET', '/files/')).to.equal(null);
    expect(matchRoute(compileRoutes([route('GET', '/a/{id}/b')]), 'GET', ['a', '', 'b'])).to.equal(null);
  });
  it('let exact beat prefix and the longest prefix win, by whole segments', () => {
    expect(winner(routes, 'GET', '/p/deep/er')).to.equal('GET /p/deep');
    expect(winner(routes, 'GET', '/p/deeper')).to.equal('ANY /p');
    expect(winner(routes, 'PUT', '/p')).to.equal('ANY /p');
    expect(winner(routes, 'GET', '/q/b/c/d')).to.equal('GET /{x}/b/c');
    expect(ask(routes, 'GET', '/p/x/y')?.taken).to.equal(1);
  });
  it('let a prefix that ends in / take only what lies below', () => {
    expect(winner(routes, 'GET', '/below')).to.equal(null);
    expect(winner(routes, 'GET', '/below/')).to.equal('GET /below/');
    expect(winner(routes, 'GET', '/below/x')).to.equal('GET /below/');
    expect(winner([route('ANY', '/', 'prefix')], 'GET', '/any/thing')).to.equal('ANY /');
  });
  it('refuse paths that could not be matched whole', () => {
    for (const path of ['a', '/a/{b', '/{a}x', '/{a+}/b', '/{a}/{a}', '/a//b', '/../a', '/a?b', '/a;b', '/%zz'])
      expect(() => parsePath(path), path).to.throw(RangeError);
  });
  it('find every path they were made from', () => {
    const segment = fc.constantFrom('a', 'b', 'c', '{x}', '{y}');
    const path = fc
      .array(segment, { minLength: 1, maxLength: 4 })
      .map((parts) => `/${parts.map((part, i) => (part.startsWith('{') ? `{p${i}}` : part)).join('/')}`);
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 20 }), (paths) =>
        paths.every(
          (each) =>
            winner(
              paths.map((one) => route('GET', one)),
              'GET',
              each.replace(/\{[^}]+\}/g, 'zzz'),
            ) !== null,
        ),
      ),
    );
  });
});

describe('routes and escaped slashes', () => {
  const find = (routes: ReturnType<typeof route>[], path: string) => {
    const reading = readTarget(path, 'h', true);
    if (reading.fault !== undefined) throw new Error(reading.fault);
    const { target } = reading;
    const match = matchRoute(compileRoutes(routes), 'GET', target.segments);
    return match && { ...match, written: writtenParams(target.path, match) };
  };

  it('keep one segment one segment: neither reads as the other', () => {
    const routes = [route('GET', '/a/b'), route('GET', '/c%2Fd'), route('GET', '/{one}/x')];
    expect(find(routes, '/a%2Fb')).to.equal(null);
    expect(find(routes, '/a/b')?.value).to.equal('GET /a/b');
    expect(find(routes, '/c%2fd')?.value).to.equal('GET /c%2Fd');
    expect(find(routes, '/c/d')).to.equal(null);
    expect(find(routes, '/a%2Fb/x')).to.deep.include({ value: 'GET /{one}/x', params: { one: 'a%2Fb' } });
    expect(find(routes, '/a%2Fb%2Fx')).to.equal(null);
  });
  it('are written as they came, also over several segments', () => {
    const routes = [route('GET', '/f/{name}/v/{rest+}'), route('GET', '/g/{one}/{two}')];
    expect(find(routes, '/f/a%2Fb%2C/v/x%2Fy/z%40')?.written).to.deep.equal({ name: 'a%2Fb%2C', rest: 'x%2Fy/z%40' });
    expect(find(routes, '/g/1%2F2/%c3%a9')).to.deep.include({ params: { one: '1%2F2', two: 'é' }, written: { one: '1%2F2', two: '%C3%A9' } });
  });
});
