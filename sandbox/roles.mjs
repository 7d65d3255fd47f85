import { join } from 'node:path';
import { ORDER } from './processes/children.mjs';
import { sleep } from './processes/groups.mjs';
import { readable } from './processes/log-lines.mjs';
import { waitUntil } from './processes/ports.mjs';
import { ROOT } from './setup/paths.mjs';
import { Fault } from './setup/say.mjs';

const READY_MS = 90_000;
const DRAIN_MS = 30_000;
const RESTART_MS = [500, 1_000, 2_000, 5_000, 15_000, 30_000];
const STEADY_MS = 60_000;
const EXIT_CONFIGURATION = 78;

/**
 * Keep a program running: start it again when it ends unasked, waiting longer each time until it stays up for a minute.
 * `probe()` answers truthy once it does its work; `tell(text)` hears about restarts.
 */
export function supervise(children, { name, command = process.execPath, args, env, order, graceMs, logFile, onLine, probe, tell }) {
  let child;
  let stopping = false;
  let failures = 0;
  let given = () => {};
  /** Resolves when it will not be started again: its settings are refused. */
  const gaveUp = new Promise((resolve) => {
    given = resolve;
  });

  function begin() {
    const startedAt = performance.now();
    child = children.launch({ name, command, args, env, cwd: ROOT, order, graceMs, logFile, onLine });
    child.exited.then(async ({ code, signal }) => {
      if (stopping || children.closing) return;
      if (code === EXIT_CONFIGURATION) return given();
      if (performance.now() - startedAt > STEADY_MS) failures = 0;
      const waitMs = RESTART_MS[Math.min(failures, RESTART_MS.length - 1)];
      failures += 1;
      tell?.(`${name} ended (${signal ?? `exit ${code}`}) and is started again in ${waitMs / 1_000} s`);
      await sleep(waitMs);
      if (!stopping && !children.closing) begin();
    });
  }
  begin();

  return {
    name,
    gaveUp,
    get pid() {
      return child.pid;
    },
    get running() {
      return child.running;
    },
    kill: (signal) => child.kill(signal),
    tail: () => child.tail(),
    /** @throws Fault with what it last said, when it ends or does not become ready */
    async ready() {
      let last;
      const answer = await waitUntil(async () => ((last = await probe()), last === true), { child, deadlineMs: READY_MS, everyMs: 150 });
      if (answer) return;
      stopping = true;
      const said = child
        .tail()
        .trim()
        .split('\n')
        .slice(-15)
        .map((line) => readable(name, line))
        .join('\n');
      const hint = said.includes('ERR_MODULE_NOT_FOUND') ? '\nA package is damaged: remove node_modules and start again.' : '';
      throw new Fault(
        child.running
          ? `${name} did not become ready${last ? ` (${last})` : ''}. It last said:\n${said}`
          : `${name} ended while starting. It said:\n${said}${hint}`,
      );
    },
    async stop() {
      stopping = true;
      await child.stop();
    },
  };
}

/** `true` when the ops port says ready, else the names of the failing checks. */
export async function readiness(opsPort) {
  try {
    const answer = await fetch(`http://127.0.0.1:${opsPort}/ready`, { signal: AbortSignal.timeout(2_000) });
    if (answer.status === 200) return true;
    const { checks = {} } = await answer.json();
    return `waits for ${Object.entries(checks)
      .filter(([, check]) => check !== true)
      .map(([name, reason]) => `${name}: ${reason}`)
      .join(', ')}`;
  } catch {
    return 'no answer on its health port';
  }
}

export const role = (children, name, opsPort, { env, logFile, onLine, tell }) =>
  supervise(children, {
    name,
    args: ['--enable-source-maps', join(ROOT, 'dist', 'server', 'main.js'), name],
    env,
    order: ORDER.roles,
    graceMs: DRAIN_MS,
    logFile,
    onLine,
    tell,
    probe: () => readiness(opsPort),
  });
