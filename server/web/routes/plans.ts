import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { EMPTY_PLAN_FORM, formOfPlan, planFromForm } from '../../domain/plan-form.ts';
import { describePrice } from '../../domain/plan-words.ts';
import { planOf, type Plan } from '../../domain/plan.ts';
import { dateWords } from '../../domain/time.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PlanRow } from '../../services/catalog/plans.ts';
import type { Services } from '../../services/index.ts';
import type { PlanVersionDoc } from '../../store/products.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { audienceValues, earliestDays, effectiveFrom, planFormModel, planFormOf, planValues } from '../present/plan-form.ts';
import { announcedModel, audienceWords, weighingModel } from '../present/plan-versions.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { planModel } from '../present/plan.ts';
import { productTabs, productTrail } from '../present/provider.ts';
import { page } from '../render.ts';
import { afterRefusal, body, orAgain, part, press, revisionOf } from './provider-kit.ts';

const WordsForm = z.object({ title: field.title(40), summary: field.line(160) });
const WithdrawalForm = z.strictObject({ versionId: z.string().startsWith('plan_').max(80) });
const NameForm = z.object({ name: z.string().trim().toLowerCase().min(1).max(30) });

/** Plans with their prices in words, for lists and cards. */
export const planRows = (rows: readonly PlanRow[]) =>
  rows.map(({ plan, version, subscriptions }) => ({
    id: plan._id,
    name: plan.name,
    title: plan.title,
    retired: plan.retired,
    subscriptions,
    versions: plan.versions,
    card: version ? planModel({ id: plan._id, name: plan.name, title: plan.title, summary: plan.summary, plan: planOf(version.document) }) : null,
  }));

