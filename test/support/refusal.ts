import { AppError } from '../../server/kernel/errors.ts';

/** The refusal of a verb that must refuse. @throws Error when it did not, or failed in another way */
export async function refusal(attempt: Promise<unknown>): Promise<AppError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
