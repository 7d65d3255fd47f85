import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { callLine, logLines, sharedRows, type Shared } from '../domain/call-lines.ts';
import type { CallRecord } from '../domain/metering.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { encodeGroup } from './journal-codec.ts';
import { makeGathering, newGroup, type Group } from './journal-group.ts';
import { journalFiles, realDisk, type Disk, type JournalFile } from './journal-files.ts';
import { lockFolder } from './journal-lock.ts';
import { LOOSE_SYNC_MS, makeSegments, type Sealed } from './journal-segments.ts';
import type { Meter, Recorded } from './ports.ts';
import { makeRow, type Placed } from './row.ts';

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

interface Pending extends Recorded, Placed {
  readonly n: number;
  readonly record: CallRecord;
  readonly shared: Shared;
  line: string;
  /** 0 until its group is written. */
  segment: number;
  /** Given up: the disk did not take it, and its answer was broken off. */
  dropped: boolean;
}

const RETRY_MS = 100;
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
  const segments = makeSegments({ folder, node, boot, disk, clock, log, sealMs, receivedAt: () => clock.now() + skewMs(), onFault: () => (failing = true) });
  /** Recorded, and not known to have ended. */
  const open = makeRow<Pending>();
  const receipts = new Map<string, number>();
  const shared = sharedRows();
  let calls = 0;

  const gather = makeGathering(clock);
  let group = newGroup<Pending>();
  let running: Promise<void> | null = null;
  let sealWanted = false;
  const sealWaiters: (() => void)[] = [];
  let probeWanted = false;
  let failing = false;
  let stopping = false;
  let committing: readonly Pending[] = [];
  let leftoverBytes = leftovers.reduce((sum, file) => sum + file.bytes, 0);

  const has = (g: Group<Pending>) => g.records.length > 0 || g.ended.length > 0;
  const busy = () => (has(group) || sealWanted || probeWanted) && !(failing && stopping);

  function schedule(): void {
    running ??= drain().finally(() => {
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
        if (!toSeal && segments.isFull()) await segments.seal();
        await gather(() => group.records.length);
        const taken = group;
        group = newGroup();
        await commit(taken);
      }
      if (toSeal) {
        await segments.seal();
        for (const done of sealWaiters.splice(0)) done();
      }
    }
  }

  async function commit(taken: Group<Pending>): Promise<void> {
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
        if (clock.monotonic() < until && !stopping) {
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
          continue;
        }
        for (const pending of taken.records) {
          pending.dropped = true;
          open.remove(pending);
        }
        // These answers are out: their marks wait for the disk.
        group.ended.unshift(...taken.ended);
        committing = [];
        taken.reject(new AppError('cannot-count', undefined, { cause: error, retryAfterSeconds: 5 }));
        return;
      }
    }
  }

  async function append(taken: Group<Pending>): Promise<void> {
    const at = await segments.open();
    const { told } = at;
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
    try {
      if (text !== '') await segments.append(encodeGroup(text), strict && taken.records.length > 0);
    } catch (error) {
      for (const id of newlyTold) told.delete(id);
      throw error;
    }
    for (const pending of taken.records) {
      pending.segment = at.number;
      segments.begun();
    }
    taken.resolve();
    for (const pending of ended) {
      segments.ended(pending.segment);
      at.builder.add(pending.record, pending.record.outcome, logLines(pending, at.logged));
    }
  }

  const ticker = setInterval(
    () => {
      if (segments.isFull()) sealWanted = true;
      if (failing) probeWanted = true;
      segments.syncSoon();
      if (busy()) schedule();
    },
    Math.min(sealMs, LOOSE_SYNC_MS),
  );

  /** Is the disk back? A group without lines tells. */
  async function probe(): Promise<void> {
    probeWanted = false;
    try {
      await segments.append(encodeGroup('\n'.repeat(4_096)), false);
      failing = false;
    } catch {
      // It is not.
    }
  }

  return {
    node,
    boot,
    folder,
    leftovers,
    record(record) {
      calls += 1;
      const pending: Pending = { n: calls, record, shared: shared(record), kept: group.kept, line: '', segment: 0, dropped: false, place: -1 };
      open.add(pending);
      group.records.push(pending);
      schedule();
      return pending;
    },
    ended(recorded) {
      const pending = recorded as Pending;
      // Its end was noted, or it was given up.
      if (pending.place < 0) return;
      open.remove(pending);
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
    ready: () => !failing && !stopping && segments.waitingBytes + leftoverBytes < bytesMax,
    async seal() {
      await new Promise<void>((resolve) => {
        sealWaiters.push(resolve);
        sealWanted = true;
        schedule();
      });
    },
    onSealed: (listener) => segments.onSealed(listener),
    stored: (segment) => segments.stored(segment),
    release: (segment) => segments.release(segment),
    oldestUnsealed(since) {
      let oldest = segments.current()?.builder.minTs ?? Number.MAX_SAFE_INTEGER;
      for (const pendings of [open, group.ended, committing])
        for (const { record } of pendings) if (record.admittedAt >= since && record.admittedAt < oldest) oldest = record.admittedAt;
      return oldest;
    },
    recovered: (bytes) => void (leftoverBytes -= bytes),
    waitingBytes: () => segments.waitingBytes + leftoverBytes,
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
      segments.close();
      lock.release();
    },
  };
}
