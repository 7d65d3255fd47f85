import type { SubscriptionStatus } from './lifecycles.ts';
import { isFree } from './plan-words.ts';
import type { Plan } from './plan.ts';

/** A purchase that was begun and not paid can be resumed this long; then it expires and its place is free again. */
export const PENDING_MS = 23 * 3_600_000;
/** Stripe opens a Checkout page for 30 minutes at least; one minute is for the way there. */
const CHECKOUT_MS_MIN = 31 * 60_000;
/** How long access outlives a failed renewal, counted from the boundary the renewal was for (rule N22). */
export const GRACE_MS = 3 * 86_400_000;

/** Nothing can ever be due under this plan, so no card is asked for. */
export const isFreeOfCharge = (plan: Plan): boolean =>
  plan.baseMinor === 0n && plan.setupMinor === 0n && plan.minCommitMinor === 0n && plan.meters.every(({ price }) => isFree(price));

/** What the first invoice asks for, at the start: the first base fee and the setup fee (rule N20). */
export const dueToday = (plan: Plan): bigint => plan.baseMinor + plan.setupMinor;

/** When a purchase begun then is given up. */
export const pendingUntil = ({ createdAt }: { createdAt: number }): number => createdAt + PENDING_MS;

/** Is there time left for another visit to Checkout? Its page closes when the purchase is given up, and may not be shorter than Stripe allows. */
export const canOpenCheckout = (subscription: { createdAt: number }, now: number): boolean => pendingUntil(subscription) - now >= CHECKOUT_MS_MIN;

/** Statuses under which calls are served, as long as `entitledUntil` has not come. */
const SERVED: ReadonlySet<SubscriptionStatus> = new Set(['trialing', 'active', 'past_due']);

/** May its apps call? (invariant I22) */
export const isEntitled = ({ status, entitledUntil }: { status: SubscriptionStatus; entitledUntil: number | null }, now: number): boolean =>
  SERVED.has(status) && (entitledUntil === null || now < entitledUntil);

/** Can it still be ended by its owner? */
export const canCancel = ({ status, cancelAtPeriodEnd }: { status: SubscriptionStatus; cancelAtPeriodEnd: boolean }): boolean =>
  !cancelAtPeriodEnd && ['pending', 'trialing', 'active', 'past_due', 'suspended', 'paused'].includes(status);

/** The nearer of two ends; null = no end. */
export const earlier = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.min(a, b));

/** The whole second that holds the instant: activations begin on one, so that every boundary does (rule N8). */
export const wholeSecond = (at: number): number => Math.floor(at / 1000) * 1000;
