import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { networkOf } from '../../domain/address.ts';
import { AppError } from '../../kernel/errors.ts';
import { hasSecondFactor } from '../../services/accounts.ts';
import type { Services } from '../../services/index.ts';
import type { Attempts } from '../../cache/attempts.ts';
import { refuseWait } from '../counted.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may, open } from '../guards.ts';
import type { makePassport } from '../passport.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { safePath } from '../safe-path.ts';
import { goOn, signIn, signInHalf, signOut } from '../sign-in.ts';

const SignUpForm = z.strictObject({ email: field.email, password: field.password, name: field.name, organization: field.name, next: field.line(500) });
const SignInForm = z.strictObject({ email: field.email, password: z.string().min(1).max(200), next: field.line(500) });
const ResetRequestForm = z.strictObject({ email: field.email });
const ResetForm = z.strictObject({ password: field.password });
const ProfileForm = z.strictObject({ name: field.name });
const PasswordForm = z.strictObject({ current: z.string().min(1).max(200), password: field.password });

const email: FieldSpec = { label: 'E-mail address', type: 'email', required: true, autocomplete: 'username', maxlength: 254 };
const newPassword: FieldSpec = {
  label: 'New password',
  type: 'password',
  required: true,
  autocomplete: 'new-password',
  help: 'At least 10 characters; a few words work well.',
};
const FIELDS = {
  signUp: {
    name: { label: 'Your name', required: true, autocomplete: 'name', maxlength: 80 },
    organization: { label: 'Organization', required: true, autocomplete: 'organization', maxlength: 80, help: 'Your company or team. It can sell and buy.' },
    email,
    password: { ...newPassword, label: 'Password' },
  },
  signIn: { email, password: { label: 'Password', type: 'password', required: true, autocomplete: 'current-password' } },
  resetRequest: { email },
  reset: { password: newPassword },
  profile: { name: { label: 'Your name', required: true, autocomplete: 'name', maxlength: 80 } },
  password: { current: { label: 'Present password', type: 'password', required: true, autocomplete: 'current-password' }, password: newPassword },
} satisfies Record<string, Record<string, FieldSpec>>;

/** Where to go after signing in: a path of this site, or the dashboard. */
export const safeNext = (next: unknown): string => safePath(next, '/dashboard');

