import { isEntitled } from '../../domain/subscription.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Filter } from '../filter.ts';
import type { Grant } from '../table.ts';

/** May this app call this API, and who pays? Needs: `credential`, `served`. Sets: `grant`, `terms`. */
export const authorize: Filter = (call) => {
  if (call.credential === null || call.served === null) return;
  const grant = call.credential.app.grants.get(call.served);
  if (!grant) throw new AppError('app-not-authorized');
  call.grant = grant;
  if (grant.subscriptionId !== null) call.terms = termsOf(grant, call.admittedAt);
};

function termsOf({ subscription }: Grant, now: number) {
  if (!subscription) throw new AppError('subscription-inactive');
  const { row } = subscription;
  if (!isEntitled(row, now)) throw new AppError(row.status === 'suspended' || row.status === 'past_due' ? 'payment-due' : 'subscription-inactive');
  const terms = subscription.at(now);
  // Entitled, but the next period is not known here yet: nothing tells which window the call belongs to.
  if (!terms) throw new AppError('cannot-count', undefined, { retryAfterSeconds: 2 });
  return terms;
}
