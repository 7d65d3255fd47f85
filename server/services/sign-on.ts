import { PLATFORM_ORGANIZATION, type Actor } from '../domain/actor.ts';
import { openSecret, SEAL_IV_BYTES, sealSecret, type KeyRing } from '../domain/credential.ts';
import { clientSecretContext, domainOf, readDomain, readIssuer } from '../domain/sign-on.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { UserDoc } from '../store/accounts.ts';
import { isDuplicateKey } from '../store/connect.ts';
import type { ConnectionDoc, DomainDoc } from '../store/sign-on.ts';
import type { Store } from '../store/index.ts';
import type { Access } from './access.ts';
import type { Audit } from './audit.ts';
import { inOrderOf, makeKeptLists, pageOfList, type ListPage } from './kept-lists.ts';
import { renewSessionSalt } from './sessions.ts';

export const DOMAINS_MAX = 20;
const CLAIMS_PAGE_SIZE = 25;

/** A claim, and who makes it. */
export type NamedDomain = DomainDoc & { readonly organization: string };

export interface ConnectionFields {
  readonly issuer: string;
  readonly clientId: string;
  /** Empty: the one that is stored stays. */
  readonly clientSecret: string;
}

export interface SignOnRules {
  readonly admits: boolean;
  readonly policies: readonly string[];
  readonly groups: readonly string[];
  readonly required: boolean;
  readonly breakGlass: readonly string[];
}

export type SignOn = ReturnType<typeof makeSignOn>;

const fault = (field: string, text: string): AppError => new AppError('invalid-form', undefined, { fields: { [field]: text } });

