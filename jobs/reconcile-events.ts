import { SYSTEM } from '../server/domain/actor.ts';
import type { Job } from './job.ts';

/** Find the events that were never delivered (F3). */
export const reconcileEvents: Job<'reconcile-events'> = {
  name: 'reconcile-events',
  async run(_, { inbox, log }) {
    const missed = await inbox.reconcile(SYSTEM);
    if (missed > 0) log.warn({ missed }, 'events found that were never delivered');
  },
};
