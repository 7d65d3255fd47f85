import { addSplit, fitSplit, knownOf, NO_PARTS, splitsOf, type Dimension, type Split } from '../../domain/usage-splits.ts';
import { DAY_MS } from '../../domain/usage-totals.ts';
import type { Store } from '../../store/index.ts';
import { bootId, type UsageBatchDoc, type UsageBootDoc } from '../../store/usage.ts';
import type { RulesOf } from './rules.ts';

/** Batches of one boot that are read at once. */
const BATCHES_MAX = 64;
/** A boot that is further behind is still being split for the first time: its batches are read by their days, as if there were no splits. */
const BEHIND_MAX = 256;
const TRIES_MAX = 100;

export interface UsageSplitsDependencies {
  readonly store: Pick<Store, 'usage' | 'usageSplits'>;
  readonly rulesOf: RulesOf;
}

/** The totals of a day, told apart by app, credential, operation and outcome: counted behind the totals, read together with the batches that are not in them yet. */
export function makeUsageSplits({ store, rulesOf }: UsageSplitsDependencies) {
  /**
   * Add what the batches of a boot bring to one split. It is read first: its mark says which of them it holds, and its values which have room of
   * their own. One write adds the others and moves the mark, if the split still is as it was read; whoever loses reads it again.
   */
  async function countInto(id: string, boot: string, brought: readonly { readonly split: Split; readonly number: number }[]): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const stands = await store.usageSplits.get(id);
      const fresh = brought.filter(({ number }) => number > (stands?.counted[boot] ?? 0));
      if (fresh.length === 0) return;
      const sum = new Map<string, Split>();
      for (const { split } of fresh) addSplit(sum, split);
      const all = sum.get(id);
      if (!all) return;
      const fitted = fitSplit(all, knownOf(stands ?? NOTHING));
      const number = Math.max(...fresh.map((one) => one.number));
      if (stands ? await store.usageSplits.add(id, fitted.by, { boot, number }, stands.rev) : await store.usageSplits.insert(fitted, { [boot]: number }))
        return;
    }
    throw new Error(`the split ${id} changes at every look`);
  }

  /** Split the next batches of a boot, of those that are in the totals: whatever came before them is stored. @returns how many numbers */
  async function advanceBoot(boot: UsageBootDoc): Promise<number> {
    const from = boot.split ?? 0;
    if (from >= boot.through) {
      if (boot.ended && !boot.open) await store.usage.closeSplit(boot._id);
      return 0;
    }
    const to = Math.min(from + BATCHES_MAX, boot.through);
    const brought = new Map<string, { split: Split; number: number }[]>();
    for (const { number, entries, windows } of await store.usage.batchesBetween(boot, from + 1, to)) {
      for (const [id, split] of splitsOf(entries, await rulesOf(windows))) brought.set(id, [...(brought.get(id) ?? []), { split, number }]);
    }
    for (const [id, list] of brought) await countInto(id, boot._id, list);
    await store.usage.advanceSplit(boot._id, from, to);
    return to - from;
  }

  return {
    /** Bring splits up to the totals; those nearest to them first. @param batchesMax  at least so many, unless there are fewer @returns how many were looked at */
    async advance(batchesMax: number): Promise<number> {
      let done = 0;
      for (let found = 1; found > 0 && done < batchesMax; done += found) {
        found = 0;
        const boots = (await store.usage.splitBoots()).sort((a, b) => behind(a) - behind(b));
        for (const boot of boots) if (done + found < batchesMax) found += await advanceBoot(boot);
      }
      return done;
    },

    /** One dimension of the days that begin in [from, to), over all windows: every stored batch is in it exactly once. */
    async ofDays(sub: string, from: number, to: number, dimension: Dimension): Promise<readonly Split[]> {
      // First how far the splits came, then the splits: what is counted in between shows in their marks.
      const boots = await store.usage.splitBoots();
      const kept = new Map((await store.usageSplits.ofDays(sub, from, to, dimension)).map((split) => [split.id, split]));
      const splits = new Map<string, Split>(kept);
      const late = new Map(boots.filter((boot) => behind(boot) > BEHIND_MAX).map((boot) => [boot._id, boot]));
      const batches: UsageBatchDoc[] = [];
      for (const boot of boots) if (!late.has(boot._id)) batches.push(...(await store.usage.batchesBetween(boot, (boot.split ?? 0) + 1)));
      if (late.size > 0) {
        // A batch may hold calls admitted up to a day after its first one.
        for (const batch of await store.usage.batchesOf(sub, from - DAY_MS, to)) {
          const boot = late.get(bootId(batch.node, batch.boot));
          if (boot && batch.number > (boot.split ?? 0)) batches.push(batch);
        }
      }
      for (const { node, boot, number, subs, windows, entries } of batches) {
        if (!subs.includes(sub)) continue;
        const mine = entries.filter((entry) => entry.sub === sub && entry.hour >= from && entry.hour < to);
        for (const [id, split] of splitsOf(mine, await rulesOf(windows.filter((key) => key.startsWith(`${sub}|`))))) {
          const stands = kept.get(id);
          if (number <= (stands?.counted[bootId(node, boot)] ?? 0)) continue;
          // As it will be counted: what has no room of its own is among the others before as after.
          addSplit(splits, fitSplit(split, knownOf(splits.get(id) ?? NOTHING)));
        }
      }
      return [...splits.values()];
    },
  };
}

const behind = ({ through, split = 0 }: UsageBootDoc): number => through - split;

const NOTHING: Pick<Split, 'by'> = { by: NO_PARTS };
