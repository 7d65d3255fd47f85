import type { Actor, HeldPolicy } from '../domain/actor.ts';
import type { Action } from '../domain/actions.ts';
import { tagValues } from '../domain/gateway-rules.ts';
import type { Policy } from '../domain/policy.ts';
import { rulesInForce, unmetRules } from '../domain/organization-rules.ts';
import type { Factor } from '../domain/sign-in.ts';
import { decide, PRESETS, type Decision, type Target } from '../domain/rights.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { MembershipDoc, OrganizationDoc } from '../store/accounts.ts';
import type { PolicyDoc } from '../store/access.ts';
import type { Store } from '../store/index.ts';
import { makeUserGroups } from './access-groups.ts';
import { makePolicies } from './access-policies.ts';
import { hasSecondFactor } from './accounts.ts';
import type { Audit } from './audit.ts';

const PARSED_MAX = 5_000;

/** Of one thing an address names: what decisions about it need to know. */
export interface Surroundings {
  readonly group: string | null;
  readonly tags: Readonly<Record<string, string>> | null;
}

export type Access = ReturnType<typeof makeAccess>;

/** Who may do what in an organization: its policies, its groups of users, and what each member holds (GATEWAY: users and permissions). */
export function makeAccess({ store, clock, ids, audit }: { store: Store; clock: Clock; ids: Ids; audit: Audit }) {
  const { access, accounts } = store;
  const policies = makePolicies({ store, clock, ids, audit });
  const { checkHeld } = policies;
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

  /** @throws invalid-form when a policy or a group is not of this organization */
  async function checkRights(actor: Actor, { policies, groups }: { policies: readonly string[]; groups: readonly string[] }): Promise<void> {
    await checkHeld(actor, policies);
    const known = new Set((await access.groups(groups)).filter(({ organizationId }) => organizationId === actor.organizationId).map(({ _id }) => _id));
    if (!groups.every((id) => known.has(id)))
      throw new AppError('invalid-form', undefined, { fields: { groups: 'One of these groups is gone. Load the page again.' } });
  }

  return {
    ...policies,
    ...makeUserGroups({ store, clock, ids, audit, checkHeld }),
    policiesOf,
    checkRights,

    /** What the store knows of the things an address names; of foreign ones nothing. */
    async surroundings(actor: Actor, named: { readonly gateway?: string; readonly api?: string }): Promise<Surroundings> {
      if (named.gateway === undefined) return { group: null, tags: null };
      const [gateway, api] = await Promise.all([store.gateways.gateway(named.gateway), named.api === undefined ? null : store.apis.api(named.api)]);
      if (!gateway || gateway.organizationId !== actor.organizationId) return { group: null, tags: {} };
      return { tags: tagValues(gateway.tags), group: api && api.gatewayId === gateway._id ? api.groupId : null };
    },

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
      const unmet = unmetRules(rulesInForce(organization, asked.at), organization.name, { factors, address: asked.address, openedAt: asked.at, at: asked.at });
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
