import { isBillable, type BillingRule, type CallGroup } from './billable.ts';

export interface QuotaOutcome {
  readonly accepted: bigint;
  readonly refused: bigint;
  readonly billable: bigint;
}

/** An answer of 500 and above from the provider gives the call's place back (rule N14); a caller that left keeps it. */
const givesBack = ({ origin, status }: CallGroup): boolean => origin === 'upstream' && status >= 500;

/**
 * Calls one by one in the order given, each answered before the next, against a quota (rule N14). Groups are counted at once,
 * never looped over: a group may hold 2⁶³ calls.
 *
 * @param limit  places; a soft quota admits every call
 */
export function admit(groups: readonly CallGroup[], { limit, hard }: { limit: bigint; hard: boolean }, rule: BillingRule): QuotaOutcome {
  let taken = 0n;
  let accepted = 0n;
  let refused = 0n;
  let billable = 0n;
  for (const group of groups) {
    const free = taken < limit ? limit - taken : 0n;
    // A call that gives its place back leaves the count as it was, so one free place admits all of its kind.
    const fits = givesBack(group) ? (free > 0n ? group.count : 0n) : free < group.count ? free : group.count;
    const admitted = hard ? fits : group.count;
    if (!givesBack(group)) taken += admitted;
    accepted += admitted;
    refused += group.count - admitted;
    if (isBillable(rule, group)) billable += admitted;
  }
  return { accepted, refused, billable };
}
