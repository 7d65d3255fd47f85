import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Actor } from '../../domain/actor.ts';
import { AppError } from '../../kernel/errors.ts';
import { AUTHORIZATIONS_PAGE_SIZE } from '../../services/catalog/authorizations.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { apiFormModel, NEW_API_VALUES, readApiForm, valuesOf, withoutTypedSecrets } from '../present/api-form.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { counted } from '../present/number.ts';
import { apiModel, apiTabs, apiTitle, gatewayModel, groupModel, groupTrail, testModel, type ApiTab } from '../present/provider.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { safePath } from '../safe-path.ts';
import { afterRefusal, body, many, orAgain, part, press } from './provider-kit.ts';

const GrantForm = z.strictObject({ appId: z.string().trim().min(1).max(64) });
const RollbackForm = z.strictObject({ publicationId: z.string().max(64) });
const FIELDS = {
  grant: { appId: { label: 'App', required: true, maxlength: 64, placeholder: 'app_…', help: 'The id of the app. Its owner finds it on the app’s page.' } },
} satisfies Record<string, Record<string, FieldSpec>>;

/** The editor of APIs, their publishing, who may call them free of charge, and the test of their upstream. */
export function apiRoutes(
  { catalog, upstreamTest, apps }: Pick<Services, 'catalog' | 'upstreamTest' | 'apps'>,
  { gatewayUrl }: { gatewayUrl: string },
): Router {
  const router = Router();
  const pathOf = (req: Request) => `/gateways/${encodeURIComponent(part(req, 'id'))}/apis/${encodeURIComponent(part(req, 'apiId'))}`;

  /** The API with its gateway and group; an API of another gateway is not found here. */
  async function placed(actor: Actor, gatewayId: string, apiId: string) {
    const [gateway, summary] = await Promise.all([catalog.gateways.get(actor, gatewayId), catalog.apis.get(actor, apiId)]);
    if (summary.api.gatewayId !== gateway._id) throw new AppError('not-found');
    return { gateway, summary, group: await catalog.groups.get(actor, gateway._id, summary.api.groupId) };
  }
  async function head(req: Request, current: ApiTab) {
    const { gateway, group, summary } = await placed(actorOf(req), part(req, 'id'), part(req, 'apiId'));
    return {
      summary,
      model: {
        gateway: gatewayModel(gateway),
        group: groupModel(group, gatewayUrl),
        api: apiModel(summary),
        tabs: apiTabs(gateway._id, summary.api._id, current),
        trail: groupTrail(gateway, group, { text: apiTitle(summary.api.definition) }),
        url: `${gatewayUrl}/${group.label}${summary.api.definition.frontend.path}`,
      },
    };
  }

  const newApi = async (req: Request, res: Response, groupId: string, values: Record<string, unknown>, faults = {}, status = 200) => {
    const gateway = await catalog.gateways.get(actorOf(req), part(req, 'id'));
    const group = await catalog.groups.get(actorOf(req), gateway._id, groupId);
    page(
      res,
      'provider/api-new',
      {
        gateway: gatewayModel(gateway),
        group: groupModel(group, gatewayUrl),
        trail: groupTrail(gateway, group, { text: 'New API' }),
        form: apiFormModel(values, faults),
      },
      status,
    );
  };
  router.get('/gateways/:id/apis/new', may('apig:apis:create'), (req, res) => newApi(req, res, String(req.query['group'] ?? ''), NEW_API_VALUES));
  router.post('/gateways/:id/apis', may('apig:apis:create'), (req, res) => {
    let fieldOf = (fault: string) => fault;
    const groupId = String(body(req)['groupId'] ?? '');
    return orAgain(
      async () => {
        const reading = readApiForm(body(req), null, parseForm);
        fieldOf = reading.fieldOf;
        if (Object.keys(reading.faults).length > 0) throw new AppError('invalid-form', undefined, { fields: reading.faults });
        const api = await catalog.apis.create(actorOf(req), part(req, 'id'), groupId, reading.definition);
        flash(req, 'success', 'Saved as a draft. Test the connection, then publish it.');
        res.redirect(303, `/gateways/${api.gatewayId}/apis/${api._id}/test`);
      },
      (faults, status) => {
        const again = withoutTypedSecrets(body(req), renamed(faults, fieldOf));
        return newApi(req, res, groupId, again.values, again.faults, status);
      },
    );
  });

  /** Publishing and taking offline: several at once, from the list of a group, or one from its own page. */
  const back = (req: Request) => safePath(body(req)['back'], `/gateways/${encodeURIComponent(part(req, 'id'))}/groups`);
  async function chosen(req: Request): Promise<string[]> {
    const { groupId, all } = body(req);
    if (all !== 'true' || typeof groupId !== 'string') return many(body(req)['apiIds']);
    return (await catalog.apis.list(actorOf(req), part(req, 'id'), groupId))
      .filter(({ status, changed }) => status !== 'published' || changed)
      .map(({ api }) => api._id);
  }
  router.post('/gateways/:id/apis/publication', may('apig:apis:publish'), async (req, res) => {
    const apiIds = await chosen(req);
    if (apiIds.length === 0) flash(req, 'warning', 'Nothing was chosen: mark the APIs that shall be published.');
    else {
      const { published, unchanged, refused } = await catalog.publishing.publish(
        actorOf(req),
        part(req, 'id'),
        apiIds,
        String(body(req)['note'] ?? '').slice(0, 255),
      );
      if (published.length > 0) flash(req, 'success', `${counted(published.length, 'API is', 'APIs are')} live in RELEASE.`);
      if (published.length === 0 && refused.length === 0) flash(req, 'info', `${counted(unchanged.length, 'API was', 'APIs were')} live exactly so already.`);
      for (const { operation, reason } of refused.slice(0, 5)) flash(req, 'error', `${operation} was not published. ${reason}`);
      if (refused.length > 5) flash(req, 'error', `${refused.length - 5} more were not published.`);
    }
    res.redirect(303, back(req));
  });
  router.post('/gateways/:id/apis/offline', may('apig:apis:offline'), async (req, res) => {
    const gatewayId = part(req, 'id');
    const apiIds = many(body(req)['apiIds']);
    if (apiIds.length === 0) {
      flash(req, 'warning', 'Nothing was chosen: mark the APIs that shall go offline.');
      return res.redirect(303, back(req));
    }
    if (body(req)['confirmed'] === 'true') {
      const count = await catalog.publishing.offline(actorOf(req), gatewayId, apiIds);
      flash(req, 'success', `${counted(count, 'API is', 'APIs are')} offline: calls are answered with 404.`);
      return res.redirect(303, back(req));
    }
    const [gateway, effect] = await Promise.all([
      catalog.gateways.get(actorOf(req), gatewayId),
      catalog.publishing.offlineEffect(actorOf(req), gatewayId, apiIds),
    ]);
    page(res, 'provider/offline', {
      gateway: gatewayModel(gateway),
      effect,
      apiIds,
      back: back(req),
      trail: [{ text: 'Gateways', href: '/gateways' }, { text: gateway.name, href: back(req) }, { text: 'Take offline' }],
    });
  });

  const editor = async (req: Request, res: Response, values?: Record<string, unknown>, faults = {}, status = 200) => {
    const { model, summary } = await head(req, 'definition');
    const { rev, definition } = summary.api;
    const { frontend } = definition;
    const now = `its name is “${definition.name}”, and it answers ${frontend.method} ${frontend.path}`;
    const told = afterRefusal(req, { status, faults, what: 'this API', rev, now });
    page(
      res,
      'provider/api',
      { ...model, form: apiFormModel(values ?? valuesOf(definition, summary.constants), told.faults, summary.constants), rev: told.rev },
      status,
    );
  };
  router.get('/gateways/:id/apis/:apiId', may('apig:apis:get'), (req, res) => editor(req, res));
  router.post('/gateways/:id/apis/:apiId', may('apig:apis:update'), (req, res) => {
    let fieldOf = (fault: string) => fault;
    return orAgain(
      async () => {
        const { summary } = await placed(actorOf(req), part(req, 'id'), part(req, 'apiId'));
        const old = summary.api.definition;
        const reading = readApiForm(body(req), old.operation, parseForm);
        fieldOf = reading.fieldOf;
        if (Object.keys(reading.faults).length > 0) throw new AppError('invalid-form', undefined, { fields: reading.faults });
        // The form has no field for a mock's headers; what is set stays.
        const { backend } = reading.definition;
        const definition =
          backend.kind === 'mock' && old.backend.kind === 'mock'
            ? { ...reading.definition, backend: { ...backend, headers: old.backend.headers } }
            : reading.definition;
        await catalog.apis.update(actorOf(req), summary.api._id, reading.form.rev ?? -1, definition);
        flash(req, 'success', summary.status === 'published' ? 'Saved as a draft. Callers see it once it is published.' : 'Saved.');
        res.redirect(303, pathOf(req));
      },
      (faults, status) => {
        const again = withoutTypedSecrets(body(req), renamed(faults, fieldOf));
        return editor(req, res, again.values, again.faults, status);
      },
    );
  });
  router.post('/gateways/:id/apis/:apiId/deletion', may('apig:apis:delete'), async (req, res, next) => {
    const { summary } = await placed(actorOf(req), part(req, 'id'), part(req, 'apiId'));
    await press(
      (r, gone) => (gone ? `/gateways/${part(r, 'id')}/groups/${summary.api.groupId}` : `${pathOf(r)}/publishing`),
      async (r) => {
        await catalog.apis.remove(actorOf(r), summary.api._id);
        return `${apiTitle(summary.api.definition)} is deleted.`;
      },
    )(req, res, next);
  });

  router.get('/gateways/:id/apis/:apiId/publishing', may('apig:apis:get'), async (req, res) => {
    const { model, summary } = await head(req, 'publishing');
    const [{ rows, ...position }, effect] = await Promise.all([
      catalog.publishing.history(actorOf(req), summary.api._id, pageOf(req.query['page'])),
      catalog.publishing.offlineEffect(actorOf(req), summary.api.gatewayId, [summary.api._id]),
    ]);
    page(res, 'provider/api-publishing', {
      ...model,
      effect,
      here: `${pathOf(req)}/publishing`,
      pages: position.total > position.size ? pagination(`${pathOf(req)}/publishing`, req.query, position) : null,
      history: rows.map(({ _id, ordinal, note, publishedAt, live, definition }) => ({
        id: _id,
        ordinal,
        note,
        publishedAt,
        live,
        operation: `${definition.frontend.method} ${definition.frontend.path}`,
      })),
    });
  });
  router.post(
    '/gateways/:id/apis/:apiId/rollback',
    may('apig:apis:publish'),
    press(
      (req) => `${pathOf(req)}/publishing`,
      async (req) => {
        await placed(actorOf(req), part(req, 'id'), part(req, 'apiId'));
        const { publicationId } = parseForm(RollbackForm, req.body);
        await catalog.publishing.rollback(actorOf(req), part(req, 'apiId'), publicationId);
        return 'The earlier record is live again. The draft stays as it is.';
      },
    ),
  );

  const access = async (req: Request, res: Response, values = {}, faults = {}, status = 200) => {
    const { model, summary } = await head(req, 'access');
    const number = pageOf(req.query['page']);
    const [{ rows, total }, own] = await Promise.all([catalog.authorizations.ofApi(actorOf(req), summary.api._id, number), apps.list(actorOf(req))]);
    const position = { page: number, size: AUTHORIZATIONS_PAGE_SIZE, total };
    page(
      res,
      'provider/api-access',
      {
        ...model,
        form: formModel(FIELDS.grant, values, faults),
        own: own.map(({ app }) => ({ id: app._id, name: app.name })),
        pages: total > position.size ? pagination(`${pathOf(req)}/access`, req.query, position) : null,
        grantsTotal: total,
        grants: rows.map(({ authorization, appName, organizationName }) => ({
          id: authorization._id,
          appId: authorization.appId,
          appName,
          organizationName,
          since: authorization.createdAt,
        })),
      },
      status,
    );
  };
  router.get('/gateways/:id/apis/:apiId/access', may('apig:apis:get'), (req, res) => access(req, res));
  router.post('/gateways/:id/apis/:apiId/authorizations', may('apig:apis:grantAppAccess'), (req, res) =>
    orAgain(
      async () => {
        await placed(actorOf(req), part(req, 'id'), part(req, 'apiId'));
        await catalog.authorizations.grant(actorOf(req), part(req, 'apiId'), parseForm(GrantForm, req.body).appId);
        flash(req, 'success', 'The app may call this API, free of charge.');
        res.redirect(303, `${pathOf(req)}/access`);
      },
      (faults, status) => access(req, res, body(req), faults, status),
    ),
  );
  router.post(
    '/gateways/:id/apis/:apiId/authorizations/:authorizationId/revocation',
    may('apig:apis:relieveAppAccess'),
    press(
      (req) => `${pathOf(req)}/access`,
      async (req) => {
        await placed(actorOf(req), part(req, 'id'), part(req, 'apiId'));
        await catalog.authorizations.revoke(actorOf(req), part(req, 'apiId'), part(req, 'authorizationId'));
        return 'The authorization is taken back.';
      },
    ),
  );

  router.get('/gateways/:id/apis/:apiId/test', may('apig:apis:get'), async (req, res) => page(res, 'provider/api-test', (await head(req, 'test')).model));
  router.post('/gateways/:id/apis/:apiId/test', may('apig:apis:update'), async (req, res) => {
    const { model, summary } = await head(req, 'test');
    await orAgain(
      async () => page(res, 'provider/api-test', { ...model, result: testModel(await upstreamTest.api(actorOf(req), summary.api._id)) }),
      (faults, status) => page(res, 'provider/api-test', { ...model, refused: Object.values(faults).join(' ') }, status),
    );
  });
  return router;
}

const renamed = (faults: Record<string, string>, fieldOf: (fault: string) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(faults).map(([name, fault]) => [fieldOf(name), fault]));
