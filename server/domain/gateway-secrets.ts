import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { openSecret, sealSecret, type KeyRing } from './credential.ts';

/**
 * What a gateway's parameter holds and nobody is shown: kept with the gateway, encrypted, under an id that the parameter's value names. A change
 * of the parameter is another id, so that it can be put back while the secret is kept.
 */
export interface GatewaySecret {
  /** Of the private key in PEM, or of the key that signs access tokens in base64url. */
  readonly sealed: string;
  /** PEM, the leaf first; empty for a key that signs access tokens. */
  readonly certificate: string;
  /** PEM of those the backends' certificates are signed by, beside the generally trusted; may be empty. */
  readonly ca: string;
  /** Epoch ms. */
  readonly at: number;
}

export type GatewaySecrets = Readonly<Record<string, GatewaySecret>>;

/** The newest are kept, so that a change can be put back; those in use always are. */
export const GATEWAY_SECRETS_MAX = 10;

/** What the ciphertext belongs to. */
export const gatewaySecretContext = (gatewayId: string, secretId: string): string => `${gatewayId} ${secretId}`;

export const sealGatewaySecret = (ring: KeyRing, gatewayId: string, secretId: string, secret: string, iv: Buffer): string =>
  sealSecret(ring, secret, gatewaySecretContext(gatewayId, secretId), iv);

/** Null: no key of the ring opens it, or it belongs to another gateway. */
export const openGatewaySecret = (ring: KeyRing, gatewayId: string, secretId: string, { sealed }: Pick<GatewaySecret, 'sealed'>): string | null =>
  openSecret(ring, sealed, gatewaySecretContext(gatewayId, secretId));

/** @param used  ids that the parameters name @param othersMax  of those nothing names, the newest */
export function keptSecrets(secrets: GatewaySecrets, used: ReadonlySet<string>, othersMax = GATEWAY_SECRETS_MAX): GatewaySecrets {
  const newest = Object.entries(secrets).sort(([, a], [, b]) => b.at - a.at);
  return Object.fromEntries([...newest.filter(([id]) => used.has(id)), ...newest.filter(([id]) => !used.has(id)).slice(0, othersMax)]);
}

/** A client certificate as the parameter's value names it: nothing of it is secret. */
export interface ClientCertificate {
  readonly id: string;
  readonly subject: string;
  readonly issuer: string;
  /** Epoch ms; from then on backends refuse it. */
  readonly expiresAt: number;
  /** SHA-256, as other tools show it. */
  readonly fingerprint: string;
}

export interface TypedCertificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export type CertificateReading =
  | { readonly described: Omit<ClientCertificate, 'id'>; readonly ca: string; readonly certificate: string; readonly key: string }
  | { readonly faults: Partial<Record<keyof TypedCertificate, string>> };

const PEM_CHARACTERS_MAX = 32_768;
const CERTIFICATES_MAX = 10;
const NAME_MAX = 300;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /^-----BEGIN (?:EC |RSA )?PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END (?:EC |RSA )?PRIVATE KEY-----$/;

/** Read what was pasted: a certificate with those above it, its private key, and perhaps an authority of the backends. @param now  epoch ms */
export function readClientCertificate({ ca, certificate, key }: TypedCertificate, now: number): CertificateReading {
  const faults: Partial<Record<keyof TypedCertificate, string>> = {};
  const authorities = ca.trim() === '' ? [] : certificatesIn(ca);
  if (typeof authorities === 'string') faults.ca = authorities;
  else for (const one of authorities) if (hasEnded(one, now)) faults.ca = `${nameOf(one.subject)} has expired.`;
  const chain = certificatesIn(certificate);
  if (typeof chain === 'string') faults.certificate = chain;
  const leaf = typeof chain === 'string' ? undefined : chain[0];
  if (leaf && hasEnded(leaf, now)) faults.certificate = 'This certificate has expired: backends would refuse it.';
  if (leaf && Date.parse(leaf.validFrom) > now) faults.certificate = 'This certificate is not valid yet.';
  const privateKey = keyIn(key);
  if (typeof privateKey === 'string') faults.key = privateKey;
  else if (leaf && !leaf.checkPrivateKey(privateKey)) faults.key = 'This key does not belong to the certificate above.';
  if (!leaf || typeof chain === 'string' || typeof authorities === 'string' || typeof privateKey === 'string' || Object.keys(faults).length > 0)
    return { faults };
  const pem = {
    ca: authorities.map((one) => one.toString()).join(''),
    certificate: chain.map((one) => one.toString()).join(''),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
  const refused = refusedByTls(pem);
  if (refused !== null)
    return { faults: { certificate: `No encrypted connection takes it: its key or a signature is too weak, or of a kind TLS does not know (${refused}).` } };
  return { described: { subject: nameOf(leaf.subject), issuer: nameOf(leaf.issuer), expiresAt: expiryOf(leaf), fingerprint: leaf.fingerprint256 }, ...pem };
}

/** What can be read need not be good for a connection. Null: it is. */
function refusedByTls({ ca, certificate, key }: TypedCertificate): string | null {
  try {
    createSecureContext({ cert: certificate, key, ...(ca !== '' && { ca }) });
    return null;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code ?? 'unknown');
  }
}

