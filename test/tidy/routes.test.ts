import { expect } from 'chai';
import type { Router } from 'express';
import { ACTIONS } from '../../server/domain/rights.ts';
import { portalRoutes, type PortalParts } from '../../server/web/routes/index.ts';
import { sandboxRoutes } from '../../server/web/routes/sandbox.ts';
import { webhookRoutes } from '../../server/web/routes/webhooks.ts';

/** Stands for every service: routes are only listed here, never run. */
const anything: unknown = new Proxy(() => anything, { get: (_, name) => (name === Symbol.toPrimitive ? () => '' : anything) });

interface Layer {
  readonly route?: { readonly path: string; readonly stack: readonly { readonly method: string; readonly handle: { readonly action?: string } }[] };
}

const layers = (router: Router) => (router as unknown as { stack: Layer[] }).stack;

describe('tidy: rights', () => {
  const addresses = { webUrl: 'http://localhost:3000', gatewayUrl: 'http://127.0.0.1:8080' };
  const routers = [
    ...portalRoutes({ addresses, services: anything, passport: anything, attempts: anything } as unknown as PortalParts),
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
      '/sandbox/clock',
      '/sign-in',
      '/sign-out',
      '/sign-up',
      '/theme',
      '/verify/:token',
      '/webhooks/stripe',
    ]);
  });
});
