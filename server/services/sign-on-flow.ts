import {
  allowInsecureRequests,
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  ResponseBodyError,
} from 'openid-client';
import type { Actor } from '../domain/actor.ts';
import type { Factor } from '../domain/sign-in.ts';
import { isMultiFactor } from '../domain/sign-on.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/ids.ts';
import type { ConnectionDoc } from '../store/sign-on.ts';
import type { Store } from '../store/index.ts';
import { hasSecondFactor } from './accounts.ts';
import { signOnFailed, type GuardedFetch } from './guarded-fetch.ts';
import type { Arrivals, Arrival } from './sign-on-arrivals.ts';
import type { SignOn } from './sign-on.ts';

/** How long somebody may take at the issuer. */
const AWAY_MS = 15 * 60_000;
const CALL_SECONDS = 10;
const WORDS_MAX = 200;

/** Somebody who was sent to an issuer, as the browser's session keeps it. `until` is epoch ms of the real clock. */
export interface Departure {
  readonly organizationId: string;
  readonly issuer: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly until: number;
  readonly next: string;
}

/** Authorization code, PKCE, state and nonce (OpenID Connect Core 3.1, RFC 7636, RFC 9207), by openid-client. */
export function makeSignOnFlow({
  store,
  signOn,
  arrivals,
  call,
  clock,
  webUrl,
}: {
  store: Pick<Store, 'signOn' | 'spent'>;
  signOn: Pick<SignOn, 'connectionFor' | 'secretOf'>;
  arrivals: Arrivals;
  call: GuardedFetch;
  clock: Pick<Clock, 'real'>;
  webUrl: string;
}) {
  const redirectUri = `${webUrl}/sign-in/sso/callback`;

  /** Read anew every time: an issuer's keys and addresses may have changed since the last sign-in, and nothing stale is believed. */
  async function configurationOf(connection: ConnectionDoc): Promise<Configuration> {
    const url = new URL(connection.issuer);
    // In clear only where the operator lists the address (UPSTREAM_ALLOW); `readIssuer` has seen to that.
    const insecure = url.protocol === 'http:' ? [allowInsecureRequests] : [];
    const found = await discovery(url, connection.clientId, undefined, None(), { [customFetch]: call as never, execute: insecure, timeout: CALL_SECONDS });
    const metadata = found.serverMetadata();
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const secret = signOn.secretOf(connection);
    const auth = methods.includes('client_secret_basic') ? ClientSecretBasic(secret) : ClientSecretPost(secret);
    const configuration = new Configuration(metadata, connection.clientId, secret, auth);
    configuration[customFetch] = call as never;
    configuration.timeout = CALL_SECONDS;
    for (const extend of [...insecure, enableNonRepudiationChecks]) extend(configuration);
    return configuration;
  }

  return {
    /** Where to send somebody with this address. @throws invalid-form beside `email`, single-sign-on-failed when the issuer is away */
    async depart(email: string, next: string): Promise<{ address: string; host: string; departure: Departure }> {
      const found = await signOn.connectionFor(email);
      if (!found)
        throw new AppError('invalid-form', undefined, { fields: { email: 'No organization signs in by single sign-on with addresses of this domain.' } });
      const { connection } = found;
      const [state, nonce, verifier] = [randomState(), randomNonce(), randomPKCECodeVerifier()];
      try {
        const url = buildAuthorizationUrl(await configurationOf(connection), {
          redirect_uri: redirectUri,
          scope: 'openid email profile',
          code_challenge: await calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          state,
          nonce,
          login_hint: email,
        });
        const departure = { organizationId: connection._id, issuer: connection.issuer, state, nonce, verifier, until: clock.real() + AWAY_MS, next };
        return { address: url.href, host: url.host, departure };
      } catch (error) {
        throw wordsFor(error, connection);
      }
    },

    /**
     * Somebody comes back from the issuer.
     * @param query  of the callback's address, as it came
     * @throws single-sign-on-failed in words, for whatever is wrong with it
     */
    async arrive(
      actor: Actor,
      departure: Departure | undefined,
      query: string,
    ): Promise<Arrival & { readonly asksCode: boolean; readonly factors: readonly Factor[]; readonly connection: ConnectionDoc }> {
      const url = new URL(`${redirectUri}${query}`);
      if (!departure || url.searchParams.get('state') !== departure.state) {
        throw signOnFailed('This sign-in was not begun in this browser, or another one was begun after it. Please start again.');
      }
      if (departure.until < clock.real()) throw signOnFailed('This took too long: a sign-in must come back within 15 minutes. Please start again.');
      if (!(await store.spent.spend(sha256Hex(departure.state), new Date(departure.until)))) {
        throw signOnFailed('This sign-in was used already: its address works once. Please start again.');
      }
      const connection = await store.signOn.connection(departure.organizationId);
      if (connection?.issuer !== departure.issuer) throw signOnFailed('The organization has changed its single sign-on meanwhile. Please start again.');
      const named = url.searchParams.get('iss');
      if (named !== null && named !== connection.issuer) {
        throw signOnFailed(`The answer came from another issuer than the one you were sent to (${connection.issuer}). Nobody was signed in.`);
      }
      try {
        const configuration = await configurationOf(connection);
        const tokens = await authorizationCodeGrant(configuration, url, {
          pkceCodeVerifier: departure.verifier,
          expectedState: departure.state,
          expectedNonce: departure.nonce,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (!claims) throw new Error('no ID token');
        // Many issuers tell the address only when asked for it.
        const told = claims['email'] === undefined ? await fetchUserInfo(configuration, tokens.access_token, claims.sub) : claims;
        const factors: Factor[] = [isMultiFactor(claims['amr']) ? 'sso-mfa' : 'sso'];
        const person = { subject: claims.sub, email: told['email'], emailVerified: told['email_verified'], name: told['name'] };
        const arrival = await arrivals.of(actor, connection, person);
        const asksCode = hasSecondFactor(arrival.user) && (arrival.link !== null || !factors.includes('sso-mfa'));
        return { ...arrival, asksCode, factors, connection };
      } catch (error) {
        throw wordsFor(error, connection);
      }
    },
  };
}

/** What a person, or the administrator who is asked, can do something with; the rest is the cause. */
function wordsFor(error: unknown, { issuer }: ConnectionDoc): AppError {
  for (let inner: unknown = error; inner instanceof Error; inner = inner.cause) if (inner instanceof AppError) return inner;
  const { host } = new URL(issuer);
  const said = (code: string, text: string | undefined) => `${code}${text === undefined ? '' : `, ${text}`}`.replace(/\p{Cc}/gu, ' ').slice(0, WORDS_MAX);
  if (error instanceof AuthorizationResponseError)
    return signOnFailed(`${host} did not sign you in. It says: ${said(error.error, error.error_description)}.`, error);
  if (error instanceof ResponseBodyError) {
    return signOnFailed(
      `${host} refused to tell us who you are. It says: ${said(error.error, error.error_description)}. An administrator of your organization can check client id and secret.`,
      error,
    );
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'OAUTH_TIMEOUT') return signOnFailed(`${host} does not answer.`, error);
  if (code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' || code === 'OAUTH_RESPONSE_IS_NOT_JSON') {
    return signOnFailed(`${host} does not answer as an OpenID issuer should. Try again later, or ask an administrator of your organization.`, error);
  }
  return signOnFailed(
    `What ${host} said about you could not be verified, so nobody was signed in. An administrator of your organization can test the connection.`,
    error,
  );
}
