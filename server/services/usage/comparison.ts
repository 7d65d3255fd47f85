import { addSplit, fitSplit, knownOf, NO_PARTS, splitDifferences, splitsOf, type Split } from '../../domain/usage-splits.ts';
import { addTotal, differencesOf, NO_USAGE, totalsOf, windowKey, type Total, type TotalDifference } from '../../domain/usage-totals.ts';
import type { Store } from '../../store/index.ts';
import { bootId, type UsageBootDoc } from '../../store/usage.ts';
import type { UsageTotalDoc } from '../../store/usage-totals.ts';
import type { RulesOf } from './rules.ts';

const CORRECTIONS_MAX = 10;

/** As the domain knows them; quantities that the store left out are zero. */
export function asTotals(documents: ReadonlyMap<string, UsageTotalDoc>): Map<string, Total> {
  return new Map(
    [...documents].map(([id, { sub, window, meter, day, hours }]) => [
      id,
      { sub, window, meter, day, hours: new Map(Object.entries(hours).map(([hour, quantities]) => [Number(hour), { ...NO_USAGE, ...quantities }])) },
    ]),
  );
}

/** What a cache of the batches holds of a window, and what it should hold. */
interface Side<Kept extends { readonly counted: Readonly<Record<string, number>> }, Right> {
  readonly kept: ReadonlyMap<string, Kept>;
  readonly right: Map<string, Right>;
  /** By document and boot: the last batch that is in `right`. */
  readonly marks: Map<string, Record<string, number>>;
}

export interface ComparisonDependencies {
  readonly store: Pick<Store, 'usage' | 'usageSplits' | 'usageTotals'>;
  readonly rulesOf: RulesOf;
}

/** Totals and splits of a window beside one pass over its batches: the auditor, and the repair. */
export function makeComparison({ store, rulesOf }: ComparisonDependencies) {
  /** What is kept should hold the batches up to the marks it carries. Those beyond are not counted yet, which is no fault. */
  async function compare(sub: string, window: string) {
    const boots = new Map<string, UsageBootDoc>();
    for (const boot of [...(await store.usage.openBoots()), ...(await store.usage.splitBoots())]) boots.set(boot._id, boot);
    const totals: Side<UsageTotalDoc, Total> = side((await store.usageTotals.ofWindow(sub, window)).map((total) => [total._id, total]));
    const splits: Side<Awaited<ReturnType<typeof store.usageSplits.ofWindow>>[number], Split> = side(
      (await store.usageSplits.ofWindow(sub, window)).map((split) => [split.id, split]),
    );
    const ruleOf = await rulesOf([windowKey(sub, window)]);
    for await (const { node, boot, number, entries } of store.usage.eachOfWindow(sub, window)) {
      const id = bootId(node, boot);
      if (!boots.has(id)) for (const found of await store.usage.boots([id])) boots.set(id, found);
      const { through = 0, split: splitThrough = 0 } = boots.get(id) ?? {};
      const mine = entries.filter((entry) => entry.sub === sub && entry.window === window);
      for (const [of, total] of totalsOf(mine, ruleOf)) if (isCounted(totals, of, id, number, through)) addTotal(totals.right, total);
      for (const [of, split] of splitsOf(mine, ruleOf)) if (isCounted(splits, of, id, number, splitThrough)) addSplit(splits.right, split);
    }
    // As there is room for it: what has its own count keeps it, and what is among the others stays there.
    for (const [id, split] of splits.right) {
      const stands = splits.kept.get(id);
      splits.right.set(id, fitSplit(split, knownOf(stands ?? { by: NO_PARTS })));
    }
    return { totals, splits, differences: [...differencesOf(asTotals(totals.kept), totals.right), ...splitDifferences(splits.kept, splits.right)] };
  }

  return {
    /** Where totals and splits of a window differ from its batches. Nothing is put right by it. */
    differences: async (sub: string, window: string): Promise<TotalDifference[]> => (await compare(sub, window)).differences,

    /** Count a window anew from its batches. @returns what still differs: somebody counted on at each try, and a person starts again */
    async recount(sub: string, window: string): Promise<TotalDifference[]> {
      for (let tries = 0; tries < CORRECTIONS_MAX; tries += 1) {
        const { totals, splits, differences } = await compare(sub, window);
        if (differences.length === 0) return [];
        for (const id of new Set([...totals.kept.keys(), ...totals.right.keys()])) {
          const [stands, should] = [totals.kept.get(id), totals.right.get(id)];
          const hours = Object.fromEntries([...(should?.hours ?? [])].map(([hour, quantities]) => [String(hour), { ...quantities }]));
          const counted = totals.marks.get(id) ?? stands?.counted ?? {};
          if (stands) await store.usageTotals.correct(id, stands.rev, { hours, counted });
          else if (should) {
            const { sub: s, window: w, meter, day } = should;
            await store.usageTotals.insert({ _id: id, sub: s, window: w, windowKey: windowKey(s, w), meter, day, hours, counted, rev: 1 });
          }
        }
        for (const id of new Set([...splits.kept.keys(), ...splits.right.keys()])) {
          const [stands, should] = [splits.kept.get(id), splits.right.get(id)];
          const counted = splits.marks.get(id) ?? stands?.counted ?? {};
          const by = should?.by ?? NO_PARTS;
          if (stands) await store.usageSplits.correct(id, stands.rev, { by }, counted);
          else if (should) await store.usageSplits.insert(should, counted);
        }
        await store.usage.recounted(sub);
      }
      return (await compare(sub, window)).differences;
    },
  };
}

function side<Kept extends { readonly counted: Readonly<Record<string, number>> }, Right>(kept: readonly (readonly [string, Kept])[]): Side<Kept, Right> {
  return { kept: new Map(kept), right: new Map(), marks: new Map() };
}

/** Should this batch be in this document by now? Notes it as counted. */
function isCounted<Kept extends { readonly counted: Readonly<Record<string, number>> }>(
  { kept, marks }: Side<Kept, unknown>,
  document: string,
  boot: string,
  number: number,
  through: number,
): boolean {
  const counted = kept.get(document)?.counted;
  if (number > Math.max(counted?.[boot] ?? 0, through)) return false;
  const held = marks.get(document) ?? { ...counted };
  marks.set(document, { ...held, [boot]: Math.max(held[boot] ?? 0, number) });
  return true;
}
