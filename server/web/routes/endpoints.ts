import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { entriesOf, REASON_MAX, WHITELIST_MAX } from '../../domain/endpoint-rules.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { connectionPages, connectionsModel } from '../present/endpoints.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { gatewayModel, gatewayTabs, gatewayTrail } from '../present/provider.ts';
import { page } from '../render.ts';
import { afterRefusal, body, listed, orAgain, part, press } from './provider-kit.ts';

const WHITELIST_TEXT_MAX = WHITELIST_MAX * 50;

const ServiceForm = z.strictObject({
  state: z.enum(['on', 'off']),
  acceptance: z.enum(['hand', 'automatic']),
  whitelist: field.text(WHITELIST_TEXT_MAX),
  rev: z.coerce.number().int().min(0),
});
const ReasonForm = z.strictObject({ reason: field.line(REASON_MAX) });
const ListenerForm = z.strictObject({ listener: z.enum(['on', 'off']) });

const FIELDS = {
  state: {
    label: 'New requests',
    type: 'radio',
    required: true,
    options: [
      { value: 'on', label: 'On', help: 'Organizations on the list find the service by its name and can ask for a connection.' },
      { value: 'off', label: 'Off', help: 'Nobody finds it. Connections that were accepted stay until you disconnect them.' },
    ],
  },
  acceptance: {
    label: 'Accepting',
    type: 'radio',
    required: true,
    options: [
      { value: 'hand', label: 'By hand', help: 'You accept or reject each request.' },
      { value: 'automatic', label: 'At once', help: 'Whoever is on the list is connected as soon as it asks, while an address is free.' },
    ],
  },
  whitelist: {
    label: 'Organizations that may ask',
    type: 'textarea',
    rows: 4,
    maxlength: WHITELIST_TEXT_MAX,
    placeholder: 'org_…',
    help: 'Ids of organizations, one a line; they find theirs on their page Connections. * stands for all. Your own organization always may.',
  },
} satisfies Record<string, FieldSpec>;

/** A gateway's private way in, from its owner's side, and whether its public one is open. */
export function endpointRoutes({ endpoints, publicListener }: Pick<Services, 'endpoints' | 'publicListener'>): Router {
  const router = Router();
  const pathOf = (req: Request) => `/gateways/${encodeURIComponent(part(req, 'id'))}`;

  const show = async (req: Request, res: Response, values?: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const { gateway, service, addresses, ...lists } = await endpoints.ofGateway(actorOf(req), part(req, 'id'), connectionPages(req.query));
    const stored = { state: service?.on ? 'on' : 'off', acceptance: service?.automatic ? 'automatic' : 'hand', whitelist: service?.whitelist.join('\n') ?? '' };
    const now = service
      ? `it is ${service.on ? 'on' : 'off'}, requests are accepted ${service.automatic ? 'by themselves' : 'by hand'}, and it admits ${listed(service.whitelist)}`
      : 'there is none';
    const told = afterRefusal(req, { status, faults, what: 'this service', rev: service?.rev ?? 0, now });
    page(
      res,
      'provider/endpoints',
      {
        gateway: gatewayModel(gateway),
        tabs: gatewayTabs(gateway, 'endpoints'),
        trail: gatewayTrail(gateway),
        service: service && { name: service.name, on: service.on, automatic: service.automatic },
        addresses,
        ...connectionsModel(lists, `${pathOf(req)}/endpoints`, req.query),
        form: formModel(FIELDS, values ?? stored, told.faults),
        rev: told.rev,
        reasonMax: REASON_MAX,
      },
      status,
    );
  };

  router.get('/gateways/:id/endpoints', may('apig:endpoints:get'), (req, res) => show(req, res));
  router.post('/gateways/:id/endpoints', may('apig:endpoints:update'), (req, res) =>
    orAgain(
      async () => {
        const { state, acceptance, whitelist, rev } = parseForm(ServiceForm, req.body);
        const service = { on: state === 'on', automatic: acceptance === 'automatic', whitelist: entriesOf(whitelist) };
        await endpoints.saveService(actorOf(req), part(req, 'id'), rev, service);
        flash(
          req,
          'success',
          service.on ? 'Saved. Give the name of the service to those who shall connect.' : 'Saved. Nobody finds the service while it is off.',
        );
        res.redirect(303, `${pathOf(req)}/endpoints`);
      },
      (faults, status) => show(req, res, body(req), faults, status),
    ),
  );

  const decision = (verb: string, run: (req: Request) => Promise<string>) =>
    router.post(
      `/gateways/:id/endpoints/connections/:connectionId/${verb}`,
      may('apig:endpoints:decide'),
      press((req) => `${pathOf(req)}/endpoints`, run),
    );
  decision('acceptance', async (req) => {
    const address = await endpoints.accept(actorOf(req), part(req, 'id'), part(req, 'connectionId'));
    return `Accepted. The connection has the address ${address}, which works within a second.`;
  });
  decision('rejection', async (req) => {
    await endpoints.reject(actorOf(req), part(req, 'id'), part(req, 'connectionId'), parseForm(ReasonForm, req.body).reason);
    return 'The request is rejected. Whoever asked is told by mail.';
  });
  decision('disconnection', async (req) => {
    await endpoints.disconnect(actorOf(req), part(req, 'id'), part(req, 'connectionId'), parseForm(ReasonForm, req.body).reason);
    return 'Disconnected: calls over it are answered with 404, and its address is free.';
  });

  router.get('/gateways/:id/public-listener', may('apig:instances:update'), async (req, res) => {
    const { gateway, ...effect } = await publicListener.effect(actorOf(req), part(req, 'id'));
    page(res, 'provider/public-listener', {
      gateway: gatewayModel(gateway),
      trail: gatewayTrail(gateway, { text: 'Public listener' }),
      counts: effect.calls !== null,
      effect: { ...effect, blocked: effect.stranded.count > 0, more: effect.stranded.count - effect.stranded.names.length },
    });
  });
  router.post(
    '/gateways/:id/public-listener',
    may('apig:instances:update'),
    press(
      (req, done) => `${pathOf(req)}/${done ? 'endpoints' : 'public-listener'}`,
      async (req) => {
        const open = parseForm(ListenerForm, req.body).listener === 'on';
        await publicListener.set(actorOf(req), part(req, 'id'), open);
        return open
          ? 'The public listener serves this gateway again.'
          : 'The public listener does not know this gateway any more: only accepted connections reach it.';
      },
    ),
  );
  return router;
}
