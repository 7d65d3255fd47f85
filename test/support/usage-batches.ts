import type { UsageBatchDoc, UsageEntry } from '../../server/store/usage.ts';

const HOUR_MS = 3_600_000;

/** A batch as a gateway ships it, of these entries. @param storedAt  epoch ms */
export const usageBatch = (node: string, boot: string, number: number, entries: UsageEntry[], storedAt: number): UsageBatchDoc => ({
  _id: `${node}.${boot}.${number}.0`,
  node,
  boot,
  number,
  entries,
  subs: [...new Set(entries.map((entry) => entry.sub))],
  windows: [...new Set(entries.map((entry) => `${entry.sub}|${entry.window}`))],
  minTs: Math.min(...entries.map(({ hour }) => hour)),
  maxTs: Math.max(...entries.map(({ hour }) => hour)) + HOUR_MS - 1,
  storedAt,
  sha256: 'none',
});
