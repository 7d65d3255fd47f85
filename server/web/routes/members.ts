import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Actor } from '../../domain/actor.ts';
import { isAllowed, PRESETS } from '../../domain/rights.ts';
import type { Policy } from '../../domain/policy.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Attempts } from '../../cache/attempts.ts';
import { ROLES, type PolicyRow } from '../../services/access-policies.ts';
import type { Services } from '../../services/index.ts';
import type { MemberFilter } from '../../services/members.ts';
import { OBSTACLE_WORDS } from '../../services/recovery.ts';
import { count } from '../counted.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { rightsMatrix } from '../present/permissions.ts';
import { page } from '../render.ts';
import { groupBoxes, policyBoxes, policyNames } from './access-kit.ts';
import { afterRefusal, body, listed, many, orAgain, part, press, revisionOf } from './provider-kit.ts';
import { REASON, ReasonForm } from './recovery.ts';

const PAGE_SIZE = 50;
const INVITATIONS_SIZE = 25;
/** More columns than a table can show; the others are on their own pages. */
const MATRIX_POLICIES_MAX = 8;

const held = { policies: z.unknown().optional().transform(many), groups: z.unknown().optional().transform(many) };
const InviteForm = z.strictObject({ email: field.email, ...held });
const RightsForm = z.strictObject({ rev: z.string(), ...held });
const TransferForm = z.strictObject({ name: z.string().trim().min(1).max(80) });
const LeaveForm = z.strictObject({ organizationId: z.string().startsWith('org_', 'Load the page again') });

const PATH = '/organization/members';

const FIELDS = {
  invite: { email: { label: 'E-mail address', type: 'email', required: true, autocomplete: 'off', maxlength: 254 } },
  recovery: { reason: REASON },
  transfer: { name: { label: 'Name of the organization, to confirm', required: true, autocomplete: 'off', maxlength: 80 } },
} satisfies Record<string, Record<string, FieldSpec>>;

