import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Attempts } from '../../cache/attempts.ts';
import { isAllowed } from '../../domain/rights.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import type { TestStep } from '../../services/sign-on-test.ts';
import { count } from '../counted.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { pageOf, pagination, placeOf } from '../present/pagination.ts';
import { page } from '../render.ts';
import { groupBoxes, policyBoxes } from './access-kit.ts';
import { body, many, orAgain, part, press, revisionOf } from './provider-kit.ts';

const rev = z.string();
const ids = z.unknown().optional().transform(many);
const ConnectionForm = z.strictObject({
  issuer: z.string().trim().min(1).max(512),
  clientId: field.title(200),
  clientSecret: z.string().max(500).default(''),
  rev,
});
const RulesForm = z.strictObject({ admits: field.checkbox, policies: ids, groups: ids, required: field.checkbox, breakGlass: ids, rev });
const DomainForm = z.strictObject({ domain: z.string().trim().min(1).max(253) });
const ConfirmForm = z.strictObject({ evidence: field.title(500) });

const FIELDS = {
  connection: {
    issuer: {
      label: 'Issuer',
      type: 'url',
      required: true,
      maxlength: 512,
      placeholder: 'https://login.example.com',
      help: 'As its discovery document says it, letter by letter.',
    },
    clientId: { label: 'Client id', required: true, maxlength: 200, autocomplete: 'off' },
    clientSecret: { label: 'Client secret', type: 'password', maxlength: 500, autocomplete: 'off' },
  },
  rules: {
    admits: {
      label: 'Let new people in',
      type: 'checkbox',
      help: 'Whoever signs in with an address of your confirmed domains becomes a member. Without this, only those you invite.',
    },
    required: {
      label: 'Require single sign-on',
      type: 'checkbox',
      help: 'Members with an address of your confirmed domains cannot sign in by password or passkey any more. Their open sessions end when you save this.',
    },
  },
  domain: { domain: { label: 'Domain', required: true, maxlength: 253, placeholder: 'example.com', autocomplete: 'off' } },
  confirm: {
    evidence: {
      label: 'What you saw',
      required: true,
      maxlength: 500,
      help: 'For example: TXT record seen, with date; signed contract; answer from the domain’s registrar.',
    },
  },
} satisfies Record<string, Record<string, FieldSpec>>;

const OUTCOMES: Readonly<Record<TestStep['outcome'], { readonly word: string; readonly tone: string }>> = {
  ok: { word: 'Right', tone: 'good' },
  warning: { word: 'Mind this', tone: 'warn' },
  failed: { word: 'Failed', tone: 'bad' },
  skipped: { word: 'Not tried', tone: 'quiet' },
};

interface Faults {
  readonly form: 'connection' | 'rules' | 'domain';
  readonly fields: Readonly<Record<string, string>>;
}

