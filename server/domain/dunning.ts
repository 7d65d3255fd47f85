const DAY_MS = 86_400_000;
/** Days between a failed try and the next: tries on days 0, 2, 7, 14 and 21 (rule N22). */
const PAUSES_DAYS = [2, 5, 7, 7];

/**
 * When a renewal is tried again by itself.
 *
 * @param failures  tries that failed so far, the present one included; at least 1
 * @param hard  the card itself was refused for good: nothing is tried before there is another one
 * @returns epoch ms, or null: not by itself
 */
export function nextAttempt(failures: number, failedAt: number, hard: boolean): number | null {
  const days = PAUSES_DAYS[failures - 1];
  return hard || days === undefined ? null : failedAt + days * DAY_MS;
}
