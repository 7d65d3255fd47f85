import { writtenAt, type AwaitedInvoice, type SubscriptionOverview } from '../../services/overview.ts';
import type { SubscriptionRow } from '../../services/subscriptions.ts';
import { runningPeriod } from './buyer.ts';
import { dateWords } from './time.ts';

/** The lines of the invoice that would be written now. */
export const nextInvoiceModel = ({ next, subscription }: SubscriptionOverview) =>
  next === null || !subscription.live
    ? null
    : {
        currency: next.currency,
        totalMinor: next.totalMinor,
        chargeMinor: next.chargeMinor,
        carriedMinor: next.carriedMinor,
        carriedInMinor: next.carriedInMinor,
        lines: next.lines.map(({ text, quantity, amountMinor, explanation }) => ({
          text,
          quantity: quantity === null ? null : BigInt(quantity),
          amountMinor,
          explanation,
        })),
      };

const periodOf = (from: number, to: number): string => `${dateWords(from)} – ${dateWords(to)}`;

/** An invoice on its way, in a table beside those that are written. */
export const awaitedModel = ({ subscription, period, writtenAt: at, estimate }: AwaitedInvoice, product: string) => ({
  subscriptionId: subscription._id,
  product,
  period: periodOf(period.startAt, period.endAt),
  state: 'ended',
  writtenAt: at,
  currency: subscription.currency,
  estimateMinor: estimate?.totalMinor ?? null,
});

/** The invoice that the running period will end in, as a row of the same table. Null: none comes. */
export const upcomingModel = ({ subscription, product, period, next }: SubscriptionOverview) =>
  !subscription.live || subscription.anchorAt === null || period === null
    ? null
    : {
        subscriptionId: subscription._id,
        product: product.name,
        period: periodOf(period.startAt, period.endAt),
        state: 'running',
        writtenAt: writtenAt(period),
        currency: subscription.currency,
        estimateMinor: next?.totalMinor ?? null,
      };

/** The same for many subscriptions: when, without how much. */
export function upcomingRow(row: SubscriptionRow, now: number) {
  const period = runningPeriod(row, now);
  return (
    period && {
      subscriptionId: row.id,
      product: row.productName,
      period: periodOf(period.from, period.to),
      state: 'running',
      writtenAt: period.to,
      currency: row.currency,
      estimateMinor: null,
    }
  );
}
