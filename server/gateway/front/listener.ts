import { ServerResponse, createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { PROBLEMS, type ProblemCode } from '../../kernel/problems.ts';
import { readFields } from '../fields.ts';
import type { Fields } from '../call.ts';
import type { Caller } from './caller.ts';
import { makeLane } from './lane.ts';
import { NodeCaller } from './node-caller.ts';
import { KEEP_ALIVE_MS } from './whole-answer.ts';

/** Bounds of a listener. Node's own header limit is above ours, so that our answer can tell what was too large. */
const HEADER_BYTES_PARSED_MAX = 81_920;
const HEADERS_MS = 10_000;
const REQUEST_MS = 300_000;
const CHECK_EVERY_MS = 1_000;
const CONNECTIONS_MAX = 20_000;
const IDLE_LOOK_MS = 50;

export interface ListenerOptions {
  readonly handle: (caller: Caller, fields: Fields, upgradeHead: Buffer | null) => void;
  /** For the answer to what never became a call. */
  readonly nextId: () => string;
  /** Epoch ms of the machine. */
  readonly realNow: () => number;
  readonly timeouts: { readonly headersMs?: number; readonly requestMs?: number };
}

/** One address on which calls come in. */
export interface Listener {
  /** @returns the port, also when 0 was asked for */
  listen(port: number, host?: string): Promise<number>;
  readonly listening: boolean;
  /** Take no more connections, and no more calls on those there are. Resolves when the last one is closed. */
  drain(): Promise<void>;
  closeAll(): void;
}

/** Node's server, whose connections begin on the lane and come to Node's own reading with the first thing that is not plain. */
export function makeListener({ handle, nextId, realNow, timeouts: { headersMs = HEADERS_MS, requestMs = REQUEST_MS } }: ListenerOptions): Listener {
  const server = makeServer({ handle, nextId, realNow, timeouts: { headersMs, requestMs } });
  const nodeReads = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const lane = makeLane({
    handle,
    handOver(socket) {
      for (const read of nodeReads) read.call(server, socket);
    },
    late: (socket) => answerRaw(socket, 'invalid-request', nextId()),
    headersMs,
    realNow,
  });
  server.on('connection', (socket) => lane.take(socket));

  return {
    get listening() {
      return server.listening;
    },
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    drain() {
      // A kept connection whose call has just ended is idle, and would hold the listener open for no one.
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
      const closed = new Promise<void>((resolve) => server.close(() => resolve())).finally(() => clearInterval(idle));
      lane.drain();
      return closed;
    },
    closeAll() {
      lane.closeAll();
      server.closeAllConnections();
    },
  };
}

function makeServer({
  handle,
  nextId,
  realNow,
  timeouts: { headersMs, requestMs },
}: ListenerOptions & { timeouts: { headersMs: number; requestMs: number } }): Server {
  const calls = (req: IncomingMessage, res: ServerResponse, expecting: boolean, upgradeHead: Buffer | null) =>
    handle(new NodeCaller(req, res, expecting, realNow), readFields(req.rawHeaders), upgradeHead);
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_PARSED_MAX,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requireHostHeader: false,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      noDelay: true,
      insecureHTTPParser: false,
    },
    (req, res) => calls(req, res, false, null),
  );
  server.maxConnections = CONNECTIONS_MAX;
  // Node would answer these by itself; the pipeline decides instead.
  server.on('checkContinue', (req, res) => calls(req, res, true, null));
  server.on('checkExpectation', (req, res) => calls(req, res, true, null));
  server.on('upgrade', (req, socket, head) => {
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket as Socket);
    res.on('finish', () => socket.end());
    socket.on('error', () => socket.destroy());
    calls(req, res, false, head);
  });
  server.on('connect', (_req, socket) => answerRaw(socket as Socket, 'method-not-allowed', nextId()));
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => answerRaw(socket as Socket, parseFault(error), nextId()));
  return server;
}

function parseFault({ code, rawPacket }: { code?: string; rawPacket?: Buffer }): ProblemCode | null {
  if (code === 'ECONNRESET' || code === 'EPIPE') return null;
  if (code === 'HPE_HEADER_OVERFLOW') return rawPacket && !rawPacket.includes('\n') ? 'uri-too-long' : 'headers-too-large';
  return 'invalid-request';
}

/** For what never became a call: answered, unless another answer is on its way, and the connection ends. */
function answerRaw(socket: Socket & { _httpMessage?: { headersSent: boolean } | null }, code: ProblemCode | null, requestId: string): void {
  if (code === null || !socket.writable || socket._httpMessage?.headersSent) return void socket.destroy();
  const { status, apig, help, title } = PROBLEMS[code];
  const body = JSON.stringify({ error_code: apig, error_msg: help, request_id: requestId });
  socket.once('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nX-Request-Id: ${requestId}\r\n` +
      `X-Error-Source: gateway\r\nConnection: close\r\n\r\n${body}`,
  );
}
