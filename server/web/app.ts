import express, { type Express, type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import { randomNonce } from '../kernel/ids.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { AppError } from '../kernel/errors.ts';
import type { Access } from '../services/access.ts';
import type { Accounts } from '../services/accounts.ts';
import type { Audit } from '../services/audit.ts';
import type { OrganizationRulesService } from '../services/organization-rules.ts';
import type { Passkeys } from '../services/passkeys.ts';
import type { SessionsStore } from '../store/sessions.ts';
import { API_PATH } from './api-v1/openapi.ts';
import { assetRoutes } from './assets.ts';
import { answerErrors, notFound, recordRefusals } from './errors.ts';
import { identify, sameOrigin } from './guards.ts';
import { makePassport } from './passport.ts';
import { rememberSeen, sessions, storedBeforeRedirect } from './session.ts';
import { PortalSessions } from './session-store.ts';

const FORM_BYTES_MAX = 256 * 1024;

export interface AppOptions {
  readonly access: Access;
  readonly accounts: Accounts;
  readonly audit: Audit;
  /** The real clock, epoch ms. */
  readonly now: () => number;
  readonly log: Log;
  readonly ids: Ids;
  readonly organizationRules: OrganizationRulesService;
  readonly passkeys: Passkeys;
  readonly sessionsStore: SessionsStore;
  readonly sessionSecret: string;
  readonly webUrl: string;
  readonly trustedHops: number;
  /** Where a form may redirect to after a POST: the origin of Checkout. Browsers apply `form-action` to that redirect. */
  readonly checkoutOrigin: string;
  readonly testPayments: boolean;
  readonly sandbox: boolean;
  /** Routes that answer other servers, not people: before sessions, parsers and the origin check. */
  readonly machineRoutes: readonly Router[];
  /** The management API for programs, at `/api/v1`: it reads no cookie, so it stands before sessions too. */
  readonly api: Router;
  readonly routes: (passport: ReturnType<typeof makePassport>) => readonly Router[];
}

/** The portal: a request gets an id, headers, a session, an actor; then one of the routes; then, if need be, an error page. */
export function makeApp(options: AppOptions): Express {
  const { accounts, log, ids, webUrl } = options;
  const sessionStore = new PortalSessions(options.sessionsStore, options.now, (length) => ids.bytes(length));
  const passport = makePassport(accounts, options.passkeys);
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', options.trustedHops);
  app.set('query parser', 'simple');

  app.use(begin(ids, options));
  app.use(securityHeaders(options));
  app.use(assetRoutes());
  for (const router of options.machineRoutes) app.use(router);
  app.use(API_PATH, options.api);
  app.use(sameOrigin(webUrl));
  app.use(onlyForms);
  app.use(express.urlencoded({ extended: false, limit: FORM_BYTES_MAX, parameterLimit: 1_000 }));
  app.use(emptyBody);
  app.use(sessions({ store: sessionStore, secret: options.sessionSecret, webUrl }));
  app.use(storedBeforeRedirect);
  app.use(passport.initialize());
  app.use(passport.session());
  app.use(rememberSeen(sessionStore));
  app.use(identify(accounts, options.access, options.organizationRules));
  app.use(takeFlash);
  for (const router of options.routes(passport)) app.use(router);
  app.use(notFound);
  app.use(recordRefusals(options.audit));
  app.use(answerErrors(log));
  return app;
}

/** The request's id, its nonce, and what every page shows. */
function begin(ids: Ids, { now, testPayments, sandbox }: AppOptions): RequestHandler {
  return (req, res, next) => {
    req.id = ids.next('req');
    req.at = now();
    res.set('X-Request-Id', req.id);
    // Pages are personal; only what is in public/ may be kept.
    res.set('Cache-Control', 'no-store');
    res.locals['nonce'] = randomNonce();
    res.locals['page'] = { testPayments, sandbox, nonce: res.locals['nonce'] as string, path: req.path };
    next();
  };
}

function securityHeaders({ checkoutOrigin, webUrl }: AppOptions): RequestHandler {
  const secure = webUrl.startsWith('https://');
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'", checkoutOrigin],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        ...(secure ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    strictTransportSecurity: secure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
    crossOriginEmbedderPolicy: false,
  });
}

const FORM_TYPE = /^(application\/x-www-form-urlencoded|multipart\/form-data)\s*(;|$)/i;

/**
 * The portal is spoken to by forms alone, whose values are texts: in JSON they could be objects, which a database reads as operators and
 * `String()` as programs. A body in another charset could smuggle markup past every check on text.
 */
const onlyForms: RequestHandler = (req, _res, next) => {
  const type = req.headers['content-type'];
  if (type !== undefined && !FORM_TYPE.test(type.trim())) throw new AppError('invalid-request', 'Only forms are accepted here.');
  const charset = /charset="?([^;"\s]+)/i.exec(type ?? '')?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') throw new AppError('invalid-request', 'Only UTF-8 is accepted.');
  next();
};

/** A form without fields is an empty form. */
const emptyBody: RequestHandler = (req, _res, next) => {
  (req as { body?: unknown }).body ??= {};
  next();
};

/** Messages left by the request before are shown once. */
const takeFlash: RequestHandler = (req, res, next) => {
  const flash = req.session.flash;
  if (flash?.length && req.method === 'GET' && req.accepts('html')) {
    (res.locals['page'] as Record<string, unknown>)['flash'] = flash;
    delete req.session.flash;
  }
  next();
};
