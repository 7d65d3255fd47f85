import { isOperator, type Actor } from '../domain/actor.ts';
import { AppError } from '../kernel/errors.ts';

/** What is the platform's looks missing to everybody else. @throws not-found */
export function mustOperate(actor: Actor): void {
  if (!isOperator(actor)) throw new AppError('not-found');
}
