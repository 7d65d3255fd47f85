import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Attempts } from '../../cache/attempts.ts';
import type { Services } from '../../services/index.ts';
import { count, counted } from '../counted.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, open } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { halfSignedIn } from '../sign-in.ts';
import { body, orAgain, part } from './provider-kit.ts';

const WORDS_MAX = 300;
const AskForm = z.strictObject({ words: field.title(WORDS_MAX) });
export const ReasonForm = z.strictObject({ reason: field.title(WORDS_MAX) });
const RemovalForm = z.strictObject({ password: z.string().min(1).max(200), passkeys: field.checkbox });

export const REASON: FieldSpec = {
  label: 'Reason',
  required: true,
  maxlength: WORDS_MAX,
  autocomplete: 'off',
  help: 'How you made sure who asks. It stands in the mail, and in the audit log of every organization concerned.',
};
const FIELDS = {
  ask: {
    words: {
      label: 'How can they reach you?',
      required: true,
      maxlength: WORDS_MAX,
      autocomplete: 'off',
      help: 'A telephone number, a desk, a colleague who knows you. Not your mail: whoever has your mailbox could answer it.',
    },
  },
  removal: {
    password: { label: 'Your password', type: 'password', required: true, autocomplete: 'current-password' },
    passkeys: { label: 'Remove my passkeys too', type: 'checkbox', help: 'If the device that is lost held them.' },
  },
} satisfies Record<string, Record<string, FieldSpec>>;

/** The way back for whoever has lost authenticator app and recovery codes: asking for the link, being sent it by an administrator, and following it. */
export function recoveryRoutes(
  { accounts, recovery, clock }: Pick<Services, 'accounts' | 'recovery' | 'clock'>,
  attempts: { readonly code: Attempts; readonly recovery: Attempts },
): Router {
  const router = Router();

  // Asking takes the password: a stranger can neither find out who has an account nor have letters written.
  const half = (req: Request) => halfSignedIn(req, accounts.user, clock.real());
  const asking = (res: Response, known: boolean, typed = {}, faults: Record<string, string> = {}, status = 200) =>
    page(res, 'account/recovery-ask', { known, form: formModel(FIELDS.ask, typed, faults) }, status);
  router.get('/sign-in/recovery', open, async (req, res) => asking(res, (await half(req)) !== undefined));
  router.post('/sign-in/recovery', open, async (req, res) => {
    const held = await half(req);
    if (!held) return res.redirect(303, '/sign-in/recovery');
    await orAgain(
      async () => {
        const { words } = parseForm(AskForm, req.body);
        await count(attempts.recovery, `ask ${held.user._id}`);
        const organization = await recovery.ask(actorOf(req), held.user, words);
        page(res, 'account/recovery-asked', { organization });
      },
      (faults, status) => asking(res, true, body(req), faults, status),
    );
  });

  const offered = async (req: Request, res: Response, faults: Record<string, string> = {}, status = 200) => {
    const token = part(req, 'token');
    const { user, by, passkeys, expiresAt } = await recovery.offer(token);
    const { passkeys: box, ...rest } = FIELDS.removal;
    const specs: Record<string, FieldSpec> = passkeys > 0 ? { ...rest, passkeys: box } : rest;
    page(res, 'account/recovery', { token, email: user.email, by, passkeys, expiresAt, form: formModel(specs, body(req), faults) }, status);
  };
  router.get('/recovery/:token', open, (req, res) => offered(req, res));
  router.post('/recovery/:token', open, (req, res) =>
    orAgain(
      async () => {
        const entries = parseForm(RemovalForm, req.body);
        const { user } = await recovery.offer(part(req, 'token'));
        await counted(attempts.code, user._id, () => recovery.remove(actorOf(req), part(req, 'token'), entries));
        flash(req, 'success', 'The second factor is removed. Sign in with your password, and set up a new one.');
        res.redirect(303, '/sign-in?next=/account/two-factor');
      },
      (faults, status) => offered(req, res, faults, status),
    ),
  );
  router.post('/recovery/:token/refusal', open, async (req, res) => {
    await recovery.refuse(actorOf(req), part(req, 'token'));
    flash(
      req,
      'success',
      'The link is void; your second factor stays. Somebody gave your name: tell your administrator, and choose a new password if in doubt.',
    );
    res.redirect(303, '/sign-in');
  });

  return router;
}
