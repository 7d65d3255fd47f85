import type { Log } from '../server/kernel/log.ts';
import type { JobName } from '../server/queue/jobs.ts';
import type { Queue } from '../server/queue/queue.ts';

/** Jobs without a payload that every worker asks for again and again; the id makes them one. */
const EVERY_MS: readonly (readonly [
  Extract<
    JobName,
    'announce-versions' | 'audit-totals' | 'close-periods' | 'expire-audit' | 'reconcile-events' | 'reseal-secrets' | 'roll-up-usage' | 'sweep' | 'warn-of-keys'
  >,
  number,
])[] = [
  ['announce-versions', 5_000],
  ['audit-totals', 3_600_000],
  ['close-periods', 5_000],
  ['expire-audit', 3_600_000],
  ['reconcile-events', 3_600_000],
  ['reseal-secrets', 86_400_000],
  ['roll-up-usage', 5_000],
  ['sweep', 5_000],
  ['warn-of-keys', 3_600_000],
];

/**
 * Asks from a timer in each worker rather than by an entry in Redis, which an emptied Redis would forget.
 *
 * @returns the function that stops it
 */
export function startSchedule({ queue, log }: { queue: Pick<Queue, 'enqueue'>; log: Log }): () => void {
  let away = false;
  const ask = (name: (typeof EVERY_MS)[number][0]): void => {
    queue.enqueue(name, {}).then(
      () => (away = false),
      (error: unknown) => {
        if (!away) log.warn({ err: error }, 'jobs cannot be queued now; the store keeps what is due');
        away = true;
      },
    );
  };
  const timers = EVERY_MS.map(([name, everyMs]) => {
    ask(name);
    return setInterval(() => ask(name), everyMs);
  });
  return () => timers.forEach(clearInterval);
}
