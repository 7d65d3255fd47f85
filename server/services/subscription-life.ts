import { SYSTEM, type Actor } from '../domain/actor.ts';
import { versionAt } from '../domain/plan-versions.ts';
import { GRACE_MS, earlier, wholeSecond } from '../domain/subscription.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Store } from '../store/index.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import type { Audit } from './audit.ts';
import type { Changes } from './changes.ts';
import type { SendLetter } from './letters.ts';
import { makeSubscriptionLetters } from './subscription-letters.ts';
import { makeSubscriptionSettling } from './subscription-settling.ts';

export interface LifeDependencies {
  readonly store: Pick<Store, 'apps' | 'periods' | 'products' | 'subscriptions' | 'versionNotices'>;
  readonly audit: Audit;
  readonly changes: Changes;
  readonly clock: Clock;
  readonly sendLetter: SendLetter;
  /** Stored on every period that is made (F40). */
  readonly latenessSeconds: number;
}

type Change = Partial<Omit<SubscriptionDoc, '_id' | 'rev'>>;

/** Writers of one subscription are few; whoever loses this often found a fault, not a rival. */
const TRIES_MAX = 8;

export type SubscriptionLife = ReturnType<typeof makeSubscriptionLife>;

/**
 * The states of a subscription. Every move is one compare-and-set; what follows from the new state (periods stored ahead, the app bound,
 * word to the gateways) is read off the state itself, may be done any number of times, and is repeated by the sweep until it is marked as done.
 */
