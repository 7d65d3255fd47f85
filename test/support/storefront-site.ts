import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Services } from '../../server/services/index.ts';
import type { OperationExamples } from '../../server/services/storefront/examples.ts';
import type { Listing } from '../../server/services/storefront/listing.ts';
import { makeListingIndex } from '../../server/services/storefront/search.ts';
import { assetRoutes } from '../../server/web/assets.ts';
import { answerErrors, notFound } from '../../server/web/errors.ts';
import type { PageData } from '../../server/web/render.ts';
import { docsRoutes } from '../../server/web/routes/docs.ts';
import { storefrontRoutes } from '../../server/web/routes/storefront.ts';

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** The storefront alone, over listings in memory: no engine, no session. */
export async function storefrontSite(listings: readonly Listing[], data: Partial<PageData> = {}, examples?: OperationExamples): Promise<Site> {
  const index = makeListingIndex(listings);
  const storefront: Services['storefront'] = {
    listings: () => Promise.resolve(index.listings),
    listing: (slug) => Promise.resolve(index.bySlug(slug)),
    search: (query) => Promise.resolve(index.search(query)),
    examples: () => Promise.resolve(examples),
    refresh: () => Promise.resolve(),
    stop: () => undefined,
  };
  const catalog = { products: { logo: () => Promise.resolve(undefined) } } as unknown as Services['catalog'];
  const addresses = { webUrl: 'http://localhost:3000', gatewayUrl: 'http://127.0.0.1:8080' };
  const app = express();
  app.use(assetRoutes());
  app.use(express.urlencoded({ extended: false }));
  app.use((req, res, next) => {
    req.id = 'req_test';
    res.set(
      'Content-Security-Policy',
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    res.locals['page'] = { testPayments: true, sandbox: true, ...data };
    next();
  });
  app.use(docsRoutes(addresses));
  app.use(storefrontRoutes({ storefront, catalog }, addresses));
  app.use(notFound);
  const silent = { error: console.error, debug: () => undefined } as unknown as Parameters<typeof answerErrors>[0];
  app.use(answerErrors(silent));
  const server: Server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.closeAllConnections();
        server.close((error) => (error ? reject(error) : resolve()));
      }),
  };
}
