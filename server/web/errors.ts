import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { AppError } from '../kernel/errors.ts';
import type { UnmetRule } from '../domain/organization-rules.ts';
import type { Log } from '../kernel/log.ts';
import { PROBLEMS } from '../kernel/problems.ts';
import { isAllowed } from '../domain/rights.ts';
import type { Audit } from '../services/audit.ts';
import type { Refused } from './guards.ts';
import { page } from './render.ts';

/** A page says it in HTML, a program gets problem+json (RFC 9457). */
const wantsJson = (accept: string | undefined, path: string): boolean =>
  path.endsWith('.json') ||
  /^\/(api\/v1|webhooks)(\/|$)/i.test(path) ||
  (accept !== undefined && /application\/(problem\+)?json/.test(accept) && !accept.includes('text/html'));

/** Links of mails carry their secret in the path: whoever reads the log must not be able to follow them. */
const loggable = (path: string): string => path.replace(/^\/(invitations|password-reset|recovery|verify)\/.*/is, '/$1/[secret]');

export const notFound: RequestHandler = () => {
  throw new AppError('not-found');
};

/** What a guard refused for want of a right leaves a trace where the organization's administrators look. */
export function recordRefusals(audit: Pick<Audit, 'refuse'>): ErrorRequestHandler {
  return async (error: unknown, req, res, next) => {
    const refused = res.locals['refused'] as Refused | undefined;
    if (req.actor && refused && error instanceof AppError && error.code === 'forbidden')
      await audit.refuse(req.actor, { action: refused.action, resource: refused.target.replace(/[/:]?\*?$/, '') || '*', because: error.detail });
    next(error);
  };
}

/** The outermost layer: the only place of the portal that answers an error. */
export function answerErrors(log: Log): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (res.headersSent) return next(error);
    const problem = asAppError(error);
    if (problem.status >= 500) log.error({ err: problem.cause ?? error, requestId: req.id, path: loggable(req.path) }, problem.code);
    else log.debug({ code: problem.code, requestId: req.id, path: loggable(req.path) }, 'refused');
    if (problem.code === 'sign-in-required' && req.method === 'GET' && !wantsJson(req.headers.accept, req.path)) {
      return res.redirect(303, `/sign-in?next=${encodeURIComponent(req.originalUrl)}`);
    }
    if (problem.retryAfterSeconds !== undefined) res.set('Retry-After', String(problem.retryAfterSeconds));
    if (wantsJson(req.headers.accept, req.path)) return answerJson(res, problem, req.id);
    if (problem.code === 'organization-rule') {
      const unmet = req.unmet ?? [];
      const { code, status } = problem;
      const isUnmet = (name: UnmetRule['rule']) => unmet.some(({ rule }) => rule === name);
      const links = { twoFactor: isUnmet('twoFactor'), again: isUnmet('signInHoursMax') || isUnmet('twoFactor') };
      return page(res, 'errors/rule', { code, status, title: PROBLEMS[code].title, unmet, ...links, requestId: req.id }, status);
    }
    page(
      res,
      'errors/problem',
      {
        code: problem.code,
        status: problem.status,
        title: PROBLEMS[problem.code].title,
        detail: problem.detail,
        requestId: req.id,
        faults: Object.values(problem.fields),
        why: problem.code === 'forbidden' ? whyOf(req, res.locals['refused'] as Refused | undefined) : null,
        signIn:
          problem.code === 'sign-in-required'
            ? `/sign-in?next=${encodeURIComponent(req.originalUrl)}`
            : problem.code === 'single-sign-on-failed' && !req.user
              ? '/sign-in/sso'
              : null,
      },
      problem.status,
    );
  };
}

/** Who may see policies is led to the simulator, with the question that was refused. */
function whyOf({ actor }: Request, refused: Refused | undefined): string | null {
  if (!actor || !refused || !isAllowed(actor, 'market:policies:get')) return null;
  return `/organization/policies/simulator?${new URLSearchParams({ user: actor.userId, action: refused.action, resource: refused.target }).toString()}`;
}

function answerJson(res: Response, problem: AppError, requestId: string): void {
  res
    .status(problem.status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: `/problems/${problem.code}`,
        title: PROBLEMS[problem.code].title,
        status: problem.status,
        detail: problem.detail,
        request_id: requestId,
        ...(Object.keys(problem.fields).length > 0 ? { fields: problem.fields } : {}),
      }),
    );
}

/** Errors of libraries that mean a malformed request become ours; everything unforeseen is `internal`, with the cause for the log only. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { status, type, name } = (error ?? {}) as { status?: unknown; type?: unknown; name?: unknown };
  if (status === 413 || (name === 'MulterError' && (error as { code?: unknown }).code === 'LIMIT_FILE_SIZE'))
    return new AppError('body-too-large', undefined, { cause: error });
  if (name === 'MulterError' || (typeof type === 'string' && typeof status === 'number' && status < 500))
    return new AppError('invalid-request', undefined, { cause: error });
  if (error instanceof URIError) return new AppError('invalid-request', undefined, { cause: error });
  if (typeof name === 'string' && /^Mongo(ose)?(Server|Network|ServerSelection|Pool|NotConnected)|^MongooseError$/.test(name)) {
    return new AppError('dependency-away', 'The database does not answer. Nothing was changed. Try again shortly.', { cause: error, retryAfterSeconds: 5 });
  }
  return new AppError('internal', undefined, { cause: error });
}
