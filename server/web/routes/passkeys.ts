import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Attempts } from '../../cache/attempts.ts';
import { networkOf } from '../../domain/address.ts';
import { AppError } from '../../kernel/errors.ts';
import { hasSecondFactor } from '../../services/accounts.ts';
import type { Services } from '../../services/index.ts';
import type { Challenge } from '../../services/passkeys.ts';
import { count, counted } from '../counted.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may, open } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { safePath } from '../safe-path.ts';
import { goOn, halfSignedIn, saveSession, signIn } from '../sign-in.ts';
import { body, orAgain, part } from './provider-kit.ts';

const RESPONSE_CHARS_MAX = 32_768;

/** What the browser's answer must at least be made of; what it says is for the verification to judge. */
const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/);
const credential = { id: base64url.min(1), rawId: base64url.min(1), type: z.literal('public-key'), clientExtensionResults: z.looseObject({}) };
const Registered = z.object({
  ...credential,
  response: z.object({ clientDataJSON: base64url, attestationObject: base64url, transports: z.array(z.string().max(32)).max(10).optional() }),
});
const Asserted = z.object({
  ...credential,
  response: z.object({ clientDataJSON: base64url, authenticatorData: base64url, signature: base64url, userHandle: base64url.optional() }),
});

const json = z
  .string()
  .max(RESPONSE_CHARS_MAX)
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('This is not the answer of a device.');
      return z.NEVER;
    }
  });
const ProofForm = z.strictObject({ name: field.title(64), password: z.string().min(1).max(200), code: z.string().trim().max(40).default('') });
const AddForm = z.strictObject({ response: json.pipe(Registered) });
const ChallengeForm = z.strictObject({ use: z.literal('sign-in') });
const SignInForm = z.strictObject({ response: json.pipe(Asserted), next: field.line(500) });
const NameForm = z.strictObject({ name: field.title(64) });
const RemoveForm = z.strictObject({ password: z.string().min(1).max(200) });

const password: FieldSpec = { label: 'Present password', type: 'password', required: true, autocomplete: 'current-password' };
const name: FieldSpec = { label: 'Name', required: true, maxlength: 64, placeholder: 'Laptop, phone, security key …', autocomplete: 'off' };
const code: FieldSpec = {
  label: 'Code',
  required: true,
  autocomplete: 'one-time-code',
  maxlength: 40,
  help: 'Six digits from your authenticator app, or one of your recovery codes.',
};
const FIELDS = { add: { name, password }, addWithCode: { name, password, code }, rename: { name }, remove: { password } };

type Purpose = NonNullable<Partial<Request['session']>['passkeyChallenge']>['purpose'];

