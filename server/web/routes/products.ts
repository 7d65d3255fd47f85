import { Router, type Request, type Response } from 'express';
import type { Actor } from '../../domain/actor.ts';
import { isUnsold } from '../../domain/product-rules.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import { pageOfList } from '../../services/kept-lists.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel } from '../present/form.ts';
import { groupModel } from '../present/provider.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { PRODUCTS_PAGE_SIZE } from '../present/selling.ts';
import { tagFilter } from '../present/tag-filter.ts';
import { page } from '../render.ts';
import { fieldsOf, LISTING_FIELDS, ListingForm, pathOf, productModel } from './product-kit.ts';
import { afterRefusal, body, many, orAgain, part, press, revisionOf } from './provider-kit.ts';
import { planRows } from './plans.ts';

/** What each step before a review asks for. */
const NEXT = { seller: 'Tell who you are', texts: 'Write the listing', apis: 'Choose the APIs', plans: 'Add a plan' };

/** Products: what is sold, and its way into the storefront. */
export function productRoutes({ catalog }: Pick<Services, 'catalog'>, { gatewayUrl }: { gatewayUrl: string }): Router {
  const router = Router();
  router.get('/products', may('market:products:get'), async (req, res) => {
    const { products, retired, gateways } = await catalog.overview.selling(actorOf(req));
    const filter = tagFilter('/products', req.query, gateways);
    const isMeant = ({ gatewayId }: { readonly gatewayId: string }) => !filter.active || filter.meant.has(gatewayId);
    const offered = pageOfList(products.filter(isMeant), pageOf(req.query['page']), PRODUCTS_PAGE_SIZE);
    const ended = pageOfList(retired.filter(isMeant), pageOf(req.query['retired']), PRODUCTS_PAGE_SIZE);
    page(res, 'provider/products', {
      filter: filter.model,
      any: products.length + retired.length > 0,
      meant: offered.total + ended.total > 0,
      products: offered.rows.map(({ _id, apiIds, name, plans, status, subscribers, tagline }) => ({
        id: _id,
        name,
        tagline,
        state: status,
        apis: apiIds.length,
        plans,
        subscribers,
      })),
      pages: offered.total > offered.size ? pagination('/products', req.query, offered) : null,
      retired: ended.rows.map(({ _id, apiIds, name, listedAt, tagline }) => ({ id: _id, name, tagline, apis: apiIds.length, listedAt })),
      retiredPages: ended.total > ended.size ? pagination('/products', req.query, ended, 'retired') : null,
      live: gateways.some(({ groups }) => groups.some((group) => group.live > 0)),
    });
  });

  const fresh = async (req: Request, res: Response, values: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const groupId = String(values['groupId'] ?? req.query['group'] ?? '');
    const gateways = await catalog.overview.gateways(actor);
    const groups = gateways.flatMap(({ gateway, groups: list }) =>
      list.map(({ group, apis, live }) => ({ ...groupModel(group, gatewayUrl), gatewayId: gateway._id, gatewayName: gateway.name, apis, live })),
    );
    const chosen =
      groupId === ''
        ? groups.filter(({ live }) => live > 0).length === 1
          ? groups.find(({ live }) => live > 0)
          : undefined
        : groups.find(({ id }) => id === groupId);
    if (groupId !== '' && !chosen) throw new AppError('not-found');
    const trail = [{ text: 'Products', href: '/products' }, { text: 'New' }];
    if (!chosen) {
      const filter = tagFilter('/products/new', req.query, gateways);
      const shown = groups.filter(({ gatewayId }) => filter.meant.has(gatewayId));
      return page(res, 'provider/product-group', { groups: shown, any: groups.length > 0, filter: filter.model, trail }, status);
    }
    page(
      res,
      'provider/product-new',
      {
        group: chosen,
        trail,
        apis: await sellable(actor, chosen.id, many(values['apiIds']), values['apiIds'] === undefined),
        form: formModel(LISTING_FIELDS, values, faults),
        apiFault: faults['apiIds'] ?? '',
      },
      status,
    );
  };
  async function sellable(actor: Actor, groupId: string, marked: readonly string[], all: boolean) {
    const chosen = new Set(marked);
    return (await catalog.products.sellable(actor, groupId))
      .map((api) => ({ ...api, checked: api.reason === '' && (chosen.has(api.id) || (all && api.live)) }))
      .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.method < b.method ? -1 : 1));
  }
  router.get('/products/new', may('market:products:create'), (req, res) => fresh(req, res, {}));
  router.post('/products', may('market:products:create'), (req, res) => {
    const { groupId, apiIds, ...rest } = body(req);
    return orAgain(
      async () => {
        const product = await catalog.products.create(actorOf(req), String(groupId ?? ''), many(apiIds), fieldsOf(parseForm(ListingForm, rest)));
        flash(req, 'success', 'The product is saved as a draft. What it needs before its review stands below.');
        res.redirect(303, `/products/${product._id}`);
      },
      (faults, status) => fresh(req, res, { ...body(req), apiIds: many(apiIds) }, faults, status),
    );
  });

  router.get('/products/:id', may('market:products:get'), async (req, res) => {
    const actor = actorOf(req);
    const product = await catalog.products.get(actor, part(req, 'id'));
    const [items, plans, subscribers, group] = await Promise.all([
      catalog.products.readiness(actor, product._id),
      catalog.plans.list(actor, product._id),
      catalog.products.liveSubscribers(actor, product._id),
      catalog.groups.get(actor, product.gatewayId, product.groupId),
    ]);
    const next = items.findIndex(({ done }) => !done);
    const hrefs = {
      seller: '/selling/profile',
      texts: `/products/${product._id}/listing`,
      apis: `/products/${product._id}/apis`,
      plans: `/products/${product._id}/plans/new`,
    };
    page(res, 'provider/product', {
      ...productModel(product, 'overview'),
      ready: next === -1,
      subscribers,
      group: groupModel(group, gatewayUrl),
      plans: planRows(plans),
      steps: items.map(({ id, title, done, missing }, index) => ({ title, text: missing, done, current: index === next, href: hrefs[id], action: NEXT[id] })),
    });
  });

  const choice = async (req: Request, res: Response, values?: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const product = await catalog.products.get(actor, part(req, 'id'));
    const [group, subscribers] = await Promise.all([
      catalog.groups.get(actor, product.gatewayId, product.groupId),
      catalog.products.liveSubscribers(actor, product._id),
    ]);
    const now = `it offers ${product.apiIds.length} of the APIs below`;
    const told = afterRefusal(req, { status, faults, what: 'this choice', rev: product.rev, now });
    page(
      res,
      'provider/product-apis',
      {
        ...productModel(product, 'apis'),
        group: groupModel(group, gatewayUrl),
        subscribers,
        frozen: !isUnsold(product.status) && subscribers > 0,
        rev: told.rev,
        apis: await sellable(actor, product.groupId, values ? many(values['apiIds']) : product.apiIds, false),
        fault: told.faults['apiIds'] ?? told.faults[''] ?? '',
      },
      status,
    );
  };
  router.get('/products/:id/apis', may('market:products:get'), (req, res) => choice(req, res));
  router.post('/products/:id/apis', may('market:products:update'), (req, res) =>
    orAgain(
      async () => {
        await catalog.products.setApis(actorOf(req), part(req, 'id'), revisionOf(req), many(body(req)['apiIds']));
        flash(req, 'success', 'The choice of APIs is saved.');
        res.redirect(303, `${pathOf(req)}/apis`);
      },
      (faults, status) => choice(req, res, body(req), faults, status),
    ),
  );

  router.post(
    '/products/:id/submission',
    may('market:products:submit'),
    press(pathOf, async (req) => {
      await catalog.products.submit(actorOf(req), part(req, 'id'));
      return 'Submitted. An operator looks at it; you see the answer here.';
    }),
  );
  router.post(
    '/products/:id/withdrawal',
    may('market:products:submit'),
    press(pathOf, async (req) => {
      await catalog.products.withdraw(actorOf(req), part(req, 'id'));
      return 'Taken back. It is a draft again.';
    }),
  );
  router.post(
    '/products/:id/retirement',
    may('market:products:update'),
    press(pathOf, async (req) => {
      await catalog.products.retire(actorOf(req), part(req, 'id'));
      return 'The product is retired and no longer in the storefront.';
    }),
  );
  router.post(
    '/products/:id/deletion',
    may('market:products:update'),
    press(
      (req, gone) => (gone ? '/products' : pathOf(req)),
      async (req) => {
        await catalog.products.discard(actorOf(req), part(req, 'id'));
        return 'The draft is deleted.';
      },
    ),
  );
  return router;
}
