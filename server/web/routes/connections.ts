import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { entriesOf, MESSAGE_MAX, NETWORKS_MAX } from '../../domain/endpoint-rules.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { connectionPages, connectionsModel } from '../present/endpoints.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { body, orAgain, part, press } from './provider-kit.ts';

const SERVICE_NAME_MAX = 100;
const NETWORKS_TEXT_MAX = NETWORKS_MAX * 90;

const RequestForm = z.strictObject({ name: field.title(SERVICE_NAME_MAX), networks: field.text(NETWORKS_TEXT_MAX), message: field.line(MESSAGE_MAX) });

const FIELDS = {
  name: {
    label: 'Endpoint service',
    required: true,
    maxlength: SERVICE_NAME_MAX,
    placeholder: 'main.gw_…',
    help: 'Its exact name, from the owner of the gateway.',
  },
  networks: {
    label: 'Networks your calls come from',
    type: 'textarea',
    rows: 3,
    maxlength: NETWORKS_TEXT_MAX,
    placeholder: '10.20.0.0/16',
    help: 'Addresses, blocks or ranges, one a line. Calls from elsewhere are then refused. Empty: from wherever the address can be reached.',
  },
  message: { label: 'Message to the owner', maxlength: MESSAGE_MAX, help: 'Who you are and what for.' },
} satisfies Record<string, FieldSpec>;

/** Private connections of an organization to gateways of others: ask for one, see its address, end it. */
export function connectionRoutes({ endpoints }: Pick<Services, 'endpoints'>): Router {
  const router = Router();

  const show = async (req: Request, res: Response, values: Record<string, unknown> = {}, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const model = connectionsModel(await endpoints.connections(actor, connectionPages(req.query)), '/connections', req.query);
    page(
      res,
      'buyer/connections',
      {
        ...model,
        organizationId: actor.organizationId,
        form: formModel(FIELDS, values, faults),
        open: Object.keys(faults).length > 0 || model.liveTotal === 0,
      },
      status,
    );
  };

  router.get('/connections', may('market:connections:get'), (req, res) => show(req, res));
  router.post('/connections', may('market:connections:create'), (req, res) =>
    orAgain(
      async () => {
        const { name, networks, message } = parseForm(RequestForm, req.body);
        const { address } = await endpoints.request(actorOf(req), { name, message, networks: entriesOf(networks) });
        flash(
          req,
          'success',
          address === null ? 'Asked. You get a mail when the owner has decided.' : `Connected: call ${address} in place of the public address.`,
        );
        res.redirect(303, '/connections');
      },
      (faults, status) => show(req, res, body(req), faults, status),
    ),
  );
  router.post(
    '/connections/:id/cancellation',
    may('market:connections:delete'),
    press(
      () => '/connections',
      async (req) => ((await endpoints.leave(actorOf(req), part(req, 'id'))) === 'requested' ? 'The request is withdrawn.' : 'The connection has ended.'),
    ),
  );
  return router;
}
