import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Store } from '../../store/index.ts';
import type { InvoiceDoc } from '../../store/invoices.ts';
import type { PeriodDoc, PeriodLease } from '../../store/periods.ts';
import type { SubscriptionDoc } from '../../store/subscriptions.ts';
import type { Issue } from './issue.ts';
import type { UsageReader } from './usage-reader.ts';

/** What a boundary means for its subscription; may be called any number of times. */
export interface BoundaryFollower {
  atBoundary(subscriptionId: string, index: number): Promise<SubscriptionDoc>;
}

export interface CloseDependencies {
  readonly store: Pick<Store, 'periods' | 'subscriptions'>;
  readonly usage: UsageReader;
  readonly issue: Issue;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly followers: () => BoundaryFollower;
}

/** How far a period came, and why not further. */
export type Closing =
  | { readonly state: 'invoiced'; readonly invoice: InvoiceDoc | null }
  /** `not-ended`, `lateness`: time; `watermark`: usage that may still arrive; `lease`: another worker is at it; `earlier`: the period before. */
  | { readonly state: 'waiting'; readonly for: 'earlier' | 'lateness' | 'lease' | 'not-ended' | 'watermark'; readonly until: number | null };

/** A close takes milliseconds; a worker that holds one this long is gone. */
const LEASE_MS = 60_000;

/** Closes periods: once by whoever wins, with quantities that never change afterwards. */
export function makeClose({ store, usage, issue, clock, ids, followers }: CloseDependencies) {
  const owner = ids.uuid();

  async function read(subscriptionId: string, index: number): Promise<PeriodDoc> {
    const period = await store.periods.get(subscriptionId, index);
    if (!period) throw new AppError('not-found');
    return period;
  }

  const waiting = (reason: Extract<Closing, { state: 'waiting' }>['for'], until: number | null = null): Closing => ({ state: 'waiting', for: reason, until });

  /** May an open period be closed? All of its usage must be stored, and time for latecomers given. */
  async function obstacle(period: PeriodDoc, byHand: boolean): Promise<Closing | null> {
    const now = clock.now();
    if (now < period.endAt) return waiting('not-ended', period.endAt);
    const patience = period.endAt + period.latenessSeconds * 1000;
    if (!byHand && now < patience) return waiting('lateness', patience);
    return (await usage.watermark()) < period.endAt ? waiting('watermark') : null;
  }

  /** Become the one who closes it. Null: another one is, and still has time. */
  async function lease(period: PeriodDoc): Promise<number | null> {
    const fence = (period.lease?.fence ?? 0) + 1;
    const mine: PeriodLease = { owner, until: clock.real() + LEASE_MS, fence };
    if (period.status === 'open') await store.periods.beginClosing(period._id, mine);
    else if (period.lease && period.lease.until <= clock.real()) await store.periods.takeOverClosing(period._id, period.lease.fence, mine);
    // A write whose answer was lost is found here as well: it is ours if it names us.
    const found = await read(period.subscriptionId, period.index);
    return found.status === 'closing' && found.lease?.owner === owner ? found.lease.fence : null;
  }

  async function freeze(period: PeriodDoc): Promise<PeriodDoc | null> {
    const fence = await lease(period);
    if (fence === null) {
      const found = await read(period.subscriptionId, period.index);
      return found.status === 'frozen' || found.status === 'invoiced' ? found : null;
    }
    await store.periods.freeze(period._id, fence, await issue.quantitiesOf(period), clock.now());
    const found = await read(period.subscriptionId, period.index);
    return found.status === 'closing' ? null : found;
  }

  /** The invoice of the boundary, from quantities that stand. */
  async function invoice(frozen: PeriodDoc): Promise<Closing> {
    const index = frozen.index + 1;
    const subscription = await followers().atBoundary(frozen.subscriptionId, index);
    const endsHere = subscription.endedAt !== null && subscription.endedAt <= frozen.endAt;
    const next = endsHere ? null : await read(frozen.subscriptionId, index);
    const issued = await issue.atBoundary(subscription, frozen, next);
    await store.periods.markInvoiced(frozen._id);
    return { state: 'invoiced', invoice: issued };
  }

  return {
    /**
     * Close a period and issue the invoice of its end. Safe to run twice and at once: the store decides.
     *
     * @param byHand  an operator does not wait for the lateness; usage that is not stored yet is waited for all the same
     */
    async period(subscriptionId: string, index: number, { byHand = false }: { byHand?: boolean } = {}): Promise<Closing> {
      const period = await read(subscriptionId, index);
      if (period.status === 'invoiced') return invoice(period);
      if (index > 0 && (await read(subscriptionId, index - 1)).status !== 'invoiced') return waiting('earlier');
      if (period.status === 'open') {
        const held = await obstacle(period, byHand);
        if (held) return held;
      }
      const frozen = period.status === 'frozen' ? period : await freeze(period);
      return frozen ? invoice(frozen) : waiting('lease');
    },

    /** Periods that ended and are not invoiced, oldest first. */
    async due(now: number): Promise<PeriodDoc[]> {
      const lists = await Promise.all((['open', 'closing', 'frozen'] as const).map((status) => store.periods.ended(status, 0, now + 1)));
      return lists.flat().sort((a, b) => a.endAt - b.endAt || a.index - b.index);
    },
  };
}
