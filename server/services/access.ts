import type { Actor, HeldPolicy } from '../domain/actor.ts';
import type { Action } from '../domain/actions.ts';
import { tagValues } from '../domain/gateway-rules.ts';
import { checkPolicyText, type PolicyFault } from '../domain/policy-check.ts';
import type { Policy } from '../domain/policy.ts';
import { rulesOf, unmetRules } from '../domain/organization-rules.ts';
import type { Factor } from '../domain/sign-in.ts';
import { decide, PRESETS, type Decision, type Target } from '../domain/rights.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { MembershipDoc, OrganizationDoc } from '../store/accounts.ts';
import type { PolicyDoc, UserGroupDoc } from '../store/access.ts';
import { isDuplicateKey } from '../store/connect.ts';
import type { Store } from '../store/index.ts';
import { hasSecondFactor } from './accounts.ts';
import type { Audit } from './audit.ts';

export const POLICIES_MAX = 200;
export const USER_GROUPS_MAX = 100;
export const POLICIES_HELD_MAX = 20;
const NAME_MAX = 64;
const DESCRIPTION_MAX = 255;
const PARSED_MAX = 5_000;

/** The presets an organization gives to its people, in the order of a list of roles. */
export const ROLES = ['Administrator', 'FullAccess', 'Developer', 'Billing', 'ReadOnlyAccess'] as const;

export interface PolicyFields {
  readonly name: string;
  readonly description: string;
  /** The document as JSON. */
  readonly text: string;
}

export interface UserGroupFields {
  readonly name: string;
  readonly description: string;
  readonly policies: readonly string[];
}

/** Of one thing an address names: what decisions about it need to know. */
export interface Surroundings {
  readonly group: string | null;
  readonly tags: Readonly<Record<string, string>> | null;
}

