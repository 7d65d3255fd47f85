import type { Request } from 'express';
import { sessionMark } from '../services/accounts.ts';

type Done = (error?: unknown) => void;
const settled = (run: (done: Done) => void): Promise<void> => new Promise((resolve, reject) => run((error) => (error ? reject(error as Error) : resolve())));

/** A new session for the user; what the one before held is gone with it. */
export const signIn = (req: Request, user: Express.User): Promise<void> => settled((done) => req.logIn(user, done));

const CODE_WAIT_MS = 10 * 60_000;

/** The password was right: under a new session id, so that nobody planted the one that the code is asked for under. */
export async function signInHalf(req: Request, user: Express.User, next: string, now: number): Promise<void> {
  await settled((done) => req.session.regenerate(done));
  req.session.halfSignedIn = { userId: user._id, mark: sessionMark(user), next, until: now + CODE_WAIT_MS };
  await settled((done) => req.session.save(done));
}
