import { AppError } from '../../kernel/errors.ts';
import type { InvoiceChange, InvoiceDoc, InvoiceStep } from '../../store/invoices.ts';
import type { Payments, StripeInvoice } from '../../stripe/payments.ts';

export const METADATA_KEY = 'tollgate_invoice';
const PAID_THERE = 'it is paid there; put that right at Stripe first';

/** What collecting lends to taking back: its keys, its one conditional write, and what a state of Stripe's means. */
export interface WithdrawDependencies {
  readonly payments: Pick<Payments, 'discardDraft' | 'findInvoiceByMetadata' | 'readInvoice' | 'voidInvoice'>;
  /** In the books. */
  voided(invoice: InvoiceDoc): Promise<void>;
  customerOf(invoice: InvoiceDoc): Promise<string>;
  key(invoice: InvoiceDoc, ...parts: string[]): string;
  move(invoice: InvoiceDoc, step: InvoiceStep, change?: InvoiceChange): Promise<boolean>;
  mirror(invoice: InvoiceDoc, found: StripeInvoice): Promise<boolean>;
  hold(invoice: InvoiceDoc, difference: string): Promise<void>;
}

/** An invoice that Stripe does not know, or does not know any more. */
export function goneAsNull(error: unknown): null {
  if (error instanceof AppError && error.code === 'not-found') return null;
  throw error;
}

/** Takes invoices back at Stripe. Each verb may be repeated from wherever it was cut short. */
export function makeWithdraw({ payments, voided, customerOf, key, move, mirror, hold }: WithdrawDependencies) {
  async function atStripe(invoice: InvoiceDoc): Promise<StripeInvoice | null> {
    if (invoice.stripeInvoiceId) return payments.readInvoice(invoice.stripeInvoiceId).catch(goneAsNull);
    // Between the intent and the answer there may be a draft whose id never arrived.
    return invoice.step === 'creating'
      ? payments.findInvoiceByMetadata({ customerId: await customerOf(invoice), key: METADATA_KEY, value: invoice._id })
      : null;
  }

  return {
    /** Take an unpaid invoice back at Stripe, and here. */
    async withdraw(invoice: InvoiceDoc): Promise<void> {
      const found = await atStripe(invoice);
      if (found && (await mirror(invoice, found))) return;
      if (found?.status === 'draft') await payments.discardDraft(found.id);
      if (found?.status === 'open' || found?.status === 'uncollectible') {
        // Paid in this very moment: the next look finds it so.
        const taken = await payments.voidInvoice({ stripeInvoiceId: found.id, idempotencyKey: key(invoice, 'void') }).catch((error: unknown) => {
          if (error instanceof AppError && error.code === 'conflict') return null;
          throw error;
        });
        if (!taken) return;
      }
      await voided(invoice);
      await move(invoice, 'releasing', { status: 'void', void: true, nextAttemptAt: null });
    },

    /** Take back at Stripe alone what differs there; the invoice is made anew, under keys that were never used. */
    async discard(invoice: InvoiceDoc, stripeInvoiceId: string): Promise<void> {
      const found = await payments.readInvoice(stripeInvoiceId).catch(goneAsNull);
      if (found?.status === 'paid') return hold(invoice, PAID_THERE);
      if (found?.status === 'draft') await payments.discardDraft(found.id);
      if (found?.status === 'open' || found?.status === 'uncollectible')
        await payments.voidInvoice({ stripeInvoiceId: found.id, idempotencyKey: key(invoice, 'discard') });
      await move(invoice, 'creating', { stripeInvoiceId: null, remakes: invoice.remakes + 1 });
    },
  };
}