/** Refusal of a policy document, with the statement at fault. */
export class PolicyRefused extends AppError {
  constructor(readonly faults: readonly PolicyFault[]) {
    super('invalid-form', undefined, { fields: { text: faults.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n') } });
  }
}

export type Access = ReturnType<typeof makeAccess>;

/** Who may do what in an organization: its policies, its groups of users, and what each member holds (GATEWAY: users and permissions). */
export function makeAccess({ store, clock, ids, audit }: { store: Store; clock: Clock; ids: Ids; audit: Audit }) {
  const { access, accounts } = store;
  /** Documents by id and revision: parsed and compiled once, not at every request. */
  const parsed = new Map<string, Policy>();

  function documentOf({ _id, rev, text }: PolicyDoc): Policy {
    const key = `${_id}.${rev}`;
    let known = parsed.get(key);
    if (!known) {
      if (parsed.size >= PARSED_MAX) parsed.clear();
      parsed.set(key, (known = JSON.parse(text) as Policy));
    }
    return known;
  }

  /** What a member or a service account holds, directly and through groups; the owner is always administrator. Names of what is gone grant nothing. */
  async function policiesOf(
    organization: OrganizationDoc,
    membership: Pick<MembershipDoc, 'groups' | 'policies' | 'userId'>,
  ): Promise<(string | HeldPolicy)[]> {
    const groups = membership.groups.length === 0 ? [] : (await access.groups(membership.groups)).filter((group) => group.organizationId === organization._id);
    const named: { id: string; via: string }[] = [
      ...(organization.ownerId === membership.userId ? [{ id: 'Administrator', via: 'ownership' }] : []),
      ...membership.policies.map((id) => ({ id, via: '' })),
      ...groups.flatMap((group) => group.policies.map((id) => ({ id, via: `the group “${group.name}”` }))),
    ];
    const own = [...new Set(named.map(({ id }) => id).filter((id) => id.startsWith('pol_')))];
    const documents = new Map(
      (own.length === 0 ? [] : await access.policies(own)).filter((doc) => doc.organizationId === organization._id).map((doc) => [doc._id, doc]),
    );
    return named.flatMap(({ id, via }): (string | HeldPolicy)[] => {
      const doc = documents.get(id);
      if (doc) return [{ id, name: doc.name, via, document: documentOf(doc) }];
      const preset = Object.hasOwn(PRESETS, id) ? PRESETS[id] : undefined;
      if (!preset) return [];
      return via === '' ? [id] : [{ id, name: id, via, document: preset }];
    });
  }

  async function ownPolicy(actor: Actor, id: string): Promise<PolicyDoc> {
    const found = await access.policy(id);
    if (!found || found.organizationId !== actor.organizationId) throw new AppError('not-found');
    return found;
  }

  async function ownGroup(actor: Actor, id: string): Promise<UserGroupDoc> {
    const found = await access.group(id);
    if (!found || found.organizationId !== actor.organizationId) throw new AppError('not-found');
    return found;
  }

  function checkNames({ name, description }: { name: string; description: string }): void {
    const fields = {
      ...(name.trim() === '' ? { name: 'This is needed.' } : name.length > NAME_MAX ? { name: `At most ${NAME_MAX} characters fit.` } : {}),
      ...(description.length > DESCRIPTION_MAX ? { description: `At most ${DESCRIPTION_MAX} characters fit.` } : {}),
    };
    if (Object.keys(fields).length > 0) throw new AppError('invalid-form', undefined, { fields });
  }

  const taken = () => new AppError('invalid-form', undefined, { fields: { name: 'This name is taken in your organization.' } });

  function checkPolicyFields(fields: PolicyFields): void {
    checkNames(fields);
    if (Object.hasOwn(PRESETS, fields.name.trim())) throw new AppError('invalid-form', undefined, { fields: { name: 'A preset has this name.' } });
    const { faults } = checkPolicyText(fields.text);
    if (faults.length > 0) throw new PolicyRefused(faults);
  }

  /** @throws invalid-form naming what is unknown in this organization */
  async function checkHeld(actor: Actor, policies: readonly string[]): Promise<void> {
    const known = new Set([...ROLES, ...(await access.policiesOf(actor.organizationId)).map(({ _id }) => _id)] as string[]);
    const wrong = policies.filter((id) => !known.has(id));
    if (wrong.length > 0) throw new AppError('invalid-form', undefined, { fields: { policies: `There is no policy ${wrong.join(', ')} here.` } });
    if (policies.length > POLICIES_HELD_MAX)
      throw new AppError('invalid-form', undefined, { fields: { policies: `At most ${POLICIES_HELD_MAX} policies fit.` } });
  }

  /** @throws invalid-form when a policy or a group is not of this organization */
  async function checkRights(actor: Actor, { policies, groups }: { policies: readonly string[]; groups: readonly string[] }): Promise<void> {
    await checkHeld(actor, policies);
    const known = new Set((await access.groupsOf(actor.organizationId)).map(({ _id }) => _id));
    if (!groups.every((id) => known.has(id)))
      throw new AppError('invalid-form', undefined, { fields: { groups: 'One of these groups is gone. Load the page again.' } });
  }

  const byName = (a: { nameKey: string }, b: { nameKey: string }) => (a.nameKey < b.nameKey ? -1 : 1);

  return {
    policiesOf,

    /** What the store knows of the things an address names; of foreign ones nothing. */
    async surroundings(actor: Actor, named: { readonly gateway?: string; readonly api?: string }): Promise<Surroundings> {
      if (named.gateway === undefined) return { group: null, tags: null };
      const [gateway, api] = await Promise.all([store.gateways.gateway(named.gateway), named.api === undefined ? null : store.apis.api(named.api)]);
      if (!gateway || gateway.organizationId !== actor.organizationId) return { group: null, tags: {} };
      return { tags: tagValues(gateway.tags), group: api && api.gatewayId === gateway._id ? api.groupId : null };
    },

    policies: async (actor: Actor): Promise<PolicyDoc[]> => (await access.policiesOf(actor.organizationId)).sort(byName),
    policy: ownPolicy,

    /** @throws PolicyRefused with the statement at fault */
    async createPolicy(actor: Actor, fields: PolicyFields): Promise<PolicyDoc> {
      checkPolicyFields(fields);
      if ((await access.policiesOf(actor.organizationId)).length >= POLICIES_MAX)
        throw new AppError('conflict', `An organization may have ${POLICIES_MAX} policies.`);
      const name = fields.name.trim();
      const policy: PolicyDoc = {
        _id: ids.next('pol'),
        organizationId: actor.organizationId,
        name,
        nameKey: name.toLowerCase(),
        description: fields.description,
        text: fields.text,
        createdAt: clock.now(),
        rev: 1,
      };
      if (!(await access.addPolicy(policy)) && !(await access.policy(policy._id))) throw taken();
      await audit.append(actor, { action: 'market:policies:create', resource: `policy:${policy._id}`, after: { ...fields, name } });
      return policy;
    },

    async updatePolicy(actor: Actor, id: string, rev: number, fields: PolicyFields): Promise<void> {
      const policy = await ownPolicy(actor, id);
      checkPolicyFields(fields);
      const name = fields.name.trim();
      const change = { name, nameKey: name.toLowerCase(), description: fields.description, text: fields.text };
      const changed = await access.updatePolicy(id, rev, change).catch((error: unknown) => {
        throw isDuplicateKey(error) ? taken() : error;
      });
      if (!changed) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:policies:update',
        resource: `policy:${id}`,
        before: { name: policy.name, description: policy.description, text: policy.text },
        after: { ...fields, name },
      });
    },

    /** @throws conflict while somebody holds it */
    async removePolicy(actor: Actor, id: string): Promise<void> {
      const policy = await ownPolicy(actor, id);
      const [members, groups, services] = await Promise.all([
        accounts.membershipsOfOrganization(actor.organizationId),
        access.groupsOf(actor.organizationId),
        store.serviceAccounts.ofOrganization(actor.organizationId),
      ]);
      const holders = members.filter(({ policies }) => policies.includes(id)).length;
      const programs = services.filter(({ live, policies }) => live && policies.includes(id)).map(({ name }) => name);
      const within = groups.filter(({ policies }) => policies.includes(id)).map(({ name }) => name);
      if (holders > 0 || within.length > 0 || programs.length > 0) {
        const who = [
          holders > 0 ? `${holders} ${holders === 1 ? 'member' : 'members'}` : '',
          within.length > 0 ? `the groups ${within.join(', ')}` : '',
          programs.length > 0 ? `the service accounts ${programs.join(', ')}` : '',
        ].filter(Boolean);
        throw new AppError('conflict', `The policy is held by ${who.join(' and ')}. Take it from them first.`);
      }
      if (!(await access.removePolicy(id, policy.rev)) && (await access.policy(id))) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:policies:delete', resource: `policy:${id}`, before: { name: policy.name, text: policy.text } });
    },

    groups: async (actor: Actor): Promise<UserGroupDoc[]> => (await access.groupsOf(actor.organizationId)).sort(byName),
    group: ownGroup,

    async createGroup(actor: Actor, fields: UserGroupFields): Promise<UserGroupDoc> {
      checkNames(fields);
      await checkHeld(actor, fields.policies);
      if ((await access.groupsOf(actor.organizationId)).length >= USER_GROUPS_MAX)
        throw new AppError('conflict', `An organization may have ${USER_GROUPS_MAX} groups of users.`);
      const name = fields.name.trim();
      const group: UserGroupDoc = {
        _id: ids.next('ugr'),
        organizationId: actor.organizationId,
        name,
        nameKey: name.toLowerCase(),
        description: fields.description,
        policies: [...new Set(fields.policies)],
        createdAt: clock.now(),
        rev: 1,
      };
      if (!(await access.addGroup(group)) && !(await access.group(group._id))) throw taken();
      await audit.append(actor, { action: 'market:userGroups:create', resource: `userGroup:${group._id}`, after: { ...fields, name } });
      return group;
    },

    async updateGroup(actor: Actor, id: string, rev: number, fields: UserGroupFields): Promise<void> {
      const group = await ownGroup(actor, id);
      checkNames(fields);
      await checkHeld(actor, fields.policies);
      const name = fields.name.trim();
      const change = { name, nameKey: name.toLowerCase(), description: fields.description, policies: [...new Set(fields.policies)] };
      const changed = await access.updateGroup(id, rev, change).catch((error: unknown) => {
        throw isDuplicateKey(error) ? taken() : error;
      });
      if (!changed) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:userGroups:update',
        resource: `userGroup:${id}`,
        before: { name: group.name, description: group.description, policies: group.policies },
        after: { ...fields, name },
      });
    },

