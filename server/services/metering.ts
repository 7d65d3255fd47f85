import { isOperator, type Actor } from '../domain/actor.ts';
import type { BillingRule } from '../domain/billable.ts';
import { isBillableOutcome, keepsPlace, type Outcome, outcomeReason } from '../domain/metering.ts';
import type { PlanDocument } from '../domain/plan.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Store } from '../store/index.ts';
import type { LoggedCall, UsageEntry } from '../store/usage.ts';
import type { Audit } from './audit.ts';
import type { UsageGroup, UsageReader } from './billing/usage-reader.ts';

const DAY_MS = 86_400_000;
/** A batch may hold calls admitted up to this long after its first one; queries look that much further back. */
const BATCH_SPAN_MS = DAY_MS;
const LIVE_MS = 15_000;
const CALLS_MAX = 1_000;

export type UsageDimension = 'app' | 'credential' | 'operation' | 'outcome' | 'hour' | 'day' | 'subscription';

export interface UsageRow {
  /** Value of the dimension: an id, an operation, an outcome, or an instant in epoch ms as text. */
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
  readonly store: Pick<Store, 'periods' | 'products' | 'subscriptions' | 'usage'>;
  readonly audit: Audit;
  readonly clock: Clock;
}

const ruleOf = (plan: PlanDocument): BillingRule => ({ billableStatuses: plan.billable_statuses, billAborted: plan.bill_aborted });

