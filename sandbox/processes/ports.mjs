import { createConnection, createServer } from 'node:net';
import { sleep } from './groups.mjs';

/** Whether nothing listens on the port, on whatever address. */
export const isFree = async (port) => (await whyTaken(port)) === undefined;

/** Why the port cannot be had, as the end of a sentence; undefined when it can. */
export function whyTaken(port) {
  const attempt = (host) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', (error) => resolve(error.code));
      server.listen({ port, host, exclusive: true }, () => server.close(() => resolve('free')));
    });
  return attempt('::')
    .then(async (answer) => (answer === 'EAFNOSUPPORT' || answer === 'EADDRNOTAVAIL' ? attempt('0.0.0.0') : answer))
    .then((answer) => {
      if (answer === 'free') return undefined;
      return answer === 'EACCES' ? 'is for the system’s administrator alone' : 'is taken by another program';
    });
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** `count` different ports, held until all are found so that none is given twice. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen({ port: 0, host: '127.0.0.1' }, () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether somebody accepts connections on the loopback port. */
export function answers(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

/**
 * Poll `probe` until it answers truthy. Ends early, with undefined, when `child` exits or the deadline passes.
 */
export async function waitUntil(probe, { child, deadlineMs, everyMs = 100 }) {
  const endAt = performance.now() + deadlineMs;
  while (performance.now() < endAt && child?.running !== false) {
    const answer = await probe();
    if (answer) return answer;
    await sleep(everyMs);
  }
  return undefined;
}
