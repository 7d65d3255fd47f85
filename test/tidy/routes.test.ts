import { expect } from 'chai';
import { ACTIONS } from '../../server/domain/actions.ts';
import { apiV1Routes } from '../../server/web/api-v1/router.ts';
import { sandboxRoutes } from '../../server/web/routes/sandbox.ts';
import { webhookRoutes } from '../../server/web/routes/webhooks.ts';
import { anything, layers, portalRouters } from '../support/routes.ts';

describe('tidy: rights', () => {
  const routers = [
    ...portalRouters(),
    apiV1Routes(anything as Parameters<typeof apiV1Routes>[0]),
    sandboxRoutes(anything as Parameters<typeof sandboxRoutes>[0], 'http://127.0.0.1:3100'),
    webhookRoutes(anything as Parameters<typeof webhookRoutes>[0]),
  ];
  const routes = routers.flatMap(layers).flatMap(({ route }) => (route ? [route] : []));

  it('declares exactly one action of the catalogue, or `public`, on every route', () => {
    const known = new Set<string>([...ACTIONS, 'public']);
    const faults = routes.flatMap(({ path, stack }) => {
      const methods = new Set(stack.map(({ method }) => method));
      return [...methods].flatMap((method) => {
        const actions = stack.filter((layer) => layer.method === method).flatMap(({ handle }) => (handle.action === undefined ? [] : [handle.action]));
        return actions.length === 1 && known.has(actions[0] ?? '') ? [] : [`${method} ${path}: ${actions.join(', ') || 'no action'}`];
      });
    });
    expect(routes.length).to.be.greaterThan(80);
    expect(faults).to.deep.equal([]);
  });

  it('asks before anything else is done', () => {
    const late = routes.filter(({ stack }) => stack[0] !== undefined && stack[0].handle.action === undefined).map(({ path }) => path);
    expect(late).to.deep.equal([]);
  });

  it('opens no route that changes something of an organization to everybody', () => {
    const open = routes.filter(({ stack }) => stack.some(({ handle, method }) => handle.action === 'public' && method === 'post')).map(({ path }) => path);
    expect(open.sort()).to.deep.equal([
      '/password-reset',
      '/password-reset/:token',
      '/recovery/:token',
      '/recovery/:token/refusal',
      '/sandbox/clock',
      '/sign-in',
      '/sign-in/code',
      '/sign-in/passkey',
      '/sign-in/passkey/challenge',
      '/sign-in/recovery',
      '/sign-in/sso',
      '/sign-out',
      '/sign-up',
      '/theme',
      '/verify/:token',
      '/webhooks/stripe',
    ]);
  });
});
