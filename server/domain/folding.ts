import { createHash } from 'node:crypto';
import type { CallRecord } from './metering.ts';

const HOUR_MS = 3_600_000;

export interface FoldedEntry {
  sub: string;
  window: string;
  hour: number;
  app: string;
  credential: string;
  api: string;
  operation: string;
  outcome: string;
  calls: bigint;
  units: Record<string, bigint>;
  bytesIn: bigint;
  bytesOut: bigint;
}

/** Fold calls into entries; the order of the calls changes nothing (invariant I2). */
export function foldCalls(records: readonly CallRecord[]): FoldedEntry[] {
  const entries = new Map<string, FoldedEntry>();
  for (const record of records) {
    const hour = Math.floor(record.admittedAt / HOUR_MS) * HOUR_MS;
    const key = [record.subscriptionId ?? '', record.window, hour, record.appId, record.credentialId, record.apiId, record.operation, record.outcome].join('\n');
    let entry = entries.get(key);
    if (!entry) {
      entry = {
        sub: record.subscriptionId ?? '', window: record.window, hour, app: record.appId, credential: record.credentialId, api: record.apiId,
        operation: record.operation, outcome: record.outcome, calls: 0n, units: {}, bytesIn: 0n, bytesOut: 0n,
      };
      entries.set(key, entry);
    }
    entry.calls += 1n;
    for (const [meter, units] of Object.entries(record.units)) entry.units[meter] = (entry.units[meter] ?? 0n) + BigInt(units);
    entry.bytesIn += BigInt(record.bytesIn);
    entry.bytesOut += BigInt(record.bytesOut);
  }
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** The fingerprint of folded entries: equal for equal calls, whatever their order. */
export const entriesHash = (entries: readonly FoldedEntry[]): string =>
  createHash('sha256')
    .update(JSON.stringify(entries, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)))
    .digest('hex');