/** Faults of one of the page's forms: which one, and of which passkey. */
interface Faults {
  readonly form: 'add' | 'rename' | 'remove';
  readonly id?: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Signing in with a passkey, and the passkeys of the own account. */
export function passkeyRoutes(
  { accounts, passkeys, signOn, signOnFlow, clock }: Pick<Services, 'accounts' | 'passkeys' | 'signOn' | 'signOnFlow' | 'clock'>,
  attempts: { readonly address: Attempts; readonly code: Attempts },
): Router {
  const router = Router();

  /** The challenge is this browser's: it stands in its session, until the first answer takes it. */
  async function keep(req: Request, purpose: Purpose, challenge: Challenge, name = ''): Promise<void> {
    req.session.passkeyChallenge = { ...challenge, purpose, name };
    await saveSession(req);
  }
  function take(req: Request, purpose: Purpose) {
    const held = (req.session as Partial<Request['session']>).passkeyChallenge;
    delete (req.session as Partial<Request['session']>).passkeyChallenge;
    return held?.purpose === purpose ? held : undefined;
  }

  router.post('/sign-in/passkey/challenge', open, async (req, res) => {
    parseForm(ChallengeForm, req.body);
    await count(attempts.address, networkOf(req.ip ?? ''));
    const { options, challenge } = await passkeys.beginSignIn();
    await keep(req, 'sign-in', challenge);
    res.type('json').send(JSON.stringify(options));
  });

  router.post('/sign-in/passkey', open, async (req, res) => {
    const half = await halfSignedIn(req, accounts.user, clock.real());
    const asked = half?.next ?? safePath(body(req)['next'], '/dashboard');
    try {
      const challenge = take(req, 'sign-in');
      const { response } = parseForm(SignInForm, req.body);
      const { user, passkeyId } = await passkeys.signIn(actorOf(req), challenge, response as AuthenticationResponseJSON);
      if (half && half.user._id !== user._id) throw new AppError('sign-in-failed', 'This passkey belongs to another account than the password.');
      // Single sign-on has brought him this far; alone, a passkey is another way in, which his organization may have closed.
      const bySignOn = half?.by.factors.some((factor) => factor !== 'password') ?? false;
      if (!bySignOn && (await signOn.demandedOf(user))) {
        await accounts.signOnDemanded(actorOf(req), user._id);
        throw new AppError('sign-in-failed', (await signOn.demand(user.email)) ?? undefined);
      }
      if (half?.by.link) await signOnFlow.complete(actorOf(req), half.by.link);
      await signIn(req, user, half ? [...half.by.factors, 'passkey'] : ['passkey'], passkeyId);
      await accounts.signedIn(actorOf(req), user._id);
    } catch (error) {
      if (!(error instanceof AppError) || !['invalid-form', 'sign-in-failed'].includes(error.code)) throw error;
      flash(req, 'error', error.code === 'invalid-form' ? 'Your device’s answer could not be read. Please try again.' : error.detail);
      return res.redirect(303, half ? '/sign-in/code' : `/sign-in?next=${encodeURIComponent(asked)}`);
    }
    res.redirect(303, asked);
  });

  async function settings(req: Request, res: Response, faults?: Faults, status = 200): Promise<void> {
    const user = await accounts.user(actorOf(req).userId);
    if (!user) throw new AppError('not-found');
    const faultsOf = (form: Faults['form'], id?: string) => (faults?.form === form && faults.id === id ? faults.fields : undefined);
    const added = faultsOf('add');
    page(
      res,
      'account/passkeys',
      {
        trail: [{ text: 'Account', href: '/account' }, { text: 'Passkeys' }],
        passkeys: (await passkeys.ofUser(user._id)).map(({ _id, name, createdAt, lastUsedAt, synced }, index) => ({
          id: _id,
          name,
          createdAt,
          lastUsedAt,
          synced,
          current: req.session.passkeyId === _id,
          rename: formModel(FIELDS.rename, faultsOf('rename', _id) ? body(req) : { name }, faultsOf('rename', _id), `rename-${index}-`),
          renaming: faultsOf('rename', _id) !== undefined,
          remove: formModel(FIELDS.remove, {}, faultsOf('remove', _id), `remove-${index}-`),
          removing: faultsOf('remove', _id) !== undefined,
        })),
        asksCode: hasSecondFactor(user),
        add: formModel(hasSecondFactor(user) ? FIELDS.addWithCode : FIELDS.add, added ? body(req) : {}, added, 'add-'),
      },
      status,
    );
  }

  router.get('/account/passkeys', may('market:account:get'), (req, res) => settings(req, res));
  router.post('/account/passkeys/challenge', may('market:account:update'), (req, res) =>
    orAgain(
      async () => {
        const { name, ...proof } = parseForm(ProofForm, req.body);
        const { options, challenge } = await counted(attempts.code, actorOf(req).userId, () => passkeys.beginAdding(actorOf(req), proof));
        await keep(req, 'add', challenge, name);
        page(res, 'account/passkey-new', {
          trail: [{ text: 'Account', href: '/account' }, { text: 'Passkeys', href: '/account/passkeys' }, { text: name }],
          name,
          options: JSON.stringify(options),
        });
      },
      (fields, status) => settings(req, res, { form: 'add', fields }, status),
    ),
  );
  router.post('/account/passkeys', may('market:account:update'), async (req, res) => {
    const challenge = take(req, 'add');
    try {
      const { response } = parseForm(AddForm, req.body);
      await passkeys.add(actorOf(req), { name: challenge?.name ?? '', challenge, response: response as RegistrationResponseJSON });
      flash(req, 'success', 'The passkey is added. Next time, sign in with it.');
    } catch (error) {
      if (!(error instanceof AppError) || !['already-exists', 'invalid-form', 'sign-in-failed'].includes(error.code)) throw error;
      flash(req, 'error', error.code === 'invalid-form' ? 'Your device’s answer could not be read. Please try again.' : error.detail);
    }
    res.redirect(303, '/account/passkeys');
  });
  router.post('/account/passkeys/:id/name', may('market:account:update'), (req, res) =>
    orAgain(
      async () => {
        await passkeys.rename(actorOf(req), part(req, 'id'), parseForm(NameForm, req.body).name);
        flash(req, 'success', 'The name is saved.');
        res.redirect(303, '/account/passkeys');
      },
      (fields, status) => settings(req, res, { form: 'rename', id: part(req, 'id'), fields }, status),
    ),
  );
  router.post('/account/passkeys/:id/removal', may('market:account:update'), (req, res) =>
    orAgain(
      async () => {
        const [id, entries] = [part(req, 'id'), parseForm(RemoveForm, req.body)];
        const { user, name } = await counted(attempts.code, actorOf(req).userId, () => passkeys.remove(actorOf(req), id, entries.password));
        if (req.session.passkeyId === id) {
          // The session it opened ends with it; who has just shown the password goes on in one of that.
          await goOn(req, user, ['password']);
        }
        flash(req, 'success', `“${name}” is removed. Browsers that it signed in are signed out.`);
        res.redirect(303, '/account/passkeys');
      },
      (fields, status) => settings(req, res, { form: 'remove', id: part(req, 'id'), fields }, status),
    ),
  );
  return router;
}
