import { SYSTEM } from '../domain/actor.ts';
import { dearer } from '../domain/plan-comparison.ts';
import { describePrice } from '../domain/plan-words.ts';
import { changesAhead } from '../domain/plan-versions.ts';
import { planOf } from '../domain/plan.ts';
import { dateWords, timeWords } from '../domain/time.ts';
import type { Clock } from '../kernel/clock.ts';
import { sha256Hex } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Store } from '../store/index.ts';
import type { PlanVersionDoc } from '../store/products.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import type { VersionNoticeDoc } from '../store/version-notices.ts';
import type { Audit } from './audit.ts';
import { offerNewest } from './catalog/offer.ts';
import { auditIdOf } from './catalog/plan-publishing.ts';
import type { Changes } from './changes.ts';
import type { Readers } from './letters.ts';
import type { Notifications } from './notifications.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface PlanAnnouncementsDependencies {
  readonly store: Pick<Store, 'accounts' | 'products' | 'subscriptions' | 'versionNotices'>;
  readonly subscriptions: Pick<Subscriptions, 'followVersions'>;
  readonly readers: Readers;
  readonly notifications: Pick<Notifications, 'message'>;
  readonly audit: Audit;
  readonly changes: Pick<Changes, 'announce'>;
  readonly clock: Clock;
  readonly log: Log;
}

export type PlanAnnouncements = ReturnType<typeof makePlanAnnouncements>;

/** Letters of one run; the next one goes on. */
const LETTERS_MAX = 200;
/** Whoever took a letter sends it within this, or is gone. */
const SENDING_MS = 120_000;
const AGAIN_MS = 30_000;
const AGAIN_MS_MAX = 3_600_000;

interface Letter {
  readonly subject: string;
  readonly lines: readonly string[];
}

/**
 * What follows when a version of a plan is published or withdrawn (rule N6). The version's own record decided it; all of this may be done any number of times,
 * and is repeated until the version is marked as settled: the offer, the periods stored ahead, and a letter to each subscriber.
 */
