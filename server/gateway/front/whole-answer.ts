import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';

/** Beyond this copying a body to its head costs more than writing it as a second piece. */
export const BODY_BYTES_MAX = 16_384;
export const KEEP_ALIVE_MS = 65_000;
export const KEPT = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1_000}\r\n\r\n`;

/** What Node's answers hold inside, since its version 0.10: the text of the head, waiting to be sent with the first piece. */
interface Inside {
  _header?: string | null;
  _headerSent?: boolean;
}

let [dateSecond, dateText] = [-1, ''];

/**
 * The head of an answer without its last lines, which say what becomes of the connection.
 * @param headers  names and values in turn, free of line breaks
 * @param now  epoch ms of the machine, for `Date`, which a provider's own goes before
 */
export function answerHead(status: number, headers: readonly string[], now: number): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
  let dated = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'date') dated = true;
    head += `${name}: ${headers[i + 1] as string}\r\n`;
  }
  return dated ? head : `${head}Date: ${httpDate(now)}\r\n`;
}

/**
 * End an answer in one write: head and body as one text, byte for byte. Node's `writeHead` and `end` check and join the fields one by one and
 * pass head, body and end down apart, which costs more than any check of ours. Everything around it stays Node's: pipelining, keep-alive, `finish`, `close`.
 *
 * @param headers  names and values in turn, which came from a parser or from us: free of line breaks; with Content-Length, without Connection
 * @returns false when this answer is not of that kind, and nothing was written
 */
export function endWhole(req: IncomingMessage, res: ServerResponse, status: number, headers: readonly string[], body: Buffer, now: number): boolean {
  const inside = res as Inside;
  const simple = res.shouldKeepAlive && req.httpVersionMinor === 1 && body.length <= BODY_BYTES_MAX;
  if (!simple || inside._header !== null || inside._headerSent !== false) return false;
  res.statusCode = status;
  inside._header = answerHead(status, headers, now) + KEPT + body.toString('latin1');
  res.end();
  return true;
}

function httpDate(now: number): string {
  const second = Math.floor(now / 1_000);
  if (second !== dateSecond) [dateSecond, dateText] = [second, new Date(now).toUTCString()];
  return dateText;
}