/** Single sign-on of an organization: its issuer, its domains, who comes in by it, and whom it leaves no other way. */
export function makeSignOn({
  store,
  access,
  audit,
  clock,
  ids,
  secretKeys,
  upstreamAllow,
}: {
  store: Pick<Store, 'accounts' | 'settings' | 'signOn'>;
  access: Access;
  audit: Audit;
  clock: Pick<Clock, 'monotonic' | 'now'>;
  ids: Pick<Ids, 'bytes' | 'secret'>;
  secretKeys: KeyRing;
  upstreamAllow: ReadonlySet<string>;
}) {
  const { accounts, signOn } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });
  const seal = (secret: string, organizationId: string) => sealSecret(secretKeys, secret, clientSecretContext(organizationId), ids.bytes(SEAL_IV_BYTES));

  async function own(actor: Actor): Promise<ConnectionDoc> {
    const found = await signOn.connection(actor.organizationId);
    if (!found) throw new AppError('not-found');
    return found;
  }

  const shown = ({ issuer, clientId }: Pick<ConnectionDoc, 'issuer' | 'clientId'>) => ({ issuer, clientId });
  const rulesOf = ({ admits, policies, groups, required, breakGlass }: SignOnRules) => ({ admits, policies, groups, required, breakGlass });

  /** Members who may be let in without the issuer: the owner always, and administrators who are chosen. */
  async function administrators(actor: Actor): Promise<{ user: UserDoc; owner: boolean }[]> {
    const organization = await accounts.organization(actor.organizationId);
    if (!organization) throw new AppError('not-found');
    const memberships = await accounts.membershipsOfOrganization(organization._id);
    const users = new Map((await accounts.users(memberships.map(({ userId }) => userId))).map((user) => [user._id, user]));
    const found = await Promise.all(
      memberships.map(async (membership) => {
        const user = users.get(membership.userId);
        const held = await access.policiesOf(organization, membership);
        const administers = held.some((policy) => (typeof policy === 'string' ? policy : policy.id) === 'Administrator');
        return user && administers ? [{ user, owner: organization.ownerId === user._id }] : [];
      }),
    );
    return found.flat();
  }

  /** Password and passkey open nothing for this user: a member with an address of a domain whose organization asks for single sign-on. */
  async function demandedOf(user: Pick<UserDoc, '_id' | 'email'>): Promise<boolean> {
    const connection = (await connectionFor(user.email))?.connection;
    if (!connection?.required || connection.breakGlass.includes(user._id)) return false;
    const [organization, membership] = await Promise.all([accounts.organization(connection._id), accounts.membership(connection._id, user._id)]);
    return membership !== null && organization?.ownerId !== user._id;
  }

  /** Whoever came in by another way comes in anew: a session that was open when single sign-on became required would go around it. */
  async function endOtherSessions(organizationId: string): Promise<void> {
    const memberships = await accounts.membershipsOfOrganization(organizationId);
    for (const user of await accounts.users(memberships.map(({ userId }) => userId))) if (await demandedOf(user)) await renewSessionSalt(accounts, ids, user);
  }

  /** The connection that people of an address's domain are sent to. */
  async function connectionFor(email: string): Promise<{ domain: DomainDoc; connection: ConnectionDoc } | null> {
    const name = domainOf(email);
    const domain = name === null ? null : await signOn.confirmedDomain(name);
    const connection = domain && (await signOn.connection(domain.organizationId));
    return domain && connection ? { domain, connection } : null;
  }

  async function audited(
    actor: Actor,
    resource: string,
    change: { before?: unknown; after?: unknown; organizationId?: string },
    action = 'market:signOn:update',
  ) {
    await audit.append(actor, { action, resource, ...change });
  }

  async function anyDomain(id: string): Promise<DomainDoc> {
    const found = await signOn.domain(id);
    if (!found) throw new AppError('not-found');
    return found;
  }

  return {
    administrators,
    connectionFor,
    connection: (actor: Actor): Promise<ConnectionDoc | null> => signOn.connection(actor.organizationId),
    domains: async (actor: Actor): Promise<DomainDoc[]> => (await signOn.domainsOf(actor.organizationId)).sort((a, b) => (a.domain < b.domain ? -1 : 1)),

    /** The client's secret in clear, for calling the issuer. */
    secretOf({ _id, cipher }: ConnectionDoc): string {
      const secret = openSecret(secretKeys, cipher, clientSecretContext(_id));
      if (secret === null) throw new AppError('internal', undefined, { cause: new Error(`the secret for single sign-on of ${_id} does not open`) });
      return secret;
    },

    /** @param rev  0: there is none yet. Another issuer forgets whom the one before knew. @throws conflict when it was changed meanwhile */
    async save(actor: Actor, rev: number, { issuer: typed, clientId, clientSecret }: ConnectionFields): Promise<void> {
      const reading = readIssuer(typed, upstreamAllow);
      if (reading.fault !== undefined) throw fault('issuer', reading.fault);
      const [{ issuer }, id] = [reading, actor.organizationId];
      const before = await signOn.connection(id);
      if ((before?.rev ?? 0) !== rev) throw new AppError('conflict');
      if (!before) {
        if (clientSecret === '') throw fault('clientSecret', 'This is needed.');
        const rules = { admits: false, policies: [], groups: [], required: false, breakGlass: [] };
        if (!(await signOn.addConnection({ _id: id, issuer, clientId, cipher: seal(clientSecret, id), ...rules, rev: 1 }))) throw new AppError('conflict');
      } else {
        // The secret was given for one issuer; another one must not be handed it.
        if (clientSecret === '' && before.issuer !== issuer) throw fault('clientSecret', 'Another issuer needs a secret of its own.');
        const change = { issuer, clientId, ...(clientSecret !== '' && { cipher: seal(clientSecret, id) }) };
        if (!(await signOn.updateConnection(id, rev, change))) throw new AppError('conflict');
        if (before.issuer !== issuer) await signOn.removeIdentities(id);
      }
      const secret = clientSecret === '' ? {} : { clientSecret: 'new' };
      await audited(actor, `organization:${id}`, { ...(before && { before: shown(before) }), after: { issuer, clientId, ...secret } });
    },

    async setRules(actor: Actor, rev: number, rules: SignOnRules): Promise<void> {
      const before = await own(actor);
      await access.checkRights(actor, rules);
      const able = new Set((await administrators(actor)).map(({ user }) => user._id));
      if (!rules.breakGlass.every((id) => able.has(id))) throw fault('breakGlass', 'One of these is no administrator any more. Load the page again.');
      if (rules.required && !(await signOn.domainsOf(actor.organizationId)).some(({ confirmed }) => confirmed))
        throw fault('required', 'None of your domains is confirmed yet, so nobody could be asked for it.');
      const change = { ...rulesOf(rules), policies: [...rules.policies], groups: [...rules.groups], breakGlass: [...rules.breakGlass] };
      if (!(await signOn.updateConnection(before._id, rev, change))) throw new AppError('conflict');
      await audited(actor, `organization:${before._id}`, { before: rulesOf(before), after: rulesOf(rules) });
      if (rules.required && !before.required) await endOtherSessions(actor.organizationId);
    },

    /** Its people sign in by password again; accounts stay. */
    async remove(actor: Actor): Promise<void> {
      const before = await own(actor);
      await signOn.removeConnection(before._id);
      await signOn.removeIdentities(before._id);
      await audited(actor, `organization:${before._id}`, { before: shown(before) });
    },

    async claimDomain(actor: Actor, text: string): Promise<void> {
      const domain = readDomain(text);
      if (domain === null) throw fault('domain', 'This is not a domain: it should look like example.com.');
      const held = await signOn.domainsOf(actor.organizationId);
      if (held.length >= DOMAINS_MAX) throw fault('domain', `At most ${DOMAINS_MAX} domains fit.`);
      if (!(await signOn.claimDomain(actor.organizationId, domain, clock.now()))) throw fault('domain', 'This domain is on the list already.');
      await audited(actor, `domain:${domain}`, { after: { domain } });
    },

    async removeDomain(actor: Actor, domain: string): Promise<void> {
      if (!(await signOn.removeDomain(`${actor.organizationId}.${domain}`))) throw new AppError('not-found');
      await audited(actor, `domain:${domain}`, { before: { domain } });
    },

    /** For operators: a page of the claims that wait, the oldest first, and one of the domains that are confirmed, by name; each from 1. */
    async claims(_actor: Actor, number: { readonly waiting: number; readonly confirmed: number }) {
      const all = await lists.read('domains', PLATFORM_ORGANIZATION, async () => {
        const [waiting, confirmed] = await Promise.all([signOn.domainsThatAre(false), signOn.domainsThatAre(true)]);
        const byName = (a: { domain: string; _id: string }, b: { domain: string; _id: string }) => (a.domain + a._id < b.domain + b._id ? -1 : 1);
        return [
          ...waiting.sort((a, b) => a.claimedAt - b.claimedAt || byName(a, b)).map(({ _id }) => ({ id: _id, confirmed: false })),
          ...confirmed.sort(byName).map(({ _id }) => ({ id: _id, confirmed: true })),
        ];
      });
      const idsThatAre = (confirmed: boolean) => all.filter((one) => one.confirmed === confirmed).map(({ id }) => id);
      const waiting = pageOfList(idsThatAre(false), number.waiting, CLAIMS_PAGE_SIZE);
      const confirmed = pageOfList(idsThatAre(true), number.confirmed, CLAIMS_PAGE_SIZE);
      const documents = await signOn.domains([...waiting.rows, ...confirmed.rows]);
      const names = new Map((await accounts.organizations([...new Set(documents.map((one) => one.organizationId))])).map(({ _id, name }) => [_id, name]));
      const named = (found: ListPage<string>): ListPage<NamedDomain> => ({
        ...found,
        rows: inOrderOf(found.rows, documents).map((one) => ({ ...one, organization: names.get(one.organizationId) ?? one.organizationId })),
      });
      return { waiting: named(waiting), confirmed: named(confirmed) };
    },

    /** An operator has seen that the domain is theirs. @throws already-exists when another organization has it */
    async confirmDomain(actor: Actor, id: string, evidence: string): Promise<void> {
      const { organizationId, domain } = await anyDomain(id);
      const confirmed = await signOn.confirmDomain(id, { userId: actor.userId, evidence, at: clock.now() }).catch((error: unknown) => {
        throw isDuplicateKey(error) ? new AppError('already-exists', `${domain} is confirmed for another organization. Withdraw that first.`) : error;
      });
      if (!confirmed) throw new AppError('conflict');
      await audited(actor, `domain:${domain}`, { organizationId, after: { domain, confirmed: true, evidence } }, 'platform:domains:decide');
    },

    async withdrawConfirmation(actor: Actor, id: string): Promise<void> {
      const { organizationId, domain } = await anyDomain(id);
      if (!(await signOn.withdrawConfirmation(id))) throw new AppError('conflict');
      await audited(actor, `domain:${domain}`, { organizationId, before: { domain, confirmed: true }, after: { confirmed: false } }, 'platform:domains:decide');
    },

    /** What to say to somebody whose domain asks for single sign-on; null: it does not. The same whether or not there is such an account. */
    async demand(email: string): Promise<string | null> {
      const found = await connectionFor(email);
      return found?.connection.required ? `People of ${found.domain.domain} sign in by single sign-on: choose it below.` : null;
    },

    demandedOf,
  };
}
