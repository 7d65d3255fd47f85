import { SYSTEM, type Actor } from '../domain/actor.ts';
import { AUDIT_YEARS, AUDIT_YEARS_INITIAL, auditKeptFrom } from '../domain/audit-filter.ts';
import { isoUtc, type Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { OrganizationDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';

const DAY_MS = 86_400_000;
/** Records that one deletion takes away; more only where they fall into a minute. */
const STEP_RECORDS_MAX = 1_000;
const STEP_MS_MIN = 60_000;
/** Set to the day (UTC) up to which every organization was looked at. */
const SWEPT = 'auditSweptTo';

interface Step {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface Retention {
  readonly years: number;
  /** What happened before is gone, epoch ms; null: nothing is. */
  readonly goneBefore: number | null;
}

export type AuditRetention = ReturnType<typeof makeAuditRetention>;

/** How long organizations keep their records, and the sweep that takes away what is older. Nothing else ever removes one. */
export function makeAuditRetention({ store, audit, clock }: { store: Pick<Store, 'accounts' | 'audit' | 'settings'>; audit: Audit; clock: Clock }) {
  const yearsOf = ({ auditYears }: Pick<OrganizationDoc, 'auditYears'>): number => auditYears ?? AUDIT_YEARS_INITIAL;

  /** Spans that hold something, each so short or so empty that one deletion is bounded. */
  async function steps(organizationId: string, from: number, to: number): Promise<Step[]> {
    const count = await store.audit.count(organizationId, from, to);
    if (count === 0) return [];
    if (count <= STEP_RECORDS_MAX || to - from <= STEP_MS_MIN) return [{ from, to, count }];
    const middle = Math.floor((from + to) / 2);
    return [...(await steps(organizationId, from, middle)), ...(await steps(organizationId, middle, to))];
  }

  /** The record of it comes first: whatever stops the sweep, what is gone is told. */
  async function expire(organizationId: string, years: number, from: number, keptFrom: number): Promise<number> {
    const due = await steps(organizationId, from, keptFrom);
    const records = due.reduce((sum, { count }) => sum + count, 0);
    if (records > 0) {
      const after = { records, from: isoUtc(from), before: isoUtc(keptFrom), years };
      await audit.appendOnce(`evt_expired_${organizationId}_${keptFrom / DAY_MS}`, SYSTEM, {
        action: 'market:audit:expire',
        resource: `organization:${organizationId}`,
        organizationId,
        after,
      });
    }
    for (const step of due) await store.audit.expire(organizationId, step.from, step.to);
    return records;
  }

  return {
    async of(actor: Actor): Promise<Retention> {
      const organization = await store.accounts.organization(actor.organizationId);
      if (!organization) throw new AppError('not-found');
      return { years: yearsOf(organization), goneBefore: organization.auditGoneBefore ?? null };
    },

    /** @throws invalid-form beside `years` */
    async choose(actor: Actor, years: number): Promise<void> {
      if (!(AUDIT_YEARS as readonly number[]).includes(years))
        throw new AppError('invalid-form', undefined, { fields: { years: 'Choose one of the offered values.' } });
      const organization = await store.accounts.organization(actor.organizationId);
      if (!organization) throw new AppError('not-found');
      const before = yearsOf(organization);
      if (before === years) return;
      if (!(await store.accounts.updateOrganization(organization._id, organization.rev, { auditYears: years }))) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:audit:update',
        resource: `organization:${organization._id}`,
        before: { keptYears: before },
        after: { keptYears: years },
      });
    },

    /** Once a day: take away what organizations need not keep any longer. @returns how many records went */
    async expireDue(): Promise<number> {
      const now = clock.now();
      const today = Math.floor(now / DAY_MS);
      const swept = await store.settings.get<number>(SWEPT);
      if (swept === today) return 0;
      let records = 0;
      // A younger organization has nothing that old.
      for (const organization of await store.accounts.organizationsMadeBefore(auditKeptFrom(now, AUDIT_YEARS[0]))) {
        const [years, from] = [yearsOf(organization), organization.auditGoneBefore ?? Math.floor(organization.createdAt / DAY_MS) * DAY_MS];
        const keptFrom = auditKeptFrom(now, years);
        if (from >= keptFrom) continue;
        records += await expire(organization._id, years, from, keptFrom);
        await store.accounts.setAuditGoneBefore(organization._id, keptFrom);
      }
      // What belongs to no organization; an installation that never swept has nothing old.
      const nobodys = (day: number): number => auditKeptFrom(day * DAY_MS, AUDIT_YEARS_INITIAL);
      records += await expire('', AUDIT_YEARS_INITIAL, nobodys(swept ?? today), nobodys(today));
      await store.settings.raise(SWEPT, today);
      return records;
    },
  };
}
