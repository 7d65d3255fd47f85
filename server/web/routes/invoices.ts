import { Router, type Request } from 'express';
import { z } from 'zod';
import { plainMoney } from '../../domain/money.ts';
import { isAllowed } from '../../domain/rights.ts';
import type { Actor } from '../../domain/actor.ts';
import type { Services } from '../../services/index.ts';
import type { SubscriptionRow } from '../../services/subscriptions.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { FIGURES_MAX, rowModel } from '../present/buyer.ts';
import { awaitedModel, upcomingModel, upcomingRow } from '../present/coming-invoices.ts';
import { sendCsv } from '../present/csv.ts';
import { invoiceModel, invoiceRow } from '../present/invoice.ts';
import { invoicePdf } from '../present/invoice-pdf.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';

const PAGE_SIZE = 25;
const SHOWN_DAYS = 800;
/** Within this after a subscription's end its last invoice is written, unless something holds it. */
const LAST_INVOICE_MS = 45 * 86_400_000;
const CardForm = z.strictObject({ requestId: field.requestId });
const NothingForm = z.strictObject({});

/** What was billed, why, and the card it is collected from. */
export function invoiceRoutes({
  accounts,
  clock,
  ids,
  invoicing,
  overview,
  subscriptions,
}: Pick<Services, 'accounts' | 'clock' | 'ids' | 'invoicing' | 'overview' | 'subscriptions'>): Router {
  const router = Router();

  const model = async (req: Request) => {
    const { invoice, parties } = await overview.invoice(actorOf(req), String(req.params['id']));
    return invoiceModel(invoice, parties);
  };

  router.get('/invoices', may('market:invoices:get'), async (req, res) => {
    const actor = actorOf(req);
    const until = clock.now() + 1;
    const current = pageOf(req.query['page']);
    const [{ invoices, total }, rows, waiting] = await Promise.all([
      invoicing.page(actor, { from: until - SHOWN_DAYS * 86_400_000, to: until }, current, PAGE_SIZE),
      subscriptions.rows(actor),
      invoicing.awaitsBuyer(actor),
    ]);
    const names = new Map(rows.map(({ id, productName }) => [id, productName]));
    const { upcoming, more } = await upcomingOf(actor, rows, names);
    page(res, 'buyer/invoices', {
      invoices: invoices.map((invoice) => ({ ...invoiceRow(invoice), product: names.get(invoice.subscriptionId) ?? '' })),
      pages: pagination('/invoices', {}, { page: current, size: PAGE_SIZE, total }),
      upcoming,
      more,
      any: total > 0,
      open: waiting,
    });
  });

  /** Invoices on their way: of a few subscriptions each with its estimate, of many the next ones. */
  async function upcomingOf(actor: Actor, rows: readonly SubscriptionRow[], names: ReadonlyMap<string, string>) {
    const now = clock.now();
    const live = rows.filter((row) => row.live);
    if (live.length > FIGURES_MAX) {
      const next = live.flatMap((row) => upcomingRow(row, now) ?? []).sort((a, b) => a.writtenAt - b.writtenAt);
      return { upcoming: next.slice(0, FIGURES_MAX), more: Math.max(0, next.length - FIGURES_MAX) };
    }
    const bought = await overview.some(
      actor,
      [...live, ...rows.filter((row) => !row.live && (row.endedAt ?? 0) > now - LAST_INVOICE_MS).slice(0, FIGURES_MAX)].map(({ id }) => id),
    );
    const awaited = await overview.awaited(bought.map(({ subscription }) => subscription));
    return {
      upcoming: [
        ...awaited.map((one) => awaitedModel(one, names.get(one.subscription._id) ?? '')),
        ...bought.flatMap((one) => upcomingModel(one) ?? []).sort((a, b) => a.writtenAt - b.writtenAt),
      ],
      more: 0,
    };
  }

  router.get('/invoices/:id.csv', may('market:invoices:get'), async (req, res) => {
    const invoice = await model(req);
    const amount = (minor: bigint): string => plainMoney(minor, invoice.currency);
    const sum = (key: string, text: string, minor: bigint) => [invoice.label, key, text, null, amount(minor), invoice.currency, ''];
    sendCsv(
      res,
      `${invoice.id}.csv`,
      ['invoice', 'line', 'text', 'quantity', 'amount', 'currency', 'how'],
      [
        ...invoice.lines.map((line) => [
          invoice.label,
          line.key,
          line.text,
          line.quantity,
          amount(line.amountMinor),
          invoice.currency,
          line.explanation.join('; '),
        ]),
        ...(invoice.carriedInMinor === 0n ? [] : [sum('carried', 'Carried from the invoice before', invoice.carriedInMinor)]),
        sum('total', 'Total', invoice.totalMinor),
        ...(invoice.chargeMinor === invoice.totalMinor ? [] : [sum('charged', 'Charged', invoice.chargeMinor)]),
        ...(invoice.carriedMinor === 0n ? [] : [sum('carried-on', 'Carried to the next invoice', invoice.carriedMinor)]),
      ],
    );
  });
  router.get('/invoices/:id.pdf', may('market:invoices:get'), async (req, res) => {
    const invoice = await model(req);
    res
      .type('application/pdf')
      .attachment(`${invoice.id}.pdf`)
      .send(await invoicePdf(invoice));
  });
  router.get('/invoices/:id', may('market:invoices:get'), async (req, res) => {
    const actor = actorOf(req);
    const invoice = await model(req);
    const { organizationId } = await invoicing.get(actor, invoice.id);
    page(res, 'buyer/invoice', {
      invoice,
      bought: organizationId === actor.organizationId,
      mayPay: organizationId === actor.organizationId && isAllowed(actor, 'market:invoices:pay'),
    });
  });
  router.post('/invoices/:id/attempt', may('market:invoices:pay'), async (req, res) => {
    parseForm(NothingForm, req.body);
    const { _id, status, lastFailure } = await invoicing.retry(actorOf(req), String(req.params['id']));
    flash(req, status === 'paid' ? 'success' : 'error', status === 'paid' ? 'Paid. Thank you.' : lastFailure || 'The payment did not go through.');
    res.redirect(303, `/invoices/${_id}`);
  });

  router.get('/billing', may('market:invoices:get'), async (req, res) => {
    const actor = actorOf(req);
    const checkout = req.query['checkout'];
    // The return from Checkout: its session is asked for, the address only names it.
    if (typeof checkout === 'string' && /^cs_[A-Za-z0-9_]{1,200}$/.test(checkout) && isAllowed(actor, 'market:invoices:pay')) {
      if (await subscriptions.refreshCard(actor, checkout))
        flash(req, 'success', 'The card is saved; everything that is due from now on is collected from it.');
      return res.redirect(303, '/billing');
    }
    const [organization, rows, open, leftOver] = await Promise.all([
      accounts.organization(actor.organizationId),
      subscriptions.rows(actor),
      invoicing.unpaid(actor),
      invoicing.leftOver(actor),
    ]);
    const names = new Map(rows.map(({ id, productName }) => [id, productName]));
    const paying = rows.filter((row) => row.live && row.anchorAt !== null && row.paying);
    const card = organization?.paymentMethod ?? null;
    page(res, 'buyer/billing', {
      card: card && { ...card, expiry: `${String(card.expMonth).padStart(2, '0')} / ${card.expYear}` },
      mayPay: isAllowed(actor, 'market:invoices:pay'),
      requestId: ids.uuid(),
      open: open
        .slice(0, PAGE_SIZE)
        .map((invoice) => ({ ...invoiceRow(invoice), product: names.get(invoice.subscriptionId) ?? '', failure: invoice.lastFailure })),
      openMore: Math.max(0, open.length - PAGE_SIZE),
      kept: leftOver.map((invoice) => ({
        ...invoiceRow(invoice),
        product: names.get(invoice.subscriptionId) ?? '',
        amountMinor: invoice.carriedMinor < 0n ? -invoice.carriedMinor : invoice.carriedMinor,
        credit: invoice.carriedMinor < 0n,
      })),
      paying: paying.slice(0, PAGE_SIZE).map((row) => rowModel(row, clock.now())),
      payingMore: Math.max(0, paying.length - PAGE_SIZE),
    });
  });
  router.post('/billing/card', may('market:invoices:pay'), async (req, res) => {
    const { checkoutUrl } = await subscriptions.replaceCard(actorOf(req), parseForm(CardForm, req.body).requestId);
    res.redirect(303, checkoutUrl);
  });
  return router;
}
