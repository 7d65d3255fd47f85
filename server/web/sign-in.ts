import type { Request } from 'express';
import type { SignIn } from '../domain/organization-rules.ts';
import type { Factor } from '../domain/sign-in.ts';
import { AppError } from '../kernel/errors.ts';
import { hasSecondFactor, sessionMark } from '../services/accounts.ts';

import type { HalfSignIn } from './session.ts';

type Done = (error?: unknown) => void;
const settled = (run: (done: Done) => void): Promise<void> => new Promise((resolve, reject) => run((error) => (error ? reject(error as Error) : resolve())));

declare module 'express-serve-static-core' {
  interface Request {
    /** What the session that is about to begin is opened with. `at`: epoch ms, where it goes on from one that was opened before. */
    opening?: { readonly factors: readonly Factor[]; readonly at?: number; readonly passkeyId?: string };
  }
}

const AGENT_MAX = 512;

/** Kept before the answer goes out: the next request may be at another process. */
export const saveSession = (req: Request): Promise<void> => settled((done) => req.session.save(done));

/** What passport keeps of the user, and beside it what a session is opened with: in its first writing, so that none stands without. */
export function keepOpening(req: Request, user: Express.User): string {
  const mark = sessionMark(user);
  const { factors = [], at = req.at, passkeyId } = req.opening ?? {};
  req.session.factors = factors;
  req.session.opened = { userId: user._id, mark, at, address: req.ip ?? '', agent: (req.get('user-agent') ?? '').slice(0, AGENT_MAX) };
  if (passkeyId !== undefined) req.session.passkeyId = passkeyId;
  return `${user._id} ${mark}`;
}

/** A new session for the user; what the one before held is gone with it. */
export async function signIn(req: Request, user: Express.User, factors: readonly Factor[], passkeyId?: string): Promise<void> {
  req.opening = { factors, passkeyId };
  await settled((done) => req.logIn(user, done));
}

/** Nobody is signed in, and the session is gone. */
export async function signOut(req: Request): Promise<void> {
  await settled((done) => req.logOut(done));
  await settled((done) => req.session.destroy(done));
}

/**
 * The same browser goes on under a new id, for the same organization, after what ended the user's other sessions.
 * @throws sign-in-required when its own was ended meanwhile: a request on its way must not bring it back
 */
export async function goOn(req: Request, user: Express.User, factors: readonly Factor[] = factorsOf(req)): Promise<void> {
  const { organizationId, opened, passkeyId } = req.session as Partial<Request['session']>;
  if (!(await req.endSession())) throw new AppError('sign-in-required');
  req.opening = { factors, at: opened?.at, passkeyId: factors.includes('passkey') ? passkeyId : undefined };
  await settled((done) => req.logIn(user, done));
  if (organizationId !== undefined) req.session.organizationId = organizationId;
}

/** What the present session was opened with; sessions from before this was kept needed every factor the user had. */
export function factorsOf(req: Request): readonly Factor[] {
  const kept = (req.session as Partial<Request['session']>).factors;
  return kept ?? (req.user && hasSecondFactor(req.user) ? ['password', 'totp'] : ['password']);
}

/** How this request's user came in, and from where the request comes. A session that does not say when it was opened counts as old. */
export const signInOf = (req: Request): SignIn => ({
  factors: factorsOf(req),
  address: req.ip ?? '',
  openedAt: (req.session as Partial<Request['session']>).opened?.at ?? 0,
  at: req.at,
});

const CODE_WAIT_MS = 10 * 60_000;

/**
 * The password was right, or the issuer knows him: under a new session id, so that nobody planted the one that the code is asked for under.
 * @param by  what was shown so far, and the identity at an issuer that is to be linked once the code was right
 */
export async function signInHalf(
  req: Request,
  user: Express.User,
  next: string,
  now: number,
  by: HalfSignIn = { factors: ['password'], link: null },
): Promise<void> {
  await settled((done) => req.session.regenerate(done));
  req.session.halfSignedIn = { userId: user._id, mark: sessionMark(user), next, until: now + CODE_WAIT_MS, by };
  await saveSession(req);
}

/** Who gave the right password in this browser, lately; undefined: start again. */
export async function halfSignedIn(req: Request, userOf: (id: string) => Promise<Express.User | null>, now: number) {
  const held = (req.session as Partial<Request['session']>).halfSignedIn;
  if (!held || held.until < now) return undefined;
  const user = await userOf(held.userId);
  return user && hasSecondFactor(user) && sessionMark(user) === held.mark ? { user, next: held.next, by: held.by } : undefined;
}
