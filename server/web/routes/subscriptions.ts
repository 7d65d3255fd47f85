import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { isAllowed } from '../../domain/rights.ts';
import { AppError } from '../../kernel/errors.ts';
import type { AppSummary } from '../../services/apps.ts';
import type { Services } from '../../services/index.ts';
import { slice } from '../../services/kept-lists.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { attentionFirst, FIGURES_MAX, overviewModel, rowModel, subscriptionMatches } from '../present/buyer.ts';
import { awaitedModel, nextInvoiceModel } from '../present/coming-invoices.ts';
import { choiceSpec, chosenId, type Choice } from '../present/choice.ts';
import { exampleCurl, exampleOf } from '../present/credential.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { invoiceRow } from '../present/invoice.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { changeModel } from '../present/plan-versions.ts';
import { logoModel } from '../present/storefront.ts';
import { orderModel, planChoices } from '../present/subscribe.ts';
import { timeWords } from '../present/time.ts';
import { page } from '../render.ts';

const PAGE_SIZE = 25;

/** The value of the app field that asks for a new app; its name comes with it. */
const NEW_APP = 'new';
const SubscribeForm = z.strictObject({
  planId: z.string().startsWith('plan_').max(80),
  appId: z.union([z.literal(NEW_APP), z.string().startsWith('app_').max(80)], { error: 'Choose an app' }),
  appName: field.line(64),
  requestId: field.requestId,
});
const AppForm = z.strictObject({ appId: z.string().trim().min(1, 'Choose an app').max(254) });
const NothingForm = z.strictObject({});

const appChoices = (list: readonly AppSummary[]): Choice[] => list.map(({ app }) => ({ id: app._id, label: app.name, typed: app.name }));

type Faults = Readonly<Record<string, string>>;

