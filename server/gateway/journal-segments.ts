import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { batchBuilder, type BatchBuilder, type SealedBatch } from '../domain/batches.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { makeReplay, type Replay } from './journal-codec.ts';
import { fileName, type Disk } from './journal-files.ts';

export interface Sealed {
  readonly segment: number;
  /** Null when no answer ended in this segment. */
  batch(): SealedBatch | null;
  readonly minTs: number;
}

/** The file that is being written. */
export interface OpenSegment {
  readonly number: number;
  readonly builder: BatchBuilder;
  /** Shared rows that stand in the file, and those that stand in its batch's log. */
  readonly told: Set<number>;
  readonly logged: Set<number>;
}

/** The files of one boot: opened, appended to, sealed into batches, and removed once all that they hold is stored. */
export interface Segments {
  /** Null before the first group and behind a seal. */
  current(): OpenSegment | null;
  open(): Promise<OpenSegment>;
  /**
   * Append to the open file: all of it, and on disk where `sync` says so, else within 100 ms; or nothing.
   * @throws what the disk says
   */
  append(bytes: Buffer, sync: boolean): Promise<void>;
  /** The open file holds enough, or is old enough, to be sealed. */
  isFull(): boolean;
  seal(): Promise<void>;
  onSealed(listener: (sealed: Sealed) => void): void;
  /** A record is written to the open file: this one stays until its end is noted. */
  begun(): void;
  /** The end of a record of that file is noted in the open one. */
  ended(number: number): void;
  stored(number: number): void;
  release(number: number): void;
  /** What nobody waits for reaches the disk. */
  syncSoon(): void;
  /** Bytes that wait to be stored. */
  readonly waitingBytes: number;
  /** The last file may go too. */
  close(): void;
}

export interface SegmentsOptions {
  readonly folder: string;
  readonly node: string;
  readonly boot: number;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly sealMs: number;
  readonly receivedAt: () => number;
  /** The disk refused a sync that nobody waited for. */
  readonly onFault: () => void;
}

interface Segment {
  readonly number: number;
  readonly path: string;
  bytes: number;
  /** Records in it whose end is not noted yet. */
  open: number;
  /** The last segment that notes the end of a record of this one. */
  lastEnd: number;
  sealed: boolean;
  released: boolean;
}

interface Running extends OpenSegment {
  readonly segment: Segment;
  readonly file: number;
  /** Null where every group is synced by itself. */
  readonly syncedFile: number | null;
  readonly openedAt: number;
  /** Something in the file is not on disk yet. */
  unsynced: boolean;
  /** Zeros are written ahead up to here. */
  roomTo: number;
}

const SEGMENT_BYTES_MAX = 4 * 1_048_576;
const SEGMENT_CALLS_MAX = 4_000;
/**
 * A file that holds this much gets room ahead, as much at a time: a group written over zeros changes nothing but its own bytes, where one that
 * makes the file longer has the file system write its own journal as well. Quiet gateways write no zeros.
 */
const ROOM_BYTES = 128 * 1_024;
const ZEROS = Buffer.alloc(ROOM_BYTES);
export const LOOSE_SYNC_MS = 80;
/** Sealed batches kept in memory; while the store is away for longer, the files hold the rest. */
const BATCHES_KEPT_MAX = 16;

