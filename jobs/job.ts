import type { Log } from '../server/kernel/log.ts';
import type { JobName, JobPayloads } from '../server/queue/jobs.ts';
import type { Queue } from '../server/queue/queue.ts';
import type { GatewayDeletion } from '../server/services/catalog/deletion.ts';
import type { AuditRetention } from '../server/services/audit-retention.ts';
import type { Publishing } from '../server/services/catalog/publishing.ts';
import type { Inbox } from '../server/services/inbox.ts';
import type { Invoicing } from '../server/services/invoicing.ts';
import type { KeyWarnings } from '../server/services/key-warnings.ts';
import type { PlanAnnouncements } from '../server/services/plan-announcements.ts';
import type { Resealing } from '../server/services/resealing.ts';
import type { Subscriptions } from '../server/services/subscriptions.ts';
import type { UsageTotals } from '../server/services/usage-totals.ts';
import type { Clock } from '../server/kernel/clock.ts';

/** What jobs may use. */
export interface JobWorld {
  readonly catalog: { readonly deletion: Pick<GatewayDeletion, 'carryOut' | 'unfinished'>; readonly publishing: Pick<Publishing, 'settleAbandoned'> };
  readonly auditRetention: Pick<AuditRetention, 'expireDue'>;
  readonly inbox: Pick<Inbox, 'handle' | 'reconcile' | 'unhandled'>;
  readonly invoicing: Pick<Invoicing, 'bringForward' | 'dueInvoices' | 'duePeriods' | 'issuePeriod'>;
  readonly keyWarnings: KeyWarnings;
  readonly planAnnouncements: PlanAnnouncements;
  readonly resealing: Pick<Resealing, 'carryOut'>;
  readonly subscriptions: Pick<Subscriptions, 'sweep'>;
  readonly usageTotals: Pick<UsageTotals, 'auditAll' | 'rollUp'>;
  readonly queue: Pick<Queue, 'enqueue'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A name, and one call into a service. Each is safe to run twice and at once: the store decides, the queue only reminds. */
export interface Job<N extends JobName> {
  readonly name: N;
  run(payload: JobPayloads[N], world: JobWorld): Promise<void>;
}
