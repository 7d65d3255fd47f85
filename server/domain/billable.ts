import { fieldsOf, list, object, oneOf, int, intBetween, refuse, boolean, type Fields, type Reader } from './values.ts';

/** Rule N14: which answers of a provider cost something. Both belong to the plan version and are shown to buyers. */
export interface BillingRule {
  /** Classes (`2xx`) and codes (`404`). */
  readonly billableStatuses: readonly string[];
  readonly billAborted: boolean;
}

/** Who answered: the provider, the gateway itself, or nobody, because the caller left after the call was forwarded. */
export type Origin = 'upstream' | 'gateway' | 'aborted';

/** `count` calls that ended alike. */
export interface CallGroup {
  readonly origin: Origin;
  readonly status: number;
  readonly count: bigint;
}

export const DEFAULT_BILLABLE_STATUSES: readonly string[] = ['2xx'];
const STATUSES_MAX = 100;

const statusPattern: Reader<string> = (value, path) =>
  typeof value === 'string' && /^(?:[1-5]xx|[1-5][0-9]{2})$/.test(value) ? value : refuse(path, 'must be a class such as 2xx or a code from 100 to 599');

/** Takes the two plan fields of rule N14 from a plan. */
export const takeBillingRule = (fields: Fields): BillingRule => ({
  billableStatuses: fields.maybe('billable_statuses', list(statusPattern, { max: STATUSES_MAX }), DEFAULT_BILLABLE_STATUSES),
  billAborted: fields.maybe('bill_aborted', boolean, false),
});

const status = intBetween(100n, 599n);

export const takeCallGroup = (fields: Fields): CallGroup => ({
  origin: fields.take('origin', oneOf('upstream', 'gateway', 'aborted')),
  status: Number(fields.take('status', status)),
  count: fields.take('n', int),
});

/** A group of calls where the gateway's own answers have no place: every one of them was forwarded or is about to be. */
export const takeForwardedGroup = (fields: Fields): CallGroup => {
  const group = takeCallGroup(fields);
  return group.origin === 'gateway' ? refuse(`${fields.path}.origin`, 'must be upstream or aborted') : group;
};

export const callGroup: Reader<CallGroup> = object(takeCallGroup);
export const forwardedGroup: Reader<CallGroup> = object(takeForwardedGroup);

/** Reads a plan that consists of the rule alone. */
export const billingRule: Reader<BillingRule> = (value, path) => {
  const fields = fieldsOf(value, path);
  const rule = takeBillingRule(fields);
  fields.end();
  return rule;
};

/** Does a call that ended so cost something? An aborted call's status has no say, nor has what the gateway answered itself. */
export function isBillable({ billableStatuses, billAborted }: BillingRule, { origin, status: code }: Pick<CallGroup, 'origin' | 'status'>): boolean {
  if (origin === 'gateway') return false;
  if (origin === 'aborted') return billAborted;
  return billableStatuses.includes(`${code}`) || billableStatuses.includes(`${`${code}`.charAt(0)}xx`);
}

export const billableCount = (rule: BillingRule, groups: readonly CallGroup[]): bigint =>
  groups.reduce((sum, group) => (isBillable(rule, group) ? sum + group.count : sum), 0n);

/** The outcomes under which a call was forwarded and the provider answered whole carry its status; all other words but `aborted` are never billed. */
export function isBillableOutcome(rule: BillingRule, outcome: string): boolean {
  if (outcome === 'aborted') return isBillable(rule, { origin: 'aborted', status: 499 });
  return /^[1-5][0-9]{2}$/.test(outcome) && isBillable(rule, { origin: 'upstream', status: Number(outcome) });
}
