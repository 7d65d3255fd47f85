import { PLATFORM_ORGANIZATION, type Actor } from '../domain/actor.ts';
import type { Action } from '../domain/actions.ts';
import { ASK_LIFE_MS, belongsTo, recoveryObstacle, whoHelps, type RecoveryObstacle } from '../domain/recovery.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { RecoveryAskDoc, TokenDoc, UserDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import { hasSecondFactor, passwordMark, sessionMark, type Accounts } from './accounts.ts';
import type { Audit } from './audit.ts';
import { inOrderOf, makeKeptLists, oldestFirst, pageOfList, type ListPage } from './kept-lists.ts';
import type { Readers, SendLetter, StillMay } from './letters.ts';
import type { Notifications } from './notifications.ts';
import { mustOperate } from './operators.ts';
import { sessionSalt } from './sessions.ts';
import { deadLink, type Tokens } from './tokens.ts';

/** Why a link cannot be sent, for whoever would send it. */
export const OBSTACLE_WORDS: Readonly<Record<RecoveryObstacle, string>> = {
  elsewhere: 'This account may open more than your organization, so its second factor is not yours to remove: an operator of the marketplace has to do it.',
  'no-factor': 'This account has no authenticator app that could be removed.',
  'no-password': 'This account has no password yet, and the link asks for one. They set it by “Forgot your password?” on the sign-in page; then send the link.',
  own: 'This is your own account: somebody else has to do it.',
  unproved: 'The e-mail address of this account was never confirmed, so no link is sent there.',
};

const ASKED_PAGE_SIZE = 25;

/** An account as an operator sees it who is asked for help. */
export interface AccountView {
  readonly user: UserDoc;
  readonly secondFactor: boolean;
  readonly passkeys: number;
  readonly ask: RecoveryAskDoc | null;
  readonly obstacle: RecoveryObstacle | null;
  readonly memberships: Awaited<ReturnType<Accounts['memberships']>>;
}

/** What whoever sends a link has to be allowed. @param by  an organization */
const rightOf = (by: string): Action => (by === PLATFORM_ORGANIZATION ? 'platform:accounts:recover' : 'market:members:recover');

/**
 * The way back for whoever has lost authenticator app and recovery codes: somebody else makes sure who it is and has a link mailed to the account's own
 * address; whoever opens it and knows the password removes the second factor. Nobody who sends the link comes nearer to the account.
 */