export function makeSubscriptionLife({ store, audit, changes, clock, sendLetter, latenessSeconds }: LifeDependencies) {
  const letters = makeSubscriptionLetters({ store, sendLetter });
  const { addBinding, aheadUnder, beginPeriod, bindChosenApp, ensurePeriod, oweNotices, releaseBindings } = makeSubscriptionSettling({
    store,
    clock,
    latenessSeconds,
  });

  async function read(id: string): Promise<SubscriptionDoc> {
    const subscription = await store.subscriptions.get(id);
    if (!subscription) throw new AppError('not-found');
    return subscription;
  }

  /**
   * Move a subscription on as `decide` says for the state it is found in. Null leaves it as it is, as after a move that was made before.
   * @returns the subscription as it stands, and whether this call moved it
   */
  async function move(
    id: string,
    decide: (subscription: SubscriptionDoc) => Change | null | Promise<Change | null>,
  ): Promise<{ subscription: SubscriptionDoc; moved: boolean }> {
    for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
      const subscription = await read(id);
      const change = await decide(subscription);
      if (change === null) return { subscription: subscription.unsettled ? await settle(subscription) : subscription, moved: false };
      if (await store.subscriptions.update(id, subscription.rev, { ...change, unsettled: true })) {
        return { subscription: await settle({ ...subscription, ...change, unsettled: true, rev: subscription.rev + 1 }), moved: true };
      }
    }
    throw new AppError('conflict');
  }

  /** Do all that the state asks for, then mark it as done. */
  async function settle(subscription: SubscriptionDoc): Promise<SubscriptionDoc> {
    if (subscription.anchorAt !== null && subscription.live) {
      await ensurePeriod(subscription, subscription.periodIndex);
      await ensurePeriod(subscription, subscription.periodIndex + 1);
      await bindChosenApp(subscription);
      // A purchase that was under way when a change was announced was in no list of subscribers.
      if (subscription.periodIndex === 0) await oweNotices(subscription);
    }
    if (!subscription.live) await releaseBindings(subscription._id);
    if (subscription.anchorAt !== null) await changes.announced(await changes.announce('catalogue-changed', { what: 'subscription', id: subscription._id }));
    return (await store.subscriptions.settle(subscription._id, subscription.rev)) ? { ...subscription, unsettled: false } : read(subscription._id);
  }

  const record = (
    actor: Actor,
    action: 'market:subscriptions:cancel' | 'market:subscriptions:create' | 'market:subscriptions:update',
    subscription: SubscriptionDoc,
    before: Change,
    after: Change,
  ) => audit.append(actor, { action, resource: `subscription:${subscription._id}`, organizationId: subscription.organizationId, before, after });

  return {
    read,
    move,
    addBinding,

    /**
     * Pending → active, with the second of activation as anchor. Called for every sign that nothing is owed any more; all but the first find it done.
     * A purchase that was given up stays so (invariant I14).
     */
    async activate(id: string, actor: Actor = SYSTEM): Promise<SubscriptionDoc> {
      const { subscription, moved } = await move(id, ({ status }) =>
        status === 'pending'
          ? { status: 'active', anchorAt: wholeSecond(clock.now()), periodIndex: 0, entitledUntil: null, statusReason: '', checkoutUrl: null }
          : null,
      );
      if (moved) await record(actor, 'market:subscriptions:create', subscription, { status: 'pending' }, { status: 'active', anchorAt: subscription.anchorAt });
      return subscription;
    },

    /** Pending → canceled (by its owner) or expired (by time): the place is free again. */
    async giveUp(id: string, status: 'canceled' | 'expired', reason: string, actor: Actor = SYSTEM): Promise<SubscriptionDoc> {
      const { subscription, moved } = await move(id, (found) =>
        found.status === 'pending' || found.status === 'requested'
          ? { status, live: false, endedAt: clock.now(), entitledUntil: clock.now(), statusReason: reason, checkoutUrl: null }
          : null,
      );
      if (moved) await record(actor, 'market:subscriptions:cancel', subscription, { status: 'pending' }, { status, statusReason: reason });
      return subscription;
    },

    /** Access ends with the running period; nothing is refunded and usage until then is billed. */
    async cancelAtPeriodEnd(actor: Actor, id: string): Promise<SubscriptionDoc> {
      const { subscription, moved } = await move(id, async (found) => {
        if (found.cancelAtPeriodEnd || !found.live) return null;
        const { endAt } = await ensurePeriod(found, found.periodIndex);
        return { cancelAtPeriodEnd: true, entitledUntil: earlier(found.entitledUntil, endAt) };
      });
      if (moved)
        await record(
          actor,
          'market:subscriptions:cancel',
          subscription,
          { cancelAtPeriodEnd: false },
          { cancelAtPeriodEnd: true, entitledUntil: subscription.entitledUntil },
        );
      return subscription;
    },

    async undoCancellation(actor: Actor, id: string): Promise<SubscriptionDoc> {
      const { subscription, moved } = await move(id, async (found) => {
        if (!found.cancelAtPeriodEnd || !found.live) return null;
        return { cancelAtPeriodEnd: false, entitledUntil: await graceEnd(found) };
      });
      if (!moved && !subscription.live) throw new AppError('conflict', 'The subscription has ended. Subscribe again on the API’s page.');
      if (moved) await record(actor, 'market:subscriptions:update', subscription, { cancelAtPeriodEnd: true }, { cancelAtPeriodEnd: false });
      return subscription;
    },

    /** Boundary `index` has come: period `index` begins under the version stored for it, or the subscription ends there. */
    async atBoundary(id: string, index: number): Promise<SubscriptionDoc> {
      let before = '';
      const { subscription, moved } = await move(id, async (found) => {
        if (!found.live || found.anchorAt === null || found.periodIndex >= index) return null;
        const period = await ensurePeriod(found, index);
        const { startAt, endAt } = period;
        if (found.cancelAtPeriodEnd) return { status: 'canceled', live: false, endedAt: startAt, entitledUntil: earlier(found.entitledUntil, startAt) };
        before = found.planVersionId;
        const planVersionId = await beginPeriod(found, period);
        const following = versionAt(await store.products.announcedVersions(found.planId, [planVersionId]), planVersionId, endAt);
        return { periodIndex: index, planVersionId, pendingPlanVersionId: following === planVersionId ? null : following };
      });
      if (moved && !subscription.live)
        await record(SYSTEM, 'market:subscriptions:cancel', subscription, { cancelAtPeriodEnd: true }, { status: 'canceled', endedAt: subscription.endedAt });
      const { planVersionId, periodIndex } = subscription;
      if (moved && subscription.live && before !== planVersionId)
        await record(SYSTEM, 'market:subscriptions:update', subscription, { planVersionId: before }, { planVersionId, periodIndex });
      return subscription;
    },

    /** A renewal could not be collected: access lasts through the grace, counted from the boundary it was for (rule N22, F19). */
    async pastDue(id: string, boundaryAt: number, reason: string): Promise<SubscriptionDoc> {
      const until = boundaryAt + GRACE_MS;
      let first = false;
      const { subscription, moved } = await move(id, (found) => {
        first = found.status === 'active';
        if (found.status === 'past_due' && found.statusReason !== reason) return { statusReason: reason };
        if (!first) return null;
        return { status: until <= clock.now() ? 'suspended' : 'past_due', entitledUntil: earlier(found.entitledUntil, until), statusReason: reason };
      });
      if (moved)
        await record(
          SYSTEM,
          'market:subscriptions:update',
          subscription,
          { status: 'active' },
          { status: subscription.status, entitledUntil: subscription.entitledUntil },
        );
      if (moved && first) await letters.paymentFailed(subscription);
      return subscription;
    },

    /** The grace is over. */
    async suspend(id: string): Promise<SubscriptionDoc> {
      const { subscription, moved } = await move(id, (found) =>
        found.status === 'past_due' && found.entitledUntil !== null && found.entitledUntil <= clock.now() ? { status: 'suspended' } : null,
      );
      if (moved) {
        await record(SYSTEM, 'market:subscriptions:update', subscription, { status: 'past_due' }, { status: 'suspended' });
        await letters.suspended(subscription);
      }
      return subscription;
    },

    /** The last try failed too: the subscription ends, what it owes stays owed (rule N22). */
    async endUnpaid(id: string): Promise<SubscriptionDoc> {
      const { subscription, moved } = await move(id, (found) =>
        found.status === 'past_due' || found.status === 'suspended'
          ? { status: 'canceled', live: false, endedAt: clock.now(), entitledUntil: earlier(found.entitledUntil, clock.now()) }
          : null,
      );
      if (moved)
        await record(
          SYSTEM,
          'market:subscriptions:cancel',
          subscription,
          { status: 'suspended' },
          { status: 'canceled', statusReason: subscription.statusReason },
        );
      if (moved) await letters.endedUnpaid(subscription);
      return subscription;
    },

    /** Nothing is open any more: active again at once (rule N22). A cancellation that was asked for stands. */
    async restore(id: string): Promise<SubscriptionDoc> {
      const { subscription, moved } = await move(id, async (found) => {
        if (found.status !== 'past_due' && found.status !== 'suspended') return null;
        const entitledUntil = found.cancelAtPeriodEnd ? (await ensurePeriod(found, found.periodIndex)).endAt : null;
        return { status: 'active', entitledUntil, statusReason: '' };
      });
      if (moved) {
        await record(SYSTEM, 'market:subscriptions:update', subscription, { status: 'past_due' }, { status: 'active' });
        await letters.restored(subscription);
      }
      return subscription;
    },

    /** A version was announced for running subscriptions, or such an announcement withdrawn (rule N6): the period stored ahead follows, and letters are owed. */
    async followVersions(id: string): Promise<void> {
      let before: string | null = null;
      const { subscription, moved } = await move(id, async (found) => {
        if (!found.live || found.anchorAt === null) return null;
        const ahead = await aheadUnder(found);
        const pendingPlanVersionId = ahead === found.planVersionId ? null : ahead;
        before = found.pendingPlanVersionId;
        return pendingPlanVersionId === before ? null : { pendingPlanVersionId };
      });
      const { pendingPlanVersionId } = subscription;
      if (moved) await record(SYSTEM, 'market:subscriptions:update', subscription, { pendingPlanVersionId: before }, { pendingPlanVersionId });
      await oweNotices(subscription);
    },
  };

  /** While a payment is open, access ends with the grace; the end as it was before a cancellation came nearer. */
  async function graceEnd(subscription: SubscriptionDoc): Promise<number | null> {
    if (subscription.status !== 'past_due' && subscription.status !== 'suspended') return null;
    const { startAt, endAt } = await ensurePeriod(subscription, subscription.periodIndex);
    return subscription.entitledUntil === endAt ? startAt + GRACE_MS : subscription.entitledUntil;
  }
}
