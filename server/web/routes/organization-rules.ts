import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { OrganizationRules, SignIn } from '../../domain/organization-rules.ts';
import { isAllowed } from '../../domain/rights.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { rulesInWords } from '../present/organization-rules.ts';
import { page } from '../render.ts';
import { signInOf } from '../sign-in.ts';
import { afterRefusal, body, orAgain, revisionOf } from './provider-kit.ts';

const KEY_DAYS_MAX = 3_650;
const SIGN_IN_HOURS_MAX = 8_760;

const whole = (max: number) =>
  z
    .string()
    .trim()
    .default('')
    .refine(
      (text) => text === '' || (/^[0-9]{1,6}$/.test(text) && Number(text) >= 1 && Number(text) <= max),
      `Write a whole number from 1 to ${max}, or leave it empty`,
    )
    .transform((text) => (text === '' ? null : Number(text)));

const RulesForm = z.strictObject({
  rev: z.string(),
  twoFactor: field.checkbox,
  addresses: field.text(20_000).transform((text) =>
    text
      .split(/[\n,;]/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  ),
  signInHoursMax: whole(SIGN_IN_HOURS_MAX),
  keyAgeDaysMax: whole(KEY_DAYS_MAX),
});

const FIELDS = {
  twoFactor: {
    label: 'Ask for two-factor sign-in',
    type: 'checkbox',
    help: 'A code of an app beside the password, a passkey, or a sign-in elsewhere that says it asked for two. Whoever has none sees nothing here until it is set up.',
  },
  addresses: {
    label: 'Addresses sign-ins may come from',
    type: 'textarea',
    rows: 5,
    help: 'One a line: an address, a block (203.0.113.0/24) or a range (203.0.113.1-203.0.113.9), IPv4 or IPv6. Empty: from everywhere.',
  },
  signInHoursMax: { label: 'Sign in again after', inputmode: 'numeric', suffix: 'hours', maxlength: 6, help: 'Empty: a sign-in lasts as long as its session.' },
  keyAgeDaysMax: {
    label: 'Greatest age of an access key',
    inputmode: 'numeric',
    suffix: 'days',
    maxlength: 6,
    help: 'Older keys are refused. Empty: any age.',
  },
} satisfies Record<string, FieldSpec>;

/** Rules of the organization above all policies: what every sign-in has to fulfil. */
export function organizationRulesRoutes({ organizationRules }: Pick<Services, 'organizationRules'>): Router {
  const router = Router();

  const asTyped = (rules: OrganizationRules) => ({ ...rules, addresses: rules.addresses.join('\n') });
  async function show(req: Request, res: Response, faults?: Record<string, string>, status = 200): Promise<void> {
    const actor = actorOf(req);
    const { rules, suspension } = await organizationRules.rules(actor);
    const told = faults && afterRefusal(req, { status, faults, what: 'the rules', rev: rules.rev, now: rulesInWords(rules) });
    page(
      res,
      'organization/rules',
      {
        form: formModel(FIELDS, faults ? body(req) : asTyped(rules), told?.faults),
        rev: told?.rev ?? String(rules.rev),
        address: actor.address,
        mayUpdate: isAllowed(actor, 'market:organization:update'),
        words: rulesInWords(rules),
        suspension,
      },
      status,
    );
  }

  router.get('/organization/rules', may('market:organization:get'), (req, res) => show(req, res));
  router.post('/organization/rules', may('market:organization:update'), (req, res) =>
    orAgain(
      async () => {
        const rev = revisionOf(req);
        const { twoFactor, addresses, signInHoursMax, keyAgeDaysMax } = parseForm(RulesForm, req.body);
        const signIn: SignIn = signInOf(req);
        await organizationRules.save(actorOf(req), rev, { twoFactor, addresses, signInHoursMax, keyAgeDaysMax }, signIn);
        flash(req, 'success', 'The rules are saved. They count from everybody’s next request on.');
        res.redirect(303, '/organization/rules');
      },
      (faults, status) => show(req, res, faults, status),
    ),
  );
  return router;
}