    /** Its members lose what they held through it. */
    async removeGroup(actor: Actor, id: string): Promise<void> {
      const group = await ownGroup(actor, id);
      if (!(await access.removeGroup(id, group.rev)) && (await access.group(id))) throw new AppError('conflict');
      for (const member of await accounts.membershipsOfOrganization(actor.organizationId)) {
        if (member.groups.includes(id)) await accounts.leaveGroup(actor.organizationId, member.userId, id);
      }
      await store.serviceAccounts.leaveGroup(actor.organizationId, id);
      await audit.append(actor, { action: 'market:userGroups:delete', resource: `userGroup:${id}`, before: { name: group.name, policies: group.policies } });
    },

    checkRights,

    /**
     * What a member holds directly, and the groups the member is in.
     * @param rev  of the rights the form was made from
     * @throws not-found for a user of another organization, conflict when somebody else changed them meanwhile
     */
    async setRights(
      actor: Actor,
      userId: string,
      rev: number,
      { policies, groups }: { policies: readonly string[]; groups: readonly string[] },
    ): Promise<void> {
      const [member, organization] = await Promise.all([accounts.membership(actor.organizationId, userId), accounts.organization(actor.organizationId)]);
      if (!member || !organization) throw new AppError('not-found');
      if (organization.ownerId === userId && !policies.includes('Administrator')) {
        throw new AppError('invalid-form', undefined, { fields: { policies: 'The owner is always administrator. Transfer the ownership first.' } });
      }
      // An operator's right is given by the platform and stays whatever is chosen here.
      const kept = member.policies.filter((name) => name === 'Operator');
      await checkRights(actor, { policies, groups });
      const wanted = { policies: [...new Set([...kept, ...policies])], groups: [...new Set(groups)] };
      if (!(await accounts.replaceRights(member._id, rev, wanted))) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:members:update',
        resource: `user:${userId}`,
        before: { policies: member.policies, groups: member.groups },
        after: wanted,
      });
    },

    /** May this member do that to this, and which statement decides? As if the request came from `address` at `at`. */
    async simulate(
      actor: Actor,
      asked: { readonly userId: string; readonly action: Action; readonly target: Target; readonly address: string; readonly at: number },
    ): Promise<Decision> {
      const [organization, membership] = await Promise.all([
        accounts.organization(actor.organizationId),
        accounts.membership(actor.organizationId, asked.userId),
      ]);
      if (!organization || !membership) throw new AppError('not-found');
      const gatewayId = /^gateway:([^/*]+)/.exec(asked.target)?.[1];
      const gateway = gatewayId === undefined ? null : await store.gateways.gateway(gatewayId);
      const [person, passkeys] = await Promise.all([accounts.user(asked.userId), store.passkeys.ofUser(asked.userId)]);
      // As the member can sign in now: with all factors there are.
      const factors: Factor[] = [
        'password',
        ...(person && hasSecondFactor(person) ? ['totp' as const] : []),
        ...(passkeys.length > 0 ? ['passkey' as const] : []),
      ];
      const unmet = unmetRules(rulesOf(organization), organization.name, { factors, address: asked.address, openedAt: asked.at, at: asked.at });
      const own = gateway?.organizationId === actor.organizationId ? gateway : null;
      return decide(
        {
          kind: 'user',
          userId: asked.userId,
          organizationId: actor.organizationId,
          policies: ['Self', ...(await policiesOf(organization, membership))],
          address: asked.address,
          requestId: actor.requestId,
          at: asked.at,
          restrictions: unmet.map(({ words }) => words),
        },
        asked.action,
        asked.target,
        own ? tagValues(own.tags) : null,
      );
    },
  };
}
