import { startEngines } from './engines/engines.mjs';
import { makeChildren, ORDER } from './processes/children.mjs';
import { ensureBuilt } from './setup/build.mjs';
import { ROOT } from './setup/paths.mjs';
import { scratchFolder } from './tests.mjs';

/** Run one file of bench/ over engines of its own. @returns its exit code */
export async function runBench([file, ...args]) {
  // One that builds on the worlds of the tests is run from its source: they are not compiled.
  const source = file.endsWith('.ts');
  if (!source) await ensureBuilt();
  const children = makeChildren();
  try {
    const dataDir = scratchFolder(children);
    const { mongoUri, redisUrl } = await startEngines(children, { dataDir });
    const env = { ...process.env, MONGODB_URI: mongoUri, REDIS_URL: redisUrl, DATA_DIR: dataDir };
    const bench = children.launch({
      name: 'bench',
      command: process.execPath,
      args: source ? ['--import', 'tsx', `bench/${file}`, ...args] : [`dist/bench/${file}.js`, ...args],
      env,
      cwd: ROOT,
      order: ORDER.tests,
      inherit: true,
    });
    const { code } = await bench.exited;
    return code ?? 1;
  } finally {
    await children.stopAll();
    await children.release();
  }
}
