import type { Connection } from 'mongoose';

/** Usage batches, call logs, totals and watermarks (rules of design §2, "usage exactly once"). */
export function makeUsageStore(_connection: Connection) {
  return { models: [] as { createIndexes(): Promise<unknown> }[] };
}

export type UsageStore = ReturnType<typeof makeUsageStore>;
