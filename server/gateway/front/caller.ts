import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The caller's side of one call: what was asked, and the way an answer gets back. Two of them exist: Node's request and response, which can
 * do everything, and the lane's light one for requests that are a plain head.
 */
export interface Caller {
  readonly method: string;
  /** The target as sent. */
  readonly url: string;
  /** Names and values in turn, as sent; values are bytes read as Latin-1. */
  readonly rawHeaders: readonly string[];
  readonly httpVersionMinor: number;
  /** The other end of the connection; empty once it is gone. */
  readonly address: string;
  /** The request was read to its end. */
  readonly complete: boolean;
  /** Nothing can be answered any more. */
  readonly destroyed: boolean;
  /** Node's own pair, which bodies and tunnels need; null: the request has no body and asks for no other protocol. */
  readonly node: NodePair | null;

  /**
   * The whole answer at once.
   * @param headers  names and values in turn, with Content-Length where there is a body, without Connection unless it is to be closed
   * @param parsed  the fields came from a parser or from us, so that none holds a line break
   * @throws on a field that no answer may carry
   */
  answer(status: number, headers: readonly string[], body: Buffer | null, parsed: boolean): void;
  /** The head, perhaps with a first piece. Without Content-Length the answer is chunked. @returns false to hold back until `drained` tells */
  begin(status: number, headers: readonly string[], first: Buffer | null): boolean;
  /** @returns false to hold back until `drained` tells */
  write(chunk: Buffer): boolean;
  drained(listener: () => void): void;
  /** The last piece, perhaps none. */
  end(chunk: Buffer | null): void;
  /** Break off: the caller must notice that the answer is not whole. */
  destroy(): void;
  /** Told once: the last bytes are out, or the caller is gone. */
  onClose(listener: () => void): void;
}

export interface NodePair {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** The request of a call that may have a body. */
export function nodeOf({ node }: Caller): NodePair {
  if (node === null) throw new Error('this request cannot have a body');
  return node;
}
