import type { Job } from './job.ts';

/** Close one period and issue the invoice of its end. The invoice's key turns a second run into a read. */
export const invoiceSubscription: Job<'invoice-subscription'> = {
  name: 'invoice-subscription',
  async run({ subscriptionId, periodIndex }, { invoicing, queue }) {
    const closing = await invoicing.issuePeriod(subscriptionId, periodIndex);
    if (closing.state === 'invoiced' && closing.invoice?.unsettled) await queue.enqueue('collect-invoice', { invoiceId: closing.invoice._id });
  },
};
