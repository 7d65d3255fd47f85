import { PLATFORM_ORGANIZATION, type Actor } from '../../domain/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Store } from '../../store/index.ts';
import type { InvoiceDoc } from '../../store/invoices.ts';
import type { Payments, StripeInvoice } from '../../stripe/payments.ts';
import type { Audit } from '../audit.ts';
import { inOrderOf, makeKeptLists, oldestFirst, pageOfList, type ListPage } from '../kept-lists.ts';
import { mustOperate } from '../operators.ts';
import type { Collect } from './collect.ts';
import { differences, stripeLines } from './stripe-lines.ts';
import { goneAsNull } from './withdraw.ts';

export interface ReviewDependencies {
  readonly store: Pick<Store, 'invoices' | 'settings'>;
  readonly payments: Pick<Payments, 'readInvoice'>;
  readonly collect: Pick<Collect, 'release'>;
  readonly audit: Audit;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** `verify`: it was put right at Stripe, compare again. `remake`: take it back at Stripe and make it anew from ours. */
export type ReviewDecision = 'remake' | 'verify';

/** A line here and at Stripe; null where it is not. */
export interface ComparedLine {
  readonly text: string;
  readonly oursMinor: bigint | null;
  readonly theirsMinor: bigint | null;
}

/** An invoice that was stopped, beside what Stripe has. */
export interface HeldInvoice {
  readonly invoice: InvoiceDoc;
  readonly lines: readonly ComparedLine[];
  readonly theirs: Pick<StripeInvoice, 'currency' | 'status' | 'totalMinor'> | null;
  /** What differs now; empty when nothing does any more. */
  readonly difference: string;
}

export const REVIEW_REASON_MAX = 1_000;
const PAGE_SIZE = 25;

/** Invoices that differ at Stripe were stopped before they were finalized (F33). Only a person lets them go on. */
export function makeReview({ store, payments, collect, audit, clock }: ReviewDependencies) {
  const lists = makeKeptLists({ settings: store.settings, clock });

  return {
    /** A page of them, the oldest first; from 1. */
    async held(actor: Actor, number: number): Promise<ListPage<InvoiceDoc>> {
      mustOperate(actor);
      const all = await lists.read('heldInvoices', PLATFORM_ORGANIZATION, async () => (await store.invoices.heldTimes()).sort(oldestFirst));
      const found = pageOfList(all, number, PAGE_SIZE);
      const ids = found.rows.map(({ id }) => id);
      return { ...found, rows: inOrderOf(ids, await store.invoices.many(ids)) };
    },

    /** @throws not-found when it is not held */
    async compare(actor: Actor, id: string): Promise<HeldInvoice> {
      mustOperate(actor);
      const invoice = await store.invoices.get(id);
      if (invoice?.status !== 'needs_review') throw new AppError('not-found');
      const theirs = invoice.stripeInvoiceId ? await payments.readInvoice(invoice.stripeInvoiceId).catch(goneAsNull) : null;
      return { invoice, theirs, lines: compareLines(invoice, theirs), difference: theirs ? differences(invoice, theirs) : 'it is not there any more' };
    },

    /**
     * @param reason  why, for the audit log; at least a word
     * @returns the invoice as far as it came: held again when it still differs
     * @throws not-found invalid-form conflict
     */
    async decide(actor: Actor, id: string, decision: ReviewDecision, reason: string): Promise<InvoiceDoc> {
      mustOperate(actor);
      const why = reason.trim();
      if (why === '' || why.length > REVIEW_REASON_MAX)
        throw new AppError('invalid-form', undefined, { fields: { reason: `Say why, in ${REVIEW_REASON_MAX} characters at most.` } });
      const before = await store.invoices.get(id);
      if (!before) throw new AppError('not-found');
      const after = await collect.release(id, decision === 'verify' ? 'verifying' : 'discarding');
      await audit.append(actor, {
        action: 'platform:invoices:decide',
        resource: `invoice:${id}`,
        before: { status: before.status, stripeInvoiceId: before.stripeInvoiceId, difference: before.lastFailure },
        after: { decision, reason: why, status: after.status, stripeInvoiceId: after.stripeInvoiceId },
      });
      return after;
    },
  };
}

function compareLines(invoice: InvoiceDoc, theirs: StripeInvoice | null): ComparedLine[] {
  const rest = [...(theirs?.lines ?? [])];
  const ours = stripeLines(invoice).map(({ key, text, amountMinor }) => {
    const at = rest.findIndex(({ lineKey }) => lineKey === key);
    const same = at < 0 ? undefined : rest.splice(at, 1)[0];
    return { text, oursMinor: amountMinor, theirsMinor: same?.amountMinor ?? null };
  });
  return [...ours, ...rest.map(({ description, amountMinor }) => ({ text: description ?? 'No text', oursMinor: null, theirsMinor: amountMinor }))];
}
