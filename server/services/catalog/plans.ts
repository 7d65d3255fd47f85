import type { Actor } from '../../domain/actor.ts';
import { parsePlanDocument, type PlanDocument } from '../../domain/plan.ts';
import { PRODUCT_LIMITS } from '../../domain/product-rules.ts';
import { isSlug } from '../../domain/slug.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PlanDoc, PlanVersionDoc } from '../../store/products.ts';
import { pageOfNumbers, type ListPage } from '../kept-lists.ts';
import { newestNumber } from './offer.ts';
import { makePlanPublishing, type AnnouncedVersion, type Weighing } from './plan-publishing.ts';
import { faulty, owned, ownProduct, refuseFaults, type ListingDependencies } from './own.ts';

const TITLE_MAX = 40;
const SUMMARY_MAX = 160;
/** Versions on one page. */
const VERSIONS_PAGE_SIZE = 25;

export interface PlanFields {
  /** Short, in addresses and programs: `starter`. Cannot change later. */
  readonly name: string;
  readonly title: string;
  readonly summary: string;
}

export interface PlanRow {
  readonly plan: PlanDoc;
  /** The newest published version; null while there is none. */
  readonly version: PlanVersionDoc | null;
  /** Live subscriptions on any of its versions. */
  readonly subscriptions: number;
}

export interface Plans {
  list(actor: Actor, productId: string): Promise<PlanRow[]>;
  /** @param page  of its versions, the newest first; from 1 */
  get(actor: Actor, planId: string, page?: number): Promise<{ plan: PlanDoc; version: PlanVersionDoc | null; versions: ListPage<PlanVersionDoc> }>;
  /** A plan with its first version, published. Calling it again with the same name and terms finishes what a crash cut short. */
  create(actor: Actor, productId: string, fields: PlanFields, document: PlanDocument): Promise<PlanDoc>;
  /**
   * Title and summary change at once; changed terms become a new version (rule N6).
   * @param effectiveAt  from when it counts for running subscriptions, a whole second; null = for new subscribers only
   * @returns the version on offer
   * @throws invalid-form beside `effectiveAt` when that is too near, or beside what a running subscription cannot change
   */
  update(
    actor: Actor,
    planId: string,
    rev: number,
    fields: Omit<PlanFields, 'name'>,
    document: PlanDocument,
    effectiveAt?: number | null,
  ): Promise<PlanVersionDoc>;
  /**
   * Versions that are announced and not in force yet, with what they change for whom.
   * @param document  terms that somebody thinks about: what they would be to those who have the plan; null where nobody has it
   */
  ahead(actor: Actor, planId: string, document: PlanDocument | null): Promise<{ announced: AnnouncedVersion[]; weighing: Weighing | null }>;
  /** Take an announced version back before its instant: running subscriptions keep their terms, and the version before is on offer again. @throws conflict */
  withdraw(actor: Actor, planId: string, versionId: string): Promise<PlanVersionDoc>;
  /** No new subscribers; whoever has it keeps it. @throws conflict for the last open plan of a listed product */
  retire(actor: Actor, planId: string): Promise<void>;
}

