import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { isAllowed } from '../../domain/rights.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may, open } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { quotaModel } from '../present/quotas.ts';
import { page } from '../render.ts';
import { body, orAgain } from './provider-kit.ts';

const OrganizationForm = z.strictObject({ name: field.name });

const FIELDS = {
  organization: { name: { label: 'Name', required: true, maxlength: 80 } },
  create: { name: { label: 'Name', required: true, maxlength: 80, help: 'You become its administrator.' } },
} satisfies Record<string, Record<string, FieldSpec>>;

/** The organization: its name, and joining one. Its members are in `members.ts`. */
export function organizationRoutes({ accounts, members: people, organizationQuotas }: Pick<Services, 'accounts' | 'members' | 'organizationQuotas'>): Router {
  const router = Router();

  const profile = async (req: Request, res: Response, faults?: Record<string, string>) => {
    const actor = actorOf(req);
    const organization = await accounts.organization(actor.organizationId);
    if (!organization) throw new AppError('not-found');
    const [owner, quotas] = await Promise.all([accounts.user(organization.ownerId), organizationQuotas.list(actor)]);
    page(
      res,
      'organization/profile',
      {
        organization: { id: organization._id, name: organization.name, createdAt: organization.createdAt },
        quotas: quotas.map(quotaModel),
        owner: owner?.name ?? '',
        owns: organization.ownerId === actor.userId,
        rights: actor.policies.flatMap((held) =>
          held === 'Self' ? [] : [typeof held === 'string' ? { name: held, via: '' } : { name: held.name, via: held.via }],
        ),
        form: formModel(FIELDS.organization, faults ? body(req) : { name: organization.name }, faults),
        mayUpdate: isAllowed(actor, 'market:organization:update'),
        seesMembers: isAllowed(actor, 'market:members:get'),
      },
      faults ? 422 : 200,
    );
  };
  router.get('/organization', may('market:organization:get'), (req, res) => profile(req, res));
  router.post('/organization', may('market:organization:update'), (req, res) =>
    orAgain(
      async () => {
        await accounts.renameOrganization(actorOf(req), parseForm(OrganizationForm, req.body).name);
        flash(req, 'success', 'The name is saved.');
        res.redirect(303, '/organization');
      },
      (faults) => profile(req, res, faults),
    ),
  );

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
    const { organization, offers, email } = await people.invitation(String(req.params['token']));
    page(res, 'organization/invitation', {
      token: req.params['token'],
      organizationName: organization.name,
      role: offers.join(', ') || 'a member without rights yet',
      email,
      next: `/invitations/${encodeURIComponent(String(req.params['token']))}`,
    });
  });
  router.post('/invitations/:token', may('market:account:update'), async (req, res) => {
    req.session.organizationId = await people.acceptInvitation(actorOf(req), String(req.params['token']));
    flash(req, 'success', 'Welcome to the organization.');
    res.redirect(303, '/dashboard');
  });
  return router;
}
