import { isOperator, type Actor } from '../domain/actor.ts';
import { givenUpAt } from '../domain/dunning.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Store } from '../store/index.ts';
import type { InvoiceDoc } from '../store/invoices.ts';
import type { PeriodDoc } from '../store/periods.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import type { Payments } from '../stripe/payments.ts';
import type { Audit } from './audit.ts';
import { mustOperate } from './operators.ts';
import { makeTimeline, type Timed, type Timeline } from './timeline.ts';
import { makeCarry } from './billing/carry.ts';
import { makeClose, type BoundaryFollower, type Closing } from './billing/close.ts';
import { isGivenUp, isPutOff, makeCollect, type InvoiceFollowers } from './billing/collect.ts';
import { invoiceId, makeIssue } from './billing/issue.ts';
import { makeReview } from './billing/review.ts';
import type { UsageReader } from './billing/usage-reader.ts';
import type { Earnings } from './earnings.ts';
import type { FirstInvoices, FirstPayment } from './subscription-purchase.ts';

export type { Closing } from './billing/close.ts';
export type { UsageGroup, UsageReader } from './billing/usage-reader.ts';

export interface InvoicingDependencies {
  readonly store: Pick<Store, 'accounts' | 'invoices' | 'periods' | 'products' | 'settings' | 'subscriptions'>;
  readonly payments: Payments;
  readonly usage: UsageReader;
  readonly earnings: Earnings;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** The platform's share of every line, in hundredths of a percent. */
  readonly platformFeeBps: bigint;
  /** Subscriptions follow invoices and the other way round; so they are asked for at each use. */
  readonly subscriptions: () => BoundaryFollower & InvoiceFollowers;
}

/** What one round found and did. */
export interface BillingRound {
  readonly closed: number;
  readonly collected: number;
  /** Periods that wait for usage to be stored. */
  readonly held: readonly string[];
  /** Invoices and periods that could not be brought forward, with the reason. */
  readonly failed: readonly string[];
}

interface Range {
  readonly from: number;
  readonly to: number;
}

export interface InvoicePage {
  readonly invoices: readonly InvoiceDoc[];
  /** In the whole range. */
  readonly total: number;
}

export type Invoicing = ReturnType<typeof makeInvoicing>;

