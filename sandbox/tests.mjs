import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEngines } from './engines/engines.mjs';
import { makeChildren, ORDER } from './processes/children.mjs';
import { isAlive } from './processes/groups.mjs';
import { LOCAL, ROOT } from './setup/paths.mjs';

const SCRATCH = join(LOCAL, 'test');
/** What `npm test` leaves to commands of their own. */
const APART = ['contract', 'e2e', 'support'];

/** Folders of test files that a mode runs. Everything that needs no browser and no foreign tool belongs to `npm test`. */
export function suitesOf(mode) {
  if (mode === 'e2e') return ['e2e'];
  if (mode === 'test:contract') return ['contract'];
  return readdirSync(join(ROOT, 'test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !APART.includes(entry.name))
    .map(({ name }) => name);
}

/** An empty data folder that goes when this process goes; those of killed runs are removed. */
export function scratchFolder(children) {
  mkdirSync(SCRATCH, { recursive: true });
  for (const name of readdirSync(SCRATCH)) {
    if (!isAlive(Number(name))) rmSync(join(SCRATCH, name), { recursive: true, force: true });
  }
  const folder = join(SCRATCH, String(process.pid));
  mkdirSync(folder, { recursive: true });
  children.throwaway(folder);
  return folder;
}

/**
 * Run the suites of a mode over engines of their own; what `prepare` returns is added to the environment.
 * @returns {Promise<number>} mocha's exit code
 */
export async function runTests(mode, args, { prepare } = {}) {
  const children = makeChildren();
  const end = async () => {
    await children.stopAll();
    await children.release();
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end().then(() => process.exit(signal === 'SIGINT' ? 130 : 143)));
  try {
    const dataDir = scratchFolder(children);
    const engines = await startEngines(children, { dataDir });
    const env = { ...process.env, MONGODB_URI: engines.mongoUri, REDIS_URL: engines.redisUrl, DATA_DIR: dataDir };
    Object.assign(env, await prepare?.({ children, dataDir, env }));
    const mocha = children.launch({ name: 'mocha', command: process.execPath, args: mochaArgs(mode, args), env, cwd: ROOT, order: ORDER.tests, inherit: true });
    const { code } = await mocha.exited;
    return code ?? 1;
  } finally {
    await end();
  }
}

function mochaArgs(mode, args) {
  const named = args.some((arg) => !arg.startsWith('-') && existsSync(join(ROOT, arg)));
  const files = named ? [] : suitesOf(mode).map((suite) => `test/${suite}/**/*.test.ts`);
  return [join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js'), '--reporter', join(ROOT, 'test', 'support', 'reporter.mjs'), ...args, ...files];
}
