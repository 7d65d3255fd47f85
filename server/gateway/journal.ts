import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { batchBuilder, type BatchBuilder, type SealedBatch } from '../domain/batches.ts';
import type { CallRecord } from '../domain/metering.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { callLine, encodeGroup, logLines, makeReplay, sharedKey, sharedLine, type Replay, type Shared } from './journal-codec.ts';
import { fileName, journalFiles, realDisk, type Disk, type JournalFile } from './journal-files.ts';
import { lockFolder } from './journal-lock.ts';

/** What the gateway's pipeline asks of metering. */
export interface Meter {
  /**
   * Resolves when the record is kept: handed to the kernel, and on disk too while METER_STRICT. The last bytes of the answer wait for it.
   * @throws AppError cannot-count when it cannot be kept: the answer must not be completed
   */
  record(record: CallRecord): Promise<void>;
  /** The answer of this call is out, or its caller is gone. Without it the call counts as *delivery unknown*. */
  ended(callId: string): void;
  /** The next number in the receipt stream of a subscription on this boot. */
  nextReceipt(subscriptionId: string): number;
  /** False: metered calls are to be refused (0701). */
  ready(): boolean;
}

export interface Sealed {
  readonly segment: number;
  /** Null when no answer ended in this segment. */
  batch(): SealedBatch | null;
  readonly minTs: number;
}

export interface Journal extends Meter {
  readonly node: string;
  readonly boot: number;
  readonly folder: string;
  /** Files that earlier boots left: to be recovered. */
  readonly leftovers: readonly JournalFile[];
  /** Close the running segment now, so that it can be shipped. */
  seal(): Promise<void>;
  onSealed(listener: (sealed: Sealed) => void): void;
  /** All that this segment's batch brought is stored and moved: its file may go when nothing in it is open. */
  release(segment: number): void;
  /** Stored, so that it counts no longer towards the bytes that wait. */
  stored(segment: number): void;
  /** Earliest admission among calls recorded whose end is not noted, or noted and not sealed; later than `since`. */
  oldestUnsealed(since: number): number;
  /** A leftover file of this size is stored and removed. */
  recovered(bytes: number): void;
  /** Bytes that wait to be stored. */
  waitingBytes(): number;
  stop(): Promise<void>;
  /** Seal, stop and let the folder go. */
  close(): Promise<void>;
}

export interface JournalOptions {
  readonly dataDir: string;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly strict: boolean;
  readonly bytesMax: number;
  readonly sealMs?: number;
  readonly disk?: Disk;
  /** How long a record waits for a full disk before its answer is broken off. */
  readonly giveUpMs?: number;
  /** The store's clock minus ours, ms (rule N13). */
  readonly skewMs?: () => number;
}

interface Pending {
  readonly n: number;
  readonly record: CallRecord;
  readonly shared: Shared;
  line: string;
  /** 0 until its group is written. */
  segment: number;
  /** Given up: the disk did not take it, and its answer was broken off. */
  dropped: boolean;
}

