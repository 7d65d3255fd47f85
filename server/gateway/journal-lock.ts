import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Two processes with one GATEWAY_NODE would write one journal: the second must not start. */
export class JournalLocked extends Error {
  readonly folder: string;
  constructor(folder: string, pid: number) {
    super(`the journal ${folder} belongs to the running process ${pid}: give this process another GATEWAY_NODE`);
    this.name = 'JournalLocked';
    this.folder = folder;
  }
}

interface Owner {
  readonly pid: number;
  /** Tells a process from a later one that got the same number. */
  readonly startedAt: string;
}

const ATTEMPTS_MAX = 5;

/**
 * Take a folder for this process until `release`. A lock whose process is gone is taken over.
 * @throws JournalLocked while its owner lives
 */
export function lockFolder(folder: string): { release(): void } {
  const path = join(folder, 'lock');
  const mine = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) } satisfies Owner);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if (create(path, mine)) {
      return {
        release() {
          if (readText(path) === mine) rmSync(path, { force: true });
        },
      };
    }
    const found = readText(path);
    const owner = parse(found);
    if (owner && startOf(owner.pid) === owner.startedAt) throw new JournalLocked(folder, owner.pid);
    // Only one of those who found the same stale lock can move this very text aside; the others meet the new owner's.
    const aside = `${path}.stale-${process.pid}`;
    try {
      renameSync(path, aside);
    } catch {
      continue;
    }
    if (readText(aside) !== found) {
      const taken = readText(aside);
      if (taken !== null) create(path, taken);
    }
    rmSync(aside, { force: true });
  }
  throw new JournalLocked(folder, 0);
}

function create(path: string, text: string): boolean {
  try {
    const file = openSync(path, 'wx');
    writeSync(file, text);
    closeSync(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function parse(text: string | null): Owner | null {
  try {
    const owner = JSON.parse(text ?? '') as Owner;
    return Number.isInteger(owner.pid) && owner.pid > 0 ? owner : null;
  } catch {
    return null;
  }
}

/** Empty when there is no such process; `running` where the system does not tell when it began. */
function startOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  // The second field is the name in brackets and may hold anything; the start is the 20th after it.
  if (stat !== null) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'running';
  try {
    process.kill(pid, 0);
    return 'running';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? 'running' : '';
  }
}
