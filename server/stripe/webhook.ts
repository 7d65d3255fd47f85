import Stripe from 'stripe';
import { AppError } from '../kernel/errors.ts';
import { toInboundEvent, type InboundEvent } from './events.ts';

/** Either way: the SDK alone would accept a signature from the future, which a stolen secret could stockpile. */
export const WEBHOOK_TOLERANCE_SECONDS = 300;

export interface WebhookVerifierOptions {
  /** While a secret is being rotated both are here, and both are good (F38). */
  secrets: readonly string[];
}

/**
 * Believe a delivery or refuse it, on the bytes as they came.
 * @throws AppError invalid-request for whatever is wrong: a forger learns nothing about what
 */
export type VerifyWebhook = (raw: Buffer, signature: string | undefined, realNowMs: number) => InboundEvent;

export function makeWebhookVerifier({ secrets }: WebhookVerifierOptions): VerifyWebhook {
  return (raw, signature, realNowMs) => {
    if (!withinTolerance(signature, realNowMs)) throw refused();
    for (const secret of secrets) {
      const event = constructed(raw, signature!, secret, realNowMs);
      if (event) return toInboundEvent(event);
    }
    throw refused();
  };
}

/** The event, or null when this secret did not sign it. */
function constructed(raw: Buffer, signature: string, secret: string, realNowMs: number): Stripe.Event | null {
  try {
    const event = Stripe.webhooks.constructEvent(raw, signature, secret, WEBHOOK_TOLERANCE_SECONDS, undefined, realNowMs);
    return isEvent(event) ? event : null;
  } catch {
    // Which check failed is nobody's business; the next secret may fit.
    return null;
  }
}

/** Signed by Stripe, and still looked at: what is stored must have the fields that are read. */
const isEvent = (event: unknown): event is Stripe.Event => {
  if (typeof event !== 'object' || event === null) return false;
  const { id, object, type, created, livemode, data } = event as Record<string, unknown>;
  return (
    typeof id === 'string' &&
    /^evt_\w{1,100}$/.test(id) &&
    object === 'event' &&
    typeof type === 'string' &&
    Number.isSafeInteger(created) &&
    typeof livemode === 'boolean' &&
    typeof (data as { object?: unknown } | null)?.object === 'object' &&
    (data as { object: unknown }).object !== null
  );
};

function withinTolerance(signature: string | undefined, realNowMs: number): boolean {
  const stamps = (signature ?? '').split(',').filter((part) => part.trim().startsWith('t='));
  const t = stamps.length === 1 ? stamps[0]!.trim().slice(2) : '';
  return /^\d{1,12}$/.test(t) && Math.abs(Math.floor(realNowMs / 1000) - Number(t)) <= WEBHOOK_TOLERANCE_SECONDS;
}

const refused = (): AppError => new AppError('invalid-request', 'The delivery was not accepted.');
