/** What each job is told. One line, one job, sorted. Payloads name things in the store; what is to be done is read there. */
export interface JobPayloads {
  'announce-versions': Record<string, never>;
  'audit-totals': Record<string, never>;
  'close-periods': Record<string, never>;
  'collect-invoice': { readonly invoiceId: string };
  'delete-gateway': { readonly gatewayId: string };
  'expire-audit': Record<string, never>;
  'handle-inbound-event': { readonly eventId: string };
  'invoice-subscription': { readonly subscriptionId: string; readonly periodIndex: number };
  'reconcile-events': Record<string, never>;
  'reseal-secrets': Record<string, never>;
  'roll-up-usage': Record<string, never>;
  sweep: Record<string, never>;
  'warn-of-keys': Record<string, never>;
}

export type JobName = keyof JobPayloads;

export interface JobSettings<N extends JobName> {
  /** Two requests with the same id are one job. BullMQ keeps `:` for itself. */
  readonly idFor: (payload: JobPayloads[N]) => string;
  readonly attempts: number;
  /** The first pause after a failure; it doubles, with jitter. */
  readonly backoffMs: number;
  /** Jobs of this name that one worker runs at the same time. */
  readonly concurrency: number;
}

const define = (jobs: { readonly [N in JobName]: JobSettings<N> }): typeof jobs => jobs;

export const JOBS = define({
  'announce-versions': { idFor: () => 'announce-versions', attempts: 3, backoffMs: 2_000, concurrency: 1 },
  'audit-totals': { idFor: () => 'audit-totals', attempts: 1, backoffMs: 30_000, concurrency: 1 },
  'close-periods': { idFor: () => 'close-periods', attempts: 3, backoffMs: 2_000, concurrency: 1 },
  'collect-invoice': { idFor: ({ invoiceId }) => invoiceId, attempts: 8, backoffMs: 2_000, concurrency: 4 },
  'delete-gateway': { idFor: ({ gatewayId }) => gatewayId, attempts: 3, backoffMs: 2_000, concurrency: 1 },
  'expire-audit': { idFor: () => 'expire-audit', attempts: 1, backoffMs: 30_000, concurrency: 1 },
  'handle-inbound-event': { idFor: ({ eventId }) => eventId, attempts: 12, backoffMs: 1_000, concurrency: 4 },
  'invoice-subscription': { idFor: ({ subscriptionId, periodIndex }) => `${subscriptionId}-${periodIndex}`, attempts: 8, backoffMs: 2_000, concurrency: 4 },
  'reconcile-events': { idFor: () => 'reconcile-events', attempts: 3, backoffMs: 30_000, concurrency: 1 },
  'reseal-secrets': { idFor: () => 'reseal-secrets', attempts: 3, backoffMs: 30_000, concurrency: 1 },
  'roll-up-usage': { idFor: () => 'roll-up-usage', attempts: 1, backoffMs: 1_000, concurrency: 1 },
  sweep: { idFor: () => 'sweep', attempts: 1, backoffMs: 1_000, concurrency: 1 },
  'warn-of-keys': { idFor: () => 'warn-of-keys', attempts: 3, backoffMs: 30_000, concurrency: 1 },
});

export const JOB_NAMES = Object.keys(JOBS) as JobName[];
