import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** With two cores the gateway has one and everything else the other, so that what is measured is the gateway. */
const PINNED = spawnSync('taskset', ['-V']).status === 0;

export interface Peer {
  readonly port: number;
  /** Microseconds of processor time the whole process took so far, all its threads, when what it owes for the calls so far is done. */
  cpuMicros(): Promise<number>;
  ask<T>(question: string): Promise<T>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly core: 'gateway' | 'other';
  /** Where the program leaves a profile of its processor time when it ends. */
  readonly profileTo?: string | undefined;
}

/** Start one of the programs of this folder; it says its port when it is ready. */
export async function startPeer(file: string, options: StartOptions, settings: object = {}): Promise<Peer> {
  const child = start(file, options, settings);
  const gone = exitOf(child, file);
  const heard = async <T>(): Promise<T> => {
    const [said] = (await Promise.race([once(child, 'message'), gone.then((how) => Promise.reject(new Error(how)))])) as [T];
    return said;
  };
  const ask = async <T>(question: string): Promise<T> => {
    const answer = heard<T>();
    child.send(question);
    return answer;
  };
  const { port } = await heard<{ port: number }>();
  return {
    port,
    ask,
    cpuMicros: () => ask<number>('cpu'),
    async stop() {
      child.send('stop');
      await gone;
    },
  };
}

/** Run one to its end. @returns what it said */
export async function runOnce<T>(file: string, options: StartOptions, settings: object): Promise<T> {
  const child = start(file, options, settings);
  const gone = exitOf(child, file);
  const [said] = (await Promise.race([once(child, 'message'), gone.then((how) => Promise.reject(new Error(how)))])) as [T];
  await gone;
  return said;
}

/** Resolves when it has ended, and says how. */
async function exitOf(child: ChildProcess, file: string): Promise<string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return `${file} ended: ${code ?? signal}`;
}

function start(file: string, { core, profileTo }: StartOptions, settings: object): ChildProcess {
  const program = fileURLToPath(new URL(file, import.meta.url));
  const profile = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`, `--cpu-prof-name=${file.slice(2)}.cpuprofile`];
  const node = [process.execPath, ...profile, program, JSON.stringify(settings)];
  const [command = '', ...args] = PINNED ? ['taskset', '-c', core === 'gateway' ? '0' : '1', ...node] : node;
  return spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** In the program: its settings, and its answers to the questions every peer is asked. It ends with whoever started it. */
export function answerAs(
  port: number,
  { stop = () => Promise.resolve(), answers = {} }: { stop?: () => Promise<void>; answers?: Record<string, () => unknown> },
): void {
  process.on('disconnect', () => process.exit(1));
  process.on('message', (question) => void reply(String(question)));
  const reply = async (question: string) => {
    if (question === 'stop') {
      await stop();
      process.exit(0);
    }
    const answer = await answers[question]?.();
    if (question !== 'cpu') return process.send?.(answer ?? null);
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  };
  process.send?.({ port });
}

export const settings = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T;