/** What was used, read from the immutable batches: for pages, for quotas, and for the bill. */
export function makeMetering({ store, audit, clock }: MeteringDependencies) {
  async function watermark(): Promise<number> {
    const nodes = (await store.usage.watermarks()).filter(({ retired }) => !retired);
    // Without a live gateway nothing is on its way.
    return nodes.length === 0 ? clock.now() : Math.min(...nodes.map(({ flushedThrough }) => flushedThrough));
  }

  const entriesOfWindow = async (subscriptionId: string, window: string): Promise<UsageEntry[]> =>
    (await store.usage.batchesOfWindow(subscriptionId, window))
      .flatMap(({ entries }) => entries)
      .filter((entry) => entry.sub === subscriptionId && entry.window === window);

  const reader: UsageReader = {
    watermark,
    async usageOf(subscriptionId, windows) {
      const groups: UsageGroup[] = [];
      for (const window of windows) {
        for (const { outcome, units } of await entriesOfWindow(subscriptionId, window)) groups.push({ window, outcome, units });
      }
      return groups;
    },
  };

  /** The rule of each window of these subscriptions, by `<subscription>|<window>`. */
  async function rules(subscriptionIds: readonly string[]): Promise<Map<string, BillingRule>> {
    const periods = (await Promise.all(subscriptionIds.map((id) => store.periods.ofSubscription(id)))).flat();
    const versions = await store.products.planVersions([...new Set(periods.flatMap(({ windows }) => windows.map((window) => window.planVersionId)))]);
    const byId = new Map(versions.map((version) => [version._id, ruleOf(version.document)]));
    return new Map(
      periods.flatMap(({ subscriptionId, index, windows }) =>
        windows.flatMap(({ changeIndex, planVersionId }) => {
          const rule = byId.get(planVersionId);
          return rule ? [[`${subscriptionId}|${index}.${changeIndex}`, rule] as const] : [];
        }),
      ),
    );
  }

  async function mine(actor: Actor, subscriptionIds: readonly string[]): Promise<void> {
    const subscriptions = await store.subscriptions.many([...subscriptionIds]);
    const foreign =
      subscriptions.length < subscriptionIds.length ||
      subscriptions.some((s) => s.organizationId !== actor.organizationId && s.providerId !== actor.organizationId);
    if (foreign && !isOperator(actor)) throw new AppError('not-found');
  }

  return {
    reader,
    watermark,

    /** The store's share of a quota's count, and the last batch of each holder (`<node>-<boot>`) that is part of it. */
    async storedPlaces(subscriptionId: string, window: string, meter: string): Promise<{ units: bigint; batches: ReadonlyMap<string, number> }> {
      const batches = new Map<string, number>();
      let units = 0n;
      for (const { node, boot, number, entries } of await store.usage.batchesOfWindow(subscriptionId, window)) {
        const holder = `${node}-${boot}`;
        batches.set(holder, Math.max(batches.get(holder) ?? 0, number));
        for (const entry of entries) {
          if (entry.sub === subscriptionId && entry.window === window && keepsPlace(entry.outcome as Outcome)) units += entry.units[meter] ?? 0n;
        }
      }
      return { units, batches };
    },

    /** Units that keep their place in the quota of a window, by meter, as the records say. */
    async placesOf(subscriptionId: string, window: string): Promise<Record<string, bigint>> {
      const places: Record<string, bigint> = {};
      for (const { outcome, units } of await entriesOfWindow(subscriptionId, window)) {
        if (!keepsPlace(outcome as Outcome)) continue;
        for (const [meter, count] of Object.entries(units)) places[meter] = (places[meter] ?? 0n) + count;
      }
      return places;
    },

    /** Billable units of a window, by meter (rule N14). */
    async billableOf(subscriptionId: string, window: string, plan: PlanDocument): Promise<Record<string, bigint>> {
      const billable: Record<string, bigint> = {};
      for (const { outcome, units } of await entriesOfWindow(subscriptionId, window)) {
        if (!isBillableOutcome(ruleOf(plan), outcome as Outcome)) continue;
        for (const [meter, count] of Object.entries(units)) billable[meter] = (billable[meter] ?? 0n) + count;
      }
      return billable;
    },

    /** Usage of subscriptions over [from, to), folded along one dimension. `asOf`: everything before it is in. @throws not-found for what is neither bought nor sold by the actor */
    async usage(
      actor: Actor,
      query: { subscriptionIds: readonly string[]; from: number; to: number; by: UsageDimension },
    ): Promise<{ rows: UsageRow[]; asOf: number }> {
      const { subscriptionIds, from, to, by } = query;
      await mine(actor, subscriptionIds);
      const [ruleOfWindow, asOf] = await Promise.all([rules(subscriptionIds), watermark()]);
      const rows = new Map<string, { -readonly [K in keyof UsageRow]: UsageRow[K] }>();
      for (const id of subscriptionIds) {
        for (const { entries } of await store.usage.batchesOf(id, from - BATCH_SPAN_MS, to)) {
          for (const entry of entries) {
            if (entry.sub !== id || entry.hour + 3_600_000 <= from || entry.hour >= to) continue;
            const key =
              by === 'day' ? String(Math.floor(entry.hour / DAY_MS) * DAY_MS) : by === 'hour' ? String(entry.hour) : by === 'subscription' ? id : entry[by];
            const row = rows.get(key) ?? { key, calls: 0n, billable: 0n, units: 0n, failed: 0n, bytesIn: 0n, bytesOut: 0n };
            rows.set(key, row);
            const rule = ruleOfWindow.get(`${id}|${entry.window}`);
            row.calls += entry.calls;
            if (rule && isBillableOutcome(rule, entry.outcome as Outcome)) {
              row.billable += entry.calls;
              row.units += entry.units['requests'] ?? 0n;
            }
            if (!keepsPlace(entry.outcome as Outcome)) row.failed += entry.calls;
            row.bytesIn += entry.bytesIn;
            row.bytesOut += entry.bytesOut;
          }
        }
      }
      return { rows: [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1)), asOf };
    },

    /** Single calls of a subscription over [from, to), newest first, at most 1,000, each with whether it is billed. */
    async calls(actor: Actor, subscriptionId: string, from: number, to: number): Promise<(LoggedCall & { billable: boolean; reason: string })[]> {
      await mine(actor, [subscriptionId]);
      const ruleOfWindow = await rules([subscriptionId]);
      return (await store.usage.logsOf(subscriptionId, from - BATCH_SPAN_MS, to))
        .flatMap(({ calls }) => calls)
        .filter(({ sub, at }) => sub === subscriptionId && at >= from && at < to)
        .sort((a, b) => b.at - a.at)
        .slice(0, CALLS_MAX)
        .map((call) => {
          const rule = ruleOfWindow.get(`${subscriptionId}|${call.window}`);
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
      if (!isOperator(actor)) throw new AppError('not-found');
      const now = clock.real();
      return (await store.usage.watermarks()).map(({ _id, flushedThrough, seenAt, retired }) => {
        const state = retired ? 'retired' : now - seenAt > LIVE_MS ? 'vanished' : 'live';
        return { node: _id, state, flushedThrough, seenAt, retirable: state === 'vanished' };
      });
    },

    /** An operator gives up on a node that vanished: periods no longer wait for what it may hold. @returns false when there is no such node, or it is retired */
    async retireNode(actor: Actor, node: string): Promise<boolean> {
      if (!isOperator(actor)) throw new AppError('not-found');
      const retired = await store.usage.retire(node, actor.userId);
      if (retired) await audit.append(actor, { action: 'platform:nodes:update', resource: `node:${node}`, after: { retired: true } });
      return retired;
    },
  };
}
