import { isPrivateAddress, parseAddress } from './address.ts';

/** Ports of other protocols: a request sent there is an attack on them, never a call. */
const FORBIDDEN_PORTS: ReadonlySet<number> = new Set([
  19, 21, 22, 23, 25, 53, 69, 110, 111, 119, 135, 137, 139, 143, 161, 389, 445, 465, 514, 587, 636, 873, 993, 995, 1433, 1521, 2049, 2375, 2376, 2379, 3306,
  3389, 5432, 5672, 5900, 6379, 6380, 9042, 9092, 11211, 27017, 27018, 27019,
]);

/** Names that only ever lead into somebody's own network. */
const PRIVATE_NAME = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|localdomain|home\.arpa)$/;

/** User name and password are refused, and never said again. */
export const withoutUser = (origin: string): string => origin.replace(/^(\s*[a-z]+:\/\/)[^/?#]*@/i, '$1');

export type OriginReading = { readonly origin: string; readonly host: string; readonly port: number; readonly fault?: undefined } | { readonly fault: string };

/**
 * Read a provider's upstream address: scheme, host and port, nothing else. Names are looked up later, at every connection;
 * what can be seen from the text alone is refused here, beside the field.
 *
 * @param allow  `host:port` pairs that may be private (UPSTREAM_ALLOW)
 * @returns the origin in its one spelling (`https://api.example.com`), or the fault in words for the form
 */
export function readOrigin(text: string, allow: ReadonlySet<string>): OriginReading {
  if (text.length > 512) return { fault: 'At most 512 characters fit.' };
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return { fault: 'This is not a web address: it should look like https://api.example.com.' };
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { fault: 'Only http:// and https:// addresses can be called.' };
  if (url.username !== '' || url.password !== '') return { fault: 'Leave user name and password out: put them into a hidden header instead.' };
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return { fault: 'Give scheme, host and port only; the path has a field of its own.' };
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const reading = { origin: url.origin, host, port };
  if (allow.has(`${host}:${port}`)) return reading;
  if (FORBIDDEN_PORTS.has(port)) return { fault: `Port ${port} belongs to another protocol than HTTP.` };
  const refusal = privateHostFault(host);
  return refusal === undefined ? reading : { fault: refusal };
}

function privateHostFault(host: string): string | undefined {
  const literal = parseAddress(host) !== null;
  if (literal ? isPrivateAddress(host) : PRIVATE_NAME.test(host)) return `${host} is an address inside a private network. Only public addresses can be called.`;
  if (!literal && !host.includes('.')) return `${host} is not a full host name: it should look like api.example.com.`;
  return undefined;
}
