import { REQUESTS_METER, type PlanDocument } from './plan.ts';

/** What a plan asks of every call, read once per plan version: integers a gateway can compare without thinking. */
export interface PlanLimits {
  /** The quota on calls, in units; null: none. */
  readonly quota: { readonly limit: number; readonly hard: boolean } | null;
  readonly rate: { readonly calls: number; readonly seconds: number } | null;
  /** Units of one call by operation; 1 where none is given. */
  readonly weights: ReadonlyMap<string, number>;
}

/** Beyond this a count in Redis would pass through a double; no quota in use comes near. */
const UNITS_MAX = Number.MAX_SAFE_INTEGER;

export function planLimits(document: PlanDocument): PlanLimits {
  const quota = document.meters.find(({ code }) => code === REQUESTS_METER)?.quota;
  return {
    quota: quota ? { limit: Math.min(Number(quota.limit), UNITS_MAX), hard: quota.hard } : null,
    rate: document.rate_limit ?? null,
    weights: new Map(Object.entries(document.weights).map(([operation, weight]) => [operation, Number(weight)])),
  };
}

/** The name of a counter: every part of it isolates (another gateway, subscription, window or meter is another count). */
export const counterName = (gatewayId: string, subscriptionId: string, window: string, meter: string): string =>
  `${gatewayId}.${subscriptionId}.${window}.${meter}`;

/**
 * The stretch of a rate limit an instant lies in: stretches follow each other without gap from the epoch on, so that every
 * process names the same one.
 */
export const stretchOf = (at: number, seconds: number): number => Math.floor(at / (seconds * 1_000));

/** Whole seconds until the stretch ends, at least 1: what Retry-After says. */
export const secondsLeft = (at: number, endAt: number): number => Math.max(1, Math.ceil((endAt - at) / 1_000));
