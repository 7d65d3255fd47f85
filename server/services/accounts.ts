import { hash, verify } from '@node-rs/argon2';
import { PLATFORM_ORGANIZATION, SYSTEM, type Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { MembershipDoc, OrganizationDoc, UserDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';
import type { Notifications } from './notifications.ts';
import { deadLink, type Tokens } from './tokens.ts';

const DECOY_BYTES = 32;
/** Organizations that hear of one failed sign-in. */
const TOLD_MAX = 10;
/** OWASP's minimum for argon2id. */
const ARGON = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export interface SignUp {
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly organization: string;
}

/**
 * Names a password without telling it. Sessions and reset links carry the mark of the password they were made under, so that a new
 * password ends them all by one write.
 */
export const passwordMark = ({ passwordHash }: Pick<UserDoc, 'passwordHash'>): string => sha256Hex(passwordHash).slice(0, 24);

/** A confirmed authenticator app: signing in takes its code too. */
export const hasSecondFactor = ({ secondFactor }: Pick<UserDoc, 'secondFactor'>): boolean => typeof secondFactor?.confirmedAt === 'number';

/**
 * What a session is opened under: the password, the second factor where there is one, and the salt that signing out everywhere replaces. A session
 * that carries the mark of a second factor was opened with it; turning it on or off ends all others by the same write.
 */
export function sessionMark(user: Pick<UserDoc, 'passwordHash' | 'secondFactor' | 'sessionSalt'>): string {
  const factor = hasSecondFactor(user) ? (user.secondFactor?.mark ?? user.secondFactor?.cipher ?? '') : '';
  return sha256Hex(`${user.passwordHash} ${factor} ${user.sessionSalt ?? ''}`).slice(0, 24);
}

export type Accounts = ReturnType<typeof makeAccounts>;

export function makeAccounts({
  store,
  clock,
  ids,
  audit,
  notifications,
  tokens,
}: {
  store: Store;
  clock: Clock;
  ids: Ids;
  audit: Audit;
  notifications: Notifications;
  tokens: Tokens;
}) {
  const { accounts } = store;
  /** Compared against when nobody has the address, so that a stranger cannot tell by the time of the answer. */
  const decoy = hash(ids.secret(DECOY_BYTES), ARGON);

  /** A reset link and whose password it may replace: the one that stood when it was sent. */
  async function liveReset(token: string) {
    const found = await tokens.live(token, 'reset');
    const user = await accounts.user(found.userId);
    if (!user || passwordMark(user) !== found.passwordMark) throw deadLink();
    return { found, user };
  }

  /** Who is signed in shows the present password once more. @throws invalid-form beside `field` */
  async function prove(userId: string, password: string, field: string): Promise<UserDoc> {
    const user = await accounts.user(userId);
    if (user?.passwordHash === '')
      throw new AppError('invalid-form', undefined, {
        fields: { [field]: 'Your account has no password yet. Set one first: “Forgot your password?” on the sign-in page.' },
      });
    if (!user || !(await verify(user.passwordHash, password, ARGON)))
      throw new AppError('invalid-form', undefined, { fields: { [field]: 'This is not your present password.' } });
    return user;
  }

  /** An organization with its first member, who owns it. */
  async function found({ _id, name, kind }: Pick<OrganizationDoc, '_id' | 'kind' | 'name'>, ownerId: string, policies: string[]): Promise<OrganizationDoc> {
    const createdAt = clock.now();
    const organization: OrganizationDoc = {
      _id,
      name,
      kind,
      ownerId,
      seller: null,
      sellerSlug: null,
      stripeCustomerId: null,
      paymentMethod: null,
      createdAt,
      rev: 1,
    };
    await accounts.addOrganization(organization);
    await accounts.addMembership({ organizationId: _id, userId: ownerId, policies, groups: [], createdAt });
    return organization;
  }

  const addOrganization = (name: string, ownerId: string): Promise<OrganizationDoc> =>
    found({ _id: ids.next('org'), name, kind: 'customer' }, ownerId, ['Administrator']);

  const homeOf = async (userId: string): Promise<string> =>
    (await accounts.membershipsOfUser(userId)).sort((a, b) => a.createdAt - b.createdAt)[0]?.organizationId ?? '';

  /** Something of the own account, in the log of the person's first organization. */
  async function record(actor: Actor, userId: string, action: string): Promise<void> {
    await audit.append({ ...actor, userId }, { action, resource: `user:${userId}`, organizationId: actor.organizationId || (await homeOf(userId)) });
  }

  /** Each organization of the account hears of it; of an address without an account the operators do, so that either costs the same. */
  async function refuse(actor: Actor, userId: string | null, because: string): Promise<void> {
    const memberships = await accounts.membershipsOfUser(userId ?? '');
    const told = memberships.length === 0 ? [PLATFORM_ORGANIZATION] : memberships.slice(0, TOLD_MAX).map(({ organizationId }) => organizationId);
    const resource = `user:${userId ?? 'unknown'}`;
    await Promise.all(told.map((organizationId) => audit.refuse({ ...actor, userId: '' }, { action: 'accounts:sign-in', resource, organizationId, because })));
  }

  /** Undefined: the address is taken. */
  async function addPerson({ email, password, name }: Omit<SignUp, 'organization'>, verifiedAt: number | null): Promise<UserDoc | undefined> {
    const passwordHash = await hash(password, ARGON);
    const user: UserDoc = { _id: ids.next('usr'), email: email.toLowerCase(), name, passwordHash, verifiedAt, createdAt: clock.now() };
    return (await accounts.addUser(user)) ? user : undefined;
  }

  async function addUser(actor: Actor, { organization, ...person }: SignUp, verifiedAt: number | null) {
    const user = await addPerson(person, verifiedAt);
    if (!user) return undefined;
    const created = await addOrganization(organization, user._id);
    await audit.append(
      { ...actor, userId: user._id },
      { action: 'accounts:sign-up', resource: `user:${user._id}`, organizationId: created._id, things: [created._id], after: { organization } },
    );
    return { user, organization: created };
  }

  return {
    /** The answer is the same whether or not the address has an account; the mail tells its owner which. */
    async signUp(actor: Actor, form: SignUp): Promise<void> {
      const created = await addUser(actor, form, null);
      if (!created) return notifications.accountExists(form.email.toLowerCase());
      const token = await tokens.mint('verify', { userId: created.user._id, email: created.user.email });
      await notifications.verifyAddress(created.user.email, created.user.name, token);
    },

    /** For the seed: a user whose address needs no proof. Undefined: the address is taken. */
    register: (form: SignUp) => addUser(SYSTEM, form, clock.now()),

    /** For the seed: a user of an organization that exists, without one of their own. Undefined: the address is taken. */
    async registerMember(person: Omit<SignUp, 'organization'>, organizationId: string, policies: string[]): Promise<UserDoc | undefined> {
      const user = await addPerson(person, clock.now());
      if (!user) return undefined;
      await accounts.addMembership({ organizationId, userId: user._id, policies, groups: [], createdAt: user.createdAt });
      return user;
    },

    async verify(actor: Actor, token: string): Promise<void> {
      const found = await tokens.live(token, 'verify');
      await accounts.verifyUser(found.userId, clock.now());
      await tokens.use(found);
      await record(actor, found.userId, 'accounts:verify');
    },

    /** @throws AppError `sign-in-failed`: the same for a wrong password, an unknown and an unproved address */
    async signIn(email: string, password: string): Promise<UserDoc> {
      const user = await accounts.userByEmail(email.toLowerCase());
      // Nobody, and who has no password, take as long as anybody else.
      const kept = user?.passwordHash ?? '';
      const right = (await verify(kept === '' ? await decoy : kept, password, ARGON)) && kept !== '';
      if (!user || !right) throw new AppError('sign-in-failed');
      if (user.verifiedAt === null) {
        const token = await tokens.mint('verify', { userId: user._id, email: user.email });
        await notifications.verifyAddress(user.email, user.name, token);
        throw new AppError('sign-in-failed', 'Please confirm your e-mail address first: we have just sent you a new link.');
      }
      return user;
    },

    /** A sign-in that took place. */
    signedIn: (actor: Actor, userId: string): Promise<void> => record({ ...actor, organizationId: '' }, userId, 'accounts:sign-in'),
    signedOut: (actor: Actor): Promise<void> => record(actor, actor.userId, 'accounts:sign-out'),

    /** A sign-in that failed at the password. */
    passwordRefused: async (actor: Actor, email: string): Promise<void> =>
      refuse(actor, (await accounts.userByEmail(email.toLowerCase()))?._id ?? null, 'wrong password, or the address is not confirmed'),

    /** A sign-in that failed though password or passkey was right: the organization asks for single sign-on. */
    signOnDemanded: (actor: Actor, userId: string): Promise<void> => refuse(actor, userId, 'single sign-on is required'),

    /** A sign-in that failed at the second factor, the password being right. */
    codeRefused: (actor: Actor, userId: string): Promise<void> => refuse(actor, userId, 'the password was right, the second factor was not'),

    /** Like sign-up: a mail goes out either way, so that neither the answer nor its time tells who has an account. */
    async requestReset(actor: Actor, email: string): Promise<void> {
      const user = await accounts.userByEmail(email.toLowerCase());
      await record({ ...actor, organizationId: '' }, user?._id ?? '', 'accounts:request-reset');
      if (!user) return notifications.noAccount(email.toLowerCase());
      const token = await tokens.mint('reset', { userId: user._id, email: user.email, passwordMark: passwordMark(user) });
      await notifications.resetPassword(user.email, user.name, token);
    },

    /** Ends every session of the user and every other link that was sent before. */
    async resetPassword(actor: Actor, token: string, password: string): Promise<string> {
      const { found, user } = await liveReset(token);
      const passwordHash = await hash(password, ARGON);
      if (!(await tokens.use(found)) || !(await accounts.replacePassword(user._id, user.passwordHash, passwordHash))) throw deadLink();
      // Who can read the mailbox has proved the address.
      await accounts.verifyUser(found.userId, clock.now());
      await record(actor, found.userId, 'accounts:reset-password');
      return found.userId;
    },

    /** Throws nothing on a dead link, so that the page can say so before anything is typed. */
    resetTokenLives: async (token: string) =>
      liveReset(token).then(
        () => true,
        () => false,
      ),

    user: (id: string) => accounts.user(id),

    /** The organization whose log tells what a person does before one is chosen: the oldest membership's. Empty: there is none. */
    homeOf,

    /** Ends every session of the user. @returns the user as he is now, for a new one */
    async changePassword(actor: Actor, current: string, next: string): Promise<UserDoc> {
      const user = await prove(actor.userId, current, 'current');
      const passwordHash = await hash(next, ARGON);
      if (!(await accounts.replacePassword(user._id, user.passwordHash, passwordHash))) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { password: 'changed' } });
      return { ...user, passwordHash };
    },

    /** @throws invalid-form beside `password` */
    provePassword: (userId: string, password: string): Promise<UserDoc> => prove(userId, password, 'password'),

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
    async createOrganization(actor: Actor, name: string): Promise<OrganizationDoc> {
      const made = await addOrganization(name, actor.userId);
      await audit.append(actor, { action: 'market:organization:create', resource: `organization:${made._id}`, organizationId: made._id, after: { name } });
      return made;
    },

    /** Which of the own organizations this browser acts for from now on. */
    async chooseOrganization(actor: Actor, organizationId: string): Promise<void> {
      if (!(await accounts.membership(organizationId, actor.userId))) throw new AppError('not-found');
      await audit.append(actor, {
        action: 'accounts:choose-organization',
        resource: `user:${actor.userId}`,
        organizationId,
        before: { organization: actor.organizationId },
        after: { organization: organizationId },
      });
    },

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
      await found({ _id: PLATFORM_ORGANIZATION, name: 'Tollgate operators', kind: 'platform' }, user._id, ['Administrator', 'Operator']);
    },
  };
}
