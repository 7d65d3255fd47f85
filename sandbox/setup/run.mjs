import { spawn } from 'node:child_process';
import { makeChildren, ORDER } from '../processes/children.mjs';

/**
 * Run a tool to its end and keep what it said. Never throws: `code` is null when the tool could not be started.
 */
export function run(command, args, { cwd, env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ code: null, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

const installing = new Set();

/**
 * The same for what writes: npm, pip, the compiler. It ends with this process, kill -9 included, or it would go on writing under
 * the next start. `onLine` sees each line as it comes.
 */
export async function install(command, args, { cwd, onLine } = {}) {
  const children = makeChildren();
  installing.add(children);
  const lines = [];
  try {
    const take = (line) => {
      const text = line.split('\r').pop().trimEnd();
      lines.push(text);
      if (text.trim() !== '') onLine?.(text.trim());
    };
    const child = children.launch({ name: command, command, args, cwd, order: ORDER.tests, graceMs: 5_000, onLine: take });
    const { code } = await child.closed;
    return { code: child.pid === undefined ? null : (code ?? 1), output: lines.join('\n') };
  } finally {
    installing.delete(children);
    await children.release();
  }
}

/** End what is being installed, for a start that is told to stop. */
export const stopInstalling = () => Promise.all([...installing].map((children) => children.stopAll()));
