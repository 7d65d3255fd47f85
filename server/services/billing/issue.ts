import { createHash } from 'node:crypto';
import { isBillableOutcome } from '../../domain/billable.ts';
import { adjustmentLines, baseLine, divide, setupLine, usageLines, type BilledLine, type LineDraft, type PeriodUsage } from '../../domain/invoice-lines.ts';
import { chargeOf, sum } from '../../domain/invoice-math.ts';
import { currencyOf } from '../../domain/money.ts';
import { canonicalJson, planOf, type Plan } from '../../domain/plan.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Store } from '../../store/index.ts';
import type { InvoiceDoc } from '../../store/invoices.ts';
import type { PeriodDoc } from '../../store/periods.ts';
import type { SubscriptionDoc } from '../../store/subscriptions.ts';
import type { Carry, CarriedIn } from './carry.ts';
import type { UsageReader } from './usage-reader.ts';

export interface IssueDependencies {
  readonly store: Pick<Store, 'invoices' | 'periods' | 'products' | 'subscriptions'>;
  readonly usage: UsageReader;
  readonly carry: Carry;
  readonly clock: Clock;
  readonly feeBps: bigint;
}

export type Issue = ReturnType<typeof makeIssue>;

/**
 * What an invoice can find late was stored since the one before, about the start of the period that ends, and admitted at most 35 days earlier (rule N13);
 * the rest is for closes that were held. Counted from that start, not from now: a year's next invoice comes a year later.
 */
const LATE_MS = 100 * 86_400_000;

export const invoiceId = (subscriptionId: string, index: number): string => `inv_${subscriptionId}_${index}`;
const windowKey = (index: number, changeIndex: number): string => `${index}.${changeIndex}`;

/** Hash of what is charged: it names the saga's requests, so that another content never goes under the same key (invariant I18). */
export const invoiceHash = (currency: string, lines: readonly LineDraft[], carriedInMinor: bigint): string =>
  createHash('sha256')
    .update(canonicalJson({ currency, carried: carriedInMinor.toString(), lines: lines.map(({ key, amountMinor }) => [key, amountMinor.toString()]) }))
    .digest('hex');

