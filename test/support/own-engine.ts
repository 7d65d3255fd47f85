import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveMongo, startMongo, type EngineProcess } from '../../sandbox/engines/engines.mjs';
import { makeChildren } from '../../sandbox/processes/children.mjs';
import { freePort } from '../../sandbox/processes/ports.mjs';

/** A database process of a test's own, of the kind the sandbox would choose, so that it may be killed. */
export async function makeOwnMongo() {
  const children = makeChildren();
  const { MONGODB_URI: _shared, ...env } = process.env;
  const source = await resolveMongo(env);
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-mongo-'));
  children.throwaway(folder);
  const place = { dir: join(folder, 'data'), port: await freePort(), logFile: join(folder, 'log') };
  let engine: EngineProcess = (await startMongo(children, source, place)).child;
  return {
    port: place.port,
    uri: `mongodb://127.0.0.1:${place.port}/contract?directConnection=true`,
    /** `kill -9`, then the same data under a new process. */
    async killAndRestart() {
      engine.kill('SIGKILL');
      await engine.exited;
      engine = (await startMongo(children, source, place)).child;
    },
    async close() {
      await children.stopAll();
      await children.release();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A wire in front of a database that can lose an answer: once armed, the next answer to a message that contains `marker` is
 * thrown away and its connection cut, after the database has done the work.
 */
export async function makeLossyWire(port: number) {
  let marker: string | undefined;
  let lost: (() => Promise<void>) | undefined;
  let losses = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ port, host: '127.0.0.1' });
    let losing: (() => Promise<void>) | undefined;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (data) => {
      if (marker !== undefined && data.includes(marker)) {
        losing = lost;
        marker = undefined;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (!losing) return void client.write(data);
      const happen = losing;
      losing = undefined;
      losses += 1;
      void happen().then(() => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    /** Lose the answer to the next message that contains `text`; `meanwhile` runs before the caller notices. */
    loseAnswerTo(text: string, meanwhile: () => Promise<void> = async () => {}) {
      marker = text;
      lost = meanwhile;
    },
    losses: () => losses,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