/** From usage to money: closes periods, issues the invoice of each boundary, collects it through Stripe. */
export function makeInvoicing(dependencies: InvoicingDependencies) {
  const { store, payments, usage, earnings, audit, clock, ids, log, platformFeeBps, subscriptions } = dependencies;
  const [bought, sold] = (['organizationId', 'providerId'] as const).map((side) =>
    makeTimeline((id, from, to) => store.invoices.timesOf(side, id, from, to), clock),
  ) as [Timeline, Timeline];
  async function pageOf(timeline: Timeline, organizationId: string, range: Range, number: number, size: number): Promise<InvoicePage> {
    const { ids, total } = await timeline.page(organizationId, range, number, size);
    return { invoices: newestFirst(await store.invoices.many(ids)), total };
  }
  const carry = makeCarry({ store });
  const issue = makeIssue({ store, usage, carry, clock, feeBps: platformFeeBps });
  const close = makeClose({ store, usage, issue, clock, ids, followers: subscriptions });
  const collect = makeCollect({ store, payments, earnings, carry, clock, log, followers: subscriptions });

  const review = makeReview({ store, payments, collect, audit, clock });

  function firstPayment(invoice: InvoiceDoc): FirstPayment {
    if (invoice.status === 'paid') return invoice.chargeMinor > 0n ? { kind: 'paid' } : { kind: 'nothing-due' };
    if (invoice.status === 'void') return { kind: 'void' };
    if (invoice.waitingFor === 'confirmation' && invoice.stripeUrl !== null) return { kind: 'requires-action', url: invoice.stripeUrl };
    // What differs at Stripe is for operators.
    const reason = invoice.status === 'needs_review' ? '' : invoice.lastFailure;
    return { kind: 'declined', message: reason || 'The payment is being looked at. You will hear from us.' };
  }

  const firsts: FirstInvoices = {
    async openFirst(subscription) {
      const { _id } = await issue.first(subscription);
      await collect.run(_id);
      return firstPayment(await collect.retry(_id));
    },
    async refreshFirst(subscription) {
      const invoice = await store.invoices.get(invoiceId(subscription._id, 0));
      if (!invoice) return null;
      const present = await collect.refresh(invoice._id);
      return present.status === 'paid' ? firstPayment(present) : null;
    },
    async abandonFirst(subscription) {
      const id = invoiceId(subscription._id, 0);
      // Cut short before it was written: written now, it can be voided, and whoever was about to write it finds it void.
      if (await carry.isTaken(id)) await issue.first(subscription);
      return collect.abandon(id);
    },
  };

  async function closePeriod(subscriptionId: string, index: number, options: { byHand?: boolean } = {}): Promise<Closing> {
    const closing = await close.period(subscriptionId, index, options);
    if (closing.state === 'invoiced' && closing.invoice) return { ...closing, invoice: await collect.run(closing.invoice._id) };
    return closing;
  }

  /** As far as it comes by itself; one that waits is tried again when its day has come or there is another card. */
  async function bringForward(id: string, now: number): Promise<InvoiceDoc> {
    const invoice = await collect.run(id);
    if (await collect.isDue(invoice, now)) return collect.retry(id);
    return isGivenUp(invoice, now) ? collect.giveUp(id) : invoice;
  }

  /** Ours for the buyer, the seller and operators; unknown to everybody else. */
  function visible(actor: Actor, invoice: InvoiceDoc | null): InvoiceDoc {
    if (!invoice || !(isOperator(actor) || actor.organizationId === invoice.organizationId || actor.organizationId === invoice.providerId))
      throw new AppError('not-found');
    return invoice;
  }

  async function byStripeId(stripeInvoiceId: string): Promise<InvoiceDoc | null> {
    const known = await store.invoices.byStripeId(stripeInvoiceId);
    if (known) return known;
    // The event may be here before the answer to our own request is stored; Stripe's copy names ours.
    const { metadata } = await payments.readInvoice(stripeInvoiceId);
    return metadata.tollgate_invoice ? store.invoices.get(metadata.tollgate_invoice) : null;
  }

  /** Whatever happened to it at Stripe: its present state there decides. */
  async function follow(stripeInvoiceId: string): Promise<string> {
    const invoice = await byStripeId(stripeInvoiceId);
    if (!invoice) return 'not ours';
    const present = await collect.refresh(invoice._id);
    return `${present._id} ${present.status}`;
  }

  return {
    ...firsts,
    review,
    closePeriod,

    /** Bring an invoice as far as it comes by itself. */
    collect: (id: string): Promise<InvoiceDoc> => collect.run(id),

    /** Try to collect an open invoice again, now. @throws not-found */
    async retry(actor: Actor, id: string): Promise<InvoiceDoc> {
      const invoice = visible(actor, await store.invoices.get(id));
      const tried = await collect.retry(invoice._id);
      await audit.append(actor, {
        action: 'market:invoices:pay',
        resource: `invoice:${id}`,
        organizationId: invoice.organizationId,
        after: { status: tried.status },
      });
      return tried;
    },

    /** An operator closes a period without waiting for its lateness. @throws not-found conflict */
    async closeByHand(actor: Actor, subscriptionId: string, index: number): Promise<Closing> {
      mustOperate(actor);
      const closing = await closePeriod(subscriptionId, index, { byHand: true });
      if (closing.state === 'waiting') throw new AppError('conflict', HELD_WORDS[closing.for]);
      await audit.append(actor, {
        action: 'platform:periods:close',
        resource: `period:${subscriptionId}_${index}`,
        after: { invoice: closing.invoice?._id ?? null },
      });
      return closing;
    },

    /** Close a period and issue the invoice of its end, without collecting it. */
    issuePeriod: (subscriptionId: string, index: number): Promise<Closing> => close.period(subscriptionId, index),

    /** Subscriptions go on at their boundary. @returns periods that can be closed, oldest first */
    async duePeriods(now: number): Promise<PeriodDoc[]> {
      const ended = await close.due(now);
      if (ended.length === 0) return [];
      const watermark = await usage.watermark();
      for (const { subscriptionId, index, status } of ended) if (status === 'open') await subscriptions().atBoundary(subscriptionId, index + 1);
      return ended.filter(({ status, endAt, latenessSeconds }) => status !== 'open' || (watermark >= endAt && now >= endAt + latenessSeconds * 1000));
    },

    /** Ids of invoices that can be brought forward: those left standing for longer than `stuckMs`, and those whose next try is due. */
    async dueInvoices(now: number, stuckMs = 0): Promise<string[]> {
      const stuck = (await store.invoices.unsettled()).filter((invoice) => invoice.stepAt <= now - stuckMs && !isPutOff(invoice, now));
      const open = await store.invoices.inStatus('open');
      const due = await Promise.all(open.map(async (invoice) => isGivenUp(invoice, now) || collect.isDue(invoice, now)));
      return [...stuck, ...open.filter((_, index) => due[index])].map(({ _id }) => _id);
    },

    bringForward,

    /** All that is due, here and now: what the jobs do between them, for the sandbox clock and for tests. Never fails as a whole. */
    async round(now: number = clock.now()): Promise<BillingRound> {
      const failed: string[] = [];
      const held: string[] = [];
      let [closed, collected] = [0, 0];
      const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
        try {
          await work();
        } catch (error) {
          failed.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
          log.warn({ err: error, what }, 'left for the next round');
        }
      };
      for (const period of await close.due(now)) {
        await attempt(period._id, async () => {
          // The subscription goes on at its boundary; the invoice waits for late usage.
          await subscriptions().atBoundary(period.subscriptionId, period.index + 1);
          const closing = await closePeriod(period.subscriptionId, period.index);
          if (closing.state === 'invoiced') closed += 1;
          else if (closing.for === 'watermark') held.push(period._id);
        });
      }
      for (const id of await this.dueInvoices(now)) {
        await attempt(id, async () => {
          await bringForward(id, now);
          collected += 1;
        });
      }
      return { closed, collected, held, failed };
    },

    /** When something is due next, after `now`: ends of periods and of their lateness, tries to collect, and their end. Null: nothing is. */
    async nextDue(now: number, until: number): Promise<number | null> {
      const open = await store.periods.ended('open', now - LATENESS_MS_MAX, until + 1);
      const instants = open.flatMap(({ endAt, latenessSeconds }) => [endAt, endAt + latenessSeconds * 1000]);
      for (const invoice of await store.invoices.inStatus('open')) instants.push(invoice.nextAttemptAt ?? givenUpAt(invoice) ?? now);
      const ahead = instants.filter((at) => at > now && at <= until);
      return ahead.length === 0 ? null : Math.min(...ahead);
    },

    get: async (actor: Actor, id: string): Promise<InvoiceDoc> => visible(actor, await store.invoices.get(id)),
    /** When which of the buyer's were issued, epoch ms, from memory. */
    issued: (actor: Actor): Promise<readonly Timed[]> => bought.rows(actor.organizationId, { from: 0, to: clock.now() + 1 }),
    /** The buyer's among these, in their order. */
    async some(actor: Actor, ids: readonly string[]): Promise<InvoiceDoc[]> {
      const found = new Map((await store.invoices.many(ids)).map((invoice) => [invoice._id, invoice]));
      return ids.flatMap((id) => found.get(id) ?? []).filter(({ organizationId }) => organizationId === actor.organizationId);
    },
    /** The buyer's that wait to be paid, or were given up and would still be paid off, newest first. */
    unpaid: async (actor: Actor): Promise<InvoiceDoc[]> => newestFirst(await store.invoices.unpaidOf(actor.organizationId)),
    /** Does an invoice of the buyer wait for a card, or for the bank's confirmation? */
    awaitsBuyer: async (actor: Actor): Promise<boolean> => (await store.invoices.openOf(actor.organizationId)).some(({ waitingFor }) => waitingFor !== null),
    /** Credits, and debts too small to charge, that ended subscriptions left: the next invoice of the same seller takes them over. */
    leftOver: (actor: Actor): Promise<InvoiceDoc[]> => carry.leftOver(actor.organizationId),
    /** What a first invoice of this seller in this currency would take over, minor units; below zero: a credit. */
    keptFor: async (actor: Actor, { providerId, currency }: Pick<SubscriptionDoc, 'currency' | 'providerId'>): Promise<bigint> =>
      (await carry.preview({ _id: '', organizationId: actor.organizationId, providerId, currency })).minor,
    /** A page of the buyer's, newest first; from 1. */
    page: (actor: Actor, range: Range, number: number, size: number): Promise<InvoicePage> => pageOf(bought, actor.organizationId, range, number, size),
    /** A page of what the actor's organization sold, newest first; from 1. */
    soldPage: (actor: Actor, range: Range, number: number, size: number): Promise<InvoicePage> => pageOf(sold, actor.organizationId, range, number, size),
    /** What a period would be invoiced as, if it ended as it stands; the running one if none is named. */
    preview: (subscription: SubscriptionDoc, index?: number): Promise<InvoiceDoc | null> => issue.preview(subscription, index),
    /** For operators: usage of before is stored by every gateway. */
    async watermark(actor: Actor): Promise<number> {
      mustOperate(actor);
      return usage.watermark();
    },

    onInvoiceFinalized: follow,
    onInvoicePaid: follow,
    onInvoicePaymentFailed: follow,
    onInvoiceUncollectible: follow,
    onInvoiceVoided: follow,
  };
}

/** The longest lateness the configuration allows. */
const LATENESS_MS_MAX = 604_800_000;

const HELD_WORDS = {
  earlier: 'The period before it is not invoiced yet.',
  lateness: 'It ended only just now.',
  lease: 'It is being closed at this moment.',
  'not-ended': 'It has not ended yet.',
  watermark: 'Usage of it is not stored yet: a gateway has not reported it. The page of the gateways says which.',
} as const;

const newestFirst = (invoices: InvoiceDoc[]): InvoiceDoc[] => invoices.sort((a, b) => b.issuedAt - a.issuedAt || (a._id < b._id ? 1 : -1));
