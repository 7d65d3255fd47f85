import type { Actor } from '../domain/actor.ts';
import { checkPolicyText, type PolicyFault } from '../domain/policy-check.ts';
import { PRESETS } from '../domain/rights.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { PolicyDoc } from '../store/access.ts';
import { isDuplicateKey } from '../store/connect.ts';
import type { Store } from '../store/index.ts';
import { byName, checkNames, nameKeyOf, nameTaken, noRoom } from './access-names.ts';
import type { Audit } from './audit.ts';
import { makeKeptLists } from './kept-lists.ts';

/** An organization has this many of its own at a time. */
export const POLICIES_MAX = 200;
/** A member or a group holds at most so many. */
export const POLICIES_HELD_MAX = 20;

/** The presets an organization gives to its people, in the order of a list of roles. */
export const ROLES = ['Administrator', 'FullAccess', 'Developer', 'Billing', 'ReadOnlyAccess'] as const;

/** A policy as lists and choices need it. */
export type PolicyRow = Omit<PolicyDoc, 'text'>;

export interface PolicyFields {
  readonly name: string;
  readonly description: string;
  /** The document as JSON. */
  readonly text: string;
}

/** Refusal of a policy document, with the statement at fault. */
export class PolicyRefused extends AppError {
  constructor(readonly faults: readonly PolicyFault[]) {
    super('invalid-form', undefined, { fields: { text: faults.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n') } });
  }
}

export type Policies = ReturnType<typeof makePolicies>;

/** The policies an organization writes for itself. */
export function makePolicies({ store, clock, ids, audit }: { store: Store; clock: Clock; ids: Ids; audit: Audit }) {
  const { access, accounts } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function ownPolicy(actor: Actor, id: string): Promise<PolicyDoc> {
    const found = await access.policy(id);
    if (!found || found.organizationId !== actor.organizationId) throw new AppError('not-found');
    return found;
  }

  /** Those of the organization among these, in their order. */
  async function documents(actor: Actor, ids: readonly string[]): Promise<PolicyDoc[]> {
    const found = new Map((await access.policies(ids)).filter(({ organizationId }) => organizationId === actor.organizationId).map((doc) => [doc._id, doc]));
    return ids.flatMap((id) => found.get(id) ?? []);
  }

  function checkPolicyFields(fields: PolicyFields): void {
    checkNames(fields);
    if (Object.hasOwn(PRESETS, fields.name.trim())) throw new AppError('invalid-form', undefined, { fields: { name: 'A preset has this name.' } });
    const { faults } = checkPolicyText(fields.text);
    if (faults.length > 0) throw new PolicyRefused(faults);
  }

  /** @throws invalid-form naming what is unknown in this organization */
  async function checkHeld(actor: Actor, policies: readonly string[]): Promise<void> {
    const known = new Set<string>([...ROLES, ...(await documents(actor, policies)).map(({ _id }) => _id)]);
    const wrong = policies.filter((id) => !known.has(id));
    if (wrong.length > 0) throw new AppError('invalid-form', undefined, { fields: { policies: `There is no policy ${wrong.join(', ')} here.` } });
    if (policies.length > POLICIES_HELD_MAX)
      throw new AppError('invalid-form', undefined, { fields: { policies: `At most ${POLICIES_HELD_MAX} policies fit.` } });
  }

  return {
    checkHeld,

    /** The organization's own, by name, without their documents: from memory. */
    policies: (actor: Actor): Promise<readonly PolicyRow[]> =>
      lists.read('policies', actor.organizationId, async () => (await access.policiesOf(actor.organizationId)).sort(byName).map(({ text: _, ...row }) => row)),
    policy: ownPolicy,
    policyDocuments: documents,

    /** @throws PolicyRefused with the statement at fault */
    async createPolicy(actor: Actor, fields: PolicyFields): Promise<PolicyDoc> {
      checkPolicyFields(fields);
      const name = fields.name.trim();
      const policy: PolicyDoc = {
        _id: ids.next('pol'),
        organizationId: actor.organizationId,
        name,
        nameKey: nameKeyOf(name),
        description: fields.description,
        text: fields.text,
        createdAt: clock.now(),
        rev: 1,
      };
      const outcome = await access.addPolicy(policy, POLICIES_MAX);
      if (outcome === 'taken') throw nameTaken();
      if (outcome === 'full') throw noRoom(`${POLICIES_MAX} policies`, 'Delete one that nobody holds.');
      await audit.append(actor, { action: 'market:policies:create', resource: `policy:${policy._id}`, after: { ...fields, name } });
      return policy;
    },

    async updatePolicy(actor: Actor, id: string, rev: number, fields: PolicyFields): Promise<void> {
      const policy = await ownPolicy(actor, id);
      checkPolicyFields(fields);
      const name = fields.name.trim();
      const change = { name, nameKey: nameKeyOf(name), description: fields.description, text: fields.text };
      const changed = await access.updatePolicy(id, rev, change).catch((error: unknown) => {
        throw isDuplicateKey(error) ? nameTaken() : error;
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
        store.serviceAccounts.liveOf(actor.organizationId),
      ]);
      const holders = members.filter(({ policies }) => policies.includes(id)).length;
      const programs = services.filter(({ policies }) => policies.includes(id)).map(({ name }) => name);
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
  };
}
