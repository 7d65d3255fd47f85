import type { InvoiceDoc } from '../../store/invoices.ts';
import type { StripeInvoice } from '../../stripe/payments.ts';

const CARRIED_KEY = 'carried';

interface StripeLine {
  readonly key: string;
  readonly text: string;
  readonly amountMinor: bigint;
}

/** The lines as Stripe gets them; what the invoice before left is one of them, so that the total is what is charged. */
export const stripeLines = ({ lines, carriedInMinor }: Pick<InvoiceDoc, 'lines' | 'carriedInMinor'>): StripeLine[] => [
  ...lines.map(({ key, text, amountMinor }) => ({ key, text, amountMinor })),
  ...(carriedInMinor === 0n ? [] : [{ key: CARRIED_KEY, text: 'Carried from the invoice before', amountMinor: carriedInMinor }]),
];

/** Is Stripe's invoice ours, line by line? (invariant I8) @returns what differs, for the operator; empty when nothing does */
export function differences(invoice: Pick<InvoiceDoc, 'lines' | 'carriedInMinor' | 'totalMinor' | 'currency'>, found: StripeInvoice): string {
  const expected = stripeLines(invoice);
  if (found.currency !== invoice.currency) return `currency ${found.currency} instead of ${invoice.currency}`;
  if (found.lines.length !== expected.length) return `${found.lines.length} lines instead of ${expected.length}`;
  const wrong = expected.find(({ key, amountMinor }) => found.lines.filter((line) => line.lineKey === key && line.amountMinor === amountMinor).length !== 1);
  if (wrong) return `line ${wrong.key} is not there once with ${wrong.amountMinor}`;
  return found.totalMinor === invoice.totalMinor ? '' : `total ${found.totalMinor} instead of ${invoice.totalMinor}`;
}
