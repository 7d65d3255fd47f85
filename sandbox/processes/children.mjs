import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signalGroup, stopGroup, stopInOrder } from './groups.mjs';

/** Who stops first: work in flight is finished before what it stands on goes away. */
export const ORDER = { tests: 0, roles: 1, outside: 2, engines: 3 };
const TAIL_LINES = 30;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

/** Everything one start has begun, and the reaper that ends it should this process be killed. */
export function makeChildren() {
  const running = new Map();
  const folders = new Set();
  let reaper;
  let closing = false;

  const tell = (message) => {
    reaper ??= startReaper();
    reaper.stdin.write(`${JSON.stringify(message)}\n`);
  };

  function startReaper() {
    const child = spawn(process.execPath, [join(dirname(fileURLToPath(import.meta.url)), 'reaper.mjs')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH },
    });
    child.stdin.on('error', () => {}); // it was killed: the exit below starts another
    child.on('exit', () => {
      if (reaper !== child) return;
      reaper = undefined;
      for (const { group } of running.values()) tell({ add: group });
      for (const folder of folders) tell({ folder });
    });
    child.unref();
    child.stdin.unref?.();
    return child;
  }

  /**
   * Start a program as leader of its own process group.
   * `onLine(line)` gets each line it writes, `logFile` keeps them; `inherit` shows them as they are instead. `onMessage` gets what a
   * program of Node's sends; `send` answers it.
   */
  function launch({ name, command, args = [], env = process.env, cwd, order, graceMs = 10_000, logFile, onLine, onMessage, inherit = false }) {
    if (closing) throw new Error(`${name} is not started: everything is being stopped`);
    const stdio = [...(inherit ? ['inherit', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe']), ...(onMessage ? ['ipc'] : [])];
    const child = spawn(command, args, { cwd, env, detached: true, stdio });
    if (onMessage) child.on('message', onMessage);
    const tail = [];
    const group = { pid: child.pid, order, graceMs };
    if (child.pid !== undefined) {
      running.set(child.pid, { group });
      tell({ add: group });
    }
    const log = logFile ? openLog(logFile) : undefined;
    const take = (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      log?.write(`${line}\n`);
      onLine?.(line);
    };
    if (!inherit) for (const stream of [child.stdout, child.stderr]) eachLine(stream, take);
    const handle = { name, pid: child.pid, running: true, exit: undefined, tail: () => tail.join('\n') };
    handle.exited = new Promise((resolve) => {
      const end = (code, signal) => {
        if (!handle.running) return;
        handle.running = false;
        handle.exit = { code, signal };
        if (child.pid !== undefined) {
          signalGroup(child.pid, 'SIGKILL'); // what it started and left behind
          running.delete(child.pid);
          tell({ drop: child.pid });
        }
        log?.end();
        resolve(handle.exit);
      };
      child.on('error', (error) => {
        take(error.message);
        end(null, null);
      });
      child.on('exit', end);
    });
    /** Like `exited`, once its last line was read. */
    handle.closed = new Promise((resolve) => child.on('close', () => resolve(handle.exited)));
    handle.send = (message) => child.connected && child.send(message);
    handle.kill = (signal) => handle.running && signalGroup(child.pid, signal);
    handle.stop = async () => {
      if (handle.running) await stopGroup(child.pid, graceMs);
      await handle.exited;
    };
    return handle;
  }

  return {
    launch,
    /** A folder that goes when this process goes. */
    throwaway(folder) {
      folders.add(folder);
      tell({ folder });
    },
    /** From here on nothing is started any more. */
    stopAll() {
      closing = true;
      return stopInOrder([...running.values()].map(({ group }) => group));
    },
    get closing() {
      return closing;
    },
    killAll: () => [...running.keys()].forEach((pid) => signalGroup(pid, 'SIGKILL')),
    /** Let the reaper end: it removes the throwaway folders on its way out. Resolves when it has gone. */
    async release() {
      if (!reaper) return;
      const last = reaper;
      reaper = undefined;
      await new Promise((resolve) => {
        last.ref();
        last.on('exit', resolve);
        last.stdin.end();
      });
    },
  };
}

function openLog(path) {
  mkdirSync(dirname(path), { recursive: true });
  try {
    if (statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return createWriteStream(path, { flags: 'a' });
}

function eachLine(stream, take) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') take(line);
  });
  stream.on('end', () => rest !== '' && take(rest));
}
