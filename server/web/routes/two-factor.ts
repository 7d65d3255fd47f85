import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Attempts } from '../../cache/attempts.ts';
import { totpAddress } from '../../domain/totp.ts';
import { AppError } from '../../kernel/errors.ts';
import { hasSecondFactor } from '../../services/accounts.ts';
import type { Services } from '../../services/index.ts';
import type { UserDoc } from '../../store/accounts.ts';
import { counted } from '../counted.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may, open } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { qrPicture } from '../present/qr.ts';
import { page } from '../render.ts';
import { factorsOf, goOn, halfSignedIn, signIn } from '../sign-in.ts';

const password = z.string().min(1).max(200);
const code = z.string().trim().min(1).max(40);
const CodeForm = z.strictObject({ code });
const PasswordForm = z.strictObject({ password });
const BothForm = z.strictObject({ password, code });

const passwordField: FieldSpec = { label: 'Present password', type: 'password', required: true, autocomplete: 'current-password' };
const codeField: FieldSpec = { label: 'Code of your app', required: true, autocomplete: 'one-time-code', maxlength: 40 };
const anyCode: FieldSpec = { ...codeField, label: 'Code', help: 'Six digits from your authenticator app, or one of your recovery codes.' };
const FIELDS = {
  begin: { password: passwordField },
  confirm: { code: codeField },
  both: { password: passwordField, code: anyCode },
  signIn: { code: anyCode },
};

/** The key for a camera, for a finger and for an app on this device. */
function pendingModel(secret: string, email: string) {
  const address = totpAddress(secret, email, 'Tollgate');
  return { secret: secret.replace(/(.{4})(?=.)/g, '$1 '), address, picture: qrPicture(address) };
}

type Faults = Readonly<Partial<Record<'begin' | 'confirm' | 'renew' | 'remove', Readonly<Record<string, string>>>>>;

/** The second step of signing in, and the authenticator app of the own account. */
export function twoFactorRoutes(
  { accounts, passkeys, secondFactor, signOnFlow, clock }: Pick<Services, 'accounts' | 'passkeys' | 'secondFactor' | 'signOnFlow' | 'clock'>,
  attempts: { readonly code: Attempts },
): Router {
  const router = Router();

  /** Guesses of a code, and of the password beside it, are counted by the account. */
  const guessed = <T>(userId: string, run: () => Promise<T>): Promise<T> => counted(attempts.code, userId, run);

  const faultsOf = (error: unknown): Readonly<Record<string, string>> => {
    if (error instanceof AppError && error.code === 'invalid-form') return error.fields;
    if (error instanceof AppError && error.code === 'too-many-attempts') return { '': error.detail };
    throw error;
  };
  const statusOf = (error: unknown): number => (error instanceof AppError ? error.status : 500);

  const half = (req: Request) => halfSignedIn(req, accounts.user, clock.real());
  /** The code's page; a passkey does in its place, for who has one. */
  const codePage = async (res: Response, { user, next }: { user: UserDoc; next: string }, faults: Readonly<Record<string, string>> = {}, status = 200) =>
    page(
      res,
      'account/sign-in-code',
      { form: formModel(FIELDS.signIn, {}, faults), offersPasskey: (await passkeys.ofUser(user._id)).length > 0, next },
      status,
    );

  router.get('/sign-in/code', open, async (req, res) => {
    const held = await half(req);
    if (!held) return res.redirect(303, '/sign-in');
    await codePage(res, held);
  });
  router.post('/sign-in/code', open, async (req, res) => {
    const held = await half(req);
    if (!held) return res.redirect(303, '/sign-in');
    try {
      const entries = parseForm(CodeForm, req.body);
      await guessed(held.user._id, () => secondFactor.prove(held.user, entries.code));
    } catch (error) {
      await accounts.codeRefused(actorOf(req), held.user._id);
      return codePage(res, held, faultsOf(error), statusOf(error));
    }
    if (held.by.link) await signOnFlow.complete(actorOf(req), held.by.link);
    await signIn(req, held.user, [...held.by.factors, 'totp']);
    await accounts.signedIn(actorOf(req), held.user._id);
    res.redirect(303, held.next);
  });

  async function settings(req: Request, res: Response, faults: Faults = {}, status = 200): Promise<void> {
    const user = await accounts.user(actorOf(req).userId);
    if (!user) throw new AppError('not-found');
    const secret = secondFactor.pendingSecret(user);
    page(
      res,
      'account/two-factor',
      {
        on: hasSecondFactor(user),
        codesLeft: user.secondFactor?.recovery.length ?? 0,
        pending: secret === null ? null : pendingModel(secret, user.email),
        begin: formModel(FIELDS.begin, {}, faults.begin, 'begin-'),
        confirm: formModel(FIELDS.confirm, {}, faults.confirm, 'confirm-'),
        renew: formModel(FIELDS.both, {}, faults.renew, 'renew-'),
        remove: formModel(FIELDS.both, {}, faults.remove, 'remove-'),
      },
      status,
    );
  }

  /** Run one of the page's forms; when its entries are refused, the page comes back with the faults beside them. */
  const form = (name: keyof Faults, run: (req: Request, res: Response) => Promise<void>) => async (req: Request, res: Response) => {
    try {
      await run(req, res);
    } catch (error) {
      await settings(req, res, { [name]: faultsOf(error) }, statusOf(error));
    }
  };

  router.get('/account/two-factor', may('market:account:get'), (req, res) => settings(req, res));
  router.post(
    '/account/two-factor',
    may('market:account:update'),
    form('begin', async (req, res) => {
      const entries = parseForm(PasswordForm, req.body);
      await guessed(actorOf(req).userId, () => secondFactor.begin(actorOf(req), entries.password));
      res.redirect(303, '/account/two-factor');
    }),
  );
  router.post(
    '/account/two-factor/confirmation',
    may('market:account:update'),
    form('confirm', async (req, res) => {
      const entries = parseForm(CodeForm, req.body);
      const { user, codes } = await guessed(actorOf(req).userId, () => secondFactor.confirm(actorOf(req), entries.code));
      await goOn(req, user, [...new Set([...factorsOf(req), 'totp' as const])]);
      page(res, 'account/recovery-codes', { codes, on: true });
    }),
  );
  router.post(
    '/account/two-factor/recovery-codes',
    may('market:account:update'),
    form('renew', async (req, res) => {
      const entries = parseForm(BothForm, req.body);
      const codes = await guessed(actorOf(req).userId, () => secondFactor.renewRecovery(actorOf(req), entries.password, entries.code));
      page(res, 'account/recovery-codes', { codes, on: false });
    }),
  );
  router.post(
    '/account/two-factor/off',
    may('market:account:update'),
    form('remove', async (req, res) => {
      const entries = parseForm(BothForm, req.body);
      const user = await guessed(actorOf(req).userId, () => secondFactor.remove(actorOf(req), entries.password, entries.code));
      await goOn(
        req,
        user,
        factorsOf(req).filter((factor) => factor !== 'totp'),
      );
      flash(req, 'success', 'The second factor is off. Other browsers have been signed out.');
      res.redirect(303, '/account/two-factor');
    }),
  );
  return router;
}