/** Members: what each holds, invitations, leaving, removing, and who owns the organization. */
export function memberRoutes(
  { access, accounts, members: people, recovery }: Pick<Services, 'access' | 'accounts' | 'members' | 'recovery'>,
  attempts: { readonly recovery: Attempts },
): Router {
  const router = Router();

  const matrixOf = async (actor: Actor, own: readonly PolicyRow[]) => ({
    ...rightsMatrix([
      ...ROLES.map((name) => ({ id: name, name, document: PRESETS[name] as Policy })),
      ...(
        await access.policyDocuments(
          actor,
          own.slice(0, MATRIX_POLICIES_MAX).map(({ _id }) => _id),
        )
      ).map(({ _id, name, text }) => ({ id: _id, name, document: JSON.parse(text) as Policy })),
    ]),
    more: Math.max(0, own.length - MATRIX_POLICIES_MAX),
  });

  /** What the list is narrowed to, as the address says it. */
  const askedOf = (req: Request): MemberFilter => {
    const text = (name: string): string => (typeof req.query[name] === 'string' ? req.query[name].trim().slice(0, 200) : '');
    return { text: text('q'), policy: text('policy'), group: text('group') };
  };

  const list = async (req: Request, res: Response, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const asked = askedOf(req);
    const [number, invited] = [pageOf(req.query['page']), pageOf(req.query['invited'])];
    const [members, invitations, organization, policies, groups] = await Promise.all([
      people.page(actor, asked, number, PAGE_SIZE),
      people.invitations(actor, invited, INVITATIONS_SIZE),
      accounts.organization(actor.organizationId),
      access.policies(actor),
      access.groups(actor),
    ]);
    const [policyName, groupNames] = [policyNames(policies), new Map(groups.map(({ _id, name }) => [_id, name]))];
    const named = (ids: readonly string[]) => ids.flatMap((id) => (id === 'Operator' ? [] : [{ id, name: policyName(id) }]));
    const within = (ids: readonly string[]) => ids.flatMap((id) => (groupNames.has(id) ? [{ id, name: groupNames.get(id) }] : []));
    // Nothing is ticked ahead: who adds “Billing” must not give away keys unseen.
    const typed: Record<string, unknown> = status === 200 ? {} : body(req);
    page(
      res,
      'organization/members',
      {
        organization: { id: actor.organizationId, name: organization?.name ?? '' },
        query: asked.text,
        holding: asked.policy === '' ? null : policyName(asked.policy),
        inGroup: asked.group === '' ? null : (groupNames.get(asked.group) ?? asked.group),
        asked,
        narrowed: Object.values(asked).some((value) => value !== ''),
        searchable: members.total > PAGE_SIZE || asked.text !== '',
        members: members.rows.map(({ id, name, email, joinedAt, twoFactor, ...rights }) => ({
          twoFactor,
          id,
          name,
          email,
          joinedAt,
          self: id === actor.userId,
          owner: id === organization?.ownerId,
          policies: named(rights.policies),
          groups: within(rights.groups),
        })),
        pages: members.total > PAGE_SIZE ? pagination(PATH, req.query, { page: number, size: PAGE_SIZE, total: members.total }) : null,
        invitationPages:
          invitations.total > INVITATIONS_SIZE
            ? pagination(PATH, req.query, { page: invited, size: INVITATIONS_SIZE, total: invitations.total }, 'invited')
            : null,
        invitations: invitations.rows.map((token) => ({
          id: token._id,
          email: token.email,
          policies: named(token.policies),
          groups: within(token.groups),
          expiresAt: token.expiresAt.getTime(),
        })),
        matrix: await matrixOf(actor, policies),
        invite: formModel(FIELDS.invite, typed, faults, 'invite-'),
        invitePolicies: policyBoxes(policies, many(typed['policies']), 'invite-'),
        inviteGroups: groupBoxes(groups, many(typed['groups']), 'invite-'),
        mayInvite: isAllowed(actor, 'market:members:create'),
        mayWithdraw: isAllowed(actor, 'market:members:delete'),
        seesPolicies: isAllowed(actor, 'market:policies:get'),
      },
      status,
    );
  };

  router.get('/organization/members', may('market:members:get'), (req, res) => list(req, res));
  router.post('/organization/members', may('market:members:create'), (req, res) =>
    orAgain(
      async () => {
        const { email, policies, groups } = parseForm(InviteForm, req.body);
        await people.invite(actorOf(req), email, { policies, groups });
        flash(req, 'success', `An invitation is on its way to ${email}.`);
        res.redirect(303, '/organization/members');
      },
      (faults, status) => list(req, res, faults, status),
    ),
  );

  interface Faults {
    readonly recovery?: Record<string, string>;
    readonly rights?: Record<string, string>;
    readonly transfer?: Record<string, string>;
  }
  const one = async (req: Request, res: Response, faults: Faults = {}, status = 200) => {
    const actor = actorOf(req);
    const id = part(req, 'id');
    const [found, organization, policies, groups] = await Promise.all([
      people.get(actor, id),
      accounts.organization(actor.organizationId),
      access.policies(actor),
      access.groups(actor),
    ]);
    if (!organization) throw new AppError('not-found');
    const { user, membership } = found;
    const lost = await recovery.ofMember(actor, id);
    const typed = faults.rights ? body(req) : membership;
    const policyName = policyNames(policies);
    const now = [
      ...membership.policies.map(policyName),
      ...groups.filter(({ _id }) => membership.groups.includes(_id)).map(({ name }) => `the group “${name}”`),
    ];
    const told =
      faults.rights && afterRefusal(req, { status, faults: faults.rights, what: 'these rights', rev: membership.rev, now: `this member holds ${listed(now)}` });
    page(
      res,
      'organization/member',
      {
        member: { id, name: user.name, email: user.email, joinedAt: membership.createdAt },
        organizationName: organization.name,
        self: id === actor.userId,
        owner: id === organization.ownerId,
        policies: policyBoxes(policies, many(typed.policies)),
        groups: groupBoxes(groups, many(typed.groups)),
        faults: Object.values(told?.faults ?? {}).map((message) => ({ id: null, message })),
        rev: told?.rev ?? String(membership.rev),
        inherited: groups
          .filter(({ _id }) => membership.groups.includes(_id))
          .map(({ _id, name, policies: through }) => ({ id: _id, name, policies: through.map(policyName).join(', ') || 'no policy' })),
        transfer: formModel(FIELDS.transfer, faults.transfer ? body(req) : {}, faults.transfer ?? {}, 'transfer-'),
        transferOpen: faults.transfer !== undefined,
        recovery: formModel(FIELDS.recovery, faults.recovery ? body(req) : {}, faults.recovery ?? {}, 'recovery-'),
        recoveryOpen: faults.recovery !== undefined,
        mayRecover: isAllowed(actor, 'market:members:recover') && (faults.recovery !== undefined || (lost.obstacle !== 'own' && lost.obstacle !== 'no-factor')),
        obstacle: lost.obstacle && OBSTACLE_WORDS[lost.obstacle],
        ask: lost.ask && { askedAt: lost.ask.askedAt, words: lost.ask.words },
        mayUpdate: isAllowed(actor, 'market:members:update'),
        mayRemove: isAllowed(actor, 'market:members:delete') && id !== organization.ownerId && id !== actor.userId,
        mayTransfer: actor.userId === organization.ownerId && id !== actor.userId && isAllowed(actor, 'market:organization:update'),
        maySimulate: isAllowed(actor, 'market:policies:get'),
        trail: [{ text: 'Members', href: '/organization/members' }, { text: user.name }],
      },
      status,
    );
  };
  router.get('/organization/members/:id', may('market:members:get'), (req, res) => one(req, res));
  router.post('/organization/members/:id', may('market:members:update'), (req, res) =>
    orAgain(
      async () => {
        await access.setRights(actorOf(req), part(req, 'id'), revisionOf(req), parseForm(RightsForm, req.body));
        flash(req, 'success', 'The rights are saved. They count from the next request on.');
        res.redirect(303, `/organization/members/${encodeURIComponent(part(req, 'id'))}`);
      },
      (rights, status) => one(req, res, { rights }, status),
    ),
  );
  router.post('/organization/members/:id/transfer', may('market:organization:update'), (req, res) =>
    orAgain(
      async () => {
        const { name } = parseForm(TransferForm, req.body);
        const organization = await accounts.organization(actorOf(req).organizationId);
        if (organization && name !== organization.name)
          throw new AppError('invalid-form', undefined, { fields: { name: 'This is not the name of the organization.' } });
        await people.transferOwnership(actorOf(req), part(req, 'id'));
        flash(req, 'success', 'The ownership is transferred. You are administrator.');
        res.redirect(303, '/organization/members');
      },
      (transfer, status) => one(req, res, { transfer }, status),
    ),
  );
  router.post('/organization/members/:id/recovery', may('market:members:recover'), (req, res) =>
    orAgain(
      async () => {
        const { reason } = parseForm(ReasonForm, req.body);
        await count(attempts.recovery, `link ${actorOf(req).organizationId} ${part(req, 'id')}`);
        await recovery.sendToMember(actorOf(req), part(req, 'id'), reason);
        flash(req, 'success', 'The link is on its way to their own address. Nothing changes before they confirm it with their password.');
        res.redirect(303, `/organization/members/${encodeURIComponent(part(req, 'id'))}`);
      },
      (faults, status) => one(req, res, { recovery: faults }, status),
    ),
  );
  const back = () => '/organization/members';
  router.post(
    '/organization/members/:id/removal',
    may('market:members:delete'),
    press(back, async (req) => {
      await people.remove(actorOf(req), part(req, 'id'));
      return 'The member is removed.';
    }),
  );
  router.post('/organization/leaving', may('market:account:update'), async (req, res) => {
    const { organizationId } = parseForm(LeaveForm, req.body);
    // Another window may have gone over to another organization meanwhile.
    if (organizationId !== actorOf(req).organizationId) throw new AppError('conflict', 'You act for another organization now. Load the page again.');
    try {
      await people.leave(actorOf(req));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'conflict') throw error;
      flash(req, 'error', error.detail);
      return res.redirect(303, '/organization/members');
    }
    delete req.session.organizationId;
    flash(req, 'success', 'You have left the organization.');
    const left = await accounts.memberships(actorOf(req).userId);
    res.redirect(303, left.length > 0 ? '/dashboard' : '/organizations/new');
  });
  router.post(
    '/organization/invitations/:id/removal',
    may('market:members:delete'),
    press(back, async (req) => {
      await people.revokeInvitation(actorOf(req), part(req, 'id'));
      return 'The invitation is withdrawn.';
    }),
  );
  router.post(
    '/organization/invitations/:id/renewal',
    may('market:members:create'),
    press(back, async (req) => `A new invitation is on its way to ${await people.resendInvitation(actorOf(req), part(req, 'id'))}; the old link is dead.`),
  );
  return router;
}
