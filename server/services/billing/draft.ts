import type { InvoiceChange, InvoiceDoc, InvoiceStep } from '../../store/invoices.ts';
import type { Payments } from '../../stripe/payments.ts';
import { differences, stripeLines } from './stripe-lines.ts';
import { METADATA_KEY, goneAsNull } from './withdraw.ts';

/** What collecting lends to the drafts it begins with. */
export interface DraftDependencies {
  readonly payments: Pick<Payments, 'addInvoiceItem' | 'createInvoice' | 'findInvoiceByMetadata' | 'readInvoice'>;
  customerOf(invoice: InvoiceDoc): Promise<string>;
  key(invoice: InvoiceDoc, ...parts: string[]): string;
  /** Its step's key may be forgotten at Stripe. */
  isOld(invoice: InvoiceDoc): boolean;
  move(invoice: InvoiceDoc, step: InvoiceStep, change?: InvoiceChange): Promise<boolean>;
  hold(invoice: InvoiceDoc, difference: string): Promise<void>;
}

const GONE = 'it is not there any more';

/** Our invoice as a draft at Stripe, line by line the same. */
export function makeDraft({ payments, customerOf, key, isOld, move, hold }: DraftDependencies) {
  return {
    async create(invoice: InvoiceDoc): Promise<void> {
      const customerId = await customerOf(invoice);
      const before = isOld(invoice) ? await payments.findInvoiceByMetadata({ customerId, key: METADATA_KEY, value: invoice._id }) : null;
      const created =
        before ??
        (await payments.createInvoice({
          customerId,
          currency: invoice.currency,
          metadata: { [METADATA_KEY]: invoice._id, tollgate_subscription: invoice.subscriptionId },
          idempotencyKey: key(invoice, 'create'),
        }));
      await move(invoice, 'adding', { stripeInvoiceId: created.id });
    },

    /** One item per line. What stands there already, from a run that was cut short, is left alone. */
    async addLines(invoice: InvoiceDoc, stripeInvoiceId: string): Promise<void> {
      const customerId = await customerOf(invoice);
      const present = new Set((await payments.readInvoice(stripeInvoiceId)).lines.map(({ lineKey }) => lineKey));
      for (const line of stripeLines(invoice)) {
        if (present.has(line.key)) continue;
        await payments.addInvoiceItem({
          stripeInvoiceId,
          customerId,
          amountMinor: line.amountMinor,
          currency: invoice.currency,
          description: line.text,
          lineKey: line.key,
          idempotencyKey: key(invoice, 'item', line.key),
        });
      }
      await move(invoice, 'verifying');
    },

    /** Nothing is finalized that differs from ours, however small the difference (F33). */
    async verify(invoice: InvoiceDoc, stripeInvoiceId: string): Promise<void> {
      const found = await payments.readInvoice(stripeInvoiceId).catch(goneAsNull);
      const wrong = found ? differences(invoice, found) : GONE;
      return wrong === '' ? void (await move(invoice, 'numbering')) : hold(invoice, wrong);
    },
  };
}
