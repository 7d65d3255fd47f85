import { isActionPattern, type AuditFilter, type AuditOutcome } from '../../domain/audit-filter.ts';
import { isZone, localInstant } from '../../domain/zone.ts';
import type { AuditCursor } from '../../store/audit.ts';
import { address } from './pagination.ts';

const DAY_MS = 86_400_000;
export const AUDIT_DAYS = 90;
/** A file holds at most this; longer times go in several. */
export const CSV_DAYS_MAX = 366;

/** What the address bar asks for: everything as it was typed, and what it means. */
export interface AuditQuery {
  readonly filter: AuditFilter;
  readonly zone: string;
  /** As typed, for the form and for links. */
  readonly typed: Readonly<Record<AuditField, string>>;
  readonly after: AuditCursor | null;
  readonly faults: Readonly<Partial<Record<AuditField, string>>>;
}

const NAMES = ['who', 'action', 'thing', 'outcome', 'address', 'request', 'from', 'to', 'zone'] as const;
export type AuditField = (typeof NAMES)[number];
const OUTCOMES: readonly AuditOutcome[] = ['done', 'refused'];
const LENGTH_MAX = 80;

/** Read the query of the page of the audit log. What cannot be read is a fault beside its field, and left out of the filter. */
export function readAuditQuery(query: Readonly<Record<string, unknown>>, now: number): AuditQuery {
  const text = (name: string): string => (typeof query[name] === 'string' ? query[name].trim().slice(0, LENGTH_MAX) : '');
  const typed = Object.fromEntries(NAMES.map((name) => [name, text(name)])) as Record<AuditField, string>;
  const faults: Partial<Record<AuditField, string>> = {};
  const zone = typed.zone === '' || isZone(typed.zone) ? typed.zone || 'UTC' : 'UTC';
  if (typed.zone !== '' && zone !== typed.zone) faults.zone = 'This is no time zone: it should look like Europe/Berlin, or UTC.';
  const time = (name: 'from' | 'to', otherwise: number): number => {
    if (typed[name] === '') return otherwise;
    const at = localInstant(typed[name], zone, name === 'to');
    if (at === undefined) faults[name] = 'Give a day and a time, like 2026-11-24T15:00.';
    return at ?? otherwise;
  };
  const to = time('to', now + 1);
  const from = time('from', to - AUDIT_DAYS * DAY_MS);
  if (from >= to && faults.from === undefined && faults.to === undefined) faults.from = 'The beginning must come before the end.';
  if (typed.action !== '' && !isActionPattern(typed.action)) faults.action = 'This is no action: it should look like apig:apis:create or apig:apis:*.';
  const outcome = OUTCOMES.find((one) => one === typed.outcome) ?? null;
  const given = (value: string): string | null => (value === '' ? null : value);
  return {
    filter: {
      from,
      to,
      who: given(typed.who),
      action: faults.action === undefined ? given(typed.action) : null,
      thing: given(typed.thing),
      outcome,
      address: given(typed.address),
      requestId: given(typed.request),
    },
    zone,
    typed,
    after: readCursor(query['after']),
    faults,
  };
}

function readCursor(value: unknown): AuditCursor | null {
  const match = typeof value === 'string' ? /^(\d{1,15})\.([a-z0-9_-]{0,80})$/i.exec(value) : null;
  return match ? { at: Number(match[1]), id: match[2] ?? '' } : null;
}

/** The address of the same filter with something changed: all that was typed stays in it. */
export const auditLink = (
  path: string,
  { typed }: Pick<AuditQuery, 'typed'>,
  change: Partial<Record<AuditField, string>> = {},
  after?: AuditCursor | null,
): string => address(path, { ...typed, ...change, after: after ? `${after.at}.${after.id}` : undefined });
