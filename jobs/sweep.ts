import { SYSTEM } from '../server/domain/actor.ts';
import type { Job } from './job.ts';

/** An event that is not handled by then was forgotten by the queue. */
const UNHANDLED_MS = 10_000;
/** An invoice that stands still this long has nobody at work on it. */
const STUCK_MS = 20_000;

/** Queue again, from the store, all that was left lying: what makes a lost Redis harmless. */
export const sweep: Job<'sweep'> = {
  name: 'sweep',
  async run(_, { catalog, inbox, invoicing, subscriptions, queue, clock }) {
    for (const eventId of await inbox.unhandled(SYSTEM, UNHANDLED_MS)) await queue.enqueue('handle-inbound-event', { eventId });
    for (const invoiceId of await invoicing.dueInvoices(clock.now(), STUCK_MS)) await queue.enqueue('collect-invoice', { invoiceId });
    for (const gatewayId of await catalog.deletion.unfinished(SYSTEM)) await queue.enqueue('delete-gateway', { gatewayId });
    await catalog.publishing.settleAbandoned(SYSTEM);
    // The last: it may ask Stripe, which may be away.
    await subscriptions.sweep(clock.now());
  },
};
