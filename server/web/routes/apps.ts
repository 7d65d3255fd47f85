import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { ROTATION_OVERLAPS } from '../../domain/credential.ts';
import { isEntitled } from '../../domain/subscription.ts';
import { AppError } from '../../kernel/errors.ts';
import { AUTHORIZATIONS_PAGE_SIZE } from '../../services/catalog/authorizations.ts';
import { CODES_MAX, KEYS_MAX, type Issued } from '../../services/credentials.ts';
import type { Services } from '../../services/index.ts';
import { slice } from '../../services/kept-lists.ts';
import type { SubscriptionRow } from '../../services/subscriptions.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { credentialModel, exampleCurl, exampleOf, issuedModel, OVERLAP_OPTIONS, type CallExample } from '../present/credential.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { counted } from '../present/number.ts';
import { pageOf, pagination, type Pages } from '../present/pagination.ts';
import { page } from '../render.ts';

const DAY_MS = 86_400_000;
const PAGE_SIZE = 25;
/** Of what an app opens: in a list of apps, and on its own page. */
const NAMES_SHOWN = 5;
const OPENS_SHOWN = 25;
/** Subscriptions that are looked at for an example of a call. */
const EXAMPLES_TRIED = 5;
const LIVES: Readonly<Record<string, number | null>> = { never: null, '30d': 30 * DAY_MS, '90d': 90 * DAY_MS, '365d': 365 * DAY_MS };

const AppForm = z.strictObject({ name: field.title(64), description: field.line(255) });
const NewAppForm = AppForm.extend({ requestId: field.requestId });
const RemovalForm = z.strictObject({ confirmation: z.string().trim().max(64) });
const CredentialForm = z.strictObject({
  kind: z.enum(['code', 'key']),
  name: field.line(64),
  expiry: z.enum(Object.keys(LIVES) as [string, ...string[]]),
  requestId: field.requestId,
});
const RotationForm = z.strictObject({
  overlap: z.enum(Object.keys(ROTATION_OVERLAPS) as [keyof typeof ROTATION_OVERLAPS, ...(keyof typeof ROTATION_OVERLAPS)[]]),
  requestId: field.requestId,
});
const NameForm = z.strictObject({ name: field.title(64) });

const FIELDS = {
  app: {
    name: { label: 'Name', required: true, maxlength: 64, help: 'For example the product that calls: “Route planner”.' },
    description: { label: 'Description', maxlength: 255, help: 'For your colleagues.' },
  },
  credential: {
    kind: {
      label: 'Kind',
      type: 'radio',
      required: true,
      options: [
        { value: 'code', label: 'AppCode', help: 'One secret, sent as a header. The quickest way.' },
        { value: 'key', label: 'AppKey and AppSecret', help: 'Requests are signed; the secret itself never travels.' },
      ],
    },
    name: { label: 'Name', maxlength: 64, help: 'Where it is used, for example “CI” or “production”.' },
    expiry: {
      label: 'Works',
      type: 'select',
      options: [
        { value: 'never', label: 'until it is revoked' },
        { value: '30d', label: 'for 30 days' },
        { value: '90d', label: 'for 90 days' },
        { value: '365d', label: 'for a year' },
      ],
    },
  },
} satisfies Record<string, Record<string, FieldSpec>>;

type Faults = Readonly<Record<string, string>>;

/** Links to the first page of the keys that ended say so, too: on a page that does not, these are folded up. */
function keptOpen(pages: Pages): Pages {
  const open = (href: string | null) => {
    if (href === null || /[?&]ended=/.test(href)) return href;
    const [address = '', section = ''] = href.split('#');
    return `${address}${address.includes('?') ? '&' : '?'}ended=1#${section}`;
  };
  return { ...pages, first: open(pages.first), previous: open(pages.previous) };
}

