import type { Actor } from '../../domain/actor.ts';
import { dearer, type Dearer } from '../../domain/plan-comparison.ts';
import { AHEAD_MS_MAX, earliestDay, earliestInstant, NOTICE_DAYS, versionsAhead, type VersionStanding } from '../../domain/plan-versions.ts';
import { planHash, planOf, type PlanDocument } from '../../domain/plan.ts';
import { dateWords } from '../../domain/time.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PlanDoc, PlanVersionDoc } from '../../store/products.ts';
import { newestNumber, offeredOf, offerNewest } from './offer.ts';
import { faulty, type ListingDependencies } from './own.ts';

/** How new terms compare with those that running subscriptions have or are about to have. */
export interface Weighing {
  /** Empty: for nobody anything gets dearer. */
  readonly dearer: readonly Dearer[];
  /** The first day, as its midnight UTC, from which the terms may hold for running subscriptions. */
  readonly earliestAt: number;
}

/** Records of a version's publication and withdrawal are written once, whoever does it. */
export const auditIdOf = ({ _id, standing }: { readonly _id: string; readonly standing: VersionStanding }): string =>
  `evt_${standing === 'withdrawn' ? 'withdrawn' : 'published'}_${_id}`;

/** A version on its way to running subscriptions. */
export interface AnnouncedVersion {
  readonly version: PlanVersionDoc;
  /** Live subscriptions that go over to it, by the version they have. */
  readonly from: readonly { readonly version: PlanVersionDoc; readonly subscriptions: number }[];
  /** Subscribers whose letters are not sent yet. */
  readonly untold: number;
}

interface Words {
  readonly before?: object;
  readonly after: object;
}

