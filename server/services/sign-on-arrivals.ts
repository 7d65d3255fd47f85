import type { Actor } from '../domain/actor.ts';
import { domainOf } from '../domain/sign-on.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { UserDoc } from '../store/accounts.ts';
import type { ConnectionDoc, IdentityDoc } from '../store/sign-on.ts';
import type { Store } from '../store/index.ts';
import { hasSecondFactor } from './accounts.ts';
import type { Audit } from './audit.ts';
import { signOnFailed } from './guarded-fetch.ts';
import type { Notifications } from './notifications.ts';

/** Somebody as an issuer tells it; all but the subject may be anything. */
export interface Told {
  readonly subject: string;
  readonly email: unknown;
  readonly emailVerified: unknown;
  readonly name: unknown;
}

/** Who has come. `link` waits for the code of the user's own authenticator app: {@link Arrivals.link} is called once it was right. */
export interface Arrival {
  readonly user: UserDoc;
  readonly link: IdentityDoc | null;
}

export type Arrivals = ReturnType<typeof makeArrivals>;

const NAME_MAX = 80;

/** Which user somebody from an issuer is: known by issuer and subject, and the first time by a verified address of a confirmed domain. */
export function makeArrivals({
  store,
  audit,
  notifications,
  clock,
  ids,
}: {
  store: Pick<Store, 'access' | 'accounts' | 'signOn'>;
  audit: Audit;
  notifications: Pick<Notifications, 'message'>;
  clock: Pick<Clock, 'now'>;
  ids: Pick<Ids, 'next'>;
}) {
  const { accounts, signOn, access } = store;

  /** The account is created by its unique address: whoever comes second finds it. */
  async function newUser(actor: Actor, email: string, told: Told): Promise<UserDoc> {
    const given = typeof told.name === 'string' ? told.name.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '').trim() : '';
    const name = (given === '' ? (email.split('@')[0] ?? email) : given).slice(0, NAME_MAX);
    const at = clock.now();
    const user: UserDoc = { _id: ids.next('usr'), email, name, passwordHash: '', verifiedAt: at, createdAt: at };
    if (await accounts.addUser(user)) {
      await audit.append({ ...actor, userId: user._id }, { action: 'accounts:sign-up', resource: `user:${user._id}` });
      return user;
    }
    const found = await accounts.userByEmail(email);
    if (!found) throw new AppError('conflict');
    return found;
  }

  /** Of policies and groups that new members are to hold, those that are still the organization's. */
  async function rightsOf({ _id, policies, groups }: ConnectionDoc) {
    const ownPolicies = new Set((await access.policies(policies)).filter(({ organizationId }) => organizationId === _id).map((one) => one._id));
    const ownGroups = (await access.groups(groups)).filter(({ organizationId }) => organizationId === _id).map((one) => one._id);
    return { policies: policies.filter((id) => !id.startsWith('pol_') || ownPolicies.has(id)), groups: ownGroups };
  }

  async function join(actor: Actor, connection: ConnectionDoc, user: UserDoc): Promise<void> {
    const rights = await rightsOf(connection);
    if (!(await accounts.addMembership({ organizationId: connection._id, userId: user._id, ...rights, createdAt: clock.now() }))) return;
    await audit.append(
      { ...actor, userId: user._id },
      { action: 'market:members:join', resource: `organization:${connection._id}`, organizationId: connection._id, after: { ...rights, by: 'single sign-on' } },
    );
  }

  /**
   * Somebody may have signed up with an address that is not theirs, and waits for its owner with a password in hand: it opens nothing any more.
   * @returns the user as he is now
   */
  async function proved(user: UserDoc): Promise<UserDoc> {
    if (user.verifiedAt !== null) return user;
    await accounts.replacePassword(user._id, user.passwordHash, '');
    await accounts.verifyUser(user._id, clock.now());
    const now = await accounts.user(user._id);
    if (now?.passwordHash !== '') throw new AppError('conflict');
    return now;
  }

  async function link(actor: Actor, identity: IdentityDoc): Promise<void> {
    if (!(await signOn.addIdentity(identity))) {
      if ((await signOn.identity(identity._id))?.userId !== identity.userId) throw new AppError('conflict');
      return;
    }
    const user = await accounts.user(identity.userId);
    await audit.append(
      { ...actor, userId: identity.userId },
      { action: 'accounts:link-sign-on', resource: `user:${identity.userId}`, organizationId: identity.organizationId, after: { issuer: identity.issuer } },
    );
    const { host } = new URL(identity.issuer);
    const lines = [
      `Hello ${user?.name ?? ''},`,
      `from now on ${host} signs you in to Tollgate. If this was not you, tell an administrator of your organization.`,
    ];
    await notifications.message(user?.email ?? '', 'Single sign-on was linked to your account', lines, '/account');
  }

  return {
    link,

    /** @throws single-sign-on-failed in words for whoever is not to be let in */
    async of(actor: Actor, connection: ConnectionDoc, told: Told): Promise<Arrival> {
      const { _id: organizationId, issuer, admits } = connection;
      const key = sha256Hex(JSON.stringify([issuer, told.subject]));
      const known = await signOn.identity(key);
      if (known) {
        if (known.organizationId !== organizationId) throw signOnFailed('Your account at the issuer belongs to another organization here.');
        const user = await accounts.user(known.userId);
        if (!user || !(await accounts.membership(organizationId, user._id)))
          throw signOnFailed('You are no member of this organization any more. Ask its administrators for an invitation.');
        return { user, link: null };
      }
      if (typeof told.email !== 'string' || told.email === '')
        throw signOnFailed('The issuer does not tell your e-mail address, so nobody can say who you are here.');
      if (told.emailVerified !== true) throw signOnFailed('The issuer has not verified your e-mail address. Have it verified there, then try again.');
      const email = told.email.trim().toLowerCase();
      const domain = domainOf(email);
      if (domain === null || (await signOn.confirmedDomain(domain))?.organizationId !== organizationId) {
        throw signOnFailed(`${email} is not an address of a confirmed domain of this organization.`);
      }
      const existing = await accounts.userByEmail(email);
      const member = existing !== null && (await accounts.membership(organizationId, existing._id)) !== null;
      if (existing && (await signOn.isBarred(organizationId, existing._id))) {
        throw signOnFailed('You left this organization, or were removed from it. Ask its administrators for an invitation.');
      }
      if (!member && !admits)
        throw signOnFailed('You are no member of this organization yet, and it lets nobody in by itself. Ask its administrators for an invitation.');
      const user = await proved(existing ?? (await newUser(actor, email, told)));
      const identity: IdentityDoc = { _id: key, issuer, subject: told.subject, organizationId, userId: user._id, createdAt: clock.now() };
      // Whoever has an authenticator app proves it before an issuer may speak for the account.
      if (hasSecondFactor(user)) return { user, link: identity };
      if (!member) await join(actor, connection, user);
      await link(actor, identity);
      return { user, link: null };
    },

    /** The code was right: what waited for it. */
    async complete(actor: Actor, identity: IdentityDoc): Promise<void> {
      const connection = await signOn.connection(identity.organizationId);
      if (connection?.issuer !== identity.issuer) throw signOnFailed('The organization has changed its single sign-on meanwhile. Please start again.');
      const user = await accounts.user(identity.userId);
      if (!user) throw new AppError('not-found');
      const member = (await accounts.membership(connection._id, user._id)) !== null;
      if (!member && (!connection.admits || (await signOn.isBarred(connection._id, user._id))))
        throw signOnFailed('You are no member of this organization any more.');
      if (!member) await join(actor, connection, user);
      await link(actor, identity);
    },
  };
}
