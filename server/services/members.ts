import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { MembershipDoc, OrganizationDoc, TokenDoc, UserDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { Access } from './access.ts';
import { hasSecondFactor } from './accounts.ts';
import type { Audit } from './audit.ts';
import { makeKeptLists, slice, type Slice } from './kept-lists.ts';
import type { Notifications } from './notifications.ts';
import { deadLink, type Tokens } from './tokens.ts';

export interface Member {
  readonly user: UserDoc;
  readonly membership: MembershipDoc;
}

/** A member as lists, counts and choices need it. */
export interface MemberRow {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly joinedAt: number;
  /** Held directly. */
  readonly policies: readonly string[];
  readonly groups: readonly string[];
}

export interface Rights {
  readonly policies: readonly string[];
  readonly groups: readonly string[];
}

export type Members = ReturnType<typeof makeMembers>;

/** What members are looked for by; empty: whatever it is. */
export interface MemberFilter {
  /** Words, each somewhere in name or address. */
  readonly text: string;
  /** Held directly. */
  readonly policy: string;
  readonly group: string;
}

export function memberFilter({ text, policy, group }: MemberFilter): (member: MemberRow) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return ({ name, email, policies, groups }) =>
    (policy === '' || policies.includes(policy)) &&
    (group === '' || groups.includes(group)) &&
    words.every((word) => `${name} ${email}`.toLowerCase().includes(word));
}

