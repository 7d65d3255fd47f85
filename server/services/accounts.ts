import { hash, verify } from '@node-rs/argon2';
import { SYSTEM, type Actor } from '../domain/actor.ts';
import { PRESETS } from '../domain/rights.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { MembershipDoc, OrganizationDoc, UserDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';
import type { Notifications } from './notifications.ts';

const VERIFY_MS = 48 * 3_600_000;
const RESET_MS = 3_600_000;
const INVITE_MS = 7 * 86_400_000;
const TOKEN_BYTES = 32;
/** OWASP's minimum for argon2id. */
const ARGON = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export interface SignUp {
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly organization: string;
}

export interface Member {
  readonly user: UserDoc;
  readonly membership: MembershipDoc;
}

/**
 * Names a password without telling it. Sessions and reset links carry the mark of the password they were made under, so that a new
 * password ends them all by one write.
 */
export const passwordMark = ({ passwordHash }: Pick<UserDoc, 'passwordHash'>): string => sha256Hex(passwordHash).slice(0, 24);

const linkIsDead = (): AppError => new AppError('not-found', 'This link has been used, has expired, or was never ours. Ask for a new one.');

export type Accounts = ReturnType<typeof makeAccounts>;

export function makeAccounts({
  store,
  clock,
  ids,
  audit,
  notifications,
}: {
  store: Store;
  clock: Clock;
  ids: Ids;
  audit: Audit;
  notifications: Notifications;
}) {
  const { accounts } = store;
  /** Compared against when nobody has the address, so that a stranger cannot tell by the time of the answer. */
  const decoy = hash(ids.secret(TOKEN_BYTES), ARGON);

  async function mintToken(
    purpose: 'verify' | 'reset' | 'invite',
    lifeMs: number,
    about: { userId?: string; email: string; organizationId?: string; policies?: string[]; passwordMark?: string },
  ) {
    const token = ids.secret(TOKEN_BYTES);
    await accounts.addToken({
      _id: sha256Hex(token),
      purpose,
      userId: about.userId ?? '',
      email: about.email,
      organizationId: about.organizationId ?? null,
      policies: about.policies ?? [],
      passwordMark: about.passwordMark ?? '',
      usedAt: null,
      expiresAt: new Date(clock.real() + lifeMs),
    });
    return token;
  }

  async function liveToken(token: string, purpose: 'verify' | 'reset' | 'invite') {
    const found = await accounts.token(sha256Hex(token));
    if (!found || found.purpose !== purpose || found.usedAt !== null || found.expiresAt.getTime() < clock.real()) throw linkIsDead();
    return found;
  }

  /** A reset link and whose password it may replace: the one that stood when it was sent. */
  async function liveReset(token: string) {
    const found = await liveToken(token, 'reset');
    const user = await accounts.user(found.userId);
    if (!user || passwordMark(user) !== found.passwordMark) throw linkIsDead();
    return { found, user };
  }

  async function addOrganization(actor: Actor, name: string, ownerId: string, _id = ids.next('org')): Promise<OrganizationDoc> {
    const organization: OrganizationDoc = {
      _id,
      name,
      kind: 'customer',
      ownerId,
      seller: null,
      sellerSlug: null,
      stripeCustomerId: null,
      paymentMethod: null,
      createdAt: clock.now(),
      rev: 1,
    };
    await accounts.addOrganization(organization);
    await accounts.addMembership({ _id: `${_id}.${ownerId}`, organizationId: _id, userId: ownerId, policies: ['Administrator'], createdAt: clock.now() });
    await audit.append(actor, { action: 'market:organization:create', resource: `organization:${_id}`, organizationId: _id, after: { name } });
    return organization;
  }

  async function addUser(actor: Actor, { email, password, name, organization }: SignUp, verifiedAt: number | null) {
    const user: UserDoc = {
      _id: ids.next('usr'),
      email: email.toLowerCase(),
      name,
      passwordHash: await hash(password, ARGON),
      verifiedAt,
      createdAt: clock.now(),
    };
    if (!(await accounts.addUser(user))) return undefined;
    const created = await addOrganization({ ...actor, userId: user._id }, organization, user._id);
    await audit.append({ ...actor, userId: user._id }, { action: 'accounts:sign-up', resource: `user:${user._id}`, organizationId: created._id });
    return { user, organization: created };
  }

  return {
    /** The answer is the same whether or not the address has an account; the mail tells its owner which. */
    async signUp(actor: Actor, form: SignUp): Promise<void> {
      const created = await addUser(actor, form, null);
      if (!created) return notifications.accountExists(form.email.toLowerCase());
      const token = await mintToken('verify', VERIFY_MS, { userId: created.user._id, email: created.user.email });
      await notifications.verifyAddress(created.user.email, created.user.name, token);
    },

    /** For the seed: a user whose address needs no proof. Undefined: the address is taken. */
    register: (form: SignUp) => addUser(SYSTEM, form, clock.now()),

    /** For the seed: a user of an organization that exists, without one of their own. Undefined: the address is taken. */
    async registerMember({ email, password, name }: Omit<SignUp, 'organization'>, organizationId: string, policies: string[]): Promise<UserDoc | undefined> {
      const now = clock.now();
      const user: UserDoc = {
        _id: ids.next('usr'),
        email: email.toLowerCase(),
        name,
        passwordHash: await hash(password, ARGON),
        verifiedAt: now,
        createdAt: now,
      };
      if (!(await accounts.addUser(user))) return undefined;
      await accounts.addMembership({ _id: `${organizationId}.${user._id}`, organizationId, userId: user._id, policies, createdAt: now });
      return user;
    },

    async verify(actor: Actor, token: string): Promise<void> {
      const found = await liveToken(token, 'verify');
      await accounts.verifyUser(found.userId, clock.now());
      await accounts.useToken(found._id, clock.real());
      await audit.append({ ...actor, userId: found.userId }, { action: 'accounts:verify', resource: `user:${found.userId}` });
    },

    /** @throws AppError `sign-in-failed`: the same for a wrong password, an unknown and an unproved address */
    async signIn(email: string, password: string): Promise<UserDoc> {
      const user = await accounts.userByEmail(email.toLowerCase());
      const right = await verify(user?.passwordHash ?? (await decoy), password, ARGON);
      if (!user || !right) throw new AppError('sign-in-failed');
      if (user.verifiedAt === null) {
        const token = await mintToken('verify', VERIFY_MS, { userId: user._id, email: user.email });
        await notifications.verifyAddress(user.email, user.name, token);
        throw new AppError('sign-in-failed', 'Please confirm your e-mail address first: we have just sent you a new link.');
      }
      return user;
    },

    /** Like sign-up: a mail goes out either way, so that neither the answer nor its time tells who has an account. */
    async requestReset(email: string): Promise<void> {
      const user = await accounts.userByEmail(email.toLowerCase());
      if (!user) return notifications.noAccount(email.toLowerCase());
      const token = await mintToken('reset', RESET_MS, { userId: user._id, email: user.email, passwordMark: passwordMark(user) });
      await notifications.resetPassword(user.email, user.name, token);
    },

    /** Ends every session of the user and every other link that was sent before. */
    async resetPassword(actor: Actor, token: string, password: string): Promise<string> {
      const { found, user } = await liveReset(token);
      const passwordHash = await hash(password, ARGON);
      if (!(await accounts.useToken(found._id, clock.real())) || !(await accounts.replacePassword(user._id, user.passwordHash, passwordHash)))
        throw linkIsDead();
      // Who can read the mailbox has proved the address.
      await accounts.verifyUser(found.userId, clock.now());
      await audit.append({ ...actor, userId: found.userId }, { action: 'accounts:reset-password', resource: `user:${found.userId}` });
      return found.userId;
    },

    /** Throws nothing on a dead link, so that the page can say so before anything is typed. */
    resetTokenLives: async (token: string) =>
      liveReset(token).then(
        () => true,
        () => false,
      ),

    user: (id: string) => accounts.user(id),

    /** Ends every session of the user. @returns the user as he is now, for a new one */
    async changePassword(actor: Actor, current: string, next: string): Promise<UserDoc> {
      const user = await accounts.user(actor.userId);
      if (!user || !(await verify(user.passwordHash, current, ARGON)))
        throw new AppError('invalid-form', undefined, { fields: { current: 'This is not your present password.' } });
      const passwordHash = await hash(next, ARGON);
      if (!(await accounts.replacePassword(user._id, user.passwordHash, passwordHash))) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { password: 'changed' } });
      return { ...user, passwordHash };
    },

    async rename(actor: Actor, name: string): Promise<void> {
      await accounts.setUserName(actor.userId, name);
      await audit.append(actor, { action: 'market:account:update', resource: `user:${actor.userId}`, after: { name } });
    },

    /** The organizations a user belongs to, with the membership in each, oldest first. */
    async memberships(userId: string): Promise<{ organization: OrganizationDoc; membership: MembershipDoc }[]> {
      const memberships = await accounts.membershipsOfUser(userId);
      const organizations = new Map((await accounts.organizations(memberships.map((m) => m.organizationId))).map((o) => [o._id, o]));
      return memberships
        .flatMap((membership) => {
          const organization = organizations.get(membership.organizationId);
          return organization ? [{ organization, membership }] : [];
        })
        .sort((a, b) => a.membership.createdAt - b.membership.createdAt);
    },

    membership: (organizationId: string, userId: string) => accounts.membership(organizationId, userId),
    organization: (id: string) => accounts.organization(id),
    createOrganization: (actor: Actor, name: string) => addOrganization(actor, name, actor.userId),

    async renameOrganization(actor: Actor, name: string): Promise<void> {
      const organization = await accounts.organization(actor.organizationId);
      if (!organization) throw new AppError('not-found');
      if (!(await accounts.updateOrganization(organization._id, organization.rev, { name }))) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:organization:update',
        resource: `organization:${organization._id}`,
        before: { name: organization.name },
        after: { name },
      });
    },

    /** For the seed: the operators' organization, made once. */
    async addOperators(user: UserDoc): Promise<void> {
      const id = 'org_platform';
      await accounts.addOrganization({
        _id: id,
        name: 'Tollgate operators',
        kind: 'platform',
        ownerId: user._id,
        seller: null,
        sellerSlug: null,
        stripeCustomerId: null,
        paymentMethod: null,
        createdAt: clock.now(),
        rev: 1,
      });
      await accounts.addMembership({
        _id: `${id}.${user._id}`,
        organizationId: id,
        userId: user._id,
        policies: ['Administrator', 'Operator'],
        createdAt: clock.now(),
      });
    },

    async members(actor: Actor): Promise<Member[]> {
      const memberships = await accounts.membershipsOfOrganization(actor.organizationId);
      const users = new Map((await accounts.users(memberships.map((m) => m.userId))).map((user) => [user._id, user]));
      return memberships.flatMap((membership) => {
        const user = users.get(membership.userId);
        return user ? [{ user, membership }] : [];
      });
    },

    async invitations(actor: Actor) {
      return (await accounts.tokensOfOrganization(actor.organizationId)).filter((token) => token.purpose === 'invite' && token.usedAt === null);
    },

    async invite(actor: Actor, email: string, policy: string): Promise<void> {
      if (!(policy in PRESETS)) throw new AppError('invalid-form', undefined, { fields: { policy: 'Choose one of the roles.' } });
      const organization = await accounts.organization(actor.organizationId);
      if (!organization) throw new AppError('not-found');
      const token = await mintToken('invite', INVITE_MS, { email: email.toLowerCase(), organizationId: organization._id, policies: [policy] });
      await notifications.invite(email.toLowerCase(), organization.name, token);
      await audit.append(actor, { action: 'market:members:create', resource: `organization:${organization._id}`, after: { email, policy } });
    },

    async revokeInvitation(actor: Actor, tokenHash: string): Promise<void> {
      const found = await accounts.token(tokenHash);
      if (!found || found.organizationId !== actor.organizationId || found.purpose !== 'invite') throw new AppError('not-found');
      await accounts.removeToken(found._id);
      await audit.append(actor, { action: 'market:members:delete', resource: `organization:${actor.organizationId}`, before: { email: found.email } });
    },

    /** What the link offers, for the page that asks. */
    async invitation(token: string) {
      const found = await liveToken(token, 'invite');
      const organization = await accounts.organization(found.organizationId ?? '');
      if (!organization) throw new AppError('not-found');
      return { email: found.email, organization, policies: found.policies };
    },

    /** The signed-in user joins; the address need not be the invited one, the link is the proof. */
    async acceptInvitation(actor: Actor, token: string): Promise<string> {
      const found = await liveToken(token, 'invite');
      const organizationId = found.organizationId ?? '';
      // First the link is used up, then somebody joins: of two who hold it one comes in, and whom a crash cut off asks for another.
      if (!(await accounts.useToken(found._id, clock.real()))) throw linkIsDead();
      const before = await accounts.membership(organizationId, actor.userId);
      if (!before) {
        await accounts.addMembership({
          _id: `${organizationId}.${actor.userId}`,
          organizationId,
          userId: actor.userId,
          policies: found.policies,
          createdAt: clock.now(),
        });
      }
      await audit.append(actor, {
        action: 'market:members:join',
        resource: `organization:${organizationId}`,
        organizationId,
        after: { policies: found.policies },
      });
      return organizationId;
    },

    async setPolicies(actor: Actor, userId: string, policies: string[]): Promise<void> {
      const members = await accounts.membershipsOfOrganization(actor.organizationId);
      const member = members.find((m) => m.userId === userId);
      if (!member) throw new AppError('not-found');
      mustKeepAdministrator(members, userId, policies);
      await accounts.setPolicies(actor.organizationId, userId, policies);
      await audit.append(actor, { action: 'market:members:update', resource: `user:${userId}`, before: { policies: member.policies }, after: { policies } });
    },

    async removeMember(actor: Actor, userId: string): Promise<void> {
      const members = await accounts.membershipsOfOrganization(actor.organizationId);
      if (!members.some((m) => m.userId === userId)) throw new AppError('not-found');
      mustKeepAdministrator(members, userId, []);
      await accounts.removeMembership(actor.organizationId, userId);
      await audit.append(actor, { action: 'market:members:delete', resource: `user:${userId}` });
    },
  };
}

function mustKeepAdministrator(members: MembershipDoc[], changed: string, policies: string[]): void {
  const stays = members.some((m) => (m.userId === changed ? policies : m.policies).includes('Administrator'));
  if (!stays)
    throw new AppError('invalid-form', 'An organization needs at least one administrator.', {
      fields: { policies: 'Make somebody else administrator first.' },
    });
}
