import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { isAllowed } from '../../domain/rights.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import { slice } from '../../services/kept-lists.ts';
import type { UserGroupDoc } from '../../store/access.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { choiceSpec, chosenId, memberChoices } from '../present/choice.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { NAME_FIELDS, policyBoxes, policyNames } from './access-kit.ts';
import { afterRefusal, body, listed, many, orAgain, part, press, revisionOf } from './provider-kit.ts';

const GroupForm = z.strictObject({
  name: field.title(64),
  description: field.line(255),
  policies: z.unknown().optional().transform(many),
  rev: z.string().optional(),
});
const MemberForm = z.strictObject({ userId: z.string().trim().min(1, 'Choose a member').max(254) });
const PAGE_SIZE = 50;
const JOIN: FieldSpec = { label: 'Add a member', required: true };

/** Groups of users: whoever is in one holds its policies. */
export function userGroupRoutes({ access, members }: Pick<Services, 'access' | 'members'>): Router {
  const router = Router();

  router.get('/organization/groups', may('market:userGroups:get'), async (req, res) => {
    const actor = actorOf(req);
    const [groups, people, policies] = await Promise.all([access.groups(actor), members.rows(actor), access.policies(actor)]);
    const nameOf = policyNames(policies);
    page(res, 'organization/groups', {
      groups: groups.map((group) => ({
        id: group._id,
        name: group.name,
        description: group.description,
        members: people.filter((member) => member.groups.includes(group._id)).length,
        policies: group.policies.map((id) => ({ id, name: nameOf(id) })),
      })),
      mayCreate: isAllowed(actor, 'market:userGroups:create'),
    });
  });

  async function form(
    req: Request,
    res: Response,
    group: UserGroupDoc | null,
    values: Record<string, unknown>,
    faults: Record<string, string> = {},
    status = 200,
  ) {
    const actor = actorOf(req);
    const [people, policies] = await Promise.all([group ? members.rows(actor) : [], access.policies(actor)]);
    const nameOf = policyNames(policies);
    const isWithin = ({ groups }: { readonly groups: readonly string[] }) => group !== null && groups.includes(group._id);
    const inside = people.filter(isWithin);
    const others = memberChoices(people.filter((member) => !isWithin(member)));
    const number = pageOf(req.query['page']);
    page(
      res,
      'organization/group',
      {
        group: group && { id: group._id, name: group.name, description: group.description },
        action: group ? `/organization/groups/${group._id}` : '/organization/groups',
        rev: values['rev'] ?? group?.rev ?? '',
        form: formModel(NAME_FIELDS, values, faults),
        policies: policyBoxes(policies, many(values['policies'])),
        policyFault: faults['policies'] ?? null,
        held: (group?.policies ?? []).map((id) => ({ id, name: nameOf(id) })),
        members: slice(inside, number, PAGE_SIZE).rows.map(({ id, name, email }) => ({ id, name, email })),
        total: inside.length,
        pages:
          group && inside.length > PAGE_SIZE
            ? pagination(`/organization/groups/${group._id}`, req.query, { page: number, size: PAGE_SIZE, total: inside.length })
            : null,
        join: others.length === 0 ? null : formModel({ userId: choiceSpec(JOIN, others, 'Type an e-mail address.') }, {}, {}, 'join-'),
        mayUpdate: group === null || isAllowed(actor, 'market:userGroups:update'),
        mayDelete: group !== null && isAllowed(actor, 'market:userGroups:delete'),
        trail: [{ text: 'Groups of users', href: '/organization/groups' }, { text: group?.name ?? 'New group' }],
      },
      status,
    );
  }
  const stored = ({ name, description, policies, rev }: UserGroupDoc) => ({ name, description, policies, rev });

  router.get('/organization/groups/new', may('market:userGroups:create'), (req, res) => form(req, res, null, {}));
  router.post('/organization/groups', may('market:userGroups:create'), (req, res) =>
    orAgain(
      async () => {
        const { rev: _, ...fields } = parseForm(GroupForm, req.body);
        const group = await access.createGroup(actorOf(req), fields);
        flash(req, 'success', 'The group is there. Now add its members.');
        res.redirect(303, `/organization/groups/${group._id}`);
      },
      (faults, status) => form(req, res, null, body(req), faults, status),
    ),
  );
  router.get('/organization/groups/:id', may('market:userGroups:get'), async (req, res) => {
    const group = await access.group(actorOf(req), part(req, 'id'));
    await form(req, res, group, stored(group));
  });
  router.post('/organization/groups/:id', may('market:userGroups:update'), async (req, res) => {
    const group = await access.group(actorOf(req), part(req, 'id'));
    await orAgain(
      async () => {
        const { rev: _, ...fields } = parseForm(GroupForm, req.body);
        await access.updateGroup(actorOf(req), group._id, revisionOf(req), fields);
        flash(req, 'success', 'The group is saved. Its members hold its policies from their next request on.');
        res.redirect(303, `/organization/groups/${group._id}`);
      },
      async (faults, status) => {
        const now = await access.group(actorOf(req), group._id);
        const nameOf = policyNames(await access.policies(actorOf(req)));
        const words = `its name is “${now.name}”, its description “${now.description}”, and it holds ${listed(now.policies.map(nameOf))}`;
        const told = afterRefusal(req, { status, faults, what: 'this group', rev: now.rev, now: words });
        await form(req, res, now, { ...body(req), rev: told.rev }, told.faults, status);
      },
    );
  });
  const backToGroup = (req: Request) => `/organization/groups/${part(req, 'id')}`;
  router.post(
    '/organization/groups/:id/members',
    may('market:userGroups:update'),
    press(backToGroup, async (req) => {
      const group = await access.group(actorOf(req), part(req, 'id'));
      const chosen = chosenId(memberChoices(await members.rows(actorOf(req))), parseForm(MemberForm, req.body).userId);
      if (chosen === undefined) throw new AppError('not-found', 'Nobody in this organization has this e-mail address.');
      await members.setInGroup(actorOf(req), chosen, group._id, true);
      return 'The member is in the group.';
    }),
  );
  router.post(
    '/organization/groups/:id/members/removal',
    may('market:userGroups:update'),
    press(backToGroup, async (req) => {
      const group = await access.group(actorOf(req), part(req, 'id'));
      await members.setInGroup(actorOf(req), parseForm(MemberForm, req.body).userId, group._id, false);
      return 'The member is out of the group.';
    }),
  );
  router.post('/organization/groups/:id/deletion', may('market:userGroups:delete'), async (req, res) => {
    const group = await access.group(actorOf(req), part(req, 'id'));
    await access.removeGroup(actorOf(req), group._id);
    flash(req, 'success', `The group “${group.name}” is deleted.`);
    res.redirect(303, '/organization/groups');
  });
  return router;
}
