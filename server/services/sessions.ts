import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { UserDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { SessionDoc } from '../store/sessions.ts';
import { sessionMark } from './accounts.ts';
import type { Audit } from './audit.ts';
import { makeKeptLists, slice, type Slice } from './kept-lists.ts';

const SALT_BYTES = 12;
/** Of a user: in place of another one it ends every session. */
export const sessionSalt = (ids: Pick<Ids, 'secret'>): string => ids.secret(SALT_BYTES);
export const SESSIONS_PAGE_SIZE = 25;

/** Ends every session of the user by one write. @returns the salt of those to come; null: somebody else did it meanwhile */
export async function renewSessionSalt(
  accounts: Pick<Store['accounts'], 'replaceSessionSalt'>,
  ids: Pick<Ids, 'secret'>,
  { _id, sessionSalt: present = null }: Pick<UserDoc, '_id' | 'sessionSalt'>,
): Promise<string | null> {
  const fresh = sessionSalt(ids);
  return (await accounts.replaceSessionSalt(_id, present, fresh)) ? fresh : null;
}

export interface SessionsDependencies {
  readonly store: Pick<Store, 'accounts' | 'passkeys' | 'sessions' | 'settings'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly audit: Audit;
}

export interface SessionsPage extends Slice<SessionDoc> {
  /** Beside this one, on all pages. */
  readonly others: number;
}

/** Where a user is signed in. A session is named by its handle, a hash of the id that the cookie holds. */
export function makeSessions({ store, clock, ids, audit }: SessionsDependencies) {
  const { accounts, sessions } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function userOf(actor: Actor): Promise<UserDoc> {
    const user = await accounts.user(actor.userId);
    if (!user) throw new AppError('not-found');
    return user;
  }

  return {
    /**
     * Those that open something now: this one, so that nobody has to search for it, then the one seen last, as it was known within the last minute.
     * @param own  the handle of this one; @param page  from 1
     */
    async list(actor: Actor, own: string, page: number): Promise<SessionsPage> {
      const mark = sessionMark(await userOf(actor));
      const [all, passkeys] = await Promise.all([
        lists.read('sessions', actor.userId, async () =>
          (await sessions.ofUser(actor.userId))
            .map(({ _id, expiresAt, mark, openedAt, passkeyId, seenAt }) => ({ _id, expiresAt, mark, openedAt, passkeyId, seenAt }))
            .sort((a, b) => b.seenAt - a.seenAt || b.openedAt - a.openedAt || (a._id < b._id ? -1 : 1)),
        ),
        store.passkeys.ofUser(actor.userId),
      ]);
      const standing = new Set(['', ...passkeys.map(({ _id }) => _id)]);
      const open = all.filter((session) => session.mark === mark && standing.has(session.passkeyId) && session.expiresAt.getTime() > clock.real());
      const others = open.filter(({ _id }) => _id !== own);
      const { rows, total } = slice([...open.filter(({ _id }) => _id === own), ...others], page, SESSIONS_PAGE_SIZE);
      const found = new Map((await sessions.some(rows.map(({ _id }) => _id))).map((session) => [session._id, session]));
      return { rows: rows.flatMap(({ _id }) => found.get(_id) ?? []), total, others: others.length };
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