export function makePlans({ store, clock, ids, audit, changes, sellerLists, versionsChanged }: Omit<ListingDependencies, 'directory'>): Plans {
  const { products } = store;
  const publishing = makePlanPublishing({ store, clock, audit, changes, sellerLists, ...(versionsChanged && { versionsChanged }) });

  async function ownPlan(actor: Actor, planId: string): Promise<PlanDoc> {
    const plan = await products.plan(planId);
    if (!plan) throw new AppError('not-found');
    owned(actor, await products.product(plan.productId));
    return plan;
  }

  function checkFields({ title, summary }: Omit<PlanFields, 'name'>): void {
    refuseFaults({
      ...(title.trim() === '' ? { title: 'This is needed.' } : title.length > TITLE_MAX && { title: `At most ${TITLE_MAX} characters fit.` }),
      ...(summary.length > SUMMARY_MAX && { summary: `At most ${SUMMARY_MAX} characters fit.` }),
    });
  }

  function readTerms(document: PlanDocument): PlanDocument {
    const reading = parsePlanDocument(document);
    if (reading.fault) throw faulty({ document: `${reading.fault.path} ${reading.fault.message}.` });
    return reading.document;
  }

  return {
    async list(actor, productId) {
      const { organizationId } = await ownProduct(store, actor, productId);
      const plans = (await products.plansOf(productId)).sort((a, b) => a.ordinal - b.ordinal);
      const [versions, subscribers] = await Promise.all([
        products.planVersions(plans.flatMap(({ currentVersionId }) => (currentVersionId === null ? [] : [currentVersionId]))),
        sellerLists.subscribers(organizationId),
      ]);
      return plans.map((plan) => ({
        plan,
        version: versions.find(({ _id }) => _id === plan.currentVersionId) ?? null,
        subscriptions: subscribers.ofPlan(plan._id),
      }));
    },

    async get(actor, planId, number = 1) {
      const plan = await ownPlan(actor, planId);
      const total = await newestNumber(store, plan);
      const { from, to, ...page } = pageOfNumbers(total, number, VERSIONS_PAGE_SIZE);
      const [version, rows] = await Promise.all([
        plan.currentVersionId === null ? null : products.planVersion(plan.currentVersionId),
        total === 0 ? [] : products.planVersionsBetween(planId, from, to),
      ]);
      return { plan, version, versions: { ...page, rows: rows.sort((a, b) => b.n - a.n) } };
    },

    async create(actor, productId, { name, title, summary }, document) {
      const product = await ownProduct(store, actor, productId);
      if (product.status === 'retired') throw new AppError('conflict', 'This product is retired.');
      if (!isSlug(name) || name.length > 30) throw faulty({ name: 'Use lower-case letters, digits and single hyphens, at most 30 characters.' });
      checkFields({ title, summary });
      const terms = readTerms(document);
      const held = await products.plansOf(productId);
      const present = held.find((plan) => plan.name === name);
      // What an interrupted attempt left is taken up again; a plan that was published is somebody's.
      if (present && present.currentVersionId !== null) throw faulty({ name: 'Another plan of this product has this name.' });
      if (!present && held.length >= PRODUCT_LIMITS.plansMax) throw new AppError('conflict', `A product may have ${PRODUCT_LIMITS.plansMax} plans.`);
      const plan: PlanDoc = present ?? {
        _id: ids.next('plan'),
        productId,
        name,
        title,
        summary,
        ordinal: Math.max(0, ...held.map(({ ordinal }) => ordinal)) + 1,
        currentVersionId: null,
        versions: 0,
        retired: false,
        createdAt: clock.now(),
        rev: 1,
      };
      if (!present && !(await products.addPlan(plan)) && !(await products.plan(plan._id)))
        throw faulty({ name: 'Another plan of this product has this name.' });
      await publishing.publish(actor, plan, terms, null, { after: { plan: plan._id, name, title, summary } });
      return (await products.plan(plan._id)) ?? plan;
    },

    async update(actor, planId, rev, { title, summary }, document, effectiveAt = null) {
      const plan = await ownPlan(actor, planId);
      checkFields({ title, summary });
      const terms = readTerms(document);
      if (plan.rev !== rev) throw new AppError('conflict');
      if (plan.retired) throw new AppError('conflict', 'This plan is retired.');
      // Refused before anything is saved; once more when it is published, against what is stored then.
      if (effectiveAt !== null) await publishing.check(plan, (await products.planVersion(plan.currentVersionId ?? '')) ?? undefined, terms, effectiveAt);
      if ((plan.title !== title || plan.summary !== summary) && !(await products.updatePlan(planId, rev, { title, summary }))) throw new AppError('conflict');
      const changed = plan.title !== title || plan.summary !== summary;
      const before = { plan: planId, title: plan.title, summary: plan.summary };
      const words = changed ? { before, after: { plan: planId, title, summary } } : null;
      return publishing.publish(actor, plan, terms, effectiveAt, words).catch(async (error: unknown) => {
        // The words are saved, whatever became of the terms.
        if (words) await audit.append(actor, { action: 'market:products:update', resource: `product:${plan.productId}`, ...words });
        throw error;
      });
    },

    async ahead(actor, planId, document) {
      const plan = await ownPlan(actor, planId);
      const held = await publishing.heldOf(plan);
      const [announced, weighing] = await Promise.all([
        publishing.announced(plan, held),
        document && held.size > 0 ? publishing.weigh(plan, readTerms(document), held) : null,
      ]);
      return { announced, weighing };
    },

    async withdraw(actor, planId, versionId) {
      return publishing.withdraw(actor, await ownPlan(actor, planId), versionId);
    },

    async retire(actor, planId) {
      const plan = await ownPlan(actor, planId);
      if (plan.retired) return;
      const product = await products.product(plan.productId);
      const others = (await products.plansOf(plan.productId)).filter(
        ({ _id, retired, currentVersionId }) => _id !== planId && !retired && currentVersionId !== null,
      );
      if (product?.status === 'listed' && others.length === 0)
        throw new AppError('conflict', 'A listed product needs at least one open plan. Add another one first.');
      if (!(await products.updatePlan(planId, plan.rev, { retired: true })) && !(await products.plan(planId))?.retired) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:products:update',
        resource: `product:${plan.productId}`,
        before: { plan: planId, retired: false },
        after: { plan: planId, retired: true },
      });
      await changes.announce('catalogue-changed', { what: 'plan', id: planId });
    },
  };
}
