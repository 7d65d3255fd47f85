import type { Attempts } from '../cache/attempts.ts';
import { AppError } from '../kernel/errors.ts';

/** @throws too-many-attempts with the seconds to wait */
export async function count(attempts: Attempts, key: string): Promise<void> {
  const wait = await attempts.count(key);
  if (wait > 0) throw new AppError('too-many-attempts', `Too many attempts. Try again in ${wait} seconds.`, { retryAfterSeconds: wait });
}

/** Try something that could be guessed: tries in a row are counted, until one succeeds. */
export async function counted<T>(attempts: Attempts, key: string, run: () => Promise<T>): Promise<T> {
  await count(attempts, key);
  const result = await run();
  await attempts.clear(key);
  return result;
}
