import { boundary } from '../domain/period.ts';
import { changesAhead, versionAt } from '../domain/plan-versions.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Store } from '../store/index.ts';
import type { PeriodDoc } from '../store/periods.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';

export interface SettlingDependencies {
  readonly store: Pick<Store, 'apps' | 'periods' | 'products' | 'versionNotices'>;
  readonly clock: Clock;
  readonly latenessSeconds: number;
}

/** Versions of one plan that are published or withdrawn while one subscription is looked at. */
const AHEAD_TRIES = 8;

/** What a subscription's state asks for beside itself: periods stored ahead, apps bound or released. Each may be done any number of times. */
export function makeSubscriptionSettling({ store, clock, latenessSeconds }: SettlingDependencies) {
  /** Boundaries are stored once: a period begins where the one before ends, and the end is counted from the anchor (rule N8). */
  async function ensurePeriod(subscription: SubscriptionDoc, index: number): Promise<PeriodDoc> {
    const { _id, anchorAt, interval, planId, planVersionId } = subscription;
    const stored = await store.periods.get(_id, index);
    if (stored) return stored;
    if (anchorAt === null) throw new RangeError('a subscription without an anchor has no periods');
    const before = index === 0 ? null : await store.periods.get(_id, index - 1);
    const startAt = before?.endAt ?? boundary(anchorAt, interval, index);
    const version =
      index === subscription.periodIndex ? planVersionId : versionAt(await store.products.announcedVersions(planId, [planVersionId]), planVersionId, startAt);
    await store.periods.add({
      _id: `${_id}_${index}`,
      subscriptionId: _id,
      index,
      startAt,
      endAt: boundary(anchorAt, interval, index + 1),
      windows: [{ changeIndex: 0, from: startAt, planVersionId: version }],
      latenessSeconds,
      status: 'open',
      lease: null,
      frozen: null,
      frozenAt: null,
    });
    const period = await store.periods.get(_id, index);
    if (!period) throw new AppError('internal', undefined, { cause: new Error(`period ${_id}_${index} is gone`) });
    return period;
  }

  /**
   * A period begins: the version it has from now on, whoever asks, and however often. An announcement for an instant up to its start comes into force here, so that
   * it cannot be withdrawn any more; one that was withdrawn before has no say (rule N6).
   */
  async function beginPeriod({ planId, planVersionId }: SubscriptionDoc, period: PeriodDoc): Promise<string> {
    const due = (await store.products.announcedVersions(planId, [planVersionId])).filter(
      ({ standing, effectiveAt }) => standing === 'announced' && effectiveAt !== null && effectiveAt <= period.startAt,
    );
    for (const { _id } of due) await store.products.endAnnouncement(_id, 'in-force');
    await store.periods.setVersion(period, versionAt(await store.products.announcedVersions(planId, [planVersionId]), planVersionId, period.startAt), true);
    const begun = await store.periods.get(period.subscriptionId, period.index);
    return begun?.windows[0]?.planVersionId ?? planVersionId;
  }

  /** The period stored ahead runs under what is announced for its start. Looked at again after the write: an announcement or a withdrawal may have come meanwhile. */
  async function aheadUnder(subscription: SubscriptionDoc): Promise<string> {
    const { _id, planId, planVersionId, periodIndex } = subscription;
    for (let tries = 0; tries < AHEAD_TRIES; tries += 1) {
      const next = await ensurePeriod(subscription, periodIndex + 1);
      const version = versionAt(await store.products.announcedVersions(planId, [planVersionId]), planVersionId, next.startAt);
      const stored = next.windows[0]?.planVersionId ?? planVersionId;
      if (stored === version || next.begun) return stored;
      await store.periods.setVersion(next, version);
    }
    throw new AppError('conflict', undefined, { cause: new Error(`the versions of ${planId} keep changing under ${_id}`) });
  }

  /** A letter is owed for each change of version that is to come. */
  async function oweNotices(subscription: SubscriptionDoc): Promise<void> {
    const { _id, anchorAt, planId, planVersionId } = subscription;
    if (!subscription.live || anchorAt === null) return;
    const versions = await store.products.announcedVersions(planId, [planVersionId]);
    for (const { toId } of changesAhead(versions, { ...subscription, anchorAt }))
      await store.versionNotices.add({ versionId: toId, subscriptionId: _id, kind: 'announced', createdAt: clock.now() });
  }

  /** The app chosen at the purchase. A binding that exists, live or not, is left alone: its owner may have ended it since. */
  async function bindChosenApp(subscription: SubscriptionDoc): Promise<void> {
    if (await store.apps.binding(subscription.appId, subscription._id)) return;
    const app = await store.apps.app(subscription.appId);
    if (app && app.deletedAt === null) await addBinding(subscription, app._id);
  }

  /** False: another subscription pays for one of the APIs when this app calls it. */
  async function addBinding(subscription: SubscriptionDoc, appId: string): Promise<boolean> {
    const product = await store.products.product(subscription.productId);
    if (!product) throw new AppError('not-found');
    const added = await store.apps.addBinding({
      _id: `${appId}.${subscription._id}`,
      appId,
      subscriptionId: subscription._id,
      organizationId: subscription.organizationId,
      gatewayId: subscription.gatewayId,
      environmentId: product.environmentId,
      apiIds: product.apiIds,
      live: true,
      createdAt: clock.now(),
    });
    return added || (await store.apps.binding(appId, subscription._id))?.live === true;
  }

  async function releaseBindings(subscriptionId: string): Promise<void> {
    const bindings = await store.apps.bindingsOf(subscriptionId);
    for (const { _id, live } of bindings) if (live) await store.apps.setBindingLive(_id, false);
  }

  return { addBinding, aheadUnder, beginPeriod, bindChosenApp, ensurePeriod, oweNotices, releaseBindings };
}
