import { answerCase, type DoorErrorCode } from '../../server/domain/door/door.ts';

type Body = Record<string, unknown>;

/** Ask the billing door; a refusal fails the test with its path. */
export function ask<R = Body>(kind: string, plan: Body, usage: Body): R {
  const answer = answerCase({ id: 'case', kind, plan, usage });
  if ('error' in answer) throw new Error(`${answer.error.code} at ${answer.error.path}: ${answer.error.message}`);
  return answer.result as R;
}

/** The refusal of a question, as `code path`; `answered` when there is none. */
export function refusal(kind: string, plan: unknown, usage: unknown): `${DoorErrorCode} ${string}` | 'answered' {
  const answer = answerCase({ id: 'case', kind, plan, usage });
  return 'error' in answer ? `${answer.error.code} ${answer.error.path}` : 'answered';
}

export const PER_UNIT = { model: 'per_unit', unit_amount_decimal: '0.28' };
export const USD = { currency: 'usd', price: PER_UNIT };
