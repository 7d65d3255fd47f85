import { Router } from 'express';
import type { Services } from '../../services/index.ts';
import { actorOf, may } from '../guards.ts';
import { numberWords } from '../present/invoice.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';

const SHOWN_DAYS = 400;
const PAGE_SIZE = 50;

/** What the organization sold: each invoice with the platform's fee and its own share, and what the ledger says it is owed. */
export function earningsRoutes({ invoicing, earnings, clock }: Pick<Services, 'invoicing' | 'earnings' | 'clock'>): Router {
  const router = Router();
  router.get('/earnings', may('market:earnings:get'), async (req, res) => {
    const actor = actorOf(req);
    const to = clock.now() + 1;
    const from = to - SHOWN_DAYS * 86_400_000;
    const number = pageOf(req.query['page']);
    const [{ invoices, total }, owed] = await Promise.all([
      invoicing.soldPage(actor, { from, to }, number, PAGE_SIZE),
      earnings.owedTo(actor.organizationId, from, to),
    ]);
    const sum = (lines: readonly { feeMinor: bigint; providerMinor: bigint }[], part: 'feeMinor' | 'providerMinor') =>
      lines.reduce((amount, line) => amount + line[part], 0n);
    page(res, 'provider/earnings', {
      days: SHOWN_DAYS,
      owed: [...owed].map(([currency, amountMinor]) => ({ currency, amountMinor })),
      invoices: invoices.map((invoice) => ({
        id: invoice._id,
        label: numberWords(invoice),
        issuedAt: invoice.issuedAt,
        state: invoice.status,
        currency: invoice.currency,
        writtenOff: invoice.status === 'uncollectible',
        productId: invoice.productId,
        grossMinor: invoice.subtotalMinor,
        feeMinor: sum(invoice.lines, 'feeMinor'),
        netMinor: sum(invoice.lines, 'providerMinor'),
      })),
      pages: pagination('/earnings', {}, { page: number, size: PAGE_SIZE, total }),
    });
  });
  return router;
}
