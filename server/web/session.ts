import session, { type Store as SessionStore } from 'express-session';
import type { RequestHandler } from 'express';
import type { Factor } from '../domain/sign-in.ts';
import type { Challenge } from '../services/passkeys.ts';

declare module 'express-session' {
  interface SessionData {
    /** What this session was opened with; set by `signIn`. */
    factors: readonly Factor[];
    /** The organization acted for; one of the user's memberships. */
    organizationId: string;
    flash: { kind: 'success' | 'info' | 'warning' | 'error'; text: string }[];
    /** The password was right, the code is still asked for. `until` is epoch ms of the real clock. */
    halfSignedIn: { readonly userId: string; readonly mark: string; readonly next: string; readonly until: number };
    /** What a device is asked to sign, and for what. `name`: of the passkey that is to be added. */
    passkeyChallenge: Challenge & { readonly purpose: 'add' | 'sign-in'; readonly name: string };
    /** The passkey that opened this session: it ends with it. */
    passkeyId: string;
    /** Where to go after signing in: a path of this site. */
    returnTo: string;
  }
}

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

const LIFE_MS = 14 * 86_400_000;

/** The session cookie: `__Host-tollgate` on https, `tollgate` on http; HttpOnly, SameSite=Lax, no session before somebody signs in. */
export function sessions({ store, secret, webUrl }: { store: SessionStore; secret: string; webUrl: string }): RequestHandler {
  const secure = webUrl.startsWith('https://');
  return session({
    name: secure ? '__Host-tollgate' : 'tollgate',
    secret,
    store,
    resave: false,
    saveUninitialized: false,
    rolling: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure, path: '/', maxAge: LIFE_MS },
  });
}
