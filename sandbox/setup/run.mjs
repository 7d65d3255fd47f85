import { spawn } from 'node:child_process';

/**
 * Run a tool to its end and keep what it said. Never throws: `code` is null when the tool could not be started.
 * `onLine` sees each line as it comes.
 */
export function run(command, args, { cwd, env = process.env, onLine } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk) => {
      output += chunk;
      if (onLine) for (const line of String(chunk).split(/[\r\n]+/)) if (line.trim() !== '') onLine(line.trim());
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ code: null, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}
