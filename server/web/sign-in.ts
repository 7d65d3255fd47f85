import type { Request } from 'express';
import type { Factor } from '../domain/sign-in.ts';
import { hasSecondFactor, sessionMark } from '../services/accounts.ts';

type Done = (error?: unknown) => void;
const settled = (run: (done: Done) => void): Promise<void> => new Promise((resolve, reject) => run((error) => (error ? reject(error as Error) : resolve())));

/** A new session for the user; what the one before held is gone with it. */
export async function signIn(req: Request, user: Express.User, factors: readonly Factor[]): Promise<void> {
  await settled((done) => req.logIn(user, done));
  req.session.factors = factors;
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
