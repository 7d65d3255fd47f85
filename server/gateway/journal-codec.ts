import { crc32 } from 'node:zlib';
import { batchBuilder, type SealedBatch } from '../domain/batches.ts';
import type { CallRecord, Outcome } from '../domain/metering.ts';

/**
 * The journal's bytes. A file is a row of groups; a group is what one write carried:
 *   4 bytes length of the text, 4 bytes CRC-32 of it (little endian), the text in UTF-8.
 * The text is lines:
 *   K<id>[…]   what many calls share, once per file and id
 *   [n,id,…]   one call, number n of its boot
 *   E<n>,<n>…  the answers of these calls have ended
 * A torn group is dropped whole: none of its answers was let go, because they wait for the write.
 */
export const GROUP_HEAD_BYTES = 8;
/** A length beyond this is damage, not a group: a reader must not believe it. */
const GROUP_BYTES_MAX = 256 * 1_048_576;

export function encodeGroup(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const buffer = Buffer.allocUnsafe(GROUP_HEAD_BYTES + bytes);
  buffer.write(text, GROUP_HEAD_BYTES);
  buffer.writeUInt32LE(bytes, 0);
  buffer.writeUInt32LE(crc32(buffer.subarray(GROUP_HEAD_BYTES)), 4);
  return buffer;
}

/** The groups of a file, as texts, up to the first that is torn or damaged. */
export function decodeGroups(file: Buffer): { texts: string[]; goodBytes: number } {
  const texts: string[] = [];
  let at = 0;
  while (at + GROUP_HEAD_BYTES <= file.length) {
    const end = at + GROUP_HEAD_BYTES + file.readUInt32LE(at);
    if (end > file.length || end - at > GROUP_BYTES_MAX) break;
    const body = file.subarray(at + GROUP_HEAD_BYTES, end);
    if (crc32(body) !== file.readUInt32LE(at + 4)) break;
    texts.push(body.toString());
    at = end;
  }
  return { texts, goodBytes: at };
}

/** What calls of one credential to one operation share: written once, then named by a number. */
export interface Shared {
  readonly id: number;
  readonly line: string;
}

export const sharedKey = (r: CallRecord): string =>
  `${r.subscriptionId}\n${r.window}\n${r.credentialId}\n${r.operation}\n${r.method}\n${r.apiId}\n${r.appId}\n${r.environmentId}\n${r.gatewayId}\n${r.planVersionId}`;

export const sharedLine = (id: number, r: CallRecord): string =>
  `K${id}${JSON.stringify([r.gatewayId, r.apiId, r.environmentId, r.operation, r.appId, r.credentialId, r.subscriptionId, r.window, r.planVersionId, r.method])}\n`;

export const callLine = (n: number, shared: number, r: CallRecord, outcome: Outcome = r.outcome): string =>
  `${JSON.stringify([n, shared, r.callId, r.admittedAt, outcome, r.path, r.status, r.bytesIn, r.bytesOut, r.upstreamMs, r.totalMs, packedUnits(r.units), r.receipt])}\n`;

/** Nearly every call has units of `requests` alone: then the number stands for itself. */
function packedUnits(units: CallRecord['units']): number | CallRecord['units'] {
  for (const meter in units) if (meter !== 'requests') return units;
  return units.requests ?? {};
}

type SharedRow = [string, string, string, string, string, string, string | null, string, string, string];
type CallRow = [number, number, string, number, Outcome, string, number, number, number, number, number, number | Record<string, number>, number];

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

export interface Replay {
  /** The next file of the boot, in order. @returns its batch; null when no answer ended in it */
  feed(segment: number, file: Buffer): SealedBatch | null;
  /** After the last file: the calls whose end nobody noted, as *delivery unknown* (rule N14). */
  rest(segment: number): SealedBatch | null;
}

/**
 * Make a boot's batches again from its files. A call belongs to the batch of the file that notes its end, so a batch depends on nothing
 * but the files: the gateway that wrote them and the one that recovers them make the same.
 */
export function makeReplay({ node, boot, receivedAt }: { node: string; boot: number; receivedAt: () => number }): Replay {
  const open = new Map<number, ReadCall>();

  return {
    feed(segment, file) {
      const builder = batchBuilder({ node, boot, segment, receivedAt });
      const told = new Set<number>();
      const reader = lineReader();
      for (const text of decodeGroups(file).texts) {
        reader.read(
          text,
          (call) => open.set(call.n, call),
          (n) => {
            const call = open.get(n);
            // Its file is gone because its batch is stored: this batch is stored as well.
            if (!call) return;
            open.delete(n);
            builder.add(call.record, call.record.outcome, logLines(call, told));
          },
        );
      }
      return builder.calls === 0 ? null : builder.finish();
    },
    rest(segment) {
      const builder = batchBuilder({ node, boot, segment, receivedAt });
      const told = new Set<number>();
      for (const call of open.values()) {
        const outcome: Outcome = call.record.outcome.startsWith('refused.') ? call.record.outcome : 'unknown';
        builder.add(call.record, outcome, logLines({ ...call, line: callLine(call.n, call.shared.id, call.record, outcome) }, told));
      }
      open.clear();
      return builder.calls === 0 ? null : builder.finish();
    },
  };
}

/** A call's lines in a log: the shared row goes before its first use. */
export function logLines({ shared, line }: Pick<ReadCall, 'shared' | 'line'>, told: Set<number>): string {
  if (told.has(shared.id)) return line;
  told.add(shared.id);
  return shared.line + line;
}
