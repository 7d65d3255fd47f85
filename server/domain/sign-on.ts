import { readOrigin } from './upstream-origin.ts';

const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/;

/** A domain of e-mail addresses in its one spelling (lower case, punycode); null for what is none. */
export function readDomain(text: string): string | null {
  const typed = text.trim().replace(/^@/, '').replace(/\.$/, '');
  if (typed === '' || /[\s/:?#\\@%]/.test(typed)) return null;
  try {
    const { hostname } = new URL(`https://${typed}`);
    return DOMAIN.test(hostname) ? hostname : null;
  } catch {
    return null;
  }
}

/** The domain of an address; null where there is none. */
export const domainOf = (email: string): string | null => readDomain(email.slice(email.lastIndexOf('@') + 1));

/** What the ciphertext of a client's secret belongs to. */
export const clientSecretContext = (organizationId: string): string => `sign-on ${organizationId}`;

export type IssuerReading = { readonly issuer: string; readonly fault?: undefined } | { readonly fault: string };

/**
 * Read an issuer's address (OpenID Connect Discovery: https, without query and fragment; it may have a path). Kept as the issuer writes it, since its
 * tokens are compared with it letter by letter.
 * @param allow  `host:port` pairs that may be private, and then in clear (UPSTREAM_ALLOW)
 */
export function readIssuer(text: string, allow: ReadonlySet<string>): IssuerReading {
  const typed = text.trim();
  if (!URL.canParse(typed) || typed.length > 512) return { fault: 'This is not a web address: it should look like https://login.example.com.' };
  const url = new URL(typed);
  if (url.search !== '' || url.hash !== '' || /[?#\s\\]/.test(typed)) return { fault: 'Leave out everything from the question mark on.' };
  const reading = readOrigin(url.origin, allow);
  if (url.username !== '' || url.password !== '') return { fault: 'Leave user name and password out.' };
  if (reading.fault !== undefined) return { fault: reading.fault };
  if (url.protocol !== 'https:' && !allow.has(`${reading.host}:${reading.port}`)) return { fault: 'An issuer is called over https.' };
  return { issuer: typed };
}

const KNOWLEDGE: ReadonlySet<string> = new Set(['kba', 'pin', 'pwd']);
const POSSESSION: ReadonlySet<string> = new Set(['hwk', 'otp', 'sc', 'sms', 'swk', 'tel']);
const INHERENCE: ReadonlySet<string> = new Set(['face', 'fpt', 'iris', 'retina', 'vbm']);

/** Whether an issuer's `amr` says that it asked for two factors of different kinds (RFC 8176). */
export function isMultiFactor(amr: unknown): boolean {
  const methods = Array.isArray(amr) ? amr.filter((one): one is string => typeof one === 'string') : [];
  const kinds = [KNOWLEDGE, POSSESSION, INHERENCE].filter((kind) => methods.some((one) => kind.has(one)));
  return methods.includes('mfa') || kinds.length > 1;
}
