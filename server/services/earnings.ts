import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/index.ts';
import type { InvoiceDoc } from '../store/invoices.ts';
import type { LedgerEntry } from '../store/ledger.ts';
import type { FeeAmount } from '../stripe/port.ts';
import { inOrderOf, type ListPage } from './kept-lists.ts';
import { timelinePage, makeTimeline } from './timeline.ts';

export interface EarningsDependencies {
  readonly store: Pick<Store, 'invoices' | 'ledger'>;
  readonly clock: Pick<Clock, 'monotonic' | 'now'>;
}

/** An invoice that could not be collected; amounts in minor units. */
export interface WriteOff {
  readonly invoiceId: string;
  readonly organizationId: string;
  readonly productId: string;
  readonly at: number;
  readonly currency: string;
  readonly owedMinor: bigint;
  readonly sellerMinor: bigint | null;
  readonly platformMinor: bigint | null;
  readonly isBack: boolean;
}

const WRITE_OFFS_PAGE_SIZE = 25;

/** Causes of what was written off, and of its way back. */
const LOST = 'writeoff.';
const REVERSED = 'writeoff.reversed.';

export type Earnings = ReturnType<typeof makeEarnings>;

/** The books. Each posting carries its cause as its key, so whoever repeats it adds nothing (invariant I9). */
export function makeEarnings({ store, clock }: EarningsDependencies) {
  const lost = makeTimeline((_key, from, to) => store.invoices.writeOffTimes(from, to), clock);

  async function post(cause: string, currency: string, at: number, entries: readonly LedgerEntry[]): Promise<void> {
    const moved = entries.filter(({ amountMinor }) => amountMinor !== 0n);
    if (moved.length === 0) return;
    const sum = moved.reduce((total, { amountMinor }) => total + amountMinor, 0n);
    if (sum !== 0n) throw new RangeError(`entries of ${cause} do not sum to zero`);
    await store.ledger.post({ _id: cause, currency, entries: moved, at, bookedAt: clock.now() });
  }

  async function reverse(cause: string, by: string, at: number): Promise<void> {
    const booked = await store.ledger.get(cause);
    if (!booked) return;
    await post(
      by,
      booked.currency,
      at,
      booked.entries.map(({ account, amountMinor }) => ({ account, amountMinor: -amountMinor })),
    );
  }

  /** What the buyer owes for the lines, to whom it belongs. What was carried in was booked with the invoice it came from. */
  const finalizedEntries = ({ organizationId, providerId, subtotalMinor, lines }: InvoiceDoc): LedgerEntry[] => {
    // An invoice of 0 posts nothing (rule N16), not even a unit that rounding the shares of its lines would move.
    if (subtotalMinor === 0n) return [];
    return [
      { account: `receivable:${organizationId}`, amountMinor: subtotalMinor },
      { account: `provider_payable:${providerId}`, amountMinor: -lines.reduce((sum, { providerMinor }) => sum + providerMinor, 0n) },
      { account: 'platform_revenue', amountMinor: -lines.reduce((sum, { feeMinor }) => sum + feeMinor, 0n) },
    ];
  };

  return {
    finalized: (invoice: InvoiceDoc): Promise<void> => post(`inv.finalized.${invoice._id}`, invoice.currency, invoice.issuedAt, finalizedEntries(invoice)),

    paid: (invoice: InvoiceDoc): Promise<void> =>
      post(`pay.${invoice._id}`, invoice.currency, invoice.paidAt ?? clock.now(), [
        { account: 'stripe_clearing', amountMinor: invoice.chargeMinor },
        { account: `receivable:${invoice.organizationId}`, amountMinor: -invoice.chargeMinor },
      ]),

    /** What Stripe kept of the payment. The platform bears it; it is booked in the currency that Stripe settled in. */
    async processed(invoice: InvoiceDoc, fees: readonly FeeAmount[]): Promise<void> {
      for (const { currency, amountMinor, at } of fees) {
        const cause = currency === invoice.currency ? `fee.${invoice._id}` : `fee.${invoice._id}.${currency}`;
        await post(cause, currency, at, [
          { account: 'processing_fees', amountMinor },
          { account: 'stripe_clearing', amountMinor: -amountMinor },
        ]);
      }
    },

    /**
     * What could not be collected is owed to nobody any more (docs/decisions/0021): the buyer's debt goes, with it the seller's share and the taxes, which
     * were never received; the platform's fee is its own loss.
     * @param carried  the invoices whose debts and credits this one was to collect as well
     */
    async writtenOff(invoice: InvoiceDoc, carried: readonly string[]): Promise<void> {
      const booked = await store.ledger.many([invoice._id, ...carried].map((id) => `inv.finalized.${id}`));
      const given = new Map<string, bigint>([[`receivable:${invoice.organizationId}`, -invoice.chargeMinor]]);
      for (const { account, amountMinor } of booked.flatMap(({ entries }) => entries)) {
        if (account.startsWith('receivable:')) continue;
        const bearer = account === 'platform_revenue' ? 'writeoff' : account;
        given.set(bearer, (given.get(bearer) ?? 0n) - amountMinor);
      }
      await post(
        `${LOST}${invoice._id}`,
        invoice.currency,
        clock.now(),
        [...given].map(([account, amountMinor]) => ({ account, amountMinor })),
      );
    },

    /** It was paid after all, or withdrawn: what was written off is as it was, if it was. */
    recovered: (invoice: InvoiceDoc): Promise<void> => reverse(`${LOST}${invoice._id}`, `${REVERSED}${invoice._id}`, invoice.paidAt ?? clock.now()),

    /** What was booked for it comes back, if anything was. */
    voided: (invoice: InvoiceDoc): Promise<void> => reverse(`inv.finalized.${invoice._id}`, `void.${invoice._id}`, clock.now()),

    /** Postings that moved an account in [from, to), oldest first. */
    async statement(account: string, from: number, to: number) {
      return (await store.ledger.ofAccount(account, from, to)).sort((a, b) => a.at - b.at || (a._id < b._id ? -1 : 1));
    },

    /**
     * A page of what could not be collected in [from, to), newest first: of each invoice what the buyer owed, what of it was the seller's and what the platform's,
     * null until the books have it. One that was paid after all, or withdrawn, says so.
     *
     * @param number  of the page, from 1
     */
    async writeOffs(range: { readonly from: number; readonly to: number }, number: number): Promise<ListPage<WriteOff>> {
      const { ids, total, page } = await timelinePage(lost, 'all', range, number, WRITE_OFFS_PAGE_SIZE);
      const [invoices, postings] = await Promise.all([store.invoices.many(ids), store.ledger.many(ids.map((id) => `${LOST}${id}`))]);
      const booked = new Map(postings.map(({ _id, entries }) => [_id.slice(LOST.length), entries]));
      const share = (id: string, account: string): bigint | null =>
        booked
          .get(id)
          ?.filter((entry) => entry.account.split(':')[0] === account)
          .reduce((all, { amountMinor }) => all + amountMinor, 0n) ?? null;
      const rows = inOrderOf(ids, invoices).map(({ _id, organizationId, productId, writtenOffAt, currency, chargeMinor, status }) => ({
        invoiceId: _id,
        organizationId,
        productId,
        at: writtenOffAt ?? 0,
        currency,
        owedMinor: chargeMinor,
        sellerMinor: share(_id, 'provider_payable'),
        platformMinor: share(_id, 'writeoff'),
        isBack: status !== 'uncollectible',
      }));
      return { rows, total, page, size: WRITE_OFFS_PAGE_SIZE };
    },

    /** What a provider earned and is owed, per currency, over [from, to). Credits make an account negative; owed is shown positive. */
    async owedTo(providerId: string, from: number, to: number): Promise<Map<string, bigint>> {
      const account = `provider_payable:${providerId}`;
      const owed = new Map<string, bigint>();
      for (const { currency, entries } of await store.ledger.ofAccount(account, from, to)) {
        for (const entry of entries) if (entry.account === account) owed.set(currency, (owed.get(currency) ?? 0n) - entry.amountMinor);
      }
      return owed;
    },
  };
}
