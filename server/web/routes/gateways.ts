import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { gatewayMatches } from '../../domain/gateway-rules.ts';
import type { Services } from '../../services/index.ts';
import { slice } from '../../services/kept-lists.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { address, pageOf, pagination } from '../present/pagination.ts';
import { apiModel, countsModel, gatewayModel, gatewayTabs, gatewayTrail, groupModel, groupTrail } from '../present/provider.ts';
import { nearQuotas } from '../present/quotas.ts';
import { tagFilter } from '../present/tag-filter.ts';
import { page } from '../render.ts';
import { afterRefusal, body, orAgain, part, press } from './provider-kit.ts';

const APIS_PAGE_SIZE = 50;
const GROUPS_PAGE_SIZE = 50;

const NamedForm = z.strictObject({ name: field.name, description: field.text(1_000) });
const ChangeForm = NamedForm.extend({ rev: z.coerce.number().int() });
const GroupForm = NamedForm.extend({ label: z.string().trim().toLowerCase().max(50).default('') });

const name: FieldSpec = { label: 'Name', required: true, maxlength: 64 };
const description: FieldSpec = { label: 'Description', type: 'textarea', rows: 3, maxlength: 1_000 };
const FIELDS = {
  group: {
    name: { ...name, help: 'APIs of one group share an address and are sold together.' },
    label: { label: 'Label', maxlength: 50, help: 'Part of the address, for good. Empty: made of the name.' },
    description,
  },
  groupChange: { name, description },
} satisfies Record<string, Record<string, FieldSpec>>;

