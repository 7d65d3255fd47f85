import Stripe from 'stripe';
import { AppError } from '../kernel/errors.ts';
import type { PaymentOutcome, StripeInvoice } from './port.ts';

/** Declines after which the same card is pointless (rule N22): Stripe itself never sends these again until there is a new method. */
const HARD_DECLINES: ReadonlySet<string> = new Set([
  'authentication_required',
  'highest_risk_level',
  'incorrect_number',
  'invalid_number',
  'lost_card',
  'pickup_card',
  'restricted_card',
  'revocation_of_all_authorizations',
  'revocation_of_authorization',
  'stolen_card',
  'transaction_not_allowed',
]);

/** The bank wants the buyer: 3-D Secure on the hosted invoice page. */
const ACTION_CODES: ReadonlySet<string> = new Set([
  'authentication_required',
  'invoice_payment_intent_requires_action',
  'subscription_payment_intent_requires_action',
]);

const RETRY_AFTER_SECONDS = 30;

/** What a refused payment means; null when it is no refusal of the card. */
export function outcomeOfRefusal(error: Stripe.errors.StripeError, invoice: StripeInvoice): PaymentOutcome | null {
  const code = error.code ?? 'card_declined';
  const declineCode = error.decline_code ?? null;
  if ((ACTION_CODES.has(code) || declineCode === 'authentication_required') && code !== 'payment_intent_authentication_failure' && invoice.hostedUrl !== null) {
    return { kind: 'requires-action', url: invoice.hostedUrl };
  }
  if (error instanceof Stripe.errors.StripeCardError) {
    const advice = (error.raw as { advice_code?: string } | undefined)?.advice_code;
    return { kind: 'declined', code, declineCode, hard: advice === 'do_not_try_again' || HARD_DECLINES.has(declineCode ?? code), message: error.message };
  }
  // Nothing to collect from: no card is saved. Not for the job to repeat, but for the buyer to mend.
  if (code === 'missing') return { kind: 'declined', code: 'no-payment-method', declineCode: null, hard: true, message: 'No card is saved.' };
  return null;
}

/** An SDK error as one of ours. The cause keeps Stripe's words and request id; the detail is for the reader. */
export function mapStripeError(error: unknown): unknown {
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  if (error instanceof Stripe.errors.StripeCardError) return new AppError('payment-declined', error.message, { cause: error });
  if (error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode === 409) return away(error);
  if (error instanceof Stripe.errors.StripeIdempotencyError) return new AppError('internal', undefined, { cause: error });
  if (error.statusCode === 409 || error.statusCode === 429) return away(error);
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    if (error.code === 'resource_missing') return new AppError('not-found', undefined, { cause: error });
    if (error.code !== undefined && STATE_CODES.has(error.code)) return new AppError('conflict', undefined, { cause: error });
    return new AppError('internal', undefined, { cause: error });
  }
  return away(error);
}

/** Stripe is unwell: no answer, one of its own faults, or too many requests for it. Not a lock on one object, a wrong key or anything that it decided. */
export function isUnwell(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  if (cause instanceof Stripe.errors.StripeRateLimitError) return cause.code !== 'lock_timeout';
  if (cause instanceof Stripe.errors.StripeConnectionError) return true;
  return cause instanceof Stripe.errors.StripeError && (cause.statusCode ?? 0) >= 500;
}

/** The object is not in a state that allows the request. */
const STATE_CODES: ReadonlySet<string> = new Set([
  'invoice_not_editable',
  'payment_intent_unexpected_state',
  'payment_method_unexpected_state',
  'setup_intent_unexpected_state',
]);

const away = (cause: Stripe.errors.StripeError): AppError =>
  new AppError('dependency-away', 'The payment service does not answer as it should. Try again shortly.', { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
