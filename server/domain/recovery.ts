import { PLATFORM_ORGANIZATION } from './actor.ts';

/** Somebody's account as far as it matters for sending the link that removes its second factor. */
export interface Recoverable {
  readonly userId: string;
  /** All organizations the account belongs to. */
  readonly organizations: readonly string[];
  readonly hasFactor: boolean;
  /** None: single sign-on alone opens the account so far. */
  readonly hasPassword: boolean;
  readonly addressProved: boolean;
}

/**
 * `own`: nobody recovers the own account. `elsewhere`: the account opens other organizations too, so administrators of one must not decide.
 * `no-factor`, `no-password`, `unproved`: there is nothing to remove, nothing to confirm it with, nowhere to send the link.
 */
export type RecoveryObstacle = 'elsewhere' | 'no-factor' | 'no-password' | 'own' | 'unproved';

/** An administrator decides over an account that opens nothing but the administrator's organization; every other one is an operator's. */
export const belongsTo = (organizationId: string, organizations: readonly string[]): boolean =>
  organizations.length > 0 && organizations.every((id) => id === organizationId);

/**
 * Why somebody may not send that link; null: nothing stands against it.
 * @param by  who would send it, and for which organization
 * @param as  `operator`: over every account but the own one
 */
export function recoveryObstacle(
  account: Recoverable,
  by: { readonly userId: string; readonly organizationId: string },
  as: 'administrator' | 'operator',
): RecoveryObstacle | null {
  if (account.userId === by.userId) return 'own';
  if (!account.hasFactor) return 'no-factor';
  if (as === 'administrator' && !belongsTo(by.organizationId, account.organizations)) return 'elsewhere';
  if (as === 'operator' && by.organizationId !== PLATFORM_ORGANIZATION) return 'elsewhere';
  if (!account.addressProved) return 'unproved';
  return account.hasPassword ? null : 'no-password';
}

/** For so long somebody who asked is shown to whoever was told. */
export const ASK_LIFE_MS = 14 * 86_400_000;
/** Whoever was not helped for so long asks the operators. */
export const ASK_PATIENCE_MS = 86_400_000;

/**
 * Who is to help: the administrators of the one organization the account opens, where there is another one who may; otherwise, and when they were asked
 * and nothing came of it for a day, the operators.
 * @param helpers  other members of the only organization who may send the link
 * @param before  the ask that stands, of the same password; times in epoch ms
 */
export function whoHelps({
  organizations,
  helpers,
  before,
  now,
}: {
  readonly organizations: readonly string[];
  readonly helpers: number;
  readonly before: { readonly to: string; readonly askedAt: number } | null;
  readonly now: number;
}): string {
  const [only] = organizations;
  if (only === undefined || organizations.length > 1 || helpers === 0) return PLATFORM_ORGANIZATION;
  return before && (before.to === PLATFORM_ORGANIZATION || now - before.askedAt >= ASK_PATIENCE_MS) ? PLATFORM_ORGANIZATION : only;
}
