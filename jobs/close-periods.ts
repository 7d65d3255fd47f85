import type { Job } from './job.ts';

/** Subscriptions go on at their boundary; periods whose usage is complete are handed out, one job each. */
export const closePeriods: Job<'close-periods'> = {
  name: 'close-periods',
  async run(_, { invoicing, queue, clock }) {
    for (const { subscriptionId, index } of await invoicing.duePeriods(clock.now())) {
      await queue.enqueue('invoice-subscription', { subscriptionId, periodIndex: index });
    }
  },
};
