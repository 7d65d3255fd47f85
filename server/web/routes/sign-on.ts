import { Router, type Request } from 'express';
import { z } from 'zod';
import type { Attempts } from '../../cache/attempts.ts';
import { networkOf } from '../../domain/address.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import { count } from '../counted.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, open } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { safePath } from '../safe-path.ts';
import { saveSession, signIn, signInHalf } from '../sign-in.ts';
import { body, orAgain } from './provider-kit.ts';

const DepartForm = z.strictObject({ email: field.email, next: field.line(500) });
const FIELDS = {
  email: { label: 'E-mail address at your organization', type: 'email', required: true, autocomplete: 'username', maxlength: 254 },
} satisfies Record<string, FieldSpec>;
const QUERY_CHARS_MAX = 8_192;

/** Signing in at the issuer of one's organization, and coming back from it. */
export function signOnRoutes(
  { accounts, signOnFlow, clock }: Pick<Services, 'accounts' | 'signOnFlow' | 'clock'>,
  attempts: { readonly address: Attempts },
): Router {
  const router = Router();
  const nextOf = (value: unknown) => safePath(value, '/dashboard');

  router.get('/sign-in/sso', open, (req, res) => {
    const email = typeof req.query['email'] === 'string' ? req.query['email'].slice(0, 254) : '';
    page(res, 'account/sign-in-sso', { form: formModel(FIELDS, { email }), next: nextOf(req.query['next']) });
  });
  router.post('/sign-in/sso', open, (req, res) =>
    orAgain(
      async () => {
        const { email, next } = parseForm(DepartForm, req.body);
        await count(attempts.address, networkOf(req.ip ?? ''));
        const { address, host, departure } = await signOnFlow.depart(email, nextOf(next));
        req.session.signOn = departure;
        await saveSession(req);
        // A redirect after a form may lead only where the content policy says; a page that is left by itself may go anywhere.
        res.set('Refresh', `0; url=${address}`);
        page(res, 'account/sign-in-sso-go', { address, host });
      },
      (faults, status) => page(res, 'account/sign-in-sso', { form: formModel(FIELDS, body(req), faults), next: nextOf(body(req)['next']) }, status),
    ),
  );

  router.get('/sign-in/sso/callback', open, async (req, res) => {
    const departure = (req.session as Partial<Request['session']>).signOn;
    if (!departure && req.user) throw new AppError('single-sign-on-failed', 'You are signed in already: this address works once.');
    const query = new URL(req.originalUrl, 'http://localhost').search;
    if (query.length > QUERY_CHARS_MAX) throw new AppError('invalid-request');
    const { user, link, asksCode, factors, connection } = await signOnFlow.arrive(actorOf(req), departure, query);
    const next = departure?.next ?? '/dashboard';
    if (asksCode) {
      await signInHalf(req, user, next, clock.real(), { factors, link });
      return res.redirect(303, '/sign-in/code');
    }
    await signIn(req, user, factors);
    await accounts.signedIn(actorOf(req), user._id);
    req.session.organizationId = connection._id;
    await saveSession(req);
    res.redirect(303, next);
  });
  return router;
}