/** Sign up, prove the address, sign in and out, reset the password, the own account. */
export function accountRoutes(
  { access, accounts, clock, passkeys, signOn }: Pick<Services, 'access' | 'accounts' | 'clock' | 'passkeys' | 'signOn'>,
  passport: ReturnType<typeof makePassport>,
  attempts: { readonly account: Attempts; readonly address: Attempts },
): Router {
  const router = Router();

  /** Run a form; when its entries are refused, the page comes back with what was typed. */
  const form =
    (
      view: string,
      fields: Record<string, FieldSpec>,
      run: (req: Request, res: Response) => Promise<void>,
      more: (req: Request) => Record<string, unknown> = () => ({}),
    ) =>
    async (req: Request, res: Response) => {
      try {
        await run(req, res);
      } catch (error) {
        if (!(error instanceof AppError) || !['invalid-form', 'sign-in-failed', 'too-many-attempts'].includes(error.code)) throw error;
        const faults = error.code === 'invalid-form' ? error.fields : { '': error.detail };
        page(
          res,
          view,
          { form: formModel(fields, req.body as Record<string, unknown>, faults), next: safeNext((req.body as { next?: unknown }).next), ...more(req) },
          error.status,
        );
      }
    };

  const accountKey = (req: Request, account: string): string => `${account.toLowerCase()}|${networkOf(req.ip ?? '')}`;

  async function slowDown(req: Request, account: string): Promise<void> {
    const waits = [await attempts.address.count(networkOf(req.ip ?? '')), await attempts.account.count(accountKey(req, account))];
    refuseWait(Math.max(...waits));
  }

  router.get('/sign-up', open, (req, res) => page(res, 'account/sign-up', { form: formModel(FIELDS.signUp), next: safeNext(req.query['next']) }));
  router.post(
    '/sign-up',
    open,
    form('account/sign-up', FIELDS.signUp, async (req, res) => {
      const entries = parseForm(SignUpForm, req.body);
      await slowDown(req, entries.email);
      await accounts.signUp(actorOf(req), entries);
      page(res, 'account/check-mail', { email: entries.email, purpose: 'sign-up' });
    }),
  );

  router.get('/verify/:token', open, (req, res) => page(res, 'account/verify', { token: req.params.token }));
  // A link in a mail is opened by scanners too: only a person's button uses it up.
  router.post('/verify/:token', open, async (req, res) => {
    await accounts.verify(actorOf(req), String(req.params['token']));
    flash(req, 'success', 'Your address is confirmed. Please sign in.');
    res.redirect(303, '/sign-in');
  });

  router.get('/sign-in', open, (req, res) => {
    if (req.user) return res.redirect(303, safeNext(req.query['next']));
    page(res, 'account/sign-in', { form: formModel(FIELDS.signIn), next: safeNext(req.query['next']) });
  });
  router.post(
    '/sign-in',
    open,
    form('account/sign-in', FIELDS.signIn, async (req, res) => {
      const entries = parseForm(SignInForm, req.body);
      await slowDown(req, entries.email);
      // Said of the domain, whatever the password: the answer must not tell whether it was right.
      const demand = await signOn.demand(entries.email);
      const user = await new Promise<Express.User>((resolve, reject) => {
        const answer = (error: unknown, found: Express.User | false, info?: { message?: string }) =>
          error ? reject(error as Error) : found ? resolve(found) : reject(new AppError('sign-in-failed', demand ?? info?.message));
        (passport.authenticate('local', answer) as (req: Request, res: Response, next: (error?: unknown) => void) => void)(req, res, reject);
      }).catch(async (error: unknown) => {
        if (error instanceof AppError && error.code === 'sign-in-failed') await accounts.passwordRefused(actorOf(req), entries.email);
        throw error;
      });
      if (demand !== null && (await signOn.demandedOf(user))) {
        await accounts.signOnDemanded(actorOf(req), user._id);
        throw new AppError('sign-in-failed', demand);
      }
      await attempts.account.clear(accountKey(req, entries.email));
      if (hasSecondFactor(user)) {
        await signInHalf(req, user, safeNext(entries.next), clock.real());
        return res.redirect(303, '/sign-in/code');
      }
      await signIn(req, user, ['password']);
      await accounts.signedIn(actorOf(req), user._id);
      res.redirect(303, safeNext(entries.next));
    }),
  );
  router.post('/sign-out', open, async (req, res) => {
    if (req.user) await accounts.signedOut(actorOf(req));
    await signOut(req);
    res.redirect(303, '/');
  });

  router.get('/password-reset', open, (_req, res) => page(res, 'account/password-reset', { form: formModel(FIELDS.resetRequest) }));
  router.post(
    '/password-reset',
    open,
    form('account/password-reset', FIELDS.resetRequest, async (req, res) => {
      const entries = parseForm(ResetRequestForm, req.body);
      await slowDown(req, entries.email);
      await accounts.requestReset(actorOf(req), entries.email);
      page(res, 'account/check-mail', { email: entries.email, purpose: 'reset' });
    }),
  );
  router.get('/password-reset/:token', open, async (req, res) => {
    if (!(await accounts.resetTokenLives(String(req.params['token']))))
      throw new AppError('not-found', 'This link has been used or has expired. Ask for a new one.');
    page(res, 'account/password-new', { form: formModel(FIELDS.reset), token: req.params['token'] });
  });
  router.post(
    '/password-reset/:token',
    open,
    form(
      'account/password-new',
      FIELDS.reset,
      async (req, res) => {
        const { password } = parseForm(ResetForm, req.body);
        await accounts.resetPassword(actorOf(req), String(req.params['token']), password);
        flash(req, 'success', 'Your password is changed. Please sign in.');
        res.redirect(303, '/sign-in');
      },
      (req) => ({ token: req.params['token'] }),
    ),
  );

  const account = async (req: Request, res: Response, faults: { profile?: Record<string, string>; password?: Record<string, string> } = {}, status = 200) => {
    const user = await accounts.user(actorOf(req).userId);
    page(
      res,
      'account/account',
      {
        email: user?.email ?? '',
        passkeys: (await passkeys.ofUser(actorOf(req).userId)).length,
        secondFactorOn: user !== null && hasSecondFactor(user),
        profile: formModel(FIELDS.profile, faults.profile ? (req.body as Record<string, unknown>) : { name: user?.name }, faults.profile, 'profile-'),
        password: formModel(FIELDS.password, {}, faults.password, 'password-'),
        memberships: await Promise.all(
          (await accounts.memberships(actorOf(req).userId)).map(async ({ organization, membership }) => ({
            id: organization._id,
            name: organization.name,
            policies: [...new Set((await access.policiesOf(organization, membership)).map((held) => (typeof held === 'string' ? held : held.name)))].join(', '),
            current: organization._id === actorOf(req).organizationId,
            owner: organization.ownerId === actorOf(req).userId,
          })),
        ),
      },
      status,
    );
  };
  router.get('/account', may('market:account:get'), (req, res) => account(req, res));
  router.post('/account/profile', may('market:account:update'), async (req, res) => {
    try {
      await accounts.rename(actorOf(req), parseForm(ProfileForm, req.body).name);
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid-form') return account(req, res, { profile: error.fields }, 422);
      throw error;
    }
    flash(req, 'success', 'Your name is saved.');
    res.redirect(303, '/account');
  });
  router.post('/account/password', may('market:account:update'), async (req, res) => {
    try {
      const { current, password } = parseForm(PasswordForm, req.body);
      // Whoever took over a session must not find out the password with it.
      const { userId } = actorOf(req);
      await slowDown(req, userId);
      const user = await accounts.changePassword(actorOf(req), current, password);
      await attempts.account.clear(accountKey(req, userId));
      await goOn(req, user);
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid-form') return account(req, res, { password: error.fields }, 422);
      if (error instanceof AppError && error.code === 'too-many-attempts') return account(req, res, { password: { '': error.detail } }, error.status);
      throw error;
    }
    flash(req, 'success', 'Your password is changed.');
    res.redirect(303, '/account');
  });
  router.post('/account/organization', may('market:account:update'), async (req, res) => {
    const { organizationId } = parseForm(z.strictObject({ organizationId: z.string().startsWith('org_') }), req.body);
    await accounts.chooseOrganization(actorOf(req), organizationId);
    req.session.organizationId = organizationId;
    res.redirect(303, '/dashboard');
  });
  return router;
}
