import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { AppError } from '../../kernel/errors.ts';
import { ROLES } from '../../services/access.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may, open } from '../guards.ts';
import { changesOf } from '../present/audit.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { pagination } from '../present/pagination.ts';
import { page } from '../render.ts';

const AUDIT_PAGE_SIZE = 50;
const AUDIT_DAYS = 90;

const ROLE_WORDS: Readonly<Record<(typeof ROLES)[number], string>> = {
  Administrator: 'Everything in this organization, members included.',
  FullAccess: 'Gateways, APIs and products.',
  Developer: 'Apps, keys and usage.',
  Billing: 'Subscriptions, invoices and payment methods.',
  ReadOnlyAccess: 'Sees everything, changes nothing.',
};
const roleOptions = ROLES.map((name) => ({ value: name, label: name, help: ROLE_WORDS[name] }));

const OrganizationForm = z.strictObject({ name: field.name });
const InviteForm = z.strictObject({ email: field.email, policy: z.enum(ROLES) });
const RoleForm = z.strictObject({ policy: z.enum(ROLES) });

const FIELDS = {
  organization: { name: { label: 'Name', required: true, maxlength: 80 } },
  invite: {
    email: { label: 'E-mail address', type: 'email', required: true, autocomplete: 'off', maxlength: 254 },
    policy: { label: 'Role', type: 'select', options: roleOptions },
  },
  create: { name: { label: 'Name', required: true, maxlength: 80, help: 'You become its administrator.' } },
} satisfies Record<string, Record<string, FieldSpec>>;

/** The organization: its name, its members and what each may do, invitations, and the record of every change. */
export function organizationRoutes({
  access,
  accounts,
  audit,
  clock,
  members: people,
}: Pick<Services, 'access' | 'accounts' | 'audit' | 'clock' | 'members'>): Router {
  const router = Router();

  const members = async (req: Request, res: Response, faults?: Record<string, string>) => {
    const actor = actorOf(req);
    const [list, invitations, organization] = await Promise.all([people.list(actor), people.invitations(actor), accounts.organization(actor.organizationId)]);
    page(
      res,
      'organization/members',
      {
        name: organization?.name ?? '',
        members: list.map(({ user, membership }) => ({
          id: user._id,
          name: user.name,
          email: user.email,
          joinedAt: membership.createdAt,
          self: user._id === actor.userId,
          role: membership.policies.find((policy) => policy !== 'Operator') ?? '',
          roles: roleOptions.map((role) => ({ ...role, selected: membership.policies.includes(role.value) })),
        })),
        invitations: invitations.map((token) => ({ id: token._id, email: token.email, role: token.policies.join(', '), expiresAt: token.expiresAt.getTime() })),
        roles: roleOptions,
        organizationForm: formModel(FIELDS.organization, { name: organization?.name }, {}, 'organization-'),
        invite: formModel(FIELDS.invite, faults ? (req.body as Record<string, unknown>) : { policy: 'Developer' }, faults, 'invite-'),
      },
      faults ? 422 : 200,
    );
  };

  router.get('/organization', may('market:organization:get'), (_req, res) => res.redirect(303, '/organization/members'));
  router.get('/organization/members', may('market:members:get'), (req, res) => members(req, res));
  router.post('/organization/members', may('market:members:create'), async (req, res) => {
    try {
      const { email, policy } = parseForm(InviteForm, req.body);
      await people.invite(actorOf(req), email, { policies: [policy], groups: [] });
      flash(req, 'success', `An invitation is on its way to ${email}.`);
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid-form') return members(req, res, error.fields);
      throw error;
    }
    res.redirect(303, '/organization/members');
  });
  router.post('/organization/members/:id/role', may('market:members:update'), async (req, res) => {
    await access.setRights(actorOf(req), String(req.params['id']), { policies: [parseForm(RoleForm, req.body).policy], groups: [] });
    flash(req, 'success', 'The role is changed.');
    res.redirect(303, '/organization/members');
  });
  router.post('/organization/members/:id/removal', may('market:members:delete'), async (req, res) => {
    await people.remove(actorOf(req), String(req.params['id']));
    flash(req, 'success', 'The member is removed.');
    res.redirect(303, '/organization/members');
  });
  router.post('/organization/invitations/:id/removal', may('market:members:delete'), async (req, res) => {
    await people.revokeInvitation(actorOf(req), String(req.params['id']));
    flash(req, 'success', 'The invitation is withdrawn.');
    res.redirect(303, '/organization/members');
  });
  router.post('/organization', may('market:organization:update'), async (req, res) => {
    await accounts.renameOrganization(actorOf(req), parseForm(OrganizationForm, req.body).name);
    flash(req, 'success', 'The name is saved.');
    res.redirect(303, '/organization/members');
  });

  router.get('/organizations/new', may('market:account:get'), (_req, res) => page(res, 'organization/new', { form: formModel(FIELDS.create) }));
  router.post('/organizations', may('market:account:update'), async (req, res) => {
    try {
      const created = await accounts.createOrganization(actorOf(req), parseForm(OrganizationForm, req.body).name);
      req.session.organizationId = created._id;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'invalid-form') throw error;
      return page(res, 'organization/new', { form: formModel(FIELDS.create, req.body as Record<string, unknown>, error.fields) }, 422);
    }
    res.redirect(303, '/dashboard');
  });

  router.get('/invitations/:token', open, async (req, res) => {
    const { organization, policies, email } = await people.invitation(String(req.params['token']));
    page(res, 'organization/invitation', {
      token: req.params['token'],
      organizationName: organization.name,
      role: policies.join(', '),
      email,
      next: `/invitations/${encodeURIComponent(String(req.params['token']))}`,
    });
  });
  router.post('/invitations/:token', may('market:account:update'), async (req, res) => {
    req.session.organizationId = await people.acceptInvitation(actorOf(req), String(req.params['token']));
    flash(req, 'success', 'Welcome to the organization.');
    res.redirect(303, '/dashboard');
  });

  router.get('/organization/audit', may('market:audit:get'), async (req, res) => {
    const to = clock.now() + 1;
    const records = (await audit.list(actorOf(req), { from: to - AUDIT_DAYS * 86_400_000, to })).sort((a, b) => b.at - a.at);
    const names = new Map((await people.list(actorOf(req))).map(({ user }) => [user._id, user.name]));
    const number = Math.max(1, Number(req.query['page']) || 1);
    page(res, 'organization/audit', {
      days: AUDIT_DAYS,
      records: records
        .slice((number - 1) * AUDIT_PAGE_SIZE, number * AUDIT_PAGE_SIZE)
        .map((record) => ({
          at: record.at,
          who: record.kind === 'system' ? 'System' : (names.get(record.userId) ?? record.userId),
          action: record.action,
          resource: record.resource,
          address: record.address,
          requestId: record.requestId,
          changes: changesOf(record.before, record.after),
        })),
      pages: pagination('/organization/audit', req.query as Record<string, string>, { page: number, size: AUDIT_PAGE_SIZE, total: records.length }),
    });
  });
  return router;
}
