import type { Request, RequestHandler } from 'express';
import { isOperator, type Actor } from '../domain/actor.ts';
import { kindOf, type Action } from '../domain/actions.ts';
import { decide, explain, isAllowed, looksAtResources, type Target } from '../domain/rights.ts';
import { AppError } from '../kernel/errors.ts';
import type { Access } from '../services/access.ts';
import type { UnmetRule } from '../domain/organization-rules.ts';
import type { Accounts } from '../services/accounts.ts';
import type { OrganizationRulesService } from '../services/organization-rules.ts';
import { signInOf } from './sign-in.ts';
import { namedIn, targetOf, type NamedThings } from './targets.ts';

declare module 'express-serve-static-core' {
  interface Request {
    id: string;
    /** When it came, epoch ms of the real clock. */
    at: number;
    actor?: Actor;
    /** Rules of the organization acted for that this sign-in does not fulfil. */
    unmet?: readonly UnmetRule[];
    /** What only the store knows of the things an address names; asked for only where the actor's policies look at single things. */
    surroundings?: (named: NamedThings) => Promise<{ readonly group: string | null; readonly tags: Readonly<Record<string, string>> | null }>;
  }
}

/** What `may` refused: the page of the refusal leads to its reasons. Left in `res.locals.refused`. */
export interface Refused {
  readonly action: Action;
  readonly target: Target;
}

/** A guard that names what it lets through; the tidy test finds exactly one on every route. */
export type Guard = RequestHandler & { readonly action: Action | 'public' };

const guard = (action: Action | 'public', handler: RequestHandler): Guard => Object.assign(handler, { action });

/**
 * The one check on every route: is somebody signed in, and may this member do that to what the address names? What the member may not even see answers
 * like what does not exist, as does a platform page to everybody else; a refusal names the statement that decides.
 */
export const may = (action: Action): Guard =>
  guard(action, async (req, res, next) => {
    const actor = req.actor;
    if (!actor || actor.userId === '') throw new AppError('sign-in-required');
    if (action.startsWith('platform:') && !isOperator(actor)) throw new AppError('not-found');
    const named = namedIn(req.path);
    const looks = looksAtResources(actor);
    const { group = null, tags = null } = looks ? ((await req.surroundings?.(named)) ?? {}) : {};
    // An API of another gateway under the address of one that the actor may see.
    if (looks && named.api !== undefined && group === null) throw new AppError('not-found');
    const things = { ...named, ...placeOf(req, named), ...(named.api !== undefined && group !== null && { group }) };
    const target = targetOf(action, things);
    const decision = decide(actor, action, target, tags);
    if (!decision.allowed) {
      const seeing = SEEING[kindOf(action)];
      const names = Object.keys(named).length > 0;
      if (decision.because === 'rule') throw ruleUnmet(actor);
      if (names && seeing && !decide(actor, seeing, targetOf(seeing, things), tags).allowed) throw new AppError('not-found');
      res.locals['refused'] = { action, target } satisfies Refused;
      throw new AppError('forbidden', `${explain(decision, action)} Ask an administrator of your organization.`);
    }
    next();
  });

/** What a page answers that the organization's rules close to this sign-in. */
export const ruleUnmet = ({ restrictions = [] }: Actor): AppError => new AppError('organization-rule', restrictions.join(' '));

/** A new API comes into a group of the gateway, which the form names. */
function placeOf(req: Request, named: NamedThings): { readonly group?: string } {
  const given = (req.body as Record<string, unknown> | undefined)?.['groupId'] ?? req.query['group'];
  return named.gateway !== undefined && named.group === undefined && named.api === undefined && typeof given === 'string' && given !== ''
    ? { group: given }
    : {};
}

/** By kind, the right to see one. */
const SEEING: Readonly<Record<string, Action>> = {
  api: 'apig:apis:get',
  gateway: 'apig:instances:get',
  group: 'apig:groups:get',
  product: 'market:products:get',
  subscription: 'market:subscriptions:get',
};

/** Open to everybody, signed in or not. */
export const open: Guard = guard('public', (_req, _res, next) => next());

/** Who acts in this request; a visitor has no user and no organization. */
export function actorOf(req: Request): Actor {
  return req.actor ?? { kind: 'user', userId: '', organizationId: '', policies: [], address: req.ip ?? '', requestId: req.id };
}

/** Make the actor from the session: the user, the chosen organization (or the oldest), and the policies held in it now. */
export function identify(
  accounts: Pick<Accounts, 'memberships'>,
  access: Pick<Access, 'policiesOf' | 'surroundings'>,
  rules: Pick<OrganizationRulesService, 'unmet'>,
): RequestHandler {
  return async (req, res, next) => {
    const user = req.user;
    if (!user) return next();
    const memberships = await accounts.memberships(user._id);
    const current = memberships.find(({ organization }) => organization._id === req.session.organizationId) ?? memberships[0];
    const unmet = current ? rules.unmet(current.organization, signInOf(req)) : [];
    req.unmet = unmet;
    const actor: Actor = {
      kind: 'user',
      userId: user._id,
      organizationId: current?.organization._id ?? '',
      policies: ['Self', ...(current ? await access.policiesOf(current.organization, current.membership) : [])],
      address: req.ip ?? '',
      requestId: req.id,
      at: req.at,
      restrictions: unmet.map(({ words }) => words),
    };
    req.actor = actor;
    req.surroundings = (named) => access.surroundings(actor, named);
    res.locals['page'] = {
      ...(res.locals['page'] as object),
      user: { name: user.name, email: user.email },
      organization: current
        ? {
            id: current.organization._id,
            name: current.organization.name,
            sells: current.organization.seller !== null,
            operates: current.organization.kind === 'platform',
          }
        : null,
      may: (action: Action) => isAllowed(actor, action),
      organizations: memberships.map(({ organization }) => ({ id: organization._id, name: organization.name })),
    };
    next();
  };
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Cross-site request forgery: Sec-Fetch-Site decides, where a browser sends none the Origin does; nothing is decided by a token. */
export function sameOrigin(webUrl: string): RequestHandler {
  const origin = new URL(webUrl).origin;
  return (req, _res, next) => {
    if (SAFE.has(req.method)) return next();
    const site = req.headers['sec-fetch-site'];
    const trusted = site === undefined ? req.headers.origin === origin : site === 'same-origin';
    if (!trusted) throw new AppError('untrusted-origin');
    next();
  };
}
