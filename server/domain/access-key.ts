import { credentialStatus, type CredentialStatus } from './credential.ts';

/**
 * Access keys are what programs come with to the management API. `signature`: a public access key and a secret that signs requests and never travels;
 * `token`: one secret, sent as a bearer token.
 */
export const ACCESS_KEY_KINDS = ['signature', 'token'] as const;
export type AccessKeyKind = (typeof ACCESS_KEY_KINDS)[number];

/** Who holds a key: the program acts with that person's or that service account's rights. */
export type HolderKind = 'service-account' | 'user';

/** A holder has this many keys of one organization at a time; one that a rotation replaces stands beside its successor. */
export const ACCESS_KEYS_MAX = 5;

/** Lives that are offered, in days. */
export const KEY_LIVES_DAYS = [1, 7, 30, 90, 180, 365] as const;

const DAY_MS = 86_400_000;

export interface KeyTimes {
  readonly createdAt: number;
  /** Epoch ms at which it stops by itself; null: it does not. */
  readonly notAfter: number | null;
  readonly revokedAt: number | null;
}

/** `too-old`: older than its organization lets keys become. */
export type AccessKeyState = CredentialStatus | 'too-old';

/**
 * When a key stops, epoch ms: by its own end or by the organization's greatest age, whichever comes first; null: when it is revoked.
 * @param ageDaysMax  the organization's greatest age of keys in days; null: it has no such rule
 */
export function keyEndsAt({ createdAt, notAfter }: Pick<KeyTimes, 'createdAt' | 'notAfter'>, ageDaysMax: number | null): number | null {
  const oldAt = ageDaysMax === null ? null : createdAt + ageDaysMax * DAY_MS;
  return notAfter === null ? oldAt : oldAt === null ? notAfter : Math.min(notAfter, oldAt);
}

export function accessKeyState(key: KeyTimes, ageDaysMax: number | null, now: number): AccessKeyState {
  const byItself = credentialStatus(key, now);
  if (byItself === 'revoked' || byItself === 'expired') return byItself;
  const byRule = credentialStatus({ revokedAt: null, notAfter: keyEndsAt(key, ageDaysMax) }, now);
  return byRule === 'expired' ? 'too-old' : byRule;
}

export const isWorking = (state: AccessKeyState): boolean => state === 'active' || state === 'expiring';

/** Whole days since it was made. */
export const keyAgeDays = ({ createdAt }: Pick<KeyTimes, 'createdAt'>, now: number): number => Math.max(0, Math.floor((now - createdAt) / DAY_MS));

/** The end of a key that is made now; null: it has none of its own. */
export const endAfter = (lifeDays: number | null, now: number): number | null => (lifeDays === null ? null : now + lifeDays * DAY_MS);

/** @returns why a key may not be made to live that long, as a sentence; undefined: it may */
export function lifeFault(lifeDays: number | null, ageDaysMax: number | null): string | undefined {
  if (ageDaysMax === null || (lifeDays !== null && lifeDays <= ageDaysMax)) return undefined;
  return `Your organization lets a key become ${ageDaysMax} ${ageDaysMax === 1 ? 'day' : 'days'} old. Choose a shorter time.`;
}

/**
 * Every key stands at a place of its holder, and one unique key over holder and place bounds how many there are. A place has two halves, `n` and
 * `n + ACCESS_KEYS_MAX`: a rotation puts the successor into the other one.
 */
export const otherHalf = (place: number): number => (place < ACCESS_KEYS_MAX ? place + ACCESS_KEYS_MAX : place - ACCESS_KEYS_MAX);

/** Places at which a new key may stand: both halves are free. */
export const freePlaces = (taken: readonly number[]): number[] =>
  Array.from({ length: ACCESS_KEYS_MAX }, (_, place) => place).filter((place) => !taken.includes(place) && !taken.includes(otherHalf(place)));
