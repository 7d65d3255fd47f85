import { Router, type Request, type Response } from 'express';
import { categoryName } from '../../domain/categories.ts';
import { planOf } from '../../domain/plan.ts';
import { PRODUCT_LIMITS } from '../../domain/product-rules.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { planModel } from '../present/plan.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { body, orAgain, part, press, revisionOf } from './provider-kit.ts';

const FIELDS = {
  reason: { label: 'What has to change', type: 'textarea', rows: 4, required: true, maxlength: PRODUCT_LIMITS.reasonMax, help: 'The provider reads this.' },
} satisfies Record<string, FieldSpec>;

/** The operator's look at products before they are listed. */
export function reviewRoutes({ catalog }: Pick<Services, 'catalog'>, { gatewayUrl }: { gatewayUrl: string }): Router {
  const router = Router();

  router.get('/admin/reviews', may('platform:reviews:get'), async (req, res) => {
    const found = await catalog.reviews.waiting(actorOf(req), pageOf(req.query['page']));
    page(res, 'admin/reviews', {
      pages: pagination('/admin/reviews', {}, found),
      waiting: found.rows.map(({ product, sellerName }) => ({
        id: product._id,
        name: product.name,
        tagline: product.tagline,
        category: categoryName(product.category),
        submittedAt: product.submittedAt,
        apis: product.apiIds.length,
        sellerName,
      })),
    });
  });

  const dossier = async (req: Request, res: Response, values = {}, faults: Record<string, string> = {}, status = 200) => {
    const { product, seller, group, apis, plans, readiness } = await catalog.reviews.dossier(actorOf(req), part(req, 'id'), pageOf(req.query['endpoints']));
    page(
      res,
      'admin/review',
      {
        trail: [{ text: 'Reviews', href: '/admin/reviews' }, { text: product.name }],
        product: {
          id: product._id,
          name: product.name,
          slug: product.slug,
          tagline: product.tagline,
          description: product.description,
          terms: product.terms,
          category: categoryName(product.category),
          tags: product.tags,
          state: product.status,
          dataSource: product.dataSource,
          dataLicence: product.dataLicence,
          submittedAt: product.submittedAt,
          rev: product.rev,
          waiting: product.status === 'submitted',
          logo: product.logo ? `/products/${product._id}/logo?v=${product.logo.hash}` : '',
          reason: product.statusReason,
        },
        seller: {
          organization: seller?.name ?? '',
          name: seller?.seller?.displayName ?? '',
          website: seller?.seller?.website ?? '',
          supportEmail: seller?.seller?.supportEmail ?? '',
          since: seller?.createdAt ?? null,
        },
        address: group ? `${gatewayUrl}/${group.label}` : '',
        missing: readiness.filter(({ done }) => !done).map(({ missing }) => missing),
        apis: apis.rows.map(({ definition: { frontend, name, backend } }) => ({
          method: frontend.method,
          path: frontend.path,
          name,
          backend: backend.kind === 'mock' ? 'fixed answer' : backend.origin,
        })),
        apiCount: apis.total,
        apiPages: apis.total > apis.size ? pagination(`/admin/reviews/${encodeURIComponent(product._id)}`, req.query, apis, 'endpoints') : null,
        plans: plans.map(({ plan, version }) =>
          planModel({ id: plan._id, name: plan.name, title: plan.title, summary: plan.summary, plan: planOf(version.document) }),
        ),
        form: formModel(FIELDS, values, faults),
      },
      status,
    );
  };
  router.get('/admin/reviews/:id', may('platform:reviews:get'), (req, res) => dossier(req, res));
  router.post(
    '/admin/reviews/:id/approval',
    may('platform:reviews:decide'),
    press(
      (req, done) => (done ? '/admin/reviews' : `/admin/reviews/${encodeURIComponent(part(req, 'id'))}`),
      async (req) => {
        await catalog.reviews.approve(actorOf(req), part(req, 'id'), revisionOf(req));
        return 'Approved: it is in the storefront.';
      },
    ),
  );
  router.post('/admin/reviews/:id/rejection', may('platform:reviews:decide'), (req, res) =>
    orAgain(
      async () => {
        await catalog.reviews.reject(actorOf(req), part(req, 'id'), revisionOf(req), String(body(req)['reason'] ?? ''));
        flash(req, 'success', 'Rejected. The provider sees your reason.');
        res.redirect(303, '/admin/reviews');
      },
      (faults, status) => dossier(req, res, body(req), faults, status),
    ),
  );
  return router;
}
