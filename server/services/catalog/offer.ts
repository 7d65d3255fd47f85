import { onOffer } from '../../domain/plan-versions.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Store } from '../../store/index.ts';
import type { PlanDoc, PlanVersionDoc } from '../../store/products.ts';

const TRIES_MAX = 8;
/** Versions read at once. */
const VERSIONS_STEP = 10;

/** The number of a plan's newest version; the plan's own count is behind while one is being published. */
export async function newestNumber({ products }: Pick<Store, 'products'>, { _id, versions }: PlanDoc): Promise<number> {
  let newest = 0;
  for (let from = Math.max(1, versions); ; from += VERSIONS_STEP) {
    const some = await products.planVersionsBetween(_id, from, from + VERSIONS_STEP);
    newest = Math.max(newest, ...some.map(({ n }) => n));
    if (some.length < VERSIONS_STEP) return newest;
  }
}

/** The newest version up to that number that was not withdrawn, other than `without`. */
export async function offeredOf({ products }: Pick<Store, 'products'>, planId: string, newest: number, without = ''): Promise<PlanVersionDoc | null> {
  for (let to = newest + 1; to > 1; to -= VERSIONS_STEP) {
    const some = await products.planVersionsBetween(planId, Math.max(1, to - VERSIONS_STEP), to);
    const found = onOffer(some.filter(({ _id }) => _id !== without));
    if (found) return found;
  }
  return null;
}

/** A plan offers the newest of its versions that was not withdrawn. What is stored of that follows here, whoever published or withdrew one, and however often. */
export async function offerNewest(store: Pick<Store, 'products'>, planId: string): Promise<PlanDoc> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const plan = await store.products.plan(planId);
    if (!plan) throw new AppError('not-found');
    const versions = await newestNumber(store, plan);
    const currentVersionId = (await offeredOf(store, planId, versions))?._id ?? null;
    if (plan.currentVersionId === currentVersionId && plan.versions === versions) return plan;
    await store.products.updatePlan(planId, plan.rev, { currentVersionId, versions });
  }
  throw new AppError('conflict');
}
