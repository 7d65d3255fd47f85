import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type AuthenticationResponseJSON,
  type AuthenticatorTransport,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { decodeAttestationObject } from '@simplewebauthn/server/helpers';
import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/ids.ts';
import type { UserDoc } from '../store/accounts.ts';
import type { PasskeyDoc } from '../store/passkeys.ts';
import type { Store } from '../store/index.ts';
import { hasSecondFactor, type Accounts } from './accounts.ts';
import type { Audit } from './audit.ts';
import type { Notifications } from './notifications.ts';
import type { SecondFactor } from './second-factor.ts';

/** How long a device may take. */
export const CHALLENGE_MS = 5 * 60_000;
const PASSKEYS_MAX = 20;
/** WebAuthn: an id has at most 1,023 bytes. */
const ID_CHARS_MAX = 1_364;

/** A challenge that was handed out, as the browser's session keeps it. `until` is epoch ms of the real clock. */
export interface Challenge {
  readonly value: string;
  readonly until: number;
}

export interface Proof {
  readonly password: string;
  /** Needed where an authenticator app is on: a passkey counts as two factors, so one alone must not make one. */
  readonly code: string;
}

export type Passkeys = ReturnType<typeof makePasskeys>;

const refused = (detail: string, cause?: unknown): AppError => new AppError('sign-in-failed', detail, { cause });

