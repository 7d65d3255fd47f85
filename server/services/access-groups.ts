import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { UserGroupDoc } from '../store/access.ts';
import { isDuplicateKey } from '../store/connect.ts';
import type { Store } from '../store/index.ts';
import { byName, checkNames, nameKeyOf, nameTaken, noRoom } from './access-names.ts';
import type { Policies } from './access-policies.ts';
import type { Audit } from './audit.ts';
import { makeKeptLists } from './kept-lists.ts';

/** An organization has this many at a time. */
export const USER_GROUPS_MAX = 100;

export interface UserGroupFields {
  readonly name: string;
  readonly description: string;
  readonly policies: readonly string[];
}

/** Groups of users: whoever is in one holds its policies. */
export function makeUserGroups({
  store,
  clock,
  ids,
  audit,
  checkHeld,
}: {
  store: Store;
  clock: Clock;
  ids: Ids;
  audit: Audit;
  checkHeld: Policies['checkHeld'];
}) {
  const { access, accounts } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function ownGroup(actor: Actor, id: string): Promise<UserGroupDoc> {
    const found = await access.group(id);
    if (!found || found.organizationId !== actor.organizationId) throw new AppError('not-found');
    return found;
  }

  return {
    /** By name: from memory. */
    groups: (actor: Actor): Promise<readonly UserGroupDoc[]> =>
      lists.read('userGroups', actor.organizationId, async () => (await access.groupsOf(actor.organizationId)).sort(byName)),
    group: ownGroup,

    async createGroup(actor: Actor, fields: UserGroupFields): Promise<UserGroupDoc> {
      checkNames(fields);
      await checkHeld(actor, fields.policies);
      const name = fields.name.trim();
      const group: UserGroupDoc = {
        _id: ids.next('ugr'),
        organizationId: actor.organizationId,
        name,
        nameKey: nameKeyOf(name),
        description: fields.description,
        policies: [...new Set(fields.policies)],
        createdAt: clock.now(),
        rev: 1,
      };
      const outcome = await access.addGroup(group, USER_GROUPS_MAX);
      if (outcome === 'taken') throw nameTaken();
      if (outcome === 'full') throw noRoom(`${USER_GROUPS_MAX} groups of users`, 'Delete one that is no longer used.');
      await audit.append(actor, { action: 'market:userGroups:create', resource: `userGroup:${group._id}`, after: { ...fields, name } });
      return group;
    },

    async updateGroup(actor: Actor, id: string, rev: number, fields: UserGroupFields): Promise<void> {
      const group = await ownGroup(actor, id);
      checkNames(fields);
      await checkHeld(actor, fields.policies);
      const name = fields.name.trim();
      const change = { name, nameKey: nameKeyOf(name), description: fields.description, policies: [...new Set(fields.policies)] };
      const changed = await access.updateGroup(id, rev, change).catch((error: unknown) => {
        throw isDuplicateKey(error) ? nameTaken() : error;
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
  };
}
