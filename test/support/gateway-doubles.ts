import type { LimitFigures } from '../../server/domain/headers.ts';
import type { CallRecord, Outcome } from '../../server/domain/metering.ts';
import type { Snapshot } from '../../server/domain/snapshot.ts';
import type { Held, Limits, Meter, Replays, Snapshots, TakeRequest, Recorded } from '../../server/gateway/ports.ts';
import { AppError } from '../../server/kernel/errors.ts';

/** Limits that count in memory: `quota` calls for each subscription, hard. */
export function countingLimits({ quota = 1_000_000, delayed = false }: { quota?: number; delayed?: boolean } = {}) {
  const used = new Map<string, number>();
  const taken: TakeRequest[] = [];
  const settled: Outcome[] = [];
  const figures = (id: string, request: Pick<TakeRequest, 'window'>): LimitFigures => ({
    quota: { limit: quota, remaining: quota - (used.get(id) ?? 0), resetAt: request.window?.endAt ?? 0, hard: true, windowSeconds: 2_678_400 },
    rate: { calls: 10, seconds: 1, remaining: 9 },
  });
  const take = (request: TakeRequest): Held & { id: string } => {
    const id = request.subscription?.id ?? '';
    if (id !== '' && (used.get(id) ?? 0) >= quota) throw new AppError('quota-exceeded', 'This plan allows no more calls.', { retryAfterSeconds: 60 });
    taken.push(request);
    used.set(id, (used.get(id) ?? 0) + 1);
    return { units: { requests: 1 }, limits: id === '' ? null : figures(id, request), id };
  };
  const limits: Limits = {
    take: (request) => (delayed ? Promise.resolve().then(() => take(request)) : take(request)),
    standing: (request) => request.subscription && figures(request.subscription.id, request),
    settle(held, outcome) {
      settled.push(outcome);
      const { id } = held as Held & { id: string };
      if (outcome === 'broken' || outcome.startsWith('5') || outcome.startsWith('refused')) used.set(id, (used.get(id) ?? 0) - 1);
    },
    view: (subscription, window) => Promise.resolve(figures(subscription.id, { window })),
  };
  return { limits, used, taken, settled };
}

export function memoryMeter({ hold }: { hold?: (record: CallRecord) => Promise<void> } = {}) {
  const records: CallRecord[] = [];
  const ended: string[] = [];
  const ids = new Map<Recorded, string>();
  const receipts = new Map<string, number>();
  const state = { ready: true };
  const meter: Meter = {
    record(record) {
      const keep = async () => {
        await hold?.(record);
        records.push(record);
      };
      const recorded = { kept: keep() };
      ids.set(recorded, record.callId);
      return recorded;
    },
    ended: (recorded) => void ended.push(ids.get(recorded) ?? 'never recorded'),
    nextReceipt(subscriptionId) {
      const next = (receipts.get(subscriptionId) ?? 0) + 1;
      receipts.set(subscriptionId, next);
      return next;
    },
    ready: () => state.ready,
  };
  return { meter, records, ended, state };
}

export function memoryReplays(): Replays & { away: boolean } {
  const seen = new Set<string>();
  return {
    away: false,
    first(signature) {
      if (this.away) return Promise.reject(new Error('redis is away'));
      const first = !seen.has(signature);
      seen.add(signature);
      return Promise.resolve(first);
    },
  };
}

export function fixedSnapshots(first: Snapshot) {
  let current = first;
  let unknown = 0;
  const listeners: ((snapshot: Snapshot) => void)[] = [];
  const snapshots: Snapshots = { current: () => current, onChange: (listener) => void listeners.push(listener), unknownCredential: () => void (unknown += 1) };
  return {
    snapshots,
    get unknown() {
      return unknown;
    },
    change(next: Snapshot) {
      current = next;
      for (const listener of listeners) listener(next);
    },
  };
}
