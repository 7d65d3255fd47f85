import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../setup/say.mjs';
import { isAlive } from './groups.mjs';

/**
 * One marketplace for each data folder: two would bill twice and fight over the database.
 * @returns {() => void} releases the lock
 * @throws Fault naming the process that holds it
 */
export function lockDataDir(dataDir) {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, 'start.lock');
  const mine = JSON.stringify({ pid: process.pid, born: birthOf(process.pid) });
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readHolder(file);
    if (holder && isAlive(holder.pid) && birthOf(holder.pid) === holder.born) {
      throw new Fault(
        `Tollgate already runs over ${dataDir} (process ${holder.pid}). Stop it with Ctrl-C there, or start another one with its own DATA_DIR and ports.`,
      );
    }
    rmSync(file, { force: true }); // left by a start that was killed
  }
}

function readHolder(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
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
