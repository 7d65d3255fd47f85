import { Router, type Request, type Response } from 'express';
import { AppError } from '../../kernel/errors.ts';
import { isoUtc } from '../../kernel/clock.ts';
import type { Services } from '../../services/index.ts';
import { pageOfList } from '../../services/kept-lists.ts';
import type { UsageRow } from '../../services/metering.ts';
import { slice } from '../../services/kept-lists.ts';
import type { SubscriptionDetails, SubscriptionRow } from '../../services/subscriptions.ts';
import { actorOf, may } from '../guards.ts';
import { FIGURES_MAX } from '../present/buyer.ts';
import { choiceSpec, choiceValue, chosenId, type Choice } from '../present/choice.ts';
import { sendCsv } from '../present/csv.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import {
  chartUnit,
  mostCallsFirst,
  outcomeWords,
  readUsageQuery,
  secondWords,
  SPLIT_WORDS,
  usageChart,
  usageControls,
  usageLink,
  usageRows,
  usageTotals,
  type Split,
  type UsageQuery,
} from '../present/usage.ts';
import { page } from '../render.ts';

const CALLS_PAGE_SIZE = 25;
const ROWS_PAGE_SIZE = 50;
const APIS_PAGE_SIZE = 25;
const WHICH: FieldSpec = { label: 'API', placeholder: 'All APIs' };

