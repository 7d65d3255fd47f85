import { readFile, rm } from 'node:fs/promises';
import { HOUR_MS, type SealedBatch } from '../domain/batches.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { AppsStore } from '../store/apps.ts';
import type { CallLogLines, UsageBatchDoc, UsageStore } from '../store/usage.ts';
import { makeCredentialUse } from './credential-use.ts';
import type { Limits } from './limits.ts';

const REPORT_EVERY_MS = 500;
const LOG_KEPT_MS = 395 * 86_400_000;
/** A call older than this no longer holds the watermark; it counts as late (rule N9). */
const HOLDS_MS = 600_000;

interface Sealed {
  readonly segment: number;
  batch(): SealedBatch | null;
  readonly minTs: number;
}

/** What shipping asks of a gateway's journal. */
export interface ShippableJournal {
  readonly node: string;
  readonly boot: number;
  readonly leftovers: readonly { readonly path: string; readonly boot: number; readonly segment: number; readonly bytes: number }[];
  seal(): Promise<void>;
  onSealed(listener: (sealed: Sealed) => void): void;
  stored(segment: number): void;
  release(segment: number): void;
  recovered(bytes: number): void;
  oldestUnsealed(since: number): number;
}

/** Makes the batches of a boot that is gone from its files. */
export interface Replay {
  feed(segment: number, file: Buffer): SealedBatch | null;
  rest(segment: number): SealedBatch | null;
}

export interface ShippingDependencies {
  readonly store: { readonly apps: Pick<AppsStore, 'noteUses'>; readonly usage: UsageStore };
  readonly journal: ShippableJournal;
  readonly limits: Pick<Limits, 'deadHolders' | 'oldestHeld' | 'recovered' | 'released' | 'stored'>;
  readonly makeReplay: (boot: number) => Replay;
  readonly clock: Clock;
  readonly log: Log;
}

/** Moves a gateway's calls from its journal to the store, once each, and reports how far it has come (rules of design §2.4). */
export function makeShipping({ store, journal, limits, makeReplay, clock, log }: ShippingDependencies) {
  const { node, boot } = journal;
  const noteUses = makeCredentialUse(store);
  const queue: Sealed[] = [];
  let recovered = false;
  let away = false;
  let stopped = false;
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  journal.onSealed((sealed) => {
    queue.push(sealed);
    void ship();
  });

  /** A duplicate key is success: equal id, equal content. */
  async function insert(batch: SealedBatch): Promise<void> {
    const { usage, log: calls } = documentsOf(batch, clock);
    await store.usage.addBatch(usage);
    await store.usage.addLog(calls);
    await noteUses(batch);
  }

  /** What earlier boots of this node left on disk: stored, moved in the shared counts, and what they leased in vain given back. */
  async function recover(): Promise<void> {
    const boots = [...new Set(journal.leftovers.map((file) => file.boot))];
    for (const old of boots) {
      const files = journal.leftovers.filter((file) => file.boot === old).sort((a, b) => a.segment - b.segment);
      const replay = makeReplay(old);
      for (const { path, segment } of files) await take(replay.feed(segment, await readFile(path)));
      await take(replay.rest((files.at(-1)?.segment ?? 0) + 1));
      await limits.released(`${node}-${old}`);
      await store.usage.endBoot(node, String(old));
      for (const { path, bytes } of files) {
        await rm(path, { force: true });
        journal.recovered(bytes);
      }
      log.info({ boot: old, files: files.length }, 'the journal of an earlier run is stored');
    }
    for (const holder of await limits.deadHolders(node)) await limits.released(holder);
    recovered = true;
  }

  async function take(batch: SealedBatch | null): Promise<void> {
    if (batch === null) return;
    await insert(batch);
    await limits.recovered(batch);
  }

  async function round(): Promise<void> {
    while (queue[0]) {
      const sealed = queue[0];
      const batch = sealed.batch();
      if (batch) await insert(batch);
      queue.shift();
      journal.stored(sealed.segment);
      // The file goes once the shared counts know too, or the count could not be rebuilt after a kill.
      if (batch)
        void limits.stored(batch).then(
          () => journal.release(sealed.segment),
          () => undefined,
        );
      else journal.release(sealed.segment);
    }
    // Redis away must not keep usage from the store: the recovery is tried again with the next report.
    if (!recovered) await recover().catch((error: unknown) => log.warn({ err: error }, 'the journal of an earlier run waits'));
    await report(false);
    if (away) log.info('usage is being stored again');
    away = false;
  }

  async function report(retired: boolean): Promise<void> {
    const now = clock.now();
    const since = now - HOLDS_MS;
    const oldest = [limits.oldestHeld(since), journal.oldestUnsealed(since), ...queue.map(({ minTs }) => minTs)];
    // Nothing is said of what an earlier run left until it is stored.
    if (!recovered) oldest.push(0);
    const flushedThrough = Math.min(now, ...oldest);
    await store.usage.report({ _id: node, boot: String(boot), flushedThrough, seenAt: clock.real(), retired, retiredBy: retired ? 'stopped in order' : '' });
  }

  /** One round at a time; a failure leaves everything in the journal for the next one. */
  function ship(): Promise<void> {
    return (running ??= round()
      .catch((error: unknown) => {
        if (!away) log.warn({ err: error }, 'usage cannot be stored now; it waits in the journal');
        away = true;
      })
      .finally(() => {
        running = null;
        if (queue.length > 0 && !away && !stopped) void ship();
      }));
  }

  return {
    start() {
      timer = setInterval(() => void ship(), REPORT_EVERY_MS);
      void ship();
    },
    /** Seal what has ended by now, and store it. */
    async shipNow(): Promise<void> {
      await journal.seal();
      await running;
      await ship();
    },
    /** Call it when the journal has stopped: stores the rest. Then the node retires itself, unless something could not be stored: that holds the watermark. */
    async stop(): Promise<void> {
      stopped = true;
      if (timer) clearInterval(timer);
      await running;
      await ship();
      if (away || !recovered || queue.length > 0) return;
      await store.usage.endBoot(node, String(boot)).catch(() => undefined);
      await report(true).catch(() => undefined);
    },
  };
}

function documentsOf(batch: SealedBatch, clock: Clock): { usage: UsageBatchDoc; log: CallLogLines } {
  const subs = [...new Set(batch.entries.map(({ subscriptionId }) => subscriptionId))];
  return {
    usage: {
      _id: batch.id,
      node: batch.node,
      boot: String(batch.boot),
      number: batch.segment,
      minTs: batch.minTs,
      maxTs: batch.maxTs,
      storedAt: clock.now(),
      sha256: batch.sha256,
      subs,
      windows: [...new Set(batch.entries.map(({ subscriptionId, window }) => `${subscriptionId}|${window}`))],
      entries: batch.entries.map((entry) => ({
        sub: entry.subscriptionId,
        window: entry.window,
        hour: entry.hour * HOUR_MS,
        app: entry.appId,
        credential: entry.credentialId,
        api: entry.apiId,
        operation: entry.operation,
        outcome: entry.outcome,
        calls: entry.calls,
        units: entry.units,
        bytesIn: entry.bytesIn,
        bytesOut: entry.bytesOut,
      })),
    },
    log: { _id: batch.id, subs, noted: [...batch.noted], minTs: batch.minTs, expiresAt: new Date(clock.real() + LOG_KEPT_MS), lines: batch.log },
  };
}