/** Apps, their credentials, and what each of them may call. */
export function appRoutes({
  apps,
  catalog,
  clock,
  credentials,
  ids,
  publicListener,
  storefront,
  subscriptions,
}: Pick<Services, 'apps' | 'catalog' | 'clock' | 'credentials' | 'ids' | 'publicListener' | 'storefront' | 'subscriptions'>): Router {
  const router = Router();
  const idOf = (req: Request, name = 'id'): string => String(req.params[name]);

  /** What the app can call by subscription, newest first. */
  async function callable(req: Request, appId: string): Promise<SubscriptionRow[]> {
    const [list, rows] = await Promise.all([apps.list(actorOf(req)), subscriptions.rows(actorOf(req))]);
    const bound = new Set(list.find(({ app }) => app._id === appId)?.bindings.map(({ subscriptionId }) => subscriptionId));
    return rows.filter(({ id }) => bound.has(id));
  }

  async function exampleFor(req: Request, appId: string): Promise<CallExample | null> {
    for (const row of (await callable(req, appId)).filter((one) => isEntitled(one, clock.now())).slice(0, EXAMPLES_TRIED)) {
      const listing = await publicListener.reached(actorOf(req), await storefront.listing(row.slug));
      const example = listing && exampleOf(listing);
      if (example) return example;
    }
    return null;
  }

  router.get('/apps', may('market:apps:get'), async (req, res) => {
    const [all, bought] = await Promise.all([apps.list(actorOf(req)), subscriptions.rows(actorOf(req))]);
    const nameOf = new Map(bought.map(({ id, productName }) => [id, productName]));
    const number = pageOf(req.query['page']);
    page(res, 'buyer/apps', {
      any: all.length > 0,
      apps: slice(all, number, PAGE_SIZE).rows.map(({ app, liveCredentials, bindings }) => {
        const names = bindings.flatMap(({ subscriptionId }) => nameOf.get(subscriptionId) ?? []);
        return {
          id: app._id,
          name: app.name,
          description: app.description,
          createdAt: app.createdAt,
          credentials: liveCredentials,
          apis: names.slice(0, NAMES_SHOWN).join(', '),
          more: Math.max(0, names.length - NAMES_SHOWN),
        };
      }),
      pages: all.length > PAGE_SIZE ? pagination('/apps', req.query, { page: number, size: PAGE_SIZE, total: all.length }) : null,
    });
  });

  const newApp = (req: Request, res: Response, faults?: Faults) =>
    page(
      res,
      'buyer/app-new',
      { form: formModel(FIELDS.app, req.body as Record<string, unknown> | undefined, faults), requestId: ids.uuid() },
      faults ? 422 : 200,
    );
  router.get('/apps/new', may('market:apps:create'), (req, res) => newApp(req, res));
  router.post('/apps', may('market:apps:create'), async (req, res) => {
    try {
      const { requestId, ...fields } = parseForm(NewAppForm, req.body);
      const app = await apps.create(actorOf(req), fields, requestId);
      res.redirect(303, `/apps/${app._id}`);
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid-form') return newApp(req, res, error.fields);
      throw error;
    }
  });

  interface Again {
    readonly form: 'app' | 'credential' | 'removal';
    readonly faults: Faults;
  }
  async function appPage(req: Request, res: Response, again?: Again): Promise<void> {
    const actor = actorOf(req);
    const app = await apps.get(actor, idOf(req));
    const given = pageOf(req.query['given']);
    const [working, ended, effect, calls, authorizations, example] = await Promise.all([
      credentials.working(actor, app._id),
      credentials.ended(actor, app._id, pageOf(req.query['ended'])),
      apps.removalEffect(actor, app._id),
      callable(req, app._id),
      catalog.authorizations.ofApp(actor, app._id, given),
      exampleFor(req, app._id),
    ]);
    const typed = (form: Again['form']) => (again?.form === form ? (req.body as Record<string, unknown>) : undefined);
    const faults = (form: Again['form']) => (again?.form === form ? again.faults : {});
    page(
      res,
      'buyer/app',
      {
        app: { id: app._id, name: app.name, description: app.description, createdAt: app.createdAt },
        credentials: working.map(credentialModel),
        ended: ended.rows.map(credentialModel),
        endedTotal: ended.total,
        endedOpen: req.query['ended'] !== undefined,
        endedPages: ended.total > ended.size ? keptOpen(pagination(`/apps/${app._id}`, req.query, ended, 'ended')) : null,
        overlaps: OVERLAP_OPTIONS,
        requestId: ids.uuid(),
        calls: calls.slice(0, OPENS_SHOWN).map((row) => ({ id: row.id, name: row.productName, slug: row.slug, plan: row.planTitle, state: row.status })),
        callsTotal: calls.length,
        callsMore: Math.max(0, calls.length - OPENS_SHOWN),
        authorizationsTotal: authorizations.total,
        authorizationPages:
          authorizations.total > AUTHORIZATIONS_PAGE_SIZE
            ? pagination(`/apps/${app._id}`, req.query, { page: given, size: AUTHORIZATIONS_PAGE_SIZE, total: authorizations.total }, 'given')
            : null,
        authorizations: authorizations.rows.map(({ apiName, authorization }) => ({ apiName, createdAt: authorization.createdAt })),
        example: example && { apiName: example.apiName, curl: exampleCurl(example) },
        bounds: { codes: CODES_MAX, keys: KEYS_MAX },
        effect: { ...effect, working: effect.keys + effect.codes },
        others: Math.max(0, effect.keys + effect.codes - 1),
        credentialForm: formModel(FIELDS.credential, typed('credential') ?? { kind: 'code', expiry: 'never' }, faults('credential'), 'credential-'),
        appForm: formModel(FIELDS.app, typed('app') ?? { name: app.name, description: app.description }, faults('app'), 'app-'),
        removal: formModel(
          { confirmation: { label: `Type “${app.name}” to confirm`, required: true, maxlength: 64, autocomplete: 'off' } },
          typed('removal'),
          faults('removal'),
        ),
        openRemoval: again?.form === 'removal',
      },
      again ? 422 : 200,
    );
  }
  /** Run a form of the app's page; when its entries are refused, the page comes back with them. */
  const onAppPage = (form: Again['form'], run: (req: Request, res: Response) => Promise<void>) => async (req: Request, res: Response) => {
    try {
      await run(req, res);
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid-form') return appPage(req, res, { form, faults: error.fields });
      throw error;
    }
  };

  router.get('/apps/:id', may('market:apps:get'), (req, res) => appPage(req, res));
  router.post(
    '/apps/:id',
    may('market:apps:update'),
    onAppPage('app', async (req, res) => {
      await apps.update(actorOf(req), idOf(req), parseForm(AppForm, req.body));
      flash(req, 'success', 'The app is saved.');
      res.redirect(303, `/apps/${idOf(req)}`);
    }),
  );
  router.post(
    '/apps/:id/removal',
    may('market:apps:delete'),
    onAppPage('removal', async (req, res) => {
      const app = await apps.get(actorOf(req), idOf(req));
      if (parseForm(RemovalForm, req.body).confirmation !== app.name)
        throw new AppError('invalid-form', undefined, { fields: { confirmation: `Type the app’s name, ${app.name}, exactly.` } });
      const { keys, codes } = await apps.remove(actorOf(req), app._id);
      flash(req, 'success', `${app.name} is deleted; ${counted(keys + codes, 'credential')} stopped working.`);
      res.redirect(303, '/apps');
    }),
  );

  /** The only time a secret is shown: the answer to the form itself, kept by nobody. */
  async function showOnce(req: Request, res: Response, issued: Issued, replaced: { name: string; endsAt: number | null } | null): Promise<void> {
    const app = await apps.get(actorOf(req), idOf(req));
    page(
      res,
      'buyer/credential-issued',
      {
        app: { id: app._id, name: app.name },
        name: issued.credential.name,
        notAfter: issued.credential.notAfter,
        replaced,
        ...issuedModel(issued, await exampleFor(req, app._id)),
      },
      201,
    );
  }
  router.post(
    '/apps/:id/credentials',
    may('market:credentials:create'),
    onAppPage('credential', async (req, res) => {
      const { kind, name, expiry, requestId } = parseForm(CredentialForm, req.body);
      const life = LIVES[expiry] ?? null;
      const issued = await credentials.issue(actorOf(req), { appId: idOf(req), kind, name, notAfter: life === null ? null : clock.now() + life, requestId });
      await showOnce(req, res, issued, null);
    }),
  );
  /** The credential must be one of the app in the address. */
  const credentialOf = async (req: Request) => {
    const credential = await credentials.get(actorOf(req), idOf(req, 'credentialId'));
    if (credential.appId !== idOf(req)) throw new AppError('not-found');
    return credential;
  };
  router.post('/apps/:id/credentials/:credentialId/rotation', may('market:credentials:update'), async (req, res) => {
    const { overlap, requestId } = parseForm(RotationForm, req.body);
    const old = await credentialOf(req);
    const issued = await credentials.rotate(actorOf(req), old.id, overlap, requestId);
    const { notAfter } = await credentials.get(actorOf(req), old.id);
    await showOnce(req, res, issued, { name: old.hint, endsAt: overlap === 'now' ? null : notAfter });
  });
  router.post('/apps/:id/credentials/:credentialId/name', may('market:credentials:update'), async (req, res) => {
    const credential = await credentialOf(req);
    await credentials.rename(actorOf(req), credential.id, parseForm(NameForm, req.body).name);
    flash(req, 'success', 'The name is saved.');
    res.redirect(303, `/apps/${idOf(req)}`);
  });
  router.post('/apps/:id/credentials/:credentialId/revocation', may('market:credentials:delete'), async (req, res) => {
    const credential = await credentialOf(req);
    await credentials.revoke(actorOf(req), credential.id);
    flash(req, 'success', `${credential.hint} is revoked: every gateway refuses it.`);
    res.redirect(303, `/apps/${idOf(req)}`);
  });
  return router;
}
