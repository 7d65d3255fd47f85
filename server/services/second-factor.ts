import type { Actor } from '../domain/actor.ts';
import { openSecret, SEAL_IV_BYTES, sealSecret, type KeyRing } from '../domain/credential.ts';
import { base32, matchingStep, TOTP_SECRET_BYTES } from '../domain/totp.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { UserDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import type { Audit } from './audit.ts';
import { sessionSalt } from './sessions.ts';

const RECOVERY_CODES = 10;
/** 80 random bits: no slow hash is needed. */
const RECOVERY_BYTES = 10;

const wrongCode = (): AppError =>
  new AppError('invalid-form', undefined, { fields: { code: 'This is not the present code of your app, nor an unused recovery code.' } });

/** A recovery code as it is hashed, however it was typed. */
const plain = (code: string): string => code.toUpperCase().replace(/[^A-Z2-7]/g, '');

/** The codes of an authenticator app (RFC 6238) beside the password, and the recovery codes for when the app is lost. */
export function makeSecondFactor({
  store,
  accounts,
  clock,
  ids,
  audit,
  secretKeys,
}: {
  store: Pick<Store, 'accounts'>;
  accounts: Pick<Accounts, 'provePassword' | 'user'>;
  clock: Clock;
  ids: Ids;
  audit: Audit;
  secretKeys: KeyRing;
}) {
  function secretOf(user: UserDoc): string {
    const secret = user.secondFactor ? openSecret(secretKeys, user.secondFactor.cipher, user._id) : null;
    // A key that is gone must not look like a wrong code: the operator has to hear of it.
    if (secret === null) throw new AppError('internal', undefined, { cause: new Error(`the second factor of ${user._id} does not open`) });
    return secret;
  }

  const recoveryCodes = (): string[] =>
    Array.from({ length: RECOVERY_CODES }, () => (base32(ids.bytes(RECOVERY_BYTES)).match(/.{4}/g) ?? []).join('-').toLowerCase());
  const hashes = (codes: readonly string[]): string[] => codes.map((code) => sha256Hex(plain(code)));

  /** Each step and each recovery code counts once. @throws invalid-form beside `code` */
  async function prove(user: UserDoc, code: string): Promise<void> {
    const factor = user.secondFactor;
    if (!factor || factor.confirmedAt === null) throw wrongCode();
    const digits = code.replace(/\s/g, '');
    if (/^\d{6}$/.test(digits)) {
      const step = matchingStep(Buffer.from(secretOf(user), 'base64url'), digits, clock.real(), factor.lastStep);
      if (step === null || !(await store.accounts.acceptStep(user._id, factor.cipher, step))) throw wrongCode();
      return;
    }
    if (!(await store.accounts.useRecoveryCode(user._id, factor.cipher, sha256Hex(plain(code))))) throw wrongCode();
  }

  async function proveBoth(actor: Actor, password: string, code: string): Promise<UserDoc> {
    const user = await accounts.provePassword(actor.userId, password);
    await prove(user, code);
    return user;
  }

  return {
    prove,

    /** A new secret that counts for nothing before {@link confirm}. @throws invalid-form for a wrong password, conflict when there is one already */
    async begin(actor: Actor, password: string): Promise<void> {
      const user = await accounts.provePassword(actor.userId, password);
      const cipher = sealSecret(secretKeys, ids.bytes(TOTP_SECRET_BYTES).toString('base64url'), user._id, ids.bytes(SEAL_IV_BYTES));
      const begun = { cipher, mark: sha256Hex(cipher), confirmedAt: null, lastStep: 0, recovery: [] };
      if (!(await store.accounts.beginSecondFactor(user._id, user.secondFactor?.cipher ?? null, begun))) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { secondFactor: 'begun' } });
    },

    /** The secret of an enrolment that waits for its first code, in base32; null when none does. */
    pendingSecret: (user: UserDoc): string | null => (user.secondFactor?.confirmedAt === null ? base32(Buffer.from(secretOf(user), 'base64url')) : null),

    /** Ends every session of the user. @returns the user as he is now, for a new one, and the recovery codes, never shown again */
    async confirm(actor: Actor, code: string): Promise<{ readonly user: UserDoc; readonly codes: readonly string[] }> {
      const user = await accounts.user(actor.userId);
      const factor = user?.secondFactor;
      if (!user || !factor || factor.confirmedAt !== null) throw new AppError('conflict');
      const step = matchingStep(Buffer.from(secretOf(user), 'base64url'), code.replace(/\s/g, ''), clock.real(), 0);
      if (step === null) throw wrongCode();
      const codes = recoveryCodes();
      const confirmed = { ...factor, confirmedAt: clock.real(), lastStep: step, recovery: hashes(codes) };
      if (!(await store.accounts.confirmSecondFactor(user._id, confirmed))) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { secondFactor: 'on' } });
      return { user: { ...user, secondFactor: confirmed }, codes };
    },

    /** The codes of before are void. @throws invalid-form beside `password` or `code` */
    async renewRecovery(actor: Actor, password: string, code: string): Promise<readonly string[]> {
      const user = await proveBoth(actor, password, code);
      const codes = recoveryCodes();
      if (!(await store.accounts.replaceRecovery(user._id, user.secondFactor?.cipher ?? '', hashes(codes)))) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { recoveryCodes: 'new' } });
      return codes;
    },

    /** Ends every session of the user. @throws invalid-form beside `password` or `code` */
    async remove(actor: Actor, password: string, code: string): Promise<UserDoc> {
      const user = await proveBoth(actor, password, code);
      const salt = sessionSalt(ids);
      if (!(await store.accounts.removeSecondFactor(user, salt))) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { secondFactor: 'off' } });
      return { ...user, secondFactor: null, sessionSalt: salt };
    },
  };
}

export type SecondFactor = ReturnType<typeof makeSecondFactor>;
