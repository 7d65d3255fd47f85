import { boundary, nextBoundaryIndex } from './period.ts';
import type { Interval } from './plan.ts';

/**
 * Where a published version stands (rule N6). `offered`: for new subscribers only. `announced`: for all from an instant that has not been applied yet, so that it
 * can be withdrawn. `in-force`: a period began under the announcement. `withdrawn`: taken back before its instant; whoever bought it meanwhile keeps it.
 */
export const VERSION_STANDINGS = ['offered', 'announced', 'in-force', 'withdrawn'] as const;
export type VersionStanding = (typeof VERSION_STANDINGS)[number];

/** What has to be known of a version to say who runs under it. */
export interface PublishedVersion {
  readonly _id: string;
  readonly n: number;
  /** From when it counts for running subscriptions; null = for new subscribers only. */
  readonly effectiveAt: number | null;
  readonly standing: VersionStanding;
  readonly document: { readonly currency: string; readonly interval: Interval };
}

/** How long before a change that makes anything dearer it has to be announced (rule N6). */
export const NOTICE_DAYS = 30;
const DAY_MS = 86_400_000;
export const NOTICE_MS = NOTICE_DAYS * DAY_MS;
/** Every other change: long enough for the periods stored ahead and the gateways to follow. */
const LEAD_MS = 60_000;
/** Further ahead nobody can say what a period will be. */
export const AHEAD_MS_MAX = 2 * 366 * DAY_MS;

/** The earliest instant a version may be announced for. @param dearer  does anything get dearer for somebody? */
export const earliestInstant = (dearer: boolean, now: number): number => now + (dearer ? NOTICE_MS : LEAD_MS);

/** The first midnight, UTC, that is not before the instant: what a form that knows days alone may name. */
export const earliestDay = (instant: number): number => Math.ceil(instant / DAY_MS) * DAY_MS;

/** A version that a running subscription can go over to: an invoice knows one currency, and boundaries one interval. */
const comparable = (a: PublishedVersion, b: PublishedVersion): boolean =>
  a.document.currency === b.document.currency && a.document.interval === b.document.interval;

/** The versions that were published for running subscriptions and come after the one held. */
export const versionsAhead = <V extends PublishedVersion>(versions: readonly V[], heldId: string): V[] => {
  const held = versions.find(({ _id }) => _id === heldId);
  return held ? versions.filter((one) => one.effectiveAt !== null && one.standing !== 'withdrawn' && one.n > held.n && comparable(one, held)) : [];
};

/** Of a plan's versions the one that a period starting then runs under (rule N6): the newest that was announced for running subscriptions by then, else the one held. */
export function versionAt(versions: readonly PublishedVersion[], heldId: string, startAt: number): string {
  const due = versionsAhead(versions, heldId).filter(({ effectiveAt }) => effectiveAt !== null && effectiveAt <= startAt);
  return due.sort((a, b) => b.n - a.n)[0]?._id ?? heldId;
}

/** What new subscribers get: the newest version that was not withdrawn. */
export const onOffer = <V extends Pick<PublishedVersion, 'n' | 'standing'>>(versions: readonly V[]): V | null =>
  versions.filter(({ standing }) => standing !== 'withdrawn').sort((a, b) => b.n - a.n)[0] ?? null;

/** A change of version that is to come for a running subscription. */
export interface ChangeAhead {
  readonly fromId: string;
  readonly toId: string;
  /** The boundary at which the first period under the new version begins, epoch ms. */
  readonly at: number;
}

export interface RunningSubscription {
  readonly planVersionId: string;
  /** The second of activation. */
  readonly anchorAt: number;
  readonly interval: Interval;
  readonly periodIndex: number;
}

/** The changes that announcements of today bring to a running subscription, in their order; later announcements may bring others. */
export function changesAhead(versions: readonly PublishedVersion[], { planVersionId, anchorAt, interval, periodIndex }: RunningSubscription): ChangeAhead[] {
  const firstNotBefore = (at: number): number => Math.max(periodIndex + 1, nextBoundaryIndex(anchorAt, interval, at - 1));
  const boundaries = [...new Set(versionsAhead(versions, planVersionId).map(({ effectiveAt }) => firstNotBefore(effectiveAt ?? 0)))].sort((a, b) => a - b);
  const changes: ChangeAhead[] = [];
  let heldId = planVersionId;
  for (const index of boundaries) {
    const at = boundary(anchorAt, interval, index);
    const toId = versionAt(versions, heldId, at);
    if (toId !== heldId) changes.push({ fromId: heldId, toId, at });
    heldId = toId;
  }
  return changes;
}
