import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What one request changed: written as one line, so that a request is kept whole or not at all. */
export interface Change {
  /** [kind, id, object or null for removed] */
  objects: [string, string, unknown][];
}

export interface Journal {
  /** Returns once the line is with the kernel: it survives `kill -9` of this process (not a power cut; this is a stand-in). */
  append(change: Change): void;
  /** Start a new generation from the given state. */
  compact(state: unknown): void;
  readonly lines: number;
  close(): void;
}

interface Snapshot {
  generation: number;
  state: unknown;
}

/** Append-only file plus snapshot. Without a folder nothing is kept. */
export function openJournal(folder: string | undefined, { restore, replay }: { restore(state: unknown): void; replay(change: Change): void }): Journal {
  if (folder === undefined) {
    let lines = 0;
    return {
      append: () => void lines++,
      compact: () => void (lines = 0),
      get lines() {
        return lines;
      },
      close: () => {},
    };
  }
  mkdirSync(folder, { recursive: true });
  const snapshotPath = join(folder, 'snapshot.json');
  let generation = 0;
  if (existsSync(snapshotPath)) {
    const snapshot = JSON.parse(readFileSync(snapshotPath, 'utf8')) as Snapshot;
    generation = snapshot.generation;
    restore(snapshot.state);
  }
  const pathOf = (number: number) => join(folder, `journal.${number}.jsonl`);
  let lines = readLines(pathOf(generation), replay);
  let file = openSync(pathOf(generation), 'a');
  for (const name of readdirSync(folder)) if (/^journal\.\d+\.jsonl$/.test(name) && name !== `journal.${generation}.jsonl`) rmSync(join(folder, name));
  return {
    append(change) {
      const line = Buffer.from(`${JSON.stringify(change)}\n`);
      for (let written = 0; written < line.length;) written += writeSync(file, line, written);
      lines++;
    },
    compact(state) {
      // The rename decides: before it the old pair holds, after it the new one, whose journal is empty.
      const next: Snapshot = { generation: generation + 1, state };
      writeFileSync(`${snapshotPath}.tmp`, JSON.stringify(next));
      const nextFile = openSync(pathOf(next.generation), 'a');
      renameSync(`${snapshotPath}.tmp`, snapshotPath);
      closeSync(file);
      rmSync(pathOf(generation));
      generation = next.generation;
      file = nextFile;
      lines = 0;
    },
    get lines() {
      return lines;
    },
    close: () => closeSync(file),
  };
}

/** Replay every whole line; a torn last one was never acknowledged and is cut off. */
function readLines(path: string, replay: (change: Change) => void): number {
  if (!existsSync(path)) return 0;
  const bytes = readFileSync(path);
  const whole = bytes.lastIndexOf(0x0a) + 1;
  if (whole < bytes.length) truncateSync(path, whole);
  const lines = bytes.subarray(0, whole).toString('utf8').split('\n').filter(Boolean);
  for (const line of lines) replay(JSON.parse(line) as Change);
  return lines.length;
}
