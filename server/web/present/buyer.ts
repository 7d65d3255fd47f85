import { planOf, REQUESTS_METER, type PlanDocument } from '../../domain/plan.ts';
import { describePrice, unitWord } from '../../domain/plan-words.ts';
import { dueToday, isFreeOfCharge, pendingUntil } from '../../domain/subscription.ts';
import { nextBoundaryIndex, boundary } from '../../domain/period.ts';
import type { SubscriptionDetails, SubscriptionRow } from '../../services/subscriptions.ts';
import { writtenAt, type SubscriptionOverview, type UsedSoFar } from '../../services/overview.ts';
import { grouped, percentOf } from './number.ts';
import { durationWords, periodWords, timeWords } from './time.ts';

/** A bar of `partials/bar`. */
export interface BarModel {
  readonly label: string;
  readonly used: bigint;
  readonly whole: bigint;
  readonly percent: number;
  readonly unit: string;
  readonly note: string;
}

const meterCode = (document: PlanDocument): string =>
  document.meters.find(({ code }) => code === REQUESTS_METER)?.code ?? document.meters[0]?.code ?? REQUESTS_METER;

/** What was used against what the plan includes or allows; null when every unit has its price. */
export function barModel({ against, hard, whole, places, billable }: UsedSoFar, document: PlanDocument): BarModel | null {
  if (whole === null) return null;
  const used = against === 'quota' ? places : billable;
  const unit = unitWord(meterCode(document), whole);
  const beyond = used > whole ? used - whole : 0n;
  const note =
    against === 'included'
      ? beyond > 0n
        ? `${grouped(beyond)} beyond what is included, charged at the plan’s price.`
        : ''
      : hard
        ? used >= whole
          ? 'Used up: further calls are refused until the next period. They cost nothing.'
          : ''
        : beyond > 0n
          ? `${grouped(beyond)} beyond the plan’s volume; they pass and are charged.`
          : '';
  return { label: against === 'quota' ? 'Used of this period’s limit' : 'Used of what is included', used, whole, percent: percentOf(used, whole), unit, note };
}

/** A state that asks for attention, in words: what it is, what it means, what to do. */
export interface StateModel {
  readonly tone: 'error' | 'info' | 'success' | 'warning';
  readonly title: string;
  readonly text: string;
  /** `resume`, `cancel`, `undo` are forms of the page; `card` leads to the billing page, `again` to the subscribe page. */
  readonly actions: readonly ('again' | 'cancel' | 'card' | 'refresh' | 'resume' | 'undo')[];
  /** What the button of `resume` says. */
  readonly resume?: string;
}

/** Where a subscription stands, for its page. Null: it runs, and nothing needs to be said. */
export function stateModel({ subscription, document }: Pick<SubscriptionDetails, 'subscription' | 'document'>): StateModel | null {
  const { status, statusReason, cancelAtPeriodEnd, entitledUntil, endedAt, anchorAt } = subscription;
  const until = entitledUntil === null ? '' : timeWords(entitledUntil);
  switch (status) {
    case 'requested':
      return {
        tone: 'info',
        title: 'Waiting for the provider',
        text: 'The provider approves each new customer of this plan. You will get a mail.',
        actions: ['cancel'],
      };
    case 'pending':
      return pendingModel(subscription, document);
    case 'past_due':
      return {
        tone: 'warning',
        title: 'The last payment failed',
        text: `${statusReason} Your keys work until ${until}; we try again on the days the mail names, and at once when you change the card.`,
        actions: ['card'],
      };
    case 'suspended':
      return {
        tone: 'error',
        title: 'Suspended: a payment is open',
        text: `${statusReason} Calls are refused. As soon as the payment goes through, the subscription is active again.`,
        actions: ['card'],
      };
    case 'paused':
      return { tone: 'info', title: 'Paused', text: 'Calls are refused while the subscription is paused.', actions: [] };
    case 'canceled':
      return {
        tone: 'info',
        title: anchorAt === null ? 'This purchase was given up' : 'This subscription has ended',
        text:
          anchorAt === null
            ? `${statusReason} Nothing was charged.`.trim()
            : `${statusReason || (endedAt === null ? '' : `Access ended on ${timeWords(endedAt)}.`)} Usage and invoices stay here.`,
        actions: ['again'],
      };
    case 'expired':
      return {
        tone: 'info',
        title: 'This purchase was not finished',
        text: 'It was not paid within 23 hours and has expired. Nothing was charged.',
        actions: ['again'],
      };
    case 'trialing':
    case 'active':
      return cancelAtPeriodEnd
        ? {
            tone: 'warning',
            title: `Ends on ${until}`,
            text: 'It is canceled. Your keys work until then; usage up to that instant is billed on a last invoice.',
            actions: ['undo'],
          }
        : null;
  }
}

