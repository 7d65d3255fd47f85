import { isOperator, type Actor } from '../domain/actor.ts';
import { isBillableOutcome } from '../domain/billable.ts';
import { type Outcome, outcomeReason } from '../domain/metering.ts';
import type { Dimension } from '../domain/usage-splits.ts';
import { DAY_MS, dayOf, HOUR_MS, sumOf, windowKey, type HourTotal } from '../domain/usage-totals.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Store } from '../store/index.ts';
import type { LoggedCall, UsageEntry } from '../store/usage.ts';
import type { Audit } from './audit.ts';
import { mustOperate } from './operators.ts';
import type { UsageGroup, UsageReader } from './billing/usage-reader.ts';
import { makeUsageDays } from './usage/days.ts';
import type { UsageTotals } from './usage-totals.ts';

/** A batch may hold calls admitted up to this long after its first one; queries look that much further back. */
const BATCH_SPAN_MS = DAY_MS;
const LIVE_MS = 15_000;
const CALLS_MAX = 1_000;

export type UsageDimension = Dimension | 'hour' | 'day' | 'subscription';

export interface UsageRow {
  /** Value of the dimension: an id, an operation, an outcome, or an instant in epoch ms as text; `OTHER_VALUE` for those beyond the room of a day. */
  readonly key: string;
  readonly calls: bigint;
  /** Calls that the plan of their window bills (rule N14). */
  readonly billable: bigint;
  /** Billable units of the meter `requests`. */
  readonly units: bigint;
  readonly failed: bigint;
  readonly bytesIn: bigint;
  readonly bytesOut: bigint;
}

export interface NodeView {
  readonly node: string;
  readonly state: 'live' | 'vanished' | 'retired';
  readonly flushedThrough: number;
  readonly seenAt: number;
  readonly retirable: boolean;
}

export type Metering = ReturnType<typeof makeMetering>;