/** Plans of a product: what it costs, in versions that never change. */
export function planRoutes({ catalog, clock }: Pick<Services, 'catalog' | 'clock'>): Router {
  const router = Router();
  const pathOf = (req: Request) => `/products/${encodeURIComponent(part(req, 'id'))}/plans`;

  async function productOf(req: Request) {
    const product = await catalog.products.get(actorOf(req), part(req, 'id'));
    return { product, model: { product: { id: product._id, name: product.name, state: product.status }, tabs: productTabs(product._id, 'plans') } };
  }
  async function planIn(req: Request) {
    const found = await catalog.plans.get(actorOf(req), part(req, 'planId'), pageOf(req.query['versions']));
    if (found.plan.productId !== part(req, 'id')) throw new AppError('not-found');
    return found;
  }
  /** The card as buyers would see it, when the terms can be read; the faults otherwise. */
  const previewed = (typed: Readonly<Record<string, unknown>>) => {
    const reading = planFromForm(planFormOf(typed));
    return reading.faults ? { faults: reading.faults, card: null } : { faults: {}, card: cardOf(typed, reading.plan) };
  };
  const cardOf = (typed: Readonly<Record<string, unknown>>, plan: Plan) =>
    planModel({
      id: '',
      name: String(typed['name'] ?? ''),
      title: String(typed['title'] || 'Untitled').slice(0, 40),
      summary: String(typed['summary'] ?? '').slice(0, 160),
      plan,
    });

  router.get('/products/:id/plans', may('market:products:get'), async (req, res) => {
    const { product, model } = await productOf(req);
    const rows = planRows(await catalog.plans.list(actorOf(req), product._id));
    page(res, 'provider/plans', {
      ...model,
      trail: productTrail(product),
      plans: rows.filter(({ retired }) => !retired),
      retired: rows.filter(({ retired }) => retired),
    });
  });

  const fresh = async (req: Request, res: Response, values: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const { product, model } = await productOf(req);
    page(
      res,
      'provider/plan-new',
      {
        ...model,
        trail: productTrail(product, { text: 'Plans', href: `/products/${product._id}/plans` }, { text: 'New' }),
        form: planFormModel(values, faults),
        preview: previewed(values).card,
      },
      status,
    );
  };
  router.get('/products/:id/plans/new', may('market:products:update'), (req, res) => fresh(req, res, planValues(EMPTY_PLAN_FORM)));
  router.post('/products/:id/plans', may('market:products:update'), (req, res) => {
    const typed = body(req);
    // The button “Show the price” saves nothing; the script presses it while somebody types.
    if (typed['intent'] === 'preview') return fresh(req, res, typed, previewed(typed).faults);
    return orAgain(
      async () => {
        const words = collected(() => parseForm(WordsForm.extend(NameForm.shape), typed), planFromForm(planFormOf(typed)));
        await catalog.plans.create(actorOf(req), part(req, 'id'), words.fields, words.document);
        flash(req, 'success', `The plan ${words.fields.title} is published.`);
        res.redirect(303, pathOf(req));
      },
      (faults, status) => fresh(req, res, typed, faults, status),
    );
  });

  const change = async (req: Request, res: Response, values?: Record<string, unknown>, faults: Record<string, string> = {}, status = 200) => {
    const { product, model } = await productOf(req);
    const { plan, version, versions } = await planIn(req);
    const stored = version ? formOfPlan(version.document) : EMPTY_PLAN_FORM;
    const at = clock.now();
    const shown = values ?? (stored ? { ...planValues(stored), ...audienceValues(at), title: plan.title, summary: plan.summary } : undefined);
    const reading = shown ? planFromForm(planFormOf(shown)) : null;
    const rows = (await catalog.plans.list(actorOf(req), product._id)).filter((row) => row.plan._id === plan._id);
    const now = `its title is “${plan.title}”, its summary “${plan.summary}”, and version ${version?.n ?? 0} is published`;
    const told = afterRefusal(req, { status, faults, what: 'this plan', rev: plan.rev, now });
    const subscriptions = rows[0]?.subscriptions ?? 0;
    const { announced, weighing } = await catalog.plans.ahead(actorOf(req), plan._id, reading && !reading.faults ? reading.document : null);
    page(
      res,
      'provider/plan',
      {
        ...model,
        trail: productTrail(product, { text: 'Plans', href: `/products/${product._id}/plans` }, { text: plan.title }),
        plan: { id: plan._id, name: plan.name, title: plan.title, retired: plan.retired, subscriptions },
        rev: told.rev,
        // Terms that were made by a program may have what this form has no fields for: saving would lose it.
        form: shown && !plan.retired ? planFormModel(shown, told.faults, true, subscriptions > 0 ? earliestDays(at) : undefined) : null,
        announced: announced.map(announcedModel),
        weighing: weighing && weighingModel(weighing),
        card: planRows(rows)[0]?.card ?? null,
        preview: shown ? previewed({ ...shown, name: plan.name }).card : null,
        versionPages: versions.total > versions.size ? pagination(`${pathOf(req)}/${plan._id}`, req.query, versions, 'versions') : null,
        versions: versions.rows.map((one) => ({
          id: one._id,
          n: one.n,
          publishedAt: one.publishedAt,
          current: one._id === plan.currentVersionId,
          audience: audienceWords(one, at),
          price: describePrice(planOf(one.document)),
        })),
      },
      status,
    );
  };
  router.get('/products/:id/plans/:planId', may('market:products:get'), (req, res) => change(req, res));
  router.post('/products/:id/plans/:planId', may('market:products:update'), (req, res) => {
    const typed = body(req);
    if (typed['intent'] === 'preview') return change(req, res, typed, previewed(typed).faults);
    return orAgain(
      async () => {
        const { plan, version } = await planIn(req);
        const from = effectiveFrom(typed);
        const words = collected(
          () => parseForm(WordsForm, typed),
          planFromForm(planFormOf(typed)),
          from.fault === undefined ? {} : { effectiveAt: from.fault },
        );
        const now = await catalog.plans.update(
          actorOf(req),
          plan._id,
          revisionOf(req),
          words.fields,
          words.document,
          from.fault === undefined ? from.at : null,
        );
        flash(req, 'success', now._id === version?._id ? 'Saved.' : publishedWords(now));
        res.redirect(303, pathOf(req));
      },
      (faults, status) => change(req, res, typed, faults, status),
    );
  });
  router.post(
    '/products/:id/plans/:planId/withdrawal',
    may('market:products:update'),
    press(
      (req) => `${pathOf(req)}/${encodeURIComponent(part(req, 'planId'))}`,
      async (req) => {
        const { plan } = await planIn(req);
        const { n } = await catalog.plans.withdraw(actorOf(req), plan._id, parseForm(WithdrawalForm, body(req)).versionId);
        return `Version ${n} is withdrawn: running subscriptions keep their terms, and whoever was told of it is told of this.`;
      },
    ),
  );
  router.post(
    '/products/:id/plans/:planId/retirement',
    may('market:products:update'),
    press(pathOf, async (req) => {
      const { plan } = await planIn(req);
      await catalog.plans.retire(actorOf(req), plan._id);
      return `${plan.title} is no longer offered. Its subscribers keep it.`;
    }),
  );
  return router;
}

const publishedWords = ({ n, effectiveAt }: PlanVersionDoc): string =>
  effectiveAt === null
    ? `Version ${n} is published: it holds for new subscribers. Whoever has subscribed keeps the terms of the version bought.`
    : `Version ${n} is published: it holds for new subscribers now, and for running subscriptions with their first period from ${dateWords(effectiveAt)} on. They are told by mail.`;

/** Faults of the words and of the terms come back together. */
function collected<T>(words: () => T, reading: ReturnType<typeof planFromForm>, more: Record<string, string> = {}) {
  let fields: T | undefined;
  let faults: Record<string, string> = { ...reading.faults, ...more };
  try {
    fields = words();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid-form') throw error;
    faults = { ...error.fields, ...faults };
  }
  if (reading.faults || fields === undefined || Object.keys(more).length > 0) throw new AppError('invalid-form', undefined, { fields: faults });
  return { fields, document: reading.document };
}
