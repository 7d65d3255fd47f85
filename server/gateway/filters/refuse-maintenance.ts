import { AppError } from '../../kernel/errors.ts';
import type { Filter } from '../filter.ts';

/** Nobody knows when the provider switches back, which takes a second to be in force. */
const RETRY_SECONDS = 60;

/** Refuse every call of a gateway that is switched to maintenance. Needs: `served`. Runs before anybody is asked who they are. */
export const refuseMaintenance: Filter = (call) => {
  if (call.served?.maintenance) throw new AppError('maintenance', undefined, { retryAfterSeconds: RETRY_SECONDS });
};
