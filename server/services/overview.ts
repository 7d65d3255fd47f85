import type { Actor } from '../domain/actor.ts';
import { REQUESTS_METER } from '../domain/plan.ts';
import type { Store } from '../store/index.ts';
import type { InvoiceDoc } from '../store/invoices.ts';
import type { PeriodDoc } from '../store/periods.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import { invoiceId } from './billing/issue.ts';
import type { Invoicing } from './invoicing.ts';
import { inOrderOf, pageOfNumbers } from './kept-lists.ts';
import type { Metering } from './metering.ts';
import type { SubscriptionDetails, Subscriptions } from './subscriptions.ts';

/** Units of the running period against what the plan speaks of. */
export interface UsedSoFar {
  /** Calls that were admitted and keep their place, in units: what a quota counts (rule N14). */
  readonly places: bigint;
  /** Units that will be billed. */
  readonly billable: bigint;
  /** `quota`: the plan ends or warns there; `included`: the price begins there; `none`: every unit has its price. */
  readonly against: 'included' | 'none' | 'quota';
  readonly hard: boolean;
  /** Null when there is nothing to measure against. */
  readonly whole: bigint | null;
}

export interface SubscriptionOverview extends SubscriptionDetails {
  readonly used: UsedSoFar;
  /** The next invoice, were the period to end now; null before there is a period. */
  readonly next: InvoiceDoc | null;
  /** What the usage of the running period comes to so far, minor units. */
  readonly spendMinor: bigint;
  /** Every call admitted before this instant is in these figures, epoch ms. */
  readonly asOf: number;
}

export interface OverviewDependencies {
  readonly subscriptions: Pick<Subscriptions, 'details' | 'get' | 'list'>;
  readonly metering: Pick<Metering, 'billableOf' | 'placesOf' | 'watermark'>;
  readonly invoicing: Pick<Invoicing, 'get' | 'preview'>;
  readonly store: Pick<Store, 'accounts' | 'invoices' | 'periods' | 'products'>;
}

/** Boundaries of a subscription whose invoices stand on one page. */
const BOUNDARIES_SHOWN = 24;

/** An invoice that is on its way: its period has ended, and late calls are still waited for. */
export interface AwaitedInvoice {
  readonly subscription: SubscriptionDoc;
  readonly period: PeriodDoc;
  /** Not before, epoch ms. */
  readonly writtenAt: number;
  /** As it would be written now. */
  readonly estimate: InvoiceDoc | null;
}

/** When the invoice of a period's end is written: late calls have until then, epoch ms. */
export const writtenAt = ({ endAt, latenessSeconds }: PeriodDoc): number => endAt + latenessSeconds * 1_000;

/** Who sold what to whom, by the names they go by now. */
export interface Parties {
  readonly seller: { readonly name: string; readonly email: string; readonly website: string };
  readonly buyer: { readonly name: string; readonly email: string };
  readonly product: { readonly name: string; readonly slug: string };
}

export type Overview = ReturnType<typeof makeOverview>;

/** Lines of the period that follows and of what was billed before are not part of what is being spent. */
const isUsage = ({ key }: { key: string }): boolean => key !== 'base' && key !== 'setup';

