import { Router } from 'express';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import { SESSIONS_SHOWN_MAX } from '../../services/sessions.ts';
import { flash } from '../flash.ts';
import { actorOf, may } from '../guards.ts';
import { browserWords } from '../present/browser.ts';
import { page } from '../render.ts';
import { handleOf } from '../session-store.ts';
import { goOn } from '../sign-in.ts';
import { part, press } from './provider-kit.ts';

/** Where the own account is signed in, and how to end it there. */
export function sessionRoutes({ sessions }: Pick<Services, 'sessions'>): Router {
  const router = Router();

  router.get('/account/sessions', may('market:account:get'), async (req, res) => {
    const own = handleOf(req.sessionID);
    const all = await sessions.list(actorOf(req));
    // This one first, so that nobody has to search for it.
    const shown = [...all.filter(({ _id }) => _id === own), ...all.filter(({ _id }) => _id !== own)].slice(0, SESSIONS_SHOWN_MAX);
    page(res, 'account/sessions', {
      sessions: shown.map(({ _id, agent, address, openedAt, seenAt }) => ({
        handle: _id,
        browser: browserWords(agent),
        agent,
        address,
        openedAt,
        seenAt,
        current: _id === own,
      })),
      others: all.length - (all.some(({ _id }) => _id === own) ? 1 : 0),
      more: all.length - shown.length,
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
