import { Router } from 'express';
import { isAllowed } from '../../domain/rights.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { actorOf, may, ruleUnmet } from '../guards.ts';
import { attentionFirst, FIGURES_MAX, overviewModel, rowModel } from '../present/buyer.ts';
import { exampleCurl, exampleOf } from '../present/credential.ts';
import { firstRun } from '../present/first-run.ts';
import { firstOpen } from '../present/navigation.ts';
import { page, pageData } from '../render.ts';

const DAY_MS = 86_400_000;

/** Who bought nothing may be here to sell, or to operate: say where that is done. */
const workElsewhere = (organization: { readonly sells: boolean; readonly operates: boolean } | null) =>
  organization?.operates
    ? { text: 'You operate this marketplace.', label: 'Products that wait for a review', href: '/admin/reviews' }
    : organization?.sells
      ? { text: 'This page is for what you buy.', label: 'To what you sell', href: '/selling' }
      : null;

/** How everything that is bought stands; for a newcomer, what comes next. */
export function dashboardRoutes({
  apps,
  clock,
  metering,
  overview,
  publicListener,
  storefront,
  subscriptions,
}: Pick<Services, 'apps' | 'clock' | 'metering' | 'overview' | 'publicListener' | 'storefront' | 'subscriptions'>): Router {
  const router = Router();
  router.get('/dashboard', may('market:account:get'), async (req, res) => {
    const actor = actorOf(req);
    if (actor.restrictions?.length) throw ruleUnmet(actor);
    // Everybody begins here, also who may only keep gateways, or nothing yet.
    if (!isAllowed(actor, 'market:subscriptions:get')) {
      const { organization, may: allows } = pageData(res);
      const first = firstOpen(organization, allows);
      if (first === undefined)
        flash(
          req,
          'info',
          `Nothing is open to you here yet besides your account. Ask an administrator${organization ? ` of ${organization.name}` : ''} for rights.`,
        );
      return res.redirect(303, first ?? '/account');
    }
    const [rows, mine] = await Promise.all([subscriptions.rows(actor), apps.list(actor)]);
    const standing = rows.filter((row) => row.live);
    const few = standing.length <= FIGURES_MAX;
    const now = clock.now();
    const live = await overview.some(
      actor,
      (few ? standing : standing.filter(({ anchorAt }) => anchorAt !== null).slice(0, 1)).map(({ id }) => id),
    );
    const running = live.filter(({ subscription }) => subscription.anchorAt !== null);
    const pending = standing.find(({ anchorAt }) => anchorAt === null);
    const lastDay = new Map(
      few
        ? (
            await metering.usage(actor, {
              subscriptionIds: running.map(({ subscription }) => subscription._id),
              from: now - DAY_MS,
              to: now + 1,
              by: 'subscription',
            })
          ).rows.map(({ key, calls }) => [key, calls])
        : [],
    );
    const first = running[0];
    const listing = first ? await publicListener.reached(actor, await storefront.listing(first.product.slug)) : undefined;
    const example = listing ? exampleOf(listing) : null;
    const boundApp = first?.bindings[0]?.app._id ?? mine[0]?.app._id;
    // Who has been through a period, or a subscription, is no newcomer, also when this period has no call yet.
    const called =
      !few ||
      lastDay.size > 0 ||
      running.some(({ used, period }) => used.places > 0n || (period?.index ?? 0) > 0) ||
      rows.some((row) => row.anchorAt !== null && !row.live);
    page(res, 'buyer/dashboard', {
      many: few
        ? []
        : attentionFirst(standing)
            .slice(0, FIGURES_MAX)
            .map((row) => rowModel(row, now)),
      total: standing.length,
      subscriptions: (few ? live : []).map((one) => ({ ...overviewModel(one), lastDay: lastDay.get(one.subscription._id) ?? 0n })),
      asOf: running[0]?.asOf ?? null,
      steps: firstRun(
        { subscribed: running.length > 0, app: mine.length > 0, credential: mine.some(({ liveCredentials }) => liveCredentials > 0), called },
        {
          pending: pending ? `/subscriptions/${pending.id}` : null,
          credential: boundApp ? `/apps/${boundApp}#new-key` : '/apps',
          call: first ? `/subscriptions/${first.subscription._id}#call` : '/apis',
        },
      ),
      example: !called && example ? { name: example.apiName, curl: exampleCurl(example) } : null,
      any: rows.length > 0,
      work: rows.length > 0 ? null : workElsewhere(pageData(res).organization),
    });
  });
  return router;
}
