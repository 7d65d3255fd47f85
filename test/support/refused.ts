import { AssertionError } from 'chai';
import { AppError } from '../../server/kernel/errors.ts';
import type { ProblemCode } from '../../server/kernel/problems.ts';

/** The promise is refused with this problem; gives the error, to look at its fields. */
export async function refused(code: ProblemCode, promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof AppError && error.code === code) return error;
  throw new AssertionError(`expected a refusal by ${code}, got ${error === null ? 'an answer' : error instanceof AppError ? error.code : String(error)}`);
}
