import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { startEngines } from './engines/engines.mjs';
import { runLanes } from './lanes.mjs';
import { makeChildren, ORDER } from './processes/children.mjs';
import { isAlive } from './processes/groups.mjs';
import { LOCAL, ROOT } from './setup/paths.mjs';

const SCRATCH = join(LOCAL, 'test');
/** What `npm test` leaves to commands of their own. */
const APART = ['contract', 'e2e', 'support'];
/** More lanes than that would wait for the one with the longest file. */
const LANES_MAX = 4;
/** The longest files, longest first, as the end of a run tells them. */
const LONGEST = [
  'test/http/kills.test.ts',
  'test/integration/store-contract.test.ts',
  'test/http/lists.test.ts',
  'test/http/rights-matrix.test.ts',
  'test/integration/services/openapi-import.test.ts',
  'test/integration/services/accountant.test.ts',
  'test/integration/services/usage-splits.test.ts',
  'test/integration/services/invoicing-cut-short.test.ts',
];

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
 * @returns {Promise<number>} the exit code
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
    if (mode === 'test' && args.length === 0) return await runWhole(children, dataDir);
    const env = await environmentOver(children, dataDir);
    Object.assign(env, await prepare?.({ children, dataDir, env }));
    const mocha = children.launch({ name: 'mocha', command: process.execPath, args: mochaArgs(mode, args), env, cwd: ROOT, order: ORDER.tests, inherit: true });
    const { code } = await mocha.exited;
    return code ?? 1;
  } finally {
    await end();
  }
}

/** All files, in as many lanes as there are cores. Lanes share nothing: each has engines and a data folder of its own. */
async function runWhole(children, dataDir) {
  const lanes = [];
  while (lanes.length < Math.min(availableParallelism(), LANES_MAX)) lanes.push(await environmentOver(children, join(dataDir, `lane${lanes.length + 1}`)));
  return runLanes(children, { files: wholeSuite(), lanes });
}

async function environmentOver(children, dataDir) {
  const engines = await startEngines(children, { dataDir });
  return { ...process.env, MONGODB_URI: engines.mongoUri, REDIS_URL: engines.redisUrl, DATA_DIR: dataDir };
}

/** Every file of `npm test`, the longest first: begun last, one of them would run on when all others have ended. */
export function wholeSuite() {
  const files = suitesOf('test').flatMap((suite) =>
    readdirSync(join(ROOT, 'test', suite), { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/${suite}/${name}`),
  );
  return [...LONGEST, ...files.filter((file) => !LONGEST.includes(file)).sort()];
}

function mochaArgs(mode, args) {
  const named = args.some((arg) => !arg.startsWith('-') && existsSync(join(ROOT, arg)));
  const files = named ? [] : suitesOf(mode).map((suite) => `test/${suite}/**/*.test.ts`);
  return [join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js'), '--reporter', join(ROOT, 'test', 'support', 'reporter.mjs'), ...args, ...files];
}