/** Single sign-on as an organization sets it up, and the domains that operators confirm. */
export function signOnSettingsRoutes(
  { access, signOn, signOnFlow }: Pick<Services, 'access' | 'signOn' | 'signOnFlow'>,
  { webUrl }: { webUrl: string },
  attempts: { readonly address: Attempts },
): Router {
  const router = Router();
  const HOME = '/organization/single-sign-on';

  async function settings(
    req: Request,
    res: Response,
    { faults, steps, status = 200 }: { faults?: Faults; steps?: readonly TestStep[]; status?: number } = {},
  ) {
    const actor = actorOf(req);
    const [connection, domains, policies, groups, administrators] = await Promise.all([
      signOn.connection(actor),
      signOn.domains(actor),
      access.policies(actor),
      access.groups(actor),
      signOn.administrators(actor),
    ]);
    const faultsOf = (form: Faults['form']) => (faults?.form === form ? faults.fields : undefined);
    const typed = (form: Faults['form'], stored: object | null): Record<string, unknown> => (faultsOf(form) ? body(req) : { ...stored });
    const rules = typed('rules', connection);
    const { clientSecret, ...rest } = FIELDS.connection;
    const secretHelp = connection
      ? 'Stored encrypted and never shown again. Leave it empty to keep the present one.'
      : 'Stored encrypted and never shown again.';
    page(
      res,
      'organization/sign-on',
      {
        exists: connection !== null,
        rev: String(connection?.rev ?? 0),
        redirectUri: `${webUrl}/sign-in/sso/callback`,
        mayUpdate: isAllowed(actor, 'market:signOn:update'),
        connection: formModel(
          { ...rest, clientSecret: { ...clientSecret, required: connection === null, help: secretHelp } },
          typed('connection', connection),
          faultsOf('connection'),
          'connection-',
        ),
        facts: connection && { issuer: connection.issuer, clientId: connection.clientId, admits: connection.admits, required: connection.required },
        rules: formModel(FIELDS.rules, rules, faultsOf('rules'), 'rules-'),
        rulesFaults: Object.entries(faultsOf('rules') ?? {}).flatMap(([name, text]) => (Object.hasOwn(FIELDS.rules, name) ? [] : [text])),
        policies: policyBoxes(policies, many(rules['policies']), 'rules-'),
        groups: groupBoxes(groups, many(rules['groups']), 'rules-'),
        breakGlass: administrators
          .filter(({ owner }) => !owner)
          .map(({ user }, index) => ({
            id: `rules-glass-${index}`,
            value: user._id,
            label: user.name,
            help: user.email,
            checked: many(rules['breakGlass']).includes(user._id),
          })),
        owner: administrators.find(({ owner }) => owner)?.user.name ?? '',
        domains: domains.map(({ domain, confirmed, confirmedAt, claimedAt }) => ({ domain, confirmed, confirmedAt, claimedAt })),
        domain: formModel(FIELDS.domain, typed('domain', null), faultsOf('domain'), 'domain-'),
        steps: steps?.map(({ title, text, outcome }) => ({ title, text, ...OUTCOMES[outcome] })) ?? null,
      },
      status,
    );
  }

  const form = (name: Faults['form'], done: string, run: (req: Request) => Promise<void>) => (req: Request, res: Response) =>
    orAgain(
      async () => {
        await run(req);
        flash(req, 'success', done);
        res.redirect(303, HOME);
      },
      (fields, status) => settings(req, res, { faults: { form: name, fields }, status }),
    );

  router.get(HOME, may('market:signOn:get'), (req, res) => settings(req, res));
  router.post(
    HOME,
    may('market:signOn:update'),
    form('connection', 'The issuer is saved. Test the connection next.', async (req) => {
      const { rev: _, ...fields } = parseForm(ConnectionForm, req.body);
      await signOn.save(actorOf(req), revisionOf(req), fields);
    }),
  );
  router.post(
    `${HOME}/rules`,
    may('market:signOn:update'),
    form('rules', 'The rules are saved.', async (req) => {
      const { rev: _, ...rules } = parseForm(RulesForm, req.body);
      await signOn.setRules(actorOf(req), revisionOf(req), rules);
    }),
  );
  router.post(`${HOME}/test`, may('market:signOn:update'), async (req, res) => {
    const connection = await signOn.connection(actorOf(req));
    if (!connection) throw new AppError('conflict', 'There is no issuer yet that could be tested.');
    await count(attempts.address, `sign-on-test ${connection._id}`);
    await settings(req, res, { steps: await signOnFlow.test(connection) });
  });
  router.post(`${HOME}/removal`, may('market:signOn:update'), async (req, res) => {
    await signOn.remove(actorOf(req));
    flash(req, 'success', 'Single sign-on is removed. Members sign in by password or passkey.');
    res.redirect(303, HOME);
  });
  router.post(
    `${HOME}/domains`,
    may('market:signOn:update'),
    form('domain', 'The domain is on the list. It counts once an operator has confirmed it.', async (req) => {
      await signOn.claimDomain(actorOf(req), parseForm(DomainForm, req.body).domain);
    }),
  );
  router.post(`${HOME}/domains/:domain/removal`, may('market:signOn:update'), async (req, res) => {
    await signOn.removeDomain(actorOf(req), part(req, 'domain'));
    flash(req, 'success', 'The domain is removed.');
    res.redirect(303, HOME);
  });

  const claimsAgain = (req: Request): string => `/admin/domains${placeOf(req.query, 'page', 'confirmed')}`;
  async function claims(req: Request, res: Response, faults?: { readonly id: string; readonly fields: Record<string, string> }, status = 200) {
    const numbers = { waiting: pageOf(req.query['page']), confirmed: pageOf(req.query['confirmed']) };
    const { waiting, confirmed } = await signOn.claims(actorOf(req), numbers);
    page(
      res,
      'admin/domains',
      {
        place: placeOf(req.query, 'page', 'confirmed'),
        waitingPages: pagination('/admin/domains', req.query, waiting),
        confirmedPages: pagination('/admin/domains', req.query, confirmed, 'confirmed'),
        waiting: waiting.rows.map(({ _id, domain, organization, organizationId, claimedAt }, index) => ({
          id: _id,
          domain,
          organization,
          organizationId,
          claimedAt,
          open: faults?.id === _id,
          form: formModel(FIELDS.confirm, faults?.id === _id ? body(req) : {}, faults?.id === _id ? faults.fields : undefined, `confirm-${index}-`),
        })),
        confirmed: confirmed.rows.map(({ _id, domain, organization, confirmedAt, evidence }) => ({ id: _id, domain, organization, confirmedAt, evidence })),
      },
      status,
    );
  }
  router.get('/admin/domains', may('platform:domains:get'), (req, res) => claims(req, res));
  router.post('/admin/domains/:id/confirmation', may('platform:domains:decide'), (req, res) =>
    orAgain(
      async () => {
        await signOn.confirmDomain(actorOf(req), part(req, 'id'), parseForm(ConfirmForm, req.body).evidence);
        flash(req, 'success', 'The domain is confirmed.');
        res.redirect(303, claimsAgain(req));
      },
      (fields, status) => claims(req, res, { id: part(req, 'id'), fields }, status),
    ),
  );
  router.post(
    '/admin/domains/:id/withdrawal',
    may('platform:domains:decide'),
    press(claimsAgain, async (req) => {
      await signOn.withdrawConfirmation(actorOf(req), part(req, 'id'));
      return 'The confirmation is withdrawn.';
    }),
  );
  return router;
}
