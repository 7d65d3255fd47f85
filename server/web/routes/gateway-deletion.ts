import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { GATEWAY_NAME_MAX } from '../../domain/gateway-rules.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { deletionModel } from '../present/gateway-deletion.ts';
import { gatewayModel, gatewayTabs, gatewayTrail } from '../present/provider.ts';
import { quotaModel } from '../present/quotas.ts';
import { page } from '../render.ts';
import { body, orAgain, part } from './provider-kit.ts';

/** While a deletion runs, its page comes again by itself, also without script. */
const AGAIN_SECONDS = 2;

const DeletionForm = z.strictObject({ name: z.string().max(GATEWAY_NAME_MAX).default('') });
const FIELDS = {
  name: { label: 'Name of the gateway', required: true, maxlength: GATEWAY_NAME_MAX, autocomplete: 'off', help: 'Typed out, so that it is not the wrong one.' },
} satisfies Record<string, FieldSpec>;

/** What a gateway has room for, and its end. */
export function gatewayDeletionRoutes({ catalog, members }: Pick<Services, 'catalog' | 'members'>): Router {
  const router = Router();

  router.get('/gateways/:id/quotas', may('apig:instances:get'), async (req, res) => {
    const { gateway, quotas } = await catalog.overview.quotas(actorOf(req), part(req, 'id'));
    page(res, 'provider/gateway-quotas', {
      gateway: gatewayModel(gateway),
      tabs: gatewayTabs(gateway, 'quotas'),
      trail: gatewayTrail(gateway),
      quotas: quotas.map(quotaModel),
    });
  });

  const show = async (req: Request, res: Response, values = {}, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const state = await catalog.deletion.state(actor, part(req, 'id'));
    const { gateway } = state;
    const by = gateway.deletion?.by ?? '';
    const names = by === '' ? [] : await members.rows(actor);
    const model = deletionModel(state, names.find(({ id }) => id === by)?.name ?? by);
    if (model.state === 'running') res.setHeader('Refresh', String(AGAIN_SECONDS));
    const parts = { gateway: gatewayModel(gateway), deletion: model };
    if (gateway.deletion) return page(res, 'provider/gateway-deleted', { ...parts, trail: gatewayTrail(gateway) }, status);
    page(res, 'provider/gateway-deletion', { ...parts, trail: gatewayTrail(gateway, { text: 'Deletion' }), form: formModel(FIELDS, values, faults) }, status);
  };
  router.get('/gateways/:id/deletion', may('apig:instances:delete'), (req, res) => show(req, res));
  router.post('/gateways/:id/deletion', may('apig:instances:delete'), (req, res) =>
    orAgain(
      async () => {
        await catalog.deletion.begin(actorOf(req), part(req, 'id'), parseForm(DeletionForm, req.body).name);
        flash(req, 'success', 'The gateway answers no calls any more. What it held is being removed.');
        res.redirect(303, `/gateways/${part(req, 'id')}/deletion`);
      },
      (faults, status) => show(req, res, body(req), faults, status),
    ),
  );
  return router;
}
