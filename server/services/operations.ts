import type { CircuitBoard, OpenCircuit } from '../cache/circuits.ts';
import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Queue } from '../queue/queue.ts';
import type { Store } from '../store/index.ts';
import type { InvoiceDoc } from '../store/invoices.ts';
import type { PeriodDoc } from '../store/periods.ts';
import type { Audit } from './audit.ts';
import { makePeriodLists } from './billing/period-lists.ts';
import type { ReviewDecision } from './billing/review.ts';
import type { Earnings } from './earnings.ts';
import type { Inbox, InboxState } from './inbox.ts';
import type { Invoicing } from './invoicing.ts';
import type { Metering } from './metering.ts';
import { mustOperate } from './operators.ts';
import type { UsageTotals } from './usage-totals.ts';

const DAY_MS = 86_400_000;
const RECENT_DAYS = 62;
const WRITE_OFFS_DAYS = 400;
const WEBHOOK_DAYS = 30;
const WEBHOOKS_PAGE_SIZE = 50;

export type Operations = ReturnType<typeof makeOperations>;

export interface OperationsDependencies {
  readonly store: Pick<Store, 'accounts' | 'periods' | 'products' | 'settings' | 'subscriptions'>;
  readonly earnings: Pick<Earnings, 'writeOffs'>;
  readonly invoicing: Invoicing;
  readonly inbox: Inbox;
  readonly metering: Metering;
  readonly usageTotals: Pick<UsageTotals, 'auditAll' | 'findings' | 'recount'>;
  readonly circuits: Pick<CircuitBoard, 'open'>;
  readonly queue: Queue;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** What an operator sees and may push: periods, queues, webhooks, nodes. Rights are checked on the routes, every push is in the audit log. */
export function makeOperations({ store, earnings, invoicing, inbox, metering, usageTotals, circuits, queue, audit, clock }: OperationsDependencies) {
  const lists = makePeriodLists({ store, clock });

  async function named(periods: readonly PeriodDoc[]) {
    const subscriptions = new Map((await store.subscriptions.many([...new Set(periods.map((p) => p.subscriptionId))])).map((s) => [s._id, s]));
    const of = <T extends { _id: string }>(documents: readonly T[]) => new Map(documents.map((document) => [document._id, document]));
    const all = [...subscriptions.values()];
    const products = of(await store.products.productNames([...new Set(all.map((s) => s.productId))]));
    const buyers = of(await store.accounts.organizations([...new Set(all.map((s) => s.organizationId))]));
    return periods.map((period) => {
      const subscription = subscriptions.get(period.subscriptionId);
      return {
        id: period._id,
        subscriptionId: period.subscriptionId,
        index: period.index,
        startAt: period.startAt,
        endAt: period.endAt,
        state: period.status,
        latenessSeconds: period.latenessSeconds,
        productName: products.get(subscription?.productId ?? '')?.name ?? '',
        buyerName: buyers.get(subscription?.organizationId ?? '')?.name ?? '',
      };
    });
  }

  /** Who buys, and what. */
  async function partiesOf(invoices: readonly Pick<InvoiceDoc, 'organizationId' | 'productId'>[]) {
    const [buyers, products] = await Promise.all([
      store.accounts.organizations([...new Set(invoices.map(({ organizationId }) => organizationId))]),
      store.products.productNames([...new Set(invoices.map(({ productId }) => productId))]),
    ]);
    const names = new Map([...buyers, ...products].map(({ _id, name }) => [_id, name]));
    return ({ organizationId, productId }: (typeof invoices)[number]) => ({
      buyerName: names.get(organizationId) ?? '',
      productName: names.get(productId) ?? '',
    });
  }

  return {
    /** @param number  of each list's page, from 1 */
    async periods(actor: Actor, number: { readonly due: number; readonly closed: number }) {
      const now = clock.now();
      const watermark = await invoicing.watermark(actor);
      const [ended, closed] = await Promise.all([lists.due(number.due), lists.closed({ from: now - RECENT_DAYS * DAY_MS, to: now + 1 }, number.closed)]);
      const rows = await named([...ended.rows, ...closed.rows]);
      const due = rows.slice(0, ended.rows.length).map((period) => {
        const late = period.endAt + period.latenessSeconds * 1000;
        const waitsFor =
          watermark < period.endAt
            ? 'the gateways to store their usage'
            : now < late
              ? `late usage, until ${new Date(late).toISOString().slice(0, 16).replace('T', ' ')} UTC`
              : 'its turn';
        return { ...period, waitsFor, closable: watermark >= period.endAt };
      });
      return {
        due: { ...ended, rows: due },
        closed: { ...closed, rows: rows.slice(ended.rows.length) },
        days: RECENT_DAYS,
        findings: await usageTotals.findings(actor),
        watermark,
      };
    },

    /** `audit totals`: compare them with the batches of every window that is running or ended lately. */
    async auditTotals(actor: Actor): Promise<{ windows: number; wrong: number }> {
      const found = await usageTotals.auditAll(actor);
      await audit.append(actor, { action: 'platform:totals:update', resource: 'usage-totals', after: { ...found, audited: true } });
      return found;
    },
    /** @returns quantities that still differ */
    recount: async (actor: Actor, subscriptionId: string, window: string): Promise<number> => (await usageTotals.recount(actor, subscriptionId, window)).length,

    async closePeriod(actor: Actor, periodId: string): Promise<{ done: boolean; text: string }> {
      const at = periodId.lastIndexOf('_');
      const closing = await invoicing.closeByHand(actor, periodId.slice(0, at), Number(periodId.slice(at + 1)));
      return closing.state === 'invoiced' ? { done: true, text: 'The period is closed and billed.' } : { done: false, text: 'The period still waits.' };
    },

    /** A page of the invoices that differ at Stripe, with who buys and what; from 1. */
    async heldInvoices(actor: Actor, number: number) {
      const found = await invoicing.review.held(actor, number);
      const parties = await partiesOf(found.rows);
      return { ...found, rows: found.rows.map((invoice) => ({ invoice, ...parties(invoice) })) };
    },

    /** A page of what could not be collected lately, with who bought and what; from 1. */
    async writeOffs(actor: Actor, number: number) {
      mustOperate(actor);
      const until = clock.now() + 1;
      const found = await earnings.writeOffs({ from: until - WRITE_OFFS_DAYS * DAY_MS, to: until }, number);
      const parties = await partiesOf(found.rows);
      return { ...found, days: WRITE_OFFS_DAYS, rows: found.rows.map((row) => ({ ...row, ...parties(row) })) };
    },

    async heldInvoice(actor: Actor, id: string) {
      const held = await invoicing.review.compare(actor, id);
      return { ...held, ...(await partiesOf([held.invoice]))(held.invoice) };
    },

    decideInvoice: (actor: Actor, id: string, decision: ReviewDecision, reason: string) => invoicing.review.decide(actor, id, decision, reason),

    async queues(_actor: Actor) {
      try {
        return { available: true, queues: await queue.counts(), failures: await queue.failures(), circuits: await circuits.open() };
      } catch {
        // Redis away is a state of this page, not a fault of it.
        return { available: false, queues: [], failures: [], circuits: [] };
      }
    },

    async retryFailed(actor: Actor, name: string): Promise<number> {
      const retried = await queue.retryFailed(name);
      await audit.append(actor, { action: 'platform:queues:update', resource: `queue:${name}`, after: { retried } });
      return retried;
    },

    /** @param number  of the page, from 1 */
    async webhooks(actor: Actor, state: InboxState | null, number: number) {
      const now = clock.real();
      // Without Redis nobody can say; the page of the queues tells of that.
      const paused: OpenCircuit[] = await circuits.open().catch(() => []);
      const found = await inbox.page(actor, { from: now - WEBHOOK_DAYS * DAY_MS, to: now + 1 }, state, number, WEBHOOKS_PAGE_SIZE);
      const { all, received, dead } = found.counts;
      return {
        circuits: paused,
        days: WEBHOOK_DAYS,
        counts: { open: received, done: all - received - dead, dead },
        position: { page: found.page, size: found.size, total: found.total },
        events: found.rows.map((event) => ({
          id: event._id,
          type: event.type,
          receivedAt: event.receivedAt,
          state: event.status,
          attempts: event.attempts,
          result: event.result,
        })),
      };
    },

    async replay(actor: Actor, id: string): Promise<void> {
      const revived = await inbox.revive(actor, id).then(
        () => true,
        (error: unknown) => {
          if (error instanceof AppError && error.code === 'conflict') return false;
          throw error;
        },
      );
      if (!revived) await inbox.handle(actor, id);
    },

    nodes: async (actor: Actor) => ({ nodes: await metering.nodes(actor) }),
    retire: (actor: Actor, node: string) => metering.retireNode(actor, node),
  };
}
