import type { CallNotes, CallRecord, Outcome } from './metering.ts';

/**
 * Calls as lines of text, in the journal and in the stored log alike:
 *   K<id>[…]   what many calls share, before the first that names it
 *   [n,id,…]   one call, number n of its boot
 *   E<n>,<n>…  the answers of these calls have ended
 */

/** What calls of one credential to one operation share: written once, then named by a number. */
export interface Shared {
  readonly id: number;
  readonly line: string;
}

export const sharedLine = (id: number, r: CallRecord): string =>
  `K${id}${JSON.stringify([r.gatewayId, r.apiId, r.environmentId, r.operation, r.appId, r.credentialId, r.subscriptionId, r.window, r.planVersionId, r.method, ...(r.via === '' ? [] : [r.via])])}\n`;

/** Rows are forgotten, and named anew, beyond this many. */
const SHARED_MAX = 50_000;

const same = (a: CallRecord, b: CallRecord): boolean =>
  a.operation === b.operation &&
  a.subscriptionId === b.subscriptionId &&
  a.window === b.window &&
  a.method === b.method &&
  a.apiId === b.apiId &&
  a.appId === b.appId &&
  a.environmentId === b.environmentId &&
  a.gatewayId === b.gatewayId &&
  a.planVersionId === b.planVersionId &&
  a.via === b.via;

interface Named extends Shared {
  /** The first call that was named so. */
  readonly record: CallRecord;
  /** Another row of the same credential and API. */
  readonly next: Named | null;
}

/**
 * Name what calls share: the same row for the same things. Looked up by ids of the snapshot, which are the same strings for each call and so have their hash
 * ready; a key joined of eleven parts has to be made and hashed each time.
 */
export function sharedRows(): (record: CallRecord) => Shared {
  const rows = new Map<string, Map<string, Named>>();
  let kept = 0;
  let count = 0;
  return (record) => {
    let ofCredential = rows.get(record.credentialId);
    const first = ofCredential?.get(record.apiId) ?? null;
    for (let row = first; row !== null; row = row.next) if (same(row.record, record)) return row;
    if (kept >= SHARED_MAX) {
      rows.clear();
      kept = 0;
      ofCredential = undefined;
    }
    if (!ofCredential) rows.set(record.credentialId, (ofCredential = new Map()));
    count += 1;
    kept += 1;
    const named: Named = { id: count, line: sharedLine(count, record), record, next: ofCredential.get(record.apiId) ?? null };
    ofCredential.set(record.apiId, named);
    return named;
  };
}

export function callLine(n: number, shared: number, r: CallRecord, outcome: Outcome = r.outcome): string {
  const row: unknown[] = [
    n,
    shared,
    r.callId,
    r.admittedAt,
    outcome,
    r.path,
    r.status,
    r.bytesIn,
    r.bytesOut,
    r.upstreamMs,
    r.totalMs,
    packedUnits(r.units),
    r.receipt,
  ];
  if (r.notes !== undefined) row.push(r.notes);
  return `${JSON.stringify(row)}\n`;
}

/** Nearly every call has units of `requests` alone: then the number stands for itself. */
function packedUnits(units: CallRecord['units']): number | CallRecord['units'] {
  for (const meter in units) if (meter !== 'requests') return units;
  return units.requests ?? {};
}

/** The last only of calls over a connection. */
type SharedRow = [string, string, string, string, string, string, string | null, string, string, string, string?];
type CallRow = [number, number, string, number, Outcome, string, number, number, number, number, number, number | Record<string, number>, number, CallNotes?];

/** A call as read back, with its place in the journal. */
export interface ReadCall {
  readonly n: number;
  readonly shared: Shared;
  readonly record: CallRecord;
  readonly line: string;
}

/** Reads lines in the order they were written; remembers the shared rows. */
export function lineReader(): { read(text: string, onCall: (call: ReadCall) => void, onEnded: (n: number) => void): void } {
  const rows = new Map<number, { shared: Shared; row: SharedRow }>();
  return {
    read(text, onCall, onEnded) {
      for (const line of text.split('\n')) {
        if (line.startsWith('K')) {
          const bracket = line.indexOf('[');
          const id = Number(line.slice(1, bracket));
          rows.set(id, { shared: { id, line: `${line}\n` }, row: JSON.parse(line.slice(bracket)) as SharedRow });
        } else if (line.startsWith('E')) {
          for (const n of line.slice(1).split(',')) onEnded(Number(n));
        } else if (line.startsWith('[')) {
          const call = JSON.parse(line) as CallRow;
          const known = rows.get(call[1]);
          if (!known) throw new Error(`journal: call ${call[2]} names shared row ${call[1]}, which no line before it gives`);
          onCall({ n: call[0], shared: known.shared, record: recordOf(known.row, call), line: `${line}\n` });
        }
      }
    },
  };
}

const recordOf = (row: SharedRow, call: CallRow): CallRecord => ({
  gatewayId: row[0],
  apiId: row[1],
  environmentId: row[2],
  operation: row[3],
  appId: row[4],
  credentialId: row[5],
  subscriptionId: row[6],
  window: row[7],
  planVersionId: row[8],
  method: row[9],
  via: row[10] ?? '',
  callId: call[2],
  admittedAt: call[3],
  outcome: call[4],
  path: call[5],
  status: call[6],
  bytesIn: call[7],
  bytesOut: call[8],
  upstreamMs: call[9],
  totalMs: call[10],
  units: typeof call[11] === 'number' ? { requests: call[11] } : call[11],
  receipt: call[12],
  ...(call[13] && { notes: call[13] }),
});

/** The calls of a stored log, in the order they ended. */
export function readLog(log: string): CallRecord[] {
  const records: CallRecord[] = [];
  lineReader().read(
    log,
    ({ record }) => records.push(record),
    () => undefined,
  );
  return records;
}

/** A call's lines in a log: the shared row goes before its first use. */
export function logLines({ shared, line }: Pick<ReadCall, 'shared' | 'line'>, told: Set<number>): string {
  if (told.has(shared.id)) return line;
  told.add(shared.id);
  return shared.line + line;
}
