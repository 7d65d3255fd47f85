import type { BillingRule } from '../../domain/billable.ts';
import { windowKey, type RuleOf } from '../../domain/usage-totals.ts';
import type { Store } from '../../store/index.ts';

/** Rules of windows in memory; those of a window that was used never change. */
const RULES_MAX = 50_000;

/** Rules of these windows (`<subscription>|<window>`), each by the plan version of its window (rule N14). */
export type RulesOf = (windows: Iterable<string>) => Promise<RuleOf>;

export function makeRulesOf({ store }: { readonly store: Pick<Store, 'periods' | 'products'> }): RulesOf {
  const known = new Map<string, BillingRule>();
  return async (windows) => {
    const missing = [...new Set(windows)].filter((key) => !known.has(key));
    if (missing.length > 0) {
      if (known.size > RULES_MAX) known.clear();
      const periods = await store.periods.many([...new Set(missing.map(periodIdOf))]);
      const wanted = periods.flatMap(({ subscriptionId, index, windows: parts }) =>
        parts.map(({ changeIndex, planVersionId }) => ({ key: windowKey(subscriptionId, `${index}.${changeIndex}`), planVersionId })),
      );
      const versions = new Map((await store.products.planVersions([...new Set(wanted.map((one) => one.planVersionId))])).map((one) => [one._id, one.document]));
      for (const { key, planVersionId } of wanted) {
        const document = versions.get(planVersionId);
        // Only what was asked for: a window that nobody used may still get another version.
        if (document && missing.includes(key)) known.set(key, { billableStatuses: document.billable_statuses, billAborted: document.bill_aborted });
      }
    }
    return (sub, window) => known.get(windowKey(sub, window));
  };
}

const periodIdOf = (key: string): string => {
  const [sub = '', window = ''] = key.split('|');
  return `${sub}_${window.split('.')[0] ?? ''}`;
};
