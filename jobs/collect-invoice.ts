import type { Job } from './job.ts';

/** Take one invoice through Stripe, from wherever it stands; one that waits is tried again when its day has come. */
export const collectInvoice: Job<'collect-invoice'> = {
  name: 'collect-invoice',
  async run({ invoiceId }, { invoicing, clock }) {
    await invoicing.bringForward(invoiceId, clock.now());
  },
};
