import { Router, type Request, type Response } from 'express';
import { categoryName } from '../../domain/categories.ts';
import { LOGO_ACCEPT, LOGO_BYTES_MAX } from '../../domain/image.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import type { ProductDoc } from '../../store/products.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may, open } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { fieldsOf, LISTING_FIELDS, ListingForm, pathOf, productModel } from './product-kit.ts';
import { afterRefusal, body, listed, orAgain, part, revisionOf, upload, uploaded } from './provider-kit.ts';

const LOGO = {
  logo: { label: 'Logo', type: 'file', accept: LOGO_ACCEPT, help: 'PNG, JPEG or WebP, at most 256 KB and 2,048 pixels a side; square looks best.' },
} satisfies Record<string, FieldSpec>;

const valuesOf = (product: ProductDoc): Record<string, unknown> => ({ ...product, tags: product.tags.join(', '), logo: null });

/** How a product is presented: its texts, and its picture. */
export function productListingRoutes({ catalog }: Pick<Services, 'catalog'>): Router {
  const router = Router();

  const listing = async (req: Request, res: Response, values?: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const product = await catalog.products.get(actorOf(req), part(req, 'id'));
    const now = `its name is “${product.name}”, its tagline “${product.tagline}”, category ${categoryName(product.category)}, tags ${listed(product.tags)}`;
    // The logo has a form of its own, without a revision.
    const told = afterRefusal(req, { status: values ? status : 200, faults, what: 'this listing', rev: product.rev, now });
    const { logo, ...texts } = told.faults;
    page(
      res,
      'provider/product-listing',
      {
        ...productModel(product, 'listing'),
        form: formModel(LISTING_FIELDS, values ?? valuesOf(product), texts),
        logoForm: formModel(LOGO, {}, logo === undefined ? {} : { logo }, 'logo-'),
        rev: told.rev,
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
  return router;
}
