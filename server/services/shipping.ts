import { entriesHash, foldCalls } from '../domain/folding.ts';
import { keepsPlace, type CallRecord } from '../domain/metering.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { UsageStore } from '../store/usage.ts';

const SEAL_EVERY_MS = 1_000;
const LOG_KEPT_MS = 395 * 86_400_000;
/** A call older than this no longer holds the watermark; it counts as late (rule N9). */
const HOLDS_MS = 600_000;

/** What shipping asks of a gateway's journal. */
export interface ShippableJournal {
  readonly boot: string;
  readonly left: readonly { readonly boot: string; readonly batches: readonly { number: number; records: readonly CallRecord[] }[]; readonly loose: readonly CallRecord[]; readonly nextBatch: number }[];
  seal(): Promise<{ readonly number: number; readonly records: readonly CallRecord[] } | null>;
  stored(number: number): Promise<void>;
  forget(left: ShippableJournal['left'][number]): void;
  oldestUnstored(): number;
}

/** Told of what became durable, so that quotas move units from "held by a process" to "counted by the store". */
export interface ShippedListener {
  batchStored(holder: string, number: number, units: ReadonlyMap<string, number>): Promise<void>;
  holderGone(holder: string): Promise<void>;
}

export type Shipping = ReturnType<typeof makeShipping>;

/** The counter of a hard or soft quota: one per subscription, window and meter. */
export const quotaCounter = (subscriptionId: string, window: string, meter: string): string => `${subscriptionId}.${window}.${meter}`;

/** Units that keep their place, by counter. */
export function placesOf(records: readonly CallRecord[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const { subscriptionId, window, outcome, units } of records) {
    if (subscriptionId === null || !keepsPlace(outcome)) continue;
    for (const [meter, count] of Object.entries(units)) {
      const name = quotaCounter(subscriptionId, window, meter);
      places.set(name, (places.get(name) ?? 0) + count);
    }
  }
  return places;
}

export interface ShippingDependencies {
  readonly store: { readonly usage: UsageStore };
  readonly journal: ShippableJournal;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: ShippedListener;
  /** Admission of the oldest call in flight; Infinity when there is none. */
  readonly oldestInFlight: () => number;
}

/** Moves a gateway's calls from its journal to the store, once each, and reports how far it has come. */
export function makeShipping({ store, journal, node, clock, log, listener, oldestInFlight }: ShippingDependencies) {
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let waiting: { number: number; records: readonly CallRecord[] }[] = [];
  let recovered = false;
  let away = false;

  async function insert(boot: string, number: number, records: readonly CallRecord[]): Promise<void> {
    const entries = foldCalls(records);
    const times = records.map(({ admittedAt }) => admittedAt);
    const _id = `${node}.${boot}.${number}`;
    const subs = [...new Set(entries.map(({ sub }) => sub))];
    const minTs = Math.min(...times);
    await store.usage.addBatch({
      _id, node, boot, number, entries, subs, windows: [...new Set(entries.map(({ sub, window }) => `${sub}|${window}`))], minTs, maxTs: Math.max(...times),
      storedAt: clock.now(), sha256: entriesHash(entries),
    });
    await store.usage.addLog({
      _id, subs, minTs, expiresAt: new Date(clock.real() + LOG_KEPT_MS),
      calls: records.map((record) => ({
        id: record.callId, at: record.admittedAt, sub: record.subscriptionId ?? '', window: record.window, app: record.appId, credential: record.credentialId,
        api: record.apiId, operation: record.operation, method: record.method, path: record.path, outcome: record.outcome, status: record.status,
        bytesIn: record.bytesIn, bytesOut: record.bytesOut, upstreamMs: record.upstreamMs, totalMs: record.totalMs, receipt: record.receipt,
      })),
    });
    await listener.batchStored(`${node}-${boot}`, number, placesOf(records));
  }

  async function recover(): Promise<void> {
    for (const left of journal.left) {
      for (const { number, records } of left.batches) if (records.length > 0) await insert(left.boot, number, records);
      if (left.loose.length > 0) await insert(left.boot, left.nextBatch, left.loose);
      await listener.holderGone(`${node}-${left.boot}`);
      journal.forget(left);
    }
    recovered = true;
  }

  async function round(): Promise<void> {
    const batch = await journal.seal();
    if (batch) waiting = [...waiting, batch];
    if (!recovered) await recover();
    while (waiting[0]) {
      const next = waiting[0];
      await insert(journal.boot, next.number, next.records);
      await journal.stored(next.number);
      waiting = waiting.slice(1);
    }
    await report(false);
    if (away) log.info('usage is being stored again');
    away = false;
  }

  async function report(retired: boolean): Promise<void> {
    const now = clock.now();
    const inFlight = Math.max(oldestInFlight(), now - HOLDS_MS);
    const flushedThrough = Math.min(now, inFlight, journal.oldestUnstored());
    await store.usage.report({ _id: node, boot: journal.boot, flushedThrough, seenAt: clock.real(), retired, retiredBy: retired ? 'stopped in order' : '' });
  }

  /** One round at a time; a failure leaves everything in the journal for the next one. */
  const ship = (): Promise<void> =>
    (running ??= round()
      .catch((error: unknown) => {
        if (!away) log.warn({ err: error }, 'usage cannot be stored now; it waits in the journal');
        away = true;
      })
      .finally(() => (running = null)));

  return {
    start() {
      timer = setInterval(() => void ship(), SEAL_EVERY_MS);
    },
    /** Seal and store what has ended by now. @returns whether everything is stored */
    async shipNow(): Promise<boolean> {
      await running;
      await ship();
      return !away && waiting.length === 0;
    },
    /** Everything is stored and the node retires itself; what could not be stored stays in the journal and holds the watermark. */
    async stop() {
      if (timer) clearInterval(timer);
      await running;
      await ship();
      if (!away && waiting.length === 0 && journal.oldestUnstored() === Infinity) {
        await listener.holderGone(`${node}-${journal.boot}`);
        await report(true).catch(() => undefined);
      }
    },
  };
}
