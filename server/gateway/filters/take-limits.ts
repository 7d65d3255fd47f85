import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import type { Filter } from '../filter.ts';
import type { Held, Limits, Meter, TakeRequest } from '../ports.ts';

/** Throttles, quota and money, all in one take; the last thing that can refuse. Needs: `grant`, `terms`. Sets: `held`. */
export function makeTakeLimits({ limits, meter }: { limits: Limits; meter: Meter }): Filter {
  return (call) => {
    if (call.served === null) return;
    if (!meter.ready()) throw new AppError('cannot-count', undefined, { retryAfterSeconds: 2 });
    const taken = limits.take(requestOf(call, call.served));
    if (taken instanceof Promise) return taken.then((held: Held) => void (call.held = held));
    call.held = taken;
  };
}

/** What the limits are asked for. */
export const requestOf = (call: Call, served: NonNullable<Call['served']>): TakeRequest => ({
  subscription: call.terms === null ? null : (call.grant?.subscription?.row ?? null),
  window: call.terms?.window ?? null,
  plan: call.terms?.version ?? null,
  apiId: served.api.id,
  operation: served.operation,
  gatewayId: served.api.gatewayId,
  credentialId: call.credential?.row.id ?? '',
  apiLimitPerSecond: served.apiLimitPerSecond,
  gatewayLimitPerSecond: served.gatewayLimitPerSecond,
  now: call.admittedAt,
});
