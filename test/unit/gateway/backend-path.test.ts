import { expect } from 'chai';
import type { ApiDefinition } from '../../../server/domain/api.ts';
import { backendPath, compileBackend } from '../../../server/gateway/upstream/backend.ts';
import { definition } from '../../support/gateway-world.ts';

const compiled = (path: string, change: Partial<ApiDefinition['frontend']> = {}) =>
  compileBackend(
    definition('https://api.example.com', 'GET', '/a/{rest+}', {
      frontend: { method: 'GET', path: '/a/{rest+}', match: 'exact', ...change },
      backend: { path },
    }),
    [],
  );

describe('backendPath', () => {
  it('puts one slash behind a rest that ends with one and stands in the middle, and keeps it at the end', () => {
    for (const [path, rest, written, expected] of [
      ['/x/{rest}/tail', 'b/c/', false, '/x/b/c/tail'],
      ['/x/{rest}/tail', 'b/c/', true, '/x/b/c/tail'],
      ['/x/{rest}/tail', 'b/c', false, '/x/b/c/tail'],
      ['/x/{rest}/', 'b/', false, '/x/b/'],
      ['/x/{rest+}', 'b/c/', false, '/x/b/c/'],
      ['/x/{rest+}', 'b c/', false, '/x/b%20c/'],
    ] as const)
      expect(backendPath(compiled(path), `/a/${rest}`, { rest }, 3, false, written), `${path} ${rest}`).to.equal(expected);
  });
});
