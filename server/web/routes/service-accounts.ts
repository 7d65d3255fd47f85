import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Actor } from '../../domain/actor.ts';
import { isAllowed } from '../../domain/rights.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Services } from '../../services/index.ts';
import type { ServiceAccountDoc } from '../../store/service-accounts.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { groupBoxes, policyBoxes, policyNames } from './access-kit.ts';
import { keysModel, readNewKey, readRotation, showKeyOnce } from './key-kit.ts';
import { afterRefusal, body, listed, many, orAgain, part, press, revisionOf } from './provider-kit.ts';

const AccountForm = z.strictObject({
  name: field.title(64),
  purpose: field.line(255),
  policies: z.unknown().optional().transform(many),
  groups: z.unknown().optional().transform(many),
  rev: z.string().optional(),
});
const StateForm = z.strictObject({ enabled: z.enum(['true', 'false']) });

const FIELDS = {
  name: { label: 'Name', required: true, maxlength: 64, help: 'The program that acts: “Deploy pipeline”.' },
  purpose: { label: 'Purpose', maxlength: 255, help: 'For your colleagues: what it is for, and who looks after it.' },
} satisfies Record<string, FieldSpec>;

const LIST = '/organization/service-accounts';

/** Service accounts: members that are programs, with their rights and keys. */
export function serviceAccountRoutes(
  { access, accessKeys, ids, serviceAccounts }: Pick<Services, 'access' | 'accessKeys' | 'ids' | 'serviceAccounts'>,
  { webUrl }: { readonly webUrl: string },
): Router {
  const router = Router();

  router.get('/organization/service-accounts', may('market:serviceAccounts:get'), async (req, res) => {
    const actor = actorOf(req);
    const [list, keys, policies, groups] = await Promise.all([
      serviceAccounts.rows(actor),
      accessKeys.list(actor),
      access.policies(actor),
      access.groups(actor),
    ]);
    const nameOf = policyNames(policies);
    const groupNames = new Map(groups.map(({ _id, name }) => [_id, name]));
    page(res, 'organization/service-accounts', {
      accounts: list.map((account) => {
        const held = keys.filter(({ holder, state }) => holder.id === account.id && state !== 'revoked' && state !== 'expired');
        const used = held.map(({ lastUsedAt }) => lastUsedAt ?? 0);
        return {
          id: account.id,
          name: account.name,
          purpose: account.purpose,
          enabled: account.disabledAt === null,
          policies: account.policies.map((id) => ({ name: nameOf(id) })),
          groups: account.groups.flatMap((id) => (groupNames.has(id) ? [{ id, name: groupNames.get(id) }] : [])),
          keys: held.length,
          lastUsedAt: Math.max(0, ...used) || null,
        };
      }),
      mayCreate: isAllowed(actor, 'market:serviceAccounts:create'),
    });
  });

  interface Faults {
    readonly account?: Record<string, string>;
    readonly key?: Record<string, string>;
  }
  async function show(
    req: Request,
    res: Response,
    account: ServiceAccountDoc | null,
    values: Record<string, unknown>,
    faults: Faults = {},
    status = 200,
  ): Promise<void> {
    const actor = actorOf(req);
    const [policies, groups, keys, ageDaysMax] = await Promise.all([
      access.policies(actor),
      access.groups(actor),
      account && isAllowed(actor, 'market:accessKeys:get') ? accessKeys.ofServiceAccount(actor, account._id) : null,
      accessKeys.ageDaysMax(actor),
    ]);
    const base = account ? `${LIST}/${account._id}` : LIST;
    const typedKey = faults.key ? { typed: body(req), faults: faults.key } : {};
    page(
      res,
      'organization/service-account',
      {
        account: account && {
          id: account._id,
          name: account.name,
          purpose: account.purpose,
          enabled: account.disabledAt === null,
          createdAt: account.createdAt,
        },
        action: base,
        rev: values['rev'] ?? account?.rev ?? '',
        form: formModel(FIELDS, values, faults.account),
        policies: policyBoxes(policies, many(values['policies'])),
        groups: groupBoxes(groups, many(values['groups'])),
        seesKeys: keys !== null,
        ...keysModel(keys ?? [], { base: `${base}/keys`, ageDaysMax, requestId: ids.uuid(), ...typedKey }),
        mayUpdate: account === null || isAllowed(actor, 'market:serviceAccounts:update'),
        mayDelete: account !== null && isAllowed(actor, 'market:serviceAccounts:delete'),
        mayCreate: isAllowed(actor, 'market:accessKeys:create'),
        mayRotate: isAllowed(actor, 'market:accessKeys:update'),
        mayRevoke: isAllowed(actor, 'market:accessKeys:delete'),
        trail: [{ text: 'Service accounts', href: LIST }, { text: account?.name ?? 'New service account' }],
      },
      status,
    );
  }
  const stored = ({ name, purpose, policies, groups, rev }: ServiceAccountDoc) => ({ name, purpose, policies, groups, rev });
  async function inWords(actor: Actor, { name, purpose, policies, groups }: ServiceAccountDoc): Promise<string> {
    const [own, within] = await Promise.all([access.policies(actor), access.groups(actor)]);
    const held = [...policies.map(policyNames(own)), ...within.filter(({ _id }) => groups.includes(_id)).map((group) => `the group “${group.name}”`)];
    return `its name is “${name}”, its purpose “${purpose}”, and it holds ${listed(held)}`;
  }
  const found = (req: Request) => serviceAccounts.get(actorOf(req), part(req, 'id'));
  const addressOf = (req: Request) => `${LIST}/${encodeURIComponent(part(req, 'id'))}`;

  router.get('/organization/service-accounts/new', may('market:serviceAccounts:create'), (req, res) => show(req, res, null, {}));
  router.post('/organization/service-accounts', may('market:serviceAccounts:create'), (req, res) =>
    orAgain(
      async () => {
        const { rev: _, ...fields } = parseForm(AccountForm, req.body);
        const account = await serviceAccounts.create(actorOf(req), fields);
        flash(req, 'success', 'The service account is there. Now create a key for its program.');
        res.redirect(303, `${LIST}/${account._id}`);
      },
      (account, status) => show(req, res, null, body(req), { account }, status),
    ),
  );
  router.get('/organization/service-accounts/:id', may('market:serviceAccounts:get'), async (req, res) => {
    const account = await found(req);
    await show(req, res, account, stored(account));
  });
  router.post('/organization/service-accounts/:id', may('market:serviceAccounts:update'), async (req, res) => {
    const { _id } = await found(req);
    await orAgain(
      async () => {
        const { rev: _, ...fields } = parseForm(AccountForm, req.body);
        await serviceAccounts.update(actorOf(req), _id, revisionOf(req), fields);
        flash(req, 'success', 'Saved. Its keys act with these rights from their next request on.');
        res.redirect(303, addressOf(req));
      },
      async (faults, status) => {
        const now = await found(req);
        const told = afterRefusal(req, { status, faults, what: 'this service account', rev: now.rev, now: await inWords(actorOf(req), now) });
        await show(req, res, now, { ...body(req), rev: told.rev }, { account: told.faults }, status);
      },
    );
  });
  router.post(
    '/organization/service-accounts/:id/state',
    may('market:serviceAccounts:update'),
    press(addressOf, async (req) => {
      const enabled = parseForm(StateForm, req.body).enabled === 'true';
      await serviceAccounts.setEnabled(actorOf(req), part(req, 'id'), enabled);
      return enabled ? 'It is enabled: its keys work again.' : 'It is disabled: its keys are refused from now on.';
    }),
  );
  router.post('/organization/service-accounts/:id/deletion', may('market:serviceAccounts:delete'), async (req, res) => {
    const { name } = await found(req);
    await serviceAccounts.remove(actorOf(req), part(req, 'id'));
    flash(req, 'success', `The service account “${name}” is deleted, and its keys with it.`);
    res.redirect(303, LIST);
  });

  /** The key must be one of the service account in the address. */
  async function keyOf(req: Request) {
    const account = await found(req);
    const key = await accessKeys.get(actorOf(req), part(req, 'keyId'), 'organization');
    if (key.holder.id !== account._id) throw new AppError('not-found');
    return { account, key };
  }
  const place = (account: ServiceAccountDoc) => {
    const back = `${LIST}/${account._id}`;
    return {
      webUrl,
      back,
      trail: [
        { text: 'Service accounts', href: LIST },
        { text: account.name, href: back },
      ],
    };
  };

  router.post('/organization/service-accounts/:id/keys', may('market:accessKeys:create'), async (req, res) => {
    const account = await found(req);
    await orAgain(
      async () => showKeyOnce(res, await accessKeys.createFor(actorOf(req), account._id, readNewKey(req)), place(account)),
      (key, status) => show(req, res, account, stored(account), { key }, status),
    );
  });
  router.post('/organization/service-accounts/:id/keys/:keyId/rotation', may('market:accessKeys:update'), async (req, res) => {
    const { account, key } = await keyOf(req);
    const { overlap, requestId } = readRotation(req);
    const issued = await accessKeys.rotate(actorOf(req), key.id, 'organization', overlap, requestId);
    const { hint, endsAt } = await accessKeys.get(actorOf(req), key.id, 'organization');
    showKeyOnce(res, issued, { ...place(account), replaced: { hint, endsAt: overlap === 'now' ? null : endsAt } });
  });
  router.post(
    '/organization/service-accounts/:id/keys/:keyId/revocation',
    may('market:accessKeys:delete'),
    press(addressOf, async (req) => {
      const { key } = await keyOf(req);
      await accessKeys.revoke(actorOf(req), key.id, 'organization');
      return `${key.hint} is revoked: it is refused from now on.`;
    }),
  );
  return router;
}
