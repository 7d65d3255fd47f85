import { SYSTEM } from '../server/domain/actor.ts';
import type { Job } from './job.ts';

/** Compare totals with batches; what differs becomes rows that an operator sees, and nothing is put right by itself. */
export const auditTotals: Job<'audit-totals'> = {
  name: 'audit-totals',
  async run(_, { usageTotals, log }) {
    const { windows, wrong } = await usageTotals.auditAll(SYSTEM);
    if (wrong > 0) log.error({ windows, wrong }, 'usage totals differ from their batches: see the operator’s page of periods');
  },
};
