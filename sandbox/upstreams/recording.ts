import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** How the next answers behave; changed at any time. */
export interface Behaviour {
  status: number;
  headers: Record<string, string>;
  body: string;
  delayMs: number;
  /** `none`: answer in full. `before`: cut the connection without an answer. `mid-body`: reset after half of the body. */
  cut: 'none' | 'before' | 'mid-body';
}

export interface RecordingUpstream {
  readonly port: number;
  readonly url: string;
  /** `127.0.0.1:port`, as UPSTREAM_ALLOW wants it. */
  readonly hostPort: string;
  readonly behaviour: Behaviour;
  readonly received: readonly Received[];
  /** How often a call came, by the header that names it (default `x-test-id`). */
  counts(): ReadonlyMap<string, number>;
  /** How many requests arrived in all. */
  total(): number;
  reset(): void;
  close(): Promise<void>;
}

const RECEIVED_MAX = 10_000;

/** A provider's server for tests: it is the one who counts what was really forwarded. */
export async function makeRecordingUpstream({
  idHeader = 'x-test-id',
  port = 0,
  ...start
}: Partial<Behaviour> & { idHeader?: string; port?: number } = {}): Promise<RecordingUpstream> {
  const behaviour: Behaviour = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"ok":true}', delayMs: 0, cut: 'none', ...start };
  const received: Received[] = [];
  const counts = new Map<string, number>();
  let total = 0;

  const server: Server = createServer((request, response) => {
    total += 1;
    const id = request.headers[idHeader];
    if (typeof id === 'string') counts.set(id, (counts.get(id) ?? 0) + 1);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {}); // the caller went away: what counts is that it arrived
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      if (received.length < RECEIVED_MAX) received.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString('utf8') });
      setTimeout(() => {
        if (behaviour.cut === 'before') return void request.socket.destroy();
        response.writeHead(behaviour.status, { ...behaviour.headers, 'content-length': Buffer.byteLength(behaviour.body) });
        if (behaviour.cut === 'none') return void response.end(behaviour.body);
        response.write(behaviour.body.slice(0, Math.ceil(behaviour.body.length / 2)), () => request.socket.resetAndDestroy());
      }, behaviour.delayMs);
    });
  });
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;

  return {
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    hostPort: `127.0.0.1:${bound}`,
    behaviour,
    received,
    counts: () => counts,
    total: () => total,
    reset() {
      received.length = 0;
      counts.clear();
      total = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
