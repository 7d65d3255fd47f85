import { readFields } from '../fields.ts';
import type { Fields } from '../call.ts';

/** A request that is nothing but a head, and means the same to everybody who reads it. */
export interface PlainRequest {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly fields: Fields;
}

/** A longer one is somebody else's to judge. */
const HEAD_BYTES_MAX = 16_384;
const HEADERS_MAX = 100;
/**
 * `METHOD SP origin-form SP HTTP/1.1 CRLF`, then lines of token, colon and printable ASCII, then an empty line, and nothing behind it. Each
 * character can be read in one way only, so the expression takes time in proportion to the text.
 */
const PLAIN = /^(?:GET|HEAD) \/[\x21-\x7e]* HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*\r\n)+\r\n$/;

/**
 * Read a request that is exactly one plain head: complete, without a body, an upgrade or anything else that changes how bytes are framed. Null
 * for all others, which is no verdict on them: Node's own parser, which is strict, judges those.
 */
export function readPlainRequest(chunk: Buffer): PlainRequest | null {
  if (chunk.length > HEAD_BYTES_MAX) return null;
  const text = chunk.toString('latin1');
  if (!PLAIN.test(text)) return null;
  const lineEnd = text.indexOf('\r\n');
  const space = text.indexOf(' ');
  const rawHeaders: string[] = [];
  const last = text.length - 2;
  for (let at = lineEnd + 2; at < last;) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    rawHeaders.push(text.slice(at, colon), text.slice(colon + 1, end).trim());
    at = end + 2;
  }
  if (rawHeaders.length > 2 * HEADERS_MAX) return null;
  const fields = readFields(rawHeaders);
  return isPlain(fields) ? { method: text.slice(0, space), url: text.slice(space + 1, lineEnd - 9), rawHeaders, fields } : null;
}

const isPlain = ({ fault, host, contentLength, transferEncoding, expect, upgrade, connection }: Fields): boolean =>
  fault === '' &&
  host !== '' &&
  contentLength === '' &&
  transferEncoding === '' &&
  expect === '' &&
  upgrade === '' &&
  (connection === '' || connection.toLowerCase() === 'keep-alive');
