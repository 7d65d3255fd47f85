import { constants, createGzip, type Gzip } from 'node:zlib';
import type { Call } from './call.ts';
import { headerAll } from './fields.ts';

/** A shorter body of known length costs more to compress than it saves. */
const BYTES_MIN = 1_024;
const TEXT_TYPES: ReadonlySet<string> = new Set([
  'application/javascript',
  'application/json',
  'application/problem+json',
  'application/rss+xml',
  'application/x-javascript',
  'application/xhtml+xml',
  'application/xml',
  'image/svg+xml',
  'text/css',
  'text/csv',
  'text/html',
  'text/javascript',
  'text/plain',
  'text/xml',
]);

const mediaType = (value: string): string => value.split(';', 1)[0]?.trim().toLowerCase() ?? '';

export const isEventStream = (headers: readonly string[]): boolean => mediaType(fieldOf(headers, 'content-type')) === 'text/event-stream';

export function fieldOf(headers: readonly string[], lower: string): string {
  for (let i = 0; i + 1 < headers.length; i += 2) if ((headers[i] as string).toLowerCase() === lower) return headers[i + 1] as string;
  return '';
}

/** Does the caller accept gzip? `gzip;q=0` says no, and so does silence (RFC 9110 §12.5.3). */
export function acceptsGzip(accepted: string): boolean {
  let any = false;
  for (const part of accepted.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((one) => one.trim());
    const weight = parameters.find((one) => one.startsWith('q='));
    const wanted = weight === undefined || Number(weight.slice(2)) > 0;
    if (coding === 'gzip' || coding === 'x-gzip') return wanted;
    if (coding === '*') any = wanted;
  }
  return any;
}

/**
 * Compress an answer where the gateway's parameter `gzip` and the caller ask for it: whole text bodies of more than 1 KB that the provider
 * did not encode itself. Changes the headers accordingly. Null: the answer goes on as it is.
 *
 * @param expected  announced length; -1 when unknown: then each piece leaves at once, so that nothing that is streamed is held back
 */
export function compressed(call: Call, status: number, headers: string[], expected: number): Gzip | null {
  const level = call.served?.parameters.gzip ?? null;
  if (level === null || status === 206 || (expected >= 0 && expected <= BYTES_MIN)) return null;
  if (!TEXT_TYPES.has(mediaType(fieldOf(headers, 'content-type')))) return null;
  if (fieldOf(headers, 'content-encoding') !== '' || /no-transform/i.test(fieldOf(headers, 'cache-control'))) return null;
  // Who does not ask for it must not be given the other form by a cache in between.
  headers.push('Vary', 'Accept-Encoding');
  if (!acceptsGzip(headerAll(call, 'accept-encoding'))) return null;
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const name = (headers[i] as string).toLowerCase();
    // The bytes are others: a strong tag, a digest and ranges of the original do not fit them.
    if (name === 'etag' && !(headers[i + 1] as string).startsWith('W/')) headers[i + 1] = `W/${headers[i + 1]}`;
    else if (name === 'accept-ranges' || name === 'content-md5' || name === 'digest' || name === 'content-digest') headers.splice(i, 2);
  }
  headers.push('Content-Encoding', 'gzip');
  return createGzip({ level, ...(expected < 0 && { flush: constants.Z_SYNC_FLUSH }) });
}