interface Group {
  records: Pending[];
  ended: Pending[];
  readonly kept: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
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

const SEGMENT_BYTES_MAX = 4 * 1_048_576;
const SEGMENT_CALLS_MAX = 4_000;
const LOOSE_SYNC_MS = 80;
const RETRY_MS = 100;
/** Sealed batches kept in memory; while the store is away for longer, the files hold the rest. */
const BATCHES_KEPT_MAX = 16;
/** Shared rows are forgotten, and named anew, beyond this many. */
const SHARED_MAX = 50_000;
const RECEIPT_STREAMS_MAX = 1_000_000;

/**
 * The gateway's write-ahead file. Calls are appended in groups: while one group is being written and synced the next one gathers, so that
 * the disk's latency is shared and nobody waits for a timer.
 * @throws JournalLocked when another process owns the node's folder
 */
export function openJournal(options: JournalOptions): Journal {
  const { node, clock, log, strict, bytesMax, sealMs = 1_000, disk = realDisk, giveUpMs = 5_000, skewMs = () => 0 } = options;
  const folder = join(options.dataDir, 'gateway', node);
  mkdirSync(folder, { recursive: true });
  const lock = lockFolder(folder);
  const leftovers = journalFiles(folder);
  const boot = Math.max(clock.real(), ...leftovers.map((file) => file.boot + 1));
  const receivedAt = () => clock.now() + skewMs();

  const segments = new Map<number, Segment>();
  const listeners: ((sealed: Sealed) => void)[] = [];
  const pendingByCall = new Map<string, Pending>();
  const receipts = new Map<string, number>();
  let shared = new Map<string, Shared>();
  let sharedCount = 0;
  let calls = 0;

  let current: { segment: Segment; file: number; builder: BatchBuilder; openedAt: number; told: Set<number>; logged: Set<number>; unsynced: boolean } | null =
    null;
  let nextSegment = 1;
  let group = newGroup();
  let running: Promise<void> | null = null;
  let sealWanted = false;
  const sealWaiters: (() => void)[] = [];
  let probeWanted = false;
  let failing = false;
  let stopping = false;
  let closing = false;
  let committing: readonly Pending[] = [];
  let syncing: Promise<void> | null = null;
  let syncedAt = 0;
  let waiting = leftovers.reduce((sum, file) => sum + file.bytes, 0);
  /** Batches held in memory until they are stored, by segment. */
  const kept = new Map<number, SealedBatch>();
  let rereading: { replay: Replay; fed: number } | null = null;

  const has = (g: Group) => g.records.length > 0 || g.ended.length > 0;
  const busy = () => (has(group) || sealWanted || probeWanted) && !(failing && stopping);

  function schedule(): void {
    running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(drain).finally(() => {
      running = null;
      if (busy()) schedule();
    });
  }

  async function drain(): Promise<void> {
    while (busy()) {
      const toSeal = sealWanted;
      sealWanted = false;
      if (probeWanted) await probe();
      if (has(group)) {
        // What came before a wish to seal belongs into the segment that is sealed.
        if (!toSeal && current && isFull(current)) await closeSegment();
        const taken = group;
        group = newGroup();
        await commit(taken);
      }
      if (toSeal) {
        await closeSegment();
        for (const done of sealWaiters.splice(0)) done();
      }
    }
  }

  const isFull = ({ segment, builder, openedAt }: NonNullable<typeof current>) =>
    segment.bytes >= SEGMENT_BYTES_MAX || builder.calls >= SEGMENT_CALLS_MAX || (builder.calls > 0 && clock.monotonic() - openedAt >= sealMs);

  async function commit(taken: Group): Promise<void> {
    const until = clock.monotonic() + giveUpMs;
    committing = taken.ended;
    for (;;) {
      try {
        await append(taken);
        failing = false;
        committing = [];
        return;
      } catch (error) {
        if (!failing) log.error({ err: error, folder }, 'journal cannot be written: metered calls are refused');
        failing = true;
        await forgetTorn();
        if (clock.monotonic() < until && !stopping) {
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
          continue;
        }
        for (const pending of taken.records) {
          pending.dropped = true;
          pendingByCall.delete(pending.record.callId);
        }
        // These answers are out: their marks wait for the disk.
        group.ended.unshift(...taken.ended);
        committing = [];
        taken.reject(new AppError('cannot-count', undefined, { cause: error, retryAfterSeconds: 5 }));
        return;
      }
    }
  }

  async function append(taken: Group): Promise<void> {
    const at = (current ??= await openSegment());
    const { segment, file, told } = at;
    const newlyTold: number[] = [];
    let text = '';
    for (const pending of taken.records) {
      if (!told.has(pending.shared.id)) {
        text += pending.shared.line;
        told.add(pending.shared.id);
        newlyTold.push(pending.shared.id);
      }
      text += pending.line = callLine(pending.n, pending.shared.id, pending.record);
    }
    const ended = taken.ended.filter((pending) => !pending.dropped);
    if (ended.length > 0) text += `E${ended.map((pending) => pending.n).join(',')}\n`;
    const bytes = encodeGroup(text);
    try {
      await disk.write(file, bytes, segment.bytes);
      if (strict && taken.records.length > 0) await disk.sync(file);
      else {
        at.unsynced = true;
        syncSoon();
      }
    } catch (error) {
      for (const id of newlyTold) told.delete(id);
      throw error;
    }
    grow(segment, bytes.length);
    for (const pending of taken.records) {
      pending.segment = segment.number;
      segment.open += 1;
    }
    taken.resolve();
    for (const pending of ended) {
      const home = segments.get(pending.segment);
      if (home) {
        home.open -= 1;
        home.lastEnd = segment.number;
      }
      at.builder.add(pending.record, pending.record.outcome, logLines(pending, at.logged));
    }
  }

  /** Whatever a failed write left behind the last good group would end the reading of the file there. */
  const forgetTorn = async () => {
    if (current) await disk.truncate(current.file, current.segment.bytes).catch(() => undefined);
  };

  async function openSegment(): Promise<NonNullable<typeof current>> {
    const number = nextSegment;
    const path = join(folder, fileName(boot, number));
    const file = await disk.open(path);
    nextSegment += 1;
    const segment: Segment = { number, path, bytes: 0, open: 0, lastEnd: 0, sealed: false, released: false };
    segments.set(number, segment);
    return { segment, file, builder: newBuilder(number), openedAt: clock.monotonic(), told: new Set(), logged: new Set(), unsynced: false };
  }

  const newBuilder = (segment: number) => batchBuilder({ node, boot, segment, receivedAt });

  async function closeSegment(): Promise<void> {
    if (!current) return;
    const { segment, file, builder, unsynced } = current;
    current = null;
    await syncing;
    try {
      if (unsynced) await disk.sync(file);
      await disk.close(file);
    } catch (error) {
      log.error({ err: error, path: segment.path }, 'journal segment could not be closed in order');
    }
    segment.sealed = true;
    const empty = builder.calls === 0;
    if (!empty && kept.size < BATCHES_KEPT_MAX) kept.set(segment.number, builder.finish());
    const batch = () => (empty ? null : (kept.get(segment.number) ?? readBack(segment.number)));
    for (const listener of listeners) listener({ segment: segment.number, minTs: builder.minTs, batch });
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
      if (!done || (segment.number === nextSegment - 1 && !closing)) continue;
      rmSync(segment.path, { force: true });
      segments.delete(segment.number);
    }
  }

