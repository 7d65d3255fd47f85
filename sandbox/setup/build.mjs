import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from './paths.mjs';
import { alone } from '../processes/lock.mjs';
import { install } from './run.mjs';
import { Fault, step } from './say.mjs';

const SOURCES = ['bench', 'jobs', 'sandbox', 'server'];
const SETTINGS = ['package-lock.json', 'tsconfig.build.json', 'tsconfig.json'];
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.sources');
/** What code reads from beside itself at run time: scripts for Redis, documents of the demo's providers, fonts. */
const ASSET = /\.(?:json|lua|md|pem|ttf|txt|yaml|hbs|css|html)$/;

/** Compile into `dist/` when a source changed since the last time; views and public files are read from the root as they are. */
export async function ensureBuilt() {
  const files = SOURCES.flatMap((folder) => filesUnder(join(ROOT, folder))).filter((path) => path.endsWith('.ts') || ASSET.test(path));
  const hash = hashOf([...files, ...SETTINGS.map((name) => join(ROOT, name))]);
  if (isStamped(hash)) return;
  await alone(async () => isStamped(hash) || (await build(files, hash)));
}

const isStamped = (hash) => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash;

const build = (files, hash) =>
  step('Building', async () => {
    // A build that was interrupted, or a dist/ somebody removed: the compiler's notes on what is up to date are not to be believed.
    if (!existsSync(STAMP)) rmSync(join(ROOT, '.local', 'tsc', 'build.tsbuildinfo'), { force: true });
    rmSync(STAMP, { force: true });
    const { code, output } = await install(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
      cwd: ROOT,
    });
    if (code !== 0) throw new Fault(`The build failed:\n${output.trim().split('\n').slice(0, 40).join('\n')}`);
    removeOrphans(files);
    for (const file of files.filter((path) => ASSET.test(path))) {
      const target = join(DIST, relative(ROOT, file));
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(file, target);
    }
    writeFileSync(STAMP, hash);
  });

/** What was compiled from a source that is gone must not be imported by accident. */
function removeOrphans(files) {
  const expected = new Set(files.flatMap((file) => outputsOf(relative(ROOT, file))));
  for (const path of filesUnder(DIST)) if (!expected.has(relative(DIST, path))) rmSync(path);
}

const outputsOf = (source) =>
  source.endsWith('.ts') && !source.endsWith('.d.ts') ? [source.replace(/\.ts$/, '.js'), source.replace(/\.ts$/, '.js.map')] : [source];

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
