import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ensureBuilt } from '../../sandbox/setup/build.mjs';

export type RoleName = 'gateway' | 'web' | 'worker';

/** One role of the product as a process of its own, started as the Procfile starts it. */
export interface RoleProcess {
  readonly running: boolean;
  /** Its public port; 0 for a worker, which has none. */
  readonly port: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** What each role logs once it does its work. */
const STARTED: Readonly<Record<RoleName, string>> = { gateway: 'gateway listens', web: 'portal listens', worker: 'worker runs' };
/** Kept of what it wrote, for the message when it ends unasked. */
const SAID_CHARACTERS_MAX = 4_000;

let built: Promise<void> | undefined;

/** Compiled, as it is deployed: started from its sources it would take twice as long, each time. @throws when it ends before it does its work, with what it said */
export async function startRole(role: RoleName, env: Record<string, string | undefined>, hear: (text: string) => void = () => undefined): Promise<RoleProcess> {
  await (built ??= ensureBuilt() as Promise<void>);
  const child = spawn(process.execPath, ['dist/server/main.js', role], {
    env: { PATH: process.env['PATH'], ...env, LOG_LEVEL: env['LOG_LEVEL'] === 'trace' ? 'trace' : 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const keep = (text: string) => {
    said = (said + text).slice(-SAID_CHARACTERS_MAX);
    hear(text);
  };
  child.stderr.on('data', (chunk: Buffer) => keep(chunk.toString()));
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      keep(`${line}\n`);
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line) as { msg?: string; port?: number };
      if (entry.msg === STARTED[role]) resolve(entry.port ?? 0);
    });
    void gone.then(() => reject(new Error(`${role} ended before it did its work: ${said}`)));
  });
  return {
    port,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await gone;
    },
  };
}