export interface MeteringDependencies {
  readonly store: Pick<Store, 'settings' | 'subscriptions' | 'usage'>;
  readonly totals: Pick<UsageTotals, 'ofDays' | 'ofWindow' | 'rulesOf' | 'splits'>;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** What was used: for the bill from the immutable batches, for pages and quotas from their totals where these can tell. */
export function makeMetering({ store, totals, audit, clock }: MeteringDependencies) {
  const days = makeUsageDays({ store, clock, totals });

  async function watermark(): Promise<number> {
    const nodes = (await store.usage.watermarks()).filter(({ retired }) => !retired);
    // Without a live gateway nothing is on its way.
    return nodes.length === 0 ? clock.now() : Math.min(...nodes.map(({ flushedThrough }) => flushedThrough));
  }

  const entriesOfWindow = async (subscriptionId: string, window: string): Promise<UsageEntry[]> =>
    (await store.usage.batchesOfWindow(subscriptionId, window))
      .flatMap(({ entries }) => entries)
      .filter((entry) => entry.sub === subscriptionId && entry.window === window);

  async function byMeter(subscriptionId: string, window: string, quantity: 'billable' | 'places'): Promise<Record<string, bigint>> {
    const units: Record<string, bigint> = {};
    for (const total of (await totals.ofWindow(subscriptionId, window)).totals) units[total.meter] = (units[total.meter] ?? 0n) + sumOf([total])[quantity];
    return units;
  }

  const reader: UsageReader = {
    watermark,
    async usageOf(subscriptionId, windows) {
      const groups: UsageGroup[] = [];
      for (const window of windows) {
        for (const { outcome, units } of await entriesOfWindow(subscriptionId, window)) groups.push({ window, outcome, units });
      }
      return groups;
    },
    billableSoFar: async (subscriptionId, windows) =>
      new Map(await Promise.all(windows.map(async (window) => [window, await byMeter(subscriptionId, window, 'billable')] as const))),
  };

  async function mine(actor: Actor, subscriptionIds: readonly string[]): Promise<void> {
    const subscriptions = await store.subscriptions.many([...subscriptionIds]);
    const foreign =
      subscriptions.length < subscriptionIds.length ||
      subscriptions.some((s) => s.organizationId !== actor.organizationId && s.providerId !== actor.organizationId);
    if (foreign && !isOperator(actor)) throw new AppError('not-found');
  }

  interface Span {
    readonly from: number;
    readonly to: number;
  }

  function addHour(rows: Rows, key: string, { from, to }: Span, at: number, quantities: HourTotal): void {
    const { billable, billableCalls, calls, failed, bytesIn, bytesOut } = quantities;
    if (at + HOUR_MS <= from || at >= to || calls === 0n) return;
    rows.add(key, { calls, billable: billableCalls, units: billable, failed, bytesIn, bytesOut });
  }

  async function fromTotals(rows: Rows, id: string, { from, to, by }: Span & { readonly by: 'day' | 'hour' | 'subscription' }): Promise<void> {
    for (const { at, quantities } of await days.parts(id, from, to, 'total'))
      addHour(rows, by === 'day' ? String(dayOf(at)) : by === 'hour' ? String(at) : id, { from, to }, at, quantities);
  }

  /** By what splits tell apart. */
  async function fromSplits(rows: Rows, id: string, { from, to, by }: Span & { readonly by: Dimension }): Promise<void> {
    for (const { at, key, quantities } of await days.parts(id, from, to, by)) addHour(rows, key, { from, to }, at, quantities);
  }

  return {
    reader,
    watermark,

    /** The store's share of a quota's count, and the last batch of each holder (`<node>-<boot>`) that is part of it. */
    async storedPlaces(subscriptionId: string, window: string, meter: string): Promise<{ units: bigint; batches: ReadonlyMap<string, number> }> {
      const counted = await totals.ofWindow(subscriptionId, window);
      return { units: sumOf(counted.totals.filter((total) => total.meter === meter)).places, batches: counted.batches };
    },

    /** Units that keep their place in the quota of a window, by meter, as the records say. */
    placesOf: (subscriptionId: string, window: string): Promise<Record<string, bigint>> => byMeter(subscriptionId, window, 'places'),

    /** Billable units of a window, by meter (rule N14). */
    billableOf: (subscriptionId: string, window: string): Promise<Record<string, bigint>> => byMeter(subscriptionId, window, 'billable'),

    /** Usage of subscriptions over [from, to), folded along one dimension. `asOf`: everything before it is in. @throws not-found for what is neither bought nor sold by the actor */
    async usage(
      actor: Actor,
      query: { subscriptionIds: readonly string[]; from: number; to: number; by: UsageDimension },
    ): Promise<{ rows: UsageRow[]; asOf: number }> {
      await mine(actor, query.subscriptionIds);
      const asOf = await watermark();
      const rows = makeRows();
      const { by } = query;
      for (const id of query.subscriptionIds) {
        if (by === 'day' || by === 'hour' || by === 'subscription') await fromTotals(rows, id, { ...query, by });
        else await fromSplits(rows, id, { ...query, by });
      }
      return { rows: rows.sorted(), asOf };
    },

    /** Single calls of a subscription over [from, to), newest first, at most 1,000, each with whether it is billed. */
    async calls(actor: Actor, subscriptionId: string, from: number, to: number): Promise<(LoggedCall & { billable: boolean; reason: string })[]> {
      await mine(actor, [subscriptionId]);
      const logged = (await store.usage.logsOf(subscriptionId, from - BATCH_SPAN_MS, to)).flatMap(({ calls }) => calls);
      const ruleOf = await totals.rulesOf(logged.filter(({ sub }) => sub === subscriptionId).map(({ sub, window }) => windowKey(sub, window)));
      return logged
        .filter(({ sub, at }) => sub === subscriptionId && at >= from && at < to)
        .sort((a, b) => b.at - a.at)
        .slice(0, CALLS_MAX)
        .map((call) => {
          const rule = ruleOf(subscriptionId, call.window);
          return {
            ...call,
            billable: rule !== undefined && isBillableOutcome(rule, call.outcome as Outcome),
            reason: outcomeReason(rule ?? null, call.outcome as Outcome),
          };
        });
    },

    /** Nodes that have reported within the last seconds: whoever is among them may hold units of a quota. */
    async liveNodes(): Promise<string[]> {
      const since = clock.real() - LIVE_MS;
      return (await store.usage.watermarks()).filter(({ retired, seenAt }) => !retired && seenAt >= since).map(({ _id }) => _id);
    },

    async nodes(actor: Actor): Promise<NodeView[]> {
      mustOperate(actor);
      const now = clock.real();
      return (await store.usage.watermarks()).map(({ _id, flushedThrough, seenAt, retired }) => {
        const state = retired ? 'retired' : now - seenAt > LIVE_MS ? 'vanished' : 'live';
        return { node: _id, state, flushedThrough, seenAt, retirable: state === 'vanished' };
      });
    },

    /** An operator gives up on a node that vanished: periods no longer wait for what it may hold. @returns false when there is no such node, or it is retired */
    async retireNode(actor: Actor, node: string): Promise<boolean> {
      mustOperate(actor);
      const retired = await store.usage.retire(node, actor.userId);
      if (retired) await audit.append(actor, { action: 'platform:nodes:update', resource: `node:${node}`, after: { retired: true } });
      return retired;
    },
  };
}

type Rows = ReturnType<typeof makeRows>;

function makeRows() {
  const rows = new Map<string, { -readonly [K in keyof UsageRow]: UsageRow[K] }>();
  return {
    add(key: string, more: Omit<UsageRow, 'key'>): void {
      const row = rows.get(key) ?? { key, calls: 0n, billable: 0n, units: 0n, failed: 0n, bytesIn: 0n, bytesOut: 0n };
      rows.set(key, row);
      row.calls += more.calls;
      row.billable += more.billable;
      row.units += more.units;
      row.failed += more.failed;
      row.bytesIn += more.bytesIn;
      row.bytesOut += more.bytesOut;
    },
    sorted: (): UsageRow[] => [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
  };
}
