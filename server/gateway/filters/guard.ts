import { nominated } from '../../domain/headers.ts';
import { isLoopback, parseAddress } from '../../domain/address.ts';
import { ESCAPE_FAULT, isHost, readTarget } from '../../domain/target.ts';
import { AppError } from '../../kernel/errors.ts';
import { METHODS } from '../../domain/api-definition.ts';
import type { Call } from '../call.ts';
import type { Filter } from '../filter.ts';

export const TARGET_BYTES_MAX = 32_768;
export const HEADER_BYTES_MAX = 32_768;

const METHOD_NAMES: ReadonlySet<string> = new Set(METHODS);

/**
 * Refuse what two HTTP parsers could read differently, and what is too large. Node's parser has refused most of it before; this is what
 * it lets pass. Sets: `clientAddress`, `target`, `contentLength`. Runs before everything.
 */
export const guardRequest: Filter = (call) => {
  const { fields, caller } = call;
  const { url } = caller;
  if (call.method === 'TRACE' || call.method === 'CONNECT') throw new AppError('method-not-allowed');
  if (!METHOD_NAMES.has(call.method)) throw new AppError('invalid-request', 'This method is not known here.');
  if (url.length > TARGET_BYTES_MAX) throw new AppError('uri-too-long');
  if (fields.bytes > HEADER_BYTES_MAX) throw new AppError('headers-too-large');
  if (fields.fault !== '') throw new AppError('invalid-request', fields.fault);
  if (fields.host === '' ? caller.httpVersionMinor !== 0 : !isHost(fields.host)) throw new AppError('invalid-request', 'The Host header must name this host.');
  call.contentLength = lengthOf(call);
  if (fields.expect !== '' && fields.expect.toLowerCase() !== '100-continue') throw new AppError('invalid-request', 'Only Expect: 100-continue is understood.');
  const reading = readTarget(url, fields.host, true);
  if (reading.fault !== undefined) throw new AppError('invalid-request', reading.fault);
  if (reading.target.slash && reading.target.segments[0] === '-') throw new AppError('invalid-request', ESCAPE_FAULT);
  call.target = reading.target;
  call.clientAddress = clientAddress(call);
};

function lengthOf({ fields, caller }: Call): number {
  const chunked = fields.transferEncoding !== '';
  if (chunked && (fields.transferEncoding.trim().toLowerCase() !== 'chunked' || caller.httpVersionMinor === 0 || fields.contentLength !== ''))
    throw new AppError('invalid-request', 'The body must be framed in one way: Content-Length, or Transfer-Encoding: chunked.');
  if (chunked) return -1;
  if (fields.contentLength === '') return 0;
  if (!/^[0-9]{1,15}$/.test(fields.contentLength)) throw new AppError('invalid-request', 'Content-Length must be a whole number.');
  return Number(fields.contentLength);
}

/** The address that decides policies: the socket's, or with trusted proxies in front the one the outermost of them saw. */
function clientAddress({ caller, fields, way: { trustedHops } }: Call): string {
  const socketAddress = caller.address;
  if (trustedHops === 0 || fields.forwardedFor === '') return socketAddress;
  const chain = fields.forwardedFor.split(',');
  return (chain[Math.max(0, chain.length - trustedHops)] ?? socketAddress).trim();
}

/**
 * The caller's address where the gateway's parameter `real_ip_from_xff` picks one of X-Forwarded-For: 0 the first, -1 the last. What stands
 * before the addresses that trusted proxies wrote is the caller's own word and never picked.
 */
export function pickedAddress({ clientAddress: before, fields, way: { trustedHops } }: Call, index: number): string {
  if (trustedHops === 0 || fields.forwardedFor === '') return before;
  const chain = fields.forwardedFor.split(',');
  const trustedFrom = Math.max(0, chain.length - trustedHops);
  const wanted = index < 0 ? chain.length + index : index;
  const picked = (chain[Math.min(Math.max(wanted, trustedFrom), chain.length - 1)] ?? '').trim();
  return parseAddress(picked) === null ? before : picked;
}

/**
 * Codes travel in clear: they are accepted over TLS, which ends at a trusted proxy, and from this machine. A trusted proxy may stand on
 * this machine: then its word on how the caller came goes before its own address.
 */
export const isSecure = ({ caller, fields, way }: Call): boolean =>
  way.trustedHops > 0 && fields.forwardedProto !== ''
    ? fields.forwardedProto.split(',').at(-1)?.trim().toLowerCase() === 'https'
    : fromLoopback(caller.address);

/** Neighbouring calls mostly come from one address: the proxy's in front. */
let lastAddress = '';
let lastIsLoopback = false;
function fromLoopback(address: string): boolean {
  if (address !== lastAddress) [lastAddress, lastIsLoopback] = [address, isLoopback(address)];
  return lastIsLoopback;
}

export const namedInConnection = ({ fields }: Call): ReadonlySet<string> | null => (fields.connection === '' ? null : nominated(fields.connection));
