import { headerName } from '../../domain/headers.ts';

/** A provider's answer that is all there: a plain head with its length, and just that many bytes. */
export interface WholeAnswer {
  readonly status: number;
  /** Names and values in turn, as sent; values are bytes read as Latin-1. */
  readonly rawHeaders: string[];
  readonly body: Buffer;
}

const HEAD_BYTES_MAX = 8_192;
/** Each character can be read in one way only, so the expression takes time in proportion to the text. */
const PLAIN = /^HTTP\/1\.1 [2-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)+$/;
const LENGTH = /^[0-9]{1,9}$/;

/**
 * Read what came at once as the whole answer to a GET. Null for everything that is not plain, not whole or more than one answer, which is no
 * verdict on it: Node's own parser judges that.
 */
export function readWholeAnswer(bytes: Buffer): WholeAnswer | null {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, HEAD_BYTES_MAX));
  const end = text.indexOf('\r\n\r\n') + 2;
  if (end < 2) return null;
  const head = text.slice(0, end);
  if (!PLAIN.test(head)) return null;
  const status = Number(head.slice(9, 12));
  if (status === 204 || status === 304) return null;
  const rawHeaders: string[] = [];
  let length = -1;
  for (let at = head.indexOf('\r\n') + 2; at < end;) {
    const lineEnd = head.indexOf('\r\n', at);
    const colon = head.indexOf(':', at);
    const name = head.slice(at, colon);
    const value = head.slice(colon + 1, lineEnd).trim();
    at = lineEnd + 2;
    rawHeaders.push(name, value);
    const { lower } = headerName(name);
    if (lower === 'content-length') {
      if (length >= 0 || !LENGTH.test(value)) return null;
      length = Number(value);
    } else if (lower === 'transfer-encoding' || lower === 'upgrade' || (lower === 'connection' && value.toLowerCase() !== 'keep-alive')) return null;
  }
  if (length !== bytes.length - end - 2) return null;
  const body = Buffer.allocUnsafe(length);
  bytes.copy(body, 0, end + 2);
  return { status, rawHeaders, body };
}
