import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { UserDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { SessionDoc } from '../store/sessions.ts';
import { sessionMark } from './accounts.ts';
import type { Audit } from './audit.ts';

const SALT_BYTES = 12;
/** Of a user: in place of another one it ends every session. */
export const sessionSalt = (ids: Pick<Ids, 'secret'>): string => ids.secret(SALT_BYTES);
/** Of one user on one page; ending all others ends those too that are not shown. */
export const SESSIONS_SHOWN_MAX = 100;

/** Ends every session of the user by one write. @returns the salt of those to come; null: somebody else did it meanwhile */
export async function renewSessionSalt(
  accounts: Pick<Store['accounts'], 'replaceSessionSalt'>,
  ids: Pick<Ids, 'secret'>,
  { _id, sessionSalt: present = null }: Pick<UserDoc, '_id' | 'sessionSalt'>,
): Promise<string | null> {
  const fresh = sessionSalt(ids);
  return (await accounts.replaceSessionSalt(_id, present, fresh)) ? fresh : null;
}

/** Where a user is signed in. A session is named by its handle, a hash of the id that the cookie holds. */
export function makeSessions({ store, clock, ids, audit }: { store: Pick<Store, 'accounts' | 'passkeys' | 'sessions'>; clock: Clock; ids: Ids; audit: Audit }) {
  const { accounts, sessions } = store;

  async function userOf(actor: Actor): Promise<UserDoc> {
    const user = await accounts.user(actor.userId);
    if (!user) throw new AppError('not-found');
    return user;
  }

  return {
    /** Those that open something now, the one seen last first. */
    async list(actor: Actor): Promise<SessionDoc[]> {
      const mark = sessionMark(await userOf(actor));
      const [all, passkeys] = await Promise.all([sessions.ofUser(actor.userId), store.passkeys.ofUser(actor.userId)]);
      const standing = new Set(['', ...passkeys.map(({ _id }) => _id)]);
      return all
        .filter((session) => session.mark === mark && standing.has(session.passkeyId) && session.expiresAt.getTime() > clock.real())
        .sort((a, b) => b.seenAt - a.seenAt || b.openedAt - a.openedAt);
    },

    /** Refused from its next request on. @throws not-found for another user's session, and for one that has ended */
    async revoke(actor: Actor, handle: string): Promise<void> {
      const session = await sessions.session(handle);
      if (!session || session.userId !== actor.userId) throw new AppError('not-found');
      if (!(await sessions.end(handle, clock.real()))) return;
      await audit.append(actor, {
        action: 'market:account:update',
        resource: `user:${actor.userId}`,
        before: { session: { openedAt: session.openedAt, address: session.address, browser: session.agent } },
        after: { session: 'ended' },
      });
    },

    /**
     * Ends every session of the user by one write.
     * @param user  as the request was identified: a request that was still running when its session ended must not end the others
     * @returns the user as he is now, for a new session
     * @throws conflict when somebody else did it meanwhile
     */
    async revokeAll(actor: Actor, user: UserDoc): Promise<UserDoc> {
      const fresh = await renewSessionSalt(accounts, ids, user);
      if (fresh === null) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { otherSessions: 'ended' } });
      return { ...user, sessionSalt: fresh };
    },
  };
}

export type Sessions = ReturnType<typeof makeSessions>;
