// Callers in a closed loop over kept connections: each sends its next call when its last answer is whole.
import { connect } from 'node:net';
import { settings } from './processes.ts';
import { credentialFields, type Proof } from './world.ts';

export interface LoadSettings {
  readonly port: number;
  readonly path: string;
  /** How callers prove who they are, also to the yardstick, which passes it on: both read equal requests. */
  readonly proof: Proof;
  readonly connections: number;
  readonly seconds: number;
  /** Subscriptions the calls are spread over. */
  readonly keys: number;
}

export interface LoadResult {
  readonly answered: number;
  readonly seconds: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly p99: number;
}

const { port, path, proof, connections, seconds, keys } = settings<LoadSettings>();
const host = `127.0.0.1:${port}`;
const requests = Array.from({ length: keys }, (_, n) => {
  const fields = Object.entries(credentialFields(proof, n, { path, host }));
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines}Accept: */*\r\n\r\n`);
});
const startedAt = performance.now();
const statuses: Record<string, number> = {};
const latencies: number[] = [];
let answered = 0;
let over = false;
let next = 0;

const callers = Array.from({ length: connections }, () => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  return new Promise<void>((resolve, reject) => {
    let begun = 0;
    let pending = '';
    let missing = -1;
    const send = () => {
      if (over) {
        socket.destroy();
        return resolve();
      }
      begun = performance.now();
      socket.write(requests[next++ % keys] as Buffer);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => (over ? resolve() : reject(new Error('a connection was closed'))));
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      if (missing < 0) {
        const end = pending.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = /content-length: (\d+)/i.exec(pending.slice(0, end));
        if (!length) return reject(new Error(`no length in ${pending}`));
        missing = end + 4 + Number(length[1]);
      }
      if (pending.length < missing) return;
      const status = pending.slice(9, 12);
      statuses[status] = (statuses[status] ?? 0) + 1;
      answered += 1;
      if (answered % 16 === 0) latencies.push(performance.now() - begun);
      pending = pending.slice(missing);
      missing = -1;
      send();
    });
  });
});
setTimeout(() => (over = true), seconds * 1_000);
await Promise.all(callers);
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
const result: LoadResult = { answered, seconds: (performance.now() - startedAt) / 1_000, statuses, p50: at(0.5), p99: at(0.99) };
process.send?.(result);
process.disconnect?.();
