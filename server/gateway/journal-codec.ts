import { crc32 } from 'node:zlib';
import { batchBuilder, type SealedBatch } from '../domain/batches.ts';
import { callLine, lineReader, logLines, type ReadCall } from '../domain/call-lines.ts';
import type { Outcome } from '../domain/metering.ts';

/**
 * The journal's bytes. A file is a row of groups; a group is what one write carried:
 *   4 bytes length of the text, never 0, 4 bytes CRC-32 of it (little endian), the text in UTF-8.
 * Behind the last group there may be zeros. The text is lines, as `domain/call-lines` spells and reads them.
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
    const length = file.readUInt32LE(at);
    const end = at + GROUP_HEAD_BYTES + length;
    // Zeros are room that was made ahead.
    if (length === 0 || end > file.length || end - at > GROUP_BYTES_MAX) break;
    const body = file.subarray(at + GROUP_HEAD_BYTES, end);
    if (crc32(body) !== file.readUInt32LE(at + 4)) break;
    texts.push(body.toString());
    at = end;
  }
  return { texts, goodBytes: at };
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
