import { chargeOf } from '../../domain/invoice-math.ts';
import { describeMeter, unitWord } from '../../domain/plan-words.ts';
import { dueToday, isFreeOfCharge } from '../../domain/subscription.ts';
import type { Plan } from '../../domain/plan.ts';
import type { ListingPlan } from '../../services/storefront/listing.ts';
import { limitWords } from './plan.ts';

/** What a buyer must know before paying, in the order of the questions. */
export interface OrderModel {
  readonly planId: string;
  readonly title: string;
  readonly summary: string;
  readonly free: boolean;
  readonly currency: string;
  /** What is charged today: the first fees and what is kept from before, unless together they are too little to charge (rule N16). */
  readonly todayMinor: bigint;
  /** What an ended subscription of the same seller left, below zero for a credit. */
  readonly keptMinor: bigint;
  /** Fees of today without what is kept. */
  readonly feesMinor: bigint;
  readonly setupMinor: bigint;
  readonly baseMinor: bigint;
  readonly interval: string;
  /** `1,000 calls included, then USD 5.00 per 1,000 calls`, one a meter. */
  readonly usage: readonly string[];
  readonly limit: string;
  readonly rate: string;
  readonly billed: string;
  readonly card: string;
  readonly button: string;
  readonly weighted: boolean;
}

const billedWords = ({ billableStatuses, billAborted }: Plan): string => {
  const statuses =
    billableStatuses.length === 0 ? 'No answer is charged' : `Only calls that the provider answers with ${billableStatuses.join(', ')} are charged`;
  return `${statuses}. Refusals, time-outs and faults of ours or the provider’s never are; calls that you break off ${billAborted ? 'are charged too' : 'are free'}.`;
};

/** @param keptMinor  what ended subscriptions of the same seller left */
export function orderModel({ id, title, summary, plan }: Pick<ListingPlan, 'id' | 'plan' | 'summary' | 'title'>, keptMinor: bigint): OrderModel {
  const free = isFreeOfCharge(plan);
  const fees = dueToday(plan);
  const kept = fees > 0n ? keptMinor : 0n;
  const today = chargeOf(fees + kept, plan.currency.minimumChargeMinor).chargeMinor;
  return {
    planId: id,
    title,
    summary,
    free,
    currency: plan.currency.code,
    todayMinor: today,
    keptMinor: kept,
    feesMinor: fees,
    setupMinor: plan.setupMinor,
    baseMinor: plan.baseMinor,
    interval: plan.interval,
    usage: plan.meters.map((meter) => describeMeter(meter, plan.currency)),
    limit: limitWords(plan),
    rate: plan.rateLimit
      ? `At most ${plan.rateLimit.calls} ${unitWord('requests', BigInt(plan.rateLimit.calls))} in ${plan.rateLimit.seconds === 1 ? 'a second' : `${plan.rateLimit.seconds} seconds`}; faster ones are refused and cost nothing.`
      : '',
    billed: free ? 'Nothing is ever charged under this plan.' : billedWords(plan),
    card: free
      ? 'No card is needed.'
      : today > 0n
        ? 'On the next page you save a card at Stripe. What is due today is charged on it at once; you begin when the payment went through.'
        : 'On the next page you save a card at Stripe. Nothing is charged today; usage is charged on it after the end of each period.',
    button: free ? 'Subscribe for free' : today > 0n ? 'Continue to payment' : 'Continue and save a card',
    weighted: plan.weights.size > 0,
  };
}

/** The other plans of the listing, to change the mind. */
export const planChoices = (plans: readonly ListingPlan[], slug: string, chosenId: string) =>
  plans.map(({ id, name, title }) => ({
    text: title,
    href: `/apis/${encodeURIComponent(slug)}/subscribe?plan=${encodeURIComponent(name)}`,
    current: id === chosenId,
  }));
