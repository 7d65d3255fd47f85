import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Services } from '../../services/index.ts';
import { pageOfList } from '../../services/kept-lists.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { PRODUCTS_PAGE_SIZE, sellingSteps } from '../present/selling.ts';
import { tagFilter } from '../present/tag-filter.ts';
import { page } from '../render.ts';
import { body, orAgain } from './provider-kit.ts';

const optionalUrl = z
  .string()
  .trim()
  .max(300)
  .refine((text) => text === '' || /^https?:\/\/[^\s]+$/i.test(text), 'This is not a web address: it should look like https://example.com');
const ProfileForm = z.strictObject({
  displayName: field.name,
  slug: z.string().trim().toLowerCase().min(1).max(50),
  website: optionalUrl.default(''),
  supportEmail: z.union([z.literal(''), field.email]).default(''),
  about: field.text(2_000),
});
const FIELDS = {
  displayName: { label: 'Name as seller', required: true, maxlength: 80, autocomplete: 'organization' },
  slug: { label: 'Short name', required: true, maxlength: 50, help: 'In addresses: lower-case letters, digits and hyphens.' },
  website: { label: 'Website', type: 'url', maxlength: 300, placeholder: 'https://example.com' },
  supportEmail: { label: 'Support address', type: 'email', maxlength: 254, help: 'Where buyers turn with questions. Shown on your listings.' },
  about: { label: 'About', type: 'textarea', rows: 5, maxlength: 2_000, help: 'Markdown.' },
} satisfies Record<string, FieldSpec>;

/** Where an organization stands with selling, and who it is to buyers. */
export function sellingRoutes({ catalog }: Pick<Services, 'catalog'>): Router {
  const router = Router();

  router.get('/selling', may('market:products:get'), async (req, res) => {
    const selling = await catalog.overview.selling(actorOf(req));
    const { seller, gateways, products, retired } = selling;
    const steps = sellingSteps(selling);
    const filter = tagFilter('/selling', req.query, gateways);
    const shown = products.filter(({ gatewayId }) => !filter.active || filter.meant.has(gatewayId));
    const onPage = pageOfList(shown, pageOf(req.query['page']), PRODUCTS_PAGE_SIZE);
    const serving = gateways.filter(({ gateway }) => filter.meant.has(gateway._id));
    page(res, 'provider/selling', {
      steps,
      done: steps.filter((step) => step.done).length,
      complete: steps.every((step) => step.done),
      seller: seller && { name: seller.displayName, slug: seller.slug },
      filter: filter.model,
      any: products.length > 0,
      live: serving.flatMap(({ groups }) => groups).reduce((sum, { live }) => sum + live, 0),
      subscribers: shown.reduce((sum, one) => sum + one.subscribers, 0),
      listed: shown.filter(({ status }) => status === 'listed').length,
      products: onPage.rows.map(({ _id, name, plans, status, statusReason, subscribers }) => ({
        id: _id,
        name,
        state: status,
        reason: status === 'rejected' ? statusReason : '',
        plans,
        subscribers,
      })),
      pages: onPage.total > onPage.size ? pagination('/selling', req.query, onPage) : null,
      retired: retired.length,
    });
  });

  const profile = async (req: Request, res: Response, values?: Record<string, unknown>, faults = {}, status = 200) => {
    const organization = await catalog.sellers.profile(actorOf(req));
    const start = organization.seller ?? { displayName: organization.name };
    page(
      res,
      'provider/seller-profile',
      {
        form: formModel(FIELDS, values ?? start, faults),
        fresh: organization.seller === null,
        trail: [{ text: 'Selling', href: '/selling' }, { text: 'Seller profile' }],
      },
      status,
    );
  };
  router.get('/selling/profile', may('market:seller:update'), (req, res) => profile(req, res));
  router.post('/selling/profile', may('market:seller:update'), (req, res) =>
    orAgain(
      async () => {
        await catalog.sellers.save(actorOf(req), parseForm(ProfileForm, req.body));
        flash(req, 'success', 'Your seller profile is saved.');
        res.redirect(303, '/selling');
      },
      (faults, status) => profile(req, res, body(req), faults, status),
    ),
  );
  return router;
}
