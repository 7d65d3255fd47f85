import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Actor } from '../../domain/actor.ts';
import { CATEGORIES, categoryName } from '../../domain/categories.ts';
import { LOGO_ACCEPT, LOGO_BYTES_MAX } from '../../domain/image.ts';
import { PRODUCT_LIMITS, isUnsold, tagsOf, type ProductFields } from '../../domain/product-rules.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import type { ProductDoc } from '../../store/products.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may, open } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { groupModel, productTabs, productTrail, type ProductTab } from '../present/provider.ts';
import { tagFilter } from '../present/tag-filter.ts';
import { page } from '../render.ts';
import { body, many, orAgain, part, press, revisionOf, upload, uploaded } from './provider-kit.ts';
import { planRows } from './plans.ts';

const ListingForm = z.strictObject({
  name: field.title(PRODUCT_LIMITS.nameMax),
  slug: z.string().trim().toLowerCase().max(50).default(''),
  tagline: field.line(PRODUCT_LIMITS.taglineMax),
  description: field.text(PRODUCT_LIMITS.descriptionMax),
  category: z.string().max(30).default(''),
  tags: field.line(400),
  terms: field.text(PRODUCT_LIMITS.termsMax),
  dataSource: field.line(PRODUCT_LIMITS.sourceMax),
  dataLicence: field.line(PRODUCT_LIMITS.sourceMax),
});
const FIELDS = {
  name: { label: 'Name', required: true, maxlength: PRODUCT_LIMITS.nameMax },
  slug: {
    label: 'Address',
    maxlength: 50,
    prefix: '/apis/',
    help: 'Lower-case letters, digits and hyphens; empty: made of the name. It stays once the product was listed.',
  },
  tagline: { label: 'Tagline', maxlength: PRODUCT_LIMITS.taglineMax, help: 'One line on the card in the storefront.' },
  description: {
    label: 'Description',
    type: 'textarea',
    rows: 10,
    maxlength: PRODUCT_LIMITS.descriptionMax,
    help: 'Markdown: what it is, what it is good for, how fresh the data is.',
  },
  category: {
    label: 'Category',
    type: 'select',
    options: [{ value: '', label: 'Choose one' }, ...CATEGORIES.map(({ id, name }) => ({ value: id, label: name }))],
  },
  tags: { label: 'Tags', maxlength: 400, help: 'Separated by commas, at most 10.' },
  terms: { label: 'Terms of use', type: 'textarea', rows: 6, maxlength: PRODUCT_LIMITS.termsMax, help: 'Markdown. Buyers agree to them when they subscribe.' },
  dataSource: { label: 'Source of the data', maxlength: PRODUCT_LIMITS.sourceMax, help: 'Where the data comes from, when it is not your own.' },
  dataLicence: { label: 'Licence of the data', maxlength: PRODUCT_LIMITS.sourceMax, placeholder: 'CC-BY-4.0' },
} satisfies Record<string, FieldSpec>;
const LOGO = {
  logo: { label: 'Logo', type: 'file', accept: LOGO_ACCEPT, help: 'PNG, JPEG or WebP, at most 256 KB and 2,048 pixels a side; square looks best.' },
} satisfies Record<string, FieldSpec>;

const fieldsOf = (form: z.output<typeof ListingForm>): ProductFields => ({ ...form, tags: tagsOf(form.tags) });
const valuesOf = (product: ProductDoc): Record<string, unknown> => ({ ...product, tags: product.tags.join(', '), logo: null });

