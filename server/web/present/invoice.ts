import { invoiceNumber } from '../../domain/invoice-words.ts';
import type { Parties } from '../../services/overview.ts';
import type { InvoiceDoc } from '../../store/invoices.ts';
import { address } from './pagination.ts';
import { dateWords } from './time.ts';

/** As people and Stripe see it; a draft has none yet. */
export const numberWords = ({ number, providerId }: Pick<InvoiceDoc, 'number' | 'providerId'>): string =>
  number === null ? 'Not numbered yet' : invoiceNumber(providerId, number);

/** The half-open period that the usage lines speak of, in days. */
export const usagePeriodWords = ({ usageFrom, usageTo }: Pick<InvoiceDoc, 'usageFrom' | 'usageTo'>): string =>
  usageFrom === null || usageTo === null ? 'The first fee' : `${dateWords(usageFrom)} – ${dateWords(usageTo)}`;

/** An invoice in a list. */
export const invoiceRow = (invoice: InvoiceDoc) => ({
  id: invoice._id,
  label: numberWords(invoice),
  state: invoice.status,
  currency: invoice.currency,
  totalMinor: invoice.totalMinor,
  chargeMinor: invoice.chargeMinor,
  issuedAt: invoice.issuedAt,
  paidAt: invoice.paidAt,
  period: usagePeriodWords(invoice),
  subscriptionId: invoice.subscriptionId,
});

/** A line of usage leads to the calls behind it; a fee leads nowhere. */
function usageLink({ usageFrom, usageTo, subscriptionId }: InvoiceDoc, key: string): string | null {
  if (usageFrom === null || usageTo === null || key === 'base' || key === 'setup' || key.startsWith('adj.')) return null;
  return address('/usage', { subscription: subscriptionId, from: new Date(usageFrom).toISOString(), to: new Date(usageTo).toISOString(), by: 'operation' });
}

/** What charging came to, in one sentence. */
function outcomeWords({ status, chargeMinor, carriedMinor, waitingFor, lastFailure }: InvoiceDoc): string {
  switch (status) {
    case 'paid':
      if (chargeMinor > 0n) return 'Paid. Thank you.';
      return carriedMinor === 0n
        ? 'Nothing was due, so nothing was charged.'
        : carriedMinor > 0n
          ? 'Too little to charge: it is carried to the next invoice.'
          : 'A credit: it is carried to the next invoice.';
    case 'open':
      return waitingFor === 'confirmation' ? 'Your bank wants you to confirm the payment.' : lastFailure || 'The payment is being made.';
    case 'draft':
      return 'It is being prepared; the amounts are final.';
    case 'void':
      return 'Withdrawn: nothing is owed.';
    case 'uncollectible':
      return 'The payment could not be collected, and nothing is tried any more: it is written off. It can still be paid.';
    case 'needs_review':
      return 'We are checking it before anything is charged. You will hear from us.';
  }
}

/** One invoice as its page and its files show it: stored numbers alone, nothing is worked out anew (invariant I20). */
export const invoiceModel = (invoice: InvoiceDoc, parties: Parties) => ({
  ...invoiceRow(invoice),
  ...parties,
  outcome: outcomeWords(invoice),
  waitingFor: invoice.waitingFor,
  stripeUrl: invoice.status === 'open' || invoice.status === 'uncollectible' ? invoice.stripeUrl : null,
  subtotalMinor: invoice.subtotalMinor,
  carriedInMinor: invoice.carriedInMinor,
  carriedMinor: invoice.carriedMinor,
  // What differs at Stripe is for operators.
  failure: invoice.status === 'needs_review' ? '' : invoice.lastFailure,
  usageFrom: invoice.usageFrom,
  usageTo: invoice.usageTo,
  attempts: invoice.attempts,
  nextAttemptAt: invoice.nextAttemptAt,
  hash: invoice.hash,
  lines: invoice.lines.map((line) => ({
    key: line.key,
    text: line.text,
    quantity: line.quantity === null ? null : BigInt(line.quantity),
    amountMinor: line.amountMinor,
    explanation: line.explanation,
    exact: line.exact,
    usage: usageLink(invoice, line.key),
  })),
});

export type InvoiceModel = ReturnType<typeof invoiceModel>;
