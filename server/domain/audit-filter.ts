import { wildcard } from './wildcard.ts';

/** A record of the audit log, as far as filters look at it. */
export interface Filtered {
  readonly at: number;
  readonly userId: string;
  readonly kind: string;
  readonly action: string;
  readonly address: string;
  readonly requestId: string;
  readonly things: readonly string[];
  readonly outcome: AuditOutcome;
}

/** `done`: it took effect. `refused`: somebody tried and was not let. */
export type AuditOutcome = 'done' | 'refused';

/** What to look for; null = whatever it is. */
export interface AuditFilter {
  /** From this instant, epoch ms. */
  readonly from: number;
  /** Before this instant, epoch ms. */
  readonly to: number;
  /** `usr_…`, or `system`. */
  readonly who: string | null;
  /** An action, or a pattern such as `apig:apis:*`. */
  readonly action: string | null;
  /** The id of what it was done to, or of what that belongs to. */
  readonly thing: string | null;
  readonly outcome: AuditOutcome | null;
  readonly address: string | null;
  readonly requestId: string | null;
}

/** The ids that a record's resource names, from the outermost: `gateway:gw_1/group:grp_1` → `gw_1`, `grp_1`. */
export const thingsIn = (resource: string): string[] =>
  resource
    .split('/')
    .map((part) => part.slice(part.indexOf(':') + 1))
    .filter((id) => id !== '' && id !== '*');

/** Whether a pattern can mean an action at all: one to three parts of letters, hyphens and `*`. */
export const isActionPattern = (text: string): boolean => /^[A-Za-z*-]{1,40}(:[A-Za-z*-]{1,40}){0,2}$/.test(text);

/** Whether a filter takes a record, its time left aside. A pattern with fewer parts means all that begins so. */
export function filterOf(filter: AuditFilter): (record: Filtered) => boolean {
  const { who, action, thing, outcome, address, requestId } = filter;
  const parts = (action ?? '').split(':').map(wildcard);
  return (record) =>
    (who === null || (who === 'system' ? record.kind === 'system' : record.userId === who)) &&
    (thing === null || record.things.includes(thing)) &&
    (outcome === null || record.outcome === outcome) &&
    (address === null || record.address === address) &&
    (requestId === null || record.requestId === requestId) &&
    (action === null || parts.every((part, i) => part.test(record.action.split(':')[i] ?? '')));
}

/** How long an organization may keep its records, years; the platform's minimum is the first. */
export const AUDIT_YEARS = [1, 2, 3, 5, 7] as const;
export const AUDIT_YEARS_INITIAL = 2;
const DAY_MS = 86_400_000;
/** A year of leap days too, so that nothing goes early. */
const YEAR_MS = 366 * DAY_MS;

/** What is older may go: the start of a day (UTC), so that it moves once a day. */
export const auditKeptFrom = (now: number, years: number): number => Math.floor((now - years * YEAR_MS) / DAY_MS) * DAY_MS;
