import type { Request, RequestHandler } from 'express';
import { isOperator, type Actor } from '../domain/actor.ts';
import { decide, type Action } from '../domain/rights.ts';
import { AppError } from '../kernel/errors.ts';
import type { Accounts } from '../services/accounts.ts';

declare module 'express-serve-static-core' {
  interface Request {
    id: string;
    actor?: Actor;
  }
}

/** A guard that names what it lets through; the tidy test finds exactly one on every route. */
export type Guard = RequestHandler & { readonly action: Action | 'public' };

const guard = (action: Action | 'public', handler: RequestHandler): Guard => Object.assign(handler, { action });

/** The one check on every route: is somebody signed in, and may this member do that? A platform page looks missing to everybody else. */
export const may = (action: Action): Guard =>
  guard(action, (req, _res, next) => {
    const actor = req.actor;
    if (!actor || actor.userId === '') throw new AppError('sign-in-required');
    if (action.startsWith('platform:') && !isOperator(actor)) throw new AppError('not-found');
    if (!decide(actor, action)) throw new AppError('forbidden', `Your role here does not include “${action}”. Ask an administrator of your organization.`);
    next();
  });

/** Open to everybody, signed in or not. */
export const open: Guard = guard('public', (_req, _res, next) => next());

/** Who acts in this request; a visitor has no user and no organization. */
export function actorOf(req: Request): Actor {
  return req.actor ?? { kind: 'user', userId: '', organizationId: '', policies: [], address: req.ip ?? '', requestId: req.id };
}

/** Make the actor from the session: the user, the chosen organization (or the oldest), and the policies held in it now. */
export function identify(accounts: Pick<Accounts, 'memberships'>): RequestHandler {
  return async (req, res, next) => {
    const user = req.user;
    if (!user) return next();
    const memberships = await accounts.memberships(user._id);
    const current = memberships.find(({ organization }) => organization._id === req.session.organizationId) ?? memberships[0];
    req.actor = {
      kind: 'user',
      userId: user._id,
      organizationId: current?.organization._id ?? '',
      policies: ['Self', ...(current?.membership.policies ?? [])],
      address: req.ip ?? '',
      requestId: req.id,
    };
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