export function makePlanAnnouncements({ store, subscriptions, readers, notifications, audit, changes, clock, log }: PlanAnnouncementsDependencies) {
  const { products, versionNotices: notices } = store;

  async function carryOut(version: PlanVersionDoc): Promise<void> {
    const { _id, planId, productId, effectiveAt, standing } = version;
    const product = await products.product(productId);
    // A draft that was deleted has no subscribers.
    if (!product || !(await products.plan(planId))) return products.settleVersion(version);
    await offerNewest(store, planId);
    // The record of whoever pressed the button stands under this id, unless the process died before it was written.
    await audit.appendOnce(auditIdOf(version), SYSTEM, {
      action: 'market:products:update',
      resource: `product:${productId}`,
      organizationId: product.organizationId,
      ...(standing === 'withdrawn' ? { before: { announced: _id, effectiveAt }, after: { withdrawn: _id } } : { after: { planVersionId: _id, effectiveAt } }),
    });
    if (effectiveAt !== null) {
      if (standing === 'withdrawn') await takeBackNotices(version);
      for (const subscription of await store.subscriptions.liveOfProduct(productId))
        if (subscription.planId === planId) await subscriptions.followVersions(subscription._id);
    }
    await changes.announce('catalogue-changed', { what: 'plan', id: planId });
    await products.settleVersion(version);
  }

  /** Whoever was told, or is being told, is told of the withdrawal too. */
  async function takeBackNotices({ _id }: PlanVersionDoc): Promise<void> {
    for (const { _id: id, subscriptionId, kind } of await notices.ofVersion(_id)) {
      if (kind !== 'announced' || (await notices.drop(id))) continue;
      await notices.add({ versionId: _id, subscriptionId, kind: 'withdrawn', createdAt: clock.now() });
    }
  }

  async function namesOf({ planId, productId, providerId }: SubscriptionDoc): Promise<{ plan: string; product: string; seller: string }> {
    const [plan, product, provider] = await Promise.all([products.plan(planId), products.product(productId), store.accounts.organization(providerId)]);
    return { plan: plan?.title ?? '', product: product?.name ?? '', seller: provider?.seller?.displayName ?? provider?.name ?? 'The provider' };
  }

  /** What a letter says now; null: the change has become none of this subscription's. */
  async function letterOf({ kind, versionId }: VersionNoticeDoc, subscription: SubscriptionDoc, anchorAt: number): Promise<Letter | null> {
    const versions = await products.announcedVersions(subscription.planId, [subscription.planVersionId]);
    const termsOf = (id: string) => {
      const version = versions.find(({ _id }) => _id === id);
      return version ? planOf(version.document) : null;
    };
    const { plan, product, seller } = await namesOf(subscription);
    const ahead = changesAhead(versions, { ...subscription, anchorAt });
    if (kind === 'withdrawn') {
      const held = termsOf(subscription.planVersionId);
      return {
        subject: `A change of terms of ${product} is withdrawn`,
        lines: [
          `${seller} has withdrawn a change of the plan ${plan} of ${product} that was announced to you before.`,
          ahead[0] === undefined
            ? `Your terms stay as they are: ${held ? describePrice(held) : ''}.`
            : 'Another change is still announced; the page of your subscription shows it.',
        ],
      };
    }
    const change = ahead.find(({ toId }) => toId === versionId);
    const [before, after] = [termsOf(change?.fromId ?? ''), termsOf(versionId)];
    if (!change || !before || !after) return null;
    const worse = dearer(before, after);
    return {
      subject: `The terms of ${product} change on ${dateWords(change.at)}`,
      lines: [
        `${seller} announces new terms for the plan ${plan} of ${product}. They hold for your subscription from ${timeWords(change.at)}, when its next period after the announced day begins.`,
        `Until then: ${describePrice(before)}.`,
        `From then on: ${describePrice(after)}.`,
        worse.length > 0 ? `What gets dearer or tighter: ${worse.map(({ words }) => words).join(' ')}` : 'Nothing gets dearer.',
        subscription.cancelAtPeriodEnd
          ? 'You have canceled the subscription. This concerns you only if you undo that.'
          : `You need not do anything to go on. If you do not want the new terms, cancel before ${timeWords(change.at)}: nothing is charged under them then.`,
      ],
    };
  }

  /** False: somebody else is at it. */
  async function send(notice: VersionNoticeDoc): Promise<boolean> {
    const { _id, subscriptionId, sentTo, tries } = notice;
    if (!(await notices.take(notice, clock.real() + SENDING_MS))) return false;
    try {
      const subscription = await store.subscriptions.get(subscriptionId);
      if (!subscription?.live || subscription.anchorAt === null) {
        await notices.done(_id);
        return true;
      }
      const letter = await letterOf(notice, subscription, subscription.anchorAt);
      if (!letter) {
        // It may become due again, when what superseded it is withdrawn.
        await notices.remove(_id);
        await notices.done(_id);
        return true;
      }
      for (const address of await readers(subscription.organizationId, 'market:invoices:get')) {
        const mark = sha256Hex(address).slice(0, 24);
        if (sentTo.includes(mark)) continue;
        await notifications.message(address, letter.subject, letter.lines, `/subscriptions/${subscriptionId}`);
        await notices.markSent(_id, mark);
      }
      await notices.done(_id);
    } catch (error) {
      log.warn({ err: error, notice: _id }, 'a letter about new terms waits for its next try');
      await notices.putOff(_id, clock.real() + Math.min(AGAIN_MS * 2 ** Math.min(tries, 10), AGAIN_MS_MAX), String(error).slice(0, 300));
    }
    return true;
  }

  return {
    /** All that publications and withdrawals left to be done. @returns how many versions were settled, and how many letters worked on */
    async carryOn(): Promise<{ settled: number; letters: number }> {
      const unsettled = (await products.unsettledVersions()).sort((a, b) => a.n - b.n);
      const faults: unknown[] = [];
      for (const version of unsettled) await carryOut(version).catch((error: unknown) => void faults.push(error));
      let letters = 0;
      for (const notice of await notices.due()) {
        if (letters >= LETTERS_MAX) break;
        if (notice.nextAt <= clock.real() && (await send(notice))) letters += 1;
      }
      // One plan's trouble holds up no other's; the job fails all the same, and is tried again.
      if (faults.length > 0) throw new AggregateError(faults, 'versions could not be settled');
      return { settled: unsettled.length, letters };
    },
  };
}
