import type { Request } from 'express';
import type { Factor } from '../domain/sign-in.ts';
import { hasSecondFactor, sessionMark } from '../services/accounts.ts';

type Done = (error?: unknown) => void;
const settled = (run: (done: Done) => void): Promise<void> => new Promise((resolve, reject) => run((error) => (error ? reject(error as Error) : resolve())));

/**
 * A new session for the user; what the one before held is gone with it.
 * @param passkeyId  of the passkey that opens it; where a session goes on under a new id, the one that opened it first
 */
export async function signIn(req: Request, user: Express.User, factors: readonly Factor[], passkeyId?: string): Promise<void> {
  const opener = passkeyId ?? (factors.includes('passkey') ? (req.session as Partial<Request['session']>).passkeyId : undefined);
  await settled((done) => req.logIn(user, done));
  req.session.factors = factors;
  if (opener !== undefined) req.session.passkeyId = opener;
  await settled((done) => req.session.save(done));
}

/** What the present session was opened with; sessions from before this was kept needed every factor the user had. */
export function factorsOf(req: Request): readonly Factor[] {
  const kept = (req.session as Partial<Request['session']>).factors;
  return kept ?? (req.user && hasSecondFactor(req.user) ? ['password', 'totp'] : ['password']);
}

const CODE_WAIT_MS = 10 * 60_000;

/** The password was right: under a new session id, so that nobody planted the one that the code is asked for under. */
export async function signInHalf(req: Request, user: Express.User, next: string, now: number): Promise<void> {
  await settled((done) => req.session.regenerate(done));
  req.session.halfSignedIn = { userId: user._id, mark: sessionMark(user), next, until: now + CODE_WAIT_MS };
  await settled((done) => req.session.save(done));
}

/** Who gave the right password in this browser, lately; undefined: start again. */
export async function halfSignedIn(req: Request, userOf: (id: string) => Promise<Express.User | null>, now: number) {
  const held = (req.session as Partial<Request['session']>).halfSignedIn;
  if (!held || held.until < now) return undefined;
  const user = await userOf(held.userId);
  return user && hasSecondFactor(user) && sessionMark(user) === held.mark ? { user, next: held.next } : undefined;
}
