// The one command. Plain JavaScript without dependencies: it runs before anything is installed.
import { checkNode, ensurePackages } from './setup/node-modules.mjs';
import { Fault, red } from './setup/say.mjs';

const [mode = 'start', ...args] = process.argv.slice(2);

const MODES = {
  start: async () => (await import('./marketplace.mjs')).runMarketplace(),
  doctor: async () => (await import('./doctor.mjs')).runDoctor(args),
  build: async () => (await import('./setup/build.mjs')).ensureBuilt(),
  seed: async () => (await import('./marketplace.mjs')).seedRunning(args),
  bench: async () => (await import('./bench.mjs')).runBench(args),
  test: async () => (await import('./tests.mjs')).runTests(mode, args),
  'test:contract': async () => (await import('./tests.mjs')).runTests(mode, args),
  e2e: async () => (await import('./e2e.mjs')).runJourneys(args),
};

// npm hands a SIGTERM to its shell, which dies of it and tells nobody: that our parent changed is how we hear of it.
if (process.env.npm_lifecycle_event) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGTERM'), 500).unref();
}

try {
  checkNode();
  if (!(mode in MODES)) throw new Fault(`Unknown: ${mode}. Known: ${Object.keys(MODES).join(', ')}.`);
  // The doctor looks, and changes nothing; `npm start` first looks at what needs no packages, so that it fails before it installs.
  if (mode !== 'doctor' && mode !== 'start') await ensurePackages();
  process.exit((await MODES[mode]()) ?? 0);
} catch (error) {
  process.stderr.write(`\n${red(error instanceof Fault ? error.message : error.stack)}\n`);
  process.exit(error.exitCode ?? 1);
}
