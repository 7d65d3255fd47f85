import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { isParameterName, parameterWords } from '../../domain/gateway-parameters.ts';
import type { Applied } from '../../services/catalog/parameters.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { parameterForm, parameterModel, type Refused } from '../present/parameters.ts';
import { gatewayModel, gatewayTabs, gatewayTrail } from '../present/provider.ts';
import { standingModel } from '../present/standing.ts';
import { page, type Flash } from '../render.ts';
import { afterRefusal, body, orAgain, part, press } from './provider-kit.ts';

const VALUE_MAX = 4_000;
const PEM_MAX = 40_000;
const rev = z.coerce.number().int();
const name = z.string().max(80);
const ValueForm = z.strictObject({ name, value: z.string().max(VALUE_MAX), rev });
const CERTIFICATE = 'backend_client_certificate';
const pem = z.string().max(PEM_MAX);
const CertificateForm = z.strictObject({ ca: pem.default(''), certificate: pem, key: pem, rev });
const DefaultForm = z.strictObject({ name, rev });
const ReversionForm = z.strictObject({ changeId: z.string().max(80), rev });

/** The parameters of a gateway: a table, a form for each, and every change with the way back. */
export function gatewayParameterRoutes({ catalog, clock, members }: Pick<Services, 'catalog' | 'clock' | 'members'>): Router {
  const router = Router();

  const show = async (req: Request, res: Response, refused: Refused | null = null, status = 200) => {
    const actor = actorOf(req);
    const { gateway, states, changes, standing } = await catalog.parameters.list(actor, part(req, 'id'));
    const names = new Map((await members.rows(actor)).map(({ id, name }) => [id, name]));
    const who = (userId: string) => (userId === '' ? 'System' : (names.get(userId) ?? userId));
    const named = states.find(({ name }) => name === refused?.name);
    const now = named ? `${named.name} is ${parameterWords(named.name, named.value)}` : 'each parameter is as shown below';
    const told = afterRefusal(req, { status, faults: { ...refused?.faults }, what: 'this gateway', rev: gateway.rev, now });
    const again = refused && { ...refused, faults: told.faults };
    page(
      res,
      'provider/gateway-parameters',
      {
        gateway: gatewayModel(gateway),
        tabs: gatewayTabs(gateway, 'parameters'),
        trail: gatewayTrail(gateway),
        rev: told.rev,
        standing: standingModel(standing),
        // A refusal of no single field, a change by somebody else meanwhile, is told above all forms.
        notice: again && !isParameterName(again.name) ? Object.values(again.faults).join(' ') : (again?.faults[''] ?? null),
        parameters: states.map((state) => ({
          ...parameterModel(state, clock.real()),
          who: state.changed && who(state.changed.userId),
          form: parameterForm(state, again?.name === state.name ? again : null),
        })),
        changes: changes.map(({ id, at, userId, name, before, after }) => ({
          id,
          at,
          who: who(userId),
          name,
          before: parameterWords(name, before),
          after: parameterWords(name, after),
        })),
      },
      status,
    );
  };
  const home = (req: Request) => `/gateways/${encodeURIComponent(part(req, 'id'))}/parameters`;
  const said = ({ name: parameter, changed, standing }: Applied): Flash => {
    const { tone, text } = standingModel(standing);
    return changed ? { kind: tone, text: `${parameter} is changed. ${text}` } : { kind: 'info', text: `${parameter} has this value already.` };
  };

  router.get('/gateways/:id/parameters', may('apig:features:get'), (req, res) => show(req, res));
  router.post('/gateways/:id/parameters', may('apig:features:update'), (req, res) =>
    orAgain(
      async () => {
        const form = parseForm(ValueForm, req.body);
        const { kind, text } = said(await catalog.parameters.change(actorOf(req), part(req, 'id'), form.name, form.value, form.rev));
        flash(req, kind, text);
        res.redirect(303, `${home(req)}#${encodeURIComponent(form.name)}`);
      },
      (faults, status) => show(req, res, { name: typed(req, 'name'), typed: { value: typed(req, 'value') }, faults }, status),
    ),
  );
  router.post('/gateways/:id/backend-certificate', may('apig:features:update'), (req, res) =>
    orAgain(
      async () => {
        const { rev: seen, ...pasted } = parseForm(CertificateForm, req.body);
        const { kind, text } = said(await catalog.parameters.showCertificate(actorOf(req), part(req, 'id'), pasted, seen));
        flash(req, kind, text);
        res.redirect(303, `${home(req)}#${CERTIFICATE}`);
      },
      (faults, status) => show(req, res, { name: CERTIFICATE, typed: { certificate: typed(req, 'certificate'), ca: typed(req, 'ca') }, faults }, status),
    ),
  );
  router.post(
    '/gateways/:id/parameter-defaults',
    may('apig:features:update'),
    press(home, async (req) => {
      const form = parseForm(DefaultForm, req.body);
      return said(await catalog.parameters.reset(actorOf(req), part(req, 'id'), form.name, form.rev));
    }),
  );
  router.post(
    '/gateways/:id/parameter-reversions',
    may('apig:features:update'),
    press(home, async (req) => {
      const form = parseForm(ReversionForm, req.body);
      return said(await catalog.parameters.revert(actorOf(req), part(req, 'id'), form.changeId, form.rev));
    }),
  );
  return router;
}

const typed = (req: Request, field: string): string => String(body(req)[field] ?? '').slice(0, PEM_MAX);
