import { createHash } from 'node:crypto';
import { countedAt } from './events.ts';
import { keepsPlace, type CallRecord, type Outcome } from './metering.ts';

/** Calls that ended alike within one hour: the bill (rules of design §2). */
export interface UsageEntry {
  gatewayId: string;
  /** Empty: without a subscription. */
  subscriptionId: string;
  window: string;
  planVersionId: string;
  /** Hours since the epoch, UTC, of the admission. */
  hour: number;
  appId: string;
  credentialId: string;
  apiId: string;
  operation: string;
  outcome: Outcome;
  calls: bigint;
  /** By meter: what the calls cost or would cost; whether they do is the plan's word (rule N14). */
  units: Record<string, bigint>;
  bytesIn: bigint;
  bytesOut: bigint;
}

/** Units of one counter that keep their place. */
export interface Place {
  readonly gatewayId: string;
  readonly subscriptionId: string;
  readonly window: string;
  readonly meter: string;
  readonly units: bigint;
}

export interface SealedBatch {
  /** `node.boot.segment.offset`; equal content, equal id, however often it is made. */
  readonly id: string;
  readonly node: string;
  readonly boot: number;
  readonly segment: number;
  readonly entries: readonly UsageEntry[];
  readonly minTs: number;
  readonly maxTs: number;
  readonly calls: number;
  /** Calls as text, one a line, in the journal's own shape. */
  readonly log: string;
  /** Gateways whose provider finds notes beside calls of it. */
  readonly noted: readonly string[];
  readonly callsHash: string;
  readonly sha256: string;
}

export interface BatchBuilder {
  readonly calls: number;
  /** Earliest admission among them; MAX_SAFE_INTEGER when empty. */
  readonly minTs: number;
  /** `lines`: how the journal wrote the call, ending in a line break. */
  add(record: CallRecord, outcome: Outcome, lines: string): void;
  finish(): SealedBatch;
}

export const HOUR_MS = 3_600_000;
export const hourOf = (at: number): number => Math.floor(at / HOUR_MS);

export const batchId = (node: string, boot: number, segment: number): string => `${node}.${boot}.${segment}.0`;

/** A usage record older than 35 days is counted as refused (rule N13). */
const TOO_OLD: Outcome = 'refused.too-old';

/**
 * Fold finished calls into entries. @param receivedAt  the gateway's clock corrected by the
 * store's, epoch ms (rule N13: no record may lie more than 5 minutes after it)
 */
export function batchBuilder({ node, boot, segment, receivedAt }: { node: string; boot: number; segment: number; receivedAt: () => number }): BatchBuilder {
  const tallies: Tally[] = [];
  // By ids of the snapshot, whose hash is ready; a key joined of all that tells tallies apart would be made and hashed for each call.
  const byCredential = new Map<string, Map<string, Tally>>();
  const noted = new Set<string>();
  let [calls, minTs, maxTs, log] = [0, Number.MAX_SAFE_INTEGER, 0, ''];

  return {
    get calls() {
      return calls;
    },
    get minTs() {
      return minTs;
    },
    add(record, given, lines) {
      const at = countedAt(record.admittedAt, receivedAt());
      const outcome = at === undefined ? TOO_OLD : given;
      const instant = at ?? record.admittedAt;
      const hour = hourOf(instant);
      let byApi = byCredential.get(record.credentialId);
      if (!byApi) byCredential.set(record.credentialId, (byApi = new Map()));
      const newest = byApi.get(record.apiId) ?? null;
      let tally = newest;
      while (tally !== null && !folds(tally, record, outcome, hour)) tally = tally.older;
      if (tally === null) {
        tally = { record, outcome, hour, calls: 0, units: {}, bytesIn: 0, bytesOut: 0, older: newest };
        byApi.set(record.apiId, tally);
        tallies.push(tally);
      }
      tally.calls += 1;
      tally.bytesIn += record.bytesIn;
      tally.bytesOut += record.bytesOut;
      for (const meter in record.units) tally.units[meter] = (tally.units[meter] ?? 0) + (record.units[meter] ?? 0);
      if (record.notes !== undefined) noted.add(record.gatewayId);
      calls += 1;
      if (instant < minTs) minTs = instant;
      if (instant > maxTs) maxTs = instant;
      log += lines;
    },
    finish() {
      const entries = tallies.map(entryOf);
      const callsHash = createHash('sha256').update(log).digest('hex');
      return {
        id: batchId(node, boot, segment),
        node,
        boot,
        segment,
        entries,
        calls,
        log,
        noted: [...noted].sort(),
        callsHash,
        minTs: calls === 0 ? 0 : minTs,
        maxTs,
        sha256: entriesHash(entries, callsHash),
      };
    },
  };
}

/** While calls are added, plain numbers: the few thousand calls of one batch stay far below 2^53. */
interface Tally {
  /** The first of them: what all share. */
  readonly record: CallRecord;
  readonly outcome: Outcome;
  readonly hour: number;
  calls: number;
  readonly units: Record<string, number>;
  bytesIn: number;
  bytesOut: number;
  /** Another one of the same credential and API. */
  readonly older: Tally | null;
}

const folds = ({ record: first, outcome, hour }: Tally, record: CallRecord, given: Outcome, at: number): boolean =>
  outcome === given &&
  hour === at &&
  first.operation === record.operation &&
  first.subscriptionId === record.subscriptionId &&
  first.window === record.window &&
  first.appId === record.appId;

const entryOf = ({ record, outcome, hour, calls, units, bytesIn, bytesOut }: Tally): UsageEntry => ({
  gatewayId: record.gatewayId,
  subscriptionId: record.subscriptionId ?? '',
  window: record.window,
  planVersionId: record.planVersionId,
  hour,
  appId: record.appId,
  credentialId: record.credentialId,
  apiId: record.apiId,
  operation: record.operation,
  outcome,
  calls: BigInt(calls),
  units: Object.fromEntries(Object.entries(units).map(([meter, count]) => [meter, BigInt(count)])),
  bytesIn: BigInt(bytesIn),
  bytesOut: BigInt(bytesOut),
});

/** Hex SHA-256 of the entries and of the calls they fold: what an auditor compares. */
export function entriesHash(entries: readonly UsageEntry[], callsHash: string): string {
  const rows = entries.map((entry) => [
    entry.gatewayId,
    entry.subscriptionId,
    entry.window,
    entry.planVersionId,
    entry.hour,
    entry.appId,
    entry.credentialId,
    entry.apiId,
    entry.operation,
    entry.outcome,
    `${entry.calls}`,
    Object.entries(entry.units)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([meter, units]) => [meter, `${units}`]),
    `${entry.bytesIn}`,
    `${entry.bytesOut}`,
  ]);
  return createHash('sha256')
    .update(JSON.stringify([rows, callsHash]))
    .digest('hex');
}

/** Units that keep their place, by counter. */
export function placesOf(entries: readonly UsageEntry[]): Place[] {
  const places = new Map<string, { -readonly [K in keyof Place]: Place[K] }>();
  for (const { gatewayId, subscriptionId, window, outcome, units } of entries) {
    if (subscriptionId === '' || !keepsPlace(outcome)) continue;
    for (const [meter, count] of Object.entries(units)) {
      const key = `${gatewayId}.${subscriptionId}.${window}.${meter}`;
      const place = places.get(key);
      if (place) place.units += count;
      else places.set(key, { gatewayId, subscriptionId, window, meter, units: count });
    }
  }
  return [...places.values()];
}
