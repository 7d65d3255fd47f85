import type { Actor } from '../domain/actor.ts';
import { addTotal, DAY_MS, totalsOf, windowKey, type Total, type TotalDifference } from '../domain/usage-totals.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Store } from '../store/index.ts';
import type { UsageBatchDoc, UsageBootDoc } from '../store/usage.ts';
import type { TotalsFindingDoc, UsageTotalDoc } from '../store/usage-totals.ts';
import type { Audit } from './audit.ts';
import { mustOperate } from './operators.ts';
import { asTotals, makeComparison } from './usage/comparison.ts';
import { makeRulesOf } from './usage/rules.ts';
import { makeUsageSplits } from './usage/splits.ts';

/** Batches of one boot that are read at once. */
const BATCHES_MAX = 64;
/** Batches that one roll-up splits, so that the totals are not kept waiting while a database is split for the first time. */
const SPLIT_AT_ONCE_MAX = 1_024;
/** How many numbers back a batch that came late is noticed by itself; the audit finds any. */
const RECENT_MAX = 32;
const FINDING_ROWS_MAX = 100;
const AUDITED_BACK_MS = 3 * DAY_MS;
const AUDITED_AHEAD_MS = 400 * DAY_MS;

export interface UsageTotalsDependencies {
  readonly store: Pick<Store, 'periods' | 'products' | 'usage' | 'usageSplits' | 'usageTotals'>;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
}

export type UsageTotals = ReturnType<typeof makeUsageTotals>;

/** What stands counted of something: every stored batch is in it exactly once, whether the totals hold it yet or not. */
export interface Counted {
  readonly totals: readonly Total[];
  /** By boot: the last batch that is in it. */
  readonly batches: ReadonlyMap<string, number>;
}

