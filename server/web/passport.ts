import type { Request } from 'express';
import { Passport } from 'passport';
import { Strategy as LocalStrategy } from 'passport-local';
import { AppError } from '../kernel/errors.ts';
import { sessionMark, type Accounts } from '../services/accounts.ts';
import type { Passkeys } from '../services/passkeys.ts';
import type { UserDoc } from '../store/accounts.ts';
import { keepOpening } from './sign-in.ts';

declare global {
  // passport's own types leave the user open to be said here
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface User extends UserDoc {}
  }
}

/** Passport with the password strategy; the session keeps the user's id and the mark of what it was opened with. */
export function makePassport(accounts: Pick<Accounts, 'signIn' | 'user'>, passkeys: Pick<Passkeys, 'stands'>) {
  const passport = new Passport();
  passport.use(
    new LocalStrategy({ usernameField: 'email' }, (email, password, done) => {
      accounts.signIn(email, password).then(
        (user) => done(null, user),
        // A refusal is not a fault: the page shows its detail.
        (error: unknown) => (error instanceof AppError && error.code === 'sign-in-failed' ? done(null, false, { message: error.detail }) : done(error)),
      );
    }),
  );
  passport.serializeUser((req: Request, user: Express.User, done: (error: unknown, kept?: string) => void) => done(null, keepOpening(req, user)));
  /** A new password or second factor ends every session that was opened with the one before; a passkey that is removed those that it opened. */
  async function userOf(kept: string, passkeyId: string | undefined): Promise<UserDoc | false> {
    const [id = '', mark = ''] = kept.split(' ');
    const user = await accounts.user(id);
    if (!user || sessionMark(user) !== mark) return false;
    return passkeyId === undefined || (await passkeys.stands(passkeyId, id)) ? user : false;
  }
  passport.deserializeUser((req: Request, kept: string, done: (error: unknown, user?: Express.User | false) => void) => {
    userOf(kept, (req.session as Partial<Request['session']>).passkeyId).then(
      (user) => done(null, user),
      (error: unknown) => done(error),
    );
  });
  return passport;
}
