import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** With two cores the gateway has one and everything else the other, so that what is measured is the gateway. */
const PINNED = spawnSync('taskset', ['-V']).status === 0;

export interface Peer {
  readonly port: number;
  /** Microseconds of processor time the whole process took so far. */
  cpuMicros(): Promise<number>;
  ask<T>(question: string): Promise<T>;
  stop(): Promise<void>;
}

/** Start one of the programs of this folder; it says its port when it is ready. */
export async function startPeer(file: string, core: 'gateway' | 'other', settings: Record<string, unknown> = {}): Promise<Peer> {
  const child = start(file, core, settings);
  const ready = (await once(child, 'message')) as [{ port: number }];
  const ask = async <T>(question: string): Promise<T> => {
    const answer = once(child, 'message') as Promise<[T]>;
    child.send(question);
    return (await answer)[0];
  };
  return {
    port: ready[0].port,
    ask,
    cpuMicros: () => ask<number>('cpu'),
    async stop() {
      const gone = once(child, 'exit');
      child.send('stop');
      await gone;
    },
  };
}

/** Run one to its end. @returns what it said */
export async function runOnce<T>(file: string, core: 'gateway' | 'other', settings: Record<string, unknown>): Promise<T> {
  const child = start(file, core, settings);
  const [said] = (await once(child, 'message')) as [T];
  await once(child, 'exit');
  return said;
}

function start(file: string, core: 'gateway' | 'other', settings: Record<string, unknown>): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const node = [process.execPath, '--import', 'tsx', path, JSON.stringify(settings)];
  const [command = '', ...args] = PINNED ? ['taskset', '-c', core === 'gateway' ? '0' : '1', ...node] : node;
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.on('exit', (code) => {
    if (code) throw new Error(`${file} ended with ${code}`);
  });
  return child;
}

/** In the program: its settings, and its answers to the questions every peer is asked. */
export function answerAs<T>(port: number, stop: () => Promise<void> | void, more: Record<string, () => unknown> = {}): T | void {
  process.on('message', (question) => {
    if (question === 'cpu') {
      const { user, system } = process.cpuUsage();
      process.send?.(user + system);
    } else if (question === 'stop') void Promise.resolve(stop()).then(() => process.exit(0));
    else process.send?.(more[String(question)]?.() ?? null);
  });
  process.send?.({ port });
}

export const settings = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T;
