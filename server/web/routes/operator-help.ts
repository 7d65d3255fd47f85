import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Attempts } from '../../cache/attempts.ts';
import { SUSPENSION_HOURS_MAX } from '../../domain/organization-rules.ts';
import type { Services } from '../../services/index.ts';
import { OBSTACLE_WORDS } from '../../services/recovery.ts';
import { count } from '../counted.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { rulesInWords } from '../present/organization-rules.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { body, orAgain, part, press } from './provider-kit.ts';
import { REASON, ReasonForm } from './recovery.ts';

const SuspensionForm = ReasonForm.extend({
  hours: z
    .string()
    .trim()
    .refine(
      (text) => /^[0-9]{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= SUSPENSION_HOURS_MAX,
      `Write a whole number from 1 to ${SUSPENSION_HOURS_MAX}`,
    )
    .transform(Number),
});
const FIND_CHARS_MAX = 254;

const WHY: FieldSpec = {
  ...REASON,
  help: 'Who asked, and how you made sure that they speak for the organization. Its administrators and both audit logs get it.',
};
const FIELDS = {
  find: {
    find: {
      label: 'E-mail address of an account, or id of an organization',
      type: 'search',
      required: true,
      maxlength: FIND_CHARS_MAX,
      placeholder: 'name@example.com',
    },
  },
  recovery: { reason: REASON },
  suspension: {
    hours: {
      label: 'For',
      inputmode: 'numeric',
      suffix: 'hours',
      required: true,
      maxlength: 2,
      help: `1 to ${SUSPENSION_HOURS_MAX}; then the rules count again by themselves.`,
    },
    reason: WHY,
  },
  addresses: { reason: WHY },
} satisfies Record<string, Record<string, FieldSpec>>;
const HOURS_OFFERED = '2';

interface Faults {
  readonly form: 'addresses' | 'suspension';
  readonly fields: Record<string, string>;
}

/** How operators help who is locked out: an account without its second factor, an organization behind its own rules. */
export function operatorHelpRoutes(
  { recovery, ruleSuspensions }: Pick<Services, 'recovery' | 'ruleSuspensions'>,
  attempts: { readonly recovery: Attempts },
): Router {
  const router = Router();

  router.get('/admin/accounts', may('platform:accounts:get'), async (req, res) => {
    const actor = actorOf(req);
    const typed = typeof req.query['find'] === 'string' ? req.query['find'].trim().slice(0, FIND_CHARS_MAX) : '';
    if (/^org_\w+$/.test(typed)) return res.redirect(303, `/admin/organizations/${typed}`);
    const found = typed === '' ? null : await recovery.find(actor, typed);
    if (found) return res.redirect(303, `/admin/accounts/${found._id}`);
    const faults = typed === '' ? undefined : { find: 'There is no account with this address.' };
    const asked = await recovery.asked(actor, pageOf(req.query['page']));
    page(
      res,
      'admin/accounts',
      {
        pages: pagination('/admin/accounts', {}, asked),
        form: formModel(FIELDS.find, { find: typed }, faults),
        asked: asked.rows.map(({ user, ask }) => ({ id: user._id, name: user.name, email: user.email, askedAt: ask.askedAt, words: ask.words })),
      },
      faults ? 404 : 200,
    );
  });

  const account = async (req: Request, res: Response, faults?: Record<string, string>, status = 200) => {
    const { user, secondFactor, passkeys, ask, obstacle, memberships } = await recovery.account(actorOf(req), part(req, 'id'));
    page(
      res,
      'admin/account',
      {
        trail: [{ text: 'Accounts', href: '/admin/accounts' }, { text: user.name }],
        account: { id: user._id, name: user.name, email: user.email, createdAt: user.createdAt, proved: user.verifiedAt !== null, secondFactor, passkeys },
        ask: ask && { askedAt: ask.askedAt, words: ask.words },
        obstacle: obstacle && OBSTACLE_WORDS[obstacle],
        organizations: memberships.map(({ organization, membership }) => ({
          id: organization._id,
          name: organization.name,
          owner: organization.ownerId === user._id,
          since: membership.createdAt,
        })),
        open: faults !== undefined,
        form: formModel(FIELDS.recovery, faults ? body(req) : {}, faults),
      },
      status,
    );
  };
  router.get('/admin/accounts/:id', may('platform:accounts:get'), (req, res) => account(req, res));
  router.post('/admin/accounts/:id/recovery', may('platform:accounts:recover'), (req, res) =>
    orAgain(
      async () => {
        const { reason } = parseForm(ReasonForm, req.body);
        await count(attempts.recovery, `link ${actorOf(req).organizationId} ${part(req, 'id')}`);
        await recovery.sendToAccount(actorOf(req), part(req, 'id'), reason);
        flash(req, 'success', 'The link is on its way to their own address. Nothing changes before they confirm it with their password.');
        res.redirect(303, `/admin/accounts/${encodeURIComponent(part(req, 'id'))}`);
      },
      (faults, status) => account(req, res, faults, status),
    ),
  );

  const organization = async (req: Request, res: Response, faults?: Faults, status = 200) => {
    const { organization: found, rules, suspension, members } = await ruleSuspensions.view(actorOf(req), part(req, 'id'));
    const faultsOf = (form: Faults['form']) => (faults?.form === form && status !== 409 ? faults.fields : undefined);
    const typed = (form: Faults['form'], otherwise = {}) => (faultsOf(form) ? body(req) : otherwise);
    page(
      res,
      'admin/organization',
      {
        trail: [{ text: 'Accounts', href: '/admin/accounts' }, { text: found.name }],
        organization: { id: found._id, name: found.name, createdAt: found.createdAt, ownerId: found.ownerId, members, sells: found.seller !== null },
        rules: { words: rulesInWords(rules), addresses: rules.addresses.length, set: rules.rev > 0 },
        suspension,
        // The form it is about may be gone with what it would have changed.
        refused: (status === 409 && faults?.fields['']) || null,
        operators: found.kind === 'platform',
        suspending: formModel(FIELDS.suspension, typed('suspension', { hours: HOURS_OFFERED }), faultsOf('suspension'), 'suspension-'),
        lifting: formModel(FIELDS.addresses, typed('addresses'), faultsOf('addresses'), 'addresses-'),
        suspendingOpen: faultsOf('suspension') !== undefined,
        liftingOpen: faultsOf('addresses') !== undefined,
      },
      status,
    );
  };
  const addressOf = (req: Request) => `/admin/organizations/${encodeURIComponent(part(req, 'id'))}`;
  const form = (name: Faults['form'], run: (req: Request) => Promise<string>) => (req: Request, res: Response) =>
    orAgain(
      async () => {
        flash(req, 'success', await run(req));
        res.redirect(303, addressOf(req));
      },
      (fields, status) => organization(req, res, { form: name, fields }, status),
    );

  router.get('/admin/organizations/:id', may('platform:organizations:get'), (req, res) => organization(req, res));
  router.post(
    '/admin/organizations/:id/suspension',
    may('platform:organizations:update'),
    form('suspension', async (req) => {
      const { hours, reason } = parseForm(SuspensionForm, req.body);
      await ruleSuspensions.suspend(actorOf(req), part(req, 'id'), hours, reason);
      return `The rules are suspended for ${hours} h. The administrators have been told.`;
    }),
  );
  router.post(
    '/admin/organizations/:id/suspension/end',
    may('platform:organizations:update'),
    press(addressOf, async (req) => {
      await ruleSuspensions.resume(actorOf(req), part(req, 'id'));
      return 'The rules count again.';
    }),
  );
  router.post(
    '/admin/organizations/:id/address-rule/end',
    may('platform:organizations:update'),
    form('addresses', async (req) => {
      await ruleSuspensions.liftAddresses(actorOf(req), part(req, 'id'), parseForm(ReasonForm, req.body).reason);
      return 'The list of addresses is gone. The administrators have been told.';
    }),
  );
  return router;
}
