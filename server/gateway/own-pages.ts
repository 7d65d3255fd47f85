import { AppError } from '../kernel/errors.ts';
import { isoUtc } from '../kernel/clock.ts';
import type { Call } from './call.ts';
import type { Limits } from './ports.ts';
import { ownHeaders, type Answer } from './reply.ts';
import type { LiveSubscription } from './table.ts';

/** The gateway's own addresses begin with `/-/`; no group can have that label. */
export const isOwnPage = ({ target }: Call): boolean => target.segments[0] === '-';

export const isHealth = ({ target, method }: Call): boolean => target.path === '/-/health' && (method === 'GET' || method === 'HEAD');

export function jsonAnswer(call: Call, value: unknown): Answer {
  const body = Buffer.from(JSON.stringify(value));
  return { status: 200, headers: ownHeaders(call, 'application/json', body.length), body };
}

/** `/-/me` and `/-/usage`: what the caller's key may do and has used. Free of charge, and counted nowhere. */
export async function ownPage(call: Call, limits: Limits): Promise<Answer> {
  if (call.method !== 'GET' && call.method !== 'HEAD') throw new AppError('method-not-allowed');
  const { credential } = call;
  if (credential === null) throw new AppError('authentication-missing');
  const subscriptions = new Map<string, LiveSubscription>();
  for (const { subscription } of credential.app.grants.values()) if (subscription) subscriptions.set(subscription.row.id, subscription);
  if (call.target.path === '/-/me') {
    const { row } = credential;
    return jsonAnswer(call, {
      app_id: row.appId,
      organization_id: row.organizationId,
      credential_id: row.id,
      credential_ends_at: row.notAfter === null ? null : isoUtc(row.notAfter),
      subscriptions: await Promise.all([...subscriptions.values()].map((one) => describe(one, call.admittedAt, limits))),
    });
  }
  if (call.target.path === '/-/usage')
    return jsonAnswer(call, {
      as_of: isoUtc(call.admittedAt),
      items: await Promise.all([...subscriptions.values()].map((one) => describe(one, call.admittedAt, limits))),
    });
  throw new AppError('api-not-found', 'The gateway’s own pages are /-/health, /-/me and /-/usage.');
}

async function describe(subscription: LiveSubscription, now: number, limits: Limits) {
  const { row } = subscription;
  const terms = subscription.at(now);
  const common = { subscription_id: row.id, product_id: row.productId, status: row.status };
  if (!terms) return { ...common, plan: null, period: null, quota: null, rate: null };
  const { quota, rate } = await limits.view(row, terms.window, terms.version);
  return {
    ...common,
    plan: { id: terms.version.planId, version: terms.version.id, name: terms.version.planName, currency: terms.plan.currency.code },
    period: { start: isoUtc(terms.window.startAt), end: isoUtc(terms.window.endAt) },
    quota: quota && { limit: quota.limit, used: quota.limit - quota.remaining, remaining: quota.remaining, hard: quota.hard, resets_at: isoUtc(quota.resetAt) },
    rate: rate && { calls: rate.calls, seconds: rate.seconds, remaining: rate.remaining },
  };
}