export function makeSegments({ folder, node, boot, disk, clock, log, sealMs, receivedAt, onFault }: SegmentsOptions): Segments {
  const segments = new Map<number, Segment>();
  const listeners: ((sealed: Sealed) => void)[] = [];
  /** Batches held in memory until they are stored, by segment. */
  const kept = new Map<number, SealedBatch>();
  let running: Running | null = null;
  let next = 1;
  let syncing: Promise<void> | null = null;
  let syncedAt = 0;
  let waitingBytes = 0;
  let closing = false;
  let rereading: { replay: Replay; fed: number } | null = null;

  async function open(): Promise<Running> {
    if (running) return running;
    const number = next;
    const path = join(folder, fileName(boot, number));
    const file = await disk.open(path);
    const syncedFile = await disk.openSynced(path).catch(() => null);
    next += 1;
    const segment: Segment = { number, path, bytes: 0, open: 0, lastEnd: 0, sealed: false, released: false };
    segments.set(number, segment);
    const builder = batchBuilder({ node, boot, segment: number, receivedAt });
    const openedAt = clock.monotonic();
    return (running = { number, segment, file, syncedFile, builder, openedAt, told: new Set(), logged: new Set(), unsynced: false, roomTo: 0 });
  }

  async function makeRoom(at: Running, from: number): Promise<void> {
    await disk.write(at.file, ZEROS, from);
    at.unsynced = true;
    at.roomTo = from + ZEROS.length;
  }

  function syncSoon(): void {
    if (!running?.unsynced || syncing || clock.monotonic() - syncedAt < LOOSE_SYNC_MS) return;
    const at = running;
    at.unsynced = false;
    syncedAt = clock.monotonic();
    syncing = disk
      .sync(at.file)
      .catch(() => {
        at.unsynced = true;
        onFault();
      })
      .finally(() => (syncing = null));
  }

  /** Make a batch again from the files, which are asked for in order: memory does not grow with the time the store is away. */
  function readBack(wanted: number): SealedBatch | null {
    if (!rereading || rereading.fed >= wanted) rereading = { replay: makeReplay({ node, boot, receivedAt }), fed: 0 };
    for (const { number, path } of segments.values()) {
      if (number <= rereading.fed) continue;
      if (number > wanted) break;
      const batch = rereading.replay.feed(number, readFileSync(path));
      rereading.fed = number;
      if (number === wanted) return batch;
    }
    return null;
  }

  /** Files go in the order they came, and the last one stays: the recovery of a boot numbers on from it. */
  function sweep(): void {
    for (const segment of segments.values()) {
      const done =
        segment.sealed && segment.released && segment.open === 0 && (segment.lastEnd <= segment.number || (segments.get(segment.lastEnd)?.released ?? true));
      if (!done || (segment.number === next - 1 && !closing)) continue;
      rmSync(segment.path, { force: true });
      segments.delete(segment.number);
    }
  }

  return {
    current: () => running,
    open,
    async append(bytes, sync) {
      const at = await open();
      const { segment, file, syncedFile } = at;
      try {
        if (segment.bytes >= ROOM_BYTES && segment.bytes + bytes.length > at.roomTo) await makeRoom(at, segment.bytes + bytes.length);
        // A synced write syncs its own bytes alone: what is loose before them goes first, or a power failure could leave a hole there.
        if (sync && syncedFile !== null && !at.unsynced && syncing === null) await disk.write(syncedFile, bytes, segment.bytes);
        else {
          await disk.write(file, bytes, segment.bytes);
          at.unsynced = true;
          if (!sync) syncSoon();
          else {
            await disk.sync(file);
            at.unsynced = false;
          }
        }
      } catch (error) {
        // Whatever a failed write left behind the last good group would end the reading of the file there.
        await disk.truncate(file, segment.bytes).catch(() => undefined);
        at.roomTo = 0;
        throw error;
      }
      segment.bytes += bytes.length;
      waitingBytes += bytes.length;
    },
    isFull() {
      if (!running) return false;
      const { segment, builder, openedAt } = running;
      return segment.bytes >= SEGMENT_BYTES_MAX || builder.calls >= SEGMENT_CALLS_MAX || (builder.calls > 0 && clock.monotonic() - openedAt >= sealMs);
    },
    async seal() {
      if (!running) return;
      const { number, segment, file, syncedFile, builder, unsynced, roomTo } = running;
      running = null;
      await syncing;
      try {
        if (roomTo > segment.bytes) await disk.truncate(file, segment.bytes);
        if (unsynced) await disk.sync(file);
        await disk.close(file);
        if (syncedFile !== null) await disk.close(syncedFile);
      } catch (error) {
        log.error({ err: error, path: segment.path }, 'journal segment could not be closed in order');
      }
      segment.sealed = true;
      const empty = builder.calls === 0;
      if (!empty && kept.size < BATCHES_KEPT_MAX) kept.set(number, builder.finish());
      const batch = () => (empty ? null : (kept.get(number) ?? readBack(number)));
      for (const listener of listeners) listener({ segment: number, minTs: builder.minTs, batch });
    },
    onSealed: (listener) => void listeners.push(listener),
    begun() {
      if (running) running.segment.open += 1;
    },
    ended(number) {
      const home = segments.get(number);
      if (!home || !running) return;
      home.open -= 1;
      home.lastEnd = running.number;
    },
    stored(number) {
      kept.delete(number);
      waitingBytes -= segments.get(number)?.bytes ?? 0;
    },
    release(number) {
      const segment = segments.get(number);
      if (segment) segment.released = true;
      sweep();
    },
    syncSoon,
    get waitingBytes() {
      return waitingBytes;
    },
    close() {
      closing = true;
      sweep();
    },
  };
}
