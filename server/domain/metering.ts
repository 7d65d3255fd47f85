import { isBillable, type BillingRule } from './billable.ts';

/**
 * How a call ended, as the record says it (rule N14): a status of the provider, or one of our own words.
 * `status` = the provider answered; `aborted` = the caller left after forwarding; `broken` = the provider broke off or could not be
 * reached; `unknown` = the gateway was killed before it noted the end; `mock`, `cache`, `replay` = answered for the provider;
 * `refused.<problem code>` = we refused a known subscription.
 */
export type Outcome = `${number}` | 'aborted' | 'broken' | 'unknown' | 'mock' | 'cache' | 'replay' | `refused.${string}`;

/** One finished call, as the journal keeps it. */
export interface CallRecord {
  readonly callId: string;
  /** Admission by the gateway's clock (rule N13), epoch ms. */
  readonly admittedAt: number;
  readonly gatewayId: string;
  readonly apiId: string;
  readonly environmentId: string;
  /** `GET /countries/{code}` */
  readonly operation: string;
  readonly appId: string;
  readonly credentialId: string;
  /** Null for direct authorizations and open APIs: counted, never billed. */
  readonly subscriptionId: string | null;
  /** `<period>.<change>`; empty without a subscription. */
  readonly window: string;
  readonly planVersionId: string;
  readonly outcome: Outcome;
  readonly method: string;
  /** Path as called, without the query, cut to 256 characters. */
  readonly path: string;
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly upstreamMs: number;
  readonly totalMs: number;
  /** Units by meter if the call is billable: `requests` = weight. */
  readonly units: Readonly<Record<string, number>>;
  /** Receipt number in its stream; 0 without a receipt. */
  readonly receipt: number;
  /** The accepted connection it came over; empty: the public listener. */
  readonly via: string;
  /** Absent on nearly all calls. */
  readonly notes?: CallNotes;
}

/** What its provider may read beside a call. */
export interface CallNotes {
  /** Values by `header:name`, where the gateway's parameter `custom_log` asks for them. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Why its backend could not be reached, where a certificate was the reason. */
  readonly cause?: string;
}

/**
 * Does a call that ended so keep its place in a quota? Admitted calls do, billable or not; one that the provider failed (5xx or no whole
 * answer) and one that we refused give it back; an idempotent replay takes none (rule N14). A call whose delivery is unknown keeps it.
 */
export function keepsPlace(outcome: Outcome): boolean {
  if (outcome === 'broken' || outcome === 'replay' || outcome.startsWith('refused.')) return false;
  return !/^5\d\d$/.test(outcome);
}

/** Does a call that ended so cost something under this plan (rule N14)? */
export function isBillableOutcome(rule: BillingRule, outcome: Outcome): boolean {
  if (outcome === 'aborted') return isBillable(rule, { origin: 'aborted', status: 0 });
  return /^\d{3}$/.test(outcome) && isBillable(rule, { origin: 'upstream', status: Number(outcome) });
}

/** Why a call was or was not counted, in words for its page. */
export function outcomeReason(rule: BillingRule | null, outcome: Outcome): string {
  if (outcome.startsWith('refused.')) return 'refused by the gateway, never billed';
  if (outcome === 'unknown') return 'delivery unknown, not billed';
  if (outcome === 'broken') return 'the provider did not answer in full, not billed';
  if (outcome === 'mock' || outcome === 'cache' || outcome === 'replay') return `answered by the gateway (${outcome}), not billed`;
  if (rule === null) return 'without a subscription, not billed';
  if (isBillableOutcome(rule, outcome)) return outcome === 'aborted' ? 'left by the caller, billed by this plan' : 'billed';
  return outcome === 'aborted' ? 'left by the caller, not billed' : `status ${outcome} is not billed by this plan`;
}
