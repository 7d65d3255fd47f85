import { Router } from 'express';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { actorOf, may } from '../guards.ts';
import { address, pageOf, pagination, placeOf } from '../present/pagination.ts';
import { page } from '../render.ts';

const WEBHOOK_STATES = [
  { text: 'All', state: undefined },
  { text: 'Unhandled', state: 'received' },
  { text: 'Given up', state: 'dead' },
] as const;
/** The state that the query asks for; undefined: all. */
const stateOf = (query: Readonly<Record<string, unknown>>) => WEBHOOK_STATES.find(({ state }) => state === query['state'])?.state;
const webhooksPlace = ({ page: number, ...query }: Readonly<Record<string, unknown>>): string =>
  address('', { state: stateOf(query), page: pageOf(number) === 1 ? undefined : String(pageOf(number)) });

/** The operator's pages: periods and closing one by hand, queues, webhooks, nodes. */
export function operationRoutes({ operations, clock }: Pick<Services, 'operations' | 'clock'>): Router {
  const router = Router();

  router.get('/admin', may('platform:periods:get'), (_req, res) => res.redirect(303, '/admin/reviews'));

  router.get('/admin/periods', may('platform:periods:get'), async (req, res) => {
    const numbers = { due: pageOf(req.query['page']), closed: pageOf(req.query['closed']) };
    const { due, closed, ...rest } = await operations.periods(actorOf(req), numbers);
    page(res, 'admin/periods', {
      ...rest,
      due: due.rows,
      duePages: pagination('/admin/periods', req.query, due),
      closed: closed.rows,
      closedPages: pagination('/admin/periods', req.query, closed, 'closed'),
      place: placeOf(req.query, 'page', 'closed'),
      now: clock.now(),
    });
  });
  router.post('/admin/periods/:id/closing', may('platform:periods:close'), async (req, res) => {
    const result = await operations.closePeriod(actorOf(req), String(req.params['id']));
    flash(req, result.done ? 'success' : 'warning', result.text);
    res.redirect(303, `/admin/periods${placeOf(req.query, 'page', 'closed')}`);
  });
  router.post('/admin/totals/audits', may('platform:totals:update'), async (req, res) => {
    const { windows, wrong } = await operations.auditTotals(actorOf(req));
    const compared = `${windows} ${windows === 1 ? 'window' : 'windows'} compared`;
    flash(req, wrong === 0 ? 'success' : 'warning', wrong === 0 ? `${compared}: totals and batches agree.` : `${compared}: ${wrong} differ, see below.`);
    res.redirect(303, '/admin/periods');
  });
  router.post('/admin/totals/:subscriptionId/:window/recount', may('platform:totals:update'), async (req, res) => {
    const left = await operations.recount(actorOf(req), String(req.params['subscriptionId']), String(req.params['window']));
    flash(
      req,
      left === 0 ? 'success' : 'warning',
      left === 0 ? 'Counted anew: totals and batches agree.' : 'Some totals still differ; calls came in meanwhile. Try again.',
    );
    res.redirect(303, '/admin/periods');
  });

  router.get('/admin/queues', may('platform:queues:get'), async (req, res) => page(res, 'admin/queues', await operations.queues(actorOf(req))));
  router.post('/admin/queues/:name/retry', may('platform:queues:update'), async (req, res) => {
    const retried = await operations.retryFailed(actorOf(req), String(req.params['name']));
    flash(req, 'success', retried === 1 ? 'One failed job runs again.' : `${retried} failed jobs run again.`);
    res.redirect(303, '/admin/queues');
  });

  router.get('/admin/webhooks', may('platform:webhooks:get'), async (req, res) => {
    const state = stateOf(req.query);
    const { position, ...found } = await operations.webhooks(actorOf(req), state ?? null, pageOf(req.query['page']));
    page(res, 'admin/webhooks', {
      ...found,
      tabs: WEBHOOK_STATES.map((one) => ({ text: one.text, href: address('/admin/webhooks', { state: one.state }), current: one.state === state })),
      only: { waiting: state === 'received', givenUp: state === 'dead' },
      pages: pagination('/admin/webhooks', { state }, position),
      place: webhooksPlace(req.query),
    });
  });
  router.post('/admin/webhooks/:id/replay', may('platform:webhooks:update'), async (req, res) => {
    await operations.replay(actorOf(req), String(req.params['id']));
    flash(req, 'success', 'The event is handled again; what it did before is not done twice.');
    res.redirect(303, `/admin/webhooks${webhooksPlace(req.query)}`);
  });

  router.get('/admin/nodes', may('platform:nodes:get'), async (req, res) => page(res, 'admin/nodes', await operations.nodes(actorOf(req))));
  router.post('/admin/nodes/:node/retirement', may('platform:nodes:update'), async (req, res) => {
    const node = String(req.params['node']);
    if (!(await operations.retire(actorOf(req), node))) throw new AppError('not-found');
    flash(req, 'success', `${node} is retired: it no longer holds the watermark.`);
    res.redirect(303, '/admin/nodes');
  });
  return router;
}