  const ticker = setInterval(
    () => {
      if (current && isFull(current)) sealWanted = true;
      if (failing) probeWanted = true;
      syncSoon();
      if (busy()) schedule();
    },
    Math.min(sealMs, LOOSE_SYNC_MS),
  );

  /** What nobody waits for reaches the disk within 100 ms. */
  function syncSoon(): void {
    if (!current?.unsynced || syncing || clock.monotonic() - syncedAt < LOOSE_SYNC_MS) return;
    const at = current;
    at.unsynced = false;
    syncedAt = clock.monotonic();
    syncing = disk
      .sync(at.file)
      .catch(() => {
        at.unsynced = true;
        failing = true;
      })
      .finally(() => (syncing = null));
  }

  /** Is the disk back? A group without lines tells. */
  async function probe(): Promise<void> {
    probeWanted = false;
    try {
      const at = (current ??= await openSegment());
      const bytes = encodeGroup('\n'.repeat(4_096));
      await disk.write(at.file, bytes, at.segment.bytes);
      grow(at.segment, bytes.length);
      failing = false;
    } catch {
      await forgetTorn();
    }
  }

  function grow(segment: Segment, bytes: number): void {
    segment.bytes += bytes;
    waiting += bytes;
  }

  return {
    node,
    boot,
    folder,
    leftovers,
    record(record) {
      calls += 1;
      const key = sharedKey(record);
      let row = shared.get(key);
      if (!row) {
        if (shared.size >= SHARED_MAX) shared = new Map();
        sharedCount += 1;
        row = { id: sharedCount, line: sharedLine(sharedCount, record) };
        shared.set(key, row);
      }
      const pending: Pending = { n: calls, record, shared: row, line: '', segment: 0, dropped: false };
      pendingByCall.set(record.callId, pending);
      group.records.push(pending);
      schedule();
      return group.kept;
    },
    ended(callId) {
      const pending = pendingByCall.get(callId);
      if (!pending) return;
      pendingByCall.delete(callId);
      group.ended.push(pending);
      schedule();
    },
    nextReceipt(subscriptionId) {
      if (receipts.size >= RECEIPT_STREAMS_MAX && !receipts.has(subscriptionId))
        throw new AppError('cannot-count', 'Too many subscriptions on one gateway process.');
      const n = (receipts.get(subscriptionId) ?? 0) + 1;
      receipts.set(subscriptionId, n);
      return n;
    },
    ready: () => !failing && !stopping && waiting < bytesMax,
    async seal() {
      await new Promise<void>((resolve) => {
        sealWaiters.push(resolve);
        sealWanted = true;
        schedule();
      });
    },
    onSealed: (listener) => void listeners.push(listener),
    stored(segment) {
      kept.delete(segment);
      waiting -= segments.get(segment)?.bytes ?? 0;
    },
    release(number) {
      const segment = segments.get(number);
      if (segment) segment.released = true;
      sweep();
    },
    oldestUnsealed(since) {
      let oldest = current?.builder.minTs ?? Number.MAX_SAFE_INTEGER;
      const look = ({ record }: Pending) => {
        if (record.admittedAt >= since && record.admittedAt < oldest) oldest = record.admittedAt;
      };
      pendingByCall.forEach(look);
      group.ended.forEach(look);
      committing.forEach(look);
      return oldest;
    },
    recovered: (bytes) => void (waiting -= bytes),
    waitingBytes: () => waiting,
    async stop() {
      stopping = true;
      clearInterval(ticker);
      sealWanted = true;
      schedule();
      while (running) await running;
      for (const done of sealWaiters.splice(0)) done();
    },
    async close() {
      await this.stop();
      closing = true;
      sweep();
      lock.release();
    },
  };
}

function newGroup(): Group {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const kept = new Promise<void>((yes, no) => ([resolve, reject] = [yes, no]));
  // Whoever waits hears of it; a group nobody waits for must not end the process.
  kept.catch(() => undefined);
  return { records: [], ended: [], kept, resolve, reject };
}
