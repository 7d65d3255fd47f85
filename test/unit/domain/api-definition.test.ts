import { expect } from 'chai';
import fc from 'fast-check';
import type { ApiDefinition, Frontend } from '../../../server/domain/api.ts';
import { checkDefinition, isOfType, routeKey } from '../../../server/domain/api-definition.ts';
import { compileRoutes, matchRoute } from '../../../server/domain/route.ts';
import { definition } from '../../support/catalog-world.ts';

const ALLOW = new Set(['127.0.0.1:3201']);
const faults = (change: Partial<ApiDefinition>) => checkDefinition(definition('/countries', change), ALLOW);
const frontend = (path: string, more: Partial<Frontend> = {}): Frontend => ({ method: 'GET', path, match: 'exact', ...more });
const backend = (change: Record<string, unknown>) => ({ ...definition().backend, ...change }) as ApiDefinition['backend'];

describe('checkDefinition', () => {
  it('has nothing to say about a good definition', () => {
    expect(faults({})).to.deep.equal({});
    expect(faults({ backend: { kind: 'mock', status: 200, headers: [['X-Made', 'here']], body: '{}' } })).to.deep.equal({});
  });

  it('names each fault by its field, all at once', () => {
    const found = faults({
      name: ' ',
      summary: 'x'.repeat(256),
      tags: Array(11).fill('t'),
      frontend: frontend('/a/{b}/{b}'),
      security: 'NONE',
      appCode: true,
      backend: backend({ origin: 'https://user:pass@example.com', path: 'no-slash', timeoutMs: 0, retries: 9 }),
    });
    expect(Object.keys(found).sort()).to.deep.equal(['appCode', 'backendPath', 'name', 'origin', 'path', 'retries', 'summary', 'tags', 'timeoutMs']);
  });

  it('refuses upstreams inside private networks, on other ports, by other schemes', () => {
    for (const origin of [
      'http://10.0.0.1',
      'http://localhost:3201',
      'http://[::1]',
      'http://2130706433',
      'ftp://example.com',
      'https://example.com:22',
      'https://example.com/path',
      'https://example.com?x',
      'http://intranet',
      'http://127.0.0.1:3202',
    ]) {
      expect(faults({ backend: backend({ origin }) }), origin).to.have.key('origin');
    }
  });

  it('refuses parameters that contradict the path, themselves or the gateway', () => {
    const parameter = { name: 'x', in: 'query' as const, required: false, type: 'string' as const, description: '' };
    const list = [
      { ...parameter, in: 'path' as const, name: 'ghost' },
      { ...parameter, in: 'header' as const, name: 'X-Apig-AppCode' },
      { ...parameter, in: 'header' as const, name: 'a b' },
      parameter,
      parameter,
      { ...parameter, name: 'n', type: 'integer' as const, enum: ['one'] },
      { ...parameter, name: 'm', type: 'integer' as const, minimum: 5, maximum: 1 },
      { ...parameter, name: 'd', enum: ['a'], default: 'b' },
      { ...parameter, name: 'l', minLength: 3, maxLength: 1 },
    ];
    expect(Object.keys(faults({ parameters: list })).sort()).to.deep.equal([
      'parameters.0.name',
      'parameters.1.name',
      'parameters.2.name',
      'parameters.4.name',
      'parameters.5.enum',
      'parameters.6.minimum',
      'parameters.7.default',
      'parameters.8.minLength',
    ]);
  });

  it('lets a hidden value travel as Authorization, and nothing end its line', () => {
    expect(faults({ backendParameters: [{ name: 'Authorization', in: 'header', value: 'Bearer x' }] })).to.deep.equal({});
    expect(faults({ backendParameters: [{ name: 'X-Key', in: 'header', value: 'a\r\nHost: evil' }] })).to.have.key('backendParameters.0.value');
    expect(faults({ backendParameters: [{ name: 'Host', in: 'header', value: 'evil' }] })).to.have.key('backendParameters.0.name');
    expect(faults({ backend: { kind: 'mock', status: 200, headers: [['Set-Cookie\r\n', 'x']], body: '' } })).to.have.key('mockHeaders');
  });

  it('wants the backend’s path to know the names it uses', () => {
    expect(faults({ frontend: frontend('/a/{id}'), backend: backend({ path: '/b/{id}' }) })).to.deep.equal({});
    expect(faults({ frontend: frontend('/a/{id}'), backend: backend({ path: '/b/{other}' }) })).to.have.key('backendPath');
    expect(faults({ backend: backend({ path: '/b/../c' }) })).to.have.key('backendPath');
    expect(faults({ backend: backend({ path: '/b?x=1' }) })).to.have.key('backendPath');
  });
});

describe('routeKey', () => {
  it('is the same for paths that differ by their names only', () => {
    expect(routeKey(frontend('/a/{x}'))).to.equal(routeKey(frontend('/a/{y}')));
    expect(routeKey(frontend('/a/{x}'))).to.not.equal(routeKey(frontend('/a/{x+}')));
    expect(routeKey(frontend('/a'))).to.not.equal(routeKey(frontend('/a/')));
    expect(routeKey(frontend('/A'))).to.not.equal(routeKey(frontend('/a')));
    expect(routeKey(frontend('/a', { match: 'prefix' }))).to.not.equal(routeKey(frontend('/a')));
    expect(routeKey(frontend('/a%2Db'))).to.equal(routeKey(frontend('/a-b')));
  });

  it('tells apart exactly the routes that the gateway tells apart', () => {
    const segment = fc.constantFrom('a', 'b', '{x}', '{y}');
    const path = fc
      .array(segment, { minLength: 1, maxLength: 3 })
      .map((parts) => `/${parts.map((part, i) => (part.startsWith('{') ? `{p${i}${part[1] ?? ''}}` : part)).join('/')}`);
    fc.assert(
      fc.property(path, path, (one, other) => {
        const router = compileRoutes([
          { frontend: frontend(one), value: 1 },
          { frontend: frontend(other), value: 2 },
        ]);
        const reached = matchRoute(
          router,
          'GET',
          other
            .slice(1)
            .split('/')
            .map((part) => (part.startsWith('{') ? 'zzz' : part)),
        )?.value;
        // The second is shadowed by the first exactly when their keys are equal, or by a more literal one that a value cannot meet here.
        return routeKey(frontend(one)) === routeKey(frontend(other)) ? reached === 1 : reached === 2;
      }),
    );
  });
});

describe('isOfType', () => {
  it('takes numbers in their plain spelling only', () => {
    for (const text of ['0', '-1', '42']) expect(isOfType(text, 'integer'), text).to.equal(true);
    for (const text of ['', ' 1', '1.0', '01', '1e3', '0x1', '+1', '९', '9'.repeat(30)]) expect(isOfType(text, 'integer'), text).to.equal(false);
    for (const text of ['0.5', '-1e3', '10']) expect(isOfType(text, 'number'), text).to.equal(true);
    for (const text of ['NaN', 'Infinity', '.5', '1.', '1e400']) expect(isOfType(text, 'number'), text).to.equal(false);
  });
});