/** Versions of one plan: published, weighed against those that are held, and withdrawn (rule N6). Whose plan it is was asked before. */
export function makePlanPublishing({
  store,
  clock,
  audit,
  changes,
  sellerLists,
  versionsChanged,
}: Pick<ListingDependencies, 'audit' | 'changes' | 'clock' | 'sellerLists' | 'store' | 'versionsChanged'>) {
  const { products } = store;

  async function heldOf({ _id, productId }: PlanDoc): Promise<ReadonlyMap<string, number>> {
    const product = await products.product(productId);
    return product ? (await sellerLists.subscribers(product.organizationId)).versionsOf(_id) : new Map();
  }

  async function weigh(plan: PlanDoc, document: PlanDocument, holders?: ReadonlyMap<string, number>): Promise<Weighing> {
    const held = new Set((holders ?? (await heldOf(plan))).keys());
    if (plan.currentVersionId !== null) held.add(plan.currentVersionId);
    const versions = await products.announcedVersions(plan._id, [...held]);
    const terms = planOf(document);
    // Whoever buys at this moment gets the version on offer; what is announced will be held by the time this counts.
    const concerned = versions
      .filter(({ _id, standing, effectiveAt }) => held.has(_id) || (standing !== 'withdrawn' && effectiveAt !== null))
      .map((version) => planOf(version.document))
      // Subscriptions in another currency or interval never go over to it.
      .filter(({ currency, interval }) => currency.code === terms.currency.code && interval === terms.interval);
    const found = new Map(concerned.flatMap((before) => dearer(before, terms)).map((one) => [one.words, one]));
    return { dearer: [...found.values()], earliestAt: earliestDay(earliestInstant(found.size > 0, clock.now())) };
  }

  /** @throws invalid-form */
  async function check(plan: PlanDoc, current: PlanVersionDoc | undefined, document: PlanDocument, effectiveAt: number): Promise<void> {
    if (current && (current.document.currency !== document.currency || current.document.interval !== document.interval)) {
      const field = current.document.currency === document.currency ? 'interval' : 'currency';
      throw faulty({
        [field]: 'Running subscriptions keep their currency and the length of their periods: with another one, the version can be for new subscribers only.',
      });
    }
    const { dearer: worse, earliestAt } = await weigh(plan, document);
    const now = clock.now();
    if (effectiveAt % 1000 !== 0 || effectiveAt > now + AHEAD_MS_MAX) throw faulty({ effectiveAt: 'Choose a day within the next two years.' });
    if (effectiveAt >= earliestInstant(worse.length > 0, now)) return;
    const [because] = worse;
    throw faulty({
      effectiveAt: because
        ? `The earliest day is ${dateWords(earliestAt)}, ${NOTICE_DAYS} days ahead, because something gets dearer: ${because.words}`
        : `The earliest day is ${dateWords(earliestAt)}.`,
    });
  }

  /**
   * Publish terms as the plan's next version; equal terms for the same people are the version that stands. The number of the version decides between two who do so
   * at once: it is the one after those that the plan counted when its revision was compared.
   *
   * @param plan  as it stood when the revision was compared
   * @param words  what the same request changed besides: one record tells both
   */
  async function publish(actor: Actor, plan: PlanDoc, document: PlanDocument, effectiveAt: number | null, words: Words | null): Promise<PlanVersionDoc> {
    const resource = `product:${plan.productId}`;
    const hash = planHash(document);
    const current = plan.currentVersionId === null ? undefined : ((await products.planVersion(plan.currentVersionId)) ?? undefined);
    if (current?.hash === hash && (effectiveAt === null || current.effectiveAt === effectiveAt)) {
      if (words) await audit.append(actor, { action: 'market:products:update', resource, ...words });
      return current;
    }
    if (effectiveAt !== null) await check(plan, current, document, effectiveAt);
    const n = plan.versions + 1;
    const version: PlanVersionDoc = {
      _id: `${plan._id}_v${n}`,
      planId: plan._id,
      planName: plan.name,
      productId: plan.productId,
      n,
      document,
      hash,
      publishedAt: clock.now(),
      effectiveAt,
      standing: effectiveAt === null ? 'offered' : 'announced',
      unsettled: true,
    };
    if (!(await products.addPlanVersion(version))) {
      const rival = await products.planVersion(version._id);
      // What another one published, or an attempt that was cut short: then it is finished here.
      const present = await offerNewest(store, plan._id);
      // Nothing was on offer yet: the one who creates the plan tries again, with other words perhaps.
      if (rival?.hash !== hash && plan.currentVersionId === null) return publish(actor, present, document, effectiveAt, words);
      if (rival?.hash !== hash || rival.effectiveAt !== effectiveAt || rival.standing === 'withdrawn') throw new AppError('conflict');
    }
    await offerNewest(store, plan._id);
    await audit.appendOnce(auditIdOf(version), actor, {
      action: 'market:products:update',
      resource,
      before: { ...words?.before, planVersionId: plan.currentVersionId },
      after: { ...words?.after, planVersionId: version._id, document, ...(effectiveAt !== null && { effectiveAt }) },
    });
    await changes.announce('catalogue-changed', { what: 'plan', id: plan._id });
    if (effectiveAt === null) await products.settleVersion(version);
    else await versionsChanged?.();
    return version;
  }

  return {
    weigh,
    check,
    publish,

    heldOf,

    async announced(plan: PlanDoc, held: ReadonlyMap<string, number>): Promise<AnnouncedVersion[]> {
      const versions = await products.announcedVersions(plan._id, [...held.keys()]);
      const ahead = versions.filter(({ standing, effectiveAt }) => standing === 'announced' && effectiveAt !== null && effectiveAt > clock.now());
      return Promise.all(
        ahead
          .sort((a, b) => b.n - a.n)
          .map(async (version) => ({
            version,
            from: versions
              .filter(({ _id }) => held.has(_id) && versionsAhead(versions, _id).includes(version))
              .sort((a, b) => b.n - a.n)
              .map((one) => ({ version: one, subscriptions: held.get(one._id) ?? 0 })),
            untold: version.unsettled
              ? [...held.values()].reduce((sum, count) => sum + count, 0)
              : (await store.versionNotices.dueOfVersion(version._id)).length,
          })),
      );
    },

    async withdraw(actor: Actor, plan: PlanDoc, versionId: string): Promise<PlanVersionDoc> {
      const planId = plan._id;
      const version = await products.planVersion(versionId);
      if (version?.planId !== planId || version.effectiveAt === null) throw new AppError('not-found');
      if (version.standing !== 'withdrawn') {
        if (version.effectiveAt <= clock.now()) throw new AppError('conflict', 'Its day has come: the version is in force.');
        if (!(await offeredOf(store, planId, await newestNumber(store, plan), versionId)))
          throw new AppError('conflict', 'There is no version before it that could be offered instead.');
        if (!(await products.endAnnouncement(versionId, 'withdrawn')) && (await products.planVersion(versionId))?.standing !== 'withdrawn')
          throw new AppError('conflict', 'Its day has come: the version is in force.');
      }
      const withdrawn: PlanVersionDoc = { ...version, standing: 'withdrawn' };
      await offerNewest(store, planId);
      await audit.appendOnce(auditIdOf(withdrawn), actor, {
        action: 'market:products:update',
        resource: `product:${plan.productId}`,
        before: { announced: versionId, effectiveAt: version.effectiveAt },
        after: { withdrawn: versionId, planVersionId: (await products.plan(planId))?.currentVersionId },
      });
      await versionsChanged?.();
      return withdrawn;
    },
  };
}