/** Gateways, their groups and environments. */
export function gatewayRoutes({ catalog }: Pick<Services, 'catalog'>, { gatewayUrl }: { gatewayUrl: string }): Router {
  const router = Router();

  router.get('/gateways', may('apig:instances:get'), async (req, res) => {
    const [gateways, deleted] = await Promise.all([catalog.overview.gateways(actorOf(req)), catalog.deletion.recent(actorOf(req))]);
    const asked = String(req.query['q'] ?? '').slice(0, 200);
    const filter = tagFilter('/gateways', req.query, gateways);
    const shown = gateways.filter(({ gateway }) => filter.meant.has(gateway._id) && gatewayMatches(gateway, asked));
    page(res, 'provider/gateways', {
      query: asked,
      filter: filter.model,
      all: gateways.length,
      total: shown.length,
      deleted: deleted.map(({ _id, name: title, gone }) => ({ id: _id, name: title, gone: gone === true })),
      gateways: shown.map(({ gateway, groups }) => ({
        ...gatewayModel(gateway),
        groups: groups.length,
        apis: groups.reduce((sum, { apis }) => sum + apis, 0),
        live: groups.reduce((sum, { live }) => sum + live, 0),
      })),
    });
  });

  router.get('/gateways/:id', may('apig:instances:get'), (req, res) => res.redirect(303, `/gateways/${encodeURIComponent(part(req, 'id'))}/groups`));

  router.get('/gateways/:id/environments', may('apig:instances:get'), async (req, res) => {
    const actor = actorOf(req);
    const gateway = await catalog.gateways.get(actor, part(req, 'id'));
    const [environments, groups] = await Promise.all([catalog.gateways.environments(actor, gateway._id), catalog.overview.groups(actor, gateway._id)]);
    page(res, 'provider/environments', {
      gateway: gatewayModel(gateway),
      tabs: gatewayTabs(gateway, 'environments'),
      trail: gatewayTrail(gateway),
      live: groups.reduce((sum, { live }) => sum + live, 0),
      environments: environments.map(({ _id, name: title, createdAt }) => ({ id: _id, name: title, createdAt })),
    });
  });

  const groups = async (req: Request, res: Response, values = {}, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const gateway = await catalog.gateways.get(actor, part(req, 'id'));
    const number = pageOf(req.query['page']);
    const [counted, { quotas }] = await Promise.all([catalog.overview.groups(actor, gateway._id), catalog.overview.quotas(actor, gateway._id)]);
    page(
      res,
      'provider/groups',
      {
        gateway: gatewayModel(gateway),
        tabs: gatewayTabs(gateway, 'groups'),
        trail: gatewayTrail(gateway),
        near: nearQuotas(quotas),
        groups: slice(counted, number, GROUPS_PAGE_SIZE).rows.map((one) => countsModel(one, gatewayUrl)),
        pages: pagination(`/gateways/${gateway._id}/groups`, req.query, { page: number, size: GROUPS_PAGE_SIZE, total: counted.length }),
        gatewayUrl,
        form: formModel(FIELDS.group, values, faults),
        open: Object.keys(faults).length > 0 || counted.length === 0,
      },
      status,
    );
  };
  router.get('/gateways/:id/groups', may('apig:groups:get'), (req, res) => groups(req, res));
  router.post('/gateways/:id/groups', may('apig:groups:create'), (req, res) =>
    orAgain(
      async () => {
        const group = await catalog.groups.create(actorOf(req), part(req, 'id'), parseForm(GroupForm, req.body));
        flash(req, 'success', `The group answers at ${gatewayUrl}/${group.label} as soon as one of its APIs is published.`);
        res.redirect(303, `/gateways/${group.gatewayId}/groups/${group._id}`);
      },
      (faults, status) => groups(req, res, body(req), faults, status),
    ),
  );

  router.get('/gateways/:id/apis', may('apig:apis:get'), async (req, res) => {
    const actor = actorOf(req);
    const gateway = await catalog.gateways.get(actor, part(req, 'id'));
    const [counted, all] = await Promise.all([catalog.overview.groups(actor, gateway._id), catalog.apis.ofGateway(actor, gateway._id)]);
    const groupNames = new Map(counted.map(({ group: { _id, name: title } }) => [_id, title]));
    const asked = String(req.query['q'] ?? '').slice(0, 200);
    const found = all
      .filter(({ api }) => groupNames.has(api.groupId))
      .map((summary) => ({ ...apiModel(summary), group: groupNames.get(summary.api.groupId) ?? '' }))
      .filter(matching(asked));
    const number = pageOf(req.query['page']);
    page(res, 'provider/apis', {
      gateway: gatewayModel(gateway),
      tabs: gatewayTabs(gateway, 'apis'),
      trail: gatewayTrail(gateway),
      query: asked,
      total: found.length,
      all: all.length,
      apis: slice(found, number, APIS_PAGE_SIZE).rows,
      groups: counted.slice(0, GROUPS_PAGE_SIZE).map((one) => countsModel(one, gatewayUrl)),
      pages: pagination(`/gateways/${gateway._id}/apis`, req.query, { page: number, size: APIS_PAGE_SIZE, total: found.length }),
    });
  });

  const group = async (req: Request, res: Response, values?: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const actor = actorOf(req);
    const [gateway, found] = await Promise.all([
      catalog.gateways.get(actor, part(req, 'id')),
      catalog.groups.get(actor, part(req, 'id'), part(req, 'groupId')),
    ]);
    const now = `its name is “${found.name}”, its description “${found.description}”`;
    const told = afterRefusal(req, { status, faults, what: 'this group', rev: found.rev, now });
    const all = (await catalog.apis.list(actor, gateway._id, found._id)).map(apiModel);
    const asked = String(req.query['q'] ?? '').slice(0, 200);
    const shown = all.filter(matching(asked));
    const number = pageOf(req.query['page']);
    const path = `/gateways/${gateway._id}/groups/${found._id}`;
    page(
      res,
      'provider/group',
      {
        gateway: gatewayModel(gateway),
        trail: groupTrail(gateway, found),
        group: groupModel(found, gatewayUrl),
        query: asked,
        total: shown.length,
        all: all.length,
        apis: slice(shown, number, APIS_PAGE_SIZE).rows,
        pages: pagination(path, req.query, { page: number, size: APIS_PAGE_SIZE, total: shown.length }),
        live: all.filter(({ state }) => state === 'published').length,
        waiting: all.filter(({ state, changed }) => state !== 'published' || changed).length,
        drafts: all.filter(({ state }) => state === 'draft').length,
        here: address(path, req.query),
        form: formModel(FIELDS.groupChange, values ?? { ...found }, told.faults, 'group-'),
        rev: told.rev,
        open: Object.keys(told.faults).length > 0,
      },
      status,
    );
  };
  router.get('/gateways/:id/groups/:groupId', may('apig:groups:get'), (req, res) => group(req, res));
  router.post('/gateways/:id/groups/:groupId', may('apig:groups:update'), (req, res) =>
    orAgain(
      async () => {
        const { rev, ...fields } = parseForm(ChangeForm, req.body);
        await catalog.groups.update(actorOf(req), part(req, 'id'), part(req, 'groupId'), rev, fields);
        flash(req, 'success', 'Saved.');
        res.redirect(303, `/gateways/${part(req, 'id')}/groups/${part(req, 'groupId')}`);
      },
      (faults, status) => group(req, res, body(req), faults, status),
    ),
  );
  router.post(
    '/gateways/:id/groups/:groupId/deletion',
    may('apig:groups:delete'),
    press(
      (req, gone) => `/gateways/${part(req, 'id')}/groups${gone ? '' : `/${part(req, 'groupId')}`}`,
      async (req) => {
        await catalog.groups.remove(actorOf(req), part(req, 'id'), part(req, 'groupId'));
        return 'The group is deleted.';
      },
    ),
  );
  return router;
}

/** Words of a search in method, path and name, each of them somewhere. */
const matching = (asked: string) => {
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  return ({ operation, name: title }: { operation: string; name: string }) => words.every((word) => `${operation} ${title}`.toLowerCase().includes(word));
};
