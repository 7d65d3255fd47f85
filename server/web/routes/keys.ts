import { Router, type Request, type Response } from 'express';
import { isWorking } from '../../domain/access-key.ts';
import { isAllowed } from '../../domain/rights.ts';
import type { AccessKeyView } from '../../services/access-key-views.ts';
import type { Services } from '../../services/index.ts';
import { slice } from '../../services/kept-lists.ts';
import { actorOf, may } from '../guards.ts';
import { keyModel } from '../present/access-key.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { keysModel, readNewKey, readRotation, showKeyOnce } from './key-kit.ts';
import { body, orAgain, part, press } from './provider-kit.ts';

const PAGE_SIZE = 25;

/** What the list of an organization's keys can be narrowed to. */
const STATES = {
  working: { label: 'Those that work', takes: ({ state }: AccessKeyView) => isWorking(state) || state === 'too-old' },
  ending: { label: 'End soon, or are too old', takes: ({ state }: AccessKeyView) => state === 'expiring' || state === 'too-old' },
  unused: { label: 'Never used', takes: ({ state, lastUsedAt }: AccessKeyView) => isWorking(state) && lastUsedAt === null },
  ended: { label: 'Ended', takes: ({ state }: AccessKeyView) => state === 'revoked' || state === 'expired' },
  all: { label: 'All', takes: () => true },
} as const;
type State = keyof typeof STATES;

const OWN = '/account/keys';
const ACCOUNT = [{ text: 'Account', href: '/account' }];

/** Access keys: a person's own, and all of the organization. */
export function keyRoutes({ accessKeys, accounts, ids }: Pick<Services, 'accessKeys' | 'accounts' | 'ids'>, { webUrl }: { readonly webUrl: string }): Router {
  const router = Router();

  async function own(req: Request, res: Response, faults?: Record<string, string>, status = 200): Promise<void> {
    const actor = actorOf(req);
    const [keys, memberships, ageDaysMax] = await Promise.all([accessKeys.own(actor), accounts.memberships(actor.userId), accessKeys.ageDaysMax(actor)]);
    const nameOf = new Map(memberships.map(({ organization }) => [organization._id, organization.name]));
    const here = keys.filter(({ organizationId }) => organizationId === actor.organizationId);
    const elsewhere = keys.filter((key) => key.organizationId !== actor.organizationId && (isWorking(key.state) || key.state === 'too-old'));
    page(
      res,
      'account/keys',
      {
        ...keysModel(here, { base: OWN, ageDaysMax, requestId: ids.uuid(), ...(faults && { typed: body(req), faults }) }),
        organization: nameOf.get(actor.organizationId) ?? null,
        elsewhere: elsewhere.map((key) => ({ ...keyModel(key, OWN), organization: nameOf.get(key.organizationId) ?? key.organizationId })),
        mayCreate: actor.organizationId !== '' && isAllowed(actor, 'market:ownKeys:create'),
        mayRotate: isAllowed(actor, 'market:ownKeys:update'),
        mayRevoke: isAllowed(actor, 'market:ownKeys:delete'),
        trail: [...ACCOUNT, { text: 'Access keys' }],
      },
      status,
    );
  }
  const trail = [...ACCOUNT, { text: 'Access keys', href: OWN }];

  router.get('/account/keys', may('market:ownKeys:get'), (req, res) => own(req, res));
  router.post('/account/keys', may('market:ownKeys:create'), (req, res) =>
    orAgain(
      async () => showKeyOnce(res, await accessKeys.createOwn(actorOf(req), readNewKey(req)), { webUrl, back: OWN, trail }),
      (faults, status) => own(req, res, faults, status),
    ),
  );
  router.post('/account/keys/:id/rotation', may('market:ownKeys:update'), async (req, res) => {
    const actor = actorOf(req);
    const { overlap, requestId } = readRotation(req);
    const issued = await accessKeys.rotate(actor, part(req, 'id'), 'own', overlap, requestId);
    const { hint, endsAt } = await accessKeys.get(actor, part(req, 'id'), 'own');
    showKeyOnce(res, issued, { webUrl, back: OWN, trail, replaced: { hint, endsAt: overlap === 'now' ? null : endsAt } });
  });
  router.post(
    '/account/keys/:id/revocation',
    may('market:ownKeys:delete'),
    press(
      () => OWN,
      async (req) => `${(await accessKeys.revoke(actorOf(req), part(req, 'id'), 'own')).hint} is revoked: it is refused from now on.`,
    ),
  );

  router.get('/organization/keys', may('market:accessKeys:get'), async (req, res) => {
    const actor = actorOf(req);
    const [all, ageDaysMax] = await Promise.all([accessKeys.list(actor), accessKeys.ageDaysMax(actor)]);
    const asked = String(req.query['q'] ?? '').slice(0, 200);
    const state: State = Object.hasOwn(STATES, String(req.query['state'])) ? (String(req.query['state']) as State) : 'working';
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter((key) => {
      const text = `${key.name} ${key.hint} ${key.accessKey ?? ''} ${key.holder.name} ${key.holder.email}`.toLowerCase();
      return STATES[state].takes(key) && words.every((word) => text.includes(word));
    });
    const number = pageOf(req.query['page']);
    page(res, 'organization/keys', {
      query: asked,
      states: Object.entries(STATES).map(([value, { label }]) => ({ value, label, selected: value === state })),
      any: all.length > 0,
      total: found.length,
      keys: slice(found, number, PAGE_SIZE).rows.map((key) => keyModel(key, '/organization/keys')),
      old: all.filter((key) => key.state === 'too-old').length,
      ending: all.filter((key) => key.state === 'expiring' && !key.replaced).length,
      ageDaysMax,
      mayRevoke: isAllowed(actor, 'market:accessKeys:delete'),
      seesMembers: isAllowed(actor, 'market:members:get'),
      seesAccounts: isAllowed(actor, 'market:serviceAccounts:get'),
      pages: pagination('/organization/keys', req.query, { page: number, size: PAGE_SIZE, total: found.length }),
    });
  });
  router.post(
    '/organization/keys/:id/revocation',
    may('market:accessKeys:delete'),
    press(
      () => '/organization/keys',
      async (req) => `${(await accessKeys.revoke(actorOf(req), part(req, 'id'), 'organization')).hint} is revoked: it is refused from now on.`,
    ),
  );
  return router;
}
