const DAY_MS = 86_400_000;
/** Days between a failed try and the next: tries on days 0, 2, 7, 14 and 21 (rule N22). */
const PAUSES_DAYS = [2, 5, 7, 7];
const DUNNING_MS = PAUSES_DAYS.reduce((days, pause) => days + pause, 0) * DAY_MS;

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

/** As far as dunning must know an invoice. */
export interface Unpaid {
  readonly status: string;
  readonly issuedAt: number;
  readonly attempts: number;
  readonly nextAttemptAt: number | null;
}

/**
 * When a renewal that failed is given up, its subscription canceled (rule N22) and its invoice written off: on day 21, or later if the last try came later. After a hard
 * decline there are no tries and the days run on all the same.
 *
 * @returns epoch ms; null while it is not failing, or another try is due first
 */
export const givenUpAt = ({ status, issuedAt, attempts, nextAttemptAt }: Unpaid): number | null =>
  status === 'open' && attempts > 0 && nextAttemptAt === null ? issuedAt + DUNNING_MS : null;