/** Makes invoices out of what the store holds: reads, calculates by the pure rules, inserts once. */
export function makeIssue({ store, usage, carry, clock, feeBps }: IssueDependencies) {
  interface Version {
    /** Product and plan as the invoice names them: words of the day it is written, kept with it. */
    readonly planName: string;
    readonly plan: Plan;
  }

  async function versionsOf(ids: readonly string[]): Promise<Map<string, Version>> {
    const found = await store.products.planVersions([...new Set(ids)]);
    const [products, plans] = await Promise.all([
      store.products.products([...new Set(found.map(({ productId }) => productId))]),
      Promise.all([...new Set(found.map(({ planId }) => planId))].map((id) => store.products.plan(id))),
    ]);
    const named = ({ productId, planId, planName }: (typeof found)[number]): string =>
      `${products.find(({ _id }) => _id === productId)?.name ?? productId} (${plans.find((plan) => plan?._id === planId)?.title ?? planName})`;
    return new Map(found.map((one) => [one._id, { planName: named(one), plan: planOf(one.document) }]));
  }

  const version = (versions: ReadonlyMap<string, Version>, id: string): Version => {
    const found = versions.get(id);
    if (!found) throw new AppError('internal', undefined, { cause: new Error(`plan version ${id} is gone`) });
    return found;
  };

  const versionIds = (period: PeriodDoc): string[] => period.windows.map(({ planVersionId }) => planVersionId);

  /** Windows with their plans; the units come from `unitsOf`. */
  function withPlans(
    period: PeriodDoc,
    versions: ReadonlyMap<string, Version>,
    unitsOf: (key: string, plan: Plan) => ReadonlyMap<string, bigint>,
  ): PeriodUsage {
    const windows = period.windows.map(({ changeIndex, from, planVersionId }, position) => {
      const { plan, planName } = version(versions, planVersionId);
      const key = windowKey(period.index, changeIndex);
      const at = { startAt: from, endAt: period.windows[position + 1]?.from ?? period.endAt };
      return { key, at, versionId: planVersionId, planName, plan, units: unitsOf(key, plan) };
    });
    return { index: period.index, period: { startAt: period.startAt, endAt: period.endAt }, windows };
  }

  /** Everything stored of a period so far, as units billable under the version of each window (rule N14). */
  async function countedUsage(period: PeriodDoc, versions: ReadonlyMap<string, Version>): Promise<PeriodUsage> {
    const groups = await usage.usageOf(
      period.subscriptionId,
      period.windows.map(({ changeIndex }) => windowKey(period.index, changeIndex)),
    );
    return withPlans(period, versions, (key, plan) => {
      const billable = groups.filter(({ window, outcome }) => window === key && isBillableOutcome(plan, outcome));
      return new Map(plan.meters.map(({ code }) => [code, sum(billable.map(({ units }) => units[code] ?? 0n))]));
    });
  }

  /** The same from the totals: for a preview, which is looked at often and bills nothing. */
  async function usageSoFar(period: PeriodDoc, versions: ReadonlyMap<string, Version>): Promise<PeriodUsage> {
    const counted = await usage.billableSoFar(
      period.subscriptionId,
      period.windows.map(({ changeIndex }) => windowKey(period.index, changeIndex)),
    );
    return withPlans(period, versions, (key, plan) => new Map(plan.meters.map(({ code }) => [code, counted.get(key)?.[code] ?? 0n])));
  }

  const frozenUsage = (period: PeriodDoc, versions: ReadonlyMap<string, Version>): PeriodUsage =>
    withPlans(period, versions, (key, plan) => new Map(plan.meters.map(({ code }) => [code, BigInt(period.frozen?.[key]?.[code] ?? '0')])));

  /** What closing a period freezes: billable units by window and meter. */
  async function quantitiesOf(period: PeriodDoc): Promise<Record<string, Record<string, string>>> {
    const counted = await countedUsage(period, await versionsOf(versionIds(period)));
    return Object.fromEntries(counted.windows.map(({ key, units }) => [key, Object.fromEntries([...units].map(([code, count]) => [code, count.toString()]))]));
  }

  const billedLines = (invoices: readonly InvoiceDoc[]): BilledLine[] =>
    invoices
      .filter((invoice) => !invoice.void)
      .flatMap(({ lines }) => lines.map(({ key, quantity, amountMinor }) => ({ key, quantity: BigInt(quantity ?? 0), amountMinor })));

  /** Lines for what came late into periods before this one that were billed already (rule N9). */
  async function lateLines({ subscriptionId, index, startAt }: PeriodDoc, invoices: readonly InvoiceDoc[], count = countedUsage): Promise<LineDraft[]> {
    const since = startAt - LATE_MS;
    const closed = (await store.periods.ofSubscription(subscriptionId)).filter(
      (period) => period.index < index && period.endAt >= since && period.status === 'invoiced',
    );
    const versions = await versionsOf(closed.flatMap(versionIds));
    const billed = billedLines(invoices);
    const lines: LineDraft[] = [];
    for (const period of closed.sort((a, b) => a.index - b.index)) lines.push(...adjustmentLines(await count(period, versions), billed));
    return lines;
  }

  interface Content {
    readonly index: number;
    readonly lines: readonly LineDraft[];
    readonly carried: CarriedIn;
    readonly usagePeriod: PeriodDoc | null;
  }

  function documentOf(subscription: SubscriptionDoc, { index, lines, carried, usagePeriod }: Content): InvoiceDoc {
    const currency = currencyOf(subscription.currency);
    const divided = divide(lines, feeBps, currency);
    const subtotalMinor = sum(lines.map(({ amountMinor }) => amountMinor));
    const totalMinor = subtotalMinor + carried.minor;
    const charge = chargeOf(totalMinor, currency.minimumChargeMinor);
    const now = clock.now();
    return {
      _id: invoiceId(subscription._id, index),
      subscriptionId: subscription._id,
      organizationId: subscription.organizationId,
      providerId: subscription.providerId,
      productId: subscription.productId,
      kind: 'period',
      periodIndex: index,
      ordinal: 0,
      status: 'draft',
      void: false,
      currency: subscription.currency,
      lines: divided.map((line) => ({ ...line, quantity: line.quantity?.toString() ?? null, explanation: [...line.explanation] })),
      subtotalMinor,
      carriedInMinor: carried.minor,
      totalMinor,
      ...charge,
      carryOpen: charge.carriedMinor !== 0n,
      carriedFrom: [...carried.from],
      hash: invoiceHash(subscription.currency, lines, carried.minor),
      number: null,
      numbered: false,
      step: 'issued',
      stepAt: now,
      unsettled: true,
      stripeInvoiceId: null,
      remakes: 0,
      stripeUrl: null,
      issuedAt: now,
      paidAt: null,
      attempts: 0,
      attemptKey: '',
      lastFailure: '',
      waitingFor: null,
      nextAttemptAt: null,
      usageFrom: usagePeriod?.startAt ?? null,
      usageTo: usagePeriod?.endAt ?? null,
    };
  }

  /** Insert it, unless its boundary has one: whichever stands in the store is the invoice (invariant I7). */
  async function insertOnce(invoice: InvoiceDoc): Promise<InvoiceDoc> {
    await store.invoices.add(invoice);
    const stored = await store.invoices.get(invoice._id);
    if (!stored) throw new AppError('internal', undefined, { cause: new Error(`${invoice._id} is neither new nor there`) });
    await carry.release(stored);
    return stored;
  }

  /** A set-up fee is charged once per buyer and product, not again on a return (rule N20). */
  async function owesSetup(subscription: SubscriptionDoc): Promise<boolean> {
    const others = await store.subscriptions.ofOrganization(subscription.organizationId);
    return !others.some(({ _id, productId, anchorAt }) => _id !== subscription._id && productId === subscription.productId && anchorAt !== null);
  }

  return {
    quantitiesOf,

    /** Invoice 0, before activation: the first base fee and the set-up fee. */
    async first(subscription: SubscriptionDoc): Promise<InvoiceDoc> {
      const standing = await store.invoices.get(invoiceId(subscription._id, 0));
      if (standing) return standing;
      const { plan, planName } = version(await versionsOf([subscription.planVersionId]), subscription.planVersionId);
      const setup = plan.setupMinor > 0n && (await owesSetup(subscription)) ? [setupLine(plan, planName)] : [];
      const carried = await carry.take(subscription, invoiceId(subscription._id, 0));
      return insertOnce(documentOf(subscription, { index: 0, lines: [baseLine(plan, planName, null), ...setup], carried, usagePeriod: null }));
    },

    /**
     * The invoice of the boundary at which a frozen period ended: base of the period that begins, in advance, unless the subscription
     * ended there; usage of the one that ended; what came late for those before.
     *
     * @param next  the period that begins at the boundary; null when none does
     * @returns null when there is nothing to say: the subscription had ended before, and nothing came late
     */
    async atBoundary(subscription: SubscriptionDoc, ended: PeriodDoc, next: PeriodDoc | null): Promise<InvoiceDoc | null> {
      const index = ended.index + 1;
      const standing = await store.invoices.get(invoiceId(subscription._id, index));
      if (standing) return standing;
      const invoices = await store.invoices.ofSubscription(subscription._id);
      const ranOn = subscription.endedAt === null || subscription.endedAt > ended.startAt;
      const versions = await versionsOf([...versionIds(ended), ...(next ? versionIds(next) : [])]);
      const first = next?.windows[0];
      const { plan, planName } = first ? version(versions, first.planVersionId) : { plan: null, planName: '' };
      const lines = [
        ...(next && plan && plan.baseMinor > 0n ? [baseLine(plan, planName, next)] : []),
        ...(ranOn ? usageLines(frozenUsage(ended, versions)) : []),
        ...(await lateLines(ended, invoices)),
      ];
      if (!ranOn && lines.length === 0) return null;
      const carried = await carry.take(subscription, invoiceId(subscription._id, index));
      return insertOnce(documentOf(subscription, { index, lines, carried, usagePeriod: ranOn ? ended : null }));
    },

    /** What a period that is not invoiced would bring as it stands, the running one if none is named: the lines of its usage and the base that follows (invariant I27). */
    async preview(subscription: SubscriptionDoc, index = subscription.periodIndex): Promise<InvoiceDoc | null> {
      const running = await store.periods.get(subscription._id, index);
      if (!running) return null;
      const endsHere = index === subscription.periodIndex && (subscription.cancelAtPeriodEnd || !subscription.live);
      const next = endsHere ? null : await store.periods.get(subscription._id, index + 1);
      const versions = await versionsOf([...versionIds(running), ...(next ? versionIds(next) : [])]);
      const invoices = await store.invoices.ofSubscription(subscription._id);
      const first = next?.windows[0];
      const begins = first ? version(versions, first.planVersionId) : null;
      const lines = [
        ...(next && begins && begins.plan.baseMinor > 0n ? [baseLine(begins.plan, begins.planName, next)] : []),
        ...usageLines(await usageSoFar(running, versions)),
        ...(await lateLines(running, invoices, usageSoFar)),
      ];
      return documentOf(subscription, { index: running.index + 1, lines, carried: await carry.preview(subscription), usagePeriod: running });
    },
  };
}
