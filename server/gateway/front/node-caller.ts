import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller, NodePair } from './caller.ts';
import { endWhole } from './whole-answer.ts';

/** The caller's side over Node's own request and response. */
export class NodeCaller implements Caller {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly httpVersionMinor: number;
  readonly node: NodePair;

  readonly #expecting: boolean;
  readonly #realNow: () => number;

  /**
   * @param expecting  the caller waits to be told to go on
   * @param realNow  epoch ms of the machine
   */
  constructor(req: IncomingMessage, res: ServerResponse, expecting: boolean, realNow: () => number) {
    this.node = { req, res };
    this.#expecting = expecting;
    this.#realNow = realNow;
    this.method = req.method ?? 'GET';
    this.url = req.url ?? '';
    this.rawHeaders = req.rawHeaders;
    this.httpVersionMinor = req.httpVersionMinor;
    res.on('error', ignore);
  }

  get address(): string {
    return this.node.req.socket.remoteAddress ?? '';
  }

  get complete(): boolean {
    return this.node.req.complete;
  }

  get destroyed(): boolean {
    return this.node.res.destroyed;
  }

  answer(status: number, headers: readonly string[], body: Buffer | null, parsed: boolean): void {
    const { req, res } = this.node;
    if (parsed && body !== null && !this.#expecting && keeps(headers) && endWhole(req, res, status, headers, body, this.#realNow())) return;
    res.writeHead(status, headers as string[]);
    res.end(body ?? undefined);
  }

  begin(status: number, headers: readonly string[], first: Buffer | null): boolean {
    const { res } = this.node;
    res.writeHead(status, headers as string[]);
    if (first !== null) return res.write(first);
    res.flushHeaders();
    return true;
  }

  write(chunk: Buffer): boolean {
    return this.node.res.write(chunk);
  }

  drained(listener: () => void): void {
    this.node.res.once('drain', listener);
  }

  end(chunk: Buffer | null): void {
    if (chunk === null) this.node.res.end();
    else this.node.res.end(chunk);
  }

  destroy(): void {
    this.node.res.destroy();
  }

  onClose(listener: () => void): void {
    this.node.res.on('close', listener);
  }
}

/** A refusal that ends the connection says so among its fields. */
const keeps = (headers: readonly string[]): boolean => !headers.includes('Connection');

const ignore = (): void => undefined;