function pendingModel(subscription: SubscriptionDetails['subscription'], document: PlanDocument): StateModel {
  const { statusReason, checkoutUrl, checkoutId, paymentMethodId } = subscription;
  const limit = timeWords(pendingUntil(subscription));
  const due = dueToday(planOf(document)) > 0n;
  // A visit to Checkout for another card has an address too, but no card yet.
  if (statusReason !== '' && checkoutUrl !== null && paymentMethodId !== null) {
    return {
      tone: 'warning',
      title: 'Your bank wants you to confirm',
      text: `${statusReason} Nothing works before that; the purchase waits until ${limit}.`,
      actions: ['resume', 'cancel'],
      resume: 'Confirm at your bank',
    };
  }
  if (statusReason !== '') {
    return {
      tone: 'error',
      title: 'The card was declined',
      text: `${statusReason} Nothing was charged. Try another card; the purchase waits until ${limit}.`,
      actions: ['resume', 'cancel'],
      resume: 'Try another card',
    };
  }
  if (checkoutId !== null && paymentMethodId !== null) {
    return {
      tone: 'info',
      title: 'The payment is being made',
      text: 'This usually takes a few seconds. The page shows how it stands each time you load it; nothing is lost when you leave.',
      actions: ['refresh'],
    };
  }
  return {
    tone: 'info',
    title: due ? 'Not paid yet' : 'No card yet',
    text: `Save a card to ${due ? 'pay and ' : ''}begin. The purchase waits until ${limit}; until then nothing works and nothing is charged.`,
    actions: ['resume', 'cancel'],
    resume: due ? 'Continue to payment' : 'Save a card',
  };
}

/** A subscription on the dashboard and in lists. */
export function overviewModel(overview: SubscriptionOverview) {
  const { subscription, product, plan, document, period, used, next, spendMinor, asOf, entitled, bindings } = overview;
  const terms = planOf(document);
  return {
    id: subscription._id,
    state: subscription.status,
    name: product.name,
    slug: product.slug,
    plan: plan.title,
    planName: plan.name,
    currency: subscription.currency,
    entitled,
    live: subscription.live,
    running: subscription.live && subscription.anchorAt !== null,
    price: describePrice(terms),
    free: isFreeOfCharge(terms),
    bar: period && subscription.live ? barModel(used, document) : null,
    calls: used.against === 'quota' ? used.places : used.billable,
    unit: unitWord(meterCode(document)),
    spendMinor,
    asOf,
    period: period ? periodWords(period.startAt, period.endAt) : '',
    periodFrom: period?.startAt ?? null,
    nextAt: period && subscription.live ? period.endAt : null,
    nextWrittenAt: period && subscription.live ? writtenAt(period) : null,
    waitWords: period ? durationWords(period.latenessSeconds * 1_000) : '',
    nextTotalMinor: next?.totalMinor ?? null,
    ending: subscription.cancelAtPeriodEnd,
    entitledUntil: subscription.entitledUntil,
    apps: bindings.map(({ app }) => ({ id: app._id, name: app.name })),
    attention: stateModel(overview),
    createdAt: subscription.createdAt,
    anchorAt: subscription.anchorAt,
    endedAt: subscription.endedAt,
  };
}

/** Lists of more show no figures: each has them on its own page. */
export const FIGURES_MAX = 12;

const ATTENTION: readonly string[] = ['suspended', 'past_due', 'pending', 'requested'];
/** What waits for somebody first; otherwise as they were. */
export const attentionFirst = (rows: readonly SubscriptionRow[]): SubscriptionRow[] => {
  const rank = ({ status }: SubscriptionRow): number => (ATTENTION.includes(status) ? ATTENTION.indexOf(status) : ATTENTION.length);
  return [...rows].sort((a, b) => rank(a) - rank(b));
};

/** The running period as boundaries say, [from, to); null before there is one, and after the end. */
export function runningPeriod({ live, anchorAt, interval }: SubscriptionRow, now: number): { readonly from: number; readonly to: number } | null {
  if (!live || anchorAt === null) return null;
  const next = nextBoundaryIndex(anchorAt, interval, now);
  return { from: boundary(anchorAt, interval, Math.max(0, next - 1)), to: boundary(anchorAt, interval, next) };
}

/** A subscription in a long list: what is known without looking into it. */
export const rowModel = (row: SubscriptionRow, now: number) => ({
  id: row.id,
  name: row.productName,
  plan: row.planTitle,
  state: row.status,
  ending: row.cancelAtPeriodEnd,
  anchorAt: row.anchorAt,
  endedAt: row.endedAt,
  nextAt: runningPeriod(row, now)?.to ?? null,
});

/** Has a subscription all words of a text, in the names of its API and plan? */
export function subscriptionMatches(text: string): (row: SubscriptionRow) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return ({ id, productName, planTitle }) => words.every((word) => `${id} ${productName} ${planTitle}`.toLowerCase().includes(word));
}
