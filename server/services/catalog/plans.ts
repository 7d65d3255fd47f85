import type { Actor } from '../../domain/actor.ts';
import { parsePlanDocument, planHash, type PlanDocument } from '../../domain/plan.ts';
import { PRODUCT_LIMITS } from '../../domain/product-rules.ts';
import { isSlug } from '../../domain/slug.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PlanDoc, PlanVersionDoc } from '../../store/products.ts';
import { pageOfNumbers, type ListPage } from '../kept-lists.ts';
import { faulty, owned, ownProduct, refuseFaults, type ListingDependencies } from './own.ts';

const TITLE_MAX = 40;
const SUMMARY_MAX = 160;
const PUBLISH_TRIES = 5;
/** Versions looked for at once beyond the one that is known. */
const VERSIONS_AHEAD = 10;
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
  /** Title and summary change at once; changed terms become a new version, for new subscribers only (rule N6). @returns the version in force */
  update(actor: Actor, planId: string, rev: number, fields: Omit<PlanFields, 'name'>, document: PlanDocument): Promise<PlanVersionDoc>;
  /** No new subscribers; whoever has it keeps it. @throws conflict for the last open plan of a listed product */
  retire(actor: Actor, planId: string): Promise<void>;
}

interface Words {
  readonly before?: object;
  readonly after: object;
}

export function makePlans({ store, clock, ids, audit, changes, sellerLists }: Omit<ListingDependencies, 'directory'>): Plans {
  const { products } = store;

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

  /** The plan's own count may be behind: a version that a crash kept from becoming current stands all the same. */
  async function newestOf({ _id, versions }: PlanDoc): Promise<PlanVersionDoc | null> {
    let newest: PlanVersionDoc | null = null;
    for (let from = Math.max(1, versions); ; from += VERSIONS_AHEAD) {
      const some = await products.planVersionsBetween(_id, from, from + VERSIONS_AHEAD);
      for (const version of some) if (!newest || version.n > newest.n) newest = version;
      if (some.length < VERSIONS_AHEAD) return newest;
    }
  }

  /**
   * Publish terms as the next version and make it current; equal terms are the version that stands. Safe to repeat.
   * @param words  what the same request changed besides: one record tells both
   */
  async function publish(actor: Actor, planId: string, document: PlanDocument, words: Words | null): Promise<PlanVersionDoc> {
    const hash = planHash(document);
    for (let tries = 0; tries < PUBLISH_TRIES; tries++) {
      const plan = await products.plan(planId);
      if (!plan) throw new AppError('not-found');
      const newest = await newestOf(plan);
      const n = (newest?.n ?? 0) + 1;
      const version: PlanVersionDoc =
        newest?.hash === hash
          ? newest
          : { _id: `${planId}_v${n}`, planId, planName: plan.name, productId: plan.productId, n, document, hash, publishedAt: clock.now(), effectiveAt: null };
      if (version !== newest && !(await products.addPlanVersion(version)) && (await products.planVersion(version._id))?.hash !== hash) continue;
      if (plan.currentVersionId === version._id) {
        if (words) await audit.append(actor, { action: 'market:products:update', resource: `product:${plan.productId}`, ...words });
        return version;
      }
      if (!(await products.updatePlan(planId, plan.rev, { currentVersionId: version._id, versions: version.n }))) continue;
      await audit.append(actor, {
        action: 'market:products:update',
        resource: `product:${plan.productId}`,
        before: { ...words?.before, planVersionId: plan.currentVersionId },
        after: { ...words?.after, planVersionId: version._id, document },
      });
      await changes.announce('catalogue-changed', { what: 'plan', id: planId });
      return version;
    }
    throw new AppError('conflict');
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
      const total = (await newestOf(plan))?.n ?? 0;
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
      await publish(actor, plan._id, terms, { after: { plan: plan._id, name, title, summary } });
      return (await products.plan(plan._id)) ?? plan;
    },

    async update(actor, planId, rev, { title, summary }, document) {
      const plan = await ownPlan(actor, planId);
      checkFields({ title, summary });
      const terms = readTerms(document);
      if (plan.rev !== rev) throw new AppError('conflict');
      if (plan.retired) throw new AppError('conflict', 'This plan is retired.');
      if ((plan.title !== title || plan.summary !== summary) && !(await products.updatePlan(planId, rev, { title, summary }))) throw new AppError('conflict');
      const changed = plan.title !== title || plan.summary !== summary;
      const before = { plan: planId, title: plan.title, summary: plan.summary };
      const words = changed ? { before, after: { plan: planId, title, summary } } : null;
      return publish(actor, planId, terms, words).catch(async (error: unknown) => {
        // The words are saved, whatever became of the terms.
        if (words) await audit.append(actor, { action: 'market:products:update', resource: `product:${plan.productId}`, ...words });
        throw error;
      });
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
