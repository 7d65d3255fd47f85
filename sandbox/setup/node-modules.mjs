import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';
import { alone } from '../processes/lock.mjs';
import { install } from './run.mjs';
import { readJson } from './json.mjs';
import { Fault, step } from './say.mjs';

const NODE_LEAST = [20, 19];
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.tollgate-lock');

export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NODE_LEAST[0] || (major === NODE_LEAST[0] && minor >= NODE_LEAST[1])) return;
  throw new Fault(
    `Tollgate needs Node ${NODE_LEAST.join('.')} or newer; this is Node ${version}. Install a newer one from your package manager or nodejs.org.`,
  );
}

const lockHash = (lock) => createHash('sha256').update(lock).digest('hex');
/** Stamped, and no package was removed since: some 500 looks, three milliseconds. */
const isStamped = (hash) =>
  existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash && isWhole(readJson(join(MODULES, '.package-lock.json'))?.packages ?? {}, MODULES);
const isWhole = (packages, modules) =>
  Object.entries(packages).every(
    ([path, { link, optional }]) => path === '' || link || optional || existsSync(join(modules, path.slice('node_modules/'.length), 'package.json')),
  );
const readLock = () => readFileSync(join(ROOT, 'package-lock.json'));

export function packagesInstalled() {
  const lock = readLock();
  return isStamped(lockHash(lock)) || installedMatches(JSON.parse(lock));
}

/**
 * Packages as the lockfile says, without install scripts. The stamp inside node_modules holds the lockfile's hash, so an
 * interrupted installation (no stamp) and a changed lockfile (another hash) are both seen.
 */
export async function ensurePackages() {
  const hash = lockHash(readLock());
  if (isStamped(hash)) return;
  await alone(async () => isStamped(hash) || (await installPackages(hash)));
}

async function installPackages(hash) {
  // Someone ran npm by hand: what is there may be right already, and installing again would pull it from under running processes.
  if (installedMatches(JSON.parse(readLock()))) return writeFileSync(STAMP, hash);
  const title = existsSync(MODULES) ? 'Bringing packages up to the lockfile (npm ci)' : 'Installing packages (npm ci)';
  await step(title, async () => {
    const { code, output } = await install('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: ROOT });
    if (code === null) throw new Fault('npm is not on PATH. It comes with Node: reinstall Node, or add its bin folder to PATH.');
    if (code !== 0)
      throw new Fault(
        `npm ci failed:\n${output
          .trim()
          .split('\n')
          .filter((line) => !line.includes('npm warn'))
          .slice(0, 12)
          .join('\n')}`,
      );
    writeFileSync(STAMP, hash);
  });
}

/** npm writes `.package-lock.json` last, so it stands for a whole installation. */
export function installedMatches(lock, modules = MODULES) {
  const installed = readJson(join(modules, '.package-lock.json'))?.packages;
  if (!installed || !isWhole(installed, modules)) return false;
  return Object.entries(lock.packages ?? {}).every(([path, wanted]) => path === '' || wanted.optional === true || installed[path]?.version === wanted.version);
}