/** How running subscriptions stand: what was used, what it costs, what comes next. */
export function makeOverview({ subscriptions, metering, invoicing, store }: OverviewDependencies) {
  async function of(details: SubscriptionDetails): Promise<SubscriptionOverview> {
    const { subscription, period, document } = details;
    const meter = document.meters.find(({ code }) => code === REQUESTS_METER) ?? document.meters[0];
    const included = BigInt(meter?.price.included ?? 0);
    const quota = meter?.quota ? BigInt(meter.quota.limit) : null;
    const hard = meter?.quota?.hard ?? false;
    const window = period?.windows.at(-1);
    const asOf = await metering.watermark();
    const limits =
      quota !== null
        ? ({ against: 'quota', whole: quota } as const)
        : included > 0n
          ? ({ against: 'included', whole: included } as const)
          : ({ against: 'none', whole: null } as const);
    if (!period || !window || !meter || !subscription.live) {
      return { ...details, used: { places: 0n, billable: 0n, hard, ...limits }, next: null, spendMinor: 0n, asOf };
    }
    const key = `${period.index}.${window.changeIndex}`;
    const [places, billable, next] = await Promise.all([
      metering.placesOf(subscription._id, key),
      metering.billableOf(subscription._id, key),
      invoicing.preview(subscription),
    ]);
    return {
      ...details,
      next,
      asOf,
      used: { places: places[meter.code] ?? 0n, billable: billable[meter.code] ?? 0n, hard, ...limits },
      spendMinor: (next?.lines ?? []).filter(isUsage).reduce((sum, { amountMinor }) => sum + amountMinor, 0n),
    };
  }

  return {
    one: async (actor: Actor, id: string): Promise<SubscriptionOverview> => of(await subscriptions.details(actor, id)),
    /** Live ones and those that ran once, newest first. */
    /**
     * A subscription's invoices, the last boundary first.
     *
     * @param number  of the part, from 1; each is of as many boundaries
     * @returns `older`: there are boundaries before these. @throws not-found
     */
    async invoicesOf(actor: Actor, id: string, number = 1): Promise<{ invoices: InvoiceDoc[]; older: boolean }> {
      const { periodIndex } = await subscriptions.get(actor, id);
      // The invoice of the last period's end stands one further.
      const { from, to } = pageOfNumbers(periodIndex + 2, number, BOUNDARIES_SHOWN);
      const ids = Array.from({ length: to - from }, (_, n) => invoiceId(id, to - 2 - n));
      return { invoices: inOrderOf(ids, await store.invoices.many(ids)), older: from > 1 };
    },
    /** Invoices that these subscriptions wait for, the period that ended first at the head. */
    async awaited(owned: readonly SubscriptionDoc[]): Promise<AwaitedInvoice[]> {
      const waiting = await Promise.all(
        owned.map(async (subscription) => {
          const { _id, periodIndex, live, anchorAt } = subscription;
          if (anchorAt === null) return [];
          const ended = (await store.periods.notInvoiced(_id)).filter(({ index }) => index < periodIndex || (!live && index === periodIndex));
          return Promise.all(
            ended.map(async (period) => ({
              subscription,
              period,
              writtenAt: writtenAt(period),
              estimate: await invoicing.preview(subscription, period.index),
            })),
          );
        }),
      );
      return waiting.flat().sort((a, b) => a.writtenAt - b.writtenAt);
    },
    /** Periods of the actor's subscriptions that touch [from, to), the newest first, each with the invoice that bills its usage once there is one. */
    async periodsIn(owned: readonly SubscriptionDoc[], from: number, to: number): Promise<{ period: PeriodDoc; invoice: InvoiceDoc | null }[]> {
      const found = await Promise.all(
        owned.map(async ({ _id, periodIndex }) => {
          const periods: PeriodDoc[] = [];
          for (let index = periodIndex; index >= 0 && (periods.at(-1)?.startAt ?? to) > from; index -= 1) {
            const period = await store.periods.get(_id, index);
            if (period) periods.push(period);
          }
          const touching = periods.filter(({ startAt, endAt }) => startAt < to && endAt > from);
          const invoices = await store.invoices.many(touching.map(({ index }) => invoiceId(_id, index + 1)));
          return touching.map((period) => ({
            period,
            invoice: invoices.find((invoice) => invoice.kind === 'period' && invoice.periodIndex === period.index + 1 && !invoice.void) ?? null,
          }));
        }),
      );
      return found.flat().sort((a, b) => b.period.startAt - a.period.startAt);
    },
    /** An invoice with its parties. @throws not-found */
    async invoice(actor: Actor, id: string): Promise<{ invoice: InvoiceDoc; parties: Parties }> {
      const invoice = await invoicing.get(actor, id);
      const [product, seller, buyer] = await Promise.all([
        store.products.product(invoice.productId),
        store.accounts.organization(invoice.providerId),
        store.accounts.organization(invoice.organizationId),
      ]);
      const owner = buyer ? await store.accounts.user(buyer.ownerId) : null;
      return {
        invoice,
        parties: {
          seller: {
            name: seller?.seller?.displayName ?? seller?.name ?? invoice.providerId,
            email: seller?.seller?.supportEmail ?? '',
            website: seller?.seller?.website ?? '',
          },
          buyer: { name: buyer?.name ?? invoice.organizationId, email: owner?.email ?? '' },
          product: { name: product?.name ?? invoice.productId, slug: product?.slug ?? '' },
        },
      };
    },
    /** Of those the actor sees among these, in their order. */
    some: async (actor: Actor, ids: readonly string[]): Promise<SubscriptionOverview[]> => Promise.all((await subscriptions.list(actor, ids)).map(of)),
  };
}