/** Passkeys (WebAuthn level 3): discoverable credentials that a device unlocks by finger, face or PIN. Nothing secret of them is stored. */
export function makePasskeys({
  store,
  accounts,
  secondFactor,
  notifications,
  audit,
  clock,
  webUrl,
}: {
  store: Pick<Store, 'accounts' | 'passkeys' | 'spent'>;
  accounts: Pick<Accounts, 'homeOf' | 'provePassword' | 'user'>;
  secondFactor: Pick<SecondFactor, 'prove'>;
  notifications: Pick<Notifications, 'message'>;
  audit: Audit;
  clock: Pick<Clock, 'real'>;
  webUrl: string;
}) {
  const { origin, hostname } = new URL(webUrl);
  const expected = { expectedOrigin: origin, expectedRPID: hostname, requireUserVerification: true };

  /** Each challenge counts once, whatever becomes of the answer. */
  async function spend(challenge: Challenge | undefined): Promise<string> {
    if (!challenge || challenge.until < clock.real() || !(await store.spent.spend(sha256Hex(challenge.value), new Date(challenge.until)))) {
      throw refused('This took too long, or was sent twice. Please try again.');
    }
    return challenge.value;
  }

  const challengeOf = (options: { readonly challenge: string }): Challenge => ({ value: options.challenge, until: clock.real() + CHALLENGE_MS });

  async function own(actor: Actor, id: string): Promise<PasskeyDoc> {
    const passkey = await store.passkeys.get(id);
    if (passkey?.userId !== actor.userId) throw new AppError('not-found');
    return passkey;
  }

  async function tell(user: UserDoc, subject: string, text: string): Promise<void> {
    await notifications.message(user.email, subject, [`Hello ${user.name},`, text, 'If this was not you, change your password at once.'], '/account/passkeys');
  }

  /** Two authenticators with one key, or one that was set back: what the counter is for. */
  async function refuseCounter(actor: Actor, user: UserDoc, passkey: PasskeyDoc, counter: number): Promise<never> {
    await audit.append(
      { ...actor, userId: user._id },
      {
        action: 'accounts:refuse-passkey',
        resource: `user:${user._id}`,
        organizationId: await accounts.homeOf(user._id),
        before: { passkey: passkey.name, counter: passkey.counter },
        after: { counter },
      },
    );
    await tell(
      user,
      'A passkey was refused',
      `your passkey “${passkey.name}” was used with a counter that does not go on from its last use: it may have been copied. Nobody was signed in.`,
    );
    throw refused('This passkey was refused: it may have been copied. Sign in with your password and replace it.');
  }

  return {
    ofUser: (userId: string): Promise<PasskeyDoc[]> => store.passkeys.ofUser(userId),

    /** The passkey that opened a session is still one of the user's. */
    stands: async (id: string, userId: string): Promise<boolean> => (await store.passkeys.get(id))?.userId === userId,

    /** @throws invalid-form beside `password` or `code` */
    async beginAdding(actor: Actor, { password, code }: Proof): Promise<{ options: PublicKeyCredentialCreationOptionsJSON; challenge: Challenge }> {
      const user = await accounts.provePassword(actor.userId, password);
      if (hasSecondFactor(user)) await secondFactor.prove(user, code);
      const held = await store.passkeys.ofUser(user._id);
      if (held.length >= PASSKEYS_MAX) throw new AppError('conflict', `At most ${PASSKEYS_MAX} passkeys fit. Remove one you do not use.`);
      const options = await generateRegistrationOptions({
        rpName: 'Tollgate',
        rpID: hostname,
        userID: new TextEncoder().encode(user._id),
        userName: user.email,
        userDisplayName: user.name,
        timeout: CHALLENGE_MS,
        attestationType: 'none',
        excludeCredentials: held.map(({ _id, transports }) => ({ id: _id, transports: transports as AuthenticatorTransport[] })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      });
      return { options, challenge: challengeOf(options) };
    },

    /** @throws sign-in-failed for an answer that is not to be believed, already-exists for a credential that somebody has registered */
    async add(
      actor: Actor,
      { name, challenge, response }: { name: string; challenge: Challenge | undefined; response: RegistrationResponseJSON },
    ): Promise<void> {
      const expectedChallenge = await spend(challenge);
      const user = await accounts.user(actor.userId);
      if (!user) throw new AppError('not-found');
      const { credential, synced } = await registered(response, expectedChallenge);
      const added = await store.passkeys.add({
        _id: credential.id,
        userId: user._id,
        name,
        publicKey: Buffer.from(credential.publicKey).toString('base64url'),
        counter: credential.counter,
        transports: credential.transports ?? [],
        synced,
        createdAt: clock.real(),
        lastUsedAt: null,
      });
      if (!added) throw new AppError('already-exists', 'This passkey is registered already.');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, after: { passkey: name } });
      await tell(user, 'A passkey was added', `the passkey “${name}” was added to your account. It signs you in without your password.`);
    },

    async beginSignIn(): Promise<{ options: PublicKeyCredentialRequestOptionsJSON; challenge: Challenge }> {
      const options = await generateAuthenticationOptions({ rpID: hostname, timeout: CHALLENGE_MS, userVerification: 'required' });
      return { options, challenge: challengeOf(options) };
    },

    /** @throws sign-in-failed; what exactly was wrong is told to nobody but the log */
    async signIn(actor: Actor, challenge: Challenge | undefined, response: AuthenticationResponseJSON): Promise<{ user: UserDoc; passkeyId: string }> {
      const expectedChallenge = await spend(challenge);
      const passkey = response.id.length <= ID_CHARS_MAX ? await store.passkeys.get(response.id) : null;
      const user = passkey && (await accounts.user(passkey.userId));
      if (!passkey || !user) throw refused('This passkey is not registered here. It may have been removed from the account.');
      if (response.response.userHandle !== undefined && Buffer.from(response.response.userHandle, 'base64url').toString() !== user._id) {
        throw refused('This passkey could not be verified.');
      }
      // The counter is compared by the write that takes the use, once the signature is known to be right: of two at once only one advances it.
      const credential = { id: passkey._id, publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')), counter: 0 };
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({ ...expected, response, expectedChallenge, credential }).catch(
        (cause: unknown) => Promise.reject(refused('This passkey could not be verified.', cause)),
      );
      if (!verified) throw refused('This passkey could not be verified.');
      const { newCounter, credentialBackedUp } = authenticationInfo;
      if (!(await store.passkeys.use(passkey._id, newCounter, { at: clock.real(), synced: credentialBackedUp }))) {
        return refuseCounter(actor, user, passkey, newCounter);
      }
      return { user, passkeyId: passkey._id };
    },

    async rename(actor: Actor, id: string, name: string): Promise<void> {
      const passkey = await own(actor, id);
      if (!(await store.passkeys.rename(id, actor.userId, name))) throw new AppError('not-found');
      await audit.append(actor, {
        action: 'market:account:update',
        resource: `user:${actor.userId}`,
        before: { passkey: passkey.name },
        after: { passkey: name },
      });
    },

    /** Ends the sessions it opened. @throws invalid-form beside `password` */
    async remove(actor: Actor, id: string, password: string): Promise<{ user: UserDoc; name: string }> {
      const { name } = await own(actor, id);
      const user = await accounts.provePassword(actor.userId, password);
      if (!(await store.passkeys.remove(id, user._id))) throw new AppError('not-found');
      await audit.append(actor, { action: 'market:account:update', resource: `user:${user._id}`, before: { passkey: name } });
      await tell(user, 'A passkey was removed', `the passkey “${name}” was removed from your account. Browsers that it signed in are signed out.`);
      return { user, name };
    },
  };

  async function registered(response: RegistrationResponseJSON, expectedChallenge: string) {
    try {
      // Certificates of makers were not asked for; to follow them the server would have to call addresses that they name.
      const attestation = decodeAttestationObject(new Uint8Array(Buffer.from(response.response.attestationObject, 'base64url')));
      const selfMade = attestation.get('fmt') === 'packed' && attestation.get('attStmt').get('x5c') === undefined;
      if (attestation.get('fmt') !== 'none' && !selfMade) throw new Error('an attestation with certificates was not asked for');
      const { verified, registrationInfo } = await verifyRegistrationResponse({ ...expected, response, expectedChallenge });
      if (!verified || registrationInfo.credential.id.length > ID_CHARS_MAX) throw new Error('not verified');
      return { credential: registrationInfo.credential, synced: registrationInfo.credentialBackedUp };
    } catch (cause) {
      throw refused('The answer of your device could not be verified. Please try again.', cause);
    }
  }
}
