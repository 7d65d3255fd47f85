import { dearer } from '../../domain/plan-comparison.ts';
import { describePrice, describeTerms } from '../../domain/plan-words.ts';
import { planOf, type PlanDocument } from '../../domain/plan.ts';
import type { AnnouncedVersion, Weighing } from '../../services/catalog/plan-publishing.ts';
import type { VersionChange } from '../../services/subscriptions.ts';
import type { PlanVersionDoc } from '../../store/products.ts';

interface TermsModel {
  readonly price: string;
  readonly terms: readonly string[];
}

function termsModel(document: PlanDocument): TermsModel {
  const plan = planOf(document);
  return { price: describePrice(plan), terms: describeTerms(plan) };
}

const worse = (before: PlanDocument, after: PlanDocument): string[] => dearer(planOf(before), planOf(after)).map(({ words }) => words);

/** A change of terms that is announced to a buyer: `partials/version-change`. */
export const changeModel = ({ from, to, at }: VersionChange) => ({
  at,
  before: termsModel(from.document),
  after: termsModel(to.document),
  dearer: worse(from.document, to.document),
});

/** What a provider has announced: for whom it changes what, and whether all are told. */
export const announcedModel = ({ version, from, untold }: AnnouncedVersion) => ({
  id: version._id,
  n: version.n,
  effectiveAt: version.effectiveAt ?? 0,
  after: describePrice(planOf(version.document)),
  from: from.map(({ version: held, subscriptions }) => ({
    n: held.n,
    subscriptions,
    before: describePrice(planOf(held.document)),
    dearer: worse(held.document, version.document),
  })),
  subscriptions: from.reduce((sum, { subscriptions }) => sum + subscriptions, 0),
  untold,
});

/** Beside the preview: what typed terms would be to those who have the plan. */
export const weighingModel = ({ dearer: found, earliestAt }: Weighing) => ({ dearer: found.map(({ words }) => words), earliestAt });

/** For whom a version is, in the list of versions. */
export function audienceWords({ standing, effectiveAt }: PlanVersionDoc, now: number): { readonly words: string; readonly at: number | null } {
  if (standing === 'withdrawn') return { words: 'Withdrawn before it took effect for running subscriptions', at: null };
  if (effectiveAt === null) return { words: 'New subscribers', at: null };
  return { words: effectiveAt > now ? 'New subscribers; all others with their periods from' : 'All, with their periods from', at: effectiveAt };
}
