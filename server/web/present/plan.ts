import { formatMoney, groupDigits } from '../../domain/money.ts';
import type { Plan } from '../../domain/plan.ts';
import { describeMeter, describeTerms, unitWord } from '../../domain/plan-words.ts';
import { isFreeOfCharge } from '../../domain/subscription.ts';
import { REQUESTS_METER } from '../../domain/plan.ts';
import { rateLine } from '../../domain/pricing.ts';

/** A plan as `partials/plan-card` and the comparison show it. */
export interface PlanModel {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly free: boolean;
  /** Null when there is no fee: then `headline` says what it is instead. */
  readonly fee: { readonly minor: bigint; readonly currency: string; readonly every: string } | null;
  readonly headline: string;
  /** What usage costs, in one phrase. */
  readonly usage: string;
  /** The rules a buyer must know, one a line. */
  readonly terms: readonly string[];
  readonly limitWords: string;
}

export interface PlanParts {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly plan: Plan;
}

export function planModel({ id, name, title, summary, plan }: PlanParts): PlanModel {
  const free = isFreeOfCharge(plan);
  return {
    id,
    name,
    title,
    summary,
    free,
    fee: plan.baseMinor > 0n ? { minor: plan.baseMinor, currency: plan.currency.code, every: `a ${plan.interval}` } : null,
    headline: free ? 'Free' : 'Pay per call',
    usage: plan.meters.map((meter) => describeMeter(meter, plan.currency)).join(', '),
    terms: describeTerms(plan),
    limitWords: limitWords(plan),
  };
}

/** What happens at the limit, in words. */
export function limitWords({ meters, interval }: Plan): string {
  const limits = meters.flatMap(({ code, quota }) => {
    if (!quota) return [];
    const amount = `${groupDigits(quota.limit)} ${unitWord(code, quota.limit)}`;
    return [
      quota.hard
        ? `After ${amount} in a ${interval}, further calls are refused with status 429 until the next ${interval} of your subscription begins. Refused calls cost nothing and are not forwarded.`
        : `Calls beyond ${amount} in a ${interval} are still served, and charged at the plan’s price.`,
    ];
  });
  return limits.length > 0 ? limits.join(' ') : 'There is no limit: every call is served, and charged as this page says.';
}

/** One row of the comparison: what is compared, and a cell for each plan. */
export interface ComparisonRow {
  readonly label: string;
  readonly cells: readonly { readonly plan: string; readonly text: string }[];
}

/** All plans side by side; rows in which no plan has anything to say are left out. */
export function comparePlans(parts: readonly PlanParts[]): ComparisonRow[] {
  const row = (label: string, cell: (plan: Plan) => string): ComparisonRow => ({
    label,
    cells: parts.map(({ title, plan }) => ({ plan: title, text: cell(plan) || '–' })),
  });
  const amount = (plan: Plan, minor: bigint): string => (minor > 0n ? formatMoney(minor, plan.currency.code) : '');
  const included = ({ meters }: Plan): string =>
    meters
      .filter(({ price }) => price.included > 0n)
      .map(({ code, price }) => `${groupDigits(price.included)} ${unitWord(code, price.included)}`)
      .join(', ');
  const rows = [
    row('Fee', (plan) => (plan.baseMinor > 0n ? `${amount(plan, plan.baseMinor)} a ${plan.interval}` : 'none')),
    row('Set-up, once', (plan) => amount(plan, plan.setupMinor)),
    row('Included', included),
    row('Usage', (plan) => plan.meters.map((meter) => describeMeter(meter, plan.currency)).join(', ')),
    row(
      'Limit',
      (plan) =>
        plan.meters
          .flatMap(({ code, quota }) =>
            quota ? [`${groupDigits(quota.limit)} ${unitWord(code, quota.limit)} a ${plan.interval}, ${quota.hard ? 'hard' : 'soft'}`] : [],
          )
          .join(', ') || 'none',
    ),
    row('Rate limit', ({ rateLimit }) =>
      rateLimit ? `${groupDigits(BigInt(rateLimit.calls))} calls in ${rateLimit.seconds === 1 ? 'a second' : `${rateLimit.seconds} seconds`}` : 'none',
    ),
    row('Free trial', ({ trialDays }) => (trialDays > 0 ? `${trialDays} days` : '')),
    row('At least', (plan) => amount(plan, plan.minCommitMinor)),
    row('At most', (plan) => (plan.capMinor === null ? '' : formatMoney(plan.capMinor, plan.currency.code))),
    row('Answers that count', ({ billableStatuses }) => billableStatuses.join(', ')),
    row('Calls you break off', ({ billAborted }) => (billAborted ? 'charged' : 'free')),
  ];
  return rows.filter(({ cells }) => cells.some(({ text }) => text !== '–'));
}

/** What a number of calls in one period costs under a plan. */
export interface Quote {
  readonly title: string;
  readonly name: string;
  readonly currency: string;
  readonly feeMinor: bigint;
  readonly usageMinor: bigint;
  readonly totalMinor: bigint;
  /** Set when the plan stops before that many calls. */
  readonly stopsAt: bigint | null;
  /** The least for that many calls, among plans that serve them all and share one currency and interval. */
  readonly cheapest: boolean;
  readonly interval: string;
}

/**
 * Fee and usage of one period for each plan, calculated as the invoice will be (rules N3 to N5, N12), before discounts and tax.
 *
 * @param calls  billable calls of a period, each counting once
 */
export function quotePlans(parts: readonly PlanParts[], calls: bigint): Quote[] {
  const quotes = parts.map(({ title, name, plan }): Omit<Quote, 'cheapest'> => {
    const meter = plan.meters.find(({ code }) => code === REQUESTS_METER);
    const limit = meter?.quota?.hard ? meter.quota.limit : null;
    const counted = limit !== null && calls > limit ? limit : calls;
    const rated = meter ? rateLine(meter.price, counted, plan.currency).amountMinor : 0n;
    const atLeast = rated < plan.minCommitMinor ? plan.minCommitMinor : rated;
    const usageMinor = plan.capMinor !== null && atLeast > plan.capMinor ? plan.capMinor : atLeast;
    return {
      title,
      name,
      currency: plan.currency.code,
      feeMinor: plan.baseMinor,
      usageMinor,
      totalMinor: plan.baseMinor + usageMinor,
      stopsAt: limit !== null && calls > limit ? limit : null,
      interval: plan.interval,
    };
  });
  const serving = quotes.filter(({ stopsAt }) => stopsAt === null);
  const comparable = new Set(serving.map(({ currency, interval }) => `${currency} ${interval}`)).size === 1;
  const least = serving.reduce<bigint | null>((best, { totalMinor }) => (best === null || totalMinor < best ? totalMinor : best), null);
  return quotes.map((quote) => ({ ...quote, cheapest: comparable && quote.stopsAt === null && quote.totalMinor === least }));
}

/** Calls a month that a visitor typed: `20,000` and `20 000` too. Null when it is no such number. */
export function readCalls(typed: unknown): bigint | null {
  const digits = typeof typed === 'string' ? typed.replace(/[ ,_]/g, '') : '';
  return /^[0-9]{1,15}$/.test(digits) ? BigInt(digits) : null;
}
