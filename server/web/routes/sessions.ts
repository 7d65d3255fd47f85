import { Router } from 'express';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import { SESSIONS_PAGE_SIZE } from '../../services/sessions.ts';
import { flash } from '../flash.ts';
import { actorOf, may } from '../guards.ts';
import { browserWords } from '../present/browser.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { handleOf } from '../session-store.ts';
import { goOn } from '../sign-in.ts';
import { part, press } from './provider-kit.ts';

/** Where the own account is signed in, and how to end it there. */
export function sessionRoutes({ sessions }: Pick<Services, 'sessions'>): Router {
  const router = Router();

  router.get('/account/sessions', may('market:account:get'), async (req, res) => {
    const own = handleOf(req.sessionID);
    const number = pageOf(req.query['page']);
    const { rows, total, others } = await sessions.list(actorOf(req), own, number);
    page(res, 'account/sessions', {
      sessions: rows.map(({ _id, agent, address, openedAt, seenAt }) => ({
        handle: _id,
        browser: browserWords(agent),
        agent,
        address,
        openedAt,
        seenAt,
        current: _id === own,
      })),
      others,
      pages: total > SESSIONS_PAGE_SIZE ? pagination('/account/sessions', req.query, { page: number, size: SESSIONS_PAGE_SIZE, total }) : null,
      trail: [{ text: 'Account', href: '/account' }, { text: 'Sessions' }],
    });
  });

  router.post(
    '/account/sessions/:handle/revocation',
    may('market:account:update'),
    press(
      () => '/account/sessions',
      async (req) => {
        await sessions.revoke(actorOf(req), part(req, 'handle'));
        return 'That browser is signed out. Its next click leads to the sign-in.';
      },
    ),
  );
  router.post('/account/sessions/revocation', may('market:account:update'), async (req, res) => {
    const user = req.user;
    if (!user) throw new AppError('sign-in-required');
    await goOn(req, await sessions.revokeAll(actorOf(req), user));
    flash(req, 'success', 'Every other browser is signed out.');
    res.redirect(303, '/account/sessions');
  });
  return router;
}
