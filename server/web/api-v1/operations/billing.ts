import { z } from 'zod';
import { AppError } from '../../../kernel/errors.ts';
import type { Services } from '../../../services/index.ts';
import type { SubscriptionDetails } from '../../../services/subscriptions.ts';
import type { InvoiceDoc } from '../../../store/invoices.ts';
import { numberWords } from '../../present/invoice.ts';
import { SPAN_DAYS_MAX } from '../../present/usage.ts';
import { jsonInteger, jsonTime, jsonTimeOrNull, operation, PAGE, paged, PageQuery, spanOf, type Operation } from '../operation.ts';
import { InvoiceDetails, InvoiceList, SubscriptionList, time, Usage } from '../schemas.ts';

const USAGE_DAYS_DEFAULT = 7;

const DIMENSIONS = ['operation', 'app', 'credential', 'outcome', 'hour', 'day', 'subscription'] as const;
const UsageQuery = z.strictObject({
  by: z.enum(DIMENSIONS).default('operation'),
  subscription_id: z.string().max(64).optional().describe('One subscription; all of them if it is left out.'),
  from: time.optional(),
  to: time.optional().describe(`Not included. At most ${SPAN_DAYS_MAX} days after “from”.`),
  ...PAGE,
});

const invoiceJson = (invoice: InvoiceDoc) => ({
  id: invoice._id,
  number: invoice.number === null ? null : numberWords(invoice),
  status: invoice.status,
  subscription_id: invoice.subscriptionId,
  currency: invoice.currency,
  subtotal_minor: jsonInteger(invoice.subtotalMinor),
  total_minor: jsonInteger(invoice.totalMinor),
  charge_minor: jsonInteger(invoice.chargeMinor),
  issued_at: jsonTime(invoice.issuedAt),
  paid_at: jsonTimeOrNull(invoice.paidAt),
  usage_from: jsonTimeOrNull(invoice.usageFrom),
  usage_to: jsonTimeOrNull(invoice.usageTo),
});

const subscriptionJson = ({ subscription, product, plan, period, bindings, entitled }: SubscriptionDetails) => ({
  id: subscription._id,
  product: { id: product._id, slug: product.slug, name: product.name },
  plan: { id: plan._id, name: plan.name, title: plan.title, version_id: subscription.planVersionId },
  status: subscription.status,
  entitled,
  created_at: jsonTime(subscription.createdAt),
  period: period && { index: period.index, start_at: jsonTime(period.startAt), end_at: jsonTime(period.endAt) },
  apps: bindings.map(({ app }) => ({ id: app._id, name: app.name })),
});

/** What is bought, used and billed. */
export function billingOperations({
  clock,
  invoicing,
  metering,
  overview,
  subscriptions,
}: Pick<Services, 'clock' | 'invoicing' | 'metering' | 'overview' | 'subscriptions'>): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/subscriptions',
      action: 'market:subscriptions:get',
      id: 'listSubscriptions',
      summary: 'Subscriptions that run or ran, newest first.',
      query: PageQuery,
      answer: SubscriptionList,
      async run({ actor, query }) {
        const part = paged(
          'subscriptions',
          await subscriptions.rows(actor),
          query,
          ({ createdAt, id }) => [createdAt, id],
          ({ id }) => id,
        );
        return { ...part, items: (await subscriptions.list(actor, part.items)).map(subscriptionJson) };
      },
    }),
    operation({
      method: 'get',
      path: '/invoices',
      action: 'market:invoices:get',
      id: 'listInvoices',
      summary: 'Invoices, newest first.',
      query: PageQuery,
      answer: InvoiceList,
      async run({ actor, query }) {
        const part = paged(
          'invoices',
          await invoicing.issued(actor),
          query,
          ({ at, _id }) => [at, _id],
          ({ _id }) => _id,
        );
        return { ...part, items: (await invoicing.some(actor, part.items)).map(invoiceJson) };
      },
    }),
    operation({
      method: 'get',
      path: '/invoices/{id}',
      action: 'market:invoices:get',
      id: 'getInvoice',
      summary: 'One invoice with its lines, and how each came about.',
      answer: InvoiceDetails,
      async run({ actor, part }) {
        const { invoice, parties } = await overview.invoice(actor, part('id'));
        return {
          ...invoiceJson(invoice),
          seller: parties.seller.name,
          product: parties.product.name,
          hash: invoice.hash,
          lines: invoice.lines.map(({ key, text, quantity, exact, amountMinor, explanation }) => ({
            key,
            text,
            quantity: quantity === null ? null : jsonInteger(quantity),
            exact,
            amount_minor: jsonInteger(amountMinor),
            explanation: [...explanation],
          })),
        };
      },
    }),
    operation({
      method: 'get',
      path: '/usage',
      action: 'market:usage:get',
      id: 'getUsage',
      summary: 'Calls over a time, by what they have in common; the greatest number of calls first. `(others)`: values beyond the first 200 of a day.',
      query: UsageQuery,
      answer: Usage,
      async run({ actor, query }) {
        const { from, to } = spanOf(query, clock.now(), USAGE_DAYS_DEFAULT, SPAN_DAYS_MAX);
        const mine = (await subscriptions.rows(actor)).filter(({ anchorAt }) => anchorAt !== null);
        const chosen = query.subscription_id === undefined ? mine : mine.filter(({ id }) => id === query.subscription_id);
        // An id that is not among ours looks like one that does not exist.
        if (query.subscription_id !== undefined && chosen.length === 0) throw new AppError('not-found');
        const { by } = query;
        const { rows, asOf } = await metering.usage(actor, { subscriptionIds: chosen.map(({ id }) => id), from, to, by });
        const isInstant = by === 'hour' || by === 'day';
        return {
          from: jsonTime(from),
          to: jsonTime(to),
          as_of: jsonTime(asOf),
          by,
          ...paged(
            `usage.${by}`,
            rows,
            query,
            ({ key, calls }) => [isInstant ? Number(key) : Number(calls), key],
            (row) => ({
              key: isInstant ? jsonTime(Number(row.key)) : row.key,
              calls: jsonInteger(row.calls),
              billed_calls: jsonInteger(row.billable),
              billed_units: jsonInteger(row.units),
              failed_calls: jsonInteger(row.failed),
              bytes_in: jsonInteger(row.bytesIn),
              bytes_out: jsonInteger(row.bytesOut),
            }),
          ),
        };
      },
    }),
  ];
}
