import { Router, type Request, type Response } from 'express';
import { REVIEW_REASON_MAX } from '../../services/billing/review.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { body, orAgain, part } from './provider-kit.ts';

const FIELDS = {
  reason: { label: 'Why', type: 'textarea', rows: 3, required: true, maxlength: REVIEW_REASON_MAX, help: 'It is kept in the audit log.' },
} satisfies Record<string, FieldSpec>;

/** Invoices that were stopped because Stripe shows something else (F33), and the two ways on; and those that were written off. */
export function heldInvoiceRoutes({ operations }: Pick<Services, 'operations'>): Router {
  const router = Router();

  router.get('/admin/invoices', may('platform:invoices:get'), async (req, res) => {
    const [held, writeOffs] = await Promise.all([
      operations.heldInvoices(actorOf(req), pageOf(req.query['page'])),
      operations.writeOffs(actorOf(req), pageOf(req.query['written-off'])),
    ]);
    page(res, 'admin/invoices', {
      days: writeOffs.days,
      writeOffs: writeOffs.rows.map((row) => ({ ...row, isBooked: row.sellerMinor !== null })),
      writeOffPages: pagination('/admin/invoices', req.query, writeOffs, 'written-off'),
      pages: pagination('/admin/invoices', req.query, held),
      invoices: held.rows.map(({ invoice, buyerName, productName }) => ({
        id: invoice._id,
        buyerName,
        productName,
        currency: invoice.currency,
        totalMinor: invoice.totalMinor,
        since: invoice.stepAt,
        difference: invoice.lastFailure,
      })),
    });
  });

  const show = async (req: Request, res: Response, values = {}, faults: Record<string, string> = {}, status = 200) => {
    const { invoice, lines, theirs, difference, buyerName, productName } = await operations.heldInvoice(actorOf(req), part(req, 'id'));
    page(
      res,
      'admin/invoice',
      {
        trail: [{ text: 'Held invoices', href: '/admin/invoices' }, { text: invoice._id }],
        invoice: {
          id: invoice._id,
          buyerName,
          productName,
          currency: invoice.currency,
          totalMinor: invoice.totalMinor,
          stripeInvoiceId: invoice.stripeInvoiceId,
          since: invoice.stepAt,
          failure: invoice.lastFailure,
        },
        lines,
        theirs,
        difference,
        form: formModel(FIELDS, values, faults),
      },
      status,
    );
  };
  router.get('/admin/invoices/:id', may('platform:invoices:get'), (req, res) => show(req, res));

  const decide = (decision: 'remake' | 'verify') => (req: Request, res: Response) =>
    orAgain(
      async () => {
        const { status, _id, lastFailure } = await operations.decideInvoice(actorOf(req), part(req, 'id'), decision, String(body(req)['reason'] ?? ''));
        const held = status === 'needs_review';
        flash(req, held ? 'warning' : 'success', held ? `It still differs. ${lastFailure}` : 'The invoice goes on.');
        res.redirect(303, held ? `/admin/invoices/${encodeURIComponent(_id)}` : '/admin/invoices');
      },
      (faults, status) => show(req, res, body(req), faults, status),
    );
  router.post('/admin/invoices/:id/verification', may('platform:invoices:decide'), decide('verify'));
  router.post('/admin/invoices/:id/replacement', may('platform:invoices:decide'), decide('remake'));
  return router;
}
