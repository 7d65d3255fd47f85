import { createRequire } from 'node:module';
import { UPSTREAM_HEADER_BYTES_MAX } from './undici-engine.ts';

/** What an answer turns out to be, piece by piece. */
export interface ResponseEvents {
  /** Interim answers (1xx) included. @returns true when no body follows, whatever the head says: the answer to a HEAD */
  onHead(status: number, rawHeaders: string[], keepsConnection: boolean): boolean;
  onBody(chunk: Buffer): void;
  /** The final answer is whole. */
  onEnd(): void;
  /** Bytes follow the final answer. */
  onMore(): void;
}

export interface ResponseParser {
  /** @returns what is wrong with the bytes, or null */
  execute(bytes: Buffer): Error | null;
  /** The connection has ended. @returns an error when the answer has not */
  finish(): Error | null;
}

interface NodeParser {
  initialize(kind: number, resource: object, headerBytesMax: number): void;
  execute(bytes: Buffer): number | Error;
  finish(): Error | undefined;
  [callback: number]: (...values: never[]) => unknown;
}
interface NodeParserClass {
  new (): NodeParser;
  readonly RESPONSE: number;
  readonly kOnMessageBegin: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}
const CONSTANTS = ['RESPONSE', 'kOnMessageBegin', 'kOnHeaders', 'kOnHeadersComplete', 'kOnBody', 'kOnMessageComplete'] as const;

/** Node's strict parser, the one behind `http`. It is no public part of Node: null where it is not as we know it. */
const Parser = nodeParser();
export const hasResponseParser = Parser !== null;

function nodeParser(): NodeParserClass | null {
  try {
    const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as { HTTPParser: NodeParserClass };
    return CONSTANTS.every((name) => typeof HTTPParser[name] === 'number') && typeof HTTPParser.prototype === 'object' ? HTTPParser : null;
  } catch {
    return null;
  }
}

/** A parser for one final answer and the interim ones before it. */
export function makeResponseParser(events: ResponseEvents): ResponseParser {
  if (Parser === null) throw new Error('this Node has no parser that we know');
  const parser = new Parser();
  parser.initialize(Parser.RESPONSE, {}, UPSTREAM_HEADER_BYTES_MAX);
  let early: string[] = [];
  let [interim, ended] = [false, false];
  parser[Parser.kOnMessageBegin] = () => {
    if (ended) events.onMore();
  };
  parser[Parser.kOnHeaders] = (headers: string[]) => void (early = [...early, ...headers]);
  parser[Parser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    headers: string[] | undefined,
    _method: undefined,
    _url: undefined,
    status: number,
    _reason: string,
    _upgrade: boolean,
    keeps: boolean,
  ): number => {
    if (ended) return 1;
    const all = early.length === 0 ? (headers ?? []) : [...early, ...(headers ?? [])];
    early = [];
    interim = status < 200;
    return events.onHead(status, all, keeps) ? 1 : 0;
  };
  parser[Parser.kOnBody] = (chunk: Buffer) => {
    if (!ended) events.onBody(chunk);
  };
  parser[Parser.kOnMessageComplete] = () => {
    early = [];
    if (interim || ended) return;
    ended = true;
    events.onEnd();
  };
  return {
    execute(bytes) {
      const taken = parser.execute(bytes);
      return taken instanceof Error ? taken : null;
    },
    finish: () => parser.finish() ?? null,
  };
}
