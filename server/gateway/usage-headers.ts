import { callPrice } from '../domain/call-price.ts';
import { limitHeaders, usageCost } from '../domain/headers.ts';
import type { Plan } from '../domain/plan.ts';
import type { ProblemCode } from '../kernel/problems.ts';
import type { Call } from './call.ts';
import type { Ending } from './ending.ts';
import { requestOf } from './filters/take-limits.ts';
import type { Limits } from './ports.ts';

/** Prices that do not depend on what was used before are worked out once a plan and weight. */
const constantPrices = new WeakMap<Plan, Map<number, string>>();

function priceOf(plan: Plan, used: number | null, units: number): string {
  const terms = plan.meters[0]?.price;
  const constant = terms?.model === 'per_unit' && (used === null || BigInt(used) >= terms.included);
  if (!constant) return callPrice(plan, used, units);
  let prices = constantPrices.get(plan);
  if (!prices) constantPrices.set(plan, (prices = new Map()));
  let price = prices.get(units);
  if (price === undefined) prices.set(units, (price = callPrice(plan, used, units)));
  return price;
}

/** What every metered answer carries: the limits' figures, the price, and the receipt, whose number is taken here. Nothing for other calls. */
export function addUsageHeaders(call: Call, headers: string[], ending: Ending): void {
  const { held, terms } = call;
  if (held === null) return;
  if (held.limits !== null) for (const text of limitHeaders(held.limits, call.admittedAt)) headers.push(text);
  const subscriptionId = call.grant?.subscriptionId;
  if (terms === null || subscriptionId === null || subscriptionId === undefined) return;
  const units = held.units.requests ?? 0;
  const quota = held.limits?.quota ?? null;
  const used = quota === null ? null : Math.max(0, quota.limit - quota.remaining - units);
  const price = priceOf(terms.plan, used, units);
  const currency = terms.plan.currency.code;
  headers.push('Usage-Cost', usageCost(price, currency, units), 'Usage-Receipt', ending.receipt(call, subscriptionId, `${price} ${currency}`));
}

/** What a call refused for its rate or quota carries: the same figures, so that its program learns how long to wait and for what. */
export function addRefusedHeaders(call: Call, headers: string[], code: ProblemCode, limits: Limits): void {
  if (call.served === null || (code !== 'throttled' && code !== 'quota-exceeded')) return;
  const standing = limits.standing(requestOf(call, call.served));
  if (standing === null) return;
  // While processes keep to a share each, the whole may not be used up: nothing is left for this caller all the same.
  const rate = standing.rate && (code === 'throttled' ? { ...standing.rate, remaining: 0 } : standing.rate);
  for (const text of limitHeaders({ quota: standing.quota, rate }, call.admittedAt)) headers.push(text);
}
