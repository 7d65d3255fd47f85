import type { JobName } from '../server/queue/jobs.ts';
import { announceVersions } from './announce-versions.ts';
import { auditTotals } from './audit-totals.ts';
import { closePeriods } from './close-periods.ts';
import { collectInvoice } from './collect-invoice.ts';
import { deleteGateway } from './delete-gateway.ts';
import { expireAudit } from './expire-audit.ts';
import { handleInboundEvent } from './handle-inbound-event.ts';
import { invoiceSubscription } from './invoice-subscription.ts';
import type { Job } from './job.ts';
import { reconcileEvents } from './reconcile-events.ts';
import { resealSecrets } from './reseal-secrets.ts';
import { rollUpUsage } from './roll-up-usage.ts';
import { sweep } from './sweep.ts';
import { warnOfKeys } from './warn-of-keys.ts';

/** Every job there is. One line, one job, sorted. */
export const REGISTRY: { readonly [N in JobName]: Job<N> } = {
  'announce-versions': announceVersions,
  'audit-totals': auditTotals,
  'close-periods': closePeriods,
  'collect-invoice': collectInvoice,
  'delete-gateway': deleteGateway,
  'expire-audit': expireAudit,
  'handle-inbound-event': handleInboundEvent,
  'invoice-subscription': invoiceSubscription,
  'reconcile-events': reconcileEvents,
  'reseal-secrets': resealSecrets,
  'roll-up-usage': rollUpUsage,
  sweep,
  'warn-of-keys': warnOfKeys,
};