/** The certificates of a text, or why there are none. */
function certificatesIn(text: string): X509Certificate[] | string {
  if (text.trim() === '') return 'This is needed.';
  if (text.length > PEM_CHARACTERS_MAX) return `At most ${PEM_CHARACTERS_MAX.toLocaleString('en')} characters fit.`;
  if (text.includes('PRIVATE KEY')) return 'A private key was pasted here. It belongs into the field for the key.';
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0 || text.replace(CERTIFICATE, '').trim() !== '')
    return 'PEM alone: -----BEGIN CERTIFICATE----- … -----END CERTIFICATE-----, one after the other.';
  if (blocks.length > CERTIFICATES_MAX) return `At most ${CERTIFICATES_MAX} certificates.`;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return 'A certificate cannot be read: it is damaged or cut short.';
  }
}

function keyIn(text: string): KeyObject | string {
  const trimmed = text.trim();
  if (trimmed === '') return 'This is needed.';
  if (trimmed.length > PEM_CHARACTERS_MAX) return `At most ${PEM_CHARACTERS_MAX.toLocaleString('en')} characters fit.`;
  if (/ENCRYPTED/.test(trimmed)) return 'This key is protected by a passphrase. Paste it without one: it is encrypted here.';
  if (!PRIVATE_KEY.test(trimmed)) return 'PEM alone: -----BEGIN PRIVATE KEY----- … -----END PRIVATE KEY-----.';
  try {
    return createPrivateKey(trimmed);
  } catch {
    return 'The key cannot be read: it is damaged or cut short.';
  }
}

const expiryOf = ({ validTo }: X509Certificate): number => Date.parse(validTo);
/** So has one whose end nobody can read. */
const hasEnded = (certificate: X509Certificate, now: number): boolean => !(expiryOf(certificate) > now);
/** `CN=client, O=Atlas`: one line of visible text. */
const nameOf = (name: string): string =>
  name
    .split('\n')
    .join(', ')
    .replace(/[^\x20-\x7e\u00a0-\u1fff\u3040-\ud7ff]/g, '?')
    .slice(0, NAME_MAX);

/** Alerts of a backend, as OpenSSL names them, that are about the certificate we show or do not show. */
const REFUSED =
  /ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED|NO_CERTIFICATE)|CERTIFICATE_REQUIRED/;
const BROKEN_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
const NOT_TRUSTED =
  /UNABLE_TO_(?:VERIFY|GET_ISSUER)|SELF_SIGNED|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|CERT_SIGNATURE_FAILURE|ERR_TLS_CERT_ALTNAME_INVALID|CERT_UNTRUSTED|INVALID_CA/;

/**
 * Why an encrypted connection to a backend did not come about, in words for its provider; null when it was nothing about certificates.
 * @param error  whatever was thrown; looked at with what caused it
 */
export function certificateFault(error: unknown, withCertificate: boolean): string | null {
  const refused = refusedCertificate(error, withCertificate);
  if (refused !== null) return refused;
  const code = codesOf(error).find((one) => NOT_TRUSTED.test(one.code))?.code;
  return code === undefined
    ? null
    : `The backend’s own certificate is not trusted (${code}). If an authority of your own has signed it, add that to backend_client_certificate.`;
}

/** The backend ended the handshake over the certificate it was shown, or not shown. */
export function refusedCertificate(error: unknown, withCertificate: boolean): string | null {
  const found = codesOf(error).find(({ code, alert }) => REFUSED.test(code) || (alert && /^(?:ERR_SSL_|EPROTO)/.test(code)));
  // Many servers say nothing: they let the handshake end and close.
  const broken = withCertificate && !found ? codesOf(error).find(({ code }) => BROKEN_OFF.has(code)) : undefined;
  if (broken) return `The backend broke the connection off without an answer, as many do that do not accept a client certificate (${broken.code}).`;
  if (!found) return null;
  return withCertificate
    ? `The backend refused the client certificate of this gateway (${found.code}).`
    : `The backend refused the connection and may ask for a client certificate: this gateway has none (${found.code}).`;
}

function codesOf(error: unknown): { readonly code: string; readonly alert: boolean }[] {
  const codes: { code: string; alert: boolean }[] = [];
  for (let [at, depth] = [error, 0]; at instanceof Error && depth < 5; [at, depth] = [at.cause, depth + 1])
    codes.push({ code: String((at as NodeJS.ErrnoException).code ?? ''), alert: /alert number \d+/.test(at.message) });
  return codes;
}
