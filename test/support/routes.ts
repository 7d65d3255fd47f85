import type { Router } from 'express';
import { portalRoutes, type PortalParts } from '../../server/web/routes/index.ts';

/** Stands for every service: routes are only listed here, never run. */
export const anything: unknown = new Proxy(() => anything, { get: (_, name) => (name === Symbol.toPrimitive ? () => '' : anything) });

export interface Layer {
  readonly route?: { readonly path: string; readonly stack: readonly { readonly method: string; readonly handle: { readonly action?: string } }[] };
}

export const layers = (router: Router): Layer[] => (router as unknown as { stack: Layer[] }).stack;

/** The portal's routers over services that do nothing. */
export function portalRouters(): readonly Router[] {
  const addresses = { webUrl: 'http://localhost:3000', gatewayUrl: 'http://127.0.0.1:8080' };
  return portalRoutes({ addresses, services: anything, passport: anything, attempts: anything } as unknown as PortalParts);
}

/** Every route of the portal, read from the routers themselves, so that a test over all of them misses none that is added. */
export const listedRoutes = (): { readonly method: 'get' | 'post'; readonly path: string }[] =>
  portalRouters()
    .flatMap(layers)
    .flatMap(({ route }) =>
      (route?.stack ?? []).flatMap(({ method, handle }) =>
        handle.action !== undefined && (method === 'get' || method === 'post') ? [{ method, path: route?.path ?? '' } as const] : [],
      ),
    );
