import type { Job } from './job.ts';

/** Add the batches that no total holds yet. It looks into the store itself, so that it is the sweeper of what was missed as well. */
export const rollUpUsage: Job<'roll-up-usage'> = { name: 'roll-up-usage', run: async (_, { usageTotals }) => void (await usageTotals.rollUp()) };