/** Who belongs to an organization: members, invitations, ownership. What they may do is `access`. */
export function makeMembers({
  store,
  clock,
  audit,
  access,
  tokens,
  notifications,
}: {
  store: Store;
  clock: Clock;
  audit: Audit;
  access: Access;
  tokens: Tokens;
  notifications: Notifications;
}) {
  const { accounts } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  const rowsOf = (organizationId: string): Promise<readonly MemberRow[]> =>
    lists.read('members', organizationId, async () => {
      const memberships = await accounts.membershipsOfOrganization(organizationId);
      const users = new Map((await accounts.users(memberships.map(({ userId }) => userId))).map((user) => [user._id, user]));
      return memberships
        .flatMap(({ userId, createdAt, policies, groups }) => {
          const user = users.get(userId);
          return user ? [{ id: userId, name: user.name, email: user.email, joinedAt: createdAt, policies, groups }] : [];
        })
        .sort((a, b) => a.joinedAt - b.joinedAt || (a.id < b.id ? -1 : 1));
    });

  /** Who of them has an authenticator app or a passkey. */
  async function withTwoFactor(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const [users, passkeys] = await Promise.all([accounts.users([...ids]), store.passkeys.ofUsers([...ids])]);
    return new Set([...users.filter(hasSecondFactor).map(({ _id }) => _id), ...passkeys.map(({ userId }) => userId)]);
  }

  const openInvitations = async (organizationId: string) => {
    const all = await lists.read('invitations', organizationId, async () =>
      (await accounts.tokensOfOrganization(organizationId))
        .filter(({ purpose, usedAt }) => purpose === 'invite' && usedAt === null)
        .map(({ _id, expiresAt }) => ({ id: _id, expiresAt: expiresAt.getTime() }))
        .sort((a, b) => a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1)),
    );
    return all.filter(({ expiresAt }) => expiresAt > clock.real());
  };

  async function organizationOf(actor: Actor): Promise<OrganizationDoc> {
    const organization = await accounts.organization(actor.organizationId);
    if (!organization) throw new AppError('not-found');
    return organization;
  }

  /** The owner is a member whatever was written at the same time: a removal that crossed a transfer is made good. */
  async function keepOwner(organizationId: string): Promise<void> {
    const organization = await accounts.organization(organizationId);
    if (!organization || (await accounts.membership(organizationId, organization.ownerId))) return;
    await accounts.addMembership({ organizationId, userId: organization.ownerId, policies: ['Administrator'], groups: [], createdAt: clock.now() });
  }

  async function remove(organization: OrganizationDoc, userId: string): Promise<MembershipDoc> {
    const member = await accounts.membership(organization._id, userId);
    if (!member) throw new AppError('not-found');
    if (organization.ownerId === userId) {
      throw new AppError('conflict', 'The owner cannot leave: an organization always has one. Transfer the ownership first.');
    }
    // Keys go first: whoever comes back one day must not find old ones working again.
    await store.accessKeys.revokeAllOf(organization._id, userId, clock.now());
    await accounts.removeMembership(organization._id, userId);
    // One that was made meanwhile.
    await store.accessKeys.revokeAllOf(organization._id, userId, clock.now());
    // Only an invitation brings back whom somebody sent away, or who went: an issuer that still knows him does not.
    await store.signOn.bar(organization._id, userId);
    await store.signOn.removeIdentities(organization._id, userId);
    await keepOwner(organization._id);
    return member;
  }

  return {
    /** All of them, the longest a member first: from memory. */
    rows: (actor: Actor): Promise<readonly MemberRow[]> => rowsOf(actor.organizationId),

    /** A page of those that a filter takes, from 1, each with whether an authenticator app or a passkey stands with the account. */
    async page(actor: Actor, filter: MemberFilter, number: number, size: number): Promise<Slice<MemberRow & { readonly twoFactor: boolean }>> {
      const { rows, total } = slice((await rowsOf(actor.organizationId)).filter(memberFilter(filter)), number, size);
      const strong = await withTwoFactor(rows.map(({ id }) => id));
      return { rows: rows.map((row) => ({ ...row, twoFactor: strong.has(row.id) })), total };
    },

    /** As it stands in the store. @throws not-found for whoever is no member */
    async get(actor: Actor, userId: string): Promise<Member> {
      const [membership, user] = await Promise.all([accounts.membership(actor.organizationId, userId), accounts.user(userId)]);
      if (!membership || !user) throw new AppError('not-found');
      return { user, membership };
    },

    /** Open ones, the longest open first: a page of them, from 1. */
    async invitations(actor: Actor, number: number, size: number): Promise<Slice<TokenDoc>> {
      const { rows, total } = slice(await openInvitations(actor.organizationId), number, size);
      const tokens = new Map((await accounts.tokens(rows.map(({ id }) => id))).map((token) => [token._id, token]));
      return { rows: rows.flatMap(({ id }) => tokens.get(id) ?? []), total };
    },

    async invite(actor: Actor, email: string, rights: Rights): Promise<void> {
      const organization = await organizationOf(actor);
      await access.checkRights(actor, rights);
      const address = email.toLowerCase();
      const token = await tokens.mint('invite', {
        email: address,
        organizationId: organization._id,
        policies: [...rights.policies],
        groups: [...rights.groups],
      });
      await notifications.invite(address, organization.name, token);
      await audit.append(actor, { action: 'market:members:create', resource: `organization:${organization._id}`, after: { email: address, ...rights } });
    },

    /** Into a group of users of the organization, or out of it. @throws not-found for a foreign group or user */
    async setInGroup(actor: Actor, userId: string, groupId: string, within: boolean): Promise<void> {
      const [group, member] = await Promise.all([access.group(actor, groupId), accounts.membership(actor.organizationId, userId)]);
      if (!member) throw new AppError('not-found');
      if (member.groups.includes(groupId) === within) return;
      await (within ? accounts.joinGroup : accounts.leaveGroup)(actor.organizationId, userId, groupId);
      const change = within ? { after: { joins: group.name } } : { before: { joins: group.name } };
      await audit.append(actor, { action: 'market:userGroups:update', resource: `user:${userId}`, ...change });
    },

    /** A new link for the same offer; the old one stops working. @returns the invited address */
    async resendInvitation(actor: Actor, tokenHash: string): Promise<string> {
      const [organization, found] = [await organizationOf(actor), await accounts.token(tokenHash)];
      if (!found || found.organizationId !== actor.organizationId || found.purpose !== 'invite' || found.usedAt !== null) throw new AppError('not-found');
      const { email, policies, groups } = found;
      const token = await tokens.mint('invite', { email, organizationId: organization._id, policies, groups });
      await accounts.removeToken(found._id);
      await notifications.invite(email, organization.name, token);
      await audit.append(actor, { action: 'market:members:create', resource: `organization:${organization._id}`, after: { email, policies, groups } });
      return email;
    },

    async revokeInvitation(actor: Actor, tokenHash: string): Promise<void> {
      const found = await accounts.token(tokenHash);
      if (!found || found.organizationId !== actor.organizationId || found.purpose !== 'invite') throw new AppError('not-found');
      await accounts.removeToken(found._id);
      await audit.append(actor, { action: 'market:members:delete', resource: `organization:${actor.organizationId}`, before: { email: found.email } });
    },

    /** What the link offers, for the page that asks. */
    async invitation(token: string) {
      const found = await tokens.live(token, 'invite');
      const organization = await accounts.organization(found.organizationId ?? '');
      if (!organization) throw new AppError('not-found');
      const [policies, groups] = await Promise.all([store.access.policies(found.policies), store.access.groups(found.groups)]);
      const names = new Map([...policies, ...groups].map(({ _id, name }) => [_id, name]));
      const offers = [
        ...found.policies.map((id) => names.get(id) ?? id),
        ...found.groups.flatMap((id) => (names.has(id) ? [`member of the group “${names.get(id)}”`] : [])),
      ];
      return { email: found.email, organization, offers };
    },

    /** The signed-in user joins; the address need not be the invited one, the link is the proof. */
    async acceptInvitation(actor: Actor, token: string): Promise<string> {
      const found = await tokens.live(token, 'invite');
      const organizationId = found.organizationId ?? '';
      // First the link is used up, then somebody joins: of two who hold it one comes in, and whom a crash cut off asks for another.
      if (!(await tokens.use(found))) throw deadLink();
      await store.signOn.unbar(organizationId, actor.userId);
      await accounts.addMembership({ organizationId, userId: actor.userId, policies: found.policies, groups: found.groups, createdAt: clock.now() });
      await audit.append(actor, {
        action: 'market:members:join',
        resource: `organization:${organizationId}`,
        organizationId,
        after: { policies: found.policies, groups: found.groups },
      });
      return organizationId;
    },

    async remove(actor: Actor, userId: string): Promise<void> {
      const member = await remove(await organizationOf(actor), userId);
      await audit.append(actor, { action: 'market:members:delete', resource: `user:${userId}`, before: { policies: member.policies, groups: member.groups } });
    },

    /** The actor leaves the organization acted for. */
    async leave(actor: Actor): Promise<void> {
      const member = await remove(await organizationOf(actor), actor.userId);
      await audit.append(actor, {
        action: 'market:members:leave',
        resource: `user:${actor.userId}`,
        before: { policies: member.policies, groups: member.groups },
      });
    },

    /** The owner makes another member owner, and stays administrator. @throws forbidden for everybody else, conflict when it was changed meanwhile */
    async transferOwnership(actor: Actor, userId: string): Promise<void> {
      const organization = await organizationOf(actor);
      if (organization.ownerId !== actor.userId) throw new AppError('forbidden', 'Only the owner can transfer the ownership.');
      if (!(await accounts.membership(organization._id, userId))) throw new AppError('not-found');
      const own = await accounts.membership(organization._id, actor.userId);
      if (own && !own.policies.includes('Administrator')) {
        await accounts.setRights(organization._id, actor.userId, { policies: [...own.policies, 'Administrator'], groups: own.groups });
      }
      if (!(await accounts.updateOrganization(organization._id, organization.rev, { ownerId: userId }))) throw new AppError('conflict');
      await keepOwner(organization._id);
      await audit.append(actor, {
        action: 'market:organization:update',
        resource: `organization:${organization._id}`,
        before: { ownerId: actor.userId },
        after: { ownerId: userId },
      });
    },
  };
}