/** Products: what is sold, how it is presented, and its way into the storefront. */
export function productRoutes({ catalog }: Pick<Services, 'catalog'>, { gatewayUrl }: { gatewayUrl: string }): Router {
  const router = Router();
  const pathOf = (req: Request) => `/products/${encodeURIComponent(part(req, 'id'))}`;
  const model = (product: ProductDoc, tab: ProductTab) => ({
    product: {
      id: product._id,
      name: product.name,
      slug: product.slug,
      state: product.status,
      reason: product.statusReason,
      tagline: product.tagline,
      description: product.description,
      category: categoryName(product.category),
      tags: product.tags,
      terms: product.terms,
      dataSource: product.dataSource,
      dataLicence: product.dataLicence,
      apis: product.apiIds.length,
      rev: product.rev,
      listedAt: product.listedAt,
      submittedAt: product.submittedAt,
      updatedAt: product.updatedAt,
      logo: product.logo ? `/products/${product._id}/logo?v=${product.logo.hash}` : '',
      open: product.status === 'draft' || product.status === 'rejected',
      discardable: product.listedAt === null && (product.status === 'draft' || product.status === 'rejected'),
    },
    tabs: productTabs(product._id, tab),
    trail: productTrail(product),
  });

  router.get('/products', may('market:products:get'), async (req, res) => {
    const { products, gateways } = await catalog.overview.selling(actorOf(req));
    const filter = tagFilter('/products', req.query, gateways);
    page(res, 'provider/products', {
      filter: filter.model,
      any: products.length > 0,
      products: products
        .filter(({ product }) => !filter.active || filter.meant.has(product.gatewayId))
        .map(({ product, plans, subscribers }) => ({ ...model(product, 'overview').product, plans, subscribers })),
      live: gateways.some(({ groups }) => groups.some((group) => group.live > 0)),
    });
  });

  const fresh = async (req: Request, res: Response, values: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const groupId = String(values['groupId'] ?? req.query['group'] ?? '');
    const { gateways } = await catalog.overview.selling(actor);
    const groups = gateways.flatMap(({ gateway, groups: list }) =>
      list.map(({ group, apis, live }) => ({ ...groupModel(group, gatewayUrl), gatewayName: gateway.name, apis, live })),
    );
    const chosen =
      groupId === ''
        ? groups.filter(({ live }) => live > 0).length === 1
          ? groups.find(({ live }) => live > 0)
          : undefined
        : groups.find(({ id }) => id === groupId);
    if (groupId !== '' && !chosen) throw new AppError('not-found');
    const trail = [{ text: 'Products', href: '/products' }, { text: 'New' }];
    if (!chosen) return page(res, 'provider/product-group', { groups, trail }, status);
    page(
      res,
      'provider/product-new',
      {
        group: chosen,
        trail,
        apis: await sellable(actor, chosen.id, many(values['apiIds']), values['apiIds'] === undefined),
        form: formModel(FIELDS, values, faults),
        apiFault: faults['apiIds'] ?? '',
      },
      status,
    );
  };
  async function sellable(actor: Actor, groupId: string, marked: readonly string[], all: boolean) {
    const { apis } = await catalog.products.sellable(actor, groupId);
    return apis
      .map(({ api, live, reason }) => ({
        id: api._id,
        method: api.definition.frontend.method,
        path: api.definition.frontend.path,
        name: api.definition.name,
        live,
        reason,
        checked: reason === '' && (marked.includes(api._id) || (all && live)),
      }))
      .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.method < b.method ? -1 : 1));
  }
  router.get('/products/new', may('market:products:create'), (req, res) => fresh(req, res, {}));
  router.post('/products', may('market:products:create'), (req, res) => {
    const { groupId, apiIds, ...rest } = body(req);
    return orAgain(
      async () => {
        const product = await catalog.products.create(actorOf(req), String(groupId ?? ''), many(apiIds), fieldsOf(parseForm(ListingForm, rest)));
        flash(req, 'success', 'The product is saved as a draft. Add a plan next.');
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
      ...model(product, 'overview'),
      ready: next === -1,
      subscribers,
      group: groupModel(group, gatewayUrl),
      plans: planRows(plans),
      steps: items.map(({ id, title, done, missing }, index) => ({ title, text: missing, done, current: index === next, href: hrefs[id], action: 'Go on' })),
    });
  });

  const listing = async (req: Request, res: Response, values?: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const product = await catalog.products.get(actorOf(req), part(req, 'id'));
    const { logo, ...texts } = faults;
    page(
      res,
      'provider/product-listing',
      {
        ...model(product, 'listing'),
        form: formModel(FIELDS, values ?? valuesOf(product), texts),
        logoForm: formModel(LOGO, {}, logo === undefined ? {} : { logo }, 'logo-'),
        rev: values?.['rev'] ?? product.rev,
      },
      status,
    );
  };
  router.get('/products/:id/listing', may('market:products:get'), (req, res) => listing(req, res));
  router.post('/products/:id/listing', may('market:products:update'), (req, res) => {
    const { rev: _, ...rest } = body(req);
    return orAgain(
      async () => {
        const fields = fieldsOf(parseForm(ListingForm, rest));
        await catalog.products.update(actorOf(req), part(req, 'id'), revisionOf(req), fields);
        flash(req, 'success', 'The listing is saved.');
        res.redirect(303, `${pathOf(req)}/listing`);
      },
      (faults, status) => listing(req, res, body(req), faults, status),
    );
  });
  router.post('/products/:id/logo', may('market:products:update'), upload('logo', { bytesMax: LOGO_BYTES_MAX, fieldBytesMax: 1_000 }), (req, res) =>
    orAgain(
      async () => {
        const bytes = uploaded(req);
        const removal = body(req)['removal'] === 'true';
        if (!removal && bytes.length === 0) throw new AppError('invalid-form', undefined, { fields: { logo: 'Choose a picture.' } });
        await catalog.products.setLogo(actorOf(req), part(req, 'id'), removal ? null : bytes);
        flash(req, 'success', removal ? 'The logo is taken away.' : 'The logo is saved.');
        res.redirect(303, `${pathOf(req)}/listing`);
      },
      (faults, status) => listing(req, res, undefined, faults, status),
    ),
  );
  router.get('/products/:id/logo', open, async (req, res) => {
    const logo = await catalog.products.logo(actorOf(req), part(req, 'id'));
    if (!logo) throw new AppError('not-found');
    // What a stranger uploaded is a picture and nothing else, whatever its bytes would like to be.
    res.set({
      'Content-Type': logo.contentType,
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'private, max-age=3600',
    });
    res.send(logo.data);
  });

  const choice = async (req: Request, res: Response, values?: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const product = await catalog.products.get(actor, part(req, 'id'));
    const [group, subscribers] = await Promise.all([
      catalog.groups.get(actor, product.gatewayId, product.groupId),
      catalog.products.liveSubscribers(actor, product._id),
    ]);
    page(
      res,
      'provider/product-apis',
      {
        ...model(product, 'apis'),
        group: groupModel(group, gatewayUrl),
        subscribers,
        frozen: !isUnsold(product.status) && subscribers > 0,
        rev: values?.['rev'] ?? product.rev,
        apis: await sellable(actor, product.groupId, values ? many(values['apiIds']) : product.apiIds, false),
        fault: faults['apiIds'] ?? faults[''] ?? '',
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