/** What was called: counted, by what, over which time; and the single calls behind the figures. */
export function usageRoutes({
  apps,
  clock,
  credentials,
  metering,
  overview,
  subscriptions,
}: Pick<Services, 'apps' | 'clock' | 'credentials' | 'metering' | 'overview' | 'subscriptions'>): Router {
  const router = Router();

  interface Asked {
    readonly query: UsageQuery;
    readonly list: readonly SubscriptionRow[];
    /** Those whose usage is meant. */
    readonly chosen: readonly SubscriptionRow[];
    /** The one that was asked for. */
    readonly one: SubscriptionDetails | null;
  }
  const choicesOf = (list: readonly SubscriptionRow[]): Choice[] =>
    list.map(({ id, productName, planTitle }) => ({ id, label: `${productName} (${planTitle})`, typed: productName }));

  async function asked(req: Request): Promise<Asked> {
    const actor = actorOf(req);
    const list = (await subscriptions.rows(actor)).filter(({ anchorAt }) => anchorAt !== null);
    const typed = req.query['subscription'];
    const wanted = typeof typed === 'string' ? chosenId(choicesOf(list), typed) : undefined;
    const [one = null] = wanted === undefined ? [] : await subscriptions.list(actor, [wanted]);
    const query = readUsageQuery({ ...req.query, ...(wanted !== undefined && { subscription: wanted }) }, clock.now(), one?.period ?? null);
    // An id that is not among ours looks like one that does not exist.
    if (query.subscriptionId !== null && !one) throw new AppError('not-found');
    return { query, list, one, chosen: list.filter(({ id }) => wanted === undefined || id === wanted) };
  }

  /** Names of what these rows are split by. */
  async function namesFor(req: Request, by: Split, chosen: readonly SubscriptionRow[], rows: readonly UsageRow[]): Promise<Map<string, string>> {
    if (by === 'subscription') return new Map(chosen.map(({ id, productName }) => [id, productName]));
    if (by !== 'app' && by !== 'credential') return new Map();
    const mine = new Map((await apps.list(actorOf(req))).map(({ app }) => [app._id, app.name]));
    if (by === 'app') return mine;
    const named = await credentials.names(
      actorOf(req),
      rows.map(({ key }) => key),
    );
    return new Map([...named].map(([id, { appId, hint, name }]) => [id, [mine.get(appId), name || hint].filter(Boolean).join(': ')]));
  }

  const usageOf = ({ query, chosen }: Asked, req: Request, by: Parameters<typeof metering.usage>[1]['by']) =>
    metering.usage(actorOf(req), { subscriptionIds: chosen.map(({ id }) => id), from: query.from, to: query.to, by });

  const filterModel = ({ query, list }: Asked) => ({
    controls: usageControls(query, query.subscriptionId !== null),
    which: formModel(
      { subscription: choiceSpec(WHICH, [{ id: '', label: 'All APIs', typed: '' }, ...choicesOf(list)], '') },
      { subscription: query.subscriptionId === null ? '' : choiceValue([{ id: '', label: '', typed: '' }, ...choicesOf(list)], query.subscriptionId) },
    ).subscription,
    any: list.length > 0,
  });

  /** Which of the many is meant? Running ones first. */
  function choosing(req: Request, res: Response, question: Asked): void {
    const { query, chosen } = question;
    const shown = pageOfList([...chosen.filter(({ live }) => live), ...chosen.filter(({ live }) => !live)], pageOf(req.query['page']), APIS_PAGE_SIZE);
    const link = new URL(usageLink('/usage', query), 'http://portal.invalid');
    page(res, 'buyer/usage', {
      ...filterModel(question),
      many: shown.rows.map(({ id, planTitle, productName, status }) => ({
        name: productName,
        plan: planTitle,
        state: status,
        href: usageLink('/usage', query, { subscriptionId: id }),
      })),
      manyTotal: shown.total,
      pages: pagination('/usage', Object.fromEntries(link.searchParams), shown),
    });
  }

  router.get('/usage', may('market:usage:get'), async (req, res) => {
    const question = await asked(req);
    const { query, list, chosen } = question;
    // Figures of many subscriptions are told for each by itself.
    if (chosen.length > FIGURES_MAX) return choosing(req, res, question);
    const [{ rows, asOf }, over, periods] = await Promise.all([
      usageOf(question, req, query.by),
      usageOf(question, req, chartUnit(query)),
      overview.periodsIn(
        (
          await subscriptions.list(
            actorOf(req),
            chosen.map(({ id }) => id),
          )
        ).map(({ subscription }) => subscription),
        query.from,
        query.to,
      ),
    ]);
    const shown = pageOfList(mostCallsFirst(rows), pageOf(req.query['page']), ROWS_PAGE_SIZE);
    const link = new URL(usageLink('/usage', query), 'http://portal.invalid');
    const nameOf = new Map(list.map(({ id, productName }) => [id, productName]));
    page(res, 'buyer/usage', {
      ...filterModel(question),
      asOf,
      split: SPLIT_WORDS[query.by],
      rows: usageRows(shown.rows, await namesFor(req, query.by, chosen, shown.rows), query.by),
      pages: shown.total > shown.size ? pagination('/usage', Object.fromEntries(link.searchParams), shown) : null,
      totals: usageTotals(rows),
      chart: usageChart(over.rows, query),
      periods: periods.map(({ period, invoice }) => ({
        name: nameOf.get(period.subscriptionId) ?? '',
        subscriptionId: period.subscriptionId,
        from: period.startAt,
        to: period.endAt,
        state: invoice ? 'invoiced' : period.status === 'open' ? 'counted' : 'rated',
        invoiceId: invoice?._id ?? null,
      })),
      calls: query.subscriptionId === null ? null : usageLink('/usage/calls', query),
      callLinks:
        query.subscriptionId === null
          ? list.slice(0, FIGURES_MAX).map(({ id, productName }) => ({ name: productName, href: usageLink('/usage/calls', query, { subscriptionId: id }) }))
          : [],
    });
  });

  router.get('/usage.csv', may('market:usage:get'), async (req, res) => {
    const question = await asked(req);
    const { query, chosen } = question;
    const { rows, asOf } = await usageOf(question, req, query.by);
    const names = await namesFor(req, query.by, chosen, rows);
    sendCsv(
      res,
      `usage-by-${query.by}.csv`,
      ['from', 'to', 'as_of', query.by, 'name', 'calls', 'billed_calls', 'billed_units', 'failed_calls', 'bytes_out'],
      [
        ...usageRows(mostCallsFirst(rows), names, query.by).map((row) => [
          isoUtc(query.from),
          isoUtc(query.to),
          isoUtc(asOf),
          row.key,
          row.name,
          row.calls,
          row.billable,
          row.units,
          row.failed,
          row.bytesOut,
        ]),
      ],
    );
  });

  router.get('/usage/calls', may('market:usage:get'), async (req, res) => {
    const { query, one } = await asked(req);
    if (query.subscriptionId === null || !one) throw new AppError('not-found', 'Choose one API: its calls are listed on their own.');
    const calls = await metering.calls(actorOf(req), query.subscriptionId, query.from, query.to);
    const current = pageOf(req.query['page']);
    const link = new URL(usageLink('/usage/calls', query), 'http://portal.invalid');
    page(res, 'buyer/calls', {
      name: one.product.name,
      subscriptionId: one.subscription._id,
      words: usageControls(query, false).words,
      back: usageLink('/usage', query),
      total: calls.length,
      calls: slice(calls, current, CALLS_PAGE_SIZE).rows.map((call) => ({
        id: call.id,
        iso: isoUtc(call.at),
        when: secondWords(call.at),
        method: call.method,
        path: call.path,
        statusCode: call.status,
        outcome: outcomeWords(call.outcome),
        ms: call.totalMs,
        upstreamMs: call.upstreamMs,
        private: call.via !== '',
        billable: call.billable,
        reason: call.reason,
      })),
      pages: pagination('/usage/calls', Object.fromEntries(link.searchParams), { page: current, size: CALLS_PAGE_SIZE, total: calls.length }),
    });
  });
  return router;
}
