import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL } from '../setup/paths.mjs';
import { Fault, say } from '../setup/say.mjs';
import { isAlive, sleep } from './groups.mjs';

const POLL_MS = 200;
const LOOK_AGAIN_MS = 5;

/**
 * One marketplace for each data folder: two would bill twice and fight over the database.
 * @returns {() => void} releases the lock
 * @throws Fault naming the process that holds it, or why the folder cannot be written
 */
export function lockDataDir(dataDir) {
  const { release, holder } = writing(dataDir, () => {
    mkdirSync(dataDir, { recursive: true });
    return take(join(dataDir, 'start.lock'));
  });
  if (release) return release;
  throw new Fault(
    `Tollgate already runs over ${dataDir} (process ${holder.pid}). Stop it with Ctrl-C there, or start another one with its own DATA_DIR and ports.`,
  );
}

/** Whether a marketplace started by `npm start` runs over the folder; what a killed one left does not count. */
export const runsOver = (dataDir) => holds(readHolder(join(dataDir, 'start.lock')));

/** Do what writes into this clone while nobody else does: two first starts must not install over each other. */
export async function alone(work) {
  const file = join(LOCAL, 'install.lock');
  writing(LOCAL, () => mkdirSync(LOCAL, { recursive: true }));
  let told = false;
  for (;;) {
    const { release, holder } = writing(LOCAL, () => take(file));
    if (!release) {
      if (!told) say(`  Waiting for process ${holder.pid}, which installs or builds here`);
      told = true;
      await sleep(POLL_MS);
      continue;
    }
    try {
      return await work();
    } finally {
      release();
    }
  }
}

const REASONS = {
  EACCES: 'this user may not write there',
  ENOENT: 'it cannot be made there',
  EEXIST: 'it is a file, and a folder is needed',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is a file',
  EPERM: 'this user may not write there',
  EROFS: 'it is on a read-only file system',
};

/** Why a folder cannot be written, as the end of a sentence; undefined when the error says something else. */
export const whyUnwritable = (error) => REASONS[error.code];

function writing(folder, work) {
  try {
    return work();
  } catch (error) {
    const reason = whyUnwritable(error);
    if (!reason) throw error;
    throw new Fault(`${folder} cannot be written: ${reason}. Set DATA_DIR to a folder that can, or make this one writable.`);
  }
}

/** The lock appears whole or not at all, so whoever reads it reads a holder. */
function take(file) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, born: birthOf(process.pid) }));
  try {
    for (;;) {
      try {
        linkSync(mine, file);
        return { release: () => rmSync(file, { force: true }) };
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = readHolder(file);
      if (holds(holder)) return { holder };
      if (takeOver(mine, file)) return { release: () => rmSync(file, { force: true }) };
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/**
 * Put ours in the place of what a killed start left, in one step. Whoever does so holds a lock of its own for it: two that saw the same dead
 * holder would else undo each other. False: look again.
 */
function takeOver(mine, file) {
  const { release } = take(`${file}.over`);
  if (!release) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
    return false;
  }
  try {
    if (!existsSync(file) || holds(readHolder(file))) return false;
    renameSync(mine, file);
    return true;
  } finally {
    release();
  }
}

const holds = (holder) => holder !== undefined && isAlive(holder.pid) && birthOf(holder.pid) === holder.born;

function readHolder(file) {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8'));
    return Number.isInteger(holder?.pid) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** When a process began, where the system tells: process numbers are used again. */
function birthOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
  } catch {
    return undefined;
  }
}