/** From the page that states the price to the end of a subscription. */
export function subscriptionRoutes({
  apps,
  clock,
  ids,
  invoicing,
  overview,
  publicListener,
  storefront,
  subscriptions,
}: Pick<Services, 'apps' | 'clock' | 'ids' | 'invoicing' | 'overview' | 'publicListener' | 'storefront' | 'subscriptions'>): Router {
  const router = Router();
  const idOf = (req: Request): string => String(req.params['id']);
  const here = (req: Request): string => `/subscriptions/${idOf(req)}`;

  async function subscribePage(req: Request, res: Response, slug: string, planKey: string, faults?: Faults): Promise<void> {
    const actor = actorOf(req);
    const listing = await storefront.listing(slug);
    if (!listing) throw new AppError('not-found', 'No API is listed under this name. It may have been renamed or withdrawn.');
    const plan = listing.plans.find(({ id, name }) => id === planKey || name === planKey) ?? listing.plans[0];
    if (!plan) throw new AppError('not-found', 'This API has no plan on offer at the moment.');
    const [list, present, kept] = await Promise.all([
      apps.list(actor),
      subscriptions.liveFor(actor, listing.productId),
      invoicing.keptFor(actor, { providerId: listing.provider.organizationId, currency: plan.plan.currency.code }),
    ]);
    const options = [
      ...list.map(({ app }) => ({ value: app._id, label: app.name, ...(app.description && { help: app.description }) })),
      ...(isAllowed(actor, 'market:apps:create') ? [{ value: NEW_APP, label: list.length === 0 ? 'A new app' : 'Another, new app' }] : []),
    ];
    const fields = {
      appId: { label: 'Which app will call it?', type: 'radio', required: true, options },
      appName:
        list.length === 0
          ? {
              label: 'Name the app that will call it',
              required: true,
              maxlength: 64,
              help: 'An app holds the keys. You can rename it, and let others use the subscription, later.',
            }
          : { label: 'Name of the new app', maxlength: 64, help: 'Only for a new one.' },
    } satisfies Record<string, FieldSpec>;
    const typed = faults ? (req.body as Record<string, unknown>) : { appId: options[0]?.value, appName: list.length === 0 ? 'My first app' : '' };
    page(
      res,
      'buyer/subscribe',
      {
        listing: {
          name: listing.name,
          slug: listing.slug,
          provider: listing.provider.name,
          tagline: listing.tagline,
          terms: listing.terms,
          privateOnly: listing.privateOnly,
          supportEmail: listing.provider.supportEmail,
          logo: logoModel(listing),
        },
        order: orderModel(plan, kept),
        choices: listing.plans.length > 1 ? planChoices(listing.plans, listing.slug, plan.id) : [],
        own: listing.provider.organizationId === actor.organizationId,
        present: present && present.status !== 'pending' ? { id: present._id } : null,
        noApps: list.length === 0,
        canCreate: options.some(({ value }) => value === NEW_APP),
        form: formModel(fields, typed, faults),
        // A form that comes back is the same purchase; a new page is a new one.
        requestId: faults && z.uuid().safeParse(typed['requestId']).success ? typed['requestId'] : ids.uuid(),
      },
      faults ? 422 : 200,
    );
  }

  router.get('/apis/:slug/subscribe', may('market:subscriptions:create'), (req, res) =>
    subscribePage(req, res, String(req.params['slug']), String(req.query['plan'] ?? '')),
  );
  router.get('/subscriptions/new', may('market:subscriptions:create'), async (req, res) => {
    const planId = String(req.query['plan'] ?? '');
    const listing = (await storefront.listings()).find(({ plans }) => plans.some(({ id }) => id === planId));
    if (!listing) throw new AppError('not-found', 'This plan is not on sale.');
    res.redirect(303, `/apis/${encodeURIComponent(listing.slug)}/subscribe?plan=${encodeURIComponent(planId)}`);
  });

  router.post('/subscriptions', may('market:subscriptions:create'), async (req, res) => {
    const actor = actorOf(req);
    try {
      const { planId, appId: chosen, appName, requestId } = parseForm(SubscribeForm, req.body);
      let appId = chosen;
      if (chosen === NEW_APP) {
        if (!isAllowed(actor, 'market:apps:create')) throw new AppError('forbidden');
        if (appName === '') throw new AppError('invalid-form', undefined, { fields: { appName: 'A new app needs a name.' } });
        appId = (await apps.create(actor, { name: appName, description: '' }, requestId))._id;
      }
      const { subscriptionId, checkoutUrl } = await subscriptions.begin(actor, { planId, appId, requestId });
      res.redirect(303, checkoutUrl ?? `/subscriptions/${subscriptionId}`);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'invalid-form') throw error;
      const planId = String((req.body as Record<string, unknown> | undefined)?.['planId'] ?? '');
      const listing = (await storefront.listings()).find(({ plans }) => plans.some(({ id }) => id === planId));
      if (!listing) throw error;
      await subscribePage(req, res, listing.slug, planId, error.fields);
    }
  });

  router.get('/subscriptions', may('market:subscriptions:get'), async (req, res) => {
    const actor = actorOf(req);
    const rows = await subscriptions.rows(actor);
    const asked = String(req.query['q'] ?? '').slice(0, 200);
    const found = rows.filter(subscriptionMatches(asked));
    const [live, ended] = [attentionFirst(found.filter((row) => row.live)), found.filter((row) => !row.live)];
    const [number, endedNumber] = [pageOf(req.query['page']), pageOf(req.query['ended'])];
    const now = clock.now();
    const pager = (name: string, current: number, total: number) =>
      total > PAGE_SIZE ? pagination('/subscriptions', req.query, { page: current, size: PAGE_SIZE, total }, name) : null;
    const few = live.length <= FIGURES_MAX;
    page(res, 'buyer/subscriptions', {
      query: asked,
      searchable: rows.length > PAGE_SIZE || asked !== '',
      none: found.length === 0,
      live: few
        ? (
            await overview.some(
              actor,
              found.filter((row) => row.live).map(({ id }) => id),
            )
          ).map(overviewModel)
        : [],
      many: few ? [] : slice(live, number, PAGE_SIZE).rows.map((row) => rowModel(row, now)),
      pages: pager('page', number, live.length),
      ended: slice(ended, endedNumber, PAGE_SIZE).rows.map((row) => rowModel(row, now)),
      endedPages: pager('ended', endedNumber, ended.length),
    });
  });

  async function subscriptionPage(req: Request, res: Response, faults?: Faults): Promise<void> {
    const actor = actorOf(req);
    // The truth is the store's and, for a purchase under way, Stripe's; the address of the return says nothing.
    await subscriptions.refresh(actor, idOf(req));
    const found = await overview.one(actor, idOf(req));
    const { subscription, product, bindings } = found;
    const invoicePart = pageOf(req.query['invoices']);
    const [listing, list, { invoices, older }, awaited, changes] = await Promise.all([
      storefront.listing(product.slug),
      apps.list(actor),
      overview.invoicesOf(actor, subscription._id, invoicePart),
      overview.awaited([subscription]),
      subscriptions.changesOf(actor, subscription._id),
    ]);
    const reached = await publicListener.reached(actor, listing);
    const example = reached ? exampleOf(reached) : null;
    const free = list.filter(({ app }) => !bindings.some((bound) => bound.app._id === app._id));
    page(
      res,
      'buyer/subscription',
      {
        subscription: overviewModel(found),
        changes: changes.map(changeModel),
        next: nextInvoiceModel(found),
        invoices: invoices.map(invoiceRow),
        invoicesAny: invoices.length > 0 || invoicePart > 1,
        olderInvoices: older ? `${here(req)}?invoices=${invoicePart + 1}#invoices` : null,
        newestInvoices: invoicePart > 1 ? `${here(req)}#invoices` : null,
        awaited: awaited.map((one) => awaitedModel(one, product.name)),
        example: example && { curl: exampleCurl(example) },
        listed: listing !== undefined,
        unreached: listing?.privateOnly === true && reached === listing,
        may: {
          cancel: isAllowed(actor, 'market:subscriptions:cancel'),
          update: isAllowed(actor, 'market:subscriptions:update'),
          credential: isAllowed(actor, 'market:credentials:create'),
        },
        cancelable: subscription.live && subscription.anchorAt !== null && !subscription.cancelAtPeriodEnd,
        endAt: found.period?.endAt ?? null,
        bindForm:
          free.length === 0
            ? null
            : formModel(
                { appId: choiceSpec({ label: 'Another app' }, appChoices(free), 'Type its id, or its name.') },
                faults ? (req.body as Record<string, unknown>) : {},
                faults,
              ),
      },
      faults ? 422 : 200,
    );
  }
  router.get('/subscriptions/:id', may('market:subscriptions:get'), (req, res) => subscriptionPage(req, res));

  router.post('/subscriptions/:id/resumption', may('market:subscriptions:create'), async (req, res) => {
    parseForm(NothingForm, req.body);
    const { checkoutUrl } = await subscriptions.resume(actorOf(req), idOf(req));
    res.redirect(303, checkoutUrl ?? here(req));
  });
  router.post('/subscriptions/:id/cancellation', may('market:subscriptions:cancel'), async (req, res) => {
    parseForm(NothingForm, req.body);
    const { live, entitledUntil } = await subscriptions.cancel(actorOf(req), idOf(req));
    flash(
      req,
      'success',
      live && entitledUntil !== null
        ? `Canceled. Your keys work until ${timeWords(entitledUntil)}; until then you can undo it.`
        : 'The purchase is canceled. Nothing was charged.',
    );
    res.redirect(303, here(req));
  });
  router.post('/subscriptions/:id/cancellation/undo', may('market:subscriptions:cancel'), async (req, res) => {
    parseForm(NothingForm, req.body);
    await subscriptions.undoCancellation(actorOf(req), idOf(req));
    flash(req, 'success', 'The cancellation is undone: the subscription goes on as before.');
    res.redirect(303, here(req));
  });
  router.post('/subscriptions/:id/apps', may('market:subscriptions:update'), async (req, res) => {
    try {
      const { appId } = parseForm(AppForm, req.body);
      await subscriptions.bind(actorOf(req), idOf(req), chosenId(appChoices(await apps.list(actorOf(req))), appId) ?? appId);
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid-form') return subscriptionPage(req, res, error.fields);
      throw error;
    }
    flash(req, 'success', 'The app’s keys now open this API.');
    res.redirect(303, here(req));
  });
  router.post('/subscriptions/:id/apps/removal', may('market:subscriptions:update'), async (req, res) => {
    await subscriptions.unbind(actorOf(req), idOf(req), parseForm(AppForm, req.body).appId);
    flash(req, 'success', 'The app’s keys no longer open this API.');
    res.redirect(303, here(req));
  });
  return router;
}