/** Totals of what was used: advanced batch by batch by whoever comes, read together with the batches that are not in them yet, compared with all of them. */
export function makeUsageTotals({ store, audit, clock, log }: UsageTotalsDependencies) {
  const rulesOf = makeRulesOf({ store });
  const comparison = makeComparison({ store, rulesOf });
  const splits = makeUsageSplits({ store, rulesOf });

  async function countBatch(boot: UsageBootDoc, batch: UsageBatchDoc): Promise<void> {
    const totals = totalsOf(batch.entries, await rulesOf(batch.windows));
    await store.usageTotals.add([...totals.values()], { boot: boot._id, number: batch.number });
  }

  /** Count what a boot stored since the last time. @returns how many batches */
  async function advance(boot: UsageBootDoc): Promise<number> {
    const lookFrom = boot.recent.length < RECENT_MAX ? 1 : Math.min(...boot.recent);
    const numbers = await store.usage.numbersOf(boot, lookFrom);
    const recent = new Set(boot.recent);
    for (const late of numbers.filter((number) => number <= boot.through && !recent.has(number))) {
      await countLate(boot, late);
      recent.add(late);
    }
    const next = numbers.filter((number) => number > boot.through);
    if (next.length === 0 && boot.ended) await store.usage.closeBoot(boot._id);
    let through = boot.through;
    let counted = 0;
    for (let at = 0; at < next.length; at += BATCHES_MAX) {
      const to = next[Math.min(at + BATCHES_MAX, next.length) - 1] ?? through;
      // Read anew: a batch that was seen was stored after all before it, so none is missing from a reading that begins now.
      const batches = await store.usage.batchesBetween(boot, through + 1, to);
      for (const batch of batches) {
        await countBatch(boot, batch);
        recent.add(batch.number);
      }
      const last = [...recent].sort((a, b) => a - b).slice(-RECENT_MAX);
      counted += batches.length;
      // Another process is at the same boot: what is left is seen by the next look.
      if (!(await store.usage.advanceBoot(boot._id, through, { through: to, recent: last }))) break;
      through = to;
    }
    return counted;
  }

  /** Its totals are past it already, so that its windows are counted anew from all their batches. */
  async function countLate(boot: UsageBootDoc, number: number): Promise<void> {
    for (const batch of await store.usage.batchesBetween(boot, number, number)) {
      log.warn({ batch: batch._id }, 'a batch came after later ones: its windows are counted anew');
      for (const key of batch.windows) {
        const [sub = '', window = ''] = key.split('|');
        if (sub !== '') await comparison.recount(sub, window);
      }
    }
    await store.usage.noteLate(boot._id, number);
  }

  /** Totals as stored, and the batches of `sub` that each does not hold yet: exact at every moment, because a total carries what it holds. */
  async function read(sub: string, stored: () => Promise<UsageTotalDoc[]>, wanted: (total: Total) => boolean): Promise<Counted> {
    // First how far the totals came, then the totals: what is counted in between shows in their marks.
    const boots = await store.usage.openBoots();
    const kept = new Map((await stored()).map((total) => [total._id, total]));
    const totals = asTotals(kept);
    const batches = new Map<string, number>();
    const reached = (boot: string, number: number) => batches.set(boot, Math.max(batches.get(boot) ?? 0, number));
    for (const { counted } of kept.values()) for (const [boot, number] of Object.entries(counted)) reached(boot, number);
    for (const boot of boots) {
      for (const { number, windows, subs, entries } of await store.usage.batchesBetween(boot, boot.through + 1)) {
        if (!subs.includes(sub)) continue;
        const mine = entries.filter((entry) => entry.sub === sub);
        for (const [id, total] of totalsOf(mine, await rulesOf(windows.filter((key) => key.startsWith(`${sub}|`))))) {
          if (!wanted(total) || number <= (kept.get(id)?.counted[boot._id] ?? 0)) continue;
          addTotal(totals, total);
          reached(boot._id, number);
        }
      }
    }
    return { totals: [...totals.values()], batches };
  }

  /** Compare one window and keep what was found, for the operator's page. */
  async function lookAt(sub: string, window: string): Promise<TotalDifference[]> {
    const differences = await comparison.differences(sub, window);
    const _id = windowKey(sub, window);
    if (differences.length === 0) await store.usageTotals.dropFinding(_id);
    else await store.usageTotals.setFinding({ _id, sub, window, at: clock.now(), count: differences.length, rows: differences.slice(0, FINDING_ROWS_MAX) });
    return differences;
  }

  return {
    rulesOf,
    splits,

    /** Count what no total holds yet, and split some of what no split holds yet. May be run by any number of processes at once, and again. @returns how many batches were counted */
    async rollUp(): Promise<number> {
      let counted = 0;
      for (let found = 1; found > 0; counted += found) {
        found = 0;
        for (const boot of await store.usage.openBoots()) found += await advance(boot);
      }
      await splits.advance(SPLIT_AT_ONCE_MAX);
      return counted;
    },

    ofWindow: (sub: string, window: string): Promise<Counted> =>
      read(
        sub,
        () => store.usageTotals.ofWindow(sub, window),
        (total) => total.window === window,
      ),

    /** Days that begin in [from, to), over all windows. */
    ofDays: (sub: string, from: number, to: number): Promise<Counted> =>
      read(
        sub,
        () => store.usageTotals.ofDays(sub, from, to),
        ({ day }) => day >= from && day < to,
      ),

    /** Compare a window's totals with all of its batches. Nothing is put right by it. */
    async auditWindow(actor: Actor, sub: string, window: string): Promise<TotalDifference[]> {
      mustOperate(actor);
      return lookAt(sub, window);
    },

    /** Compare the windows of running periods and of those that ended lately. @returns how many windows were looked at, and how many differ */
    async auditAll(actor: Actor): Promise<{ windows: number; wrong: number }> {
      mustOperate(actor);
      const now = clock.now();
      const open = await store.periods.ended('open', now - AUDITED_BACK_MS, now + AUDITED_AHEAD_MS);
      const ended = (['closing', 'frozen', 'invoiced'] as const).map((status) => store.periods.ended(status, now - AUDITED_BACK_MS, now + 1));
      const periods = [...open.filter(({ startAt }) => startAt <= now), ...(await Promise.all(ended)).flat()];
      const windows = periods.flatMap((period) => period.windows.map(({ changeIndex }) => [period.subscriptionId, `${period.index}.${changeIndex}`] as const));
      // What was found earlier stays until it is put right, however long its period is over.
      const earlier = (await store.usageTotals.findings()).map(({ sub, window }) => [sub, window] as const);
      const all = new Map([...windows, ...earlier].map((one) => [windowKey(...one), one]));
      let wrong = 0;
      for (const [sub, window] of all.values()) if ((await lookAt(sub, window)).length > 0) wrong += 1;
      return { windows: all.size, wrong };
    },

    async findings(actor: Actor): Promise<TotalsFindingDoc[]> {
      mustOperate(actor);
      return (await store.usageTotals.findings()).sort((a, b) => b.at - a.at);
    },

    /** Count a window anew from its batches: the repair, which a person starts. @returns what still differs */
    async recount(actor: Actor, sub: string, window: string): Promise<TotalDifference[]> {
      mustOperate(actor);
      const before = await lookAt(sub, window);
      await comparison.recount(sub, window);
      const after = await lookAt(sub, window);
      await audit.append(actor, {
        action: 'platform:totals:update',
        resource: `usage:${windowKey(sub, window)}`,
        after: { wrong: before.length, left: after.length },
      });
      return after;
    },
  };
}
