import type { Attempts } from '../cache/attempts.ts';
import { AppError } from '../kernel/errors.ts';

/** @throws too-many-attempts unless there is nothing to wait for */
export function refuseWait(seconds: number): void {
  if (seconds > 0) throw new AppError('too-many-attempts', `Too many attempts. Try again in ${seconds} seconds.`, { retryAfterSeconds: seconds });
}

/** @throws too-many-attempts with the seconds to wait */
export async function count(attempts: Attempts, key: string): Promise<void> {
  refuseWait(await attempts.count(key));
}

/** Try something that could be guessed: tries in a row are counted, until one succeeds. */
export async function counted<T>(attempts: Attempts, key: string, run: () => Promise<T>): Promise<T> {
  await count(attempts, key);
  const result = await run();
  await attempts.clear(key);
  return result;
}
