import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Registry } from 'prom-client';

/** Each check answers true, or a short reason why not. */
export type Checks = Readonly<Record<string, () => boolean | string | Promise<boolean | string>>>;

export interface Ops {
  readonly metrics: Registry;
  listen(port: number): Promise<number>;
  close(): Promise<void>;
}

/** The ops listener of a role: `/live`, `/ready`, `/metrics`, and what the role mounts for the sandbox. On 127.0.0.1 only. */
export function makeOps({ checks, extra }: { checks: Checks; extra?: Parameters<typeof createServer>[1] }): Ops {
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });

  async function ready(): Promise<{ ready: boolean; checks: Record<string, boolean | string> }> {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => {
        try {
          return [name, await check()] as const;
        } catch (error) {
          return [name, error instanceof Error ? error.message : 'failed'] as const;
        }
      }),
    );
    return { ready: results.every(([, result]) => result === true), checks: Object.fromEntries(results) };
  }

  const server: Server = createServer((req, res) => {
    const answer = (status: number, type: string, body: string) => res.writeHead(status, { 'content-type': type }).end(body);
    const path = (req.url ?? '/').split('?')[0];
    if (path === '/live') return void answer(200, 'application/json', '{"status":"ok"}');
    if (path === '/ready') {
      return void ready().then(
        (state) => answer(state.ready ? 200 : 503, 'application/json', JSON.stringify(state)),
        () => answer(503, 'application/json', '{"ready":false,"checks":{}}'),
      );
    }
    if (path === '/metrics') {
      return void metrics.metrics().then(
        (text) => answer(200, metrics.contentType, text),
        () => answer(500, 'text/plain', ''),
      );
    }
    if (extra) return void extra(req, res);
    answer(404, 'application/json', '{"error":"not found"}');
  });

  return {
    metrics,
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          const address = server.address();
          resolve(typeof address === 'object' && address ? address.port : port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
