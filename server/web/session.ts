import session, { type Store } from 'express-session';
import type { RequestHandler } from 'express';
import type { Factor } from '../domain/sign-in.ts';
import type { Challenge } from '../services/passkeys.ts';
import type { Departure } from '../services/sign-on-flow.ts';
import type { IdentityDoc } from '../store/sign-on.ts';
import { SESSION_LIFE_MS, type PortalSessions } from './session-store.ts';

/** What somebody has shown before the code is asked for. */
export interface HalfSignIn {
  readonly factors: readonly Factor[];
  readonly link: IdentityDoc | null;
}

declare module 'express-session' {
  interface SessionData {
    /** What this session was opened with; set by `signIn`. */
    factors: readonly Factor[];
    /** Who opened it, when and where; kept when it goes on under a new id. */
    opened: { readonly userId: string; readonly mark: string; readonly at: number; readonly address: string; readonly agent: string };
    /** The last look that was kept. */
    seen: { readonly at: number; readonly address: string };
    /** The organization acted for; one of the user's memberships. */
    organizationId: string;
    flash: { kind: 'success' | 'info' | 'warning' | 'error'; text: string }[];
    /** The password was right, the code is still asked for. `until` is epoch ms of the real clock. */
    halfSignedIn: { readonly userId: string; readonly mark: string; readonly next: string; readonly until: number; readonly by: HalfSignIn };
    /** Sent to an issuer, and not back yet. */
    signOn: Departure;
    /** What a device is asked to sign, and for what. `name`: of the passkey that is to be added. */
    passkeyChallenge: Challenge & { readonly purpose: 'add' | 'sign-in'; readonly name: string };
    /** The passkey that opened this session: it ends with it. */
    passkeyId: string;
    /** Where to go after signing in: a path of this site. */
    returnTo: string;
  }
}

declare module 'express-serve-static-core' {
  interface Request {
    /** End the present session for good. True: this request did; false: somebody else had. */
    endSession: () => Promise<boolean>;
  }
}

/** A look is kept at most this often, while the address stays. */
const SEEN_MS = 60_000;

/** Keep when and from where a signed-in browser was seen last. */
export const rememberSeen =
  (store: PortalSessions): RequestHandler =>
  async (req, _res, next) => {
    const { seen } = req.session as Partial<typeof req.session>;
    const address = req.ip ?? '';
    if (req.user && seen && (req.at - seen.at >= SEEN_MS || seen.address !== address)) await store.see(req.sessionID, address);
    next();
  };

/**
 * A redirect leaves only when the session is stored. express-session sends the head of an answer while it still writes, and a browser
 * follows it at once: the page it leads to could read the session without the message that was left for it.
 */
export const storedBeforeRedirect: RequestHandler = (req, res, next) => {
  const redirect = res.redirect.bind(res) as (status: number, url: string) => void;
  res.redirect = (first: number | string, second?: number | string) => {
    const [status, url] = typeof first === 'number' ? [first, String(second)] : [302, first];
    // After signing out there is none.
    const ours = req.session as typeof req.session | undefined;
    if (!ours?.flash?.length) return redirect(status, url);
    ours.save((error: unknown) => (error ? next(error) : redirect(status, url)));
  };
  next();
};

/** The session cookie: `__Host-tollgate` on https, `tollgate` on http; HttpOnly, SameSite=Lax, no session before somebody signs in. */
export function sessions({ store, secret, webUrl }: { store: Store & Pick<PortalSessions, 'end'>; secret: string; webUrl: string }): RequestHandler {
  const secure = webUrl.startsWith('https://');
  const read = session({
    name: secure ? '__Host-tollgate' : 'tollgate',
    secret,
    store,
    resave: false,
    saveUninitialized: false,
    rolling: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure, path: '/', maxAge: SESSION_LIFE_MS },
  });
  return (req, res, next) => {
    req.endSession = () => store.end(req.sessionID);
    void read(req, res, next);
  };
}