export function makeRecovery({
  store,
  accounts,
  audit,
  notifications,
  sendLetter,
  readers,
  stillMay,
  tokens,
  clock,
  ids,
}: {
  store: Pick<Store, 'accounts' | 'passkeys' | 'settings'>;
  accounts: Pick<Accounts, 'memberships' | 'provePassword'>;
  audit: Audit;
  notifications: Pick<Notifications, 'message' | 'recover'>;
  sendLetter: SendLetter;
  readers: Readers;
  stillMay: StillMay;
  tokens: Tokens;
  clock: Clock;
  ids: Ids;
}) {
  const lists = makeKeptLists({ settings: store.settings, clock });
  const organizationsOf = async (userId: string): Promise<string[]> =>
    (await store.accounts.membershipsOfUser(userId)).map(({ organizationId }) => organizationId);

  /** The ask that still counts: not too old, and of the present password. */
  const askOf = (user: UserDoc): RecoveryAskDoc | null =>
    user.recovery && clock.real() - user.recovery.askedAt < ASK_LIFE_MS && user.recovery.mark === passwordMark(user) ? user.recovery : null;

  async function obstacleOf(actor: Actor, user: UserDoc, as: 'administrator' | 'operator'): Promise<RecoveryObstacle | null> {
    const account = {
      userId: user._id,
      organizations: await organizationsOf(user._id),
      hasFactor: hasSecondFactor(user),
      hasPassword: user.passwordHash !== '',
      addressProved: user.verifiedAt !== null,
    };
    return recoveryObstacle(account, actor, as);
  }

  /** One record in the log of each organization the account opens, and of whoever acted. */
  async function record(actor: Actor, user: UserDoc, by: string, entry: { readonly action: string; readonly before?: unknown; readonly after: unknown }) {
    const concerned = new Set([...(await organizationsOf(user._id)), ...(by === '' ? [] : [by])]);
    for (const organizationId of concerned.size > 0 ? concerned : [PLATFORM_ORGANIZATION])
      await audit.append(actor, { ...entry, resource: `user:${user._id}`, organizationId });
  }

  async function memberOf(actor: Actor, userId: string): Promise<UserDoc> {
    const [membership, user] = await Promise.all([store.accounts.membership(actor.organizationId, userId), store.accounts.user(userId)]);
    if (!membership || !user) throw new AppError('not-found');
    return user;
  }

  async function anybody(actor: Actor, userId: string): Promise<UserDoc> {
    mustOperate(actor);
    const user = await store.accounts.user(userId);
    if (!user) throw new AppError('not-found');
    return user;
  }

  async function send(actor: Actor, user: UserDoc, as: 'administrator' | 'operator', reason: string): Promise<void> {
    const obstacle = await obstacleOf(actor, user, as);
    if (obstacle) throw new AppError('conflict', OBSTACLE_WORDS[obstacle]);
    const by = as === 'operator' ? PLATFORM_ORGANIZATION : actor.organizationId;
    const token = await tokens.mint('recover', {
      userId: user._id,
      email: user.email,
      organizationId: by,
      passwordMark: sessionMark(user),
      sender: { userId: actor.userId, address: actor.address, at: actor.at ?? clock.now() },
    });
    await notifications.recover(user.email, user.name, token, await senderName(by), reason);
    await record(actor, user, by, { action: rightOf(by), after: { secondFactor: 'a link to remove it was mailed to the account', reason } });
  }

  async function senderName(organizationId: string): Promise<string> {
    if (organizationId === PLATFORM_ORGANIZATION) return 'An operator of the marketplace';
    return `An administrator of ${(await store.accounts.organization(organizationId))?.name ?? 'your organization'}`;
  }

  /**
   * A link that lives, whose account is as it was when it was sent, and whose sender may still send it.
   * @throws not-found; conflict when the account opens more by now than its sender may decide over
   */
  async function live(token: string): Promise<{ found: TokenDoc; user: UserDoc; by: string }> {
    const found = await tokens.live(token, 'recover');
    const user = await store.accounts.user(found.userId);
    if (!user || sessionMark(user) !== found.passwordMark) throw deadLink();
    const by = found.organizationId ?? '';
    if (!found.sender || !(await stillMay(by, rightOf(by), found.sender))) throw deadLink();
    if (by !== PLATFORM_ORGANIZATION && !belongsTo(by, await organizationsOf(user._id)))
      throw new AppError('conflict', 'Your account belongs to other organizations by now, so this link does not count. Ask again: the operators will help.');
    return { found, user, by };
  }

  return {
    /**
     * Somebody gave the right password and cannot give the code.
     * @param words  how to be reached, so that it can be made sure who asks
     * @returns whom it was told: an organization's name; null: the operators
     */
    async ask(actor: Actor, user: UserDoc, words: string): Promise<string | null> {
      const memberships = await accounts.memberships(user._id);
      const [only] = memberships;
      const right: Action = 'market:members:recover';
      const helpers = only && memberships.length === 1 ? (await readers(only.organization._id, right)).filter((address) => address !== user.email).length : 0;
      const to = whoHelps({ organizations: memberships.map(({ organization }) => organization._id), helpers, before: askOf(user), now: clock.real() });
      await store.accounts.askRecovery(user._id, { to, askedAt: clock.real(), words, mark: passwordMark(user) });
      await record({ ...actor, userId: user._id }, user, to, { action: 'accounts:ask-recovery', after: { asks: to, words } });
      const operators = to === PLATFORM_ORGANIZATION;
      await sendLetter({
        organizationId: to,
        to: operators ? 'platform:accounts:recover' : right,
        subject: `${user.name} has lost the second factor`,
        lines: [
          `${user.name} (${user.email}) gave the right password, and cannot give a code: authenticator app and recovery codes are lost.`,
          `To be reached, they say: ${words}`,
          'Make sure that it is they who ask, and not by e-mail: whoever has their mailbox could answer. Then have the link mailed to them.',
        ],
        path: operators ? `/admin/accounts/${user._id}` : `/organization/members/${user._id}`,
      });
      await notifications.message(
        user.email,
        'Somebody asked to remove your second factor',
        [
          `Hello ${user.name},`,
          `somebody who knows your password asked to have the second factor of your account removed. ${operators ? 'The operators' : 'The administrators of your organization'} were told, and will make sure that it is you.`,
          'If it was not you, your password is known to somebody else: choose a new one at once. That makes the request void.',
        ],
        '/password-reset',
      );
      return operators ? null : (only?.organization.name ?? null);
    },

    /** For the page of a member: why the link cannot be sent, and whether they asked. */
    async ofMember(actor: Actor, userId: string): Promise<{ readonly ask: RecoveryAskDoc | null; readonly obstacle: RecoveryObstacle | null }> {
      const user = await memberOf(actor, userId);
      const ask = askOf(user);
      return { ask: ask?.to === actor.organizationId ? ask : null, obstacle: await obstacleOf(actor, user, 'administrator') };
    },

    /** @throws not-found for a user of another organization, conflict in words for whatever stands against it */
    sendToMember: async (actor: Actor, userId: string, reason: string): Promise<void> => send(actor, await memberOf(actor, userId), 'administrator', reason),

    /** @throws not-found, conflict in words for whatever stands against it */
    sendToAccount: async (actor: Actor, userId: string, reason: string): Promise<void> => send(actor, await anybody(actor, userId), 'operator', reason),

    /** A page of those who wait for the operators, the oldest ask first; from 1. */
    async asked(actor: Actor, number: number): Promise<ListPage<{ readonly user: UserDoc; readonly ask: RecoveryAskDoc }>> {
      mustOperate(actor);
      const waiting = (user: UserDoc) => {
        const ask = askOf(user);
        return ask && hasSecondFactor(user) ? [{ user, ask }] : [];
      };
      const all = await lists.read('helpAsked', PLATFORM_ORGANIZATION, async () =>
        (await store.accounts.askedRecovery(PLATFORM_ORGANIZATION))
          .flatMap(waiting)
          .map(({ user, ask }) => ({ id: user._id, at: ask.askedAt }))
          .sort(oldestFirst),
      );
      const found = pageOfList(
        all.filter(({ at }) => clock.real() - at < ASK_LIFE_MS),
        number,
        ASKED_PAGE_SIZE,
      );
      const ids = found.rows.map(({ id }) => id);
      return { ...found, rows: inOrderOf(ids, await store.accounts.users(ids)).flatMap(waiting) };
    },

    async account(actor: Actor, userId: string): Promise<AccountView> {
      const user = await anybody(actor, userId);
      const [memberships, passkeys, obstacle] = await Promise.all([
        accounts.memberships(userId),
        store.passkeys.ofUser(userId),
        obstacleOf(actor, user, 'operator'),
      ]);
      return { user, secondFactor: hasSecondFactor(user), passkeys: passkeys.length, ask: askOf(user), obstacle, memberships };
    },

    /** The account with an address; null: there is none. */
    async find(actor: Actor, email: string): Promise<UserDoc | null> {
      mustOperate(actor);
      return store.accounts.userByEmail(email.toLowerCase());
    },

    /** What a link offers, for the page that asks. @throws as `remove` */
    async offer(token: string): Promise<{ readonly user: UserDoc; readonly by: string; readonly passkeys: number; readonly expiresAt: number }> {
      const { found, user, by } = await live(token);
      return { user, by: await senderName(by), passkeys: (await store.passkeys.ofUser(user._id)).length, expiresAt: found.expiresAt.getTime() };
    },

    /**
     * Remove the second factor; every session of the user ends by the same write.
     * @throws not-found for a link that is dead, conflict when it does not count any more, invalid-form beside `password`
     */
    async remove(actor: Actor, token: string, { password, passkeys }: { readonly password: string; readonly passkeys: boolean }): Promise<void> {
      await accounts.provePassword((await live(token)).user._id, password);
      // Checking a password takes its time: password and organizations may be others by now.
      const { found, user, by } = await live(token);
      // First the link is used up: of two who hold it one goes on, and whom a crash cut off is sent another.
      if (!(await tokens.use(found))) throw deadLink();
      if (!(await store.accounts.removeSecondFactor(user, sessionSalt(ids)))) throw deadLink();
      const held = passkeys ? await store.passkeys.ofUser(user._id) : [];
      for (const { _id } of held) await store.passkeys.remove(_id, user._id);
      const after = { secondFactor: 'off', sessions: 'ended', ...(passkeys && { passkeysRemoved: held.map(({ name }) => name) }) };
      await record({ ...actor, userId: user._id }, user, by, { action: 'accounts:remove-second-factor', before: { secondFactor: 'on' }, after });
      await notifications.message(
        user.email,
        'Your second factor was removed',
        [
          `Hello ${user.name},`,
          `by the link that was mailed to you, and with your password, the second factor of your account was removed${passkeys ? ', and its passkeys too' : ''}. Every browser was signed out. Your password alone signs you in until you set up a new one.`,
          'If it was not you, somebody has your password and reads your mail: change both passwords at once.',
        ],
        '/account/two-factor',
      );
    },

    /** “This was not me”: the link is void. */
    async refuse(actor: Actor, token: string): Promise<void> {
      const { found, user, by } = await live(token);
      if (!(await tokens.use(found))) throw deadLink();
      await record({ ...actor, userId: user._id }, user, by, { action: 'accounts:refuse-recovery', after: { link: 'refused by whoever has the mailbox' } });
    },
  };
}
